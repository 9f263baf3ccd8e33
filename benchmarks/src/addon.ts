/** Case `addon`: bytes of the native addon of a tier as it ships. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case, Size } from './result.js';
import { exact } from './statistics.js';

/**
 * The size of a tier's addon.
 *
 * @param tier as its folder is named @param size at the small one the addon may be a build for tests, with symbols
 */
export function addon(tier: 'embedded' | 'pc', size: Size): Case {
  const folder = fileURLToPath(new URL(`../../native/addons/${tier}/`, import.meta.url));
  const [name, ...others] = readdirSync(folder).filter((file) => file.endsWith('.node'));
  if (name === undefined || others.length > 0) throw new Error(`${folder} must hold exactly one .node file`);
  const bytes = readFileSync(join(folder, name));
  // The name of the symbol table's section stands in the file for as long as there is one.
  if (size === 'real' && bytes.includes('.symtab')) throw new Error(`${name} is not stripped`);
  return {
    case: 'addon',
    metric: 'stripped size',
    unit: 'B',
    better: 'lower',
    values: { varve: exact(bytes.length) },
  };
}
