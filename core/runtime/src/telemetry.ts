/**
 * Telemetry in bounded memory: sums per template, the last records, and a queue per listener.
 *
 * Memory is O(templatesMax + recentMax · (1 + listenersMax)) records, whatever comes in.
 */
import {
  errorCodes,
  type Telemetry,
  type TelemetryLimits,
  type TelemetryListener,
  type TelemetryRecord,
  type TelemetrySnapshot,
  type TemplateSummary,
  telemetryNameLengthMax,
  VarveError,
  workNamesMax,
} from '@varve/interfaces';
import { Tail } from './tail.js';

/** Bounds that suit a small board: about 100 KiB when full. */
export const defaultTelemetryLimits: TelemetryLimits = {
  recentMax: 256,
  templatesMax: 64,
  listenersMax: 8,
};

/** Creates an empty telemetry. */
export function createTelemetry(limits: TelemetryLimits = defaultTelemetryLimits): Telemetry {
  return new BoundedTelemetry(limits);
}

interface Sums {
  count: number;
  failureCount: number;
  readonly elapsedMs: { sum: number; min: number; max: number; squares: number };
  readonly work: Map<string, number>;
  unsummedCount: number;
}

interface Subscription {
  readonly listener: TelemetryListener;
  readonly waiting: Tail<TelemetryRecord>;
  /** A microtask is under way that will hand over what waits. */
  isDue: boolean;
}

class BoundedTelemetry implements Telemetry {
  readonly limits: TelemetryLimits;
  readonly #sums = new Map<string, Sums>();
  readonly #recent: Tail<TelemetryRecord>;
  readonly #subscriptions = new Set<Subscription>();
  #recordCount = 0;
  #unsummarisedCount = 0;
  #failedListenerCount = 0;

  constructor(limits: TelemetryLimits) {
    this.limits = limits;
    this.#recent = new Tail(limits.recentMax);
  }

  record(given: TelemetryRecord): void {
    const record = checkedCopy(given);
    this.#recordCount += 1;
    this.#recent.push(record);
    this.#sumUp(record);
    for (const subscription of this.#subscriptions) this.#tell(subscription, record);
  }

  snapshot(): TelemetrySnapshot {
    return {
      recordCount: this.#recordCount,
      unsummarisedCount: this.#unsummarisedCount,
      failedListenerCount: this.#failedListenerCount,
      templates: Array.from(this.#sums, ([template, sums]) => summaryOf(template, sums)),
      recent: this.#recent.items(),
    };
  }

  subscribe(listener: TelemetryListener): () => void {
    if (this.#subscriptions.size >= this.limits.listenersMax) {
      throw new VarveError('LIMIT_EXCEEDED', {
        message: `there are ${this.limits.listenersMax} listeners already`,
        hint: 'unsubscribe one first',
      });
    }
    const waiting = new Tail<TelemetryRecord>(this.limits.recentMax);
    const subscription: Subscription = { listener, waiting, isDue: false };
    this.#subscriptions.add(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
    };
  }

  #sumUp({ template, elapsedMs, work, failure }: TelemetryRecord): void {
    let sums = this.#sums.get(template);
    if (sums === undefined) {
      if (this.#sums.size >= this.limits.templatesMax) {
        this.#unsummarisedCount += 1;
        return;
      }
      const none = { sum: 0, min: Number.POSITIVE_INFINITY, max: 0, squares: 0 };
      sums = { count: 0, failureCount: 0, elapsedMs: none, work: new Map(), unsummedCount: 0 };
      this.#sums.set(template, sums);
    }
    sums.count += 1;
    if (failure !== undefined) sums.failureCount += 1;
    sums.elapsedMs.sum += elapsedMs;
    sums.elapsedMs.min = Math.min(sums.elapsedMs.min, elapsedMs);
    sums.elapsedMs.max = Math.max(sums.elapsedMs.max, elapsedMs);
    sums.elapsedMs.squares += elapsedMs * elapsedMs;
    for (const [name, value] of Object.entries(work)) {
      const before = sums.work.get(name);
      if (before === undefined && sums.work.size >= workNamesMax) sums.unsummedCount += 1;
      else sums.work.set(name, (before ?? 0) + value);
    }
  }

  #tell(subscription: Subscription, record: TelemetryRecord): void {
    subscription.waiting.push(record);
    if (subscription.isDue) return;
    subscription.isDue = true;
    queueMicrotask(() => {
      subscription.isDue = false;
      if (!this.#subscriptions.has(subscription)) return;
      const { items, missedCount } = subscription.waiting.take();
      try {
        subscription.listener(items, missedCount);
      } catch {
        this.#failedListenerCount += 1;
        this.#subscriptions.delete(subscription);
      }
    });
  }
}

function summaryOf(template: string, sums: Sums): TemplateSummary {
  const { count, failureCount, unsummedCount } = sums;
  return {
    template,
    count,
    failureCount,
    unsummedCount,
    elapsedMs: { ...sums.elapsedMs },
    work: named(sums.work),
  };
}

/** An object without a prototype, so that any name is just a name. */
function named(entries: Iterable<readonly [string, number]>): Readonly<Record<string, number>> {
  const object = Object.create(null) as Record<string, number>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}

/** Reads what may come from anywhere. @throws VarveError ARGUMENT_INVALID naming what is wrong */
function checkedCopy(given: TelemetryRecord): TelemetryRecord {
  if (typeof given !== 'object' || given === null) throw invalid('a record is an object');
  const { template, startedMs, elapsedMs, work, failure } = given;
  if (!isName(template)) throw invalid('template is a text of 1 to 128 characters');
  if (!Number.isFinite(startedMs)) throw invalid('startedMs is a finite number');
  if (!isAmount(elapsedMs)) throw invalid('elapsedMs is a finite number of at least 0');
  if (typeof work !== 'object' || work === null) throw invalid('work is an object');
  const entries = Object.entries(work);
  if (entries.length > workNamesMax) throw invalid(`work has more than ${workNamesMax} names`);
  for (const [name, value] of entries) {
    if (!isName(name)) throw invalid('a name in work is a text of 1 to 128 characters');
    if (!isAmount(value)) throw invalid(`work.${name} is a finite number of at least 0`);
  }
  if (failure !== undefined && !Object.hasOwn(errorCodes, failure)) throw invalid('failure is an error code');
  const copy = { template, startedMs, elapsedMs, work: named(entries) };
  return failure === undefined ? copy : { ...copy, failure };
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= telemetryNameLengthMax;
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint: 'see TelemetryRecord' });
}
