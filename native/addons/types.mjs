// Renders the TypeScript types of the addon from what napi-derive writes while it expands its macros.

/**
 * @typedef {{kind: 'interface' | 'struct' | 'impl' | 'fn' | 'type' | 'const', name: string, js_doc: string, def: string,
 *   js_mod?: string}} Definition
 */

/**
 * @param {string} lines one JSON object per line @param {string} imports what the declarations name beside each other
 * @returns {string} a module of declarations
 */
export function renderTypes(lines, imports) {
  const definitions = lines
    .trim()
    .split('\n')
    .map((line) => /** @type {Definition} */ (JSON.parse(line)));
  /** @type {Map<string, string>} */
  const methods = new Map();
  // A class may have several blocks of methods, as Rust has them.
  for (const { kind, name, def } of definitions)
    if (kind === 'impl') methods.set(name, [methods.get(name) ?? [], def].flat().join('\n'));
  const blocks = definitions
    .filter(({ kind }) => kind !== 'impl')
    .map(
      (definition) => definition.js_doc.trimEnd() + newline(definition.js_doc) + render(definition, methods),
    );
  return `// Generated from native/crates/varve_napi by build.mjs; do not edit.\n${imports}\n${blocks.join('\n\n')}\n`;
}

/** @param {Definition} definition @param {Map<string, string>} methods */
function render({ kind, name, def }, methods) {
  if (kind === 'interface') return `export interface ${name} {\n${indent(def)}\n}`;
  if (kind === 'struct') {
    const body = [`private constructor();`, def, methods.get(name) ?? '']
      .filter((part) => part !== '')
      .join('\n');
    return `export declare class ${name} {\n${indent(body)}\n}`;
  }
  if (kind === 'fn') return `export declare ${def};`;
  throw new Error(`the addon exports a ${kind}, ${name}, which types.mjs does not know`);
}

/** @param {string} doc */
function newline(doc) {
  return doc.trim() === '' ? '' : '\n';
}

/** Two spaces, and a semicolon after each member. @param {string} text */
function indent(text) {
  return text
    .split('\n')
    .map((line) => {
      const trimmed = line.trim();
      const isComment = trimmed.startsWith('/*') || trimmed.startsWith('*');
      const star = trimmed.startsWith('*') ? ' ' : '';
      return `  ${star}${trimmed}${isComment || trimmed.endsWith(';') ? '' : ';'}`;
    })
    .join('\n');
}
