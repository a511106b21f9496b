//! The provider itself, data sources, functions and actions.

use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::cty::{Type, Value};
use serde_json::json;
use v6::invoke_action::event::{Completed, Progress, Type as Event};

use super::{
    Answered, Provider, attribute, decode, diagnostic, encode, put, schema, text, unknown_type,
};

impl Provider {
    /// Checks the provider's configuration.
    pub fn validate_provider(
        &self,
        request: v6::validate_provider_config::Request,
    ) -> Answered<v6::validate_provider_config::Response> {
        let config = decode(
            &schema::implied(&schema::provider()),
            request.config.as_ref(),
        )?;
        let mut diagnostics = Vec::new();
        if text(&config, "endpoint").is_some_and(|endpoint| endpoint == "invalid") {
            let detail = "An endpoint is a URL.";
            diagnostics.push(diagnostic::error(
                &[json!("endpoint")],
                "Invalid endpoint",
                detail,
            ));
        }
        Ok(v6::validate_provider_config::Response { diagnostics })
    }

    /// Remembers the configuration.
    pub fn configure(
        &self,
        request: v6::configure_provider::Request,
    ) -> Answered<v6::configure_provider::Response> {
        let config = decode(
            &schema::implied(&schema::provider()),
            request.config.as_ref(),
        )?;
        let mut diagnostics = Vec::new();
        if attribute(&config, "endpoint").is_unknown() {
            let detail = "The endpoint must be known.";
            diagnostics.push(diagnostic::error(
                &[json!("endpoint")],
                "Unknown endpoint",
                detail,
            ));
        }
        let mut endpoint = self
            .endpoint
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *endpoint = Some(text(&config, "endpoint").unwrap_or_default());
        Ok(v6::configure_provider::Response { diagnostics })
    }

    /// Stops nothing: what waits for it is the script's doing.
    pub fn stop(&self, _: v6::stop_provider::Request) -> Answered<v6::stop_provider::Response> {
        Ok(v6::stop_provider::Response::default())
    }

    /// Accepts any configuration of a data source.
    pub fn validate_data(
        &self,
        request: v6::validate_data_resource_config::Request,
    ) -> Answered<v6::validate_data_resource_config::Response> {
        let ty = self
            .data_type(&request.type_name)
            .ok_or(unknown_type(&request.type_name))?;
        decode(&ty, request.config.as_ref())?;
        Ok(v6::validate_data_resource_config::Response::default())
    }

    /// Reads a thing by its name, or echoes.
    pub fn read_data(
        &self,
        request: v6::read_data_source::Request,
    ) -> Answered<v6::read_data_source::Response> {
        let ty = self
            .data_type(&request.type_name)
            .ok_or(unknown_type(&request.type_name))?;
        let mut state = decode(&ty, request.config.as_ref())?;
        let mut diagnostics = Vec::new();
        if request.type_name == "fake_echo" {
            let input = attribute(&state, "input");
            put(&mut state, "output", input);
        } else {
            let name = text(&state, "name").unwrap_or_default();
            match self.find_by_name(&name)? {
                Some(found) => {
                    for part in ["id", "size"] {
                        put(&mut state, part, attribute(&found, part));
                    }
                }
                None => {
                    let detail = format!("There is no thing called {name:?}.");
                    diagnostics.push(diagnostic::error(
                        &[json!("name")],
                        "No such thing",
                        &detail,
                    ));
                }
            }
        }
        Ok(v6::read_data_source::Response {
            state: encode(&ty, &state)?,
            diagnostics,
            deferred: None,
        })
    }

    fn find_by_name(&self, name: &str) -> Answered<Option<Value>> {
        let ty = self.known_resource("fake_thing")?;
        let ids: Vec<String> = self
            .store
            .with(|world| world.objects.keys().cloned().collect());
        for id in ids {
            let found = self.find(&ty, &id)?;
            if let Some(found) = found.filter(|found| text(found, "name").as_deref() == Some(name))
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Calls a function.
    pub fn call_function(
        &self,
        request: v6::call_function::Request,
    ) -> Answered<v6::call_function::Response> {
        let ty = match request.name.as_str() {
            "describe" => Type::Dynamic,
            _ => Type::String,
        };
        let arguments = request
            .arguments
            .iter()
            .map(|argument| decode(&ty, Some(argument)));
        let arguments: Vec<Value> = arguments.collect::<Answered<_>>()?;
        let failed = |text: &str, argument| v6::call_function::Response {
            result: None,
            error: Some(v6::FunctionError {
                text: text.to_owned(),
                function_argument: argument,
            }),
        };
        let result = match (request.name.as_str(), arguments.as_slice()) {
            ("join", [separator, parts @ ..]) => {
                let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                parts.join(separator.as_str().unwrap_or_default())
            }
            ("describe", [Value::Dynamic(value)]) => value.ty.to_string(),
            ("describe", [_]) => "nothing".to_owned(),
            ("fail", [text]) => {
                return Ok(failed(text.as_str().unwrap_or_default(), Some(0)));
            }
            (name, _) => return Ok(failed(&format!("no function {name}"), None)),
        };
        Ok(v6::call_function::Response {
            result: encode(&Type::String, &Value::string(result))?,
            error: None,
        })
    }

    /// Accepts any configuration of a search.
    pub fn validate_list(
        &self,
        request: v6::validate_list_resource_config::Request,
    ) -> Answered<v6::validate_list_resource_config::Response> {
        decode(&schema::implied(&schema::list()), request.config.as_ref())?;
        Ok(v6::validate_list_resource_config::Response::default())
    }

    /// Checks the configuration of the action.
    pub fn validate_action(
        &self,
        request: v6::validate_action_config::Request,
    ) -> Answered<v6::validate_action_config::Response> {
        let config = decode(&schema::implied(&schema::action()), request.config.as_ref())?;
        let mut diagnostics = Vec::new();
        if text(&config, "message").is_some_and(|message| message.is_empty()) {
            let path = [json!("message")];
            diagnostics.push(diagnostic::error(&path, "Empty message", "Say something."));
        }
        Ok(v6::validate_action_config::Response { diagnostics })
    }

    /// Agrees to any action.
    pub fn plan_action(&self, _: v6::plan_action::Request) -> Answered<v6::plan_action::Response> {
        Ok(v6::plan_action::Response::default())
    }

    /// Says the message so many times, and ends.
    pub fn invoke(
        &self,
        request: v6::invoke_action::Request,
        diagnostics: Vec<v6::Diagnostic>,
    ) -> Answered<Vec<v6::invoke_action::Event>> {
        let config = decode(&schema::implied(&schema::action()), request.config.as_ref())?;
        let message = text(&config, "message").unwrap_or_default();
        let count = attribute(&config, "count")
            .as_number()
            .and_then(|n| n.as_i64())
            .unwrap_or(1);
        let event = |event| v6::invoke_action::Event {
            r#type: Some(event),
        };
        let progress = (1..=count).map(|i| {
            event(Event::Progress(Progress {
                message: format!("{message} {i}"),
            }))
        });
        Ok(progress
            .chain([event(Event::Completed(Completed { diagnostics }))])
            .collect())
    }
}
