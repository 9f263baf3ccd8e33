// Where things are. Every step asks here, so that no script depends on the folder it was started from.
import { fileURLToPath } from 'node:url';

/** The repository's root, without a trailing slash. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** What a build leaves for the next one: stamps, databases of `npm start`, reports. Not committed. */
export const stateFolder = `${root}/.varve`;
