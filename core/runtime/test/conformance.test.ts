import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlatformFactory, platformCases, telemetryCases } from '@varve/conformance';
import { createNodePlatform, createTelemetry } from '@varve/runtime';
import { afterAll, describe, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-platform-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nodePlatforms: PlatformFactory = {
  supports: { losePower: false },
  create: async () => ({
    platform: createNodePlatform(),
    folder: join(mkdtempSync(join(folder, 'case-')), 'new'),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }),
};

describe('the platform of Node', () => {
  for (const { name, run } of platformCases) it(name, () => run(nodePlatforms));
});

describe('bounded telemetry', () => {
  for (const { name, run } of telemetryCases) it(name, () => run(createTelemetry));
});
