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
    /// The store, snapshot or cursor is closed.
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
    /// A serialised index image fails its checksum or structure.
    IndexDamaged,
    /// Keys handed to an index build are not in ascending order.
    IndexUnsorted,
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
            Self::IndexDamaged => "INDEX_DAMAGED",
            Self::IndexUnsorted => "INDEX_UNSORTED",
            Self::ModelDamaged => "MODEL_DAMAGED",
            Self::ModelUnsupported => "MODEL_UNSUPPORTED",
            Self::ModelTooLarge => "MODEL_TOO_LARGE",
            Self::ModelMissing => "MODEL_MISSING",
            Self::ModelShape => "MODEL_SHAPE",
        }
    }
}
