//! Each of these went wrong once.

mod key_run_without_descriptors;
