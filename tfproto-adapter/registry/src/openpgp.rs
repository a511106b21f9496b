//! Detached OpenPGP signatures: was this document signed by one of these keys?
//!
//! The arithmetic is rPGP's. What is decided here is which keys and signatures count: signing
//! subkeys only with a valid binding both ways, nothing revoked, no broken hash functions. Keys
//! and signatures that have run out count with a warning, as they do for the other tools: packages
//! outlive keys.

use pgp::composed::{Deserializable, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, Timestamp, VerifyingKey};

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignatureError {
    /// It cannot be read.
    #[error("the signature is unreadable: {0}")]
    Signature(String),
    /// A key cannot be read.
    #[error("the registry's key {0} is unreadable: {1}")]
    Key(usize, String),
    /// It is of a kind that proves nothing.
    #[error("the signature {0}")]
    Weak(&'static str),
    /// The key has been revoked.
    #[error("the signing key {0} has been revoked")]
    Revoked(String),
    /// None of the keys made it.
    #[error("the signature was made by none of the registry's keys ({0})")]
    NoKey(String),
}

/// Who signed, and what is to be said about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key's identifier.
    pub key: String,
    /// What has run out.
    pub warning: Option<String>,
}

/// Checks a detached signature, binary or armored, against keys in armor.
pub fn verify(document: &[u8], signature: &[u8], keys: &[&str]) -> Result<Signed, SignatureError> {
    verify_at(document, signature, keys, Timestamp::now())
}

fn verify_at(
    document: &[u8],
    signature: &[u8],
    keys: &[&str],
    now: Timestamp,
) -> Result<Signed, SignatureError> {
    let (signature, _) = DetachedSignature::from_reader_single(signature)
        .map_err(|error| SignatureError::Signature(error.to_string()))?;
    let signature = &signature.signature;
    is_strong(signature)?;
    let mut known = Vec::new();
    for (index, armored) in keys.iter().enumerate() {
        let unreadable =
            |error: pgp::errors::Error| SignatureError::Key(index + 1, error.to_string());
        let (parsed, _) =
            SignedPublicKey::from_armor_many(armored.as_bytes()).map_err(unreadable)?;
        for key in parsed {
            let key = key.map_err(unreadable)?;
            if let Some(signed) = by_key(document, signature, &key, now)? {
                return Ok(signed);
            }
            known.push(key.primary_key.legacy_key_id().to_string());
        }
    }
    Err(SignatureError::NoKey(known.join(", ")))
}

fn is_strong(signature: &Signature) -> Result<(), SignatureError> {
    if !matches!(
        signature.typ(),
        Some(SignatureType::Binary | SignatureType::Text)
    ) {
        return Err(SignatureError::Weak("is not one of a document"));
    }
    match signature.hash_alg() {
        Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160) | None => Err(
            SignatureError::Weak("uses a hash function that is broken by now"),
        ),
        Some(_) => Ok(()),
    }
}

/// Whether that key, or a signing subkey of it, made the signature.
fn by_key(
    document: &[u8],
    signature: &Signature,
    key: &SignedPublicKey,
    now: Timestamp,
) -> Result<Option<Signed>, SignatureError> {
    let primary = &key.primary_key;
    let made_by_primary = signature.verify(primary, document).is_ok();
    let subkey = key
        .public_subkeys
        .iter()
        .find(|subkey| signature.verify(&subkey.key, document).is_ok());
    let id = match (made_by_primary, subkey) {
        (true, _) => primary.legacy_key_id(),
        (false, Some(subkey)) => subkey.key.legacy_key_id(),
        (false, None) => return Ok(None),
    }
    .to_string();
    let revocations = &key.details.revocation_signatures;
    if revocations.iter().any(|r| r.verify_key(primary).is_ok()) {
        return Err(SignatureError::Revoked(id));
    }
    let mut expired = has_run_out(primary, primary_lifetime(key), now);
    if let (false, Some(subkey)) = (made_by_primary, subkey) {
        let Some(binding) = binding(subkey, primary) else {
            return Ok(None);
        };
        if is_revoked(subkey, primary) {
            return Err(SignatureError::Revoked(id));
        }
        expired |= has_run_out(&subkey.key, lifetime(binding), now);
    }
    let over = signature
        .created()
        .zip(signature.signature_expiration_time());
    let over = over.is_some_and(|(made, life)| is_over(made, life.as_secs(), now));
    let warning = match (expired, over) {
        (true, _) => Some(format!("the signing key {id} has expired")),
        (_, true) => Some(format!("the signature by {id} has expired")),
        _ => None,
    };
    Ok(Some(Signed { key: id, warning }))
}

/// The newest valid binding that allows a subkey to sign, agreed to by the subkey.
fn binding<'a>(
    subkey: &'a SignedPublicSubKey,
    primary: &pgp::packet::PublicKey,
) -> Option<&'a Signature> {
    let valid = |signature: &&Signature| {
        signature.typ() == Some(SignatureType::SubkeyBinding)
            && signature
                .verify_subkey_binding(primary, &subkey.key)
                .is_ok()
    };
    let newest = subkey
        .signatures
        .iter()
        .filter(valid)
        .max_by_key(|signature| signature.created().map(Timestamp::as_secs))?;
    let agreed = newest.embedded_signature()?;
    let agrees = agreed
        .verify_primary_key_binding(&subkey.key, primary)
        .is_ok();
    (newest.key_flags().sign() && agrees).then_some(newest)
}

