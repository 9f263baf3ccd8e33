//! How columns are encoded when a segment is written.

mod sample;
mod wide_dictionary;

use std::sync::Arc;

use arrow_schema::Schema;
use vortex::dtype::FieldPath;
use vortex::file::WriteStrategyBuilder;
use vortex::layout::LayoutStrategy;
use vortex::session::VortexSession;

pub(crate) use sample::{SAMPLE_ROWS, Sample};

/// What a segment is written with: Vortex chooses for each block of a column, but for columns that get one dictionary for
/// the whole segment.
pub(crate) fn strategy(session: &VortexSession, schema: &Schema, sample: &Sample) -> Arc<dyn LayoutStrategy> {
    let mut builder = WriteStrategyBuilder::from_session(session);
    for (field, _) in
        schema.fields().iter().zip(sample.columns()).filter(|(_, column)| column.has_wide_dictionary())
    {
        let path = FieldPath::from_name(field.name().as_str());
        builder = builder.with_field_writer(path, wide_dictionary::strategy(session));
    }
    builder.build()
}
