//! Each of these went wrong once.

mod closed_while_writing;
mod key_run_without_descriptors;
