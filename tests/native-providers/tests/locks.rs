//! State handlers that have locks.

use std::sync::Arc;

use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::provider::{ConfiguredProvider, Provider, StateHandle};
use nixops4_core::state::{LockOwner, lock_owner, new_run};
use nixops4_core::value::Value;

async fn configured(dir: &std::path::Path) -> Arc<dyn ConfiguredProvider> {
    let program = NativeProgram::new("p", env!("CARGO_BIN_EXE_native-scripted")).dir(dir);
    let configured = NativeProvider::new(program).configure(&Value::null()).await;
    configured.expect("configured").value
}

#[tokio::test]
async fn one_has_it_and_others_read_who() {
    let dir = tempfile::tempdir().expect("a folder");
    let (one, other) = (configured(dir.path()).await, configured(dir.path()).await);
    let nothing = Value::attrs::<String>([]);
    let handle = |type_name| StateHandle {
        type_name,
        inputs: &nothing,
        outputs: &nothing,
    };
    let owner = lock_owner(&new_run(), "nixops4 apply");
    let lock = one.state_lock(handle("keeper"), &owner).await;
    assert_eq!(lock.expect("locked").value.as_deref(), Some("keeper-lock"));

    let anybody = LockOwner::default();
    let refused = other.state_lock(handle("keeper"), &anybody).await;
    let refused = refused.expect_err("refused").to_string();
    let (run, since) = (&owner.run, &owner.since);
    let expected = format!(
        "it is locked since {since} by process {} on {}: nixops4 apply (the lock is keeper-lock)",
        run.pid, run.host
    );
    assert!(refused.contains(&expected), "{refused}");

    let wrong = other.state_unlock(handle("keeper"), "another").await;
    let wrong = wrong.expect_err("refused").to_string();
    assert!(wrong.contains("nobody has the lock"), "{wrong}");
    let broken = other.state_unlock(handle("keeper"), "keeper-lock").await;
    broken.expect("unlocked");
    let lock = other.state_lock(handle("keeper"), &owner).await;
    assert!(lock.expect("locked").value.is_some());

    // What has no locks lets everybody write.
    let lock = one.state_lock(handle("thing"), &owner).await;
    assert_eq!(lock.expect("done").value, None);
    let unlocked = one.state_unlock(handle("thing"), "x").await;
    let unlocked = unlocked.expect_err("refused").to_string();
    assert_eq!(unlocked, "a `thing` has no locks that have ids");
}
