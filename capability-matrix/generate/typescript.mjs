// The capability schema as readonly TypeScript types, and the claims of every tier as typed data.
import { refName } from './names.mjs';

const head = '// Generated from capability-matrix/schema and tiers/*/capabilities.json; do not edit.';

/** @param {any} schema @param {[string, any][]} tiers */
export function typescriptTypes(schema, tiers) {
  const definitions = Object.entries({ [schema.title]: schema, ...schema.definitions });
  return [head, ...definitions.map(([name, type]) => definition(name, type)), claims(tiers)].join('\n\n');
}

/** @param {string} name @param {any} type */
function definition(name, type) {
  if (type.enum)
    return `/** ${type.description} */\nexport type ${name} = ${type.enum.map(literal).join(' | ')};`;
  const fields = Object.entries(type.properties).map(([field, value]) => {
    const optional = type.required?.includes(field) ? '' : '?';
    return `${describe(value)}readonly ${field}${optional}: ${expression(value)};`;
  });
  return `/** ${type.description} */\nexport interface ${name} {\n${fields.join('\n')}\n}`;
}

/** @param {any} type @returns {string} */
function expression(type) {
  if (type.$ref) return refName(type.$ref);
  if (type.const !== undefined) return literal(type.const);
  if (type.type === 'array') return `readonly ${expression(type.items)}[]`;
  return type.type === 'integer' ? 'number' : type.type;
}

/** @param {[string, any][]} tiers */
function claims(tiers) {
  const entries = tiers.map(([tier, { $schema: _, ...data }]) => `${tier}: ${JSON.stringify(data)},`);
  return `/** What each tier that exists claims; the error \`CAPABILITY_MISSING\` looks here for the tier to name. */
export const tierCapabilities: Readonly<Partial<Record<Tier, Capabilities>>> = {${entries.join('\n')}};
`;
}

/** @param {any} type */
function describe({ description, type, minimum, maximum }) {
  if (description === undefined) return '';
  const range = type === 'integer' ? ` Integer, ${minimum} to ${maximum}.` : '';
  return `/** ${description}${range} */\n`;
}

/** @param {unknown} value */
const literal = (value) => JSON.stringify(value);
