// Reads the data that everything generated comes from.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The repository's root as a URL. */
export const root = new URL('../../', import.meta.url);

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));

/** The JSON Schema of a capabilities.json. */
export const readSchema = () => readJson('capability-matrix/schema/capabilities.schema.json');

/** Code and meaning of every error. @returns {[string, string][]} */
export const readErrorCodes = () => Object.entries(readJson('capability-matrix/data/error-codes.json'));

/** Tier name and capabilities of every tier that exists, in the schema's order. @returns {[string, any][]} */
export function readTiers() {
  const folder = new URL('tiers/', root);
  const present = existsSync(folder) ? readdirSync(folder) : [];
  return readSchema()
    .definitions.Tier.enum.filter(
      (/** @type {string} */ tier) =>
        present.includes(tier) && existsSync(new URL(`${tier}/capabilities.json`, folder)),
    )
    .map((/** @type {string} */ tier) => [tier, readJson(`tiers/${tier}/capabilities.json`)]);
}
