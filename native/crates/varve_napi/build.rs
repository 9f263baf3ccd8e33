//! Sets the link arguments of a Node-API addon.

mod link_order;

fn main() {
    napi_build::setup();
    link_order::order_code();
}
