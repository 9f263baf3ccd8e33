/**
 * Small files through Node, each acknowledged write as durable as its contract says.
 *
 * Invariants
 * 1. A replaced file is written under another name, synced, renamed, and its folder synced: old or new, never a mix.
 * 2. Writes to one path happen one after another, in the order of the calls.
 *
 * A name that ends in `.varve-new` is a replacement under way; a crash may leave one, and the next one overwrites it.
 */
import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Disk, type ErrorCode, VarveError } from '@varve/interfaces';

const newSuffix = '.varve-new';

/** The codes of the contract for what the system reports. */
const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EFBIG: 'STORE_FULL',
  EMFILE: 'STORE_DESCRIPTORS',
  ENFILE: 'STORE_DESCRIPTORS',
  EACCES: 'STORE_UNWRITABLE',
  EPERM: 'STORE_UNWRITABLE',
  EROFS: 'STORE_UNWRITABLE',
  ENOTDIR: 'STORE_UNWRITABLE',
  EEXIST: 'STORE_UNWRITABLE',
  EISDIR: 'STORE_UNWRITABLE',
};

const hints: Partial<Record<ErrorCode, string>> = {
  STORE_FULL: 'free space on the disk',
  STORE_DESCRIPTORS: 'close other files or raise the descriptor limit',
  STORE_UNWRITABLE: 'choose a path that this user can create and write',
};

export class NodeDisk implements Disk {
  readonly #queues = new Map<string, Promise<unknown>>();

  async read(
    path: string,
    { byteCountMax }: { readonly byteCountMax: number },
  ): Promise<Uint8Array | undefined> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw failure('read', path, error, 'STORE_IO');
    }
    return during('read', path, file, async () => {
      const { size } = await file.stat();
      if (size > byteCountMax) {
        throw new VarveError('LIMIT_EXCEEDED', {
          message: `${path}: ${size} bytes are over the limit of ${byteCountMax}`,
        });
      }
      const bytes = new Uint8Array(size);
      let end = 0;
      while (end < size) {
        const { bytesRead } = await file.read(bytes, end, size - end, end);
        if (bytesRead === 0) break;
        end += bytesRead;
      }
      return bytes.subarray(0, end);
    });
  }

  append(path: string, bytes: Uint8Array): Promise<void> {
    return this.#inTurn(path, () =>
      writeWhole('append to', path, path, bytes, { flags: 'a', isSynced: false }),
    );
  }

  sync(path: string): Promise<void> {
    return this.#inTurn(path, async () => {
      const file = await open(path, 'r').catch((error: unknown) => {
        throw failure('sync', path, error, 'STORE_IO');
      });
      await during('sync', path, file, () => file.sync());
      await syncFolder(dirname(path), path);
    });
  }

  replace(path: string, bytes: Uint8Array): Promise<void> {
    // The bytes may wait for other writes, and belong to the caller.
    const copy = bytes.slice();
    return this.#inTurn(path, async () => {
      await writeWhole('replace', path, path + newSuffix, copy, { flags: 'w', isSynced: true });
      try {
        await rename(path + newSuffix, path);
      } catch (error) {
        throw failure('replace', path, error);
      }
      await syncFolder(dirname(path), path);
    });
  }

  remove(path: string): Promise<void> {
    return this.#inTurn(path, async () => {
      try {
        await unlink(path);
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return;
        throw failure('remove', path, error);
      }
      await syncFolder(dirname(path), path);
    });
  }

  async list(folder: string): Promise<readonly string[]> {
    try {
      const entries = await readdir(folder, { withFileTypes: true });
      const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
      return names.filter((name) => !name.endsWith(newSuffix)).toSorted();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw failure('list', folder, error, 'STORE_IO');
    }
  }

  #inTurn(path: string, task: () => Promise<void>): Promise<void> {
    const key = resolve(path);
    const result = (this.#queues.get(key) ?? Promise.resolve()).then(task);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.#queues.get(key) === settled) this.#queues.delete(key);
      });
    this.#queues.set(key, settled);
    return result;
  }
}

/** Writes all of `bytes`, creating file and folders; an error names `path`, which the caller knows. */
async function writeWhole(
  action: string,
  path: string,
  target: string,
  bytes: Uint8Array,
  { flags, isSynced }: { readonly flags: 'a' | 'w'; readonly isSynced: boolean },
): Promise<void> {
  let file: FileHandle;
  try {
    await createFolder(dirname(target));
    file = await open(target, flags);
  } catch (error) {
    throw failure(action, path, error);
  }
  await during(action, path, file, async () => {
    let end = 0;
    while (end < bytes.length) end += (await file.write(bytes, end, bytes.length - end)).bytesWritten;
    if (isSynced) await file.sync();
  });
}

/** Creates a folder with its parents, each name durable in the folder above it. */
async function createFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let at = dirname(resolve(folder)); at.length >= top.length; at = dirname(at)) {
    await syncFolder(at, folder);
    if (at === dirname(at)) break;
  }
}

/** Makes the names in a folder durable. */
async function syncFolder(folder: string, path: string): Promise<void> {
  // Windows cannot open a folder; there renames are durable with the file.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r').catch((error: unknown) => {
    throw failure('sync the folder of', path, error, 'STORE_IO');
  });
  await during('sync the folder of', path, handle, () => handle.sync());
}

/** Runs `body` and closes the file whatever happens. */
async function during<T>(action: string, path: string, file: FileHandle, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw error instanceof VarveError ? error : failure(action, path, error);
  } finally {
    await file.close();
  }
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** @param standard for what is none of the known codes, and for reads, which nothing makes unwritable */
function failure(action: string, path: string, cause: unknown, standard?: 'STORE_IO'): VarveError {
  if (cause instanceof VarveError) return cause;
  const known = codes[systemCode(cause)] ?? 'STORE_IO';
  const code = standard !== undefined && known === 'STORE_UNWRITABLE' ? standard : known;
  const why = cause instanceof Error ? cause.message : String(cause);
  const hint = hints[code] ?? 'check the disk and its log';
  return new VarveError(code, { message: `cannot ${action} ${path}: ${why}`, hint, cause });
}
