/**
 * Rounds a decimal number written as text, half to even, and writes it without an exponent and without zeros at its end.
 *
 * @param places behind the point that stay
 */
export function decimalText(text: string, places: number): string {
  const parts = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  let digits = BigInt(whole + fraction || '0');
  let scale = fraction.length - Number(exponent);
  if (scale < 0) {
    digits *= 10n ** BigInt(-scale);
    scale = 0;
  }
  if (scale > places) {
    digits = roundedHalfEven(digits, 10n ** BigInt(scale - places));
    scale = places;
  }
  const padded = digits.toString().padStart(scale + 1, '0');
  const behind = padded.slice(padded.length - scale).replace(/0+$/, '');
  const before = padded.slice(0, padded.length - scale);
  const isZero = digits === 0n;
  return `${sign === '-' && !isZero ? '-' : ''}${before}${scale > 0 && behind !== '' ? `.${behind}` : ''}`;
}

function roundedHalfEven(digits: bigint, unit: bigint): bigint {
  const down = digits / unit;
  const twice = (digits % unit) * 2n;
  const isUp = twice > unit || (twice === unit && down % 2n === 1n);
  return isUp ? down + 1n : down;
}
