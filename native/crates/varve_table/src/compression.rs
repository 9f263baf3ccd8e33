//! How columns are encoded when a segment is written.

use std::sync::Arc;

use vortex::file::WriteStrategyBuilder;
use vortex::layout::LayoutStrategy;
use vortex::session::VortexSession;

/// What a segment is written with.
pub(crate) fn strategy(session: &VortexSession) -> Arc<dyn LayoutStrategy> {
    WriteStrategyBuilder::from_session(session).build()
}
