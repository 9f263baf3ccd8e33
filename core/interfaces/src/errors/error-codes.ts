// Generated from capability-matrix/data/error-codes.json; do not edit.

/** Every error code of Varve with its meaning. Codes are stable API; messages may improve. */
export const errorCodes = {
  ARGUMENT_INVALID: 'An argument has the wrong type, shape or range.',
  BUFFER_TOO_SMALL: 'The output buffer cannot hold the answer; the needed size is in the message.',
  CAPABILITY_MISSING: 'This tier or trim does not have what was asked for; the hint names the one that has.',
  KEY_TOO_LARGE: 'A key is longer than the limit.',
  VALUE_TOO_LARGE: 'A value is longer than the limit.',
  LIMIT_EXCEEDED: 'A documented limit on size or count would be exceeded.',
  STORE_LOCKED: 'Another process or store object owns this directory.',
  STORE_CLOSED: 'The store, transaction, snapshot, statement or cursor is closed.',
  STORE_DAMAGED: 'Stored bytes fail their checksum or structure; file and offset are in the message.',
  STORE_FOREIGN: 'The directory or file was not written by Varve.',
  STORE_NEWER_FORMAT: 'The file was written by a newer Varve than this one.',
  STORE_POISONED:
    'A sync failed, so what is on disk is unknown; the store refuses work until it is reopened.',
  STORE_FULL: 'The disk is full or a quota is reached.',
  STORE_UNWRITABLE: 'The directory cannot be created or written.',
  STORE_DESCRIPTORS: 'The process is out of file descriptors.',
  STORE_IO: 'The operating system reported an input or output error.',
  STORE_MISSING: 'The directory holds no store and createIfMissing is false.',
  STORE_EXISTS: 'The directory holds a store and errorIfExists is true.',
  STORE_READ_ONLY: 'The database or the snapshot is open for reading only, and the statement writes.',
  INDEX_DAMAGED: 'A serialised index image fails its checksum or structure.',
  INDEX_UNSORTED: 'Keys handed to an index build are not in ascending order.',
  SQL_SYNTAX: 'The SQL text cannot be parsed; line and column are in the message.',
  SQL_UNSUPPORTED: 'The SQL is well formed, but this engine does not have what it asks for.',
  SQL_NAME: 'A table, column, function or index is unknown, ambiguous or already there.',
  SQL_TYPE: 'The types of an expression, column or parameter do not fit together.',
  SQL_VALUE:
    'A value cannot be computed or represented: division by zero, overflow, or text that is not of the type.',
  SQL_LIMIT: 'A statement, its plan or a file that it reads is too long, too wide or nested too deeply.',
  CONSTRAINT_VIOLATED: 'A row breaks a primary key, NOT NULL or CHECK; the constraint is in the message.',
  TRANSACTION_CONFLICT: 'Another transaction changed the same rows first; run the transaction again.',
  TRANSACTION_STATE:
    'The statement does not fit the state of the transaction: none is open, one is already, or an error ended it.',
  QUERY_CANCELLED: 'The query was cancelled by its caller.',
  MEMORY_EXCEEDED: 'The query needs more than the memory limit and cannot spill the rest to disk.',
  FILE_MISSING: 'A file that the SQL names does not exist.',
  FILE_FORBIDDEN: 'A file that the SQL names lies outside the allowed folders, or its scheme is not allowed.',
  FILE_MALFORMED:
    'A file that the SQL names is not what its format requires; file and place are in the message.',
  ENGINE_DEFECT:
    'The engine broke a rule of its own, which is a defect of Varve; data on disk are as before.',
  MODEL_DAMAGED: 'A model file fails its hash or structure.',
  MODEL_UNSUPPORTED: 'The model uses an operator, type or version that this runtime does not have.',
  MODEL_TOO_LARGE: 'The model exceeds a size limit.',
  MODEL_MISSING: 'No model of that name is loaded.',
  MODEL_SHAPE: 'The input does not match the schema of the model.',
} as const;

/** A stable, documented error code. */
export type ErrorCode = keyof typeof errorCodes;
