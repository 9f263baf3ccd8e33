/** The suite of every contract that capabilities.json claims, on the tier as users open it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  controllerCases,
  durableLogCases,
  keyValueStoreCases,
  modelRuntimeCases,
  platformCases,
  telemetryCases,
} from '@varve/conformance';
import { createController } from '@varve/control';
import { capabilities, EmbeddedDatabase, limits } from '@varve/embedded';
import type { Contract } from '@varve/interfaces';
import { LevelLog } from '@varve/kv';
import { createNodePlatform, createTelemetry } from '@varve/runtime';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-embedded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How to run the suite of a contract here. */
const suites: Partial<Record<Contract, () => void>> = {
  KeyValueStore() {
    const factory = {
      limits,
      place: async () => mkdtempSync(join(folder, 'store-')),
      create: (place: string) => new EmbeddedDatabase<Uint8Array, Uint8Array>(place),
    };
    for (const { name, run } of keyValueStoreCases) it(name, () => run(factory));
  },
  // Only the log on LevelDB stands behind this contract; the native one is inside the engine. Faults are planted in
  // core/kv, where the files are at hand.
  DurableLog() {
    const factory = {
      supports: { losePower: false, failSync: false, flipBit: false },
      async place() {
        const directory = mkdtempSync(join(folder, 'log-'));
        return { create: () => new LevelLog(directory) };
      },
    };
    for (const { name, run } of durableLogCases) it(name, () => run(factory));
  },
  Controller() {
    for (const { name, run } of controllerCases) it(name, () => run(createController));
  },
  Platform() {
    const factory = {
      supports: { losePower: false },
      create: async () => ({
        platform: createNodePlatform(),
        folder: join(mkdtempSync(join(folder, 'platform-')), 'new'),
        wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
      }),
    };
    for (const { name, run } of platformCases) it(name, () => run(factory));
  },
  // Models live in memory beside the store, which need not be open.
  ModelRuntime() {
    const place = async () => mkdtempSync(join(folder, 'models-'));
    const create = () => new EmbeddedDatabase(join(folder, 'never-opened')).models;
    for (const { name, run } of modelRuntimeCases) it(name, () => run({ create, folder: place }));
  },
  Telemetry() {
    for (const { name, run } of telemetryCases) it(name, () => run(createTelemetry));
  },
};

for (const [contract, suite] of Object.entries(suites))
  describe(`${contract}`, () => {
    suite();
  });

it('runs the suite of every contract that it claims, and of no other', () => {
  expect(Object.keys(suites).toSorted()).toEqual(capabilities.contracts.toSorted());
});
