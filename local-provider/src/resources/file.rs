//! `file`: a file with given contents.
//!
//! It is written beside its place and then moved there, so nobody ever sees half of it. Whatever
//! was in its place is replaced. What is looked at is the contents, and the permissions if they are
//! given.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::sdk::{
    About, Action, Complaint, Context, Error, Field, IoContext, Made, New, Observed, Operation,
    Plan, PlanInputs, ResourceType, State,
};

/// A file with given contents.
#[derive(Debug)]
pub struct File;

/// Inputs of [`File`].
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Its path, relative to the folder of the deployment. Folders that do not exist are made.
    #[schemars(extend("replaces" = true))]
    name: String,
    /// What is in it. Either this or `sensitive_contents` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<String>,
    /// What is in it, if that is secret. Only its owner may then read it, unless `mode` says
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("sensitive" = true))]
    sensitive_contents: Option<String>,
    /// Its permissions, in octal: `"0644"`. Left out, they are what the system gives new files.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
}

/// Outputs of [`File`].
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Outputs {
    /// Its absolute path.
    #[schemars(extend("stable" = true, "derivedFrom" = ["name"]))]
    path: String,
    /// The SHA-256 of its contents, in hexadecimal.
    #[schemars(extend("derivedFrom" = ["contents", "sensitive_contents"]))]
    sha256: String,
}

impl Inputs {
    /// What is to be in the file.
    fn wanted(&self) -> Result<&str, Error> {
        match (&self.contents, &self.sensitive_contents) {
            (Some(contents), None) | (None, Some(contents)) => Ok(contents),
            _ => Err(Error(Box::new(one_of_both().into()))),
        }
    }

    /// The same inputs with other contents.
    fn with_contents(mut self, contents: String) -> Self {
        match &mut self.sensitive_contents {
            Some(secret) => *secret = contents,
            None => self.contents = Some(contents),
        }
        self
    }

    fn permissions(&self) -> Result<Option<Permissions>, Error> {
        let mode = self.mode.as_deref().map(parse_mode).transpose()?;
        Ok(mode.map(Permissions::from_mode))
    }
}

fn one_of_both() -> Complaint {
    Complaint {
        path: Some(nixops4_proto::path::AttrPath::root().child("contents")),
        ..Complaint::new("either `contents` or `sensitive_contents` has to be set")
    }
}

fn parse_mode(text: &str) -> Result<u32, Error> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err(Error::new(format!("`{text}` is no mode"))
            .at("mode")
            .hint("permissions are written in octal, like \"0644\"")),
    }
}

fn sha256(contents: &[u8]) -> String {
    let digest = Sha256::digest(contents);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn path_text(name: &str) -> Result<String, Error> {
    let path = absolute(name).context("find the path of", name)?;
    Ok(path.display().to_string())
}

impl ResourceType for File {
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn about(&self) -> About {
        About::new("file", "A file with given contents").can(&[
            Operation::Validate,
            Operation::Plan,
            Operation::Read,
            Operation::Update,
            Operation::Delete,
            Operation::Import,
        ])
    }

    fn validate(&self, _: &Context, inputs: &PlanInputs) -> Result<Vec<Complaint>, Error> {
        let mut wrong = Vec::new();
        let set = |name| !matches!(inputs.get(name), Field::NotSet);
        if set("contents") == set("sensitive_contents")
            && inputs.get("contents") != Field::Unknown
            && inputs.get("sensitive_contents") != Field::Unknown
        {
            wrong.push(one_of_both());
        }
        if let Some(Err(error)) = inputs.get("mode").as_str().map(parse_mode) {
            wrong.push(error.0.complaint);
        }
        if inputs.get("name").as_str() == Some("") {
            let complaint = Error::new("the name is empty").at("name").0.complaint;
            wrong.push(complaint);
        }
        Ok(wrong)
    }

    fn plan(
        &self,
        _: &Context,
        prior: Option<State<Self>>,
        inputs: &PlanInputs,
    ) -> Result<Plan, Error> {
        let mut plan = match &prior {
            None => Plan::new(Action::Create),
            Some(State { inputs: old, .. }) if !inputs.same("name", &old.name) => {
                Plan::new(Action::Replace).replaced_by("name")
            }
            Some(State { inputs: old, .. })
                if inputs.same("contents", &old.contents)
                    && inputs.same("sensitive_contents", &old.sensitive_contents)
                    && inputs.same("mode", &old.mode) =>
            {
                return Ok(Plan::new(Action::Noop));
            }
            Some(_) => Plan::new(Action::Update),
        };
        plan = match inputs.get("name").as_str() {
            Some(name) => plan.output("path", &path_text(name)?),
            None => plan.unknown("path"),
        };
        let (contents, secret) = (inputs.get("contents"), inputs.get("sensitive_contents"));
        Ok(match contents.as_str().or(secret.as_str()) {
            Some(contents) => plan.output("sha256", &sha256(contents.as_bytes())),
            None => plan.unknown("sha256"),
        })
    }

    fn create(&self, context: &Context, new: New<Self>) -> Result<Made<Outputs>, Error> {
        let wanted = new.inputs.wanted()?;
        if let Ok(found) = fs::read(&new.inputs.name)
            && found != wanted.as_bytes()
        {
            let path = path_text(&new.inputs.name)?;
            context.warn(Complaint::new(format!(
                "{path} was there already, with other contents; it has been replaced"
            )));
        }
        write(&new.inputs)
    }

    fn read(&self, _: &Context, state: State<Self>) -> Result<Option<Observed<Self>>, Error> {
        let Some(found) = look(&state.inputs.name)? else {
            return Ok(None);
        };
        let mode = state.inputs.mode.as_ref().map(|wanted| {
            // As it was written, unless it is another.
            match parse_mode(wanted) {
                Ok(mode) if mode == found.mode => wanted.clone(),
                _ => format!("{:04o}", found.mode),
            }
        });
        let inputs = Inputs {
            mode,
            ..state.inputs
        };
        Ok(Some(found.observed(inputs)?))
    }

    fn update(&self, _: &Context, _: State<Self>, new: New<Self>) -> Result<Made<Outputs>, Error> {
        write(&new.inputs)
    }

    fn delete(&self, _: &Context, state: State<Self>) -> Result<(), Error> {
        match fs::remove_file(&state.inputs.name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context("delete", &state.inputs.name)
            }
            _ => Ok(()),
        }
    }

    fn import(&self, _: &Context, id: &str) -> Result<Observed<Self>, Error> {
        let found = look(id)?
            .ok_or_else(|| Error::new(format!("there is no file {id}")).hint("the id is a path"))?;
        let inputs = Inputs {
            name: id.to_owned(),
            mode: Some(format!("{:04o}", found.mode)),
            ..Inputs::default()
        };
        found.observed(inputs)
    }
}

