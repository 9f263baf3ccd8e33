/** Single values between their stored integers and what JavaScript shows. All pure; integers in, values out. */
import { VarveError } from '@varve/interfaces';

/** Units in a second, by `TimeUnit` of Arrow: seconds, milliseconds, microseconds, nanoseconds. */
export const unitsPerSecond: readonly bigint[] = [1n, 1_000n, 1_000_000n, 1_000_000_000n];

/** Milliseconds of a count of units, the finer part dropped towards the past. @param unit Arrow's number */
export function millisecondsOf(count: bigint, unit: number): number {
  if (unit === 0) return Number(count) * 1000;
  if (unit === 1) return Number(count);
  const divisor = unit === 2 ? 1_000n : 1_000_000n;
  const whole = count / divisor;
  return Number(count < 0n && whole * divisor !== count ? whole - 1n : whole);
}

/** A count of units for milliseconds. @param unit Arrow's number */
export function countOf(milliseconds: number, unit: number): bigint {
  if (unit === 0) return BigInt(Math.floor(milliseconds / 1000));
  return BigInt(Math.floor(milliseconds)) * (unit === 1 ? 1n : unit === 2 ? 1_000n : 1_000_000n);
}

/** A 64-bit integer as a number. @throws VarveError SQL_VALUE when it is not exact */
export function safeNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new VarveError('SQL_VALUE', {
    message: `the integer ${value} does not fit a number`,
    hint: "leave out int64: 'number', or cast the column",
  });
}

/** Decimal digits as text: 1234 with scale 2 is `12.34`. A negative scale stands for zeros. */
export function decimalText(digits: bigint, scale: number): string {
  if (scale <= 0) return (digits * 10n ** BigInt(-scale)).toString();
  const sign = digits < 0n ? '-' : '';
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  return `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

/**
 * The digits of a decimal at a scale, rounded half away from zero as SQL casts do.
 *
 * @returns undefined for text that is no number
 */
export function decimalDigits(text: string, scale: number): bigint | undefined {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?\s*$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const shift = scale + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : roundedQuotient(digits, 10n ** BigInt(-shift));
  return sign === '-' ? -scaled : scaled;
}

/** A time of day as text, with as many digits as its unit has. @param unit Arrow's number */
export function timeText(count: bigint, unit: number): string {
  const perSecond = unitsPerSecond[unit] ?? 1n;
  const seconds = Number(count / perSecond);
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => twoDigits(part));
  const fraction = unit === 0 ? '' : `.${(count % perSecond).toString().padStart(unit * 3, '0')}`;
  return parts.join(':') + fraction;
}

/** The count of units of a time of day; undefined for text that is none. @param unit Arrow's number */
export function timeCount(text: string, unit: number): bigint | undefined {
  const match = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/.exec(text);
  if (match === null) return undefined;
  const [, hours, minutes, seconds = '0', fraction = ''] = match;
  const inRange = Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) < 60;
  if (!inRange) return undefined;
  const whole = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
  const part = BigInt(fraction.padEnd(9, '0').slice(0, unit * 3) || '0');
  return whole * (unitsPerSecond[unit] ?? 1n) + part;
}

/** The days since the epoch of a date or `2026-11-30`; undefined for anything else. */
export function dayCount(value: unknown): number | undefined {
  const isText = typeof value === 'string' && /^[+-]?\d{4,6}-\d\d-\d\d$/.test(value);
  const milliseconds =
    value instanceof Date ? value.getTime() : isText ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 86_400_000);
}

function roundedQuotient(digits: bigint, divisor: bigint): bigint {
  return (digits + divisor / 2n) / divisor;
}

function twoDigits(part: number): string {
  return Math.floor(part).toString().padStart(2, '0');
}
