/**
 * Every call of the face refuses what its types forbid with a `VarveError`. Some threw what JavaScript or the addon
 * happened to throw, some took it without a word, and some had the wrong code.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPacked, EmbeddedDatabase, importLevel, open, repair, VarveError } from '@varve/embedded';
import { ClassicLevel } from 'classic-level';
import { afterAll, beforeAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-bad-input-'));
const path = join(folder, 'opened');
const levelFolder = join(folder, 'level');
const model = new URL('../../../benchmarks/start/model/delays.onnx', import.meta.url).pathname;
const value = new Uint8Array(1);
const large = new Uint8Array(300 << 20);
const merge = { type: 'merge' };

let db: EmbeddedDatabase<Uint8Array, Uint8Array>;
beforeAll(async () => {
  const level = new ClassicLevel(levelFolder);
  await level.open();
  await level.close();
  db = await open(join(folder, 'db'), { keyEncoding: 'view', valueEncoding: 'view', control: { stepMs: 0 } });
  await db.put(value, value);
  await db.compact();
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Calls with what the types forbid. */
type Untyped = (...given: unknown[]) => unknown;
const untyped = (call: unknown): Untyped => call as Untyped;
const method = (owner: object, name: string): Untyped => untyped(Reflect.get(owner, name).bind(owner));
const opened = untyped(open);
const repaired = untyped(repair);
const imported = untyped(importLevel);
const packed = untyped(createPacked);
const tried: Untyped = (...given) => method(db, 'tryIndexes')(...given);
const curves: Untyped = (...given) => method(db, 'indexCurves')(...given);
const requested: Untyped = (...given) => method(db.control, 'request')(...given);
const models =
  (name: string): Untyped =>
  (...given) =>
    method(db.models, name)(...given);

