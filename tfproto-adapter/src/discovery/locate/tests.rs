//! Plugins are found where they are, and everything tried is told where they are not.

use std::ffi::OsString;
use std::io::Write;

use super::*;

/// A home directory with mirrors in it, and nothing else to see.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, mode: u32, content: &[u8]) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn unpacked(&self, mirror: &str, address: &str, version: &str, platform: &str) {
        let kind = address.rsplit('/').next().expect("a type");
        let dir = format!("{mirror}/{address}/{version}/{platform}");
        self.file(
            &format!("{dir}/terraform-provider-{kind}_v{version}_x5"),
            0o755,
            b"#!",
        );
        self.file(&format!("{dir}/LICENSE"), 0o644, b"free");
    }

    fn packed(&self, mirror: &str, address: &str, version: &str, entries: &[(&str, u32)]) {
        let kind = address.rsplit('/').next().expect("a type");
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, mode) in entries {
            let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
            archive.start_file(*name, options).expect("an entry");
            archive.write_all(b"#!").expect("an entry");
        }
        let bytes = archive.finish().expect("an archive").into_inner();
        let name = format!("terraform-provider-{kind}_{version}_linux_amd64.zip");
        self.file(&format!("{mirror}/{address}/{name}"), 0o644, &bytes);
    }

    fn environment(&self) -> Environment {
        let home = vec![(OsString::from("HOME"), self.0.path().as_os_str().to_owned())];
        Environment::new(home, self.path("project"))
            .with_system_data_dirs(vec![self.path("share")])
            .with_platform(Platform::new("linux", "amd64"))
    }

    fn locate(&self, source: &str, version: &str) -> Result<Located, LocateError> {
        let request = Request {
            source: SourceSpec::parse(source).expect("a source"),
            constraints: Constraints::parse(version).expect("constraints"),
        };
        let lock = LockFile::load(&self.path("project")).expect("a lock file, or none");
        locate(&request, &self.environment(), lock.as_ref())
    }

    fn lock(&self, address: &str, version: &str, hashes: &[&PackageHash]) {
        let hashes: Vec<_> = hashes
            .iter()
            .map(|hash| format!("{:?}", hash.as_str()))
            .collect();
        let hashes = hashes.join(", ");
        let text = format!(
            "provider \"{address}\" {{\n version = \"{version}\"\n hashes = [{hashes}]\n}}\n"
        );
        self.file("project/.terraform.lock.hcl", 0o644, text.as_bytes());
    }

    fn found(&self, source: &str, version: &str) -> String {
        let located = self.locate(source, version).expect("a plugin");
        let version = located
            .version
            .map_or("-".to_owned(), |version| version.to_string());
        format!(
            "{} {version} {}",
            located.source,
            self.shorten(&located.executable)
        )
    }

    fn error(&self, source: &str, version: &str) -> String {
        let error = self.locate(source, version).expect_err("no plugin");
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let hints = error.hints();
        let hints = hints.iter().map(|hint| format!("\nhint: {hint}"));
        format!(
            "{error}{}{}",
            cause.unwrap_or_default(),
            hints.collect::<String>()
        )
        .replace(&self.0.path().display().to_string(), "~")
    }

    fn shorten(&self, path: &Path) -> String {
        path.display()
            .to_string()
            .replace(&self.0.path().display().to_string(), "~")
    }
}

const TOFU: &str = "registry.opentofu.org/acme/x";
const TERRAFORM: &str = "registry.terraform.io/acme/x";
const HOME_MIRROR: &str = ".terraform.d/plugins";

#[test]
fn the_newest_allowed_version_wins_over_all_mirrors() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TOFU, "1.9.0", "linux_amd64");
    world.unpacked("share/terraform/plugins", TOFU, "1.10.0", "linux_amd64");
    world.unpacked("share/terraform/plugins", TOFU, "2.0.0", "linux_amd64");
    let executable = "~/share/terraform/plugins/registry.opentofu.org/acme/x/1.10.0/linux_amd64/\
                      terraform-provider-x_v1.10.0_x5";
    assert_eq!(
        world.found("acme/x", "~> 1.0"),
        format!("{TOFU} 1.10.0 {executable}")
    );
}

