/**
 * The loop: close a window, look for a signal, forecast the remedies, apply the best, measure it, keep or undo it.
 *
 * Invariants:
 * 1. At most one action is on trial at a time, so that a measured change has one cause.
 * 2. An action is kept only if its measured gain reaches half of its predicted one; else its undo is applied.
 * 3. Every stage that an action reaches is in the journal before the plant feels it.
 * 4. The decision depends only on observations, forecasts and the injected clock: the same inputs, the same journal.
 */
import {
  type Action,
  type Controller,
  type ControlMode,
  type CostWeights,
  type Evidence,
  type Forecast,
  type JournalEntry,
  type Observation,
  type Plant,
  requireIndexPolicy,
  requireObject,
  type Stage,
  shown,
  VarveError,
} from '@varve/interfaces';
import { Journal } from './journal.js';
import { candidates } from './remedies.js';
import { defaultThresholds, Signals, type Thresholds } from './signals.js';
import { costOf, type Window, windowBetween } from './window.js';

/** What a controller is made of. Everything but the plant and the clock has a default. */
export interface ControllerOptions {
  readonly plant: Plant;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly mode?: ControlMode;
  readonly journal?: Journal;
  /** Over `defaultWeights`. */
  readonly weights?: Partial<CostWeights>;
  readonly thresholds?: Partial<Thresholds>;
  /** Sampled lookups that close a window. */
  readonly samplesPerWindow?: number;
  /** Windows averaged before an action and again after it. */
  readonly windowsPerMeasurement?: number;
  /** Windows for which the present load is expected to go on; an action must repay its cost within them. */
  readonly horizonWindows?: number;
  /** Windows for which an action that was rejected or undone is not tried again. */
  readonly coolDownWindows?: number;
  /** What is known before the first window; it is answered once there is a baseline to measure against. */
  readonly firstSignal?: Evidence;
}

/** A nanosecond counts 1, a byte per key 10: memory is worth a detour, and the clock decides. */
export const defaultWeights: CostWeights = { latency: 1, bytes: 10, variance: 0, lines: 0 };

/** An action that serves reads and is being measured. */
interface Trial {
  readonly decision: number;
  readonly action: Action;
  readonly undo: Action | undefined;
  readonly evidence: Evidence;
  readonly predictedGain: number;
  readonly costBefore: number;
  readonly costsAfter: number[];
}

/** Measured gain over predicted gain below which an action is undone. */
const keptShareMin = 0.5;

/** Expected saving over training cost that makes an action worth its while (BOURBON, section 4.2). */
const repayFactor = 2;

/** Predicted gain over present cost below which an action is not worth a trial. */
const gainShareMin = 0.05;

/** Creates the controller of one plant. */
export function createController(options: ControllerOptions): Controller {
  return new IndexController(options);
}

