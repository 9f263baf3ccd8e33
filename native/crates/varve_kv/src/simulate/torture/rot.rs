//! Rot: one damage to one file of a store at rest. It must read rightly or be reported with file and
//! offset, and `repair` must name all that is gone.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Durability, PackedKeys, RepairReport, Store, repair};
use varve_types::VarveError;

use super::oracle::{Contents, Loss, Oracle, brief, compare, probe_keys};
use super::session::{DIR, Met, Outcome, Session, contents_of, file_name};
use varve_files::simulate::Random;

/// Damages one file of a store, repairs it, works on, and damages another.
pub fn rot(seed: u64) -> Outcome<Met> {
    let mut session = Session::new(seed);
    session.open().map_err(|error| format!("does not open: {error}"))?;
    let (mut is_met, mut is_whole) = (false, true);
    for round in 0..1 + session.random.below(3) {
        let rounds = 20 + session.random.any_size(if round == 0 { 700 } else { 150 });
        session.work(rounds)?;
        is_met |= damage_one(&mut session, &mut is_whole).map_err(|what| format!("round {round}: {what}"))?;
    }
    Ok(is_met)
}

/// `is_whole` tells whether no earlier repair lost anything.
fn damage_one(session: &mut Session, is_whole: &mut bool) -> Outcome<Met> {
    at_rest(session)?;
    let truth = session.oracle.visible();
    let sound = session.disk.fork();
    let damage = draw(&mut session.random, &sound.paths(), |path| sound.bytes(path).unwrap_or_default());
    let Some((path, bytes)) = damage else {
        session.reopen_and_judge(Loss::Nothing)?;
        return Ok(false);
    };
    session.disk.put(&path, bytes.clone());
    let what = describe(&path, sound.bytes(&path).as_deref(), bytes.as_deref());
    let found = judge(session, &truth, is_whole, &path).map_err(|why| format!("{what}: {why}"))?;
    session.oracle.rebase(found);
    Ok(true)
}

/// Either closed, or killed behind a synced write: in both cases the log says how far it must reach.
fn at_rest(session: &mut Session) -> Outcome {
    if session.random.once_in(3) {
        let (token, batch) = session.oracle.next(&mut session.random);
        let sent = session.store()?.write(batch, Durability::Synced, token);
        sent.map_err(|error| format!("a write: {error}"))?;
        session.step()?;
        session.work(0)?;
        session.collect()?;
        session.kill();
        return Ok(());
    }
    session.close()
}

/// Draws a damage: the file's new bytes, or `None` bytes for a removed file.
fn draw(
    random: &mut Random,
    paths: &[PathBuf],
    bytes_of: impl Fn(&Path) -> Vec<u8>,
) -> Option<(PathBuf, Option<Vec<u8>>)> {
    let path = random.pick(paths).clone();
    let before = bytes_of(&path);
    if before.is_empty() {
        return None;
    }
    let mut bytes = before.clone();
    let length = bytes.len() as u64;
    let at = place(random, &bytes);
    match random.below(20) {
        0 => return Some((path, None)),
        1..4 => bytes.truncate(random.below(length) as usize),
        4 => bytes.truncate(bytes.len().saturating_sub(1 + random.below(16) as usize)),
        5 => bytes.extend((0..1 + random.below(600)).map(|_| random.number() as u8).collect::<Vec<_>>()),
        6..8 => {
            let sector = at & !511;
            let end = bytes.len().min(sector + 512);
            bytes[sector..end].fill(0);
        }
        8 => {
            let end = bytes.len().min(at + 1 + random.below(64) as usize);
            bytes[at..end].iter_mut().for_each(|byte| *byte = random.number() as u8);
        }
        9 if length >= 8192 => {
            // Two pages change places, as after a misdirected write.
            let pages = length / 4096;
            let (one, other) = (random.below(pages) as usize * 4096, random.below(pages) as usize * 4096);
            for step in 0..4096 {
                bytes.swap(one + step, other + step);
            }
        }
        _ => bytes[at] ^= 1 << random.below(8),
    }
    (bytes != before).then_some((path, Some(bytes)))
}

