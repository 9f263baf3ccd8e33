//! A share of every torture mode in each test run; `npm run torture` runs as many cycles as wanted.
//!
//! A failure names the seed and the command that repeats it. `VARVE_SEED` chooses another seed.

use varve_kv::simulate::torture::{Mode, run};

/// Runs `cycles` cycles and demands that in at least `met_percent` of them the fault came up at all.
fn torture(mode: Mode, cycles: u64, met_percent: u64) {
    let seed = std::env::var("VARVE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut broken = Vec::new();
    let tally = run(mode, cycles, seed, |_, what| broken.extend(what));
    println!("{}: {cycles} cycles from seed {seed}, the fault came up in {}", mode.name(), tally.met);
    assert!(broken.is_empty(), "{} of {cycles} cycles failed:\n{}", broken.len(), broken.join("\n"));
    assert_eq!(tally.passed, cycles);
    assert!(tally.met * 100 >= cycles * met_percent, "the fault came up in {} cycles only", tally.met);
}

#[test]
fn power_cuts() {
    torture(Mode::Power, 200, 70);
}

#[test]
fn rot_and_truncation() {
    torture(Mode::Rot, 500, 70);
}

#[test]
fn full_disks() {
    torture(Mode::Full, 60, 90);
}

#[test]
fn failed_syncs() {
    torture(Mode::Fsync, 60, 80);
}

#[test]
fn failed_renames() {
    torture(Mode::Rename, 50, 90);
}

#[test]
fn no_descriptors() {
    torture(Mode::Fds, 60, 90);
}

#[test]
fn any_single_call() {
    torture(Mode::Call, 150, 90);
}

#[test]
fn a_lying_disk_is_noticed() {
    torture(Mode::LyingDisk, 50, 100);
}
