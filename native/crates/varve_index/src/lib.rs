//! Placeholder of one commit.
