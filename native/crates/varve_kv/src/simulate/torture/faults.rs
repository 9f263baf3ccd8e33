//! Failing calls: a full disk, failed syncs and renames, no descriptors, and any single call.
//!
//! Every mode ends alike: what was acknowledged is there, what runs answers rightly or with a code, and
//! once the fault is gone the store works again, after a reopen at the latest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::oracle::Loss;
use super::session::{Met, Outcome, Session, file_name};
use varve_files::simulate::{Action, Plan, Verdict};

/// The disk fills up in the middle of work, then space is freed.
pub fn full(seed: u64) -> Outcome<Met> {
    let mut session = started(seed)?;
    let room = session.random.any_size(1 << 20);
    session.disk.set_capacity(session.disk.used() + room);
    for _ in 0..200 {
        session.work(20)?;
        if !session.errors.is_empty() {
            break;
        }
    }
    // With much room a workload that overwrites may go on for ever; such a cycle counts as not met.
    only(&session, &["STORE_FULL"])?;
    session.work(30)?;
    only(&session, &["STORE_FULL", "STORE_POISONED"])?;
    session.check_running()?;
    session.disk.set_capacity(u64::MAX);
    recovers(&mut session)
}

/// One sync fails: the store may not acknowledge anything that this sync was to cover.
pub fn fsync(seed: u64) -> Outcome<Met> {
    let mut session = started(seed)?;
    let (kind, mut left) = (session.random.below(3), 1 + session.random.any_size(60));
    let has_failed = Arc::new(AtomicBool::new(false));
    let seen = has_failed.clone();
    fail(&mut session, move |call| {
        let is_log = file_name(call.path).ends_with(".vlog");
        let counts = match kind {
            0 => call.action == Action::Sync && is_log,
            1 => call.action == Action::Sync && !is_log,
            _ => call.action == Action::SyncDir,
        };
        left -= u64::from(counts && left > 0);
        if !counts || left != 0 || seen.swap(true, Ordering::Relaxed) {
            return Verdict::Proceed;
        }
        Verdict::Fail(libc::EIO)
    });
    session.work(250)?;
    if has_failed.load(Ordering::Relaxed) && session.store()?.stats().poisoned.is_none() {
        return Err("a sync failed and the store goes on writing".to_owned());
    }
    poison_is_told(&mut session)?;
    session.check_running()?;
    recovers(&mut session)
}

/// A rename fails, without or with its effect, and often the next ones too.
pub fn rename(seed: u64) -> Outcome<Met> {
    let mut session = started(seed)?;
    let first = 1 + session.random.any_size(12);
    let failing = *session.random.pick(&[1, 1, 20, u64::MAX / 2]);
    let mut renames = 0;
    let verdict = *session.random.pick(&[
        Verdict::Fail(libc::EIO),
        Verdict::Fail(libc::EACCES),
        Verdict::FailHalfway(libc::EIO),
    ]);
    fail(&mut session, move |call| {
        if call.action != Action::Rename {
            return Verdict::Proceed;
        }
        renames += 1;
        if (first..first + failing).contains(&renames) { verdict } else { Verdict::Proceed }
    });
    session.work(300)?;
    poison_is_told(&mut session)?;
    session.check_running()?;
    recovers(&mut session)
}

/// No descriptor is free for a while: at open, or later.
pub fn fds(seed: u64) -> Outcome<Met> {
    let mut session = started(seed)?;
    if session.random.once_in(4) {
        session.close()?;
        fail(&mut session, |call| exhausted(call.action == Action::Open));
        match session.open() {
            Err(error) if error.code().as_str() == "STORE_DESCRIPTORS" => {}
            Err(error) => return Err(format!("without descriptors, open answers {error}")),
            Ok(()) => return Err("opens without descriptors".to_owned()),
        }
        return recovers(&mut session);
    }
    let mut left = session.random.any_size(20);
    fail(&mut session, move |call| {
        left = left.saturating_sub(u64::from(call.action == Action::Open));
        exhausted(call.action == Action::Open && left == 0)
    });
    session.work(200)?;
    only(&session, &["STORE_DESCRIPTORS"])?;
    session.check_running()?;
    session.disk.set_plan(None);
    session.errors.clear();
    session.work(60)?;
    session.store()?.flush().map_err(|error| format!("with descriptors back, flush answers {error}"))?;
    only(&session, &[])?;
    recovers(&mut session)
}

