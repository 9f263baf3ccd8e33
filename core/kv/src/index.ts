export type { StoreOptions } from './options.js';
export { repairStore, VarveStore, type VarveStoreOptions } from './varve-store.js';
