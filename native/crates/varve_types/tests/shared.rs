//! What both languages share: the error as users read it, and names as capability files spell them.

use std::error::Error;

use varve_types::capabilities::{Module, Target, Tier, Unit};
use varve_types::{ErrorCode, VarveError};

#[test]
fn an_error_reads_as_code_message_and_hint() {
    let check = |hint: &str, expected: &str| {
        let error = VarveError::new(ErrorCode::StoreLocked, "data is in use", hint);
        assert_eq!(error.to_string(), expected);
    };
    check("", "STORE_LOCKED: data is in use");
    check("Close the other one.", "STORE_LOCKED: data is in use (Close the other one.)");
}

#[test]
fn an_error_keeps_its_cause() {
    let error = VarveError::new(ErrorCode::StoreIo, "cannot read", "");
    assert!(error.source().is_none());
    let error = error.caused_by(std::io::Error::other("broken disk"));
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("broken disk"));
}

#[test]
fn names_are_spelled_as_in_capability_files() {
    assert_eq!(Tier::Embedded.as_str(), "embedded");
    assert_eq!(Module::Kv.as_str(), "kv");
    assert_eq!(Target::LinuxX64Gnu.as_str(), "linux-x64-gnu");
    assert_eq!(Unit::Bytes.as_str(), "bytes");
}
