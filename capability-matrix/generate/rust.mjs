// The capability schema as Rust types, and the claims of every tier as constants: no parser, no allocation.
import { pascalCase, refName, snakeCase } from './names.mjs';

const head = `// Generated from capability-matrix/schema and tiers/*/capabilities.json; do not edit.

//! What each tier claims, as types and constants.`;

/** Fields that only help editors and have no place in compiled code. */
const editorFields = new Set(['$schema']);

/** @param {any} schema @param {[string, any][]} tiers */
export function rustTypes(schema, tiers) {
  const all = { [schema.title]: schema, ...schema.definitions };
  const types = Object.entries(all).map(([name, type]) => definition(name, type, all));
  const constants = tiers.map(
    ([tier, data]) => `/// What the ${tier} tier claims.
pub const ${snakeCase(tier).toUpperCase()}: ${schema.title} = ${value(data, { $ref: schema.title }, all)};`,
  );
  return `${[head, ...types, ...constants].join('\n\n')}\n`;
}

/** @param {string} name @param {any} type @param {any} all */
function definition(name, type, all) {
  return type.enum ? enumeration(name, type) : structure(name, type, all);
}

/** @param {string} name @param {any} type */
function enumeration(name, { description, enum: words }) {
  return `/// ${description}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ${name} {
${words.map((/** @type {string} */ word) => `/// \`${word}\`\n${pascalCase(word)},`).join('\n')}
}

impl ${name} {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
${words.map((/** @type {string} */ word) => `Self::${pascalCase(word)} => "${word}",`).join('\n')}
        }
    }
}`;
}

/** @param {string} name @param {any} type @param {any} all */
function structure(name, type, all) {
  const fields = fieldsOf(type).map(([field, part]) => {
    const optional = type.required?.includes(field) ? '' : 'Option';
    const shape = rustType(field, part);
    const text = part.description ?? all[refName(part.$ref)].description;
    return `/// ${text}\npub ${snakeCase(field)}: ${optional ? `Option<${shape}>` : shape},`;
  });
  return `/// ${type.description}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ${name} {
${fields.join('\n')}
}`;
}

/** @param {any} type @returns {[string, any][]} */
function fieldsOf(type) {
  return Object.entries(type.properties).filter(([field]) => !editorFields.has(field));
}

/** @param {string} field @param {any} part @returns {string} */
function rustType(field, part) {
  if (part.$ref) return refName(part.$ref);
  if (part.type === 'array') return `&'static [${rustType(field, part.items)}]`;
  if (part.type === 'boolean') return 'bool';
  if (field === 'unit') return 'Unit';
  return 'u64';
}

/** @param {any} data @param {any} part @param {any} all @returns {string} */
function value(data, part, all, field = '') {
  const type = part.$ref ? all[refName(part.$ref)] : part;
  if (type.enum) return `${refName(part.$ref)}::${pascalCase(data)}`;
  if (type.type === 'array')
    return `&[${data.map((/** @type {any} */ item) => value(item, type.items, all)).join(', ')}]`;
  if (type.type === 'object') {
    const fields = fieldsOf(type).map(
      ([name, inner]) => `${snakeCase(name)}: ${member(data[name], name, inner, type, all)}`,
    );
    return `${refName(part.$ref)} { ${fields.join(', ')} }`;
  }
  return field === 'unit' ? `Unit::${pascalCase(data)}` : String(data).replace(/\B(?=(\d{3})+$)/g, '_');
}

/** @param {any} data @param {string} name @param {any} part @param {any} owner @param {any} all */
function member(data, name, part, owner, all) {
  if (owner.required?.includes(name)) return value(data, part, all, name);
  return data === undefined ? 'None' : `Some(${value(data, part, all, name)})`;
}
