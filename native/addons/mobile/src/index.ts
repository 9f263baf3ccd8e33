export { type Binding, binding } from './binding.js';
export type * from './native.js';
export type { NativePointReader } from './point-reader.js';
