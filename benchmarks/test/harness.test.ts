import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommandLine, UsageError } from '../src/command-line.js';
import { Digest } from '../src/digest.js';
import { createRecords } from '../src/kv/records.js';
import { createZipf } from '../src/kv/zipf.js';
import { createRandom } from '../src/random.js';
import { interleave, mustAgree, orderOf, WrongAnswer } from '../src/rounds.js';

describe('interleave', () => {
  it('measures every engine once per round, and rotates who goes first', async () => {
    const order: string[] = [];
    const samples = await interleave([{ name: 'a' }, { name: 'b' }], 2, ({ name }, round) => {
      order.push(name);
      return round;
    });
    expect(order).toEqual(['a', 'b', 'b', 'a']);
    expect(Object.fromEntries(samples)).toEqual({ a: [0, 1], b: [0, 1] });
  });

  it('lets each engine follow each other one equally often', () => {
    for (const count of [2, 3, 4, 5, 6, 7]) {
      const rounds = count % 2 === 0 ? count : 2 * count;
      const follows = new Map<string, number>();
      for (let round = 0; round < rounds; round++) {
        const order = orderOf(count, round);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at));
        for (const [at, engine] of order.entries())
          if (at > 0) {
            const pair = `${order[at - 1]} ${engine}`;
            follows.set(pair, (follows.get(pair) ?? 0) + 1);
          }
      }
      expect(follows.size, `${count} engines`).toBe(count * (count - 1));
      expect(new Set(follows.values()).size, `${count} engines`).toBe(1);
    }
  });

  it('stops the run when answers differ', () => {
    expect(() =>
      mustAgree(
        'point read',
        new Map([
          ['varve', 'x'],
          ['lmdb', 'y'],
        ]),
      ),
    ).toThrow(WrongAnswer);
    expect(() =>
      mustAgree(
        'point read',
        new Map([
          ['varve', 'x'],
          ['lmdb', 'x'],
        ]),
      ),
    ).not.toThrow();
  });
});

describe('Digest', () => {
  const digestOf = (answers: readonly (string | undefined)[]): string => {
    const digest = new Digest();
    for (const answer of answers) {
      if (answer === undefined) digest.addMissing();
      else digest.add(Buffer.from(answer), 0, answer.length);
    }
    return digest.toString();
  };
  const pairs: readonly (readonly [string, (string | undefined)[], (string | undefined)[]])[] = [
    ['another byte', ['ab'], ['ac']],
    ['another order', ['a', 'b'], ['b', 'a']],
    ['another cut', ['ab', 'c'], ['a', 'bc']],
    ['a missing answer', ['a', undefined], ['a', '']],
    ['one answer less', ['a', 'a'], ['a']],
  ];
  for (const [name, one, other] of pairs) {
    it(`tells ${name} apart`, () => {
      expect(digestOf(one)).not.toBe(digestOf(other));
      expect(digestOf(one)).toBe(digestOf(one));
    });
  }
});

describe('records', () => {
  for (const ascending of [false, true]) {
    it(`has unique 16-byte keys, ${ascending ? 'ascending' : 'scattered'}, loaded and absent ones apart`, () => {
      const records = createRecords({ count: 5000, seed: 7, ascending });
      const keys = Array.from({ length: 10_000 }, (_, index) => records.key(index).toString('latin1'));
      expect(new Set(keys).size).toBe(10_000);
      expect(keys.every((key) => /^user\d{12}$/.test(key))).toBe(true);
      if (ascending)
        expect(keys.slice(0, 5000)).toEqual(keys.slice(0, 5000).toSorted((a, b) => (a < b ? -1 : 1)));
    });
  }

  it('is the same for the same seed, and another for another', () => {
    const [a, b, c] = [1, 1, 2].map((seed) => createRecords({ count: 10, seed }));
    expect(a?.key(3)).toEqual(b?.key(3));
    expect(a?.value(3)).toEqual(b?.value(3));
    expect(a?.key(3)).not.toEqual(c?.key(3));
    expect(a?.value(3)).not.toEqual(a?.value(3, 1));
  });
});

describe('createZipf', () => {
  it('draws ranks in range, the first as often as its weight says', () => {
    const count = 1000;
    const draw = createZipf(count, createRandom(3));
    let zeta = 0;
    for (let rank = 1; rank <= count; rank++) zeta += rank ** -0.99;
    const drawn = Array.from({ length: 100_000 }, draw);
    expect(drawn.every((rank) => rank >= 0 && rank < count)).toBe(true);
    const first = drawn.filter((rank) => rank === 0).length / drawn.length;
    expect(Math.abs(first - 1 / zeta)).toBeLessThan(0.01);
  });
});

describe('createRandom', () => {
  it('stays below its bound', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const drawn = createRandom(seed).below(bound);
        return Number.isInteger(drawn) && drawn >= 0 && drawn < bound;
      }),
    );
  });
});

describe('parseCommandLine', () => {
  const suites = ['index', 'kv'];

  it('reads a suite with its options', () => {
    const words = ['kv', '--size', 'small', '--seed', '7', '--json', 'out.json'];
    const command = { name: 'suite', suite: 'kv', size: 'small', seed: 7, json: 'out.json' };
    expect(parseCommandLine(words, suites)).toEqual(command);
    expect(parseCommandLine(['kv'], suites)).toMatchObject({ size: 'real', seed: 42 });
    expect(parseCommandLine(['index', '--n', '1000000'], suites)).toMatchObject({ keyCount: 1_000_000 });
    expect(parseCommandLine(['goals'], suites)).toEqual({ name: 'goals' });
    expect(parseCommandLine([], suites)).toEqual({ name: 'help' });
  });

  const refused = [
    ['sql'],
    ['kv', '--size'],
    ['kv', '--size', 'huge'],
    ['kv', '--fast', 'yes'],
    ['kv', '--n', '1000'],
    ['index', '--n', '0'],
    ['index', '--n', '1e6'],
    ['goals', 'kv'],
  ];
  for (const words of refused) {
    it(`refuses "${words.join(' ')}"`, () => {
      expect(() => parseCommandLine(words, suites)).toThrow(UsageError);
    });
  }
});
