//! What a statement calls a file: a path, a `file:` URL, or a pattern of either.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use url::Url;
use varve_types::{ErrorCode, Result, VarveError};

use super::confined::{Confinement, lexical};
use super::store::scheme_forbidden;

/// Files that one pattern may stand for.
const FILES_MAX: usize = 10_000;
/// Folders within folders that `**` stands for; it ends a circle of links.
const FOLDER_DEPTH_MAX: usize = 24;
/// `*` and `?` stand for no `/`, and for no `.` that begins a name: hidden files are not found by accident.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The absolute path of a name. Relative ones begin at the process's folder, as in every other program.
pub(crate) fn absolute(name: &str) -> Result<PathBuf> {
    let bad = || VarveError::new(ErrorCode::FileMissing, format!("{name:?} is no path"), "check the path");
    if name.is_empty() || name.contains('\0') {
        return Err(bad());
    }
    let path = match scheme(name) {
        None => PathBuf::from(name),
        Some(scheme) if scheme.eq_ignore_ascii_case("file") => {
            let url = Url::parse(name).map_err(|_| bad())?;
            url.to_file_path().map_err(|()| scheme_forbidden("file://HOST"))?
        }
        Some(scheme) => return Err(scheme_forbidden(scheme)),
    };
    std::path::absolute(path).map(|path| lexical(&path)).map_err(|error| bad().caused_by(error))
}

/// The files in a folder and below it whose names end so, as a pattern; `None` when `name` is no folder.
pub(crate) fn within_folder(confinement: &Confinement, name: &str, ending: &str) -> Option<String> {
    let path = absolute(name).ok()?;
    confinement.is_folder(&path).then(|| format!("{}/**/*.{ending}", name.trim_end_matches('/')))
}

/// The files that a name stands for, in the order of their names; one when it is no pattern.
///
/// # Errors
/// `FILE_MISSING` when a pattern stands for none, `LIMIT_EXCEEDED`, and those of the confinement.
pub(crate) fn expand(confinement: &Confinement, name: &str) -> Result<Vec<PathBuf>> {
    let path = absolute(name)?;
    let text = path.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return Ok(vec![path]);
    }
    let pattern = Pattern::new(&text).map_err(|error| {
        VarveError::new(ErrorCode::FileMissing, format!("{name} is no pattern: {error}"), "see glob(7)")
    })?;
    let plain = |component: &Path| !component.to_string_lossy().contains(['*', '?', '[']);
    let start: PathBuf = path.iter().take_while(|component| plain(Path::new(component))).collect();
    let depth =
        if text.contains("**") { FOLDER_DEPTH_MAX + 1 } else { path.iter().count() - start.iter().count() };
    let mut search = Search { confinement, pattern, found: Vec::new(), seen: 0 };
    search.within(&start, depth)?;
    search.found.sort();
    if search.found.is_empty() {
        return Err(VarveError::new(
            ErrorCode::FileMissing,
            format!("no file matches {name}"),
            "check the path",
        ));
    }
    Ok(search.found)
}

struct Search<'c> {
    confinement: &'c Confinement,
    pattern: Pattern,
    found: Vec<PathBuf>,
    seen: usize,
}

impl Search<'_> {
    /// Looks through a folder, and `depth - 1` levels below it.
    fn within(&mut self, folder: &Path, depth: usize) -> Result<()> {
        for entry in self.confinement.list(folder)? {
            let path = folder.join(&entry.name);
            self.seen += 1;
            if self.found.len() > FILES_MAX || self.seen > 100 * FILES_MAX {
                let message = format!("{} stands for more than {FILES_MAX} files", self.pattern);
                return Err(VarveError::new(ErrorCode::LimitExceeded, message, "use a narrower pattern"));
            }
            if entry.is_folder && depth > 1 {
                match self.within(&path, (depth - 1).min(FOLDER_DEPTH_MAX)) {
                    // A pattern passes over what it may not see.
                    Err(error) if error.code() == ErrorCode::FileForbidden => {}
                    other => other?,
                }
            } else if !entry.is_folder && self.pattern.matches_path_with(&path, MATCHING) {
                self.found.push(path);
            }
        }
        Ok(())
    }
}

/// The scheme of a URL; one letter is a drive, not a scheme.
fn scheme(name: &str) -> Option<&str> {
    let (scheme, _) = name.split_once(':')?;
    let mut letters = scheme.chars();
    let is_scheme = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.clone().count() > 0
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    is_scheme.then_some(scheme)
}
