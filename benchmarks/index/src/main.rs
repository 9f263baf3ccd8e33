//! Benchmark `index`: how fast, small and quickly built is the learned index beside binary search, a B-tree and our
//! own S+ tree?
//!
//! Workload: sorted u64 keys of four data sets of published hardness and seven adversarial ones; lookups uniform
//! over the keys, seed 42 (SOSD's protocol), asked one by one, in a dependent chain, in batches of 32, and half of
//! them between keys. Rivals run interleaved, each on its own queries; the median of the rounds counts. Every answer
//! is compared before any time is believed. Index sizes exclude the keys; build times include every candidate, the
//! trial and the replay. All memory is on huge pages for all rivals alike. Excluded: loading keys, several threads.
//!
//! `varve-index-bench --size small|real [--n KEYS] [--set NAME] [--json FILE]`

use std::process::ExitCode;

use varve_index::{Kind, Policy, build};
use varve_index_bench::adversarial;
use varve_index_bench::data::TWINS;
use varve_index_bench::keys::Keys;
use varve_index_bench::measure::{Effort, build_ns, lookups};
use varve_index_bench::report::{Case, Run, Value};
use varve_index_bench::rivals::{Asking, Rival, forced};
use varve_index_bench::rng::Rng;
use varve_index_bench::strings;

const SEED: u64 = 42;

