/** The suite of the model runtime on tiny models. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelRuntimeCases } from '@varve/conformance';
import { createModels } from '@varve/inference';
import { afterAll, describe, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-models-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('tiny models', () => {
  const factory = { create: createModels, folder: async () => mkdtempSync(join(folder, 'case-')) };
  for (const { name, run } of modelRuntimeCases) it(name, () => run(factory));
});
