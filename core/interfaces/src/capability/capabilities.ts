// Generated from capability-matrix/schema and tiers/*/capabilities.json; do not edit.

/** What one tier of Varve claims: the device it is made for, the modules and contracts it has, and its limits. */
export interface Capabilities {
  /** Path of this schema, for editors. */
  readonly $schema?: string;
  /** Version of this format. */
  readonly schemaVersion: 1;
  readonly tier: Tier;
  readonly device: Device;
  /** Modules that the tier contains. */
  readonly modules: readonly Module[];
  /** Contracts of core/interfaces that the tier implements and whose conformance suites it runs. */
  readonly contracts: readonly Contract[];
  readonly limits: Limits;
  /** Platforms that the tier's native code is built for. */
  readonly targets: readonly Target[];
}

/** The five sizes of Varve, smallest first. */
export type Tier = 'embedded' | 'mobile' | 'pc' | 'server' | 'hpc';

/** A part that a tier may contain; a folder of core. */
export type Module = 'kv' | 'sql' | 'inference' | 'control' | 'scheduler' | 'cluster' | 'agent' | 'runtime';

/** A contract of core/interfaces with an exported conformance suite. */
export type Contract =
  | 'KeyValueStore'
  | 'DurableLog'
  | 'TableStore'
  | 'SqlEngine'
  | 'ModelRuntime'
  | 'Telemetry'
  | 'Controller'
  | 'Scheduler'
  | 'Platform'
  | 'AgentGateway'
  | 'Cluster';

/** A platform of native code: operating system, processor, C library. */
export type Target =
  | 'linux-x64-gnu'
  | 'linux-arm64-gnu'
  | 'linux-x64-musl'
  | 'linux-arm64-musl'
  | 'darwin-arm64'
  | 'win32-x64-msvc';

/** The unit of a limit. */
export type Unit = 'bytes' | 'count' | 'ms';

/** What feeds the device. */
export type EnergySource = 'battery' | 'mains';

/** C = (compute, memory, storage, network, energy): the device that the tier is made for. */
export interface Device {
  readonly compute: Compute;
  readonly memory: Memory;
  readonly storage: Storage;
  readonly network: Network;
  readonly energy: Energy;
}

/** Processor bounds. */
export interface Compute {
  /** Fewest cores that the tier works on. Integer, 1 to 65536. */
  readonly coresMin: number;
  /** Most cores that the tier makes use of. Integer, 1 to 65536. */
  readonly coresMax: number;
}

/** Memory bounds of the whole process. */
export interface Memory {
  /** Least process memory under which the tier serves a data set ten times larger. Integer, 1048576 to 9007199254740991. */
  readonly processBytesMin: number;
  /** Most memory that an idle open store adds to bare Node. Integer, 0 to 9007199254740991. */
  readonly idleBytesMax: number;
}

/** Storage bounds. */
export interface Storage {
  /** Free storage that an empty store needs. Integer, 0 to 9007199254740991. */
  readonly freeBytesMin: number;
  /** Greatest size of the tier's native code, stripped. Integer, 1 to 9007199254740991. */
  readonly codeBytesMax: number;
}

/** Network needs. */
export interface Network {
  /** False when the tier works offline. */
  readonly required: boolean;
}

/** Energy bounds. */
export interface Energy {
  readonly source: EnergySource;
  /** Most times per second that an idle open store wakes the processor. Integer, 0 to 1000000. */
  readonly idleWakeupsPerSecondMax: number;
}

/** Documented limits; what exceeds one is refused with an error code. */
export interface Limits {
  /** Longest key. */
  readonly key?: BytesLimit;
  /** Longest value. */
  readonly value?: BytesLimit;
  /** Largest batch, encoded. */
  readonly batch?: BytesLimit;
  /** Most live segments that a read may visit. */
  readonly segments?: CountLimit;
  /** Largest model file. */
  readonly modelFile?: BytesLimit;
  /** Longest event-loop stall that background work may cause. */
  readonly eventLoopStall?: TimeLimit;
}

/** A limit on a size. */
export interface BytesLimit {
  /** Greatest allowed value, inclusive. Integer, 1 to 9007199254740991. */
  readonly max: number;
  /** Always bytes. */
  readonly unit: 'bytes';
}

/** A limit on a number of things. */
export interface CountLimit {
  /** Greatest allowed value, inclusive. Integer, 1 to 9007199254740991. */
  readonly max: number;
  /** Always count. */
  readonly unit: 'count';
}

/** A limit on a duration. */
export interface TimeLimit {
  /** Greatest allowed value, inclusive. Integer, 1 to 9007199254740991. */
  readonly max: number;
  /** Always milliseconds. */
  readonly unit: 'ms';
}

/** What each tier that exists claims; the error `CAPABILITY_MISSING` looks here for the tier to name. */
export const tierCapabilities: Readonly<Partial<Record<Tier, Capabilities>>> = {
  embedded: {
    schemaVersion: 1,
    tier: 'embedded',
    device: {
      compute: { coresMin: 1, coresMax: 8 },
      memory: { processBytesMin: 67108864, idleBytesMax: 10485760 },
      storage: { freeBytesMin: 33554432, codeBytesMax: 2097152 },
      network: { required: false },
      energy: { source: 'battery', idleWakeupsPerSecondMax: 1 },
    },
    modules: ['kv', 'inference', 'control', 'runtime'],
    contracts: ['KeyValueStore', 'DurableLog', 'ModelRuntime', 'Controller', 'Telemetry', 'Platform'],
    limits: {
      key: { max: 65535, unit: 'bytes' },
      value: { max: 67108864, unit: 'bytes' },
      batch: { max: 268435456, unit: 'bytes' },
      segments: { max: 4, unit: 'count' },
      modelFile: { max: 67108864, unit: 'bytes' },
      eventLoopStall: { max: 20, unit: 'ms' },
    },
    targets: ['linux-x64-gnu', 'linux-arm64-gnu'],
  },
  mobile: {
    schemaVersion: 1,
    tier: 'mobile',
    device: {
      compute: { coresMin: 1, coresMax: 8 },
      memory: { processBytesMin: 536870912, idleBytesMax: 67108864 },
      storage: { freeBytesMin: 67108864, codeBytesMax: 41943040 },
      network: { required: false },
      energy: { source: 'battery', idleWakeupsPerSecondMax: 1 },
    },
    modules: ['inference', 'runtime'],
    contracts: ['TableStore', 'ModelRuntime', 'Platform'],
    limits: { modelFile: { max: 67108864, unit: 'bytes' } },
    targets: ['linux-x64-gnu', 'linux-arm64-gnu'],
  },
  pc: {
    schemaVersion: 1,
    tier: 'pc',
    device: {
      compute: { coresMin: 2, coresMax: 64 },
      memory: { processBytesMin: 1073741824, idleBytesMax: 134217728 },
      storage: { freeBytesMin: 1073741824, codeBytesMax: 188743680 },
      network: { required: false },
      energy: { source: 'mains', idleWakeupsPerSecondMax: 1 },
    },
    modules: ['sql', 'inference', 'runtime'],
    contracts: ['SqlEngine', 'ModelRuntime', 'Platform'],
    limits: { modelFile: { max: 67108864, unit: 'bytes' } },
    targets: ['linux-x64-gnu', 'linux-arm64-gnu'],
  },
};
