//! Writes the eight tables of TPC-H as the specification's own text files: one row a line, a bar after each column.
//!
//! `varve-tpch-data SCALE FOLDER` writes `FOLDER/TABLE.tbl`; scale 1 is about a gigabyte. The rows are those of the
//! specification's dbgen, made by the crate tpchgen.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [scale, folder] = words.as_slice() else {
        return usage();
    };
    let Ok(scale) = scale.parse::<f64>() else {
        return usage();
    };
    match write_tables(scale, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("varve-tpch-data SCALE FOLDER");
    ExitCode::from(2)
}

fn write_tables(scale: f64, folder: &Path) -> std::io::Result<()> {
    write_rows(folder, "region", RegionGenerator::new(scale, 1, 1))?;
    write_rows(folder, "nation", NationGenerator::new(scale, 1, 1))?;
    write_rows(folder, "part", PartGenerator::new(scale, 1, 1))?;
    write_rows(folder, "supplier", SupplierGenerator::new(scale, 1, 1))?;
    write_rows(folder, "customer", CustomerGenerator::new(scale, 1, 1))?;
    write_rows(folder, "partsupp", PartSuppGenerator::new(scale, 1, 1))?;
    write_rows(folder, "orders", OrderGenerator::new(scale, 1, 1))?;
    write_rows(folder, "lineitem", LineItemGenerator::new(scale, 1, 1))
}

/// Each row displays itself in the specification's format.
fn write_rows<R: Display>(
    folder: &Path,
    table: &str,
    rows: impl IntoIterator<Item = R>,
) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join(format!("{table}.tbl")))?);
    for row in rows {
        writeln!(file, "{row}")?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_the_rows_of_its_scale() {
        let folder = std::env::temp_dir().join(format!("varve-tpch-data-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        write_tables(0.01, &folder).expect("tables can be written");
        let lines = |table: &str| {
            let text =
                std::fs::read_to_string(folder.join(format!("{table}.tbl"))).expect("the table is there");
            text.lines().count()
        };
        // Section 4.2.5 of the specification; lineitem has one to seven rows per order.
        let expected = [
            ("region", 5),
            ("nation", 25),
            ("part", 2_000),
            ("supplier", 100),
            ("customer", 1_500),
            ("partsupp", 8_000),
            ("orders", 15_000),
            ("lineitem", 60_175),
        ];
        for (table, rows) in expected {
            assert_eq!(lines(table), rows, "{table}");
        }
        std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    }
}
