// One spelling of each name per language.

/** `STORE_LOCKED`, `linux-x64-gnu` or `keyBytes` → `StoreLocked`, `LinuxX64Gnu`, `KeyBytes`. @param {string} name */
export const pascalCase = (name) =>
  snakeCase(name).replace(/(^|_)(.)/g, (_, __, letter) => letter.toUpperCase());

/** `coresMin` or `linux-x64-gnu` → `cores_min`, `linux_x64_gnu`. @param {string} name */
export const snakeCase = (name) =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/-/g, '_')
    .toLowerCase();

/** The definition that a `$ref` names. @param {string} ref */
export const refName = (ref) => ref.replace('#/definitions/', '');
