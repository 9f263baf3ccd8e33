export { errorOf, unwrap } from '@varve/interfaces';
export { type Binding, binding } from './binding.js';
export type { HotReads } from './hot-reads.js';
export type * from './native.js';
