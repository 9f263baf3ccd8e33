/** Numbers and tables as text. */

/** `3,000,000` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Three digits that matter: `7,120`, `512`, `48.3`, `1.05` */
export function digits(value: number): string {
  if (value === 0) return '0';
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** `34.4 MB`, decimal units */
export function size(bytes: number): string {
  if (bytes >= 1e6) return `${digits(bytes / 1e6)} MB`;
  return bytes >= 1e3 ? `${digits(bytes / 1e3)} kB` : `${bytes} B`;
}

/** `512 ns`, `7.12 µs`, `3.40 ms` */
export function time(ns: number): string {
  if (ns >= 1e6) return `${digits(ns / 1e6)} ms`;
  return ns >= 1e4 ? `${digits(ns / 1e3)} µs` : `${digits(ns)} ns`;
}

/** Aligned columns: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      );
      return `  ${cells.join('   ')}`.trimEnd();
    })
    .join('\n');
}
