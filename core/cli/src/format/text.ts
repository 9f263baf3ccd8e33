/** Values as text for people and files, by the type of their column. */
import type { SqlField, SqlType, SqlValue } from '@varve/interfaces';

/** A value as one line of text; null has its own look in every format. */
export function valueText(value: SqlValue, type: SqlType): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return value;
  if (value instanceof Date) return dateText(value, type);
  if (value instanceof Uint8Array) return hexText(value);
  return typeof value === 'object' ? jsonText(value, type) : String(value);
}

/**
 * A value as JSON. Integers and decimals keep all their digits, as JSON allows; what JSON has no number for is text.
 */
export function jsonText(value: SqlValue, type: SqlType): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value === 'string') return type.kind === 'decimal' ? value : JSON.stringify(value);
  if (value instanceof Date) return JSON.stringify(dateText(value, type));
  if (value instanceof Uint8Array) return JSON.stringify(hexText(value));
  if (type.kind === 'map' && Array.isArray(value)) return mapJson(value as readonly SqlValue[], type);
  if (Array.isArray(value)) {
    const item = type.kind === 'list' ? type.item.type : unknownType;
    return `[${(value as readonly SqlValue[]).map((part) => jsonText(part, item)).join(',')}]`;
  }
  const object = value as Readonly<Record<string, SqlValue>>;
  return objectJson(object, type.kind === 'struct' ? type.fields : Object.keys(object).map(unknownField));
}

/** An object as JSON, with these fields in their order. */
export function objectJson(value: Readonly<Record<string, SqlValue>>, fields: readonly SqlField[]): string {
  const parts = fields.map(
    ({ name, type }) => `${JSON.stringify(name)}:${jsonText(value[name] ?? null, type)}`,
  );
  return `{${parts.join(',')}}`;
}

/** Whether a column's values stand on the right. */
export function isNumeric({ kind }: SqlType): boolean {
  return kind === 'integer' || kind === 'float' || kind === 'decimal' || kind === 'duration';
}

const unknownType: SqlType = { kind: 'null' };

function unknownField(name: string): SqlField {
  return { name, type: unknownType, nullable: true };
}

function mapJson(pairs: readonly SqlValue[], type: Extract<SqlType, { kind: 'map' }>): string {
  const entries = pairs.map((pair) => {
    const [key, value] = pair as readonly [SqlValue, SqlValue];
    return `${JSON.stringify(valueText(key, type.key.type))}:${jsonText(value, type.value.type)}`;
  });
  return `{${entries.join(',')}}`;
}

function dateText(value: Date, type: SqlType): string {
  if (Number.isNaN(value.getTime())) return 'invalid';
  const text = value.toISOString();
  if (type.kind === 'date') return text.slice(0, 10);
  const isZoned = type.kind === 'timestamp' && type.zone !== undefined;
  const local = text
    .slice(0, -1)
    .replace('T', ' ')
    .replace(/\.000$/, '');
  return isZoned ? `${local}Z` : local;
}

function hexText(value: Uint8Array): string {
  return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
}
