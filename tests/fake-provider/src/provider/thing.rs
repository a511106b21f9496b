//! Managed resources: things with a name, an id, and much that can be set.

use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::cty::{Type, Value, json};
use serde_json::{Value as Json, json};

use super::store::Object;
use super::{Answered, Provider, attribute, decode, diagnostic, encode, put, schema, text};

/// What only the provider decides, besides the id.
const COMPUTED: [&str; 2] = ["enabled", "note"];

impl Provider {
    /// Checks the configuration of a thing.
    pub fn validate_resource(
        &self,
        request: v6::validate_resource_config::Request,
    ) -> Answered<v6::validate_resource_config::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let config = decode(&ty, request.config.as_ref())?;
        let mut diagnostics = Vec::new();
        if text(&config, "name").is_some_and(|name| name.is_empty()) {
            let detail = "A thing must have a name.";
            diagnostics.push(diagnostic::error(&[json!("name")], "Empty name", detail));
        }
        for (index, port) in attribute(&config, "ports")
            .as_elements()
            .unwrap_or(&[])
            .iter()
            .enumerate()
        {
            let number = port.as_number().and_then(|number| number.as_i64());
            if number.is_some_and(|port| !(0..=65535).contains(&port)) {
                let path = [json!("ports"), json!(index)];
                diagnostics.push(diagnostic::error(
                    &path,
                    "Invalid port",
                    "Ports end at 65535.",
                ));
            }
        }
        Ok(v6::validate_resource_config::Response { diagnostics })
    }

    /// Brings stored state up to date: version 0 called the name a title.
    pub fn upgrade(
        &self,
        request: v6::upgrade_resource_state::Request,
    ) -> Answered<v6::upgrade_resource_state::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let mut answer = v6::upgrade_resource_state::Response::default();
        if request.version > self.schema_version {
            let detail = format!("The state has version {}.", request.version);
            answer
                .diagnostics
                .push(diagnostic::error(&[], "State from the future", &detail));
            return Ok(answer);
        }
        let raw = request.raw_state.unwrap_or_default();
        let mut stored: Json = serde_json::from_slice(&raw.json).map_err(|e| (3, e.to_string()))?;
        if let (0, Some(attributes)) = (request.version, stored.as_object_mut())
            && let Some(title) = attributes.remove("title")
        {
            attributes.insert("name".to_owned(), title);
        }
        match json::from_json(&ty, stored) {
            Ok(value) => answer.upgraded_state = encode(&ty, &value)?,
            Err(e) => {
                let summary = "State does not fit";
                answer
                    .diagnostics
                    .push(diagnostic::error(&[], summary, &e.to_string()));
            }
        }
        Ok(answer)
    }

    /// Takes identities as they are.
    pub fn upgrade_identity(
        &self,
        request: v6::upgrade_resource_identity::Request,
    ) -> Answered<v6::upgrade_resource_identity::Response> {
        let raw = request.raw_identity.unwrap_or_default();
        let ty = identity_type();
        let identity = json::decode(&ty, &raw.json).map_err(|e| (3, e.to_string()))?;
        Ok(v6::upgrade_resource_identity::Response {
            upgraded_identity: Some(v6::ResourceIdentityData {
                identity_data: encode(&ty, &identity)?,
            }),
            diagnostics: Vec::new(),
        })
    }

    /// Looks at a thing.
    pub fn read(
        &self,
        request: v6::read_resource::Request,
    ) -> Answered<v6::read_resource::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let current = decode(&ty, request.current_state.as_ref())?;
        let found = text(&current, "id")
            .map(|id| self.find(&ty, &id))
            .transpose()?
            .flatten();
        Ok(v6::read_resource::Response {
            new_identity: found.as_ref().map(identity).transpose()?,
            new_state: encode(&ty, &found.unwrap_or(Value::Null))?,
            private: request.private,
            ..Default::default()
        })
    }

    /// Works out what a thing will be.
    pub fn plan(
        &self,
        request: v6::plan_resource_change::Request,
    ) -> Answered<v6::plan_resource_change::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let prior = decode(&ty, request.prior_state.as_ref())?;
        let config = decode(&ty, request.config.as_ref())?;
        let mut planned = decode(&ty, request.proposed_new_state.as_ref())?;
        let mut requires_replace = Vec::new();
        if !planned.is_null() {
            // Write-only attributes are never part of a plan.
            put(&mut planned, "password", Value::Null);
            match prior.is_null() {
                true => plan_create(&mut planned, &config),
                false => plan_update(&mut planned, &prior),
            }
            if !prior.is_null() && attribute(&prior, "name") != attribute(&planned, "name") {
                requires_replace.push(diagnostic::path(&[json!("name")]));
            }
        }
        Ok(v6::plan_resource_change::Response {
            planned_state: encode(&ty, &planned)?,
            diagnostics: told(request.provider_meta.as_ref())?,
            requires_replace,
            planned_private: match request.prior_private.is_empty() {
                true => b"planned".to_vec(),
                false => request.prior_private,
            },
            planned_identity: request.prior_identity,
            ..Default::default()
        })
    }

    /// Makes, changes or deletes a thing.
    pub fn apply(
        &self,
        request: v6::apply_resource_change::Request,
    ) -> Answered<v6::apply_resource_change::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let prior = decode(&ty, request.prior_state.as_ref())?;
        let planned = decode(&ty, request.planned_state.as_ref())?;
        let new = match (prior.is_null(), planned.is_null()) {
            (_, true) => {
                let id = text(&prior, "id").unwrap_or_default();
                self.store.with(|world| world.objects.remove(&id));
                Value::Null
            }
            (true, false) => {
                let made = self.store.with(|world| {
                    world.made += 1;
                    world.made
                });
                self.keep(
                    &request.type_name,
                    &ty,
                    finish(planned, &format!("thing-{made}"), 1),
                )?
            }
            (false, false) => {
                let id = text(&prior, "id").unwrap_or_default();
                let revision = attribute(&prior, "revision");
                let revision = revision.as_number().and_then(|n| n.as_i64()).unwrap_or(0) + 1;
                self.keep(&request.type_name, &ty, finish(planned, &id, revision))?
            }
        };
        Ok(v6::apply_resource_change::Response {
            new_identity: (!new.is_null()).then(|| identity(&new)).transpose()?,
            new_state: encode(&ty, &new)?,
            private: request.planned_private,
            ..Default::default()
        })
    }

    /// Finds a thing by id or identity.
    pub fn import(
        &self,
        request: v6::import_resource_state::Request,
    ) -> Answered<v6::import_resource_state::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let id = match request.identity.and_then(|identity| identity.identity_data) {
            Some(data) => text(&decode(&identity_type(), Some(&data))?, "id").unwrap_or_default(),
            None => request.id,
        };
        let Some(found) = self.find(&ty, &id)? else {
            let detail = format!("There is no thing with the id {id:?}.");
            return Ok(v6::import_resource_state::Response {
                diagnostics: vec![diagnostic::error(&[], "No such thing", &detail)],
                ..Default::default()
            });
        };
        let imported = v6::import_resource_state::ImportedResource {
            type_name: request.type_name,
            identity: Some(identity(&found)?),
            state: encode(&ty, &found)?,
            private: b"imported".to_vec(),
        };
        Ok(v6::import_resource_state::Response {
            imported_resources: vec![imported; self.imported],
            ..Default::default()
        })
    }

    /// Takes over the state of any type that has a name.
    pub fn move_state(
        &self,
        request: v6::move_resource_state::Request,
    ) -> Answered<v6::move_resource_state::Response> {
        let ty = self.known_resource(&request.target_type_name)?;
        let source = request.source_state.unwrap_or_default();
        let source: Json = serde_json::from_slice(&source.json).map_err(|e| (3, e.to_string()))?;
        let Some(name) = source
            .get("name")
            .filter(|_| request.source_type_name != "fake_rock")
        else {
            let detail = format!("{} cannot become a thing.", request.source_type_name);
            return Ok(v6::move_resource_state::Response {
                diagnostics: vec![diagnostic::error(&[], "Cannot move", &detail)],
                ..Default::default()
            });
        };
        let id = source.get("id").cloned().unwrap_or(Json::Null);
        let target = json!({"id": id, "name": name, "rule": []});
        let value = json::from_json(&ty, target).map_err(|e| (3, e.to_string()))?;
        Ok(v6::move_resource_state::Response {
            target_identity: Some(identity(&value)?),
            target_state: encode(&ty, &value)?,
            target_private: request.source_private,
            diagnostics: Vec::new(),
        })
    }

    /// Writes what a person would have to write.
    pub fn generate_config(
        &self,
        request: v6::generate_resource_config::Request,
    ) -> Answered<v6::generate_resource_config::Response> {
        let ty = self.known_resource(&request.type_name)?;
        let mut config = decode(&ty, request.state.as_ref())?;
        for name in COMPUTED.iter().chain(&["id", "revision"]) {
            put(&mut config, name, Value::Null);
        }
        Ok(v6::generate_resource_config::Response {
            config: encode(&ty, &config)?,
            diagnostics: Vec::new(),
        })
    }

    /// Searches things by the start of their name.
    pub fn list(
        &self,
        request: v6::list_resource::Request,
    ) -> Answered<Vec<v6::list_resource::Event>> {
        let ty = self.known_resource(&request.type_name)?;
        let config = decode(
            &super::schema::implied(&super::schema::list()),
            request.config.as_ref(),
        )?;
        let prefix = text(&config, "prefix").unwrap_or_default();
        let ids: Vec<String> = self
            .store
            .with(|world| world.objects.keys().cloned().collect());
        let mut events = Vec::new();
        for id in ids {
            let Some(found) = self.find(&ty, &id)? else {
                continue;
            };
            let name = text(&found, "name").unwrap_or_default();
            if name.starts_with(&prefix) {
                events.push(v6::list_resource::Event {
                    identity: Some(identity(&found)?),
                    display_name: name,
                    resource_object: match request.include_resource_object {
                        true => encode(&ty, &found)?,
                        false => None,
                    },
                    diagnostic: Vec::new(),
                });
            }
        }
        if let Ok(limit @ 1..) = usize::try_from(request.limit) {
            events.truncate(limit);
        }
        Ok(events)
    }

    pub(super) fn find(&self, ty: &Type, id: &str) -> Answered<Option<Value>> {
        let object = self.store.with(|world| world.objects.get(id).cloned());
        let decode = |object: Object| json::from_json(ty, object.value);
        object
            .map(decode)
            .transpose()
            .map_err(|e| (13, e.to_string()))
    }

    fn keep(&self, type_name: &str, ty: &Type, value: Value) -> Answered<Value> {
        let json = json::to_json(ty, &value).map_err(|e| (13, e.to_string()))?;
        let id = text(&value, "id").unwrap_or_default();
        let object = Object {
            type_name: type_name.to_owned(),
            value: json,
        };
        self.store.with(|world| world.objects.insert(id, object));
        Ok(value)
    }
}

