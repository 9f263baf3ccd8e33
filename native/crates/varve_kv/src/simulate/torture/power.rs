//! Power loss: at any call, in the middle of whatever the store is doing, several times in a row.

use super::oracle::Loss;
use super::session::{Met, Outcome, Session, file_name};
use varve_files::simulate::Random;
use varve_files::simulate::{Action, Call, Plan, Verdict};

/// One store through several power cuts.
pub fn power(seed: u64) -> Outcome<Met> {
    let mut session = Session::new(seed);
    for life in 1..=1 + session.random.below(5) {
        one_life(&mut session).map_err(|what| format!("life {life}: {what}"))?;
    }
    session.close()?;
    session.reopen_and_judge(Loss::Nothing)?;
    Ok(session.met())
}

/// The same on a disk whose syncs do nothing: passes only if the torture notices.
pub fn lying_disk(seed: u64) -> Outcome<Met> {
    let mut session = Session::new(seed);
    session.disk.lie();
    for _ in 0..8 {
        match one_life(&mut session) {
            Err(_) => return Ok(true),
            Ok(()) => session.kill(),
        }
    }
    Err("eight power cuts on a disk that never syncs were not noticed".to_owned())
}

fn one_life(session: &mut Session) -> Outcome {
    let rounds = session.random.any_size(600);
    let plan = cut(&mut session.random);
    session.disk.set_plan(Some(plan));
    match session.open() {
        Ok(()) => session.work(rounds)?,
        Err(error) if !session.disk.is_off() => return Err(format!("does not open: {error}")),
        Err(_) => {}
    }
    session.cut_power();
    session.reopen_and_judge(Loss::Unsynced)?;
    // The next life begins behind a clean close, a killed process, or work on the recovered store.
    match session.random.below(3) {
        0 => session.close()?,
        1 => session.kill(),
        _ => {
            let rounds = session.random.below(40);
            session.work(rounds)?;
            session.check_running()?;
            session.kill();
            session.reopen_and_judge(Loss::Nothing)?;
            session.kill();
        }
    }
    Ok(())
}

/// Cuts at the k-th call of a kind that is drawn too, so that rare moments are met as often as common ones.
fn cut(random: &mut Random) -> Plan {
    let kind = random.below(8);
    let bound = if kind < 3 { 4_000 } else { 40 };
    let mut left = 1 + random.any_size(bound);
    Box::new(move |call| {
        let counts = match kind {
            0..3 => true,
            3 => call.action == Action::Rename,
            4 => call.action == Action::SyncDir,
            5 => call.action == Action::Sync,
            6 => call.action == Action::Write && is_segment(call),
            _ => matches!(call.action, Action::Remove | Action::Allocate) || is_catalogue(call),
        };
        left -= u64::from(counts);
        if left == 0 { Verdict::PowerOff } else { Verdict::Proceed }
    })
}

fn is_segment(call: &Call<'_>) -> bool {
    file_name(call.path).starts_with("segment-")
}

fn is_catalogue(call: &Call<'_>) -> bool {
    file_name(call.path).starts_with("CATALOGUE")
}
