/**
 * Progress of long work on stderr: one line with a bar on a terminal, a plain line now and then elsewhere.
 *
 * stdout stays free for results.
 */

/** One piece of work under way. */
export interface Progress {
  /** Tells how far it is. */
  readonly update: (done: number, total: number) => void;
  /** Ends the line. @param outcome what to say; it may depend on the seconds that passed @returns those seconds */
  readonly end: (outcome?: string | ((seconds: number) => string)) => number;
}

const barWidth = 24;
/** On a terminal the line is drawn again at most this often. */
const drawMs = 80;
/** Elsewhere a line says how far it is this often. */
const beatMs = 10_000;

/** Starts a line. @param label what is done, in the words of the person waiting */
export function startProgress(label: string): Progress {
  const terminal = process.stderr.isTTY === true;
  const start = performance.now();
  let spoken = start;
  if (!terminal) process.stderr.write(`· ${label}\n`);
  return {
    update(done, total) {
      const now = performance.now();
      if (now - spoken < (terminal ? drawMs : beatMs)) return;
      spoken = now;
      const share = total === 0 ? 1 : Math.min(1, done / total);
      const percent = `${Math.floor(share * 100)} %`;
      if (!terminal) process.stderr.write(`  ${label}: ${percent}, ${seconds(start)}\n`);
      else {
        const full = Math.round(share * barWidth);
        const line = `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${percent.padStart(5)}  ${label}  ${seconds(start)}`;
        process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
      }
    },
    end(outcome = '') {
      const elapsed = (performance.now() - start) / 1000;
      const said = typeof outcome === 'string' ? outcome : outcome(elapsed);
      const clear = terminal ? '\r\x1b[K' : '';
      process.stderr.write(`${clear}✓ ${label}  ${elapsed.toFixed(1)} s${said === '' ? '' : `  ${said}`}\n`);
      return elapsed;
    },
  };
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
