/** What the parts get from the platform, and what they tell. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulatedPlatform, SimulatedMemory } from '@varve/conformance';
import { open } from '@varve/embedded';
import { expect, it } from 'vitest';

/** Bytes written before the first memtable is full, by limit of memory. */
async function flushesAfter(writtenBytes: number, limitBytes: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'varve-parts-'));
  const memory = new SimulatedMemory({ limitBytes, usedBytes: limitBytes / 2 });
  const platform = { ...createSimulatedPlatform({ seed: 1 }), memory };
  const db = await open<Uint8Array, Uint8Array>(folder, {
    platform,
    valueEncoding: 'view',
    keyEncoding: 'view',
  });
  const value = new Uint8Array(16_384);
  for (let key = 0; key * value.length < writtenBytes; key += 1) {
    await db.commit([{ type: 'put', key, value }], { durability: 'fast' });
  }
  const { flushes, memtableEntries } = db.stats();
  const started = flushes + (memtableEntries * value.length < writtenBytes ? 1 : 0);
  await db.close();
  rmSync(folder, { recursive: true });
  return started;
}

it('makes memtables as small as the memory limit asks', async () => {
  expect(await flushesAfter(2 << 20, 8 << 20)).toBeGreaterThan(0);
  expect(await flushesAfter(2 << 20, 1 << 30)).toBe(0);
});

it('leaves a record per flush, at the time of the injected clock', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-parts-'));
  const platform = createSimulatedPlatform({ seed: 1 });
  const db = await open(folder, { platform });
  await db.put('key', 'value');
  const heard = new Promise((resolve) => db.telemetry.subscribe(resolve));
  await db.flush();
  await heard;
  const [record] = db.telemetry.snapshot().recent;
  expect(record).toMatchObject({ template: 'kv.flush', work: { entryCount: 1 } });
  expect(record?.startedMs).toBe(platform.clock.wallMs() - (record?.elapsedMs ?? 0));
  await db.close();
  rmSync(folder, { recursive: true });
});
