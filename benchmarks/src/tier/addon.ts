/** Case `addon`: bytes of the native addon as it ships. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case } from '../result.js';
import { exact } from '../statistics.js';

const folder = fileURLToPath(new URL('../../../native/addons/embedded/', import.meta.url));

export function addon(): Case {
  const [name, ...others] = readdirSync(folder).filter((file) => file.endsWith('.node'));
  if (name === undefined || others.length > 0) throw new Error(`${folder} must hold exactly one .node file`);
  const bytes = readFileSync(join(folder, name));
  // The name of the symbol table's section stands in the file for as long as there is one.
  if (bytes.includes('.symtab')) throw new Error(`${name} is not stripped`);
  return {
    case: 'addon',
    metric: 'stripped size',
    unit: 'B',
    better: 'lower',
    values: { varve: exact(bytes.length) },
  };
}
