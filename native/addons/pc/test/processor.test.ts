import { expect, it } from 'vitest';
import { missingHere, missingInstructions } from '../processor.mjs';

const flags = 'fpu sse4_2 movbe popcnt f16c avx abm bmi1 avx2 bmi2 fma';

const rows: readonly (readonly [info: string, missing: readonly string[]])[] = [
  [`processor\t: 0\nflags\t\t: ${flags}\nbugs\t\t:\n\nprocessor\t: 1\nflags\t\t: ${flags}\n`, []],
  [`flags\t\t: ${flags.replace(' avx2', '')}\n`, ['avx2']],
  ['flags\t\t: fpu avx2x\n', ['abm', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe']],
  // ARM's have another word, and a container may show nothing.
  ['Features\t: fp asimd\n', []],
  ['', []],
];

it.each(rows)('tells which instructions a processor lacks: %j', (info, missing) => {
  expect(missingInstructions(info)).toEqual(missing);
});

it('runs where the addon does', () => {
  expect(missingHere()).toEqual([]);
});
