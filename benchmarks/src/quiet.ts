/** Waits for threads that go on after their engine has answered. */

const sliceMs = 5;
/** A process that does nothing still takes a little, for its timers. */
const busyMs = 1;
const waitMaxMs = 250;

/**
 * Returns once the threads of this process have rested for a moment, or after a quarter of a second: an engine may free
 * memory, or look for more work, long after it has answered, and on two processors that is time of whoever comes next.
 */
export async function quiet(): Promise<void> {
  const end = performance.now() + waitMaxMs;
  while (performance.now() < end) {
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, sliceMs));
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 < busyMs) return;
  }
}
