/** Types as SQL names them. */
import type { SqlType } from '@varve/interfaces';

export function typeText(type: SqlType): string {
  switch (type.kind) {
    case 'integer': {
      const name = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[type.bits];
      return type.signed ? name : `${name} UNSIGNED`;
    }
    case 'float':
      return { 16: 'FLOAT16', 32: 'REAL', 64: 'DOUBLE' }[type.bits];
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'text':
      return 'VARCHAR';
    case 'binary':
      return 'BYTEA';
    case 'timestamp':
      return type.zone === undefined ? 'TIMESTAMP' : 'TIMESTAMP WITH TIME ZONE';
    case 'list':
      return `${typeText(type.item.type)}[]`;
    case 'struct':
      return `STRUCT<${type.fields.map(({ name, type: part }) => `${name} ${typeText(part)}`).join(', ')}>`;
    case 'map':
      return `MAP<${typeText(type.key.type)}, ${typeText(type.value.type)}>`;
    case 'union':
      return `UNION<${type.fields.map(({ type: part }) => typeText(part)).join(', ')}>`;
    default:
      return type.kind.toUpperCase();
  }
}
