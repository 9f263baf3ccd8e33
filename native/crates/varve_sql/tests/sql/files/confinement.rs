//! Nothing outside the allowed folders can be read, written, or told from what is not there.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fixture::Fixture;

#[test]
fn paths_that_lead_out_are_refused() {
    let at = Fixture::new();
    at.write("in.csv", "a\n1\n");
    at.write("sub/in.csv", "a\n2\n");
    std::fs::write(at.root.join("outside/out.csv"), "a\n666\n").expect("a file");
    symlink(at.root.join("outside"), at.path("out")).expect("a link");
    symlink(at.root.join("outside/out.csv"), at.path("out.csv")).expect("a link");
    symlink("../outside/out.csv", at.path("near.csv")).expect("a link");
    symlink(at.root.join("outside/none.csv"), at.path("none.csv")).expect("a link");
    symlink("circle.csv", at.path("circle.csv")).expect("a link");
    symlink("sub/in.csv", at.path("good.csv")).expect("a link");
    symlink(at.path("sub"), at.path("goodsub")).expect("a link");

    at.check("SELECT a FROM '@/in.csv'", &["1"]);
    at.check("SELECT a FROM '@/./sub/../in.csv'", &["1"]);
    at.check("SELECT a FROM 'file://@/in.csv'", &["1"]);
    at.check("SELECT a FROM 'file://@/%69n.csv'", &["1"]);
    at.check("SELECT a FROM '@/good.csv'", &["2"]);
    at.check("SELECT a FROM '@/goodsub/in.csv'", &["2"]);

    let forbidden = [
        "!/out.csv",
        "!/none.csv",
        "@/../outside/out.csv",
        "@/sub/../../outside/out.csv",
        "@/out/out.csv",
        "@/out.csv",
        "@/near.csv",
        "@/none.csv",
        "@/circle.csv",
        "/etc/passwd.csv",
        "/proc/self/environ.csv",
        "file://@/%2e%2e/outside/out.csv",
        "file://@/%2e%2e%2foutside/out.csv",
        "file://localhost/etc/x.csv",
        "file://host/etc/x.csv",
        "FILE:///etc/x.csv",
        "http://127.0.0.1/x.csv",
        "https://127.0.0.1/x.csv",
        "s3://bucket/x.csv",
        "gs://bucket/x.csv",
        "data:text/csv,a",
        "memory:///x.csv",
        "!/*.csv",
        "@/out/*.csv",
        "@/../*/out.csv",
        "@/db/catalogue.csv",
        "@/db/*.csv",
    ];
    for path in forbidden {
        for sql in [format!("SELECT * FROM '{path}'"), format!("SELECT * FROM read_csv('{path}')")] {
            at.refuses(&sql, "FILE_FORBIDDEN");
        }
    }
    for path in ["@/missing.csv", "@/no/such.csv", "@/in.csv/x.csv", "@/missing*.csv", "@/x\u{0}.csv"] {
        at.refuses(&format!("SELECT * FROM '{path}'"), "FILE_MISSING");
    }
    // A pattern does not follow a link out of its folder.
    at.refuses("SELECT count(*) FROM '@/o*/out.csv'", "FILE_MISSING");
}

#[test]
fn nothing_but_regular_files_is_opened() {
    let at = Fixture::new();
    std::fs::create_dir(at.path("folder.csv")).expect("a folder");
    at.refuses("SELECT * FROM '@/folder.csv'", "FILE_FORBIDDEN");
    let made = std::process::Command::new("mkfifo").arg(at.path("pipe.csv")).status();
    if made.is_ok_and(|status| status.success()) {
        at.refuses("SELECT * FROM '@/pipe.csv'", "FILE_FORBIDDEN");
    }
}

#[test]
fn without_allowed_folders_there_are_no_files() {
    let at = Fixture::new();
    at.write("in.csv", "a\n1\n");
    let engine = varve_sql::Engine::open(&varve_sql::Options { threads: 1, ..Default::default() });
    let engine = engine.expect("it opens");
    let session = engine.session();
    let sql = format!("SELECT * FROM '{}'", at.path("in.csv").display());
    let refused = engine.handle().block_on(session.execute(&sql, Default::default()));
    assert_eq!(refused.err().map(|error| error.code().as_str()), Some("FILE_FORBIDDEN"));
}

/// A link that somebody swaps all the time gives the allowed file or an error, never the other one.
#[test]
fn a_swapped_link_never_leads_out() {
    let at = Fixture::new();
    at.write("sub/x.csv", "a\n1\n");
    std::fs::write(at.root.join("outside/x.csv"), "a\n666\n").expect("a file");
    let stop = AtomicBool::new(false);
    let (link, spare) = (at.path("link"), at.path("spare"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for target in [at.path("sub"), at.root.join("outside")] {
                    symlink(target, &spare).expect("a link");
                    std::fs::rename(&spare, &link).expect("it can be renamed");
                }
            }
        });
        let mut good = 0;
        for _ in 0..300 {
            match at.run("SELECT a FROM '@/link/x.csv'") {
                Ok(rows) => {
                    assert_eq!(rows, ["1"]);
                    good += 1;
                }
                Err(error) => {
                    let code = error.code().as_str();
                    assert!(["FILE_FORBIDDEN", "FILE_MISSING"].contains(&code), "{error}");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        println!("{good} of 300 were read");
    });
}
