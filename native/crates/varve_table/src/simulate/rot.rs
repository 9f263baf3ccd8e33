//! Damage to a database at rest: every answer is right, or an error says that there is damage.

use std::path::PathBuf;

use varve_files::simulate::Random;
use varve_types::ErrorCode;

use super::drive::Wrong;
use super::session::Session;

/// One bit flips, or a file of ours is cut short or gone.
pub(super) fn rot(seed: u64) -> super::Verdict {
    let random = &mut Random::new(seed);
    let (mut session, database) = Session::real(seed);
    session.steps(&database, 1 + random.below(10))?;
    // SQLite folds its log away when it is closed, not when the process ends.
    let running: Vec<_> = ["catalogue.db", "catalogue.db-wal"]
        .map(|name| session.path(name))
        .into_iter()
        .filter_map(|path| Some((std::fs::read(&path).ok()?, path)))
        .collect();
    session.close(database);
    if random.once_in(2) {
        running.iter().for_each(|(bytes, path)| std::fs::write(path, bytes).expect("a healthy disk"));
    }
    let what = harm(&session, random);
    let wrong = |what: &str, why: String| Err(format!("{what}: {why}"));
    let database = match session.open() {
        Ok(database) => database,
        Err(error) => return judge(&what, Wrong::Error(error)),
    };
    match session.compare(&database) {
        Ok(()) => {}
        Err(found) => return judge(&what, found),
    }
    // Damage that no answer shows yet must not spread unseen.
    for _ in 0..3 {
        match session.step(&database) {
            (super::drive::Outcome::Done, after) => session.model = after,
            (super::drive::Outcome::Refused(error) | super::drive::Outcome::InDoubt(error), _) => {
                return judge(&what, Wrong::Error(error));
            }
        }
    }
    session.close(database);
    match session.open().map_err(Wrong::Error).and_then(|database| session.compare(&database)) {
        Ok(()) => Ok(false),
        Err(found) => wrong(&what, format!("it was not noticed before more was written: {found:?}")),
    }
}

fn judge(what: &str, found: Wrong) -> super::Verdict {
    match found {
        Wrong::Lie(why) => Err(format!("{what}: silent damage: {why}")),
        Wrong::Error(error) => match error.code() {
            ErrorCode::StoreDamaged | ErrorCode::StoreForeign | ErrorCode::StoreNewerFormat => Ok(true),
            ErrorCode::StoreIo if what.starts_with("gone") => Ok(true),
            _ => Err(format!("{what}: no damage code: {error}")),
        },
    }
}

fn harm(session: &Session, random: &mut Random) -> String {
    let folders = [session.dir.path().to_owned(), session.path("segments")];
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() > 0))
        .collect();
    files.sort();
    let path = random.pick(&files);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_segment = path.starts_with(&folders[1]);
    let mut bytes = std::fs::read(path).expect("a file");
    if is_segment && random.once_in(8) {
        std::fs::remove_file(path).expect("a file");
        return format!("gone: {name}");
    }
    let what = if is_segment && random.once_in(6) {
        bytes.truncate(random.below(bytes.len() as u64) as usize);
        format!("{name} cut to {} bytes", bytes.len())
    } else {
        let bit = random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        format!("bit {bit} of {name}")
    };
    // A new file under the old name: somebody may still map the old one.
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(fresh, path)).expect("a healthy disk");
    what
}
