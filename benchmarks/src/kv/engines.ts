/** The engines by name. */
import type { EngineKind } from './engine.js';
import { level } from './level.js';
import { lmdb } from './lmdb.js';
import { sqlite } from './sqlite.js';
import { varve, varveOnLevel } from './varve.js';

export const engineKinds: readonly EngineKind[] = [varve, lmdb, level, sqlite];

/** With both durable logs of Varve. */
export const engineKindsWithLogs: readonly EngineKind[] = [varve, varveOnLevel, lmdb, level, sqlite];

/** @throws RangeError when there is no such engine */
export function engineKind(name: string): EngineKind {
  const found = engineKindsWithLogs.find((kind) => kind.name === name);
  if (found === undefined) throw new RangeError(`no engine is named ${name}`);
  return found;
}
