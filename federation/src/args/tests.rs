//! Snapshots of the help.
