/** Options and parameters, checked once at the edge. */
import {
  type QueryOptions,
  requireObject,
  requireWhole,
  type SqlParameters,
  shown,
  type ValueModes,
  VarveError,
} from '@varve/interfaces';
import type { NativeList, NativeOptions, NativeParam, NativeParams } from './native-face.js';

/** How a database is opened. Every field has a default. */
export interface SqlOptions extends ValueModes {
  /** Refuses every statement that changes something. Default false. */
  readonly readOnly?: boolean;
  /** Creates the directory and the database when there is none. Default true. */
  readonly createIfMissing?: boolean;
  /** Fails with `STORE_EXISTS` when there is one. Default false. */
  readonly errorIfExists?: boolean;
  /**
   * Lays tables out anew in the background, for what is asked of them, when that pays: by another sort key, or with other
   * compression. Default true.
   */
  readonly adapt?: boolean;
  /** Memory that queries may use before they spill to disk, in bytes, at least 16 MiB. Default: what the tier claims. */
  readonly memoryBytes?: number;
  /** Threads that run queries, 1 to 1024. Default: the cores that there are. */
  readonly threads?: number;
  /** Folder for what does not fit in memory; in the database's own by default. */
  readonly spillDirectory?: string;
  /** Folders whose files SQL may read and write. Default none. */
  readonly allowedFolders?: readonly string[];
}

const flags = ['readOnly', 'createIfMissing', 'errorIfExists', 'adapt'] as const;

/** @throws VarveError ARGUMENT_INVALID */
export function readSqlOptions(options: SqlOptions): { native: NativeOptions; modes: ValueModes } {
  requireObject(options, 'the options of a database');
  const own = ownFields(options);
  const native: { -readonly [Name in keyof NativeOptions]: NativeOptions[Name] } = {};
  for (const name of flags) {
    const value = own[name];
    if (value === undefined) continue;
    if (typeof value !== 'boolean') throw invalid(`${name} must be true or false, not ${shown(value)}`);
    native[name] = value;
  }
  if (own.memoryBytes !== undefined) {
    requireWhole(own.memoryBytes, 'memoryBytes');
    if (own.memoryBytes < 16 << 20)
      throw invalid(`memoryBytes must be 16 MiB or more, not ${own.memoryBytes}`);
    native.memoryBytes = own.memoryBytes;
  }
  if (own.threads !== undefined) {
    requireWhole(own.threads, 'threads', 1024);
    if (own.threads === 0) throw invalid('threads must be 1 or more');
    native.threads = own.threads;
  }
  if (own.spillDirectory !== undefined)
    native.spillDirectory = requireText(own.spillDirectory, 'spillDirectory');
  if (own.allowedFolders !== undefined) native.allowedFolders = folders(own.allowedFolders);
  return { native, modes: readModes(own, {}) };
}

/** The options of one query, with the modes of its database where it names none. */
export interface QuerySettings {
  readonly modes: ValueModes;
  readonly signal: AbortSignal | undefined;
  readonly progress: QueryOptions['progress'];
  readonly snapshot: unknown;
  readonly batchRows: number | undefined;
}

/** @throws VarveError ARGUMENT_INVALID */
export function readQueryOptions(options: QueryOptions | undefined, standard: ValueModes): QuerySettings {
  if (options === undefined) return { ...noOptions, modes: standard };
  requireObject(options, 'the options of a query');
  const { signal, progress, snapshot, batchRows, ...modes } = ownFields(options);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal must be an AbortSignal');
  if (progress !== undefined && typeof progress !== 'function') throw invalid('progress must be a function');
  if (batchRows !== undefined) {
    requireWhole(batchRows, 'batchRows', 2 ** 20);
    if (batchRows === 0) throw invalid('batchRows must be 1 or more');
  }
  return { modes: readModes(modes, standard), signal, progress, snapshot, batchRows };
}

