//! CREATE, ALTER and DROP.

mod alter;
mod index;
mod schema;
mod table;
mod view;

pub(super) use alter::alter_table;
pub(super) use index::{create_index, drop_index};
pub(super) use schema::{create_schema, drop_schema};
pub(super) use table::{create_table, drop_table, key_column};
pub(super) use view::{create_view, drop_view};

use varve_types::Result;

use crate::error::unknown;

/// How a DROP takes it when something is not there, or something else stands on it.
#[derive(Clone, Copy)]
pub(super) struct Dropping {
    pub if_exists: bool,
    pub cascade: bool,
}

impl Dropping {
    /// What it comes to when there is no such thing.
    fn nothing(self, what: &str, name: &str) -> Result<()> {
        if self.if_exists { Ok(()) } else { Err(unknown(what, name)) }
    }
}