#[test]
fn an_unqualified_source_prefers_opentofu_and_falls_back_to_terraform() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TERRAFORM, "2.0.0", "linux_amd64");
    assert!(
        world
            .found("acme/x", "")
            .starts_with(&format!("{TERRAFORM} 2.0.0 "))
    );
    world.unpacked(HOME_MIRROR, TOFU, "1.0.0", "linux_amd64");
    assert!(
        world
            .found("acme/x", "")
            .starts_with(&format!("{TOFU} 1.0.0 "))
    );
    assert!(
        world
            .found("acme/x", ">= 2")
            .starts_with(&format!("{TERRAFORM} 2.0.0 "))
    );
}

#[test]
fn an_archive_is_unpacked_once() {
    let world = World::new();
    let entries = [
        ("terraform-provider-x_v1.0.0", 0o755),
        ("docs/README", 0o644),
    ];
    world.packed(HOME_MIRROR, TOFU, "1.0.0", &entries);
    let first = world.locate("acme/x", "").expect("a plugin");
    assert!(
        first
            .package_dir
            .starts_with(world.path(".cache/nixops4/packages"))
    );
    assert!(first.package_dir.join("docs/README").is_file());
    // Removing a file shows that the second time nothing is unpacked again.
    std::fs::remove_file(first.package_dir.join("docs/README")).expect("removed");
    assert_eq!(world.locate("acme/x", "").expect("a plugin"), first);
    assert!(!first.package_dir.join("docs/README").exists());
    world.unpacked(HOME_MIRROR, TOFU, "1.0.0", "linux_amd64");
    let unpacked = world.locate("acme/x", "").expect("a plugin");
    assert!(unpacked.package_dir.starts_with(world.path(HOME_MIRROR)));
}

#[test]
fn concurrent_runs_unpack_to_the_same_place() {
    let world = World::new();
    world.packed(
        HOME_MIRROR,
        TOFU,
        "1.0.0",
        &[("terraform-provider-x", 0o755)],
    );
    let found: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| world.locate("acme/x", "").expect("a plugin")))
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("a result"))
            .collect()
    });
    assert!(found.iter().all(|located| *located == found[0]));
    let left = std::fs::read_dir(world.path(".cache/nixops4/packages")).expect("packages");
    assert_eq!(left.count(), 1);
}

#[test]
fn archives_that_lead_out_are_refused() {
    let world = World::new();
    world.packed(
        HOME_MIRROR,
        TOFU,
        "1.0.0",
        &[("../terraform-provider-x", 0o755)],
    );
    let error = world.error("acme/x", "");
    assert!(
        error.ends_with("the entry \"../terraform-provider-x\" leads out of the package"),
        "{error}"
    );
    world.file(
        &format!("{HOME_MIRROR}/{TERRAFORM}/terraform-provider-x_2.0.0_linux_amd64.zip"),
        0o644,
        b"no",
    );
    let error = world.error("acme/x", ">= 2");
    assert!(error.contains("is not a usable archive"), "{error}");
}

#[test]
fn configured_mirrors_replace_the_implied_ones() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TOFU, "9.0.0", "linux_amd64");
    world.unpacked("own", TOFU, "1.0.0", "linux_amd64");
    world.unpacked("dev", "-", "0.0.0", "-");
    let own = world.path("own").display().to_string();
    let dev = world.path("dev").display().to_string();
    let rc = format!(
        "provider_installation {{\n dev_overrides {{ \"acme/y\" = \"{dev}\" }}\n filesystem_mirror {{ \
         path = \"{own}\"\n exclude = [\"acme/z\"] }}\n direct {{}}\n}}"
    );
    world.file(".tofurc", 0o644, rc.as_bytes());
    assert!(
        world
            .found("acme/x", "")
            .starts_with(&format!("{TOFU} 1.0.0 ~/own/"))
    );
    world.file("dev/terraform-provider-y", 0o755, b"#!");
    assert_eq!(
        world.found("acme/y", "> 99"),
        "registry.opentofu.org/acme/y - ~/dev/terraform-provider-y"
    );
    assert_eq!(
        world.error("example.com/acme/z", ">= 1"),
        "no plugin found for provider example.com/acme/z, version >= 1.0.0, on linux_amd64; tried:\n  \
         example.com/acme/z in filesystem mirror ~/own: has nothing of it\n  \
         example.com/acme/z in its registry: not asked: only `nixops4 providers install` uses the network\n  \
         example.com/acme/z in the installed plugins ~/.cache/nixops4/providers: has nothing of it\n\
         hint: `nixops4 providers install` fetches it from its registry or a mirror; or set `executable`"
    );
    assert!(
        world
            .error("acme/z", "")
            .contains("~/own: is not meant for this provider")
    );
    let misspelt = "providr_installation {}\n";
    world.file(".tofurc", 0o644, misspelt.as_bytes());
    let error = world.error("example.com/acme/z", "");
    let hint = "\nhint: ~/.tofurc, line 1: unknown setting \"providr_installation\"";
    assert!(error.contains(hint), "{error}");
}

