//! How the columns of a segment are kept, as far as who reads them may care.

use vortex::layout::LayoutRef;

use super::Segment;

impl Segment {
    /// How many values the greatest dictionary of a column has; `None` unless the column of this stored name is kept as
    /// dictionaries throughout.
    #[must_use]
    pub fn dictionary_values(&self, stored_name: &str) -> Option<u64> {
        let root = self.file.footer().layout();
        let place = root.child_names().position(|name| name.as_ref() == stored_name)?;
        dictionary_values(&root.children().ok()?.into_iter().nth(place)?)
    }
}

fn dictionary_values(layout: &LayoutRef) -> Option<u64> {
    let children = layout.children().ok()?;
    match layout.encoding_id().as_ref() {
        // Values, then codes; data, then the zone map.
        "vortex.dict" => Some(children.first()?.row_count()),
        "vortex.zoned" | "vortex.stats" => dictionary_values(children.first()?),
        "vortex.chunked" => {
            let parts = children.iter().map(dictionary_values).collect::<Option<Vec<_>>>()?;
            parts.into_iter().max()
        }
        _ => None,
    }
}
