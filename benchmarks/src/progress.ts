/** Tells a waiting person what goes on: one line on standard error, rewritten on a terminal, plain elsewhere. */

export interface Progress {
  /** Begins a step; the one before is done. */
  readonly step: (text: string) => void;
  /** How far the step is, 0 to 1. */
  readonly at: (share: number) => void;
  /** Ends the last step. */
  readonly end: () => void;
  /** Ends the last step, which did not succeed. */
  readonly fail: () => void;
}

/** @param stream standard error */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  let text = '';
  let startMs = 0;
  let drawnMs = 0;
  const seconds = (): string => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  const draw = (line: string): void => {
    stream.write(`\r\x1b[K${line.slice(0, (stream.columns ?? 80) - 1)}`);
  };
  const close = (mark: string): void => {
    if (text === '') return;
    if (stream.isTTY) stream.write('\r\x1b[K');
    stream.write(`${mark} ${text}  ${seconds()}\n`);
    text = '';
  };
  const end = (): void => close('✓');
  return {
    step(next) {
      end();
      text = next;
      startMs = performance.now();
      drawnMs = startMs;
      if (stream.isTTY) draw(`· ${text}`);
    },
    at(share) {
      const now = performance.now();
      if (now - drawnMs < (stream.isTTY ? 100 : 15_000)) return;
      drawnMs = now;
      const line = `${text}  ${Math.round(share * 100)} %  ${seconds()}`;
      if (stream.isTTY) draw(`· ${line}`);
      else stream.write(`  ${line}\n`);
    },
    end,
    fail: () => close('✗'),
  };
}