fn is_revoked(subkey: &SignedPublicSubKey, primary: &pgp::packet::PublicKey) -> bool {
    subkey.signatures.iter().any(|signature| {
        signature.typ() == Some(SignatureType::SubkeyRevocation)
            && signature
                .verify_subkey_binding(primary, &subkey.key)
                .is_ok()
    })
}

/// How long a primary key lasts, as its newest own signature says.
fn primary_lifetime(key: &SignedPublicKey) -> Option<u32> {
    let primary = &key.primary_key;
    let direct = key.details.direct_signatures.iter();
    let direct = direct.filter(|signature| signature.verify_key(primary).is_ok());
    let users = key.details.users.iter().flat_map(|user| {
        let own = move |signature: &&Signature| {
            let tag = pgp::types::Tag::UserId;
            signature
                .verify_certification(primary, tag, &user.id)
                .is_ok()
        };
        user.signatures.iter().filter(own)
    });
    let newest = direct
        .chain(users)
        .max_by_key(|signature| signature.created().map(Timestamp::as_secs))?;
    lifetime(newest)
}

fn lifetime(signature: &Signature) -> Option<u32> {
    signature.key_expiration_time().map(|life| life.as_secs())
}

fn has_run_out(key: &impl VerifyingKey, lifetime: Option<u32>, now: Timestamp) -> bool {
    lifetime.is_some_and(|lifetime| is_over(key.created_at(), lifetime, now))
}

/// A lifetime of zero is none.
fn is_over(begin: Timestamp, lifetime: u32, now: Timestamp) -> bool {
    lifetime != 0 && begin.as_secs().saturating_add(lifetime) < now.as_secs()
}

#[cfg(test)]
mod tests {
    use nixops4_registry_server::SigningKey;

    use super::*;

    const DOCUMENT: &[u8] = b"00ff  terraform-provider-x.zip\n";

    #[test]
    fn primary_keys_and_bound_subkeys_sign() {
        for key in [SigningKey::new(), SigningKey::with_subkey()] {
            let (signature, public) = (key.sign(DOCUMENT), key.public());
            let other = SigningKey::new().public();
            let signed = verify(DOCUMENT, &signature, &[&other, &public]).expect("signed");
            assert_eq!(signed.warning, None);
        }
    }

    #[test]
    fn other_documents_other_keys_and_noise_are_refused() {
        let key = SigningKey::new();
        let (signature, public) = (key.sign(DOCUMENT), key.public());
        let refused = |document: &[u8], signature: &[u8], keys: &[&str]| {
            let error = verify(document, signature, keys).expect_err("refused");
            error.to_string()
        };
        let none = "the signature was made by none of the registry's keys";
        assert!(refused(b"other", &signature, &[&public]).starts_with(none));
        let other = SigningKey::new().public();
        assert!(refused(DOCUMENT, &signature, &[&other]).starts_with(none));
        assert!(refused(DOCUMENT, &signature, &[]).starts_with(none));
        let noise = refused(DOCUMENT, b"noise", &[&public]);
        assert!(noise.starts_with("the signature is unreadable"), "{noise}");
        let noise = refused(DOCUMENT, &signature, &["noise"]);
        assert!(
            noise.starts_with("the registry's key 1 is unreadable"),
            "{noise}"
        );
        for cut in 0..signature.len() {
            assert!(verify(DOCUMENT, &signature[..cut], &[&public]).is_err());
        }
    }

    #[test]
    fn a_subkey_must_be_bound_and_not_revoked() {
        let key = SigningKey::with_subkey();
        let signature = key.sign(DOCUMENT);
        let stolen = key.public_with_stolen_subkey();
        let error = verify(DOCUMENT, &signature, &[&stolen]).expect_err("refused");
        assert!(matches!(error, SignatureError::NoKey(_)), "{error}");
    }

    #[test]
    fn expired_and_revoked_keys() {
        let expired = SigningKey::expired();
        let signed = verify(DOCUMENT, &expired.sign(DOCUMENT), &[&expired.public()]);
        let warning = signed.expect("signed").warning.expect("a warning");
        assert!(warning.ends_with("has expired"), "{warning}");

        let key = SigningKey::new();
        let error = verify(DOCUMENT, &key.sign(DOCUMENT), &[&key.public_revoked()]);
        assert!(
            matches!(error, Err(SignatureError::Revoked(_))),
            "{error:?}"
        );
    }

    #[test]
    fn what_gnupg_signs() {
        const KEY: &str = include_str!("../tests/gnupg/key.asc");
        const YEAR: u32 = 365 * 24 * 3600;
        let sha512 = include_bytes!("../tests/gnupg/sha512.sig");
        let armored = include_bytes!("../tests/gnupg/sha256.asc");
        let sha1 = include_bytes!("../tests/gnupg/sha1.sig");
        let (key, _) = SignedPublicKey::from_armor_single(KEY.as_bytes()).expect("a key");
        let made = key.primary_key.created_at().as_secs();
        let after = |years: u32, signature: &[u8]| {
            let then = Timestamp::from_secs(made + years * YEAR + 3600);
            verify_at(DOCUMENT, signature, &[KEY], then)
        };
        for signature in [&sha512[..], armored] {
            assert_eq!(after(0, signature).expect("signed").warning, None);
        }
        // Its signing subkey is for a year.
        let signed = after(2, sha512).expect("signed");
        let warning = signed.warning.expect("a warning");
        assert!(warning.ends_with("has expired"), "{warning}");
        let weak = after(0, sha1);
        assert!(matches!(weak, Err(SignatureError::Weak(_))), "{weak:?}");
    }
}
