/** A folder that is gone after the test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VarveStore, type VarveStoreOptions } from '@varve/kv';
import { afterAll } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-kv-'));
let created = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function freshLocation(): string {
  return join(folder, String(++created));
}

/** An open store over bytes in a fresh folder. */
export async function openFresh(
  options: VarveStoreOptions<Uint8Array, Uint8Array> = {},
): Promise<VarveStore<Uint8Array, Uint8Array>> {
  const store = new VarveStore(freshLocation(), { keyEncoding: 'view', valueEncoding: 'view', ...options });
  await store.open();
  return store;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
