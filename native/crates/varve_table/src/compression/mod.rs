//! How columns are encoded when a segment is written.

mod layout;
mod profile;
mod sample;
mod wide_dictionary;

use std::sync::Arc;

use arrow_schema::Schema;
use vortex::dtype::FieldPath;
use vortex::layout::LayoutStrategy;
use vortex::session::VortexSession;

use crate::ids::ColumnId;
pub use layout::Layout;
pub use profile::Profile;
pub(crate) use sample::{SAMPLE_ROWS, Sample};

/// What a segment is written with: Vortex chooses for each block of a column among the schemes of the column's profile, but
/// for columns that get one dictionary for the whole segment.
pub(crate) fn strategy(
    session: &VortexSession,
    schema: &Schema,
    sample: &Sample,
    layout: &Layout,
) -> Arc<dyn LayoutStrategy> {
    let mut builder = Profile::Ingest.writer(session);
    for (field, column) in schema.fields().iter().zip(sample.columns()) {
        let profile = ColumnId::of_stored_name(field.name()).map(|id| layout.profile(id)).unwrap_or_default();
        let writer = if column.has_wide_dictionary() {
            wide_dictionary::strategy(session)
        } else if profile == Profile::Ingest {
            continue;
        } else {
            profile.writer(session).build()
        };
        builder = builder.with_field_writer(FieldPath::from_name(field.name().as_str()), writer);
    }
    builder.build()
}
