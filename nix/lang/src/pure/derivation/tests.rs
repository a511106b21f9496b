//! Derivations whose paths real Nix computed.

use super::*;
use crate::pure::hash::Format;

fn store() -> StoreDir {
    StoreDir::default()
}

fn plain(extra: &[(&str, &str)]) -> Derivation {
    let fixed = [("builder", "/b"), ("name", "x"), ("system", "s")];
    let pairs = fixed
        .iter()
        .chain(extra)
        .map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()));
    Derivation {
        platform: b"s".to_vec(),
        builder: b"/b".to_vec(),
        environment: pairs.collect(),
        ..Derivation::default()
    }
}

fn drv_path(derivation: &Derivation) -> String {
    derivation.path(&store(), "x").unwrap().to_string()
}

fn nothing(_: &StorePath) -> Option<&'static ModuloHash> {
    None
}

#[test]
fn input_addressed() {
    let mut drv = plain(&[]);
    drv.fill_input_addressed(&store(), "x", &["out".into()], nothing)
        .unwrap();
    assert_eq!(
        drv.environment[&b"out"[..]],
        b"/nix/store/irfh3cry3rcd0iby28idy248a9jnp02n-x"
    );
    assert_eq!(drv_path(&drv), "cmb8q6cmqa3my5qg8bwjjxww4gf9hgxl-x.drv");
    let text = drv.to_aterm(&store(), "x").unwrap();
    assert_eq!(
        String::from_utf8(text.clone()).unwrap(),
        "Derive([(\"out\",\"/nix/store/irfh3cry3rcd0iby28idy248a9jnp02n-x\",\"\",\"\")],[],[],\"s\",\
         \"/b\",[],[(\"builder\",\"/b\"),(\"name\",\"x\"),(\"out\",\
         \"/nix/store/irfh3cry3rcd0iby28idy248a9jnp02n-x\"),(\"system\",\"s\")])"
    );
    assert_eq!(Derivation::from_aterm(&text, &store()).unwrap(), drv);
}

#[test]
fn with_inputs_and_several_outputs() {
    let mut input = plain(&[]);
    input
        .fill_input_addressed(&store(), "x", &["out".into()], nothing)
        .unwrap();
    let input_path = input.path(&store(), "x").unwrap();
    let modulo = input.modulo_hash(&store(), "x", nothing).unwrap();
    let mut drv = plain(&[
        ("a", "b\n\"\\\t\r"),
        ("inp", "/nix/store/irfh3cry3rcd0iby28idy248a9jnp02n-x"),
        ("outputs", "out dev"),
        ("src", "/nix/store/00l8kdf81rhx5l8nif94pxfl5dkf43pr-q"),
    ]);
    drv.arguments = vec![b"-c".to_vec(), b"foo".to_vec()];
    drv.input_sources = [store()
        .parse("/nix/store/00l8kdf81rhx5l8nif94pxfl5dkf43pr-q")
        .unwrap()]
    .into();
    drv.input_derivations
        .insert(input_path, ["out".to_owned()].into());
    let outputs = ["out".to_owned(), "dev".to_owned()];
    drv.fill_input_addressed(&store(), "x", &outputs, |_| Some(&modulo))
        .unwrap();
    assert_eq!(drv_path(&drv), "s91xk0xh627rz4gzn98n2vkpb0qgyj8q-x.drv");
    assert_eq!(
        drv.environment[&b"dev"[..]],
        b"/nix/store/2cqkq9j432wz4w37hx0qqj6kp9hr52kf-x-dev"
    );
    let text = drv.to_aterm(&store(), "x").unwrap();
    assert_eq!(Derivation::from_aterm(&text, &store()).unwrap(), drv);
}

#[test]
fn fixed_outputs_stand_for_themselves() {
    let sri = "sha256-n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
    let hash = Hash::parse_any(sri, None).unwrap();
    let mut drv = plain(&[("outputHash", sri)]);
    drv.outputs.insert(
        "out".into(),
        Output::Fixed {
            method: Method::Flat,
            hash: hash.clone(),
        },
    );
    drv.fill_content_addressed(&store(), "x").unwrap();
    assert_eq!(drv_path(&drv), "61dff3s462hb15ar9pmw8g8kqw33aajw-x.drv");
    let before = drv.modulo_hash(&store(), "x", nothing).unwrap();
    drv.environment
        .insert(b"mirror".to_vec(), b"elsewhere".to_vec());
    assert_eq!(drv.modulo_hash(&store(), "x", nothing).unwrap(), before);

    let hex = hash.format(Format::Base16);
    let mut drv = plain(&[
        ("outputHash", hex.as_str()),
        ("outputHashAlgo", "sha256"),
        ("outputHashMode", "recursive"),
    ]);
    drv.outputs.insert(
        "out".into(),
        Output::Fixed {
            method: Method::Recursive,
            hash,
        },
    );
    drv.fill_content_addressed(&store(), "x").unwrap();
    assert_eq!(drv_path(&drv), "hm4rjirkbsd29fp4zs4rxj31mcmmy7as-x.drv");
    let text = drv.to_aterm(&store(), "x").unwrap();
    assert_eq!(Derivation::from_aterm(&text, &store()).unwrap(), drv);
}

#[test]
fn floating_outputs_defer_what_uses_them() {
    let algorithm = Algorithm::Sha256;
    let mut drv = plain(&[
        ("outputHashAlgo", "sha256"),
        ("outputHashMode", "recursive"),
        ("outputs", "out lib"),
    ]);
    for output in ["out", "lib"] {
        drv.outputs.insert(
            output.into(),
            Output::Floating {
                method: Method::Recursive,
                algorithm,
            },
        );
    }
    drv.fill_content_addressed(&store(), "x").unwrap();
    let path = drv.path(&store(), "x").unwrap();
    assert_eq!(path.as_str(), "0yamnsxcnl7wd64wxnf2whnmsn1zvd6l-x.drv");
    let modulo = drv.modulo_hash(&store(), "x", nothing).unwrap();
    assert!(modulo.deferred);

    let placeholder =
        |output: &str| super::super::store_path::downstream_placeholder(&path, output);
    let mut user = plain(&[("x", &placeholder("out")), ("y", &placeholder("lib"))]);
    user.input_derivations
        .insert(path.clone(), ["out".to_owned(), "lib".to_owned()].into());
    user.fill_input_addressed(&store(), "x", &["out".into()], |_| Some(&modulo))
        .unwrap();
    assert_eq!(user.outputs["out"], Output::Deferred);
    assert_eq!(drv_path(&user), "1nbbbyijqfykmv88a3kshyj1vl5cf7kd-x.drv");
    assert!(
        user.modulo_hash(&store(), "x", |_| Some(&modulo))
            .unwrap()
            .deferred
    );
}

#[test]
fn errors_name_the_input_or_the_place() {
    let path = StorePath::from_base_name("0yamnsxcnl7wd64wxnf2whnmsn1zvd6l-x.drv").unwrap();
    let mut drv = plain(&[]);
    drv.input_derivations
        .insert(path, ["out".to_owned()].into());
    let error = drv
        .fill_input_addressed(&store(), "x", &["out".into()], nothing)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("0yamnsxcnl7wd64wxnf2whnmsn1zvd6l-x.drv"),
        "{error}"
    );
    for (text, expected) in [
        ("Derive([", "("),
        ("Drv", "Derive("),
        ("Derive([(\"out", "\""),
    ] {
        let error = Derivation::from_aterm(text.as_bytes(), &store()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("derivation: expected {expected}")),
            "{error}"
        );
    }
}
