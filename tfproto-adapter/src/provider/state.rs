//! What is remembered of an object, and how it becomes a provider's value again.

use nixops4_core::AttrPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::provider::{Failure, ProviderError, ResourceState};
use nixops4_core::value::{Kind, Marks, Value as Input};
use nixops4_proto::tfplugin::v6;
use serde::{Deserialize, Serialize};

use super::outputs::{DynamicTypes, from_outputs, strip_unknown, to_outputs, to_raw_json};
use super::session::Session;
use crate::check::{check, nearest};
use crate::convert::{from_wire, raw_state, to_wire};
use crate::cty::{Path, Type, Value, json};
use crate::schema::{Block, TypeSchema};

/// A managed resource type: what is needed for every call about it.
#[derive(Debug)]
pub(super) struct Managed {
    pub name: String,
    pub schema: std::sync::Arc<TypeSchema>,
    pub identity: Option<IdentityType>,
}

/// How a type's objects are identified.
#[derive(Debug)]
pub(super) struct IdentityType {
    version: u64,
    ty: Type,
    /// The attributes without which no object is identified.
    required: Vec<String>,
}

/// An object as a provider sees it.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub value: Value,
    pub private: Vec<u8>,
    pub identity: Option<v6::ResourceIdentityData>,
    pub warnings: Diagnostics,
}

impl Current {
    /// No object.
    pub(super) fn none() -> Self {
        let (private, warnings) = (Vec::new(), Diagnostics::default());
        Self {
            value: Value::Null,
            private,
            identity: None,
            warnings,
        }
    }
}

