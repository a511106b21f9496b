//! Whole runs of the `nixops4` program, as a user would start it.

mod basics;
mod main_job;
