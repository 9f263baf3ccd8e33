/** The types of columns, with values at which engines go wrong. Pools are small, so that values meet each other. */

/** What may be compared with each other. */
export type Family = 'number' | 'text' | 'bool' | 'date' | 'timestamp' | 'binary';

/** One type of columns. */
export interface ColumnType {
  readonly sql: string;
  readonly family: Family;
  /** Sums of it are exact, whatever their order. */
  readonly isExact: boolean;
  /** Its values are integers. */
  readonly isWhole?: true;
  /** Literals. */
  readonly values: readonly string[];
}

const texts = [
  "''",
  "'a'",
  "'A'",
  "'ab'",
  "' a '",
  "'%'",
  "'_'",
  "'ß'",
  "'SS'",
  "'é'",
  "'e\u0301'",
  "'İ'",
  "'日本'",
  "'😀'",
  "'\u202Eabc'",
  "'\uFEFF'",
  "'it''s'",
  "'two'''' quotes'",
  "'\\''behind it'",
  "'0'",
  "'null'",
  `'${'long '.repeat(40)}'`,
];

const floats = [
  '0.0',
  "CAST('-0.0' AS DOUBLE)",
  '1.5',
  '-1.5',
  '1e300',
  '-1e-300',
  "CAST('NaN' AS DOUBLE)",
  "CAST('Infinity' AS DOUBLE)",
  "CAST('-Infinity' AS DOUBLE)",
  '2.0',
];

/** All of them. */
export const columnTypes: readonly ColumnType[] = [
  {
    sql: 'INT',
    family: 'number',
    isExact: true,
    isWhole: true,
    values: ['0', '1', '2', '-1', '7', '2147483647'],
  },
  {
    sql: 'SMALLINT',
    family: 'number',
    isExact: true,
    isWhole: true,
    values: ['0', '1', '-1', '3', '32767', '-32768'],
  },
  {
    sql: 'BIGINT',
    family: 'number',
    isExact: true,
    isWhole: true,
    values: ['0', '1', '-1', '5', '9007199254740993', '-9007199254740993'],
  },
  { sql: 'DOUBLE', family: 'number', isExact: false, values: floats },
  { sql: 'REAL', family: 'number', isExact: false, values: floats.filter((text) => !text.includes('e')) },
  {
    sql: 'DECIMAL(9, 2)',
    family: 'number',
    isExact: true,
    values: ['0.00', '1.50', '-1.50', '9999999.99', '0.01'],
  },
  {
    sql: 'DECIMAL(30, 5)',
    family: 'number',
    isExact: true,
    values: ['0', '1.5', '-1.5', '1234567890123456789012.12345', '0.00001'],
  },
  { sql: 'TEXT', family: 'text', isExact: false, values: texts },
  { sql: 'BOOLEAN', family: 'bool', isExact: false, values: ['TRUE', 'FALSE'] },
  {
    sql: 'DATE',
    family: 'date',
    isExact: false,
    values: ["DATE '1970-01-01'", "DATE '1969-12-31'", "DATE '2024-02-29'", "DATE '9999-12-31'"],
  },
  {
    sql: 'TIMESTAMP',
    family: 'timestamp',
    isExact: false,
    values: [
      "TIMESTAMP '1970-01-01 00:00:00'",
      "TIMESTAMP '1969-12-31 23:59:59.999999'",
      "TIMESTAMP '2024-02-29 12:00:00.000001'",
    ],
  },
  {
    sql: 'TIMESTAMPTZ',
    family: 'timestamp',
    isExact: false,
    values: [
      "TIMESTAMPTZ '1970-01-01 00:00:00'",
      "TIMESTAMPTZ '2024-02-29 12:00:00.000001Z'",
      "TIMESTAMPTZ '2024-02-29T11:00:00.000001Z'",
    ],
  },
  { sql: 'BYTEA', family: 'binary', isExact: false, values: ["X''", "X'00'", "X'FF'", "X'00FF'"] },
];
