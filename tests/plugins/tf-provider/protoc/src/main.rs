//! As much of `protoc` as a build script of `tonic-build` uses, so that building the plugin next
//! door needs no protobuf compiler on the machine.

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;

use protox::Compiler;

fn main() -> Result<(), Box<dyn Error>> {
    let mut includes = Vec::new();
    let mut files = Vec::new();
    let mut output = None;
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--version") => {
                println!("libprotoc 25.0");
                return Ok(());
            }
            Some("-I") => includes.push(PathBuf::from(value(&mut args, "-I")?)),
            Some("-o") => output = Some(PathBuf::from(value(&mut args, "-o")?)),
            Some(flag) if flag.starts_with("--") => {}
            _ => files.push(PathBuf::from(arg)),
        }
    }
    let output = output.ok_or("-o is missing")?;
    let mut compiler = Compiler::new(includes)?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(files)?;
    std::fs::write(output, compiler.encode_file_descriptor_set())?;
    Ok(())
}

fn value(args: &mut impl Iterator<Item = OsString>, flag: &str) -> Result<OsString, String> {
    args.next().ok_or_else(|| format!("{flag} needs a value"))
}
