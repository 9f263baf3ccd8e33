/** Models inside the database. In this version: tiny models, natively. */
export {
  type ErrorCode,
  errorCodes,
  type LoadedModel,
  type LoadModelOptions,
  type ModelDescription,
  type ModelRuntime,
  VarveError,
} from '@varve/interfaces';
export { createModels } from './models.js';