/// What was found in a file's place.
struct Found {
    contents: Vec<u8>,
    mode: u32,
}

impl Found {
    fn observed(self, inputs: Inputs) -> Result<Observed<File>, Error> {
        let outputs = Outputs {
            path: path_text(&inputs.name)?,
            sha256: sha256(&self.contents),
        };
        // Contents that are no text differ from every text.
        let contents = String::from_utf8_lossy(&self.contents).into_owned();
        Ok(Observed {
            inputs: inputs.with_contents(contents),
            outputs,
        })
    }
}

fn look(name: &str) -> Result<Option<Found>, Error> {
    let contents = match fs::read(name) {
        Ok(contents) => contents,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).context("read", name),
    };
    let metadata = fs::metadata(name).context("look at", name)?;
    let mode = metadata.permissions().mode() & 0o7777;
    Ok(Some(Found { contents, mode }))
}

/// Writes the file as `inputs` say.
fn write(inputs: &Inputs) -> Result<Made<Outputs>, Error> {
    let contents = inputs.wanted()?;
    let place = real_place(Path::new(&inputs.name));
    let shown = place.display();
    if let Some(folder) = place.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::create_dir_all(folder).context("make the folder", folder.display())?;
    }
    let secret = inputs.sensitive_contents.is_some();
    let permissions = match inputs.permissions()? {
        None if !secret => {
            // What nobody says anything about stays as it is.
            fs::metadata(&place).ok().map(|found| found.permissions())
        }
        wanted => wanted,
    };
    let initial = if secret { 0o600 } else { 0o666 };
    let beside = name_beside(&place);
    let result = write_beside(&beside, initial, contents.as_bytes(), permissions)
        .and_then(|()| fs::rename(&beside, &place));
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result.context("write", shown)?;
    Ok(Outputs {
        path: path_text(&inputs.name)?,
        sha256: sha256(contents.as_bytes()),
    }
    .into())
}

/// Where a path leads; what is a link stays one.
fn real_place(path: &Path) -> PathBuf {
    match path.is_symlink() {
        true => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        false => path.to_owned(),
    }
}

/// A name that nobody else uses, in the same folder.
fn name_beside(place: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    place.with_file_name(format!(".{name}.{}-{count}.new", std::process::id()))
}

fn write_beside(
    path: &Path,
    mode: u32,
    contents: &[u8],
    permissions: Option<Permissions>,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // One that is left from a process that was killed is of no use to anyone.
    let _ = fs::remove_file(path);
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(contents)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    // The state is about to say that it is there.
    file.sync_data()
}

#[cfg(test)]
mod tests;
