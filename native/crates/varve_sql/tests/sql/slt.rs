//! Runs the .slt files of tests/slt, each on a database of its own: the records `statement ok`, `statement error TEXT`,
//! `statement count N` and `query [rowsort]` of sqllogictest. Values of a row are divided by one space.

use std::path::Path;

use varve_sql::{Engine, Options, Params, Session};

use crate::rows::shown;

/// One record of a file.
struct Record {
    line: usize,
    head: String,
    sql: String,
    expected: Vec<String>,
}

fn records(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')).peekable();
    while let Some((at, head)) = lines.next() {
        if head.trim().is_empty() {
            continue;
        }
        let mut record =
            Record { line: at + 1, head: head.to_owned(), sql: String::new(), expected: Vec::new() };
        let mut is_answer = false;
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.trim().is_empty()) {
            if line == "----" {
                is_answer = true;
            } else if is_answer {
                record.expected.push(line.to_owned());
            } else {
                record.sql += line;
                record.sql.push('\n');
            }
        }
        records.push(record);
    }
    records
}

async fn run(session: &Session, record: &Record) -> Result<(), String> {
    let answer = match session.execute(&record.sql, Params::default()).await {
        Ok(output) => {
            let affected = output.rows_affected;
            output.collect().await.map(|batches| (affected, shown(&batches)))
        }
        Err(error) => Err(error),
    };
    let words: Vec<&str> = record.head.split_whitespace().collect();
    match (words.as_slice(), answer) {
        (["statement", "ok"], Ok(_)) => Ok(()),
        (["statement", "count", count], Ok((affected, _))) => {
            let wanted = count.parse().ok();
            if affected == wanted { Ok(()) } else { Err(format!("{affected:?} rows, not {wanted:?}")) }
        }
        (["statement", "error", ..], Err(error)) => {
            let wanted = record.head.trim_start_matches("statement error").trim();
            let told = error.to_string();
            if told.contains(wanted) { Ok(()) } else { Err(format!("another error: {told}")) }
        }
        (["query", rest @ ..], Ok((_, mut rows))) => {
            if rest.contains(&"rowsort") {
                rows.sort();
            }
            if rows == record.expected { Ok(()) } else { Err(format!("got\n{}", rows.join("\n"))) }
        }
        (_, Err(error)) => Err(error.to_string()),
        (_, Ok(_)) => Err("it did not fail".to_owned()),
    }
}

#[test]
fn every_record_of_every_file_answers_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = Options { directory: Some(dir.path().join("db")), threads: 2, ..Options::default() };
        let engine = Engine::open(&options).expect("it opens");
        let session = engine.session();
        for record in records(&text) {
            count += 1;
            if let Err(why) = engine.handle().block_on(run(&session, &record)) {
                failures.push(format!("{}:{}: {}{why}", path.display(), record.line, record.sql));
            }
        }
    }
    println!("{count} records, {} failed", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
