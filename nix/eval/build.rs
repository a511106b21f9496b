//! Has a program with libnix find the libraries of Nix where they were when it was built.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "libnix")]
    link_libnix();
}

#[cfg(feature = "libnix")]
fn link_libnix() {
    // What is missing is said by the bindings, which look for the same.
    let Ok(library) = pkg_config::probe_library("nix-expr-c") else {
        return;
    };
    for folder in library.link_paths {
        // Holds for the libraries that those libraries need, too.
        println!(
            "cargo:rustc-link-arg-bins=-Wl,--disable-new-dtags,-rpath,{}",
            folder.display()
        );
    }
}