fn exhausted(is_hit: bool) -> Verdict {
    if is_hit { Verdict::Fail(libc::EMFILE) } else { Verdict::Proceed }
}

/// The n-th call of all fails with an error, as full disk, or half done.
pub fn call(seed: u64, cycle: u64) -> Outcome<Met> {
    let mut session = Session::new(seed);
    let target = cycle / 3 + 1;
    let verdict = [Verdict::Fail(libc::EIO), Verdict::Fail(libc::ENOSPC), Verdict::FailHalfway(libc::EIO)]
        [cycle as usize % 3];
    session.disk.set_plan(Some(at_call(target, verdict)));
    match session.open() {
        Ok(()) => {
            session.work(250)?;
            poison_is_told(&mut session)?;
            session.check_running()?;
        }
        Err(error) if session.disk.calls() >= target => drop(error),
        Err(error) => return Err(format!("does not open although nothing failed: {error}")),
    }
    recovers(&mut session)
}

fn at_call(target: u64, verdict: Verdict) -> Plan {
    Box::new(move |call| if call.number == target { verdict } else { Verdict::Proceed })
}

/// An open store with some work behind it.
fn started(seed: u64) -> Outcome<Session> {
    let mut session = Session::new(seed);
    session.open().map_err(|error| format!("does not open: {error}"))?;
    let rounds = session.random.any_size(200);
    session.work(rounds)?;
    only(&session, &[])?;
    Ok(session)
}

fn fail(
    session: &mut Session,
    plan: impl FnMut(&varve_files::simulate::Call<'_>) -> Verdict + Send + 'static,
) {
    session.disk.set_plan(Some(Box::new(plan)));
}

/// Only these codes may have come up.
fn only(session: &Session, codes: &[&str]) -> Outcome {
    match session.errors.iter().find(|code| !codes.contains(&code.as_str())) {
        Some(code) => Err(format!("{code} came up, expected {codes:?}")),
        None => Ok(()),
    }
}

/// A poisoned store says why, refuses writes with its code, and a sound one takes them.
fn poison_is_told(session: &mut Session) -> Outcome {
    session.disk.set_plan(None);
    session.errors.clear();
    let poisoned = session.store()?.stats().poisoned.is_some();
    session.send()?;
    session.step()?;
    session.collect()?;
    match (poisoned, session.errors.iter().any(|code| code == "STORE_POISONED")) {
        (true, false) => Err(format!("a poisoned store answers a write with {:?}", session.errors)),
        (false, true) => Err("a store that calls itself sound is poisoned".to_owned()),
        (false, false) if !session.errors.is_empty() => {
            Err(format!("with the fault gone a write fails: {:?}", session.errors))
        }
        _ => Ok(()),
    }
}

/// The process or the machine ends; the store opens, holds what it must, and works.
fn recovers(session: &mut Session) -> Outcome<Met> {
    let loss = match session.random.below(3) {
        0 => {
            session.close()?;
            Loss::Nothing
        }
        1 => {
            session.kill();
            Loss::Nothing
        }
        _ => {
            session.cut_power();
            Loss::Unsynced
        }
    };
    session.reopen_and_judge(loss)?;
    session.work(40)?;
    only(session, &[])?;
    session.check_running()?;
    session.close()?;
    session.reopen_and_judge(Loss::Nothing)?;
    Ok(session.met())
}
