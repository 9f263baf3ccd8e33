export { type ControllerOptions, createController, defaultWeights } from './controller.js';
export { firstBrokenEntry, Journal, type JournalDraft, journalEntriesMax } from './journal.js';
export { defaultThresholds, type Thresholds } from './signals.js';
