//! The catalogue: one SQLite database with everything but the rows of segments. One SQLite commit is the commit.
//!
//! What it holds are *records*, in one SQLite table per [`Kind`], all of the same shape: a number, the Varve table that
//! the record belongs to, and a payload under a checksum. The row of `state` has the last commit, the next number, and a
//! *digest*: the sum of a hash of each record. SQLite's pages carry no checksums, so a damaged page may hide a row
//! without a trace; it does not go with the digest.
//!
//! Write-ahead log, `synchronous = FULL`: a commit is durable when it returns. What no checksum of the log can tell is
//! whether its end is missing, since an unfinished commit is cut off in the same way. So the number of the last commit is
//! also noted outside (`mark`), and a catalogue that is behind its mark is damaged.

#[cfg(feature = "simulate")]
pub(crate) mod lie;
mod load;
mod log_room;
mod mark;
mod payload;
mod write;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use varve_files::Files;
use varve_types::{ErrorCode, Result, VarveError};

use crate::error::{damaged, from_sqlite};
use crate::ids::CommitSeq;
use log_room::LogRoom;
use mark::Mark;

pub(crate) use load::{Loaded, LoadedTable};
pub(crate) use write::Commit;

/// Marks an SQLite database as ours: "VRVT".
const APPLICATION_ID: i32 = 0x5652_5654;
/// The format that this build writes; older ones are read.
const FORMAT: i32 = 1;
/// The file of the catalogue.
pub(crate) const FILE: &str = "catalogue.db";

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Schema,
    Table,
    View,
    Index,
    Segment,
    KeyRun,
    Hot,
    Deletion,
    Statistics,
    Adaptive,
}

impl Kind {
    /// In the order in which they are loaded: what belongs to a record comes after it.
    const ALL: [Self; 10] = [
        Self::Schema,
        Self::Index,
        Self::Table,
        Self::View,
        Self::Segment,
        Self::KeyRun,
        Self::Hot,
        Self::Deletion,
        Self::Statistics,
        Self::Adaptive,
    ];

    /// Its SQLite table.
    const fn table(self) -> &'static str {
        match self {
            Self::Schema => "schemas",
            Self::Table => "tables",
            Self::View => "views",
            Self::Index => "indexes",
            Self::Segment => "segments",
            Self::KeyRun => "key_runs",
            Self::Hot => "hot",
            Self::Deletion => "deletions",
            Self::Statistics => "statistics",
            Self::Adaptive => "adaptive",
        }
    }

    /// The SQL that makes it.
    fn definition(self) -> String {
        let columns = "id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, sealed BLOB NOT NULL";
        format!("CREATE TABLE IF NOT EXISTS {}({columns}) STRICT", self.table())
    }

    /// What a record adds to the digest.
    fn hash(self, id: u64, owner: u64, sealed: &[u8]) -> u64 {
        let mut head = [0; 20];
        head[..8].copy_from_slice(&id.to_le_bytes());
        head[8..16].copy_from_slice(&owner.to_le_bytes());
        head[16..].copy_from_slice(&(self as u32).to_le_bytes());
        let low = crc32c::crc32c(&head);
        let high = crc32c::crc32c_append(!low, sealed);
        u64::from(high) << 32 | u64::from(crc32c::crc32c_append(low, sealed))
    }
}

/// The row of `state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub seq: CommitSeq,
    /// The number that the next table, index, segment or record gets; numbers are never used twice.
    pub next_id: u64,
    pub digest: u64,
}

/// The open catalogue of one database.
pub(crate) struct Catalogue {
    /// Declared before the connection, which removes the log when it closes.
    room: LogRoom,
    connection: Connection,
    state: State,
    mark: Mark,
}

