export { type Binding, binding } from './binding.js';
export { errorOf, unwrap } from './failure.js';
export type { HotReads } from './hot-reads.js';
export type * from './native.js';
