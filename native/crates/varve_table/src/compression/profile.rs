//! Profiles: what a column of a segment is kept for.
//!
//! A profile is a set of schemes, a size of blocks and one of zones. All profiles are one table, [`Profile::recipe`]. Which
//! one serves a column is found by trial, on a sample of its values: no profile is better than another as such.

use serde::{Deserialize, Serialize};
use vortex::file::WriteStrategyBuilder;
use vortex::session::VortexSession;
use vortex_btrblocks::schemes::{float, integer, string};
use vortex_btrblocks::{BtrBlocksCompressorBuilder, SchemeExt, SchemeId};

/// Rows of a zone, unless a profile says otherwise.
pub(crate) const ZONE_ROWS: usize = 8192;

/// What a column of a segment is kept for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// As fresh rows are: all schemes, whatever is smallest.
    #[default]
    Ingest,
    /// To be read from end to end: large blocks, and no scheme whose values depend on those before them.
    Scan,
    /// To be filtered: small zones and blocks, and strings that are compared as they lie.
    Predicate,
    /// For single rows: blocks as small as what is decoded for one row, without schemes that decode more than was asked for.
    Point,
    /// To lie there: the largest blocks, and every scheme that this build has.
    Cold,
}

/// What a profile consists of.
struct Recipe {
    /// Bytes of a block before compression.
    block_bytes: u64,
    /// Rows that one entry of the zone map is of.
    zone_rows: usize,
    /// Schemes that are not tried.
    excluded: Vec<SchemeId>,
    /// Whether general compressors are tried where the build has them.
    compact: bool,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Scan, Self::Predicate, Self::Point, Self::Cold];

    /// As it is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Scan => "scan",
            Self::Predicate => "predicate",
            Self::Point => "point",
            Self::Cold => "cold",
        }
    }

    fn recipe(self) -> Recipe {
        let serial = || vec![integer::DeltaScheme::default().id(), float::ALPRDScheme.id()];
        let fragments = || vec![string::FSSTScheme.id(), string::OnPairScheme.id()];
        let runs =
            || vec![integer::RunEndScheme.id(), integer::IntRLEScheme.id(), float::FloatRLEScheme.id()];
        let of = |block_kib: u64, zone_rows, excluded: &[Vec<SchemeId>]| Recipe {
            block_bytes: block_kib << 10,
            zone_rows,
            excluded: excluded.concat(),
            compact: false,
        };
        match self {
            Self::Ingest => of(1 << 10, ZONE_ROWS, &[]),
            Self::Scan => of(2 << 10, ZONE_ROWS, &[serial()]),
            Self::Predicate => of(256, ZONE_ROWS / 4, &[serial(), fragments()]),
            Self::Point => of(64, ZONE_ROWS, &[serial(), fragments(), runs()]),
            Self::Cold => Recipe { compact: true, ..of(4 << 10, ZONE_ROWS, &[]) },
        }
    }

    /// What writes a column, or a whole row, in this way.
    pub(super) fn writer(self, session: &VortexSession) -> WriteStrategyBuilder {
        let recipe = self.recipe();
        let schemes = BtrBlocksCompressorBuilder::from_session(session).exclude_schemes(recipe.excluded);
        let schemes = if recipe.compact { schemes.with_compact() } else { schemes };
        WriteStrategyBuilder::from_session(session)
            .with_row_block_size(recipe.zone_rows)
            .with_data_block_target_bytes(Some(recipe.block_bytes))
            .with_btrblocks_builder(schemes)
    }
}
