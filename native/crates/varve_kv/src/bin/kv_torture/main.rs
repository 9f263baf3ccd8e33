//! Tortures the store on a simulated disk: `kv_torture --mode MODE --cycles N [--seed S]`.
//!
//! The modes are those of `varve_kv::simulate::torture`. Ends with `N passed, N failed`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use varve_kv::simulate::torture::{Mode, run};

/// Broken cycles that are told in full.
const TOLD_MAX: u64 = 5;

struct Arguments {
    mode: Mode,
    cycles: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let Arguments { mode, cycles, seed } = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            let modes = Mode::ALL.map(|(name, _)| name).join("|");
            eprintln!("{problem}\nusage: kv_torture --mode {modes} --cycles N [--seed S]");
            return ExitCode::from(2);
        }
    };
    println!("kv {}: {cycles} cycles from seed {seed}, simulated disk", mode.name());
    let mut told = Instant::now();
    let tally = run(mode, cycles, seed, |tally, broken| {
        if let Some(what) = broken.filter(|_| tally.failed <= TOLD_MAX) {
            println!("failed in {what}");
        }
        if told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            println!("{} of {cycles} cycles", tally.passed + tally.failed);
        }
    });
    println!("the fault came up in {} of the {} cycles that passed", tally.met, tally.passed);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut mode, mut cycles, mut seed) = (None, 100, 1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} needs a number, not {value}"));
        match word.as_str() {
            "--mode" => mode = Some(Mode::named(&value).ok_or_else(|| format!("unknown mode {value:?}"))?),
            "--cycles" => cycles = number()?,
            "--seed" => seed = number()?,
            _ => return Err(format!("unknown option {word}")),
        }
    }
    Ok(Arguments { mode: mode.ok_or("--mode is missing")?, cycles, seed })
}
