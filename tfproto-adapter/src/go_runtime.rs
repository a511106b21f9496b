//! How plugins, which are Go programs, look after their memory.
//!
//! Go collects garbage each time the heap has doubled. A plugin's heap grows from nothing to the
//! descriptions of all its types, nearly all of which stays, and then few plugins live long: a third
//! of what a plugin computes in a plan is looking for garbage that is not there. Where there is
//! memory to spare they are told to begin only when they use a good deal of it.

use std::ffi::OsString;
use std::fs;

/// How often to collect, relative to what is in use.
const FREQUENCY: &str = "GOGC";
/// How much to use before it is collected however it is set otherwise.
const LIMIT: &str = "GOMEMLIMIT";

/// Which part of the free memory one plugin may fill with garbage: there may be several.
const SHARE: u64 = 16;
/// With less than this a large plugin would do nothing but collect: then Go's own rules hold.
const LEAST: u64 = 256 << 20;
/// More than this helps none.
const MOST: u64 = 1 << 30;

/// The variables to start a plugin with; none if the user has set one of them.
pub(crate) fn variables(own: &[(OsString, OsString)]) -> Vec<(&'static str, String)> {
    let set =
        |name: &str| std::env::var_os(name).is_some() || own.iter().any(|(own, _)| own == name);
    if set(FREQUENCY) || set(LIMIT) {
        return Vec::new();
    }
    let free = [of_machine(), of_group()].into_iter().flatten().min();
    match free.and_then(limit) {
        Some(limit) => vec![(FREQUENCY, "off".to_owned()), (LIMIT, limit.to_string())],
        None => Vec::new(),
    }
}

/// From how many bytes on a plugin collects, where so many are free.
fn limit(free: u64) -> Option<u64> {
    let share = free / SHARE;
    (share >= LEAST).then_some(share.min(MOST))
}

/// What is free on the machine.
fn of_machine() -> Option<u64> {
    available(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let value = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes = value
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?;
    Some(kilobytes * 1024)
}

/// What is left of what a container is allowed; `None` where nothing is said.
fn of_group() -> Option<u64> {
    let read = |name| fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok();
    left(&read("max")?, &read("current")?)
}

fn left(max: &str, current: &str) -> Option<u64> {
    let max = max.trim().parse::<u64>().ok()?;
    Some(max.saturating_sub(current.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_collect_late_where_there_is_memory() {
        let gigabyte = 1 << 30;
        assert_eq!(limit(64 * gigabyte), Some(gigabyte));
        assert_eq!(limit(8 * gigabyte), Some(gigabyte / 2));
        assert_eq!(limit(3 * gigabyte), None);
    }

    #[test]
    fn what_the_system_says_is_understood() {
        let meminfo = "MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:     2048 kB\n";
        assert_eq!(available(meminfo), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert_eq!(left("4096\n", "1024\n"), Some(3072));
        assert_eq!(left("max\n", "1024\n"), None);
    }

    #[test]
    fn what_the_user_sets_holds() {
        let own = [("GOGC".into(), "100".into())];
        assert_eq!(variables(&own), []);
    }
}
