/** Builds a Rust program of this package, optimised, where Cargo keeps what it builds. */
import { fileURLToPath } from 'node:url';
import { run } from './command.js';

/**
 * @param folder of the program's Cargo workspace, relative to this package
 * @param name of the program
 * @returns where it lies
 */
export async function buildProgram(folder: string, name: string): Promise<string> {
  const manifest = fileURLToPath(new URL(`../${folder}/Cargo.toml`, import.meta.url));
  const build = ['build', '--release', '--locked', '--manifest-path', manifest, '--message-format=json'];
  return programOf(await run('cargo', build), name);
}

/** Cargo names the program that it built, wherever its target folder is. */
function programOf(messages: string, name: string): string {
  const artifact = messages
    .split('\n')
    .filter((line) => line.includes('"executable":"'))
    .map((line) => JSON.parse(line) as { executable: string; target: { name: string } })
    .find(({ target }) => target.name === name);
  if (artifact === undefined) throw new Error(`cargo built no program named ${name}`);
  return artifact.executable;
}
