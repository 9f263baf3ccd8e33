/** What only the real platform has: limits set on a process, errors of a file system, a process that ends. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNodePlatform } from '@varve/runtime';
import { afterAll, expect, it } from 'vitest';
import { addressSpaceLimit } from '../src/node-memory.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-node-platform-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runtime = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** Runs a module in a Node of its own and returns what it prints. */
function inProcess(script: string, limit = ''): string {
  const source = `import { createNodePlatform } from ${JSON.stringify(runtime)}; ${script}`;
  const command = `${limit} exec "$0" --input-type=module -e "$1"`;
  return execFileSync('bash', ['-c', command, process.execPath, source], {
    encoding: 'utf8',
    timeout: 20_000,
  });
}

it('reads the limit of the address space', () => {
  const line = (soft: string) =>
    `Limit  Soft  Hard  Units\nMax address space         ${soft}      unlimited  bytes\n`;
  expect(addressSpaceLimit(line('67108864'))).toBe(67_108_864);
  expect(addressSpaceLimit(line('unlimited'))).toBe(Number.POSITIVE_INFINITY);
  expect(addressSpaceLimit('')).toBe(Number.POSITIVE_INFINITY);
});

it.runIf(process.platform === 'linux')('takes a limit set by ulimit for the limit of memory', () => {
  const script = 'console.log(createNodePlatform().memory.limitBytes())';
  expect(Number(inProcess(script, 'ulimit -v 16000000;'))).toBeLessThanOrEqual(16_000_000 * 1024);
});

it('lets a process end while a task waits', () => {
  expect(inProcess("createNodePlatform().clock.after(60_000, () => {}); console.log('end')").trim()).toBe(
    'end',
  );
});

it('names a file in the way of a folder', async () => {
  writeFileSync(join(folder, 'file'), '');
  const { disk } = createNodePlatform();
  const error = { name: 'VarveError', code: 'STORE_UNWRITABLE', hint: expect.stringContaining('path') };
  await expect(disk.replace(join(folder, 'file', 'below'), new Uint8Array(1))).rejects.toMatchObject(error);
  await expect(disk.append(join(folder, 'file', 'below'), new Uint8Array(1))).rejects.toMatchObject(error);
  mkdirSync(join(folder, 'folder'));
  await expect(disk.append(join(folder, 'folder'), new Uint8Array(1))).rejects.toMatchObject(error);
});

it('does not list what a crash left of a replacement, and overwrites it', async () => {
  const { disk } = createNodePlatform();
  writeFileSync(join(folder, 'kept.varve-new'), 'torn');
  expect(await disk.list(folder)).not.toContain('kept.varve-new');
  await disk.replace(join(folder, 'kept'), new TextEncoder().encode('whole'));
  const found = await disk.read(join(folder, 'kept'), { byteCountMax: 100 });
  expect(new TextDecoder().decode(found)).toBe('whole');
});
