//! `nixops4 providers schema`: what a provider has, as documentation.

use std::path::Path;
use std::sync::Arc;

use nixops4_core::MemberPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::engine::{ProviderFactory, nearest};
use nixops4_core::evaluate::{Evaluate, from_eval_error};
use nixops4_core::provider::document::{Contents, Document, DocumentKind};
use nixops4_core::provider::{Failure, Provider};
use nixops4_proto::evaluator::{
    ListProviders, Position, ProviderProgram, ProviderSettings, UntoldProvider,
};
use nixops4_tfproto::discovery::SourceSpec;
use serde_json::{Map, Value as Json};

use super::SchemaArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::tools::{Providers, display_name};
use crate::ui::document::{Named, markdown, markdown_contents, text, text_contents};
use crate::ui::print::out;
use crate::ui::value::print_json;
use crate::{root, session};

/// A provider that was asked for.
struct Asked {
    named: Named,
    program: ProviderProgram,
    /// Where it is declared.
    position: Option<Position>,
}

/// What the deployment declares.
#[derive(Default)]
struct Declared {
    instances: Vec<Asked>,
    untold: Vec<UntoldProvider>,
}

impl Declared {
    /// Why what is asked for cannot be told: of the instance of that name, or with `None` of
    /// components that may declare it.
    fn problem(&self, name: Option<&str>) -> Option<Diagnostics> {
        let is_it = |untold: &&UntoldProvider| {
            let path = &untold.member;
            let full = untold.name.as_ref();
            full.map(|name| display_name(&format!("{path}#{name}")))
                .as_deref()
                == name
        };
        let untold = self.untold.iter().filter(is_it);
        let errors: Vec<_> = untold
            .filter_map(|untold| untold.error.as_ref())
            .map(from_eval_error)
            .collect();
        (!errors.is_empty()).then_some(Diagnostics(errors))
    }
}

/// Prints it.
pub async fn run(args: SchemaArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let base = match root::find(&args.root, &session::current_dir()?) {
        Ok(root) => root.base,
        // A source or a program can be asked about anywhere.
        Err(_) => session::current_dir()?,
    };
    let asked = find(&args, show_trace).await?;
    let provider = Providers::new(&base)
        .open(
            &asked.named.name,
            &asked.program,
            &ProviderSettings::default(),
        )
        .await
        .map_err(|failure| failed_to_start(&asked, failure))?;
    let shown = show(&args, &asked, &provider).await;
    provider.close().await;
    shown
}

/// What is wrong with a program, where the deployment names it.
fn failed_to_start(asked: &Asked, failure: Failure) -> CommandError {
    let mut problems = failure.into_diagnostics();
    for problem in &mut problems.0 {
        let position = problem.position.take();
        problem.position = position.or_else(|| asked.position.clone());
    }
    problems.into()
}

fn failed(failure: Failure) -> CommandError {
    failure.into_diagnostics().into()
}

async fn show(
    args: &SchemaArgs,
    asked: &Asked,
    provider: &Arc<dyn Provider>,
) -> Result<Exit, CommandError> {
    let named = &asked.named;
    let contents = provider.contents().await;
    let contents = contents.map_err(|failure| failed_to_start(asked, failure))?;
    let Some(name) = &args.type_name else {
        return overview(args, named, provider, &contents).await;
    };
    let kinds = kinds_of(args, &contents, name)?;
    let mut documents = Vec::new();
    for kind in kinds {
        documents.push(provider.document(kind, name).await.map_err(failed)?);
    }
    match documents.as_slice() {
        [one] if args.json => print_json(&to_json(one)?),
        several if args.json => {
            let several: Result<Vec<_>, _> = several.iter().map(to_json).collect();
            print_json(&Json::Array(several?));
        }
        several => {
            let render = if args.markdown { markdown } else { text };
            let rendered: Vec<_> = several.iter().map(|one| render(named, one)).collect();
            out!("{}", rendered.join("\n"));
        }
    }
    Ok(Exit::Done)
}

fn to_json(document: &Document) -> Result<Json, CommandError> {
    serde_json::to_value(document).map_err(|error| CommandError::user(error.to_string()))
}

/// The configuration, and the names of all there is; in JSON everything.
async fn overview(
    args: &SchemaArgs,
    named: &Named,
    provider: &Arc<dyn Provider>,
    contents: &Contents,
) -> Result<Exit, CommandError> {
    let configuration = provider.document(DocumentKind::Provider, "").await;
    let configuration = configuration.map_err(failed)?;
    let wanted = |kind: &DocumentKind| args.kind.is_none_or(|wanted| wanted.kind() == *kind);
    let mut contents = contents.clone();
    contents.retain(|kind, _| wanted(kind));
    if args.json {
        let mut all = Map::new();
        all.insert("provider".to_owned(), to_json(&configuration)?);
        for (kind, names) in contents {
            let mut documents = Map::new();
            for name in names {
                let document = provider.document(kind, &name).await.map_err(failed)?;
                documents.insert(name, to_json(&document)?);
            }
            let key = serde_json::to_value(kind).unwrap_or_default();
            let key = key.as_str().unwrap_or_default();
            all.insert(format!("{key}s"), Json::Object(documents));
        }
        print_json(&Json::Object(all));
    } else if args.markdown {
        out!("{}", markdown(named, &configuration));
        out!("{}", markdown_contents(&contents));
    } else {
        out!("{}", text(named, &configuration));
        out!("{}", text_contents(&contents));
    }
    Ok(Exit::Done)
}

