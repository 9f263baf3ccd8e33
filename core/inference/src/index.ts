/** Models inside the database. In this version: tiny models, natively. */
export { createModels } from './models.js';