const argument = 'ARGUMENT_INVALID';
const rows: readonly [call: string, code: string, run: () => unknown][] = [
  ['open()', argument, () => opened()],
  ["open('')", argument, () => opened('')],
  ["open('a\\0b')", argument, () => opened('a\0b')],
  ['open(p, null)', argument, () => opened(path, null)],
  ["open(p, 'json')", argument, () => opened(path, 'json')],
  ['new EmbeddedDatabase(p, null)', argument, () => new EmbeddedDatabase(path, null as never)],
  ['open(p, {platform: null})', argument, () => opened(path, { platform: null })],
  ['open(p, {platform: {}})', argument, () => opened(path, { platform: {} })],
  [
    'open(p, {platform: half})',
    argument,
    () => opened(path, { platform: { memory: { limitBytes: () => 1 } } }),
  ],
  ["open(p, {indexPolicy: 'affine'})", argument, () => opened(path, { indexPolicy: 'affine' })],
  ['open(p, {indexPolicy: null})', argument, () => opened(path, { indexPolicy: null })],
  ['open(p, {indexPolicy: {}})', argument, () => opened(path, { indexPolicy: {} })],
  ["open(p, {indexPolicy: {kind: 'zz'}})", argument, () => opened(path, { indexPolicy: { kind: 'zz' } })],
  [
    "open(p, {indexPolicy: {errorBound: 'x'}})",
    argument,
    () => opened(path, { indexPolicy: { kind: 'line-probe', errorBound: 'x' } }),
  ],
  ['open(p, {control: 5})', argument, () => opened(path, { control: 5 })],
  ['open(p, {control: null})', argument, () => opened(path, { control: null })],
  ["open(p, {control: 'zz'})", argument, () => opened(path, { control: 'zz' })],
  ["open(p, {control: {mode: 'zz'}})", argument, () => opened(path, { control: { mode: 'zz' } })],
  ["open(p, {control: {stepMs: 'x'}})", argument, () => opened(path, { control: { stepMs: 'x' } })],
  ['open(p, {control: {stepMs: -1}})', argument, () => opened(path, { control: { stepMs: -1 } })],
  ["open(p, {memtableBytes: 'x'})", argument, () => opened(path, { memtableBytes: 'x' })],
  ['open(p, {filterBits: 2 ** 33})', argument, () => opened(path, { filterBits: 2 ** 33 + 10 })],
  ['repair()', argument, () => repaired()],
  ["repair('')", argument, () => repaired('')],
  ["repair('a\\0b')", argument, () => repaired('a\0b')],
  ['repair(p, null)', argument, () => repaired(path, null)],
  ["repair(p, {log: 'x'})", argument, () => repaired(path, { log: 'x' })],
  ['importLevel()', argument, () => imported()],
  ['importLevel(null)', argument, () => imported(null)],
  ['importLevel({from: 5})', argument, () => imported({ from: 5, to: db })],
  ["importLevel({from: 'a\\0b'})", argument, () => imported({ from: 'a\0b', to: db })],
  ['importLevel({to: {}})', argument, () => imported({ to: {} })],
  ['importLevel({from})', argument, () => imported({ from: levelFolder })],
  ['importLevel({from, to: {}})', argument, () => imported({ from: levelFolder, to: {} })],
  ['importLevel({progress: 5})', argument, () => imported({ from: levelFolder, to: db, progress: 5 })],
  ['importLevel({signal: {}})', argument, () => imported({ from: levelFolder, to: db, signal: {} })],
  ['tryIndexes()', argument, () => tried()],
  ['tryIndexes([5])', argument, () => tried([5])],
  ["tryIndexes(['affine'])", argument, () => tried(['affine'])],
  ['tryIndexes([{kind: 5n}])', argument, () => tried([{ kind: 5n }])],
  ["tryIndexes([{kind: 'zz'}])", argument, () => tried([{ kind: 'zz' }])],
  ['indexCurves()', argument, () => curves()],
  ["indexCurves('x')", argument, () => curves('x')],
  ['indexCurves(-1)', argument, () => curves(-1)],
  ['indexCurves(1.5)', argument, () => curves(1.5)],
  ['indexCurves(2 ** 32)', argument, () => curves(2 ** 32)],
  ["indexCurves(5, 'affine')", argument, () => curves(5, 'affine')],
  ['control.request()', argument, () => requested()],
  ['control.request(null)', argument, () => requested(null)],
  ["control.request({type: 'zz'})", argument, () => requested({ type: 'zz' })],
  ['control.request({type: 5n})', argument, () => requested({ type: 5n })],
  ["control.request({type: 'index-policy'})", argument, () => requested({ type: 'index-policy' })],
  ['control.request(merge, null)', argument, () => requested(merge, null)],
  ["control.request(merge, {predictedGain: 'x'})", argument, () => requested(merge, { predictedGain: 'x' })],
  ['models.load()', argument, () => models('load')()],
  ["models.load('m', file, null)", argument, () => models('load')('m', model, null)],
  ["models.load('m', file, 5)", argument, () => models('load')('m', model, 5)],
  ["models.load('m', null)", argument, () => models('load')('m', null)],
  ["models.load('m', bytes, null)", argument, () => models('load')('m', value, null)],
  ['models.convert()', argument, () => models('convert')()],
  ['models.convert(bytes, null)', argument, () => models('convert')(value, null)],
  ["models.load('m', bytes, {format: 5n})", argument, () => models('load')('m', value, { format: 5n })],
  [
    "models.load('m', bytes, {weights: 5n})",
    argument,
    () => models('load')('m', value, { format: 'onnx', weights: 5n }),
  ],
  ['models.get(5n)', 'MODEL_MISSING', () => models('get')(5n)],
  ['models.infer(null)', argument, () => models('infer')(null, new Float32Array(1))],
  ['models.inferBatch()', argument, () => models('inferBatch')()],
  ['createPacked()', argument, () => packed()],
  ['createPacked(null)', argument, () => packed(null)],
  ['createPacked({byteCount: 1})', argument, () => packed({ byteCount: 1 })],
  ['createPacked({byteCount: -1})', argument, () => packed({ byteCount: -1, endCount: 1 })],
  ["createPacked({endCount: 'x'})", argument, () => packed({ byteCount: 1, endCount: 'x' })],
  ['put of a key of 300 MB', 'KEY_TOO_LARGE', () => db.put(large, value)],
  ['del of a key of 300 MB', 'KEY_TOO_LARGE', () => db.del(large)],
  ['commit of a key of 300 MB', 'KEY_TOO_LARGE', () => db.commit([{ type: 'del', key: large }])],
  ['getInto of a key of 300 MB', 'KEY_TOO_LARGE', () => db.getInto(large, value)],
  ['put of a text key of 300 MB', 'KEY_TOO_LARGE', () => putText('x'.repeat(300 << 20), '')],
  ['put of a value of 300 MB', 'VALUE_TOO_LARGE', () => db.put(value, large)],
  ['put of a text of 300 MB', 'VALUE_TOO_LARGE', () => putText('', 'x'.repeat(300 << 20))],
  // 66 M characters of three bytes each.
  ['put of a text that is long in UTF-8', 'VALUE_TOO_LARGE', () => putText('', '€'.repeat(60 << 20))],
  ['commit of a value of 300 MB', 'VALUE_TOO_LARGE', () => commitAfter(value, large)],
  ['commit of a key of 300 MB behind another', 'KEY_TOO_LARGE', () => commitAfter(large, value)],
];

it.each(rows)('%s: %s', async (_, code, run) => {
  const entriesBefore = db.control.journal().length;
  const sequenceBefore = db.stats().sequence;
  const failure = await (async () => run())().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(VarveError);
  expect(failure).toMatchObject({ code, message: expect.stringMatching(/./) });
  expect(db.control.journal()).toHaveLength(entriesBefore);
  expect(db.stats().sequence).toBe(sequenceBefore);
});

function putText(key: string, text: string): Promise<void> {
  return db.put(key, text, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
}

/** A large operation behind one that takes most of a batch. */
function commitAfter(key: Uint8Array, bytes: Uint8Array): Promise<unknown> {
  const most = large.subarray(0, 60 << 20);
  const before = [1, 2, 3, 4].map((at) => ({ type: 'put', key: at, value: most }) as const);
  return db.commit([...before, { type: 'put', key, value: bytes }]);
}
