//! Files of Arrow IPC, looked at before one of Arrow's readers believes the lengths that they claim.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use datafusion::arrow::error::ArrowError;
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

/// Compares what a file claims with what it holds.
///
/// # Errors
/// `FILE_MALFORMED`, and those of the store.
pub(super) async fn check(files: &dyn ObjectStore, location: &Path, room: u64) -> Result<()> {
    let GetResultPayload::File(mut file, _) = files.get(location).await?.payload else { return Ok(()) };
    check_claims(&mut file, room).map_err(|error| malformed(format!("/{location}: {error}")))
}

fn check_claims(file: &mut File, room: u64) -> std::result::Result<(), ArrowError> {
    // Behind either mark DataFusion expects a footer; without one it reads a stream.
    if is_mark(file, SeekFrom::Start(0))? || is_mark(file, SeekFrom::End(-(MARK.len() as i64)))? {
        return ipc::check_file(file, room);
    }
    ipc::check_stream(file, room)
}

fn is_mark(file: &mut File, at: SeekFrom) -> std::io::Result<bool> {
    if file.metadata()?.len() < MARK.len() as u64 {
        return Ok(false);
    }
    let mut bytes = [0; MARK.len()];
    file.seek(at)?;
    file.read_exact(&mut bytes)?;
    Ok(&bytes == MARK)
}
