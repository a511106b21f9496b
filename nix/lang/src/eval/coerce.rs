//! From values to strings: interpolation, `toString`, and what carries a string's context along.

use std::{path::Path, rc::Rc};

use super::Eval;
use crate::{
    error::{ErrorKind, EvalError},
    evaluator::Evaluator,
    pure::number::float_fixed,
    symbol::known,
    value::{Attrs, Context, ContextElement, Str, Value},
};

/// What may become a string.
#[derive(Clone, Copy)]
pub(crate) struct Coercion {
    /// Also null, Booleans, numbers and lists, as `toString` does.
    pub(crate) more: bool,
    /// Paths go to the store, rather than being named.
    pub(crate) copy: bool,
}

impl Coercion {
    pub(crate) const INTERPOLATION: Coercion = Coercion {
        more: false,
        copy: true,
    };
    pub(crate) const TO_STRING: Coercion = Coercion {
        more: true,
        copy: false,
    };
    /// As strings in paths and arguments: nothing is copied.
    pub(crate) const PATH_PART: Coercion = Coercion {
        more: false,
        copy: false,
    };
}

/// A string under construction, with its context.
#[derive(Default)]
pub(crate) struct StringBuilder {
    bytes: Vec<u8>,
    context: Option<Rc<Context>>,
}

impl StringBuilder {
    /// How many bytes it has so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn push_str(&mut self, text: &Str) {
        self.bytes.extend_from_slice(text.as_bytes());
        if let Some(context) = text.context() {
            self.push_context(context);
        }
    }

    pub(crate) fn push_context(&mut self, context: &Rc<Context>) {
        match &mut self.context {
            None => self.context = Some(context.clone()),
            Some(own) if Rc::ptr_eq(own, context) => {}
            Some(own) => Rc::make_mut(own).extend(context.iter().cloned()),
        }
    }

    pub(crate) fn push_element(&mut self, element: ContextElement) {
        let one = Rc::new(Context::from([element]));
        self.push_context(&one);
    }

    pub(crate) fn finish(self) -> Eval<Str> {
        if self.bytes.len() > Str::MAX_LEN {
            return Err(EvalError::new(
                ErrorKind::Limit,
                "a string of more than 4 GB",
            ));
        }
        Ok(Str::with_shared_context(&self.bytes, self.context))
    }
}

impl Evaluator {
    /// A string that was built, unless it takes more memory than there may be.
    pub(crate) fn string_value(&self, builder: StringBuilder) -> Eval {
        self.check_room(builder.bytes.len())?;
        Ok(Value::String(builder.finish()?))
    }

    /// The value as a string, with its context.
    pub(crate) fn coerce(&mut self, value: &Value, coercion: Coercion) -> Eval<Str> {
        let value = self.force(value)?;
        if let Value::String(text) = value {
            return Ok(text);
        }
        let mut builder = StringBuilder::default();
        self.coerce_into(&value, coercion, &mut builder)?;
        builder.finish()
    }

    pub(crate) fn coerce_into(
        &mut self,
        value: &Value,
        coercion: Coercion,
        out: &mut StringBuilder,
    ) -> Eval<()> {
        let value = self.force(value)?;
        match &value {
            Value::String(text) => out.push_str(text),
            Value::Path(path) if coercion.copy => self.copy_to_store(path, out)?,
            Value::Path(path) => out.push_bytes(path.as_bytes()),
            Value::Attrs(attrs) => return self.coerce_attrs(attrs, &value, coercion, out),
            Value::Null if coercion.more => {}
            Value::Bool(bool) if coercion.more => out.push_bytes(if *bool { b"1" } else { b"" }),
            Value::Int(int) if coercion.more => out.push_bytes(int.to_string().as_bytes()),
            Value::Float(float) if coercion.more => {
                out.push_bytes(float_fixed(*float).as_bytes());
            }
            Value::List(list) if coercion.more => {
                for (index, item) in list.iter().enumerate() {
                    let item = self.force(item)?;
                    self.nested(|this| this.coerce_into(&item, coercion, out))?;
                    let empty = matches!(&item, Value::List(inner) if inner.is_empty());
                    if index + 1 < list.len() && !empty {
                        out.push_bytes(b" ");
                    }
                }
            }
            other => {
                let shown = self.describe(other);
                let message = format!("cannot coerce {shown} to a string");
                return Err(EvalError::type_error(message));
            }
        }
        Ok(())
    }

    fn coerce_attrs(
        &mut self,
        attrs: &Attrs,
        value: &Value,
        coercion: Coercion,
        out: &mut StringBuilder,
    ) -> Eval<()> {
        if attrs.get(known::TO_STRING).is_some() {
            let function = self.select_forced(attrs, known::TO_STRING)?;
            let text = self.apply(&function, std::slice::from_ref(value))?;
            return self.nested(|this| this.coerce_into(&text, coercion, out));
        }
        if attrs.get(known::OUT_PATH).is_some() {
            let path = self.select_forced(attrs, known::OUT_PATH)?;
            return self.nested(|this| this.coerce_into(&path, coercion, out));
        }
        let shown = self.describe(value);
        let message = format!("cannot coerce {shown} to a string");
        let hint = "A set becomes a string by its `outPath` or `__toString`.";
        Err(EvalError::type_error(message).hint(hint))
    }

    fn copy_to_store(&mut self, path: &Str, out: &mut StringBuilder) -> Eval<()> {
        let stored = self.copied_path(Path::new(&*path.to_text()))?;
        let stored = self.store.dir.print(&stored);
        out.push_bytes(stored.as_bytes());
        out.push_element(ContextElement::Opaque(stored.into()));
        Ok(())
    }

    /// A string without context, for names and the like.
    pub(crate) fn plain_string(&mut self, value: &Value) -> Eval<Str> {
        match self.force(value)? {
            Value::String(text) if text.context().is_none() => Ok(text),
            Value::String(text) => {
                let message = format!(
                    "the string '{}' is not allowed to refer to a store path",
                    text.to_text()
                );
                Err(EvalError::new(ErrorKind::Value, message))
            }
            other => Err(self.expected("a string", &other)),
        }
    }

    /// A string with its context.
    pub(crate) fn str_of(&mut self, value: &Value) -> Eval<Str> {
        match self.force(value)? {
            Value::String(text) => Ok(text),
            other => Err(self.expected("a string", &other)),
        }
    }
}
