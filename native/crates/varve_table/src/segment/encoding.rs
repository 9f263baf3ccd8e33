//! How the columns of a segment are kept, as far as who reads them may care.

use vortex::dtype::PType;
use vortex::expr::stats::{Precision, Stat};
use vortex::layout::LayoutRef;

use super::Segment;

/// How much of a column is kept as dictionaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dictionaries {
    /// The rows in them.
    pub rows: u64,
    /// How many values the greatest one has.
    pub values: u64,
}

impl Segment {
    /// How the column of this stored name is kept. One that has the same value in all rows, as one that was added later, is
    /// a dictionary of it.
    #[must_use]
    pub fn dictionaries(&self, stored_name: &str) -> Dictionaries {
        let root = self.file.footer().layout();
        let one = Dictionaries { rows: root.row_count(), values: 1 };
        let Some(place) = root.child_names().position(|name| name.as_ref() == stored_name) else {
            return one;
        };
        if self.has_one_value(place) {
            return one;
        }
        let column = root.children().ok().and_then(|columns| columns.into_iter().nth(place));
        column.map(|column| dictionaries(&column)).unwrap_or_default()
    }

    fn has_one_value(&self, place: usize) -> bool {
        let Some(stats) = self.file.file_stats().map(|stats| stats.get(place).0) else { return false };
        let nulls = stats.get_as::<u64>(Stat::NullCount, &PType::U64.into());
        match (nulls, stats.get(Stat::Min), stats.get(Stat::Max)) {
            (Precision::Exact(0), Precision::Exact(least), Precision::Exact(greatest)) => least == greatest,
            _ => false,
        }
    }
}

fn dictionaries(layout: &LayoutRef) -> Dictionaries {
    let children = layout.children().unwrap_or_default();
    match (layout.encoding_id().as_ref(), children.first()) {
        // Values, then codes; data, then the zone map.
        ("vortex.dict", Some(values)) => {
            Dictionaries { rows: layout.row_count(), values: values.row_count() }
        }
        ("vortex.zoned" | "vortex.stats", Some(data)) => dictionaries(data),
        ("vortex.chunked", _) => {
            children.iter().map(dictionaries).fold(Dictionaries::default(), |all, part| Dictionaries {
                rows: all.rows + part.rows,
                values: all.values.max(part.values),
            })
        }
        _ => Dictionaries::default(),
    }
}
