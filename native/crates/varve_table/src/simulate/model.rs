//! What a database ought to hold, and random work on it; both depend on a seed alone, so that a victim and its watcher
//! agree without a word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use varve_files::simulate::Random;

/// How many tables there are: the first has a primary key.
pub(super) const TABLES: usize = 2;
/// More rows than stay hot when they come together.
const SEGMENT_ROWS: i64 = 65_600;

/// What a row holds beyond its number; its text follows from number and stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub stamp: i64,
    /// The column that is added and dropped; 0 without it.
    pub extra: i64,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableModel {
    pub rows: BTreeMap<i64, Row>,
    /// The number of the added column.
    pub extra: Option<u32>,
    /// The columns of its index.
    pub index: Option<Vec<u32>>,
    /// The next free number of a row.
    next_row: i64,
    next_column: u32,
}

/// All tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Model(pub Vec<TableModel>);

/// One change of a table.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Append {
        rows: Vec<i64>,
        stamp: i64,
    },
    Delete {
        rows: Vec<i64>,
    },
    Update {
        rows: Vec<i64>,
        stamp: i64,
    },
    PutIndex(Vec<u32>),
    DropIndex,
    AddColumn {
        id: u32,
        missing: i64,
    },
    DropColumn,
    /// Done after a savepoint, and undone.
    Undone(Vec<Change>),
}

/// What is done in one go.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Commit(Vec<(usize, Change)>),
    /// Half of the segments, by `seed`, and maybe the hot rows, maybe sorted.
    Rewrite {
        table: usize,
        seed: u64,
    },
    KeepUp,
    /// Scans look for few rows by this column and take long; then tables adapt.
    Adapt {
        table: usize,
        column: u32,
    },
}

impl Model {
    pub(super) fn new() -> Self {
        Self(vec![TableModel { next_column: 3, ..TableModel::default() }; TABLES])
    }

    /// The step of this number, for what the model holds now.
    pub(super) fn step(&self, seed: u64, number: u64) -> Step {
        let random = &mut Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        match random.below(8) {
            0 | 1 => Step::Rewrite { table: random.below(TABLES as u64) as usize, seed: random.number() },
            2 if random.once_in(3) => Step::KeepUp,
            2 if random.once_in(2) => {
                Step::Adapt { table: random.below(TABLES as u64) as usize, column: random.below(3) as u32 }
            }
            _ => {
                let mut after = self.clone();
                let changes = (0..1 + random.below(4)).map(|_| {
                    let table = random.below(TABLES as u64) as usize;
                    let change = after.0[table].random_change(random, number as i64, true);
                    after.0[table].apply(&change);
                    (table, change)
                });
                Step::Commit(changes.collect())
            }
        }
    }

    /// A commit that is refused after one that failed.
    pub(super) fn nudge() -> Step {
        Step::Commit(vec![(1, Change::Append { rows: vec![-1], stamp: -1 })])
    }

    pub(super) fn apply(&mut self, step: &Step) {
        if let Step::Commit(changes) = step {
            for (table, change) in changes {
                self.0[*table].apply(change);
            }
        }
    }
}

impl TableModel {
    fn random_change(&self, random: &mut Random, stamp: i64, nests: bool) -> Change {
        let count = if random.once_in(30) { SEGMENT_ROWS } else { 1 + random.any_size(300) as i64 };
        let append = Change::Append { rows: (self.next_row..self.next_row + count).collect(), stamp };
        match random.below(16) {
            0..6 => append,
            6..8 => Change::Delete { rows: self.some(random) },
            8..11 => Change::Update { rows: self.some(random), stamp },
            11 | 12 => match self.index {
                Some(_) => Change::DropIndex,
                None => Change::PutIndex(random.pick(&[vec![1], vec![2], vec![2, 1]]).clone()),
            },
            13 => match self.extra {
                Some(_) => Change::DropColumn,
                None => Change::AddColumn { id: self.next_column, missing: stamp * 1000 },
            },
            _ if nests => {
                let mut inside = self.clone();
                let changes = (0..1 + random.below(3)).map(|_| {
                    let change = inside.random_change(random, stamp, false);
                    inside.apply(&change);
                    change
                });
                Change::Undone(changes.collect())
            }
            _ => append,
        }
    }

    /// Some of the rows that are there.
    fn some(&self, random: &mut Random) -> Vec<i64> {
        let step = 1 + random.any_size(60) as usize;
        let skip = random.below(1 + self.rows.len() as u64) as usize;
        self.rows.keys().skip(skip).step_by(step).take(2_000).copied().collect()
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Append { rows, stamp } | Change::Update { rows, stamp } => {
                let row = Row { stamp: *stamp, extra: if self.extra.is_some() { *stamp } else { 0 } };
                self.rows.extend(rows.iter().map(|number| (*number, row)));
                self.next_row = rows.last().map_or(self.next_row, |last| self.next_row.max(last + 1));
            }
            Change::Delete { rows } => rows.iter().for_each(|number| {
                self.rows.remove(number);
            }),
            Change::PutIndex(columns) => self.index = Some(columns.clone()),
            Change::DropIndex => self.index = None,
            Change::AddColumn { id, missing } => {
                (self.extra, self.next_column) = (Some(*id), id + 1);
                self.rows.values_mut().for_each(|row| row.extra = *missing);
            }
            Change::DropColumn => {
                self.extra = None;
                self.rows.values_mut().for_each(|row| row.extra = 0);
            }
            Change::Undone(_) => {}
        }
    }
}

/// The text of a row; every seventh has none.
pub(super) fn text(number: i64, stamp: i64) -> Option<String> {
    (number % 7 != 0).then(|| format!("row {number} as of step {stamp}"))
}
