/** Turns the failures of LevelDB and of the file system into `VarveError`s. */
import { type ErrorCode, VarveError } from '@varve/interfaces';

/** What LevelDB and libuv say, most specific first. LevelDB reports the system's own words. */
const signs: readonly (readonly [sign: RegExp, code: ErrorCode, hint: string])[] = [
  [
    /LEVEL_LOCKED|: lock .*LOCK|already held by process/,
    'STORE_LOCKED',
    'close the other store first; one process owns a directory',
  ],
  [
    /No space left|ENOSPC|quota|EDQUOT|File too large|EFBIG/i,
    'STORE_FULL',
    'free space on the disk, then open the store again',
  ],
  [/Too many open files|EMFILE|ENFILE/, 'STORE_DESCRIPTORS', 'raise the limit on open files (ulimit -n)'],
  [
    /Permission denied|Read-only|EACCES|EPERM|EROFS|Not a directory|ENOTDIR|File exists|EEXIST/,
    'STORE_UNWRITABLE',
    'check the path and its owner',
  ],
  [
    // A table that is cut short answers "Invalid argument": LevelDB reads it through a map of the file.
    /LEVEL_CORRUPTION|Corruption|(?:MANIFEST-\d+|CURRENT|\.ldb|\.sst): (?:No such file|Invalid argument)/,
    'STORE_DAMAGED',
    'restore a copy of the folder, or salvage what is readable',
  ],
];

/**
 * The error to throw for `cause`.
 *
 * @param doing what failed, with the path, such as `cannot open /data/level`
 */
export function levelError(doing: string, cause: unknown): VarveError {
  if (cause instanceof VarveError) {
    return cause;
  }
  const said = sayings(cause);
  const [, code, hint] = signs.find(([sign]) => sign.test(said)) ?? [undefined, 'STORE_IO' as const, ''];
  return new VarveError(code, { message: `${doing}: ${said}`, hint, cause });
}

/** `STORE_DAMAGED` at a place. */
export function damaged(place: string, what: string, cause?: unknown): VarveError {
  return new VarveError('STORE_DAMAGED', {
    message: `${place}: ${what}`,
    hint: 'restore a copy of the folder, or salvage what is readable',
    cause,
  });
}

/** Whether the file system said that a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Codes and messages of an error and its causes. */
function sayings(cause: unknown): string {
  const said: string[] = [];
  for (let error = cause; error instanceof Error && said.length < 4; error = error.cause) {
    const code = 'code' in error && typeof error.code === 'string' ? `${error.code} ` : '';
    said.push(code + error.message);
  }
  return said.length === 0 ? String(cause) : said.join(': ');
}
