/** How far a query is, in one line. */
import type { QueryProgress } from '@varve/interfaces';

/** A bar when the end is known, else what was read so far. @param elapsedMs since the query began */
export function progressBar(
  { rowsScanned, rowsTotal, bytesScanned }: QueryProgress,
  elapsedMs: number,
  width: number,
): string {
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`;
  const read = `${count(rowsScanned)} rows${bytesScanned > 0 ? `, ${count(bytesScanned)}B` : ''}`;
  if (rowsTotal <= 0) return `${read}, ${seconds}`;
  const share = Math.min(1, rowsScanned / rowsTotal);
  const tail = ` ${Math.floor(share * 100)}% ${read}, ${seconds}`;
  const room = Math.max(5, Math.min(40, width - tail.length - 2));
  const full = Math.round(share * room);
  return `[${'█'.repeat(full)}${'░'.repeat(room - full)}]${tail}`;
}

function count(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let size = value;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${unit === 0 ? size : size.toPrecision(3)}${unit === 0 ? '' : ` ${units[unit]}`}`;
}
