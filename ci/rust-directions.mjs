// Holds the directions of imports between Rust crates, as ARCHITECTURE.md draws them.
import { cratesOf } from './lib/cargo.mjs';

/** Crate → the crates of ours that it may name. Everything not listed here may name none. */
/** @type {Map<string, string[]>} */
const allowed = new Map(
  Object.entries({
    varve_types: [],
    varve_files: [],
    varve_index: ['varve_types'],
    varve_kv: ['varve_types', 'varve_files', 'varve_index'],
    varve_tiny: ['varve_types'],
    varve_table: ['varve_types', 'varve_files', 'varve_index'],
    varve_scan: ['varve_types', 'varve_table'],
    varve_sql: ['varve_types', 'varve_table', 'varve_tiny'],
    varve_napi: [
      'varve_types',
      'varve_files',
      'varve_index',
      'varve_kv',
      'varve_tiny',
      'varve_table',
      'varve_scan',
      'varve_sql',
    ],
    xtask: [],
  }),
);

/** External crates that only one crate of ours may name. */
const owners = new Map([
  ['napi', 'varve_napi'],
  ['napi-derive', 'varve_napi'],
  ['napi-sys', 'varve_napi'],
  ['datafusion', 'varve_sql'],
  ['rusqlite', 'varve_table'],
]);

/** Crate → an external crate of another that its tests compare answers with. */
const oracles = new Map([['varve_sql', 'rusqlite']]);

/** One line per forbidden dependency; dev-dependencies count too, but a crate may test itself. @returns {string[]} */
export function rustDirectionProblems() {
  return cratesOf('native/Cargo.toml').flatMap(({ name, dependencies }) =>
    dependencies.flatMap((dependency) => {
      const owner = owners.get(dependency.name);
      if (dependency.kind === 'dev' && oracles.get(name) === dependency.name) return [];
      if (owner !== undefined && owner !== name)
        return [`${name} names ${dependency.name}, which only ${owner} may`];
      if (dependency.path === undefined || dependency.name === name) return [];
      if (!allowed.has(name)) return [`${name} has no entry in ci/rust-directions.mjs`];
      return allowed.get(name)?.includes(dependency.name)
        ? []
        : [`${name} must not depend on ${dependency.name}`];
    }),
  );
}
