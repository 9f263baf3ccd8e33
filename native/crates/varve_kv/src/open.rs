//! Opening: lock, catalogue, segments, then the log's replay.
//!
//! Invariants
//! 1. Files are only removed once the catalogue is read and valid, and only those that it does not name.
//! 2. The directory's name is durable before the catalogue, and the catalogue before any other file, so
//!    data without a catalogue is damage, never a new store.
//! 3. Opening a store that was closed in order writes and syncs nothing; the first write claims it.

use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use varve_types::{ErrorCode, Result, VarveError};

use crate::background::Background;
use crate::catalogue::{Catalogue, Keeper};
use crate::commit::Queue;
use crate::error::{argument, damaged, failed_sync, foreign, io};
use crate::inner::{Inner, Settings, State, new_memtable};
use crate::levels::Levels;
use crate::limits::{MEMTABLE_BYTES_MAX, MEMTABLE_BYTES_MIN, SEGMENT_BYTES_MIN};
use crate::lock::{StoreLock, missing};
use crate::log::mark::Mark;
use crate::log::replay::{End, open_slots, replay};
use crate::log::{Log, LogCounters, LogStart};
use crate::memtable::Memtable;
use crate::names::{self, Kind};
use crate::segment::Segment;
use crate::telemetry::ReadCounters;
use crate::version::Version;
use crate::{Batch, LogMode, OpenOptions};
use varve_files::Files;

/// Opens the store of `dir`, ready for its threads.
pub fn open(dir: &Path, mut options: OpenOptions) -> Result<Arc<Inner>> {
    check(&options)?;
    let dir: Arc<Path> = dir.into();
    let files = options.files.clone();
    let lock = match options.lock.take() {
        Some(lock) => lock,
        None => StoreLock::take(&dir, &*files, options.create_if_missing)?,
    };
    let names = files.list(&dir).map_err(|error| io("list", &dir, error))?;
    let external = options.log != LogMode::Native;
    let catalogue = match &options.log {
        LogMode::Native => Catalogue::load(&*files, &dir)?,
        LogMode::External { catalogue } => {
            let path = dir.join(names::CATALOGUE);
            catalogue.as_ref().map(|bytes| Catalogue::decode(bytes, &path)).transpose()?
        }
    };
    let catalogue = match catalogue {
        Some(_) if options.error_if_exists => {
            let message = format!("a store in {} already exists", dir.display());
            return Err(VarveError::new(ErrorCode::StoreExists, message, "open it without errorIfExists"));
        }
        Some(catalogue) => catalogue,
        None => create(&*files, &dir, &names, &options, external)?,
    };
    let levels = open_segments(&*files, &dir, &catalogue)?;
    remove_orphans(&*files, &dir, &names, &catalogue);
    let inner = Arc::new(assemble(dir, options, external, catalogue, levels, lock)?);
    if !external {
        recover(&inner)?;
    }
    Ok(inner)
}

fn check(options: &OpenOptions) -> Result<()> {
    if !(MEMTABLE_BYTES_MIN..=MEMTABLE_BYTES_MAX).contains(&options.memtable_bytes) {
        return Err(argument(format!("memtable bytes must be {MEMTABLE_BYTES_MIN} to {MEMTABLE_BYTES_MAX}")));
    }
    if options.segment_bytes < SEGMENT_BYTES_MIN {
        return Err(argument(format!("segment bytes must be at least {SEGMENT_BYTES_MIN}")));
    }
    if !(4..=24).contains(&options.filter_bits) {
        return Err(argument("filter bits per key must be 4 to 24"));
    }
    Ok(())
}

/// Decides that there is no store yet, and creates one.
fn create(
    files: &dyn Files,
    dir: &Path,
    names: &[String],
    options: &OpenOptions,
    external: bool,
) -> Result<Catalogue> {
    let found = |is_wanted: fn(Kind) -> bool| names.iter().find(|name| is_wanted(names::kind(name)));
    let stranger = found(|kind| kind == Kind::Unknown).filter(|_| !external);
    // The names of logs and segments are nobody else's: a store that lost its catalogue is that, whatever lies beside it.
    let mut lost = found(|kind| matches!(kind, Kind::Log(_) | Kind::Segment(_)));
    if stranger.is_none() {
        lost = lost.or_else(|| found(|kind| matches!(kind, Kind::Mark | Kind::Catalogue)));
    }
    if let Some(name) = lost {
        let what = format!("the catalogue is missing although {name} exists");
        return Err(damaged(&dir.join(names::CATALOGUE), 0, &what));
    }
    if let Some(name) = stranger {
        return Err(foreign(dir, &format!("holds {name}, which is not part of a store")));
    }
    if !options.create_if_missing {
        return Err(missing(dir));
    }
    let store_id = files.random().map_err(|error| io("read random bytes for", dir, error))?;
    let catalogue = Catalogue { store_id, next_file: 1, ..Catalogue::default() };
    sync_name(files, dir)?;
    if !external {
        catalogue.store(files, dir)?;
    }
    Ok(catalogue)
}

