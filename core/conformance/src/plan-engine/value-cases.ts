/** Rows of the suite of plans: conditions and what they keep, and values that are computed. */
import type { PlanValue, SqlValue } from '@varve/interfaces';
import { c, f, l } from './factory.js';

const moment = (text: string): PlanValue => l(new Date(text));

/** A condition, and the keys of the flights that it keeps. */
export const conditions: readonly (readonly [string, PlanValue, readonly bigint[]])[] = [
  ['equal numbers of two types', f('=', c('delay'), l(5)), [1n]],
  ['equal, with a double', f('=', c('delay'), l(0.5)), []],
  ['other than, which NULL is not', f('<>', c('delay'), l(5)), [2n, 3n, 4n, 5n]],
  ['less', f('<', c('delay'), l(0)), [3n]],
  ['less or equal, a literal first', f('>=', l(0), c('delay')), [3n, 4n]],
  ['two columns', f('>', c('distance'), c('delay')), [1n, 3n, 4n]],
  ['NaN is above all', f('>', c('distance'), l(1e300)), [4n]],
  ['both zeros are one', f('=', c('distance'), l(-0)), [2n]],
  ['decimals', f('=', c('fare'), l(10)), [1n, 5n]],
  ['decimals with doubles', f('<', c('fare'), l(0.5)), [3n, 4n]],
  ['text by bytes', f('<', c('origin'), l('B')), [1n, 3n]],
  ['text by bytes, above', f('>', c('origin'), l('Z')), [4n]],
  ['a prefix', f('startsWith', c('origin'), l('A')), [1n, 3n]],
  ['a prefix is no pattern', f('startsWith', c('origin'), l('%')), []],
  ['lower case', f('=', f('lower', c('origin')), l('abq')), [1n, 3n, 4n]],
  ['upper case', f('=', f('upper', c('origin')), l('ABQ')), [1n, 3n, 4n]],
  ['a date and a moment', f('=', c('day'), moment('2001-01-01T00:00:00Z')), [1n, 5n]],
  ['a date and text', f('<', c('day'), l('2001-01-01')), [4n]],
  ['a timestamp and a moment', f('>', c('at'), moment('2001-01-01T02:00:00Z')), [3n, 4n, 5n]],
  ['a truth', c('late'), [2n, 5n]],
  ['not a truth', f('not', c('late')), [1n, 3n, 4n]],
  ['NULL', f('isNull', c('delay')), [6n]],
  ['not NULL', f('not', f('isNull', c('delay'))), [1n, 2n, 3n, 4n, 5n]],
  ['nothing equals NULL', f('=', c('delay'), l(null)), []],
  [
    'false and unknown is false',
    f('not', f('and', l(false), f('=', c('delay'), c('delay')))),
    [1n, 2n, 3n, 4n, 5n, 6n],
  ],
  ['true or unknown is true', f('or', f('=', c('delay'), l(5)), f('isNull', c('delay'))), [1n, 6n]],
  ['and of one', f('and', f('=', c('id'), l(2))), [2n]],
  ['several and', f('and', c('late'), f('>', c('delay'), l(20)), f('=', c('origin'), l('BOS'))), [5n]],
  ['in', f('in', c('delay'), l(5), l(40), l(7)), [1n, 5n]],
  ['in nothing', f('in', c('delay')), []],
  ['not in nothing', f('not', f('in', c('delay'))), [1n, 2n, 3n, 4n, 5n, 6n]],
  ['not in a list with NULL', f('not', f('in', c('delay'), l(5), l(null))), []],
  ['in texts', f('in', c('origin'), l('BOS'), l('abq')), [2n, 4n, 5n]],
  ['arithmetic within', f('>', f('+', c('delay'), c('id')), l(16)), [2n, 5n]],
  ['the key', f('=', c('id'), l(6)), [6n]],
  [
    'what does not fit where it is not asked for',
    f('and', f('>', f('*', c('id'), l(2n ** 61n)), l(0)), f('<', c('id'), l(3))),
    [1n, 2n],
  ],
  [
    'what does not fit where the rest is true',
    f('or', f('>', f('*', c('id'), l(2n ** 61n)), l(0)), f('>', c('id'), l(2))),
    [1n, 2n, 3n, 4n, 5n, 6n],
  ],
];

/** What is computed, and its values in the order of keys. */
export const computed: readonly (readonly [string, PlanValue, readonly SqlValue[]])[] = [
  ['+ with a literal has 64 bits', f('+', c('delay'), l(1)), [6n, 16n, -2n, 1n, 41n, null]],
  ['- of 32 bits has 32', f('-', c('delay'), c('delay')), [0, 0, 0, 0, 0, null]],
  ['* of both', f('*', c('delay'), c('id')), [5n, 30n, -9n, 0n, 200n, null]],
  ['/ is of doubles, and NULL by zero', f('/', l(10), c('delay')), [2, 10 / 15, 10 / -3, null, 0.25, null]],
  ['+ of doubles', f('+', c('distance'), l(0.5)), [101, 0.5, 250.5, Number.NaN, -1, null]],
  ['+ of decimals', f('+', c('fare'), c('fare')), ['20.00', '199.98', '0.02', '-11.00', '20.00', null]],
  [
    '* of decimals',
    f('*', c('fare'), c('fare')),
    ['100.0000', '9998.0001', '0.0001', '30.2500', '100.0000', null],
  ],
  ['years', f('year', c('day')), [2001n, 2001n, 2001n, 1969n, 2001n, null]],
  ['months', f('month', c('day')), [1n, 1n, 2n, 12n, 1n, null]],
  ['days', f('day', c('at')), [1n, 1n, 1n, 1n, 1n, null]],
  ['hours', f('hour', c('at')), [0n, 1n, 2n, 3n, 4n, null]],
  ['texts', f('lower', c('origin')), ['abq', 'bos', 'abq', 'abq', 'bos', null]],
  ['a comparison', f('>', c('delay'), l(0)), [true, true, false, false, true, null]],
  ['a literal', l('x'), ['x', 'x', 'x', 'x', 'x', 'x']],
  ['the same again', f('+', c('delay'), f('-', l(0), c('delay'))), [0n, 0n, 0n, 0n, 0n, null]],
];