impl Catalogue {
    /// Opens the catalogue in `dir`; creates it when there is none and `create` says so.
    pub(crate) fn open(files: &dyn Files, dir: &Path, create: bool) -> Result<(Self, Loaded)> {
        let path = dir.join(FILE);
        let doing = |error| from_sqlite(error, "opening the catalogue");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
        let connection = Connection::open_with_flags(&path, flags).map_err(doing)?;
        // The folder's lock keeps others out, so SQLite needs no shared memory; and no page is trusted.
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;",
            )
            .map_err(doing)?;
        let application: i32 = pragma(&connection, "application_id").map_err(doing)?;
        let format: i32 = pragma(&connection, "user_version").map_err(doing)?;
        let is_new = application == 0 && format == 0 && is_empty(&connection).map_err(doing)?;
        if !is_new {
            check_format(application, format, &path)?;
        }
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(doing)?;
        if is_new {
            connection.execute_batch(&definition()).map_err(doing)?;
        } else {
            // The first databases of this format were made without them.
            for kind in [Kind::Statistics, Kind::Adaptive] {
                connection.execute_batch(&kind.definition()).map_err(doing)?;
            }
        }
        let state = read_state(&connection)?;
        let mark = Mark::open(files, dir)?;
        if mark.last().is_some_and(|last| last > state.seq) {
            let last = mark.last().unwrap_or_default();
            return Err(damaged(format!(
                "the catalogue ends with commit {}, but commit {last} was acknowledged",
                state.seq
            )));
        }
        let catalogue = Self { room: LogRoom::new(&path), connection, state, mark };
        let loaded = catalogue.load()?;
        Ok((catalogue, loaded))
    }

    /// The last commit, the next number, the digest.
    pub(crate) fn state(&self) -> State {
        self.state
    }
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map(|count| count == 0)
}

fn check_format(application: i32, format: i32, path: &Path) -> Result<()> {
    let shown = path.display();
    if application != APPLICATION_ID {
        return Err(VarveError::new(
            ErrorCode::StoreForeign,
            format!("{shown} is an SQLite database, but not one of Varve's tables"),
            "give another directory",
        ));
    }
    if format > FORMAT {
        return Err(VarveError::new(
            ErrorCode::StoreNewerFormat,
            format!("{shown} has format {format}; this build reads up to {FORMAT}"),
            "open it with the Varve that wrote it, or a newer one",
        ));
    }
    if format < 1 {
        return Err(damaged(format!("{shown} claims format {format}")));
    }
    Ok(())
}

fn definition() -> String {
    use std::fmt::Write as _;
    let mut sql = format!(
        "BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};
         CREATE TABLE state(id INTEGER PRIMARY KEY CHECK (id = 0), sealed BLOB NOT NULL) STRICT;"
    );
    for kind in Kind::ALL {
        let _infallible = writeln!(sql, "{};", kind.definition());
    }
    sql + "COMMIT;"
}

fn read_state(connection: &Connection) -> Result<State> {
    use rusqlite::OptionalExtension as _;
    let sealed: Option<Vec<u8>> = connection
        .query_row("SELECT sealed FROM state WHERE id = 0", [], |row| row.get(0))
        .optional()
        .map_err(|error| from_sqlite(error, "reading the catalogue"))?;
    match sealed {
        None => Ok(State { next_id: 1, ..State::default() }),
        Some(sealed) => State::decode(&sealed),
    }
}

impl State {
    fn encode(self) -> Vec<u8> {
        let words = [self.seq.0, self.next_id, self.digest];
        crate::seal::seal(&words.map(u64::to_le_bytes).concat())
    }

    fn decode(sealed: &[u8]) -> Result<Self> {
        let what = "the catalogue's state";
        let payload = crate::seal::unseal(sealed, what)?;
        let (words, rest) = payload.as_chunks::<8>();
        match (words, rest) {
            ([seq, next_id, digest], []) => Ok(Self {
                seq: CommitSeq(u64::from_le_bytes(*seq)),
                next_id: u64::from_le_bytes(*next_id),
                digest: u64::from_le_bytes(*digest),
            }),
            _ => Err(damaged(format!("{what} is malformed"))),
        }
    }
}