#[test]
fn a_near_miss_says_what_is_there() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TOFU, "1.0.0", "linux_amd64");
    world.unpacked(HOME_MIRROR, TOFU, "1.1.0", "darwin_arm64");
    let error = world.error("registry.opentofu.org/acme/x", "~> 2.0");
    assert!(
        error.contains("plugins: has 1.0.0; has 1.1.0 for darwin_arm64 only\n"),
        "{error}"
    );
    assert!(
        error.contains("~/share/terraform/plugins: does not exist\n"),
        "{error}"
    );
    assert!(
        error.contains("hint: the newest version there is 1.0.0: allow it"),
        "{error}"
    );
    let error = world.error("registry.opentofu.org/acme/x", "> 1.0");
    assert!(
        error.contains("hint: version 1.1.0 is there, but for darwin_arm64 only"),
        "{error}"
    );
}

#[test]
fn a_locked_version_that_is_not_there_is_told_beside_what_is() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TOFU, "1.1.0", "linux_amd64");
    world.unpacked(HOME_MIRROR, TOFU, "1.2.0", "darwin_arm64");
    let other = PackageHash::parse("h1:other").expect("a hash");
    world.lock(TOFU, "1.0.0", &[&other]);
    let error = world.error("acme/x", "~> 1.0");
    assert!(
        error.starts_with(
            "no plugin found for provider acme/x in version 1.0.0, which the lock file asks for, on"
        ),
        "{error}"
    );
    assert!(
        error.ends_with(
            "hint: `nixops4 providers install` fetches 1.0.0; 1.1.0 is there, and `nixops4 \
             providers install --upgrade` locks another version than 1.0.0"
        ),
        "{error}"
    );
}

#[test]
fn a_prerelease_is_to_be_named_in_full() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TOFU, "1.1.0-rc1", "linux_amd64");
    let error = world.error("registry.opentofu.org/acme/x", ">= 1.1.0-rc1");
    assert!(
        error.contains("`version = \"1.1.0-rc1\"` asks for it"),
        "{error}"
    );
}

#[test]
fn a_broken_package_is_named() {
    let world = World::new();
    let dir = format!("{HOME_MIRROR}/{TOFU}/1.0.0/linux_amd64");
    world.file(&format!("{dir}/README"), 0o644, b"");
    let error = world.error("acme/x", "");
    assert!(
        error.ends_with("has no executable named terraform-provider-x…; it holds README"),
        "{error}"
    );
    world.file(&format!("{dir}/terraform-provider-xy"), 0o755, b"");
    assert!(
        world
            .error("acme/x", "")
            .contains("it holds README, terraform-provider-xy")
    );
    world.file(&format!("{dir}/terraform-provider-x.exe"), 0o644, b"");
    let error = world.error("acme/x", "");
    assert!(
        error.ends_with("terraform-provider-x.exe is not executable (chmod +x may be missing)"),
        "{error}"
    );
}

