//! Payloads of records: what stands under the checksum.
//!
//! Definitions of schemas, views, indexes and segments are JSON. A table is the length of its JSON (4 bytes), the JSON, and
//! Arrow IPC; statistics are the same. Hot rows are the number of the first (8 bytes) and Arrow IPC. A deletion is the segment (8 bytes; all ones
//! for hot rows) and a roaring bitmap of 32 bits, or of 64 for hot rows. Numbers are little-endian.

use arrow_array::RecordBatch;
use roaring::{RoaringBitmap, RoaringTreemap};
use varve_types::Result;

use crate::definition::{StoredTable, Table};
use crate::error::damaged;
use crate::ids::SegmentId;
use crate::ipc;
use crate::statistics::TableStatistics;

const HOT: u64 = u64::MAX;

pub(super) fn of_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data has a JSON form")
}

pub(super) fn to_json<T: serde::de::DeserializeOwned>(payload: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(payload)
        .map_err(|error| damaged(format!("{what} cannot be read: {error}")).caused_by(error))
}

pub(super) fn of_table(table: &Table) -> Result<Vec<u8>> {
    let StoredTable { json, types } = table.encode()?;
    Ok(of_json_and_ipc(&json, &types))
}

pub(super) fn to_table(payload: &[u8]) -> Result<Table> {
    let (json, types) = to_json_and_ipc(payload)?;
    Table::decode(&StoredTable { json: json.to_vec(), types: types.to_vec() })
}

pub(super) fn of_statistics(statistics: &TableStatistics) -> Result<Vec<u8>> {
    let (json, bounds) = statistics.encode()?;
    Ok(of_json_and_ipc(&json, &bounds))
}

pub(super) fn to_statistics(payload: &[u8]) -> Result<TableStatistics> {
    let (json, bounds) = to_json_and_ipc(payload)?;
    TableStatistics::decode(json, bounds)
}

fn of_json_and_ipc(json: &[u8], ipc: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(4 + json.len() + ipc.len());
    payload.extend_from_slice(&(json.len() as u32).to_le_bytes());
    payload.extend_from_slice(json);
    payload.extend_from_slice(ipc);
    payload
}

fn to_json_and_ipc(payload: &[u8]) -> Result<(&[u8], &[u8])> {
    payload
        .split_first_chunk::<4>()
        .and_then(|(len, rest)| rest.split_at_checked(u32::from_le_bytes(*len) as usize))
        .ok_or_else(|| damaged("a record of the catalogue is cut short"))
}

pub(super) fn of_hot(first_row: u64, ipc: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(8 + ipc.len());
    payload.extend_from_slice(&first_row.to_le_bytes());
    payload.extend_from_slice(ipc);
    payload
}

pub(super) fn first_row(payload: &[u8]) -> Result<u64> {
    split_number(payload).map(|(first, _)| first)
}

pub(super) fn to_hot(payload: &[u8]) -> Result<(u64, Vec<RecordBatch>)> {
    let (first, bytes) = split_number(payload)?;
    let (_, batches) =
        ipc::decode(bytes).map_err(|error| damaged("hot rows cannot be read").caused_by(error))?;
    Ok((first, batches))
}

/// Rows that are deleted.
#[derive(Debug, PartialEq)]
pub(super) enum Deletion {
    Hot(RoaringTreemap),
    Segment(SegmentId, RoaringBitmap),
}

pub(super) fn of_deletion(deletion: &Deletion) -> Vec<u8> {
    let mut payload = Vec::new();
    let written = match deletion {
        Deletion::Hot(rows) => {
            payload.extend_from_slice(&HOT.to_le_bytes());
            rows.serialize_into(&mut payload)
        }
        Deletion::Segment(segment, positions) => {
            payload.extend_from_slice(&segment.0.to_le_bytes());
            positions.serialize_into(&mut payload)
        }
    };
    written.expect("memory takes every write");
    payload
}

pub(super) fn to_deletion(payload: &[u8]) -> Result<Deletion> {
    let (segment, bytes) = split_number(payload)?;
    let unreadable = |error| damaged("deleted rows cannot be read").caused_by(error);
    if segment == HOT {
        RoaringTreemap::deserialize_from(bytes).map(Deletion::Hot).map_err(unreadable)
    } else {
        RoaringBitmap::deserialize_from(bytes)
            .map(|positions| Deletion::Segment(SegmentId(segment), positions))
            .map_err(unreadable)
    }
}

/// Whose rows a deletion deletes, without decoding it: a segment, or the hot rows.
pub(super) fn deletion_target(payload: &[u8]) -> Result<Option<SegmentId>> {
    split_number(payload).map(|(segment, _)| (segment != HOT).then_some(SegmentId(segment)))
}

fn split_number(payload: &[u8]) -> Result<(u64, &[u8])> {
    payload
        .split_first_chunk::<8>()
        .map(|(number, rest)| (u64::from_le_bytes(*number), rest))
        .ok_or_else(|| damaged("a record of the catalogue is cut short"))
}
