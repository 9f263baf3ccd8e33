/** The claims of this tier are true: what it says of itself, and the suites beside that of tables. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCapabilities } from '@varve/capability-matrix';
import { modelRuntimeCases, platformCases } from '@varve/conformance';
import { createModels } from '@varve/inference';
import { capabilities, open } from '@varve/mobile';
import { createNodePlatform } from '@varve/runtime';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-mobile-tier-'));
const fresh = (name: string): string => mkdtempSync(join(folder, name));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('claims what capabilities.json says', () => {
  const { $schema: _, ...claimed } = JSON.parse(
    readFileSync(new URL('../capabilities.json', import.meta.url), 'utf8'),
  );
  expect(capabilities).toEqual(claimed);
  expect(parseCapabilities(claimed)).toEqual(claimed);
});

describe('ModelRuntime', () => {
  it('is what an open database has beside it', async () => {
    const db = await open(fresh('models-'));
    expect(Object.getPrototypeOf(db.models)).toBe(Object.getPrototypeOf(createModels()));
    await db.close();
  });
  const factory = { create: createModels, folder: async () => fresh('models-') };
  it.each(modelRuntimeCases)('$name', ({ run }) => run(factory));
});

describe('Platform', () => {
  const create = async () => ({
    platform: createNodePlatform(),
    folder: join(fresh('platform-'), 'new'),
    wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  });
  it.each(platformCases)('$name', ({ run }) => run({ supports: { losePower: false }, create }));
});

it('runs the suite of every contract that it claims', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.ts'));
  const texts = files.map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'));
  const suites = texts.flatMap((text) => [...text.matchAll(/^describe\('(\w+)'/gm)].map(([, name]) => name));
  expect(suites).toEqual(expect.arrayContaining([...capabilities.contracts]));
});
