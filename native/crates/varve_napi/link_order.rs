//! Asks the linker to order the addon's code by `sections.ld`, on Linux, where the linker can.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A library that needs nothing, so that to link it takes a tenth of a second.
const PROBE: &str = "#![no_std]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

/// Prints the link argument, or a warning where it would end the build: GNU ld and LLD know `INSERT`, gold and mold do
/// not, and nothing but memory depends on it.
pub fn order_code() {
    if variable("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    // Builds in one target folder share what this prints, and the clone that it ran in may be gone by the next: the linker
    // gets a copy that lies in that folder.
    let script = PathBuf::from(variable("OUT_DIR")).join("sections.ld");
    fs::copy("sections.ld", &script).expect("cargo runs this in the crate's folder and made OUT_DIR");
    let argument = format!("-Wl,-T,{}", script.display());
    println!("cargo::rerun-if-changed=sections.ld");
    if is_linked_with(&argument) {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    } else {
        println!(
            "cargo::warning=the linker does not take sections.ld (GNU ld and LLD do): the addon will hold more memory"
        );
    }
}

/// True when compiler, linker and flags of this build link the probe with `argument`.
fn is_linked_with(argument: &str) -> bool {
    let folder = PathBuf::from(variable("OUT_DIR"));
    let probe = folder.join("probe.rs");
    fs::write(&probe, PROBE).expect("cargo made OUT_DIR");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--crate-type=cdylib", "-Cpanic=abort", "--target", &variable("TARGET")]);
    rustc.args(env::var("RUSTC_LINKER").map(|linker| format!("-Clinker={linker}")));
    rustc.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.arg(format!("-Clink-arg={argument}")).arg("--out-dir").arg(folder).arg(probe);
    rustc.output().is_ok_and(|done| done.status.success())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
