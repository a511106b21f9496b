//! Whole runs of the `nixops4` program, as a user would start it.

mod attached;
mod bad_input;
mod basics;
mod compatibility;
mod completion;
mod deferred;
mod ephemeral;
mod eval;
mod existing;
mod flakes;
mod functions;
mod install;
mod killed;
mod limits;
mod logs;
mod main_job;
mod moved;
mod native_faults;
mod operations;
mod plugin_faults;
mod progress;
mod provider_config;
mod providers;
mod saved_plan;
mod schema;
mod store;
