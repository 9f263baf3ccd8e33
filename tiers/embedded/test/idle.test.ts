/** An idle open store sleeps: the claim `idleWakeupsPerSecondMax`, measured by the kernel's own counters. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { capabilities, open } from '@varve/embedded';
import { expect, it } from 'vitest';

const watchedSeconds = 4;

it.runIf(process.platform === 'linux')('hardly wakes the processor', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-idle-'));
  const db = await open(folder);
  await db.put('key', 'value');
  await db.flush();
  await setTimeout(500);
  const before = wakeups();
  expect(before.size).toBeGreaterThan(0);
  await setTimeout(watchedSeconds * 1000);
  const after = wakeups();
  const sum = [...after].reduce((total, [thread, count]) => total + count - (before.get(thread) ?? 0), 0);
  expect(sum / watchedSeconds).toBeLessThanOrEqual(capabilities.device.energy.idleWakeupsPerSecondMax);
  await db.close();
  rmSync(folder, { recursive: true });
});

/** Times that each thread of the store went to sleep and was woken, by thread id. */
function wakeups(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const thread of readdirSync('/proc/self/task')) {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
    if (!/^Name:\s+varve/m.test(status)) continue;
    counts.set(thread, Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]));
  }
  return counts;
}
