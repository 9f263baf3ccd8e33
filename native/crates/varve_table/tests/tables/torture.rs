//! A share of every mode of torture in each test run; `npm run torture -- sql` runs as many cycles as wanted.
//!
//! A failure names the seed. `VARVE_SEED` chooses another one.

use std::path::Path;

use varve_table::simulate::{Mode, cycle};

fn torture(mode: Mode, cycles: u64) {
    let seed = std::env::var("VARVE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1u64);
    println!("{}: {cycles} cycles from seed {seed}", mode.name());
    let program = Path::new(env!("CARGO_BIN_EXE_table_torture"));
    for at in 0..cycles {
        if let Err(what) = cycle(mode, seed.wrapping_add(at), program) {
            panic!("{} with seed {}: {what}", mode.name(), seed.wrapping_add(at));
        }
    }
}

#[test]
fn kills() {
    torture(Mode::Kill, 5);
}

#[test]
fn power_cuts() {
    torture(Mode::Power, 40);
}

#[test]
fn rot() {
    torture(Mode::Rot, 60);
}

#[test]
fn files_that_may_not_grow() {
    torture(Mode::Full, 10);
}

#[test]
fn failing_calls() {
    torture(Mode::Fail, 40);
}

#[test]
fn no_descriptors() {
    torture(Mode::Fds, 15);
}
