//! Twenty instances of the AWS provider with room for four processes: what all of it needs together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const INSTANCES: usize = 20;
const CAP: usize = 4;
/// What we may need beyond the plugins.
const ALLOWANCE: u64 = 100 << 20;
const SAMPLING: Duration = Duration::from_millis(20);

/// The most memory that a run needed at once, in bytes.
#[derive(Default)]
struct Peak {
    all: u64,
    plugins: u64,
    /// How many plugins were alive at once.
    alive: usize,
}

/// Plans one instance, and then twenty with room for four.
pub fn capped(nixops4: &Path) {
    let plugin = std::env::var_os("AWS_PLUGIN").filter(|path| !path.is_empty());
    let Some(plugin) = plugin.map(PathBuf::from) else {
        println!("SKIPPED: processes: AWS_PLUGIN does not name the AWS provider's program");
        return;
    };
    let one = run(nixops4, &plugin, 1);
    let many = run(nixops4, &plugin, INSTANCES);
    let limit = one.plugins * CAP as u64 + ALLOWANCE;
    println!(
        "{:<52} {:>8.1} MB of {:.1} MB allowed, {} plugins at most",
        format!("{INSTANCES} instances of AWS, cap of {CAP}"),
        megabytes(many.all),
        megabytes(limit),
        many.alive,
    );
}

fn run(nixops4: &Path, plugin: &Path, instances: usize) -> Peak {
    let dir = tempfile::tempdir().expect("a folder");
    let text = deployment(plugin, instances);
    std::fs::write(dir.path().join("nixops4.nix"), text).expect("the deployment is written");
    let cap = CAP.to_string();
    let mut child = Command::new(nixops4)
        .args([
            "plan",
            "--refresh",
            "none",
            "--max-provider-processes",
            &cap,
        ])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nixops4 starts");
    let peak = watch(&mut child);
    let status = child.wait().expect("it ends");
    assert!(status.success(), "planning {instances} instances: {status}");
    peak
}

fn deployment(plugin: &Path, instances: usize) -> String {
    let mut text = String::from("{ providers, ... }: {\n");
    for n in 0..instances {
        let _ = write!(
            text,
            r#"  providers.aws{n} = {{ type = "tfplugin"; executable = "{}"; config = {{
    region = "eu-central-1"; access_key = "key{n}"; secret_key = "secret";
    skip_credentials_validation = true; skip_requesting_account_id = true;
    skip_metadata_api_check = "true"; skip_region_validation = true; }}; }};
  members.p{n} = {{ type = providers.aws{n}.aws_ssm_parameter;
    inputs = {{ name = "/bench/{n}"; type = "String"; value = "v"; }}; }};
"#,
            plugin.display()
        );
    }
    text + "}\n"
}

/// Adds up what the process and everything below it need, until it ends.
fn watch(child: &mut Child) -> Peak {
    let mut peak = Peak::default();
    while child.try_wait().expect("a child of ours").is_none() {
        let family = family(child.id());
        let plugins = family.values().filter(|process| process.plugin);
        peak.all = peak
            .all
            .max(family.values().map(|process| process.memory).sum());
        peak.alive = peak.alive.max(plugins.clone().count());
        peak.plugins = peak
            .plugins
            .max(plugins.map(|process| process.memory).sum());
        std::thread::sleep(SAMPLING);
    }
    peak
}

struct Process {
    memory: u64,
    plugin: bool,
}

fn family(pid: u32) -> BTreeMap<u32, Process> {
    let mut family = BTreeMap::new();
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let process = Process {
            memory: memory(pid),
            plugin: name.starts_with("terraform-prov"),
        };
        family.insert(pid, process);
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            open.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    family
}

/// The memory of a process, with its part of what it shares with others: instances of one program
/// share the program.
fn memory(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
