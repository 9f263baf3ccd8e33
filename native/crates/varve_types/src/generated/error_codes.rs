// Generated from capability-matrix/data/error-codes.json; do not edit.

/// Every error code of Varve. Codes are stable API; messages may improve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// An argument has the wrong type, shape or range.
    ArgumentInvalid,
    /// The output buffer cannot hold the answer; the needed size is in the message.
    BufferTooSmall,
    /// This tier or trim does not have what was asked for; the hint names the one that has.
    CapabilityMissing,
    /// A key is longer than the limit.
    KeyTooLarge,
    /// A value is longer than the limit.
    ValueTooLarge,
    /// A documented limit on size or count would be exceeded.
    LimitExceeded,
    /// Another process or store object owns this directory.
    StoreLocked,
    /// The store, transaction, snapshot, statement or cursor is closed.
    StoreClosed,
    /// Stored bytes fail their checksum or structure; file and offset are in the message.
    StoreDamaged,
    /// The directory or file was not written by Varve.
    StoreForeign,
    /// The file was written by a newer Varve than this one.
    StoreNewerFormat,
    /// A sync failed, so what is on disk is unknown; the store refuses work until it is reopened.
    StorePoisoned,
    /// The disk is full or a quota is reached.
    StoreFull,
    /// The directory cannot be created or written.
    StoreUnwritable,
    /// The process is out of file descriptors.
    StoreDescriptors,
    /// The operating system reported an input or output error.
    StoreIo,
    /// The directory holds no store and createIfMissing is false.
    StoreMissing,
    /// The directory holds a store and errorIfExists is true.
    StoreExists,
    /// The database or the snapshot is open for reading only, and the statement writes.
    StoreReadOnly,
    /// A serialised index image fails its checksum or structure.
    IndexDamaged,
    /// Keys handed to an index build are not in ascending order.
    IndexUnsorted,
    /// The SQL text cannot be parsed; line and column are in the message.
    SqlSyntax,
    /// The SQL is well formed, but this engine does not have what it asks for.
    SqlUnsupported,
    /// A table, column, function or index is unknown, ambiguous or already there.
    SqlName,
    /// The types of an expression, column or parameter do not fit together.
    SqlType,
    /// A value cannot be computed or represented: division by zero, overflow, or text that is not of the type.
    SqlValue,
    /// A statement, its plan or a file that it reads is too long, too wide or nested too deeply.
    SqlLimit,
    /// A row breaks a primary key, NOT NULL or CHECK; the constraint is in the message.
    ConstraintViolated,
    /// Another transaction changed the same rows first; run the transaction again.
    TransactionConflict,
    /// The statement does not fit the state of the transaction: none is open, one is already, or an error ended it.
    TransactionState,
    /// The query was cancelled by its caller.
    QueryCancelled,
    /// The query needs more than the memory limit and cannot spill the rest to disk.
    MemoryExceeded,
    /// A file that the SQL names does not exist.
    FileMissing,
    /// A file that the SQL names lies outside the allowed folders, or its scheme is not allowed.
    FileForbidden,
    /// A file that the SQL names is not what its format requires; file and place are in the message.
    FileMalformed,
    /// The engine broke a rule of its own, which is a defect of Varve; data on disk are as before.
    EngineDefect,
    /// A model file fails its hash or structure.
    ModelDamaged,
    /// The model uses an operator, type or version that this runtime does not have.
    ModelUnsupported,
    /// The model exceeds a size limit.
    ModelTooLarge,
    /// No model of that name is loaded.
    ModelMissing,
    /// The input does not match the schema of the model.
    ModelShape,
}

impl ErrorCode {
    /// The code as users see it, for example `STORE_LOCKED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArgumentInvalid => "ARGUMENT_INVALID",
            Self::BufferTooSmall => "BUFFER_TOO_SMALL",
            Self::CapabilityMissing => "CAPABILITY_MISSING",
            Self::KeyTooLarge => "KEY_TOO_LARGE",
            Self::ValueTooLarge => "VALUE_TOO_LARGE",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::StoreLocked => "STORE_LOCKED",
            Self::StoreClosed => "STORE_CLOSED",
            Self::StoreDamaged => "STORE_DAMAGED",
            Self::StoreForeign => "STORE_FOREIGN",
            Self::StoreNewerFormat => "STORE_NEWER_FORMAT",
            Self::StorePoisoned => "STORE_POISONED",
            Self::StoreFull => "STORE_FULL",
            Self::StoreUnwritable => "STORE_UNWRITABLE",
            Self::StoreDescriptors => "STORE_DESCRIPTORS",
            Self::StoreIo => "STORE_IO",
            Self::StoreMissing => "STORE_MISSING",
            Self::StoreExists => "STORE_EXISTS",
            Self::StoreReadOnly => "STORE_READ_ONLY",
            Self::IndexDamaged => "INDEX_DAMAGED",
            Self::IndexUnsorted => "INDEX_UNSORTED",
            Self::SqlSyntax => "SQL_SYNTAX",
            Self::SqlUnsupported => "SQL_UNSUPPORTED",
            Self::SqlName => "SQL_NAME",
            Self::SqlType => "SQL_TYPE",
            Self::SqlValue => "SQL_VALUE",
            Self::SqlLimit => "SQL_LIMIT",
            Self::ConstraintViolated => "CONSTRAINT_VIOLATED",
            Self::TransactionConflict => "TRANSACTION_CONFLICT",
            Self::TransactionState => "TRANSACTION_STATE",
            Self::QueryCancelled => "QUERY_CANCELLED",
            Self::MemoryExceeded => "MEMORY_EXCEEDED",
            Self::FileMissing => "FILE_MISSING",
            Self::FileForbidden => "FILE_FORBIDDEN",
            Self::FileMalformed => "FILE_MALFORMED",
            Self::EngineDefect => "ENGINE_DEFECT",
            Self::ModelDamaged => "MODEL_DAMAGED",
            Self::ModelUnsupported => "MODEL_UNSUPPORTED",
            Self::ModelTooLarge => "MODEL_TOO_LARGE",
            Self::ModelMissing => "MODEL_MISSING",
            Self::ModelShape => "MODEL_SHAPE",
        }
    }
}
