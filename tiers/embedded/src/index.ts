/**
 * Varve for boards: a key-value store that answers from learned indexes, and tiny models beside the data.
 *
 *     import { open } from '@varve/embedded';
 *     const db = await open('./data');
 */
export {
  type Acknowledgement,
  type Capabilities,
  createPacked,
  type Damage,
  type Durability,
  type ErrorCode,
  errorCodes,
  type IndexKind,
  type IndexPolicy,
  type JournalEntry,
  type LoadedModel,
  type LoadModelOptions,
  type ModelDescription,
  type ModelRuntime,
  type Packed,
  type PackedKey,
  type PackedOperation,
  type PackedRange,
  type PackedScan,
  packedMissing,
  type RepairReport,
  type SegmentStats,
  type StoreEvent,
  type StoreSnapshot,
  type StoreStats,
  VarveError,
  type VerifyReport,
  type ViewOptions,
} from '@varve/interfaces';
export {
  type ImportOptions,
  type ImportProgress,
  type IndexCandidate,
  type IndexCurve,
  type IndexTrial,
  importLevel,
  type RepairOptions,
  repairStore as repair,
} from '@varve/kv';
export { capabilities, type EmbeddedLimits, limits } from './limits.js';
export { EmbeddedDatabase, type OpenOptions, open } from './parts.js';
