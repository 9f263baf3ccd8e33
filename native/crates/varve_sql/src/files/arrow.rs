//! Files of Arrow IPC, looked at before one of Arrow's readers believes the lengths that they claim.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::object_store::path::Path;
use datafusion::object_store::{GetResultPayload, ObjectStore, ObjectStoreExt};
use varve_table::ipc;

use super::meter::malformed;

const MARK: &[u8; 6] = b"ARROW1";

/// Bytes that one message may unpack to: the memory of queries.
pub(super) fn room_of(state: &dyn Session) -> u64 {
    match state.runtime_env().memory_pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes as u64,
        MemoryLimit::Infinite | MemoryLimit::Unknown => u64::MAX,
    }
}

/// The columns of a file; `None` when it cannot be looked at.
///
/// DataFusion tries a file without sense as a stream, for which its mark is a length: each such file took 1.3 GB.
///
/// # Errors
/// As [`check`].
pub(super) async fn schema_of(
    files: &dyn ObjectStore,
    location: &Path,
    room: u64,
) -> Result<Option<SchemaRef>> {
    let GetResultPayload::File(mut file, _) = files.get(location).await?.payload else { return Ok(None) };
    let read = || {
        check_claims(&mut file, room)?;
        let has_footer = is_mark(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let file = BufReader::new(file);
        Ok(match has_footer {
            true => FileReader::try_new(file, None)?.schema(),
            false => StreamReader::try_new(file, None)?.schema(),
        })
    };
    read().map(Some).map_err(|error: ArrowError| malformed(format!("/{location}: {error}")))
}

/// Compares what a file claims with what it holds.
///
/// # Errors
/// `FILE_MALFORMED`, and those of the store.
pub(super) async fn check(files: &dyn ObjectStore, location: &Path, room: u64) -> Result<()> {
    let GetResultPayload::File(mut file, _) = files.get(location).await?.payload else { return Ok(()) };
    check_claims(&mut file, room).map_err(|error| malformed(format!("/{location}: {error}")))
}

fn check_claims(file: &mut File, room: u64) -> std::result::Result<(), ArrowError> {
    if is_mark(file)? {
        return ipc::check_file(file, room);
    }
    ipc::check_stream(file, room)
}

/// Whether the file begins with the mark. DataFusion expects a footer then, and else reads a stream.
fn is_mark(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() < MARK.len() as u64 {
        return Ok(false);
    }
    let mut bytes = [0; MARK.len()];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut bytes)?;
    Ok(&bytes == MARK)
}
