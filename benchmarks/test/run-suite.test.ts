import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CommandFailed, run } from '../src/command.js';
import { UsageError } from '../src/command-line.js';
import { Interrupted } from '../src/interruption.js';
import { createProgress } from '../src/progress.js';
import type { Case, Context, Part, Run } from '../src/result.js';
import { readResults, writeIncomplete, writeResult } from '../src/results.js';
import { type Ending, runSuite } from '../src/run-suite.js';
import { exact } from '../src/statistics.js';

const measured = (name: string): Case => ({
  case: name,
  metric: 'm',
  unit: 'u',
  better: 'higher',
  values: { varve: exact(1) },
});

interface Watched extends Ending {
  /** What was handed over on the way. */
  readonly kept: readonly Run[];
  readonly progress: string;
}

async function ask(parts: Readonly<Record<string, Part>>, only?: string): Promise<Watched> {
  const kept: Run[] = [];
  let text = '';
  const stream = { isTTY: false, write: (more: string) => (text += more) } as unknown as NodeJS.WriteStream;
  const ending = await runSuite({
    name: 'test',
    suite: { parts },
    size: 'small',
    seed: 1,
    only,
    progress: createProgress(stream),
    keep: (soFar) => kept.push(structuredClone(soFar)),
  });
  return { ...ending, kept, progress: text };
}

/** A part that says what it does. */
const part =
  (name: string, act: (context: Context) => unknown = () => {}): Part =>
  async (context) => {
    context.progress.step(name);
    await act(context);
    return [measured(name)];
  };

const broken = new Error('the disk is full\nand more');
const fail = (): never => {
  throw broken;
};
const names = ({ cases }: Run): readonly string[] => cases.map((row) => row.case);

describe('runSuite', () => {
  it('runs every part and marks nothing', async () => {
    const { run, failure, progress } = await ask({ a: part('a'), b: part('b') });
    expect(names(run)).toEqual(['a', 'b']);
    expect([run.incomplete, failure]).toEqual([undefined, undefined]);
    expect(progress).toMatch(/✓ a .*\n✓ b /);
  });

  it('runs the parts that are asked for, and refuses others', async () => {
    const parts = { a: part('a'), b: part('b'), c: part('c') };
    expect(names((await ask(parts, 'a,c')).run)).toEqual(['a', 'c']);
    await expect(ask(parts, 'a,d')).rejects.toThrow(UsageError);
  });

  it('keeps the finished parts when a later one fails, and hands over what was thrown', async () => {
    const { run, failure, progress } = await ask({ a: part('a'), b: part('b', fail), c: part('c') });
    expect(names(run)).toEqual(['a']);
    expect(run.incomplete).toBe('ended in part b, 2 of 3: Error: the disk is full');
    expect(failure).toBe(broken);
    expect(progress).toMatch(/✓ a .*\n✗ b /);
  });

  it('hands over what is measured before each further part', async () => {
    const { kept } = await ask({ a: part('a'), b: part('b'), c: part('c') });
    expect(kept.map(names)).toEqual([['a'], ['a', 'b']]);
    expect(kept.map(({ incomplete }) => incomplete)).toEqual([
      'ended in part b, 2 of 3',
      'ended in part c, 3 of 3',
    ]);
  });

  it('ends at a signal, and ends the programs that run', async () => {
    let program: Promise<unknown> | undefined;
    const { run: left, failure } = await ask({
      a: part('a'),
      b: part('b', async () => {
        program = run('sleep', ['60']);
        await new Promise(setImmediate);
        process.emit('SIGHUP');
        await program;
      }),
    });
    expect(names(left)).toEqual(['a']);
    expect(failure).toBeInstanceOf(Interrupted);
    await expect(program).rejects.toThrow(CommandFailed);
  });
});

describe('results', () => {
  const folder = `${mkdtempSync(join(tmpdir(), 'varve-results-'))}/`;
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = `${folder}test-real.json`;
  const whole: Run = { suite: 'test', size: 'real', commit: '', machine: '', seed: 1, cases: [], goals: [] };
  const part: Run = { ...whole, incomplete: 'ended in part b' };

  it('puts an incomplete run beside a whole one and reads the whole one', () => {
    expect(readResults(folder)).toEqual([]);
    writeIncomplete(file, part);
    expect(readResults(folder)).toEqual([part]);
    writeResult(file, whole);
    expect(readdirSync(folder)).toEqual(['test-real.json']);
    writeIncomplete(file, part);
    expect(readResults(folder)).toEqual([whole]);
  });
});