/// Makes the directory's own name as durable as what it will hold.
fn sync_name(files: &dyn Files, dir: &Path) -> Result<()> {
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    match files.sync_dir(parent) {
        // Whoever may not read the parent did not create the directory either.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(|error| failed_sync(parent, error)),
    }
}

fn open_segments(files: &dyn Files, dir: &Path, catalogue: &Catalogue) -> Result<Levels> {
    let open = |entry: &crate::catalogue::SegmentEntry| {
        Segment::open(files, names::segment(dir, entry.id), entry.id, Some(entry.bytes)).map(Arc::new)
    };
    let segments: Vec<Arc<Segment>> = catalogue.segments.iter().map(open).collect::<Result<_>>()?;
    let levels = Levels::arrange(segments);
    if let Some((segment, other)) = levels.conflict() {
        let what = format!("the segment covers keys and commits of segment {:x} as well", other.id());
        return Err(damaged(segment.path(), 0, &what));
    }
    Ok(levels)
}

fn remove_orphans(files: &dyn Files, dir: &Path, names: &[String], catalogue: &Catalogue) {
    for name in names {
        let orphan = match names::kind(name) {
            Kind::Segment(id) => catalogue.segments.iter().all(|entry| entry.id != id),
            Kind::Log(id) => catalogue.logs.iter().all(|entry| entry.id != id),
            _ => false,
        };
        if orphan {
            // Harmless when it stays: file numbers are never used twice.
            let _best_effort = files.remove(&dir.join(name));
        }
    }
}

fn assemble(
    dir: Arc<Path>,
    options: OpenOptions,
    external: bool,
    mut catalogue: Catalogue,
    levels: Levels,
    lock: StoreLock,
) -> Result<Inner> {
    // Orphans of a failed commit may carry numbers at or above the catalogue's next one.
    let names = options.files.list(&dir).map_err(|error| io("list", &dir, error))?;
    let numbers = names.iter().filter_map(|name| match names::kind(name) {
        Kind::Segment(id) | Kind::Log(id) => Some(id + 1),
        _ => None,
    });
    catalogue.next_file = numbers.max().unwrap_or(0).max(catalogue.next_file);
    let folded = catalogue.folded;
    let active = Arc::new(new_memtable(options.memtable_bytes)?);
    let version = Version { active, frozen: Vec::new(), levels };
    let files = options.files.clone();
    Ok(Inner {
        keeper: Arc::new(Keeper::new(files.clone(), dir.clone(), external, catalogue)),
        files,
        dir,
        settings: Settings {
            threads: options.threads,
            external,
            memtable_bytes: options.memtable_bytes,
            log_file_bytes: options.log_file_bytes as u64,
            queue_bytes_max: options.queue_bytes_max,
            segment_bytes: options.segment_bytes as u64,
            filter_bits: options.filter_bits,
            acks: options.acks,
            on_event: options.on_event,
        },
        version: ArcSwap::from_pointee(version),
        visible: AtomicU64::new(folded),
        folded: Arc::new(AtomicU64::new(folded)),
        log_counters: Arc::new(LogCounters::default()),
        reads: ReadCounters::default(),
        queue: Mutex::new(Queue::default()),
        queue_filled: Condvar::new(),
        writer: Mutex::new(None),
        background: Mutex::new(Background::default()),
        state: Mutex::new(State { policy: options.index_policy, ..State::default() }),
        work: Condvar::new(),
        progress: Condvar::new(),
        threaded: AtomicBool::new(false),
        closing: AtomicBool::new(false),
        poison: OnceLock::new(),
        lock: Mutex::new(Some(lock)),
    })
}

/// Replays the native log into memtables, flushing on the way when they fill up.
fn recover(inner: &Inner) -> Result<()> {
    let (files, dir) = (&*inner.files, &*inner.dir);
    let catalogue = inner.keeper.get();
    let mark = if catalogue.logs.is_empty() && catalogue.segments.is_empty() && catalogue.folded == 0 {
        // A store that crashed while it was created has no log yet; its mark may be missing or torn.
        Mark::create(files, dir, catalogue.store_id, 0)?
    } else {
        Mark::open(files, dir, catalogue.store_id)?
    };
    let mut slots = open_slots(files, dir, &catalogue)?;
    let known = mark.known();
    let end: End = replay(dir, &catalogue, &mut slots, known, |sequence, batch| {
        let batch = Batch::from_packed(batch.to_vec())?;
        inner.make_room(Memtable::bytes_needed(batch.len(), batch.bytes().len()))?;
        inner.insert(&batch, sequence);
        Ok(())
    })?;
    inner.visible.store(end.last, Ordering::Release);
    let start = LogStart {
        slots,
        end,
        mark,
        file_bytes_max: inner.settings.log_file_bytes,
        folded: inner.folded.clone(),
        counters: inner.log_counters.clone(),
    };
    let log = Log::start(inner.files.clone(), inner.dir.clone(), inner.keeper.clone(), start)?;
    *inner.writer.lock() = Some(log);
    Ok(())
}
