//! Importing what derivations make: the derivation and all that it needs goes to the store, which
//! builds it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    host::HostError,
    object_store::{NewContents, NewObject, ObjectStore},
    pure::store_path::{StorePath, downstream_placeholder},
    stack::grow_stack,
    value::{Context, ContextElement},
};

impl Evaluator {
    /// Where to read `path`, a text whose context says what must be built before.
    pub(crate) fn realised(&mut self, path: &str, context: &Context) -> Eval<PathBuf> {
        let mut found = PathBuf::from(path);
        for element in context {
            let ContextElement::Built { derivation, output } = element else {
                continue;
            };
            let hint = format!("'{path}' is the output '{output}' of '{derivation}'");
            if self.host.store().is_none() {
                let missing = HostError::Missing {
                    what: format!("'{path}'"),
                    needs: "a store",
                };
                return Err(EvalError::from(missing).hint(hint));
            }
            let stands_for = self.output_text(derivation, output)?;
            let made = self.build(derivation, output);
            let made = made.map_err(|error| error.hint(hint))?;
            if let Some(rest) = path.strip_prefix(&stands_for) {
                let inside = rest.trim_start_matches('/');
                found = if inside.is_empty() {
                    made
                } else {
                    made.join(inside)
                };
            }
        }
        Ok(found)
    }

    /// What stands for an output in texts.
    fn output_text(&mut self, derivation: &str, output: &str) -> Eval<String> {
        let path = self.store_path(derivation)?;
        let known = self.known_derivation(&path)?;
        let name = path.name().strip_suffix(".drv").unwrap_or(path.name());
        let Some(kind) = known.derivation.outputs.get(output) else {
            let message = format!("derivation '{derivation}' has no output '{output}'");
            return Err(EvalError::new(ErrorKind::Value, message));
        };
        Ok(match kind.path(&self.store.dir, name, output)? {
            Some(made) => self.store.dir.print(&made),
            None => downstream_placeholder(&path, output),
        })
    }

    fn build(&mut self, derivation: &str, output: &str) -> Eval<PathBuf> {
        let mut objects = Vec::new();
        let path = self.store_path(derivation)?;
        self.gather(&path, &mut objects)?;
        let store = self.object_store()?;
        store.add(&objects)?;
        let made = store.realise(derivation, output)?;
        let place = store.locate(&made)?;
        for object in &objects {
            let path = self.store_path(&object.path)?;
            self.store.sent.insert(path);
        }
        Ok(place)
    }

    fn object_store(&mut self) -> Eval<&mut dyn ObjectStore> {
        self.host.store().ok_or_else(|| {
            HostError::Missing {
                what: "building".into(),
                needs: "a store",
            }
            .into()
        })
    }

    /// An object of this evaluation and what it needs, the latter first, without what the store
    /// has from us already.
    fn gather(&mut self, path: &StorePath, objects: &mut Vec<NewObject>) -> Eval<()> {
        let full = self.store.dir.print(path);
        if self.store.sent.contains(path) || objects.iter().any(|object| object.path == full) {
            return Ok(());
        }
        let Some((contents, references)) = self.new_contents(path)? else {
            // Not of this evaluation, so the store must have it.
            return Ok(());
        };
        for reference in &references {
            grow_stack(|| self.gather(reference, objects))?;
        }
        objects.push(NewObject {
            path: full,
            name: path.name().to_owned(),
            contents,
        });
        Ok(())
    }

    fn new_contents(
        &mut self,
        path: &StorePath,
    ) -> Eval<Option<(NewContents, BTreeSet<StorePath>)>> {
        let text = |this: &Evaluator, bytes: Vec<u8>, references: BTreeSet<StorePath>| {
            let printed = references.iter().map(|path| this.store.dir.print(path));
            let contents = NewContents::Text {
                bytes,
                references: printed.collect(),
            };
            Some((contents, references))
        };
        if let Some(known) = self.store.derivation(path) {
            let name = path.name().strip_suffix(".drv").unwrap_or(path.name());
            let bytes = known.derivation.to_aterm(&self.store.dir, name)?;
            let derivations = known.derivation.input_derivations.keys();
            let references = derivations.chain(&known.derivation.input_sources);
            let references = references.cloned().collect();
            return Ok(text(self, bytes, references));
        }
        if let Some((bytes, references)) = self.store.text(path) {
            return Ok(text(self, bytes.to_vec(), references.clone()));
        }
        let Some(source) = self.store.source(path) else {
            return Ok(None);
        };
        let contents = self.archived(&source)?;
        Ok(Some((contents, BTreeSet::new())))
    }

    /// Whether the store says that it has an object, where there is a store to ask.
    pub(crate) fn check_in_store(&mut self, path: &Path) -> Eval<()> {
        let full = path.display().to_string();
        let known = self.store.contents(path).is_some() || self.file_type(path)?.is_some();
        let Some(store) = self.host.store().filter(|_| !known) else {
            return Ok(());
        };
        match store.has(&full) {
            Ok(false) => {
                let message = format!("path '{full}' is not in the Nix store");
                Err(EvalError::new(ErrorKind::Value, message))
            }
            // A store that cannot be asked does not keep paths from being named.
            _ => Ok(()),
        }
    }
}