/// What kinds of things have this name.
fn kinds_of(
    args: &SchemaArgs,
    contents: &Contents,
    name: &str,
) -> Result<Vec<DocumentKind>, CommandError> {
    let wanted = |kind: &DocumentKind| args.kind.is_none_or(|wanted| wanted.kind() == *kind);
    let considered = contents.iter().filter(|(kind, _)| wanted(kind));
    let found: Vec<_> = considered
        .clone()
        .filter(|(_, names)| names.iter().any(|known| known == name))
        .map(|(kind, _)| *kind)
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let what = args.kind.map_or("nothing", |_| "no such thing");
    let mut diagnostic = Diagnostic::error(format!("the provider has {what} called `{name}`"));
    let names = considered.flat_map(|(_, names)| names);
    if let Some(near) = nearest(name, names) {
        diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
    }
    Err(diagnostic.into())
}

/// Finds out what PROVIDER means: a program, an instance of the deployment, the built-in provider,
/// or a source.
async fn find(args: &SchemaArgs, show_trace: bool) -> Result<Asked, CommandError> {
    let text = args.provider.as_str();
    if text.starts_with(['/', '.']) {
        return Ok(program(text));
    }
    let mut found = Declared::default();
    let here = args.root.is_given() || root::find(&args.root, &session::current_dir()?).is_ok();
    let mut problem = None;
    if here {
        match declared(args, show_trace).await {
            Ok(declared) => found = declared,
            // What is wrong with the deployment does not matter to what is not in it.
            Err(error) => problem = Some(error),
        }
    }
    let mut instances = found.instances.iter();
    if let Some(at) = instances.position(|asked| asked.named.name == text) {
        return Ok(found.instances.swap_remove(at));
    }
    if let Some(problems) = found.problem(Some(text)) {
        return Err(problems.into());
    }
    if text == "local" {
        return Ok(Asked {
            named: Named {
                name: text.to_owned(),
                declared: String::new(),
            },
            program: ProviderProgram::Local {},
            position: None,
        });
    }
    if text.contains('/') {
        return source(text, args.constraint.as_deref());
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    if let Some(problems) = found.problem(None) {
        return Err(problems.into());
    }
    let names = found.instances.iter().map(|asked| &asked.named.name);
    let mut diagnostic = Diagnostic::error(format!("no provider is called `{text}` here"));
    diagnostic = match nearest(text, names) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic.hint(
            "name an instance of the deployment, a source such as `hashicorp/aws`, or the path of \
             a program",
        ),
    };
    Err(diagnostic.into())
}

/// The instances of the deployment.
async fn declared(args: &SchemaArgs, show_trace: bool) -> Result<Declared, CommandError> {
    let (evaluator, _) = session::load(&args.root, show_trace).await?;
    let ask = ListProviders {
        path: MemberPath::root(),
    };
    let told = evaluator.providers(ask).await?;
    let asked = told.providers.into_iter().map(|instance| Asked {
        named: Named {
            name: display_name(&instance.id),
            declared: declaration(&instance.program),
        },
        program: instance.program,
        position: instance.position,
    });
    Ok(Declared {
        instances: asked.collect(),
        untold: told.untold,
    })
}

/// How a program is named in a deployment.
fn declaration(program: &ProviderProgram) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name} = {value:?};"));
        }
    };
    match program {
        ProviderProgram::Local {} => {}
        ProviderProgram::Stdio { executable, .. } => {
            line("executable", &Some(executable.clone()));
        }
        ProviderProgram::Tfplugin {
            executable,
            source,
            version,
        } => {
            line("executable", executable);
            line("source", source);
            line("version", version);
        }
    }
    lines.join("\n")
}

/// A program by its path: a plugin if it is called like one.
fn program(path: &str) -> Asked {
    let file = Path::new(path)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let kind = file.strip_prefix("terraform-provider-").map(|rest| {
        let end = rest.find(['_', '.']).unwrap_or(rest.len());
        &rest[..end]
    });
    let program = match kind {
        Some(_) => ProviderProgram::Tfplugin {
            executable: Some(path.to_owned()),
            source: None,
            version: None,
        },
        None => ProviderProgram::Stdio {
            executable: path.to_owned(),
            args: Vec::new(),
        },
    };
    Asked {
        named: Named {
            name: kind.unwrap_or(&file).to_owned(),
            declared: declaration(&program),
        },
        program,
        position: None,
    }
}

fn source(text: &str, version: Option<&str>) -> Result<Asked, CommandError> {
    let spec = SourceSpec::parse(text).map_err(|error| CommandError::user(error.to_string()))?;
    let program = ProviderProgram::Tfplugin {
        executable: None,
        source: Some(text.to_owned()),
        version: version.map(str::to_owned),
    };
    Ok(Asked {
        named: Named {
            name: spec.kind().to_owned(),
            declared: declaration(&program),
        },
        program,
        position: None,
    })
}
