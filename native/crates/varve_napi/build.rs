//! Sets the link arguments of a Node-API addon, and on Linux the order of its code.

use std::env;

fn main() {
    napi_build::setup();
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        let order = concat!(env!("CARGO_MANIFEST_DIR"), "/sections.ld");
        println!("cargo::rerun-if-changed={order}");
        println!("cargo::rustc-link-arg-cdylib=-Wl,-T,{order}");
    }
}
