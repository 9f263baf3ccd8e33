//! A process of its own that writes and tells what was acknowledged; it is killed, or its limits stop it.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use varve_files::simulate::Random;
use varve_types::ErrorCode;

use super::drive::{self, Outcome};
use super::faults::expect_fault;
use super::model::{Model, Step};
use super::session::{Session, runtime};
use crate::{Database, Options};

/// The first argument of a victim.
pub const WORD: &str = "--victim";
/// A victim does so many steps at most.
const STEPS: u64 = 40;

/// Kills a victim three times in a row.
pub(super) fn kill(seed: u64, program: &Path) -> super::Verdict {
    let random = &mut Random::new(seed);
    let (mut session, database) = Session::real(seed);
    session.close(database);
    let mut is_met = false;
    for _ in 0..3 {
        let wait = Duration::from_millis(random.below(600));
        let told = watch(&session, program, &["none", "0"], Some(wait))?;
        is_met |= told.iter().any(|line| line == "open") && told.last().is_none_or(|line| line != "end");
        follow(&mut session, &told)?;
    }
    Ok(is_met)
}

/// Lets a victim run into a limit of `what` the system grants.
pub(super) fn limited(seed: u64, program: &Path, what: &str) -> super::Verdict {
    let random = &mut Random::new(seed);
    let (mut session, database) = Session::real(seed);
    session.steps(&database, random.below(6))?;
    session.close(database);
    let limit = match what {
        "files" => random.below(6),
        _ => 4096 + random.any_size(2_000_000),
    };
    let told = watch(&session, program, &[what, &limit.to_string()], None)?;
    if told.last().is_none_or(|line| line != "end") {
        return Err(format!("the victim died: {told:?}"));
    }
    follow(&mut session, &told)?;
    Ok(told.iter().any(|line| line.contains("STORE_")))
}

/// The lines that a victim tells before it ends or `wait` is over.
fn watch(
    session: &Session,
    program: &Path,
    limit: &[&str; 2],
    wait: Option<Duration>,
) -> Result<Vec<String>, String> {
    let (seed, steps) = (session.seed.to_string(), session.steps.to_string());
    // The victim has to know the model that it goes on from.
    let mut child = Command::new(program)
        .arg(WORD)
        .arg(session.dir.path())
        .args([seed.as_str(), steps.as_str()])
        .args(limit)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("no victim: {error}"))?;
    let model = serde_json::to_vec(&session.model).map_err(|error| error.to_string())?;
    let _killed_already = child.stdin.take().map(|mut input| input.write_all(&model));
    let out = child.stdout.take().ok_or("no output")?;
    let reading = std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect());
    if let Some(wait) = wait {
        std::thread::sleep(wait);
        let _ended_already = child.kill();
    }
    let _killed = child.wait();
    reading.join().map_err(|_| "the reader panicked".to_owned())
}

/// Brings the model to what was told and compares the database with it.
fn follow(session: &mut Session, told: &[String]) -> Result<(), String> {
    let mut doubt = None;
    let mut is_broken = false;
    for line in told {
        let (word, code) = line.split_once(' ').unwrap_or((line, ""));
        if !code.is_empty() {
            let known = [
                ErrorCode::StoreFull,
                ErrorCode::StoreIo,
                ErrorCode::StoreUnwritable,
                ErrorCode::StoreDescriptors,
                ErrorCode::StorePoisoned,
            ];
            let known = known.into_iter().find(|known| known.as_str() == code);
            expect_fault(known.ok_or_else(|| format!("the victim told {line:?}"))?)?;
        }
        match word {
            "step" => {
                let mut after = session.model.clone();
                after.apply(&session.model.step(session.seed, session.steps));
                session.steps += 1;
                doubt = Some(after);
            }
            "done" if is_broken => return Err("a commit was acknowledged after one that failed".into()),
            "done" => session.model = doubt.take().ok_or("an answer to nothing")?,
            "refused" => doubt = None,
            "doubt" => is_broken = true,
            _ => {}
        }
    }
    let database = session.open().map_err(|error| format!("it does not open again: {error}"))?;
    session.settle(&database, doubt)?;
    session.close(database);
    Ok(())
}

/// Lives as a victim, with the arguments after [`WORD`]: folder, seed, steps done before, the kind of limit, and the limit.
///
/// # Panics
/// When the arguments are not those.
pub fn live(arguments: &[String]) {
    let [dir, seed, steps, what, limit] = arguments else { panic!("a victim has five arguments") };
    let number = |word: &String| word.parse::<u64>().expect("a number");
    let (seed, first, limit) = (number(seed), number(steps), number(limit));
    let mut model: Model = serde_json::from_reader(std::io::stdin()).expect("a model");
    let runtime = runtime();
    restrict(what, limit);
    let options = Options { upkeep: what == "none", ..Options::default() };
    let database = match Database::open(Path::new(dir), &options, runtime.handle()) {
        Ok(database) => database,
        Err(error) => {
            tell(&format!("closed {}", error.code().as_str()));
            return tell("end");
        }
    };
    tell("open");
    runtime.block_on(async {
        for at in first..first + STEPS {
            let step = model.step(seed, at);
            tell("step");
            match drive::act(&database, &step).await {
                Outcome::Done => {
                    model.apply(&step);
                    tell("done");
                }
                Outcome::Refused(error) => tell(&format!("refused {}", error.code().as_str())),
                // A rewrite changes nothing that can be told.
                Outcome::InDoubt(error) if !matches!(step, Step::Commit(_)) => {
                    tell(&format!("refused {}", error.code().as_str()));
                }
                Outcome::InDoubt(error) => {
                    tell(&format!("doubt {}", error.code().as_str()));
                    if let Outcome::Done = drive::act(&database, &Model::nudge()).await {
                        tell("done");
                    }
                    break;
                }
            }
        }
    });
    runtime.block_on(database.close());
    tell("end");
}

/// Lets files grow to `limit` bytes, or so many more be open.
fn restrict(what: &str, limit: u64) {
    let (resource, most) = match what {
        "bytes" => (libc::RLIMIT_FSIZE, limit),
        "files" => {
            let open = std::fs::read_dir("/proc/self/fd").map_or(16, |open| open.count() as u64);
            (libc::RLIMIT_NOFILE, open + limit)
        }
        _ => return,
    };
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: both calls take plain values or a pointer that outlives them; this process has no handler of the signal.
    let is_set = unsafe {
        // Without it, a file that may not grow ends the process.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(resource, &raw const limit)
    };
    assert_eq!(is_set, 0, "a limit may always be lowered");
}

/// Nothing is held back: the next moment may be the last.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    let _watcher_gone = writeln!(out, "{line}").and_then(|()| out.flush());
}