/// Half of the places are where the file says something: preallocated zeros are most of a log.
fn place(random: &mut Random, bytes: &[u8]) -> usize {
    for _ in 0..200 {
        let at = random.below(bytes.len() as u64) as usize;
        if random.once_in(40) || bytes[at] != 0 {
            return at;
        }
    }
    random.below(bytes.len() as u64) as usize
}

fn describe(path: &Path, before: Option<&[u8]>, after: Option<&[u8]>) -> String {
    let name = file_name(path);
    match (before, after) {
        (Some(before), Some(after)) => {
            let at =
                before.iter().zip(after).position(|(a, b)| a != b).unwrap_or(before.len().min(after.len()));
            format!("{name} of {} bytes, {} after, differs from {at}", before.len(), after.len())
        }
        _ => format!("{name} removed"),
    }
}

/// Judges reads of the damaged store, repairs it and judges the outcome; returns what it then holds.
fn judge(session: &mut Session, truth: &Contents, is_whole: &mut bool, path: &Path) -> Outcome<Contents> {
    let name = file_name(path);
    let is_reported = match session.open() {
        Err(error) => {
            names_it(&error, &name)?;
            true
        }
        Ok(()) => {
            let by_reads = judge_reads(session.store()?, truth, &name)?;
            let verified = session.store()?.verify(|_, _| {}).map_err(|error| format!("verify: {error}"))?;
            if by_reads && !verified.damage.iter().any(|damage| damage.file == name) {
                return Err("reads report damage that verify does not".to_owned());
            }
            session.kill();
            by_reads || !verified.damage.is_empty()
        }
    };
    let report = repair(DIR, Arc::new(session.disk.clone())).map_err(|error| format!("repair: {error}"))?;
    session.open().map_err(|error| format!("does not open after repair: {error}"))?;
    let found =
        contents_of(session.store()?, false).map_err(|error| format!("a scan after repair: {error}"))?;
    claims_no_more(&report, *is_whole, &name, is_reported)?;
    judge_repair(&report, &session.oracle, truth, &found, is_reported)?;
    let verified =
        session.store()?.verify(|_, _| {}).map_err(|error| format!("verify after repair: {error}"))?;
    if let Some(damage) = verified.damage.first() {
        return Err(format!("after repair verify finds {} in {}", damage.what, damage.file));
    }
    session.store()?.flush().map_err(|error| format!("flush after repair: {error}"))?;
    *is_whole &= report.lost_sequences.is_empty() && report.lost_keys.is_empty();
    Ok(found)
}

/// True when a read reported the damage; `Err` when one answered wrongly.
fn judge_reads(store: &Store, truth: &Contents, name: &str) -> Outcome<bool> {
    let mut is_reported = false;
    let keys: Vec<Vec<u8>> = probe_keys().chain(truth.keys().cloned()).collect();
    for key in &keys {
        match store.get(None, key) {
            Ok(value) if value.as_ref() == truth.get(key) => {}
            Ok(value) => {
                let (found, wanted) = (value.map(|v| brief(&v)), truth.get(key).map(|v| brief(v)));
                return Err(format!("SILENT: get of {} gives {found:?} instead of {wanted:?}", brief(key)));
            }
            Err(error) => {
                names_it(&error, name)?;
                is_reported = true;
            }
        }
    }
    for reverse in [false, true] {
        match contents_of(store, reverse) {
            Ok(found) => compare(truth, &found).map_err(|what| format!("SILENT: a scan: {what}"))?,
            Err(error) => {
                names_it(&error, name)?;
                is_reported = true;
            }
        }
    }
    Ok(is_reported | many(store, &keys, truth, name)?)
}

