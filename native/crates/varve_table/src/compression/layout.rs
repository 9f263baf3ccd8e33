//! The layout of a segment: in which order its rows lie, and how each column is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Profile;
use crate::definition::Table;
use crate::ids::ColumnId;

/// How a segment is laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The sort key: columns by which the rows are sorted, NULLs last, in as few runs as memory allows. Empty when the rows
    /// lie as they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<ColumnId>,
    /// Profiles of columns; the others are kept as fresh rows are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<ColumnId, Profile>,
}

impl Layout {
    /// Rows by these columns.
    #[must_use]
    pub fn ordered_by(order: &[ColumnId]) -> Self {
        Self { order: order.to_vec(), ..Self::default() }
    }

    /// Whether it is that of fresh rows.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// How a column is kept.
    #[must_use]
    pub fn profile(&self, column: ColumnId) -> Profile {
        self.profiles.get(&column).copied().unwrap_or_default()
    }

    /// The same for the columns that `table` has: one without its first column sorts nothing.
    pub(crate) fn within(&self, table: &Table) -> Self {
        let is_there = |id: &&ColumnId| table.column(**id).is_some();
        let mut profiles = self.profiles.clone();
        profiles.retain(|id, profile| is_there(&id) && *profile != Profile::Ingest);
        Self { order: self.order.iter().take_while(is_there).copied().collect(), profiles }
    }
}
