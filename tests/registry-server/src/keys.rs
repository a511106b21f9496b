//! Signing keys that registries of tests sign with, good ones and others.

use pgp::composed::{
    ArmorOptions, DetachedSignature, EncryptionCaps, KeyType, SecretKeyParamsBuilder,
    SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, Password, Timestamp};
use rand::thread_rng;

/// A key that signs lists of checksums.
#[derive(Clone, Debug)]
pub struct SigningKey {
    secret: SignedSecretKey,
}

impl Default for SigningKey {
    fn default() -> Self {
        Self::new()
    }
}

const YEAR: u32 = 365 * 24 * 3600;

impl SigningKey {
    /// One that signs by itself.
    pub fn new() -> Self {
        Self::generate(false, Timestamp::now())
    }

    /// One whose subkey signs.
    pub fn with_subkey() -> Self {
        Self::generate(true, Timestamp::now())
    }

    /// One that has run out.
    pub fn expired() -> Self {
        let now = Timestamp::now().as_secs();
        let mut key = Self::generate(false, Timestamp::from_secs(now - 2 * YEAR));
        let primary = &key.secret.primary_key;
        let mut config = SignatureConfig::from_key(thread_rng(), primary, SignatureType::Key)
            .expect("a signature");
        // Dated after what the key says of itself so far.
        let later = Timestamp::from_secs(now + 10);
        let life = Duration::from_secs(YEAR);
        config.hashed_subpackets = [
            SubpacketData::SignatureCreationTime(later),
            SubpacketData::KeyExpirationTime(life),
        ]
        .map(|data| Subpacket::regular(data).expect("a subpacket"))
        .into();
        let says = config
            .sign_key(primary, &Password::empty(), primary.public_key())
            .expect("a signature");
        key.secret.details.direct_signatures.push(says);
        key
    }

    fn generate(subkey: bool, created: Timestamp) -> Self {
        let mut params = SecretKeyParamsBuilder::default();
        params
            .key_type(KeyType::Ed25519Legacy)
            .created_at(created)
            .can_certify(true)
            .can_sign(!subkey)
            .can_encrypt(EncryptionCaps::None)
            .primary_user_id("Test <test@example.com>".into());
        if subkey {
            let subkey = SubkeyParamsBuilder::default()
                .key_type(KeyType::Ed25519Legacy)
                .can_sign(true)
                .can_encrypt(EncryptionCaps::None)
                .build()
                .expect("a subkey");
            params.subkeys(vec![subkey]);
        }
        let params = params.build().expect("a key");
        let secret = params.generate(thread_rng()).expect("a key");
        Self { secret }
    }

    /// A detached binary signature.
    pub fn sign(&self, document: &[u8]) -> Vec<u8> {
        let hash = HashAlgorithm::Sha512;
        let (rng, password) = (thread_rng(), Password::empty());
        let signature = match self.secret.secret_subkeys.first() {
            Some(subkey) => {
                DetachedSignature::sign_binary_data(rng, &subkey.key, &password, hash, document)
            }
            None => {
                let key = &self.secret.primary_key;
                DetachedSignature::sign_binary_data(rng, key, &password, hash, document)
            }
        };
        signature
            .expect("a signature")
            .to_bytes()
            .expect("a signature")
    }

    /// The public key, in armor.
    pub fn public(&self) -> String {
        armored(&SignedPublicKey::from(self.secret.clone()))
    }

    /// The public key with word that it has been revoked.
    pub fn public_revoked(&self) -> String {
        let primary = &self.secret.primary_key;
        let config = SignatureConfig::from_key(thread_rng(), primary, SignatureType::KeyRevocation);
        let revocation = config
            .expect("a signature")
            .sign_key(primary, &Password::empty(), primary.public_key())
            .expect("a signature");
        let mut public = SignedPublicKey::from(self.secret.clone());
        public.details.revocation_signatures.push(revocation);
        armored(&public)
    }

    /// Somebody else's public key that claims this one's subkey as its own.
    pub fn public_with_stolen_subkey(&self) -> String {
        let mut thief = SignedPublicKey::from(Self::new().secret);
        let own = SignedPublicKey::from(self.secret.clone());
        thief.public_subkeys = own.public_subkeys;
        armored(&thief)
    }
}

fn armored(key: &SignedPublicKey) -> String {
    key.to_armored_string(ArmorOptions::default())
        .expect("armor")
}