class IndexController implements Controller {
  readonly mode: ControlMode;
  readonly #plant: Plant;
  readonly #now: () => number;
  readonly #journal: Journal;
  readonly #weights: CostWeights;
  readonly #signals: Signals;
  readonly #samplesPerWindow: number;
  readonly #windowsPerMeasurement: number;
  readonly #horizonWindows: number;
  readonly #coolDownWindows: number;
  readonly #recent: Window[] = [];
  readonly #coolDowns = new Map<string, number>();
  #windowStart: Observation | undefined;
  #windowCount = 0;
  #trial: Trial | undefined;
  /** A signal that fired while there was no baseline to measure a remedy against. */
  #unanswered: Evidence | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ControllerOptions) {
    this.mode = options.mode ?? 'auto';
    this.#plant = options.plant;
    this.#unanswered = options.firstSignal;
    this.#now = options.now;
    this.#journal = options.journal ?? new Journal();
    this.#weights = { ...defaultWeights, ...options.weights };
    this.#signals = new Signals({ ...defaultThresholds, ...options.thresholds });
    this.#samplesPerWindow = options.samplesPerWindow ?? 256;
    this.#windowsPerMeasurement = options.windowsPerMeasurement ?? 3;
    this.#horizonWindows = options.horizonWindows ?? 100;
    this.#coolDownWindows = options.coolDownWindows ?? 20;
  }

  step(): Promise<void> {
    return this.#inTurn(() => this.#step());
  }

  request(action: Action, options: { readonly predictedGain?: number } = {}): Promise<number> {
    return this.#inTurn(async () => {
      checkRequest(action, options);
      const evidence: Evidence = { signal: 'requested', value: 0, threshold: 0, history: [] };
      const decision = this.#propose(action, evidence, 'asked for by the caller');
      await this.#consider(decision, [action], evidence, options.predictedGain);
      return decision;
    });
  }

  journal(): readonly JournalEntry[] {
    return this.#journal.entries();
  }

  /** Runs one task after another, whatever the callers do: invariant 1. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #step(): Promise<void> {
    if (this.mode === 'off') return;
    const observation = this.#plant.observe();
    const window = this.#windowStart && windowBetween(this.#windowStart, observation, this.#samplesPerWindow);
    if (window === undefined) {
      this.#windowStart ??= observation;
      return;
    }
    this.#windowStart = observation;
    this.#windowCount += 1;
    this.#unanswered = this.#signals.update(window, observation.segments) ?? this.#unanswered;
    if (this.#trial !== undefined) return this.#measure(this.#trial, window);
    this.#recent.push(window);
    if (this.#recent.length > this.#windowsPerMeasurement) this.#recent.shift();
    if (this.#unanswered === undefined || this.#recent.length < this.#windowsPerMeasurement) return;
    const evidence = this.#unanswered;
    this.#unanswered = undefined;
    await this.#answer(evidence);
  }

  /** Meets a signal with the remedies that are not cooling down. */
  async #answer(evidence: Evidence): Promise<void> {
    const remedies = candidates(evidence, this.#plant.policy()).filter(
      (action) => (this.#coolDowns.get(keyOf(action)) ?? 0) <= this.#windowCount,
    );
    const [first] = remedies;
    if (first === undefined) return;
    const reason = `${evidence.signal} ${format(evidence.value)} crossed ${format(evidence.threshold)}`;
    const decision = this.#propose(first, evidence, reason);
    if (this.mode === 'observe') this.#coolDown(remedies);
    else await this.#consider(decision, remedies, evidence);
  }

  #propose(action: Action, evidence: Evidence, reason: string): number {
    const decision = this.#journal.nextDecision();
    this.#note({ decision, stage: 'PROPOSED', action, evidence, reason });
    return decision;
  }

  /** Forecasts every remedy beside the live index, and puts the best on trial if it is worth it. */
  async #consider(
    decision: number,
    remedies: readonly Action[],
    evidence: Evidence,
    requestedGain?: number,
  ): Promise<void> {
    if (this.#trial !== undefined) {
      const action = remedies[0];
      if (action === undefined) return;
      return this.#reject(decision, remedies, evidence, `decision ${this.#trial.decision} is still on trial`);
    }
    let best: { action: Action; forecast: Forecast; gain: number } | undefined;
    for (const action of remedies) {
      const forecast = await this.#plant.forecast(action);
      const gain = requestedGain ?? this.#gainOf(forecast);
      if (best === undefined || gain > best.gain) best = { action, forecast, gain };
    }
    if (best === undefined) return;
    const { action, forecast, gain } = best;
    const shadow = { decision, stage: 'SHADOW' as const, action, evidence, predictedGain: gain };
    const times = `${format(forecast.nsPerLookupNow)} to ${format(forecast.nsPerLookup)} ns a lookup`;
    this.#note({ ...shadow, reason: `built and timed beside the live index: ${times}` });
    const objection = requestedGain === undefined ? this.#objectionTo(forecast, gain) : undefined;
    if (objection !== undefined) return this.#reject(decision, remedies, evidence, objection, gain);
    if (this.mode === 'auto') await this.#apply(decision, action, evidence, gain);
    else this.#coolDown(remedies);
  }

  #reject(
    decision: number,
    remedies: readonly Action[],
    evidence: Evidence,
    reason: string,
    predictedGain?: number,
  ): void {
    const action = remedies[0];
    if (action === undefined) return;
    const gain = predictedGain === undefined ? {} : { predictedGain };
    this.#note({ decision, stage: 'REJECTED', action, evidence, ...gain, reason });
    this.#coolDown(remedies);
  }

  #gainOf(forecast: Forecast): number {
    return (
      this.#weights.latency * (forecast.nsPerLookupNow - forecast.nsPerLookup) +
      this.#weights.lines * (forecast.linesPerLookupNow - forecast.linesPerLookup) +
      this.#weights.bytes * (forecast.bytesPerKeyNow - forecast.bytesPerKey)
    );
  }

  /** Why an action is not worth a trial; undefined when it is. */
  #objectionTo(forecast: Forecast, gain: number): string | undefined {
    const cost = this.#costOfRecent();
    if (gain <= gainShareMin * cost) {
      return `a gain of ${format(gain)} is under ${gainShareMin * 100} % of the present cost ${format(cost)}`;
    }
    const lookups = mean(this.#recent.map((window) => window.lookups)) * this.#horizonWindows;
    // Both in units of J, whatever it weighs.
    const saved = gain * lookups;
    const spent = this.#weights.latency * forecast.trainNs;
    return saved > repayFactor * spent || forecast.bytesPerKey < forecast.bytesPerKeyNow
      ? undefined
      : `saving ${format(saved)} over the coming ${format(lookups)} lookups does not repay work of ${format(spent)} twice`;
  }

  async #apply(decision: number, action: Action, evidence: Evidence, predictedGain: number): Promise<void> {
    const undo: Action | undefined =
      action.type === 'index-policy' ? { type: 'index-policy', policy: this.#plant.policy() } : undefined;
    const undoable = undo === undefined ? {} : { undo };
    const stage: Stage = 'CANARY';
    const reason = 'serves reads and is being measured';
    this.#note({ decision, stage, action, ...undoable, evidence, predictedGain, reason });
    const costBefore = this.#costOfRecent();
    try {
      await this.#act(action);
    } catch (cause) {
      if (undo?.type === 'index-policy') this.#plant.setPolicy(undo.policy);
      const failure = `undone: the merge failed (${cause instanceof Error ? cause.message : String(cause)})`;
      this.#note({
        decision,
        stage: 'REVERTED',
        action,
        ...undoable,
        evidence,
        predictedGain,
        reason: failure,
      });
      this.#coolDown([action]);
      throw cause;
    }
    this.#trial = { decision, action, undo, evidence, predictedGain, costBefore, costsAfter: [] };
    this.#startAfresh();
  }

  async #measure(trial: Trial, window: Window): Promise<void> {
    trial.costsAfter.push(costOf(window, this.#weights));
    if (trial.costsAfter.length < this.#windowsPerMeasurement) return;
    const { decision, action, undo, evidence, predictedGain } = trial;
    const measuredGain = trial.costBefore - mean(trial.costsAfter);
    const kept = measuredGain >= keptShareMin * predictedGain;
    const undoable = undo === undefined ? {} : { undo };
    const outcome = `gained ${format(measuredGain)} of the predicted ${format(predictedGain)}`;
    const common = { decision, action, ...undoable, evidence, predictedGain, measuredGain };
    this.#trial = undefined;
    if (kept) this.#note({ ...common, stage: 'LIVE', reason: `kept: ${outcome}` });
    else if (undo === undefined)
      this.#note({ ...common, stage: 'RETIRED', reason: `nothing to undo: ${outcome}` });
    else {
      this.#note({ ...common, stage: 'REVERTED', reason: `undone: ${outcome}` });
      await this.#act(undo);
    }
    if (!kept) this.#coolDown([action]);
    this.#startAfresh();
  }

  async #act(action: Action): Promise<void> {
    if (action.type === 'index-policy') this.#plant.setPolicy(action.policy);
    await this.#plant.merge();
  }

  /** After an action the old readings say nothing of the new state: the next window starts now. */
  #startAfresh(): void {
    const { signal } = this.#unanswered ?? {};
    if (signal !== 'hardness' && signal !== 'hardware') this.#unanswered = undefined;
    this.#recent.length = 0;
    this.#signals.forgetReadings();
    this.#windowStart = this.#plant.observe();
  }

  #costOfRecent(): number {
    return mean(this.#recent.map((window) => costOf(window, this.#weights)));
  }

  #coolDown(actions: readonly Action[]): void {
    for (const action of actions)
      this.#coolDowns.set(keyOf(action), this.#windowCount + this.#coolDownWindows);
  }

  #note(entry: Omit<Parameters<Journal['append']>[0], 'timeMs'>): void {
    this.#journal.append({ ...entry, timeMs: this.#now() });
  }
}

/** Before anything is written down. @throws VarveError ARGUMENT_INVALID */
function checkRequest(action: Action, options: { readonly predictedGain?: number }): void {
  requireObject(action, 'an action');
  if (action.type === 'index-policy') requireIndexPolicy(action.policy);
  else if (action.type !== 'merge') throw invalid(`no action ${shown((action as Action).type)}`);
  requireObject(options, 'the options of a request');
  const { predictedGain } = options;
  if (predictedGain !== undefined && !Number.isFinite(predictedGain))
    throw invalid('predictedGain is not a number');
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint: "actions are 'index-policy' and 'merge'" });
}

function keyOf(action: Action): string {
  return action.type === 'merge' ? 'merge' : `${action.policy.kind}/${action.policy.errorBound ?? ''}`;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function format(value: number): string {
  return String(Number(value.toPrecision(4)));
}
