/** Departures as columns, in key order. */
import { airportName, destinationOf, originOf, showMinute, twinsMax } from './flight-key.js';

/** Departures; every column has shape [count]. */
export interface Flights {
  readonly count: number;
  /** Ascending and unique: see flight-key.ts. */
  readonly keys: BigUint64Array;
  /** Minutes late at arrival, negative when early. */
  readonly delays: Int16Array;
  /** Miles. */
  readonly distances: Uint16Array;
}

/** Departures as the file gives them, ordered by time only. */
export interface UnorderedFlights {
  /** Minutes since 1970-01-01, ascending, shape [n]. */
  readonly minutes: Uint32Array;
  /** Lower halves of the keys, twins not yet told apart, shape [n]. */
  readonly routes: Uint32Array;
  readonly delays: Int16Array;
  readonly distances: Uint16Array;
}

/**
 * Orders departures by key and tells apart those that share a minute and a route.
 *
 * Cost: linear, since a minute has about a dozen departures.
 *
 * @throws RangeError when times descend, or when a minute has too many departures on one route
 */
export function orderFlights({ minutes, routes, delays, distances }: UnorderedFlights): Flights {
  const count = minutes.length;
  const flights: Flights = {
    count,
    keys: new BigUint64Array(count),
    delays: new Int16Array(count),
    distances: new Uint16Array(count),
  };
  // The two halves of each key; JavaScript's typed arrays are little-endian wherever Node runs.
  const halves = new Uint32Array(flights.keys.buffer);
  for (let start = 0; start < count; ) {
    const minute = minutes[start] ?? 0;
    let end = start + 1;
    while (end < count && minutes[end] === minute) end++;
    if (end < count && (minutes[end] ?? 0) < minute) throw new RangeError(`times descend at row ${end}`);
    const rows = Array.from({ length: end - start }, (_, at) => start + at);
    rows.sort((a, b) => (routes[a] ?? 0) - (routes[b] ?? 0) || a - b);
    let twin = 0;
    for (const [at, row] of rows.entries()) {
      const route = routes[row] ?? 0;
      twin = at > 0 && route === routes[rows[at - 1] ?? 0] ? twin + 1 : 0;
      if (twin >= twinsMax) throw tooManyTwins(minute, route);
      const target = start + at;
      halves[2 * target] = route | twin;
      halves[2 * target + 1] = minute;
      flights.delays[target] = delays[row] ?? 0;
      flights.distances[target] = distances[row] ?? 0;
    }
    start = end;
  }
  return flights;
}

function tooManyTwins(minute: number, route: number): RangeError {
  const [origin, destination] = [originOf(route), destinationOf(route)].map(airportName);
  return new RangeError(
    `${showMinute(minute)}: more than ${twinsMax} departures from ${origin} to ${destination}`,
  );
}