/// The same keys in packed batches.
fn many(store: &Store, keys: &[Vec<u8>], truth: &Contents, name: &str) -> Outcome<bool> {
    let mut is_reported = false;
    for group in keys.chunks(50) {
        let mut ends = Vec::new();
        let mut packed = Vec::new();
        for key in group {
            packed.extend_from_slice(key);
            ends.push(packed.len() as u32);
        }
        let asked = PackedKeys::new(&packed, &ends).map_err(|error| error.to_string())?;
        let (mut values, mut value_ends) = (vec![0; 4 << 20], vec![0; group.len()]);
        match store.get_many_packed(None, asked, &mut values, &mut value_ends) {
            Err(error) => {
                names_it(&error, name)?;
                is_reported = true;
            }
            Ok(done) if done.count != group.len() => return Err("a packed read ends early".to_owned()),
            Ok(_) => {
                let mut start = 0;
                for (key, end) in group.iter().zip(&value_ends) {
                    let found = (end & crate::MISSING == 0).then(|| &values[start..*end as usize]);
                    start = (end & !crate::MISSING) as usize;
                    if found != truth.get(key).map(Vec::as_slice) {
                        return Err(format!("SILENT: a packed read of {} is wrong", brief(key)));
                    }
                }
            }
        }
    }
    Ok(is_reported)
}

/// A report of damage names the file and an offset.
fn names_it(error: &VarveError, name: &str) -> Outcome {
    let code = error.code().as_str();
    let is_damage = matches!(code, "STORE_DAMAGED" | "STORE_FOREIGN" | "STORE_NEWER_FORMAT");
    let text = error.to_string();
    // Damage in one file may show in what another one says: a lost log shows behind the catalogue.
    let is_placed = code != "STORE_DAMAGED" || text.contains("offset");
    if is_damage && is_placed && text.contains(DIR) {
        return Ok(());
    }
    Err(format!("damage in {name} is reported as: {text}"))
}

/// Everything outside the claimed losses is as it was, and inside nothing is invented.
fn judge_repair(
    report: &RepairReport,
    oracle: &Oracle,
    truth: &Contents,
    found: &Contents,
    is_reported: bool,
) -> Outcome {
    if !is_reported {
        compare(truth, found).map_err(|what| format!("repair changes a store that read rightly: {what}"))?;
    }
    let mut ever: HashMap<&[u8], BTreeSet<&[u8]>> = HashMap::new();
    let mut excused: BTreeSet<&[u8]> = BTreeSet::new();
    // Nothing failed before the damage, so batches are numbered as they were sent.
    for (sequence, batch) in (1..).zip(oracle.past().iter().chain(oracle.sent())) {
        let is_lost = report.lost_sequences.iter().any(|(from, to)| (*from..=*to).contains(&sequence));
        for (key, value) in &batch.ops {
            ever.entry(key).or_default().extend(value.as_deref());
            if is_lost {
                excused.insert(key);
            }
        }
    }
    let keys: BTreeSet<&Vec<u8>> = truth.keys().chain(found.keys()).collect();
    for key in keys {
        let (was, is) = (truth.get(key), found.get(key));
        let in_range = report.lost_keys.iter().any(|(low, high)| (low..=high).contains(&key));
        if was != is && !in_range && !excused.contains(key.as_slice()) {
            return Err(format!("repair claims {} but {} changed too", claim(report), brief(key)));
        }
        let is_known =
            is.is_none_or(|value| ever.get(key.as_slice()).is_some_and(|all| all.contains(value.as_slice())));
        if !is_known {
            return Err(format!("after repair {} has a value that was never written", brief(key)));
        }
    }
    Ok(())
}

/// A repair that claims everything would be right and useless: damage of one file costs what that file
/// alone holds.
fn claims_no_more(report: &RepairReport, is_whole: bool, name: &str, is_reported: bool) -> Outcome {
    let (commits, keys) = (!report.lost_sequences.is_empty(), !report.lost_keys.is_empty());
    let excess = match name.split_once('-') {
        _ if !is_reported => commits || keys,
        Some(("segment", _)) => commits,
        Some(("log", _)) => keys,
        // Without the catalogue, earlier losses show again as commits that no segment covers.
        _ => is_whole && commits || keys,
    };
    if excess { Err(format!("repair of {name} claims {}", claim(report))) } else { Ok(()) }
}

fn claim(report: &RepairReport) -> String {
    let ranges: Vec<String> =
        report.lost_keys.iter().map(|(low, high)| format!("{}..={}", brief(low), brief(high))).collect();
    format!("sequences {:?} and keys {ranges:?}", report.lost_sequences)
}
