//! The file of a plugin: whom it is named after, and whether it can be a program for this machine,
//! found out before it is run.
//!
//! The C library runs what the kernel refuses as a shell script; a plugin for another machine would
//! become strange commands.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::LaunchFailure;

/// How much of the file tells what it is.
const HEAD: usize = 20;

/// The provider's name in that of its program: `aws` in `terraform-provider-aws_v5.100.0_x5`.
pub(crate) fn provider_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = file.strip_prefix("terraform-provider-").unwrap_or(&file);
    kind.split(['_', '.']).next().unwrap_or(kind).to_owned()
}

/// Refuses what is certainly no program for this machine.
///
/// Whatever else is wrong with the file comes out when it is run.
pub(crate) fn check(path: &Path) -> Result<(), LaunchFailure> {
    let mut head = [0; HEAD];
    let Ok(read) = File::open(path).and_then(|mut file| read_up_to(&mut file, &mut head)) else {
        return Ok(());
    };
    match describe(&head[..read]) {
        None => Ok(()),
        Some(_) if is_elf(&head) && others_can_run() => Ok(()),
        Some(file) => Err(LaunchFailure::WrongFormat { file }),
    }
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn is_elf(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

/// Tells whether the kernel may be set up to run programs of other machines.
fn others_can_run() -> bool {
    let Ok(entries) = std::fs::read_dir("/proc/sys/fs/binfmt_misc") else {
        return false;
    };
    let kind = |name: &str| !matches!(name, "register" | "status");
    entries
        .flatten()
        .any(|entry| entry.file_name().to_str().is_some_and(kind))
}

/// Says what a file is that cannot be run; nothing if it can.
fn describe(head: &[u8]) -> Option<String> {
    if head.starts_with(b"#!") {
        return None;
    }
    match *head {
        [0x7f, b'E', b'L', b'F', _, order, .., low, high] if head.len() == HEAD => {
            let machine = match order {
                2 => u16::from_be_bytes([low, high]),
                _ => u16::from_le_bytes([low, high]),
            };
            let foreign = cfg!(not(target_os = "linux")) || !runs_here(machine);
            foreign.then(|| format!("it is built for {}", machine_name(machine)))
        }
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            cfg!(not(target_os = "macos")).then(|| "it is built for macOS".to_owned())
        }
        [b'M', b'Z', ..] => Some("it is built for Windows".to_owned()),
        [b'P', b'K', 3, 4, ..] => Some("it is a zip archive".to_owned()),
        [] => Some("it is empty".to_owned()),
        _ => Some("it is no program".to_owned()),
    }
}

/// Tells whether this machine runs such programs, as far as we know machines.
fn runs_here(machine: u16) -> bool {
    match std::env::consts::ARCH {
        "x86_64" => matches!(machine, 62 | 3),
        "aarch64" => matches!(machine, 183 | 40),
        "riscv64" => machine == 243,
        _ => true,
    }
}

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86 (32 bit)".to_owned(),
        40 => "arm (32 bit)".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "riscv64".to_owned(),
        other => format!("another machine (number {other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_run_are_described() {
        let describe = |head: &[u8]| describe(head).unwrap();
        let mut elf = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x16\0";
        assert_eq!(
            describe(&elf),
            "it is built for another machine (number 22)"
        );
        (elf[5], elf[18], elf[19]) = (2, 0, 22);
        assert_eq!(
            describe(&elf),
            "it is built for another machine (number 22)"
        );
        assert_eq!(describe(b""), "it is empty");
        assert_eq!(describe(b"just some text"), "it is no program");
        assert_eq!(describe(b"MZ__________________"), "it is built for Windows");
        assert_eq!(
            describe(b"PK\x03\x04________________"),
            "it is a zip archive"
        );
    }

    #[test]
    fn our_own_program_and_scripts_can_run() {
        assert!(check(&std::env::current_exe().unwrap()).is_ok());
        assert_eq!(describe(b"#!/bin/sh\n"), None);
        assert!(
            check(Path::new("/nonexistent")).is_ok(),
            "found out when it is run"
        );
    }
}
