//! Tortures databases of tables: `table_torture --mode MODE --cycles N [--seed S]`.
//!
//! The modes are those of `varve_table::simulate`. Ends with `N passed, N failed`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use varve_table::simulate::{Mode, WORD, cycle, live};

struct Arguments {
    mode: Mode,
    cycles: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == WORD) {
        live(&words[1..]);
        return ExitCode::SUCCESS;
    }
    let Arguments { mode, cycles, seed } = match parse(words.into_iter()) {
        Ok(arguments) => arguments,
        Err(problem) => {
            let modes = Mode::ALL.map(|(name, _)| name).join("|");
            eprintln!("{problem}\nusage: table_torture --mode {modes} --cycles N [--seed S]");
            return ExitCode::from(2);
        }
    };
    println!("sql {}: {cycles} cycles from seed {seed}", mode.name());
    let program = std::env::current_exe().expect("a running program has a path");
    let (mut told, mut passed, mut failed, mut met) = (Instant::now(), 0u64, 0u64, 0u64);
    for at in 0..cycles {
        let own = seed.wrapping_add(at);
        match cycle(mode, own, &program) {
            Ok(is_met) => {
                passed += 1;
                met += u64::from(is_met);
            }
            Err(what) => {
                failed += 1;
                println!("failed in cycle {at}: {what}");
                println!("  repeat: npm run torture -- sql --mode {} --cycles 1 --seed {own}", mode.name());
            }
        }
        if told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            println!("{} of {cycles} cycles", passed + failed);
        }
    }
    println!("the fault came up in {met} of the {passed} cycles that passed");
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
