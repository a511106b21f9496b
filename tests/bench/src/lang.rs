//! The language alone, against C++ Nix: `nixops4 eval` and `nix-instantiate --eval` in turn, on the
//! same files.
//!
//! `NIXOPS4_TEST_NIX_INSTANTIATE` names the peer. `NIXOPS4_BENCH_NIXPKGS_LIB` names the folder of
//! nixpkgs' `lib`, and without it the library that is shipped is what both evaluate.

use std::path::{Path, PathBuf};

use crate::run::{Usage, usage};

/// How often each of the two runs.
const PAIRS: usize = 7;

/// The files below `tests/bench/lang`, and what each is about.
const CASES: [(&str, &str); 5] = [
    ("modules", "evalModules, 1,000 submodules"),
    ("fold", "fold over 1,000,000 integers"),
    ("update", "recursiveUpdate of deep trees"),
    ("sort", "sorting 100,000 strings"),
    ("strings", "building a string of 10 MB"),
];

/// All of them: startup, evaluation, parsing.
pub fn all(nixops4: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let peer = std::env::var_os("NIXOPS4_TEST_NIX_INSTANTIATE").map(PathBuf::from);
    let lib = match std::env::var_os("NIXOPS4_BENCH_NIXPKGS_LIB") {
        Some(lib) => PathBuf::from(lib),
        None => here.join("../../nix/lib"),
    };
    println!("language, library {}", lib.display());
    let peer = peer.as_deref();
    pairs("startup", nixops4, peer, &["-E", "1"]);
    let lib_path = format!("{}", lib.display());
    for (name, what) in CASES {
        let file = here.join("lang").join(name).with_extension("nix");
        let file = file.display().to_string();
        pairs(what, nixops4, peer, &[&file, "--arg", "libPath", &lib_path]);
    }
    let files = nix_files(&lib);
    let mut args = vec!["--parse"];
    args.extend(files.iter().map(String::as_str));
    let what = format!("parsing the library's {} files", files.len());
    pairs(&what, nixops4, peer, &args);
}

/// Runs both in turn, so that whatever else the machine does meets both, and prints medians.
fn pairs(what: &str, nixops4: &Path, peer: Option<&Path>, args: &[&str]) {
    let measure = |program, command| usage(program, &[&[command], args].concat());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(measure(nixops4, "eval"));
        theirs.extend(peer.map(|peer| measure(peer, "--eval")));
    }
    let ours = median(&ours);
    print!("{what:<38} {}", shown(ours));
    if theirs.is_empty() {
        println!();
        return;
    }
    let theirs = median(&theirs);
    println!(
        "   peer {}   ratio {:.2} of the time, {:.2} of the memory",
        shown(theirs),
        ours.processor.as_secs_f64() / theirs.processor.as_secs_f64(),
        ours.memory as f64 / theirs.memory as f64
    );
}

fn shown(usage: Usage) -> String {
    format!(
        "{:>7.1} ms ({:>7.1} ms wall) {:>6.1} MB",
        usage.processor.as_secs_f64() * 1000.0,
        usage.wall.as_secs_f64() * 1000.0,
        usage.memory as f64 / 1e6
    )
}

/// The middle of each figure by itself.
fn median(runs: &[Usage]) -> Usage {
    fn middle<T: Ord + Copy>(runs: &[Usage], figure: impl Fn(&Usage) -> T) -> T {
        let mut figures: Vec<T> = runs.iter().map(figure).collect();
        figures.sort();
        figures[figures.len() / 2]
    }
    Usage {
        wall: middle(runs, |run| run.wall),
        processor: middle(runs, |run| run.processor),
        memory: middle(runs, |run| run.memory),
    }
}

/// All Nix files of a folder but its tests, in order.
fn nix_files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the library can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "nix") {
                files.push(path.display().to_string());
            }
        }
    }
    files.sort();
    files
}
