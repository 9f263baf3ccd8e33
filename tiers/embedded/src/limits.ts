/** The numeric bounds of this tier, as capabilities.json claims them. What exceeds one is refused with its code. */
import { type Capabilities, tierCapabilities } from '@varve/interfaces';

/** What the tier claims: device, modules, contracts, limits, targets. */
export const capabilities: Capabilities = claims();

/** Bounds of the embedded tier. */
export interface EmbeddedLimits {
  /** Longest key; beyond it `KEY_TOO_LARGE`. */
  readonly keyBytesMax: number;
  /** Longest value; beyond it `VALUE_TOO_LARGE`. */
  readonly valueBytesMax: number;
  /** Largest commit, packed: 9 bytes per operation besides its key and value; beyond it `LIMIT_EXCEEDED`. */
  readonly batchBytesMax: number;
  /** Largest model file; beyond it `MODEL_TOO_LARGE`. */
  readonly modelFileBytesMax: number;
  /** Segments that a read may have to visit. */
  readonly segmentsMax: number;
  /** Longest stall of the event loop that background work may cause. */
  readonly eventLoopStallMsMax: number;
}

/** The bounds that hold; what exceeds one is refused with its code. */
export const limits: EmbeddedLimits = {
  keyBytesMax: bound('key'),
  valueBytesMax: bound('value'),
  batchBytesMax: bound('batch'),
  modelFileBytesMax: bound('modelFile'),
  segmentsMax: bound('segments'),
  eventLoopStallMsMax: bound('eventLoopStall'),
};

function claims(): Capabilities {
  const { embedded } = tierCapabilities;
  if (embedded === undefined) throw new Error('the generated capabilities lack the embedded tier');
  return embedded;
}

function bound(name: keyof Capabilities['limits']): number {
  const limit = capabilities.limits[name];
  if (limit === undefined) throw new Error(`capabilities.json lacks the limit ${name}`);
  return limit.max;
}