const noOptions = { signal: undefined, progress: undefined, snapshot: undefined, batchRows: undefined };

const modeWords = {
  int64: ['bigint', 'number'],
  decimal: ['text', 'number'],
  timestamp: ['date', 'bigint'],
} as const;

/** The modes that are asked for over the standard ones. @throws VarveError ARGUMENT_INVALID */
export function readModes(asked: ValueModes, standard: ValueModes): ValueModes {
  const modes: Record<string, string> = { ...standard };
  for (const [name, words] of Object.entries(modeWords) as [keyof ValueModes, readonly string[]][]) {
    const value = Object.hasOwn(asked, name) ? asked[name] : undefined;
    if (value === undefined) continue;
    if (!words.includes(value)) throw invalid(`${name} must be ${words.join(' or ')}, not ${shown(value)}`);
    modes[name] = value;
  }
  return modes;
}

/** Parameters as the engine takes them. @throws VarveError ARGUMENT_INVALID */
export function nativeParams(params: SqlParameters | undefined): NativeParams {
  if (params === undefined) return { values: [] };
  if (Array.isArray(params))
    return {
      values: Array.from(params, (value: unknown, at) => nativeArgument(value, `parameter $${at + 1}`)),
    };
  if (typeof params !== 'object' || params === null || !isPlain(params))
    throw invalid(`parameters are an array, or an object of values by name, not ${shown(params)}`);
  const names = Object.keys(params);
  const byName = params as Readonly<Record<string, unknown>>;
  return { names, values: names.map((name) => nativeArgument(byName[name], `parameter $${name}`)) };
}

/** One parameter or a list of them. @param what it is, as it begins a sentence */
function nativeArgument(value: unknown, what: string): NativeParam | NativeList {
  if (!Array.isArray(value)) return nativeParam(value, what);
  const items = Array.from(value, (item: unknown, at) => nativeParam(item, `item ${at} of ${what}`));
  const kinds = new Set(items.filter((item) => item !== null).map(kindOf));
  if (kinds.size <= 1) return items;
  throw new VarveError('ARGUMENT_INVALID', {
    message: `${what} is an array of ${[...kinds].join(' and ')}`,
    hint: 'a list has values of one type, and null',
  });
}

function kindOf(item: Exclude<NativeParam, null>): string {
  if (typeof item === 'object') return item instanceof Uint8Array ? 'bytes' : 'dates';
  return typeof item === 'boolean' ? 'booleans' : typeof item === 'string' ? 'texts' : 'numbers';
}

/** One value as the engine takes it. @param what it is, as it begins a sentence */
export function nativeParam(value: unknown, what: string): NativeParam {
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'string':
      return value;
    case 'bigint':
      if (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value) return value;
      throw new VarveError('SQL_VALUE', {
        message: `${what} is an integer beyond 64 bits`,
        hint: 'pass it as text, and cast it in SQL',
      });
    default:
      return nativeObject(value, what);
  }
}

function nativeObject(value: unknown, what: string): NativeParam {
  if (value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date && !Number.isNaN(value.getTime()))
    return { micros: BigInt(value.getTime()) * 1000n };
  const [instead, hint] = Array.isArray(value)
    ? ['an array', 'name its values one by one']
    : value === undefined
      ? ['undefined', 'write null for no value']
      : [shown(value), 'pass null, a boolean, number, bigint, text, Date or Uint8Array'];
  throw new VarveError('ARGUMENT_INVALID', { message: `${what} cannot be ${instead}`, hint });
}

/** Own fields only, so that nothing comes in through a prototype. */
function ownFields<T extends object>(options: T): T {
  return Object.assign(Object.create(null), options) as T;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function folders(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw invalid('allowedFolders must be an array of paths');
  return value.map((folder: unknown) => requireText(folder, 'a folder of allowedFolders'));
}

function requireText(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalid(`${what} must be a path, not ${shown(value)}`);
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}
