// The name of the compiled addon on this platform. Plain JavaScript, because the build needs it before anything else.

/** For example `varve-embedded.linux-x64-gnu.node`. */
export function addonFile() {
  return `varve-embedded.${process.platform}-${process.arch}${libc()}.node`;
}

function libc() {
  if (process.platform === 'win32') return '-msvc';
  if (process.platform !== 'linux') return '';
  // Node reports the version of glibc; on musl there is none.
  const header = /** @type {{glibcVersionRuntime?: string}} */ (
    /** @type {{header: object}} */ (process.report?.getReport() ?? { header: {} }).header
  );
  return header.glibcVersionRuntime === undefined ? '-musl' : '-gnu';
}
