//! Results: one JSON format for all suites, and a table to read.

use std::fmt::Write;

/// One rival's figure.
#[derive(Clone, Debug)]
pub struct Value {
    pub name: String,
    pub median: f64,
    /// Distance of the quartiles.
    pub iqr: f64,
    /// Measurements.
    pub n: usize,
}

impl Value {
    /// Median and quartiles of `samples`, at least one.
    pub fn of(name: &str, mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
        Self { name: name.to_owned(), median: at(0.5), iqr: at(0.75) - at(0.25), n: samples.len() }
    }

    /// A figure that is counted, not timed.
    pub fn exact(name: &str, value: f64) -> Self {
        Self::of(name, vec![value])
    }
}

/// One row: the same question to several rivals.
#[derive(Clone, Debug)]
pub struct Case {
    pub case: String,
    pub metric: &'static str,
    pub unit: &'static str,
    pub better: &'static str,
    pub values: Vec<Value>,
}

/// A whole run.
pub struct Run {
    pub size: String,
    pub commit: String,
    pub machine: String,
    pub seed: u64,
    pub cases: Vec<Case>,
}

impl Run {
    /// The median of `name` in a row.
    pub fn median(&self, case: &str, metric: &str, name: &str) -> Option<f64> {
        let row = self.cases.iter().find(|row| row.case == case && row.metric == metric)?;
        row.values.iter().find(|value| value.name == name).map(|value| value.median)
    }

    /// `{suite, size, commit, machine, seed, cases}` as in architecture.md, section 7.
    pub fn json(&self) -> String {
        let mut out = format!(
            "{{\n  \"suite\": \"index\",\n  \"size\": {},\n  \"commit\": {},\n  \"machine\": {},\n  \"seed\": {},\n  \"cases\": [",
            quoted(&self.size),
            quoted(&self.commit),
            quoted(&self.machine),
            self.seed
        );
        for (at, row) in self.cases.iter().enumerate() {
            let values: Vec<String> = row
                .values
                .iter()
                .map(|v| {
                    let (median, iqr) = (rounded(v.median), rounded(v.iqr));
                    format!("{}: {{\"median\": {median}, \"iqr\": {iqr}, \"n\": {}}}", quoted(&v.name), v.n)
                })
                .collect();
            let _ = write!(
                out,
                "{}\n    {{\"case\": {}, \"metric\": {}, \"unit\": {}, \"better\": {}, \"values\": {{{}}}}}",
                if at == 0 { "" } else { "," },
                quoted(&row.case),
                quoted(row.metric),
                quoted(row.unit),
                quoted(row.better),
                values.join(", ")
            );
        }
        out.push_str("\n  ]\n}\n");
        out
    }

    /// One line per row, the first rival being ours, with its ratio to the best of the others.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for row in &self.cases {
            let _ = write!(out, "{:<14} {:<26} {:>6} ", row.case, row.metric, row.unit);
            for value in &row.values {
                let _ = write!(out, " {} {:.3}", value.name, value.median);
            }
            let others = row.values.iter().skip(1).map(|value| value.median);
            let lower = row.better == "lower";
            let best = if lower { others.fold(f64::INFINITY, f64::min) } else { others.fold(0.0, f64::max) };
            if let Some(own) = row.values.first().filter(|_| row.values.len() > 1 && best > 0.0) {
                let ratio = if lower { best / own.median } else { own.median / best };
                let _ = write!(out, "   [{ratio:.2}x the best rival]");
            }
            out.push('\n');
        }
        out
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            c if c < ' ' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
