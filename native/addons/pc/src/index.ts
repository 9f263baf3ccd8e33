export { type Binding, binding } from './binding.js';
export type * from './native.js';
