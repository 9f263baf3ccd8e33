export { IpcDecoder } from './arrow/ipc.js';
