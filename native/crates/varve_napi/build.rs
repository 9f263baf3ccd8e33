//! Sets the link arguments of a Node-API addon.

mod link_order;

use std::env;

fn main() {
    napi_build::setup();
    link_order::order_code();
    leave_symbols_out();
}

/// Users get no symbols. Profile `addon` says so itself; in `pc` and `sql` a setting of the profile would compile
/// each dependency again, where the linker does it in passing.
fn leave_symbols_out() {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,--strip-all");
    }
}
