//! Whole runs of the `nixops4` program, as a user would start it.

mod basics;
