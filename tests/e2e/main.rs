//! Whole runs of the `nixops4` program, as a user would start it.

mod bad_input;
mod basics;
mod compatibility;
mod deferred;
mod killed;
mod main_job;
mod saved_plan;
