//! Tortures the store on a simulated disk: `kv_torture --mode MODE --cycles N [--seed S]`.
//!
//! Modes: `power` cuts the power anywhere, `rot` damages files at rest, `full`, `fsync`, `rename` and
//! `fds` fail calls of one kind, `call` fails the n-th call of all; `lying-disk` checks the torture
//! itself: syncs do nothing, and each cycle passes only if the loss is noticed. A cycle depends on its seed alone,
//! so a failure is repeated by the command that is printed with it. Ends with `N passed, N failed`.

mod disk;
mod faults;
mod oracle;
mod power;
mod random;
mod rot;
mod session;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

const USAGE: &str = "kv_torture --mode power|rot|full|fsync|rename|fds|call|lying-disk --cycles N [--seed S]";

struct Arguments {
    mode: String,
    cycles: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    let Arguments { mode, cycles, seed } = &arguments;
    println!("kv {mode}: {cycles} cycles from seed {seed}, simulated disk");
    let (mut passed, mut failed, mut met) = (0u64, 0u64, 0u64);
    for cycle in 0..*cycles {
        match run(mode, *seed, cycle) {
            Ok(is_met) => {
                passed += 1;
                met += u64::from(is_met);
            }
            Err(what) => {
                failed += 1;
                if failed <= 5 {
                    println!("failed in cycle {cycle}: {what}\n  repeat: {}", repeat(mode, *seed, cycle));
                }
            }
        }
    }
    println!("the fault came up in {met} of the {passed} cycles that passed");
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(mode: &str, seed: u64, cycle: u64) -> session::Outcome<session::Met> {
    let own_seed = seed.wrapping_add(cycle);
    let tortured = catch_unwind(AssertUnwindSafe(|| match mode {
        "power" => power::power(own_seed),
        "lying-disk" => power::lying_disk(own_seed),
        "rot" => rot::rot(own_seed),
        "full" => faults::full(own_seed),
        "fsync" => faults::fsync(own_seed),
        "rename" => faults::rename(own_seed),
        "fds" => faults::fds(own_seed),
        // One workload, of which each call fails in turn.
        _ => faults::call(seed, cycle),
    }));
    tortured.unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without words")))
    })
}

/// `call` counts calls by its cycle, so it is repeated from its first one.
fn repeat(mode: &str, seed: u64, cycle: u64) -> String {
    let (seed, cycles) = if mode == "call" { (seed, cycle + 1) } else { (seed.wrapping_add(cycle), 1) };
    format!("npm run torture -- kv --mode {mode} --cycles {cycles} --seed {seed}")
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { mode: String::new(), cycles: 100, seed: 1 };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} needs a number, not {value}"));
        match word.as_str() {
            "--mode" => arguments.mode = value,
            "--cycles" => arguments.cycles = number()?,
            "--seed" => arguments.seed = number()?,
            _ => return Err(format!("unknown option {word}")),
        }
    }
    match arguments.mode.as_str() {
        "power" | "rot" | "full" | "fsync" | "rename" | "fds" | "call" | "lying-disk" => Ok(arguments),
        other => Err(format!("unknown mode {other:?}")),
    }
}
