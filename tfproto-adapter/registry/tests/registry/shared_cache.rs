//! The cache that runs and programs share.

use super::*;

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    for shared in [false, true] {
        let (mut world, ..) = published(&["1.0.0"]);
        if shared {
            let cache = world.path("shared").display().to_string();
            world.set("TF_PLUGIN_CACHE_DIR", &cache);
        }
        let world = &world;
        std::thread::scope(|scope| {
            for run in 0..4 {
                scope.spawn(move || {
                    let base = world.path(&format!("project-{run}"));
                    std::fs::create_dir_all(&base).expect("a folder");
                    world
                        .install_in(&base, "", &Options::default())
                        .expect("installed");
                });
            }
        });
        world.installed("");
        let found = world.found("");
        assert_eq!(
            found.starts_with(world.path("shared")),
            shared,
            "{}",
            found.display()
        );
        let unfinished = |path: &std::path::PathBuf| {
            let path = path.to_string_lossy();
            path.contains("/.unpacking-") || path.contains("/.fetching-")
        };
        let leftovers = world::files(&world.path(""))
            .into_iter()
            .filter(unfinished)
            .count();
        assert_eq!(leftovers, 0);
    }
}

#[test]
fn a_shared_cache_is_used_where_the_lock_file_knows_its_content() {
    let (mut world, releases, _) = published(&["1.0.0"]);
    let cache = world.path("shared").display().to_string();
    world.set("TF_PLUGIN_CACHE_DIR", &cache);
    world.installed("");
    let archive = releases[0].archive_path(&releases[0].packages[0]);
    assert_eq!(world.server.count(&archive), 1);
    // Another project, without a lock: nothing vouches for what lies there.
    world.remove_lock_file();
    world.installed("");
    assert_eq!(world.server.count(&archive), 2);
    world.remove_lock_file();
    world.set("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1");
    world.installed("");
    assert_eq!(world.server.count(&archive), 2);
}

#[test]
fn a_shared_cache_that_is_not_there_is_not_made() {
    let (world, ..) = published(&["1.0.0"]);
    world.configure("plugin_cache_dir = \"$HOME/none\"\n");
    let error = world.error("");
    assert!(
        error.contains("/.tofurc, line 1: the plugin cache ") && error.contains("home/none"),
        "{error}"
    );
    assert!(!world.path("home/none").exists());
}

#[test]
fn a_file_may_allow_what_lies_in_the_shared_cache() {
    let (world, releases, _) = published(&["1.0.0"]);
    let cache = world.path("shared").display().to_string();
    world.configure(&format!(
        "plugin_cache_dir = \"{cache}\"\nplugin_cache_may_break_dependency_lock_file = true\n"
    ));
    world.installed("");
    world.remove_lock_file();
    world.installed("");
    let archive = releases[0].archive_path(&releases[0].packages[0]);
    assert_eq!(world.server.count(&archive), 1);
}