/// Repeats what is told with a call beside what it is about.
fn told(meta: Option<&v6::DynamicValue>) -> Answered<Vec<v6::Diagnostic>> {
    let Some(meta) = meta else {
        return Ok(Vec::new());
    };
    let meta = decode(&schema::implied(&schema::provider_meta()), Some(meta))?;
    let module = text(&meta, "module").into_iter();
    Ok(module
        .map(|module| diagnostic::warning(&format!("planned for {module}")))
        .collect())
}

fn plan_create(planned: &mut Value, config: &Value) {
    for name in ["id", "revision"] {
        put(planned, name, Value::UNKNOWN);
    }
    if attribute(config, "enabled").is_null() {
        put(planned, "enabled", Value::Bool(true));
    }
    if attribute(config, "note").is_null() {
        put(planned, "note", Value::UNKNOWN);
    }
    plan_nested(planned);
}

fn plan_update(planned: &mut Value, prior: &Value) {
    plan_nested(planned);
    if planned != prior {
        put(planned, "revision", Value::UNKNOWN);
    }
}

/// What is nested and computed is known only after it is made.
fn plan_nested(planned: &mut Value) {
    let mut settings = attribute(planned, "settings");
    if attribute(&settings, "level").is_null() {
        put(&mut settings, "level", Value::UNKNOWN);
    }
    put(planned, "settings", settings);
    if let Value::List(mut disks) = attribute(planned, "disks") {
        for disk in disks
            .iter_mut()
            .filter(|disk| attribute(disk, "device").is_null())
        {
            put(disk, "device", Value::UNKNOWN);
        }
        put(planned, "disks", Value::List(disks));
    }
}

/// Fills in what was unknown.
fn finish(planned: Value, id: &str, revision: i64) -> Value {
    let name = text(&planned, "name").unwrap_or_default();
    planned.transform(&mut |path, value| match value {
        Value::Unknown(_) => match path.to_string().as_str() {
            "id" => Value::string(id),
            "revision" => Value::int(revision),
            "note" => Value::string(format!("note of {name}")),
            "settings.level" => Value::int(1),
            path if path.ends_with(".device") => Value::string(format!("/dev/{path}")),
            _ => Value::Null,
        },
        other => other,
    })
}

fn identity_type() -> Type {
    Type::object([("id", Type::String)])
}

fn identity(value: &Value) -> Answered<v6::ResourceIdentityData> {
    let identity = Value::object([("id", attribute(value, "id"))]);
    Ok(v6::ResourceIdentityData {
        identity_data: encode(&identity_type(), &identity)?,
    })
}
