//! Catalogues whose records are not what was written, under checksums that are right: for tests of hostile databases.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{FILE, Kind, State};
use crate::seal::{seal, unseal};

/// A record of a closed catalogue.
pub(crate) struct Record {
    kind: Kind,
    id: i64,
    /// What stands under its checksum.
    pub payload: Vec<u8>,
}

impl Record {
    /// The name of its kind.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind.table()
    }
}

/// All records of the closed database in `dir`.
pub(crate) fn records(dir: &Path) -> Vec<Record> {
    let connection = connect(dir);
    let mut records = Vec::new();
    for kind in Kind::ALL {
        let sql = format!("SELECT id, sealed FROM {} ORDER BY id", kind.table());
        let mut statement = connection.prepare(&sql).expect("the table is there");
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).expect("it runs");
        for row in rows {
            let (id, sealed) = row.expect("a row");
            let payload = unseal(&sealed, "it").expect("it is whole").to_vec();
            records.push(Record { kind, id, payload });
        }
    }
    records
}

/// Puts `record` in the place of the one that it was, and mends the checksums and the digest.
pub(crate) fn replace(dir: &Path, record: &Record) {
    let connection = connect(dir);
    let sql = format!("UPDATE {} SET sealed = ?1 WHERE id = ?2", record.kind.table());
    connection.execute(&sql, params![seal(&record.payload), record.id]).expect("it runs");
    let mut digest = 0_u64;
    for kind in Kind::ALL {
        let sql = format!("SELECT id, owner, sealed FROM {}", kind.table());
        let mut statement = connection.prepare(&sql).expect("the table is there");
        let mut rows = statement.query([]).expect("it runs");
        while let Some(row) = rows.next().expect("a row") {
            let (id, owner): (i64, i64) = (row.get(0).expect("a number"), row.get(1).expect("a number"));
            let sealed: Vec<u8> = row.get(2).expect("bytes");
            digest = digest.wrapping_add(kind.hash(id as u64, owner as u64, &sealed));
        }
    }
    let sealed: Vec<u8> =
        connection.query_row("SELECT sealed FROM state", [], |row| row.get(0)).expect("a state");
    let state = State { digest, ..State::decode(&sealed).expect("it is whole") };
    connection.execute("UPDATE state SET sealed = ?1", params![state.encode()]).expect("it runs");
}

fn connect(dir: &Path) -> Connection {
    Connection::open(dir.join(FILE)).expect("it opens")
}