struct Args {
    real: bool,
    count: usize,
    set: Option<String>,
    json: Option<String>,
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!(
                "{message}\nusage: varve-index-bench --size small|real [--n KEYS] [--set NAME] [--json FILE]"
            );
            return ExitCode::from(2);
        }
    };
    on_huge_pages();
    let size = if args.real { "real" } else { "small" };
    let mut run =
        Run { size: size.to_owned(), commit: commit(), machine: machine(), seed: SEED, cases: Vec::new() };
    let wanted = |name: &str| args.set.as_ref().is_none_or(|set| set == name);
    let effort = if args.real {
        Effort { rounds: 5, lookups: 300_000 }
    } else {
        Effort { rounds: 3, lookups: 30_000 }
    };
    for twin in TWINS.iter().filter(|twin| wanted(twin.name)) {
        let from = run.cases.len();
        run_twin(&mut run, twin.name, &twin.keys(args.count, SEED), effort);
        print_rows(&run, from);
    }
    if wanted("adversarial") {
        let from = run.cases.len();
        for name in adversarial::NAMES {
            let count = args.count.min(20_000_000);
            run_adversarial(&mut run, name, &adversarial::keys(name, count, SEED), effort);
        }
        print_rows(&run, from);
    }
    if wanted("strings") {
        let from = run.cases.len();
        let (count, rounds) = if args.real { (1_000_000, 9) } else { (100_000, 3) };
        for name in strings::NAMES {
            run.cases.extend(strings::run(name, count, rounds));
        }
        print_rows(&run, from);
    }
    if args.set.is_none() {
        let from = run.cases.len();
        summarise(&mut run);
        print_rows(&run, from);
    }
    if let Some(file) = &args.json
        && let Err(error) = std::fs::write(file, run.json())
    {
        eprintln!("cannot write {file}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut parsed = Args { real: false, count: 0, set: None, json: None };
    while let Some(name) = args.next() {
        let value = args.next().ok_or(format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--size", "small") => parsed.real = false,
            ("--size", "real") => parsed.real = true,
            ("--n", count) => {
                parsed.count = count.parse().map_err(|_| format!("--n {count} is no number"))?
            }
            ("--set", _) => parsed.set = Some(value),
            ("--json", _) => parsed.json = Some(value),
            _ => return Err(format!("unknown argument {name} {value}")),
        }
    }
    if parsed.count == 0 {
        parsed.count = if parsed.real { 50_000_000 } else { 1_000_000 };
    }
    Ok(parsed)
}

/// Starts the program again with an allocator that asks for huge pages, which a B-tree of many nodes needs.
fn on_huge_pages() {
    use std::os::unix::process::CommandExt;
    const TUNABLES: &str = "GLIBC_TUNABLES";
    if std::env::var_os(TUNABLES).is_none()
        && let Ok(program) = std::env::current_exe()
    {
        let error = std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(TUNABLES, "glibc.malloc.hugetlb=1")
            .exec();
        eprintln!("no huge pages: {error}");
    }
}

fn run_twin(run: &mut Run, name: &str, keys: &Keys, effort: Effort) {
    let rounds = if keys.len() > 100_000_000 { 1 } else { 3 };
    let policy = Policy::default();
    let (built, build_time) =
        build_ns("varve", rounds, keys.len(), || build(keys, &policy).expect("keys ascend"));
    let alternatives = [
        ("line_probe_16", Kind::LineProbe { epsilon: 16 }),
        ("line_probe_40", Kind::LineProbe { epsilon: 40 }),
        ("splus_tree", Kind::SplusTree),
        ("sparse_fences", Kind::SparseFences),
    ]
    .map(|(name, kind)| {
        let (built, time) = build_ns(name, 1, keys.len(), || forced(keys, kind));
        (name, built, time)
    });
    let report = &built.report;
    println!(
        "{name}: {} keys, chose {}, {:.0} segments/M, {:.2} lines walked, {} at most, predicted {:.0} ns{}",
        keys.len(),
        report.kind,
        report.segments_per_million(),
        report.walked_mean,
        report.walked_max,
        report.predicted_ns,
        report.fallback.as_ref().map_or(String::new(), |why| format!(", fallback: {why}"))
    );

    for (_, built, _) in &alternatives[..2] {
        let report = &built.report;
        println!(
            "  {}: {:.0} segments/M, {:.2} lines walked",
            report.kind,
            report.segments_per_million(),
            report.walked_mean
        );
    }
    let ours =
        std::iter::once(("varve", &built)).chain(alternatives.iter().map(|(name, built, _)| (*name, built)));
    let images: Vec<_> = ours.map(|(name, built)| (name, Keys::copy_of_image(&built.image))).collect();
    let mut rivals: Vec<_> =
        images.iter().map(|(name, image)| ((*name).to_owned(), Rival::index(image, keys))).collect();
    rivals.push(("binary_search".to_owned(), Rival::BinarySearch(keys)));
    rivals.push(("btreemap".to_owned(), Rival::btree(keys)));

    let mut rng = Rng(SEED);
    for (metric, asking, misses) in [
        ("point lookup", Asking::Point, 0.0),
        ("dependent lookup", Asking::Dependent, 0.0),
        ("lookup in batches of 32", Asking::Batch, 0.0),
        ("point lookup, half misses", Asking::Point, 0.5),
    ] {
        let values = lookups(keys, &rivals, asking, misses, effort, &mut rng);
        run.cases.push(Case { case: name.to_owned(), metric, unit: "ns", better: "lower", values });
    }
    let sizes =
        std::iter::once(("varve", &built)).chain(alternatives.iter().map(|(name, built, _)| (*name, built)));
    let values = sizes.map(|(name, built)| Value::exact(name, built.report.bytes_per_key())).collect();
    run.cases.push(Case {
        case: name.to_owned(),
        metric: "index size",
        unit: "B/key",
        better: "lower",
        values,
    });
    let times =
        std::iter::once(build_time).chain(alternatives.iter().map(|(_, _, time)| time.clone())).collect();
    run.cases.push(Case {
        case: name.to_owned(),
        metric: "build and replay",
        unit: "ns/key",
        better: "lower",
        values: times,
    });
}

fn run_adversarial(run: &mut Run, name: &str, keys: &Keys, effort: Effort) {
    let built = build(keys, &Policy::default()).expect("keys ascend");
    let tree = forced(keys, Kind::SplusTree);
    let (ours, tree) = (Keys::copy_of_image(&built.image), Keys::copy_of_image(&tree.image));
    let rivals = [
        ("varve".to_owned(), Rival::index(&ours, keys)),
        ("splus_tree".to_owned(), Rival::index(&tree, keys)),
        ("binary_search".to_owned(), Rival::BinarySearch(keys)),
    ];
    println!(
        "{name}: {} keys, chose {}, {:.3} B/key",
        keys.len(),
        built.report.kind,
        built.report.bytes_per_key()
    );
    let mut rng = Rng(SEED);
    let values = lookups(keys, &rivals, Asking::Point, 0.3, effort, &mut rng);
    let metric = "point lookup, 30 % misses";
    run.cases.push(Case { case: name.to_owned(), metric, unit: "ns", better: "lower", values });
}

/// The figures that the goals speak of, over all sets.
fn summarise(run: &mut Run) {
    let over_twins = |metric: &str, rival: &str| -> f64 {
        let logs = TWINS.iter().filter_map(|twin| {
            Some((run.median(twin.name, metric, rival)? / run.median(twin.name, metric, "varve")?).ln())
        });
        (logs.sum::<f64>() / TWINS.len() as f64).exp()
    };
    let worst = |metric: &str, names: &mut dyn Iterator<Item = &str>| -> f64 {
        names.filter_map(|name| run.median(name, metric, "varve")).fold(0.0, f64::max)
    };
    let all = || TWINS.iter().map(|twin| twin.name);
    let adversarial = adversarial::NAMES
        .iter()
        .filter_map(|name| {
            let metric = "point lookup, 30 % misses";
            Some(run.median(name, metric, "varve")? / run.median(name, metric, "splus_tree")?)
        })
        .fold(0.0, f64::max);
    let rows = [
        ("point: speed over binary search", "x", "higher", over_twins("point lookup", "binary_search")),
        ("point: speed over BTreeMap", "x", "higher", over_twins("point lookup", "btreemap")),
        ("point: speed over S+ tree", "x", "higher", over_twins("point lookup", "splus_tree")),
        ("dependent: speed over S+ tree", "x", "higher", over_twins("dependent lookup", "splus_tree")),
        ("batch of 32: slowest set", "ns", "lower", worst("lookup in batches of 32", &mut all())),
        (
            "batch of 32: speed over binary search",
            "x",
            "higher",
            over_twins("lookup in batches of 32", "binary_search"),
        ),
        (
            "size: books, wiki, larger",
            "B/key",
            "lower",
            worst("index size", &mut ["books", "wiki"].into_iter()),
        ),
        ("size: fb, osm, larger", "B/key", "lower", worst("index size", &mut ["fb", "osm"].into_iter())),
        ("build and replay: slowest set", "ns/key", "lower", worst("build and replay", &mut all())),
        ("adversarial: time over S+ tree, worst", "x", "lower", adversarial),
    ];
    run.cases.extend(rows.map(|(metric, unit, better, value)| Case {
        case: "all".to_owned(),
        metric,
        unit,
        better,
        values: vec![Value::exact("varve", value)],
    }));
}

fn print_rows(run: &Run, from: usize) {
    let rows = Run {
        cases: run.cases[from..].to_vec(),
        size: String::new(),
        commit: String::new(),
        machine: String::new(),
        seed: 0,
    };
    println!("{}", rows.table());
}

fn commit() -> String {
    let output = std::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    output
        .ok()
        .filter(|out| out.status.success())
        .map_or("unknown".to_owned(), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown")
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores, {:?}", field("model name"), varve_index::Isa::detect())
}
