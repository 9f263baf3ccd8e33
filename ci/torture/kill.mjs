// kill -9: a process writes, is killed at a random moment, and the store is opened again and compared.
//
// Promises: every acknowledged batch is there (a killed process loses no write, not even an unsynced one), and what
// is there are the first so many batches, each whole. It says nothing about power: the system's memory survives.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VarveStore } from '@varve/kv';
import { applyBatch, lastKey, randomOf } from './workload.mjs';

const victim = fileURLToPath(new URL('victim.mjs', import.meta.url));

/** A store is left for a fresh one after so many cycles, so that young stores are killed as well. */
const cyclesPerStore = 25;

/**
 * @typedef {{cycles: number, seed: number, log?: 'native' | 'level'}} KillOptions
 * @typedef {{passed: number, failed: number, acknowledged: number, broken: string[]}} KillTally
 *   `acknowledged` counts batches whose acknowledgement was noted before a kill
 */

/**
 * Runs `cycles` kills, two stores at a time. @param {KillOptions} options
 * @param {(tally: KillTally) => void} [watch] called after every cycle
 * @returns {Promise<KillTally>}
 */
export async function killCycles({ cycles, seed, log = 'native' }, watch = () => undefined) {
  /** @type {KillTally} */
  const tally = { passed: 0, failed: 0, acknowledged: 0, broken: [] };
  let started = 0;
  const lane = async () => {
    while (started < cycles) {
      const own = started;
      const count = Math.min(cyclesPerStore, cycles - started);
      started += count;
      await oneStore({ seed: seed + own, cycles: count, log }, tally, watch);
    }
  };
  await Promise.all([lane(), lane()]);
  return tally;
}

/**
 * @param {Required<KillOptions>} options
 * @param {KillTally} tally
 * @param {(tally: KillTally) => void} watch
 */
async function oneStore({ seed, cycles, log }, tally, watch) {
  const folder = mkdtempSync(join(tmpdir(), 'varve-kill-'));
  const store = { location: join(folder, 'store'), notes: join(folder, 'acknowledged'), seed, log };
  const random = randomOf(seed);
  /** @type {Map<string, string>} */
  const contents = new Map();
  let last = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    writeFileSync(store.notes, '');
    await killOnce(store, last + 1, random);
    const acknowledged = readNotes(store.notes);
    try {
      last = await judge(store, contents, last, acknowledged);
      tally.passed += 1;
      tally.acknowledged += acknowledged.length;
    } catch (error) {
      tally.failed += 1;
      const repeat = `npm run torture -- kv --mode kill --log ${log} --cycles ${cycles} --seed ${seed}`;
      tally.broken.push(
        `cycle ${cycle} of seed ${seed}: ${String(error)}\n  repeat: ${repeat}\n  kept: ${folder}`,
      );
      // What follows would only repeat the same loss.
      tally.failed += cycles - cycle - 1;
      watch(tally);
      return;
    }
    watch(tally);
  }
  rmSync(folder, { recursive: true });
}

/**
 * Starts the writer and kills it: some time after it opened, or, once in eight times, while it starts.
 * @param {{location: string, notes: string, seed: number, log: string}} store
 * @param {number} first
 * @param {() => number} random
 */
async function killOnce({ location, notes, seed, log }, first, random) {
  const child = spawn(process.execPath, [victim, location, notes, String(first), String(seed), log], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const ended = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
  const opened = new Promise((resolve) => child.stdout.once('data', resolve));
  if (random() < 1 / 8) await delay(random() * 150);
  else await Promise.race([opened.then(() => delay(random() * 120)), ended]);
  child.kill('SIGKILL');
  if ((await ended) !== 'SIGKILL') throw new Error(`the writer ended by itself: ${complaint}`);
}

/** Complete lines only: the kill may have hit the last one. @param {string} file */
function readNotes(file) {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).map(Number);
}

/**
 * @param {{location: string, seed: number, log: string}} store
 * @param {Map<string, string>} contents after batch `before`; brought up to what the store holds
 * @param {number} before
 * @param {readonly number[]} acknowledged
 * @returns {Promise<number>} the last batch that the store holds
 */
async function judge({ location, seed, log }, contents, before, acknowledged) {
  const db = new VarveStore(location, { log: log === 'level' ? 'level' : 'native' });
  await db.open();
  try {
    const last = Number((await db.get(lastKey)) ?? 0);
    const promised = acknowledged.reduce((a, b) => Math.max(a, b), before);
    if (last < promised) throw new Error(`batch ${promised} was acknowledged, the store ends at ${last}`);
    for (let n = before + 1; n <= last; n++) applyBatch(contents, seed, n);
    let count = 0;
    for await (const [key, value] of db.iterator()) {
      count += 1;
      if (contents.get(key) !== value) {
        throw new Error(
          `${key} is ${brief(value)} instead of ${brief(contents.get(key))} after batch ${last}`,
        );
      }
    }
    if (count !== contents.size) throw new Error(`${count} entries instead of ${contents.size}`);
    const { damage } = await db.verify();
    if (damage.length > 0) throw new Error(`verify finds ${JSON.stringify(damage[0])}`);
    return last;
  } finally {
    await db.close();
  }
}

/** @param {string | undefined} value */
const brief = (value) => (value === undefined ? 'missing' : `${value.slice(0, 20)} (${value.length})`);

/** @param {number} ms */
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
