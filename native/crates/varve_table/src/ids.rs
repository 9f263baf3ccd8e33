//! Numbers that name things for good: never reused within a database.

use std::fmt;

/// Defines a number that names one kind of thing, so that two kinds cannot be mixed up.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $number:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

id! {
    /// A table; stays the same when the table is renamed.
    TableId, u64
}
id! {
    /// A column within its table; stays the same when the column is renamed.
    ColumnId, u32
}
impl ColumnId {
    /// The name of its field in hot batches and segments.
    #[must_use]
    pub fn stored_name(self) -> String {
        format!("c{self}")
    }

    /// The column whose values a segment has under this name: the inverse of [`Self::stored_name`].
    pub(crate) fn of_stored_name(name: &str) -> Option<Self> {
        name.strip_prefix('c')?.parse().ok().map(Self)
    }
}

id! {
    /// A segment within the database; its file is named after it.
    SegmentId, u64
}
id! {
    /// A secondary index within the database.
    IndexId, u64
}
id! {
    /// The number of a commit: 1, 2, 3 without gaps.
    CommitSeq, u64
}
