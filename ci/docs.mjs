// Builds the API documentation of the packages that users install, into .varve/docs. Fails on a link that leads nowhere,
// on a type that is named but not exported, and on a declaration that says nothing of itself; the names of properties do.
//
// TypeDoc reads a package's source, and the dist of those that it imports: set up first. It needs a TypeScript that has
// an API, so it has one of its own beside it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, Converter, OptionDefaults, ReflectionKind } from 'typedoc';
import { root, stateFolder } from './lib/paths.mjs';
import { publicPackages } from './lib/public-packages.mjs';

const out = join(stateFolder, 'docs');
const folders = publicPackages().map((folder) => join(root, folder));
const mdn = 'https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects';

const app = await Application.bootstrap({
  name: 'Varve',
  logLevel: 'Warn',
  entryPointStrategy: 'packages',
  entryPoints: folders,
  packageOptions: { entryPoints: ['src/index.ts'], skipErrorChecking: true, disableSources: true },
  readme: 'none',
  highlightLanguages: [...OptionDefaults.highlightLanguages, 'sql'],
  githubPages: false,
  // Comments that come with abstract-level link to parameters, which have no page of their own.
  validation: { notExported: true, notDocumented: true, invalidLink: true, rewrittenLink: false },
  packagesRequiringDocumentation: folders.map(nameOf),
  requiredToBeDocumented: ['Class', 'Interface', 'TypeAlias', 'Variable', 'Function', 'Method'],
  externalSymbolLinkMappings: { typescript: { Set: `${mdn}/Set` } },
});
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => hideHooks(project));

const project = await app.convert();
if (project !== undefined) {
  app.validate(project);
  await app.generateDocs(project, out);
}
if (project === undefined || app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1;
else console.log(`docs: ${join(out, 'index.html')}`);

/** @param {string} folder @returns {string} */
function nameOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name;
}

/**
 * Leaves out what abstract-level calls of a store: names with an underscore, for whoever implements one.
 *
 * @param {import('typedoc').ProjectReflection} project
 */
function hideHooks(project) {
  for (const method of project.getReflectionsByKind(ReflectionKind.Method))
    if (method.name.startsWith('_')) project.removeReflection(method);
}
