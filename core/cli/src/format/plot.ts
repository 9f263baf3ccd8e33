/** Charts of characters: horizontal bars, and lines of braille dots. Pure. */
import stringWidth from 'string-width';

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar per label. Negative values grow to the left of a common line. @param width places in all, at least 20 */
export function barChart(
  bars: readonly { readonly label: string; readonly value: number }[],
  width: number,
): string {
  if (bars.length === 0) return 'nothing to plot\n';
  const labels = bars.map(({ label }) => clipped(label, Math.floor(width / 3)));
  const figures = bars.map(({ value }) => figure(value));
  const labelWidth = Math.max(...labels.map((label) => stringWidth(label)));
  const room = Math.max(8, width - labelWidth - Math.max(...figures.map(({ length }) => length)) - 3);
  const finite = bars.map(({ value }) => (Number.isFinite(value) ? value : 0));
  const low = Math.min(0, ...finite);
  const span = Math.max(0, ...finite) - low || 1;
  const left = Math.round((-low / span) * room);
  return bars
    .map((_, at) => {
      const value = finite[at] ?? 0;
      const blanks = ' '.repeat(labelWidth - stringWidth(labels[at] ?? ''));
      return `${labels[at]}${blanks} ${bar(value / span, room, left)} ${figures[at]}\n`;
    })
    .join('');
}

function bar(share: number, room: number, left: number): string {
  if (share < 0) {
    const length = Math.min(left, Math.round(-share * room));
    return ' '.repeat(left - length) + '█'.repeat(length);
  }
  const steps = Math.round(share * room * 8);
  return ' '.repeat(left) + '█'.repeat(Math.floor(steps / 8)) + (eighths[steps % 8] ?? '');
}

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** The bits of a braille character, by column and row. */
const dots = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/**
 * Lines over a common pair of axes. Points that are not finite break a line.
 *
 * @param size places in all, with axes
 * @param xText how a place on the axis is shown
 */
export function lineChart(
  series: readonly Series[],
  size: { readonly width: number; readonly height: number },
  xText: (x: number) => string = figure,
): string {
  const points = series.flatMap((one) => one.points).filter(isFinitePoint);
  if (points.length === 0) return 'nothing to plot\n';
  const x = rangeOf(points.map((point) => point.x));
  const y = rangeOf(points.map((point) => point.y));
  const axis = [figure(y.high), figure(y.low)];
  const margin = Math.max(...axis.map(({ length }) => length));
  const canvas = new Canvas(Math.max(10, size.width - margin - 2), Math.max(3, size.height - 2));
  for (const { points: line } of series) drawLine(canvas, line, x, y);
  const rows = canvas.rows().map((row, at, all) => {
    const label = at === 0 ? axis[0] : at === all.length - 1 ? axis[1] : '';
    return `${(label ?? '').padStart(margin)} │${row}\n`;
  });
  const [from, to] = [xText(x.low), xText(x.high)];
  const gap = ' '.repeat(Math.max(1, canvas.width - stringWidth(from) - stringWidth(to)));
  const names =
    series.length > 1 ? `${' '.repeat(margin + 2)}${series.map(({ name }) => name).join(', ')}\n` : '';
  return `${rows.join('')}${' '.repeat(margin)} └${'─'.repeat(canvas.width)}\n${' '.repeat(margin + 2)}${from}${gap}${to}\n${names}`;
}

interface Range {
  readonly low: number;
  readonly high: number;
}

function drawLine(canvas: Canvas, points: Series['points'], x: Range, y: Range): void {
  let last: readonly [number, number] | undefined;
  for (const point of points) {
    if (!isFinitePoint(point)) {
      last = undefined;
      continue;
    }
    const place = [
      Math.round(shareOf(point.x, x) * (canvas.width * 2 - 1)),
      Math.round((1 - shareOf(point.y, y)) * (canvas.height * 4 - 1)),
    ] as const;
    canvas.line(last ?? place, place);
    last = place;
  }
}

class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #cells: Uint8Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#cells = new Uint8Array(width * height);
  }

  line([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): void {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let step = 0; step <= steps; step += 1) {
      const x = Math.round(x0 + ((x1 - x0) * step) / steps);
      const y = Math.round(y0 + ((y1 - y0) * step) / steps);
      const cell = (y >> 2) * this.width + (x >> 1);
      this.#cells[cell] = (this.#cells[cell] ?? 0) | dots[(x & 1) as 0 | 1][(y & 3) as 0 | 1 | 2 | 3];
    }
  }

  rows(): string[] {
    return Array.from({ length: this.height }, (_, row) =>
      String.fromCodePoint(
        ...Array.from(
          this.#cells.subarray(row * this.width, (row + 1) * this.width),
          (bits) => 0x28_00 + bits,
        ),
      ),
    );
  }
}

function rangeOf(values: readonly number[]): Range {
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return low === high ? { low: low - 1, high: high + 1 } : { low, high };
}

function shareOf(value: number, { low, high }: Range): number {
  return (value - low) / (high - low);
}

function isFinitePoint({ x, y }: { readonly x: number; readonly y: number }): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

/** Six digits are what an axis has room for. */
function figure(value: number): string {
  if (Number.isNaN(value)) return '–';
  return Number.isInteger(value) && Math.abs(value) < 1e9
    ? String(value)
    : String(Number(value.toPrecision(6)));
}

function clipped(label: string, width: number): string {
  let cut = '';
  for (const character of label.replace(/\p{Cc}/gu, ' ')) {
    if (stringWidth(cut + character) > width) return `${cut.slice(0, -1)}…`;
    cut += character;
  }
  return cut;
}
