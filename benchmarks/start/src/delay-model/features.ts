/**
 * What the delay model looks at: ten numbers per departure, all known the moment it leaves.
 *
 * Most come from the database itself: one scan in key order is one walk through time, and on it the delays of those
 * that have landed by then are averaged per airport. A flight counts as landed 40 minutes plus a minute per 8 miles
 * after it left (about 480 mph), so no feature looks into the future. Training (model/train.py) reads the features
 * that this file makes; there is no second definition.
 *
 * An average forgets: after one half-life a delay counts half. The fast ones (an hour) say how it goes today, the
 * slow ones (14 days) how it usually goes. Each is drawn towards 0 by a few made-up punctual flights, so that
 * airports with little traffic do not shout.
 */
import { airportCountMax, destinationOf, originOf } from '../flights/flight-key.js';
import { delayOf, distanceOf } from '../flights/flight-record.js';

/** Numbers per departure, in the order of the model's input. */
export const featureNames = [
  'minuteOfDay',
  'weekday',
  'distance',
  'leftOriginFast',
  'reachedOriginFast',
  'leftDestinationFast',
  'reachedDestinationFast',
  'leftOriginSlow',
  'reachedDestinationSlow',
  'everywhereFast',
] as const;

const dayMinutes = 1440;
/** Delays are cut to this range, in minutes: one lost day must not drown an airport's average. */
const delayMin = -60;
const delayMax = 240;

/** The delay as the model is trained to say it. */
export function clampDelay(delay: number): number {
  return Math.min(Math.max(delay, delayMin), delayMax);
}

/** Minutes until a flight counts as landed. @param distance miles */
export function minutesAloft(distance: number): number {
  return 40 + Math.floor(distance / 8);
}

/** Averages that forget, one per airport. Time only moves forward. */
class FadingAverages {
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  readonly #times: Float64Array;
  /** Share that is left after each number of minutes; nothing beyond the last. */
  readonly #fade: Float64Array;
  readonly #prior: number;

  constructor(size: number, halfLifeMinutes: number, prior: number) {
    this.#sums = new Float64Array(size);
    this.#weights = new Float64Array(size);
    this.#times = new Float64Array(size);
    this.#fade = new Float64Array(halfLifeMinutes * 20);
    const perMinute = 0.5 ** (1 / halfLifeMinutes);
    // By multiplication, since only that rounds the same on every machine.
    for (let minute = 0, share = 1; minute < this.#fade.length; minute++, share *= perMinute)
      this.#fade[minute] = share;
    this.#prior = prior;
  }

  add(at: number, minute: number, delay: number): void {
    const fade = this.#fadeSince(at, minute);
    this.#sums[at] = (this.#sums[at] ?? 0) * fade + delay;
    this.#weights[at] = (this.#weights[at] ?? 0) * fade + 1;
    this.#times[at] = minute;
  }

  get(at: number, minute: number): number {
    const fade = this.#fadeSince(at, minute);
    return ((this.#sums[at] ?? 0) * fade) / ((this.#weights[at] ?? 0) * fade + this.#prior);
  }

  #fadeSince(at: number, minute: number): number {
    return this.#fade[minute - (this.#times[at] ?? 0)] ?? 0;
  }
}

/** Flights in the air, by the minute in which they count as landed. */
class Landings {
  readonly #byMinute: { route: number; delay: number }[][] = [];

  add(minute: number, route: number, delay: number): void {
    (this.#byMinute[minute % Landings.#span] ??= []).push({ route, delay });
  }

  /** Hands out those of one minute and forgets them. */
  take(minute: number): { route: number; delay: number }[] {
    return this.#byMinute[minute % Landings.#span]?.splice(0) ?? [];
  }

  /** More minutes than any flight is aloft. */
  static readonly #span = 2 * dayMinutes;
}

const fastMinutes = 60;
const slowMinutes = 14 * dayMinutes;

/** Walks through departures in key order and tells the features of each. */
export class DelayFeatures {
  readonly #leftFast = new FadingAverages(airportCountMax, fastMinutes, 2);
  readonly #reachedFast = new FadingAverages(airportCountMax, fastMinutes, 2);
  readonly #leftSlow = new FadingAverages(airportCountMax, slowMinutes, 20);
  readonly #reachedSlow = new FadingAverages(airportCountMax, slowMinutes, 20);
  readonly #everywhere = new FadingAverages(1, fastMinutes, 2);
  readonly #landings = new Landings();
  #now: number | undefined;

  /**
   * Takes the next departure.
   *
   * @param minute and @param route halves of its key
   * @param record its record, from `offset` on
   * @param out receives the features from `at` on, shape [10]; undefined when they are not needed
   */
  next(minute: number, route: number, record: Uint8Array, offset: number, out?: Float32Array, at = 0): void {
    this.#land(minute);
    const delay = delayOf(record, offset);
    const distance = distanceOf(record, offset);
    if (out !== undefined) {
      const origin = originOf(route);
      const destination = destinationOf(route);
      out[at] = minute % dayMinutes;
      out[at + 1] = (Math.floor(minute / dayMinutes) + 3) % 7;
      out[at + 2] = distance;
      out[at + 3] = this.#leftFast.get(origin, minute);
      out[at + 4] = this.#reachedFast.get(origin, minute);
      out[at + 5] = this.#leftFast.get(destination, minute);
      out[at + 6] = this.#reachedFast.get(destination, minute);
      out[at + 7] = this.#leftSlow.get(origin, minute);
      out[at + 8] = this.#reachedSlow.get(destination, minute);
      out[at + 9] = this.#everywhere.get(0, minute);
    }
    this.#landings.add(minute + minutesAloft(distance), route, clampDelay(delay));
  }

  /** Counts everyone who has landed up to `minute`. */
  #land(minute: number): void {
    for (let now = (this.#now ?? minute) + 1; now <= minute; now++) {
      for (const { route, delay } of this.#landings.take(now)) {
        const origin = originOf(route);
        const destination = destinationOf(route);
        this.#leftFast.add(origin, now, delay);
        this.#reachedFast.add(destination, now, delay);
        this.#leftSlow.add(origin, now, delay);
        this.#reachedSlow.add(destination, now, delay);
        this.#everywhere.add(0, now, delay);
      }
    }
    this.#now = minute;
  }
}
