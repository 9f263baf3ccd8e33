/**
 * The key of a departure: one unsigned 64-bit integer that sorts by time.
 *
 *     bits 63..32  minute of the departure, since 1970-01-01
 *     bits 31..17  origin, three letters of 5 bits each
 *     bits 16..2   destination, likewise
 *     bits  1..0   tells apart departures of one minute on one route, 0..3
 *
 * So a time range is a key range, a key tells the whole flight without a look at the record, and no dictionary of
 * airports is needed. The upper and lower 32 bits are handled apart, since JavaScript computes with those quickly.
 */

/** Departures that one minute and route can hold. */
export const twinsMax = 4;
/** Airport numbers are below this. */
export const airportCountMax: number = 2 ** 15;

/** What a key says. */
export interface FlightKey {
  /** Minutes since 1970-01-01, 0 to 2^32 - 1. */
  readonly minute: number;
  /** Three letters, such as `SEA`. */
  readonly origin: string;
  readonly destination: string;
  /** 0 to 3. */
  readonly twin: number;
}

/**
 * An airport's number: three letters of 5 bits each; alphabetic order is numeric order.
 *
 * @throws RangeError when it is not three capital letters
 */
export function airportNumber(code: string): number {
  if (!/^[A-Z]{3}$/.test(code)) throw new RangeError(`${code} is not an airport of three capital letters`);
  return ((code.charCodeAt(0) - 65) << 10) | ((code.charCodeAt(1) - 65) << 5) | (code.charCodeAt(2) - 65);
}

/** The three letters of an airport's number. */
export function airportName(number: number): string {
  return String.fromCharCode(65 + (number >> 10), 65 + ((number >> 5) & 31), 65 + (number & 31));
}

/** The lower half of a key. @param origin and @param destination airport numbers */
export function routeOf(origin: number, destination: number, twin: number): number {
  return ((origin << 17) | (destination << 2) | twin) >>> 0;
}

export function originOf(route: number): number {
  return route >>> 17;
}

export function destinationOf(route: number): number {
  return (route >>> 2) & 0x7fff;
}

export function encodeFlightKey({ minute, origin, destination, twin }: FlightKey): bigint {
  return (BigInt(minute) << 32n) | BigInt(routeOf(airportNumber(origin), airportNumber(destination), twin));
}

export function decodeFlightKey(key: bigint): FlightKey {
  const route = Number(key & 0xffff_ffffn);
  return {
    minute: Number(key >> 32n),
    origin: airportName(originOf(route)),
    destination: airportName(destinationOf(route)),
    twin: route & 3,
  };
}

/** The first key of a minute; also the end, exclusive, of the minute before. */
export function firstKeyOf(minute: number): bigint {
  return BigInt(minute) << 32n;
}

/** A minute of the calendar. @param text ISO 8601 without a zone, taken as UTC, such as `2001-03-09T17:30` */
export function minuteOf(text: string): number {
  return Date.parse(`${text}Z`) / 60_000;
}

/** `2001-03-09 17:30` */
export function showMinute(minute: number): string {
  return new Date(minute * 60_000).toISOString().slice(0, 16).replace('T', ' ');
}
