// The name of the compiled addon on this platform. Plain JavaScript, because the build needs it before anything else.

/**
 * Names that the addon of this platform may have. On Linux those of both C libraries, for a loader to try: to ask Node
 * which one it runs on takes a report of the whole process, some 240 KB of memory.
 */
export function addonFiles() {
  const platform = `varve-mobile.${process.platform}-${process.arch}`;
  if (process.platform === 'linux') return [`${platform}-gnu.node`, `${platform}-musl.node`];
  return [`${platform}${process.platform === 'win32' ? '-msvc' : ''}.node`];
}

/** The one of them that a build makes, such as `varve-mobile.linux-x64-gnu.node`. */
export function addonFile() {
  const [first = '', musl = first] = addonFiles();
  // Node reports the version of glibc; on musl there is none.
  const header = /** @type {{glibcVersionRuntime?: string}} */ (
    /** @type {{header: object}} */ (process.report?.getReport() ?? { header: {} }).header
  );
  return header.glibcVersionRuntime === undefined ? musl : first;
}