#[test]
fn the_locked_version_and_content_win() {
    let world = World::new();
    world.unpacked(HOME_MIRROR, TERRAFORM, "1.0.0", "linux_amd64");
    world.unpacked(HOME_MIRROR, TOFU, "2.0.0", "linux_amd64");
    let package = world.path(&format!("{HOME_MIRROR}/{TERRAFORM}/1.0.0/linux_amd64"));
    let hash = PackageHash::of_directory(&package, None).expect("a hash");
    let other = PackageHash::parse("h1:other").expect("a hash");
    world.lock(TERRAFORM, "1.0.0", &[&hash, &other]);
    assert!(
        world
            .found("acme/x", "")
            .starts_with(&format!("{TERRAFORM} 1.0.0 "))
    );
    assert_eq!(
        world.error("acme/x", "~> 2.0"),
        "provider acme/x is locked at 1.0.0, but ~> 2.0 is asked for\n\
         hint: `nixops4 providers install --upgrade` locks another version"
    );
    assert_eq!(
        world.error("acme/y", ""),
        "provider acme/y is not in the lock file\nhint: `nixops4 providers install` locks it"
    );
    world.lock(TERRAFORM, "1.0.0", &[&other]);
    let error = world.error("acme/x", "");
    assert!(
        error.contains("plugins: has 1.0.0, but its hash is not in the lock file\n"),
        "{error}"
    );
    assert!(
        error.contains("hint: if this 1.0.0 is what you want, `nixops4 providers lock`"),
        "{error}"
    );
}

#[test]
fn archives_are_checked_as_they_are_and_by_their_content() {
    let world = World::new();
    let entries = [("terraform-provider-x_v1.0.0", 0o755)];
    world.packed(HOME_MIRROR, TOFU, "1.0.0", &entries);
    let name = format!("{HOME_MIRROR}/{TOFU}/terraform-provider-x_1.0.0_linux_amd64.zip");
    let archive = world.path(&name);
    for hash in [
        PackageHash::of_archive(&archive).expect("a hash"),
        PackageHash::of_archive_content(&archive).expect("a hash"),
    ] {
        world.lock(TOFU, "1.0.0", &[&hash]);
        assert!(world.locate("acme/x", "").is_ok(), "{hash}");
    }
}

#[test]
fn what_was_fetched_is_found_where_no_mirror_has_it() {
    let world = World::new();
    let entries = [("terraform-provider-x_v1.0.0", 0o755)];
    world.packed("fetched", TOFU, "1.0.0", &entries);
    let archive = world.path(&format!(
        "fetched/{TOFU}/terraform-provider-x_1.0.0_linux_amd64.zip"
    ));
    let source = SourceSpec::parse(TOFU)
        .expect("a source")
        .candidates()
        .remove(0);
    let store = PluginStore::of(&world.environment()).expect("a store");
    let platform = Platform::new("linux", "amd64");
    let stored = store
        .add_archive(&source, &Version::new(1, 0, 0), &platform, &archive)
        .expect("stored");
    let located = world.locate("acme/x", "").expect("a plugin");
    assert_eq!(
        (located.origin, &located.package_dir),
        (Origin::Installed, &stored.dir)
    );
    // The archive it came in is enough to recognise it by.
    world.lock(
        TOFU,
        "1.0.0",
        &[&PackageHash::of_archive(&archive).expect("a hash")],
    );
    assert_eq!(
        world.locate("acme/x", "").expect("a plugin").package_dir,
        stored.dir
    );
    world.lock(
        TOFU,
        "1.0.0",
        &[&PackageHash::parse("zh:00").expect("a hash")],
    );
    let error = world.error("acme/x", "");
    assert!(
        error.contains("has 1.0.0, but its hash is not in the lock file"),
        "{error}"
    );
}

#[test]
fn an_override_without_a_plugin_is_told_by_its_place() {
    let world = World::new();
    let dir = world.path("dev").display().to_string();
    let text = format!(
        "provider_installation {{\n dev_overrides {{\n \"acme/y\" = \"{dir}\" }}\n direct {{}}\n}}\n"
    );
    world.file(".tofurc", 0o644, text.as_bytes());
    let error = world.error("acme/y", "");
    assert!(
        error.starts_with("the developer's override of registry.opentofu.org/acme/y is unusable"),
        "{error}"
    );
    assert!(
        error.contains("hint: `dev_overrides` names it in ~/.tofurc, line 3: build"),
        "{error}"
    );
}