impl IdentityType {
    /// Reads the schema of an identity; one that makes no sense counts as none.
    pub(super) fn from_message(message: v6::ResourceIdentitySchema) -> Option<Self> {
        let version = u64::try_from(message.version).ok()?;
        let needed = message.identity_attributes.iter();
        let needed = needed.filter(|a| a.required_for_import);
        let required = needed.map(|a| a.name.clone()).collect();
        let attributes = message.identity_attributes.into_iter();
        let attributes = attributes.map(|a| Some((a.name, Type::parse(&a.r#type).ok()?)));
        Some(Self {
            version,
            ty: Type::object(attributes.collect::<Option<Vec<_>>>()?),
            required,
        })
    }
}

impl Managed {
    pub(super) fn block(&self) -> &Block {
        &self.schema.block
    }

    /// Brings what was remembered up to date with the present schema.
    pub(super) async fn current(
        &self,
        session: &Session,
        state: &ResourceState,
    ) -> Result<Current, Failure> {
        let version = self.schema.version;
        if state.schema_version > version {
            let (name, written) = (&self.name, state.schema_version);
            return Err(Diagnostic::error(format!(
                "the state of this {name} was written by a newer version of provider {}",
                session.name()
            ))
            .detail(format!(
                "its schema version is {written}, this provider knows up to {version}"
            ))
            .hint("use the newer version of the provider")
            .into());
        }
        let Envelope { extras, private } = Envelope::open(state.private.as_deref());
        let types = extras.types();
        let ty = self.block().object_type();
        let as_it_is = match state.schema_version == version {
            // What is exactly of the present type needs no upgrade.
            true => from_outputs(&ty, &state.outputs, &types),
            false => None,
        };
        let (value, warnings) = match as_it_is {
            Some(value) => (value, Diagnostics::default()),
            None => self.upgraded(session, state, &types).await?,
        };
        let identity = self
            .current_identity(session, state, extras.identity_version)
            .await?;
        Ok(Current {
            value,
            private: private.to_vec(),
            identity,
            warnings,
        })
    }

    async fn upgraded(
        &self,
        session: &Session,
        state: &ResourceState,
        types: &DynamicTypes,
    ) -> Result<(Value, Diagnostics), Failure> {
        let call = "UpgradeResourceState";
        let mut raw = to_raw_json(&state.outputs, types);
        if state.schema_version == self.schema.version {
            strip_unknown(&self.block().object_type(), &mut raw);
        }
        let request = v6::upgrade_resource_state::Request {
            type_name: self.name.clone(),
            version: i64::try_from(state.schema_version).unwrap_or(i64::MAX),
            raw_state: Some(raw_state(raw.to_string())),
        };
        let answer = session
            .client()
            .await?
            .upgrade_resource_state(request)
            .await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let diagnostics = session.about_inputs(&state.inputs, &answer.diagnostics);
        if diagnostics.has_errors() {
            return Err(diagnostics.into());
        }
        let value = session.decode(call, self.block(), answer.upgraded_state.as_ref())?;
        if value.is_null() || !value.is_wholly_known() {
            let message = "its answer is not a wholly known object".to_owned();
            return Err(session.error(call, message).into());
        }
        Ok((value, diagnostics))
    }

    async fn current_identity(
        &self,
        session: &Session,
        state: &ResourceState,
        version: u64,
    ) -> Result<Option<v6::ResourceIdentityData>, Failure> {
        let (Some(identity), Some(stored)) = (&self.identity, &state.identity) else {
            return Ok(None);
        };
        if version < identity.version {
            let request = v6::upgrade_resource_identity::Request {
                type_name: self.name.clone(),
                version: i64::try_from(version).unwrap_or(i64::MAX),
                raw_identity: Some(raw_state(stored.to_string())),
            };
            let answer = session
                .client()
                .await?
                .upgrade_resource_identity(request)
                .await;
            let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
            let diagnostics = session.about_inputs(&state.inputs, &answer.diagnostics);
            return match diagnostics.has_errors() {
                true => Err(diagnostics.into()),
                false => Ok(answer.upgraded_identity),
            };
        }
        let encoded = json::from_json(&identity.ty, stored.clone())
            .and_then(|value| to_wire(&identity.ty, &value));
        let encoded = encoded.map_err(|error| {
            session.error(
                "",
                format!("the stored identity does not fit its schema: {error}"),
            )
        })?;
        Ok(Some(v6::ResourceIdentityData {
            identity_data: Some(encoded),
        }))
    }

    /// What is to be remembered of an object that the provider has returned.
    pub(super) fn remember(
        &self,
        session: &Session,
        call: &str,
        object: Remembered<'_>,
    ) -> Result<ResourceState, ProviderError> {
        let (outputs, types) =
            to_outputs(self.block(), object.value, object.marks).map_err(|error| {
                session.error(call, format!("its answer cannot be stored: {error}"))
            })?;
        let (identity, identity_version) = self.identity_json(object.identity);
        let extras = Extras {
            dynamic: types
                .into_iter()
                .map(|(path, ty)| (path, ty.to_json()))
                .collect(),
            identity_version,
        };
        Ok(ResourceState {
            type_name: self.name.clone(),
            inputs: object.inputs.clone(),
            outputs,
            private: Envelope {
                extras,
                private: object.private,
            }
            .seal(),
            schema_version: self.schema.version,
            identity,
            tainted: false,
        })
    }

    /// An identity as a user writes it.
    pub(super) fn identity_from_user(
        &self,
        identity: &serde_json::Value,
    ) -> Result<v6::ResourceIdentityData, Diagnostics> {
        let name = &self.name;
        let (Some(schema), Some(given)) = (&self.identity, identity.as_object()) else {
            let text = match self.identity {
                None => format!("a {name} has no identity to be taken over by"),
                Some(_) => "an identity is a set of attributes".to_owned(),
            };
            return Err(Diagnostic::error(text)
                .hint("`import.id` takes the provider's identifier")
                .into());
        };
        let Type::Object(ty) = &schema.ty else {
            return Err(Diagnostic::error(format!("the identity of {name} is no object")).into());
        };
        let names = || ty.iter().map(|(name, _)| &**name);
        if let Some(unknown) = given.keys().find(|key| ty.get(key).is_none()) {
            let text = format!("`{unknown}` is no attribute of the identity of a {name}");
            let diagnostic = Diagnostic::error(text);
            return Err(match nearest(unknown, names()) {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None => diagnostic.hint(format!("there are {}", listed(names()))),
            }
            .into());
        }
        let is_set = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
        if let Some(missing) = schema.required.iter().find(|name| !is_set(name)) {
            let text = format!("the identity of a {name} needs `{missing}`");
            return Err(Diagnostic::error(text).into());
        }
        let all = names().map(|name| {
            let value = given.get(name).cloned().unwrap_or_default();
            (name.to_owned(), value)
        });
        let encoded = json::from_json(&schema.ty, serde_json::Value::Object(all.collect()))
            .and_then(|value| to_wire(&schema.ty, &value));
        let encoded = encoded.map_err(|error| {
            Diagnostic::error(format!("this does not identify a {name}: {error}"))
        })?;
        Ok(v6::ResourceIdentityData {
            identity_data: Some(encoded),
        })
    }

    pub(super) fn identity_json(
        &self,
        data: Option<&v6::ResourceIdentityData>,
    ) -> (Option<serde_json::Value>, u64) {
        let Some(identity) = &self.identity else {
            return (None, 0);
        };
        let value = data.and_then(|data| from_wire(&identity.ty, data.identity_data.as_ref()).ok());
        let json = value
            .filter(|value| !value.is_null() && value.is_wholly_known())
            .and_then(|value| json::to_json(&identity.ty, &value).ok());
        let version = if json.is_some() { identity.version } else { 0 };
        (json, version)
    }

    /// The marks that inputs put on parts of an object.
    pub(super) fn input_marks(&self, inputs: &Input) -> Vec<(Path, Marks)> {
        match has_marks(inputs) {
            true => {
                check(&self.name, self.block(), inputs).map_or_else(|_| Vec::new(), |c| c.marks)
            }
            false => Vec::new(),
        }
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// An object as the provider has returned it.
pub(super) struct Remembered<'a> {
    pub inputs: &'a Input,
    pub value: &'a Value,
    pub marks: &'a [(Path, Marks)],
    pub private: &'a [u8],
    pub identity: Option<&'a v6::ResourceIdentityData>,
}

fn has_marks(value: &Input) -> bool {
    !value.marks.is_empty()
        || match &value.kind {
            Kind::List(elements) => elements.iter().any(has_marks),
            Kind::Attrs(attrs) => attrs.values().any(has_marks),
            _ => false,
        }
}

/// What we keep beside a provider's private bytes, where there is anything to keep.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Extras {
    /// The types of dynamic outputs.
    #[serde(default)]
    dynamic: Vec<(AttrPath, String)>,
    #[serde(default)]
    identity_version: u64,
}

impl Extras {
    fn types(&self) -> DynamicTypes {
        let parse = |(path, ty): &(AttrPath, String)| {
            Some((path.clone(), Type::parse(ty.as_bytes()).ok()?))
        };
        self.dynamic.iter().filter_map(parse).collect()
    }
}

/// A provider's private bytes, with ours in front if there are any.
struct Envelope<'a> {
    extras: Extras,
    private: &'a [u8],
}

/// What is remembered of an object as any plugin can read it.
pub(super) struct Plain {
    pub value: serde_json::Value,
    pub private: Vec<u8>,
    pub identity_version: i64,
}

impl Plain {
    pub(super) fn of(state: &ResourceState) -> Self {
        let Envelope { extras, private } = Envelope::open(state.private.as_deref());
        Self {
            value: to_raw_json(&state.outputs, &extras.types()),
            private: private.to_vec(),
            identity_version: i64::try_from(extras.identity_version).unwrap_or(i64::MAX),
        }
    }
}

/// Begins private bytes that have something of ours in front: this, a length, JSON.
const SEAL: &[u8] = b"\0nixops4\0";

impl<'a> Envelope<'a> {
    fn open(bytes: Option<&'a [u8]>) -> Self {
        let bytes = bytes.unwrap_or_default();
        let sealed = || {
            let (length, rest) = bytes.strip_prefix(SEAL)?.split_first_chunk()?;
            let (extras, private) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            Some(Self {
                extras: serde_json::from_slice(extras).ok()?,
                private,
            })
        };
        sealed().unwrap_or(Self {
            extras: Extras::default(),
            private: bytes,
        })
    }

    fn seal(&self) -> Option<Vec<u8>> {
        if self.extras == Extras::default() && !self.private.starts_with(SEAL) {
            return (!self.private.is_empty()).then(|| self.private.to_vec());
        }
        // Serialising strings and numbers does not fail.
        let extras = serde_json::to_vec(&self.extras).unwrap_or_default();
        let length = (extras.len() as u32).to_le_bytes();
        Some([SEAL, &length, &extras, self.private].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(extras: Extras, private: &[u8]) -> (Option<Vec<u8>>, bool) {
        let sealed = Envelope { extras, private }.seal();
        let opened = Envelope::open(sealed.as_deref());
        let same = opened.private == private;
        (sealed.clone(), same)
    }

    #[test]
    fn private_bytes_stay_as_they_are_where_nothing_is_added() {
        assert_eq!(round_trip(Extras::default(), b""), (None, true));
        assert_eq!(
            round_trip(Extras::default(), b"xyz"),
            (Some(b"xyz".to_vec()), true)
        );
    }

    #[test]
    fn additions_are_taken_off_again() {
        let extras = || Extras {
            dynamic: vec![(
                AttrPath::root().child("a").child(0),
                "\"string\"".to_owned(),
            )],
            identity_version: 2,
        };
        let sealed = Envelope {
            extras: extras(),
            private: b"xyz",
        }
        .seal();
        let opened = Envelope::open(sealed.as_deref());
        assert_eq!(
            (opened.extras.types().len(), opened.private),
            (1, &b"xyz"[..])
        );
        assert_eq!(opened.extras, extras());
        // Bytes that look like ours are not taken for ours.
        assert!(round_trip(Extras::default(), b"\0nixops4\0\x01\0\0\0{").1);
    }
}
