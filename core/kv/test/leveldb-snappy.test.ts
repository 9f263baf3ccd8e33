import { createSeededRandom } from '@varve/conformance';
import { expect, it } from 'vitest';
import { unsnap } from '../src/log/leveldb-snappy.js';
import { bytes } from './temporary.js';

const letters = (count: number): Uint8Array => bytes('abcdefghijklmnopqrstuvwxyz'.repeat(20).slice(0, count));

// The elements of google/snappy, format_description.txt, section 2.
it.each<[string, readonly (number | Uint8Array)[], string | undefined]>([
  ['nothing', [0], ''],
  ['a literal', [3, 2 << 2, bytes('abc')], 'abc'],
  ['a literal of 60 bytes', [60, 59 << 2, letters(60)], Buffer.from(letters(60)).toString()],
  [
    'a literal with a length of one byte',
    [61, 60 << 2, 60, letters(61)],
    Buffer.from(letters(61)).toString(),
  ],
  ['one with two', [0xac, 2, 61 << 2, 43, 1, letters(300)], Buffer.from(letters(300)).toString()],
  ['a copy with a short distance', [8, 3 << 2, bytes('abcd'), 1, 4], 'abcdabcd'],
  ['a copy of what it makes', [10, 1 << 2, bytes('ab'), (4 << 2) | 1, 2], 'ababababab'],
  ['a copy with two bytes of distance', [6, 2 << 2, bytes('abc'), (2 << 2) | 2, 3, 0], 'abcabc'],
  ['a copy with four', [6, 2 << 2, bytes('abc'), (2 << 2) | 3, 3, 0, 0, 0], 'abcabc'],
  ['no bytes', [], ''],
  ['too few', [4, 2 << 2, bytes('abc')], undefined],
  ['too many', [2, 2 << 2, bytes('abc')], undefined],
  ['a literal that is cut', [3, 2 << 2, bytes('ab')], undefined],
  ['a copy from before the beginning', [8, 3 << 2, bytes('abcd'), 1, 5], undefined],
  ['a copy from nowhere', [8, 3 << 2, bytes('abcd'), 1, 0], undefined],
  ['a length that no bytes can make', [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 97], undefined],
])('%s', (_, parts, content) => {
  const input = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
  expect(unsnap(input)?.toString()).toBe(content);
});

const seed = Number(process.env['VARVE_SEED'] ?? Date.now() % 1_000_000);

it(`answers any bytes, with VARVE_SEED=${seed}`, () => {
  const random = createSeededRandom(seed);
  for (let round = 0; round < 20_000; round += 1) {
    const input = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
    if (input.length > 0) input[0] = random.below(128);
    const content = unsnap(input);
    expect(content === undefined || content.length === (input[0] ?? 0)).toBe(true);
  }
});
