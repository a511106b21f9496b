//! XML: `toXML`.

use std::collections::BTreeSet;

use super::{Builtin, Table};
use crate::{
    compile::ir::Lambda,
    error::{ErrorKind, EvalError},
    eval::{Eval, StringBuilder},
    evaluator::Evaluator,
    position::{Location, Pos, Span},
    pure::{number::float_general, xml::XmlWriter},
    symbol::{Symbol, known},
    value::{Attr, Attrs, Str, Value},
};

/// How many sets and lists may be inside each other. Each indents all that is in it, so what goes on
/// for ever takes all memory long before it is deep.
const MOST_NESTED: u32 = 10_000;

pub(super) const TABLE: &Table = &[Builtin::new("toXML", 1, 1, to_xml)];

fn to_xml(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    Ok(Value::String(evaluator.xml_of(&args[0], true, false)?))
}

impl Evaluator {
    /// A value as XML: `strict` evaluates all of it, `locations` says where attributes and
    /// functions were written.
    pub(crate) fn xml_of(&mut self, value: &Value, strict: bool, locations: bool) -> Eval<Str> {
        let mut document = Document {
            xml: XmlWriter::new(),
            context: StringBuilder::default(),
            derivations: BTreeSet::new(),
            strict,
            locations,
            depth: 0,
        };
        document.xml.open("expr", &[]);
        let value = self.force(value)?;
        document.value(self, &value)?;
        document.context.push_bytes(&document.xml.finish());
        document.context.finish()
    }
}

struct Document {
    xml: XmlWriter,
    context: StringBuilder,
    /// Those already written whole, by their `drvPath`.
    derivations: BTreeSet<Vec<u8>>,
    strict: bool,
    locations: bool,
    depth: u32,
}

impl Document {
    /// What is inside a set or list.
    fn inside(&mut self, evaluator: &mut Evaluator, value: &Value) -> Eval<()> {
        if self.depth == MOST_NESTED {
            let message = format!(
                "stack overflow: more than {MOST_NESTED} sets and lists are inside each other, too \
                 many for XML"
            );
            return Err(EvalError::new(ErrorKind::Limit, message));
        }
        self.depth += 1;
        let written = evaluator.nested(|evaluator| self.value(evaluator, value));
        self.depth -= 1;
        written
    }

    fn value(&mut self, evaluator: &mut Evaluator, value: &Value) -> Eval<()> {
        // What is shared is written each time, so this may go on for long.
        evaluator.step()?;
        evaluator.check_text(self.xml.len())?;
        let value = match self.strict {
            true => evaluator.force(value)?,
            false => evaluator.at_hand(value).unwrap_or_else(|| value.clone()),
        };
        match value {
            Value::Null => self.xml.empty("null", &[]),
            Value::Bool(value) => {
                self.xml
                    .empty("bool", &[("value", if value { b"true" } else { b"false" })]);
            }
            Value::Int(value) => self.scalar("int", value.to_string().as_bytes()),
            Value::Float(value) => self.scalar("float", float_general(value).as_bytes()),
            Value::String(text) => {
                self.take_context(&text);
                self.scalar("string", text.as_bytes());
            }
            Value::Path(path) => self.scalar("path", path.as_bytes()),
            Value::List(items) => {
                self.xml.open("list", &[]);
                let mut awaiting = None;
                for item in items.iter() {
                    let written = self.inside(evaluator, item);
                    evaluator.collect(written, &mut awaiting)?;
                }
                awaiting.map_or(Ok(()), Err)?;
                self.xml.close();
            }
            Value::Attrs(attrs) if evaluator.is_derivation(&attrs)? => {
                self.derivation(evaluator, &attrs)?;
            }
            Value::Attrs(attrs) => {
                self.xml.open("attrs", &[]);
                self.attributes(evaluator, &attrs)?;
                self.xml.close();
            }
            Value::Lambda(closure) => self.function(evaluator, closure.lambda, 0),
            Value::Partial(partial) => match &partial.function {
                Value::Lambda(closure) => {
                    self.function(evaluator, closure.lambda, partial.args.len());
                }
                _ => self.xml.empty("unevaluated", &[]),
            },
            Value::Builtin(_) | Value::Thunk(_) => self.xml.empty("unevaluated", &[]),
        }
        Ok(())
    }

    /// Where something was written, if that is to be said.
    fn place(&self, evaluator: &Evaluator, pos: Pos) -> Option<Location> {
        self.locations.then(|| evaluator.locate(Span::at(pos)))?
    }

    /// Opens an element with a place among its attributes, which come in the order of their names.
    fn open_at(
        &mut self,
        element: &'static str,
        place: Option<&Location>,
        attributes: &[(&str, &[u8])],
    ) {
        let Some(place) = place else {
            return self.xml.open(element, attributes);
        };
        let (column, line) = (place.column.to_string(), place.line.to_string());
        let mut all = vec![("column", column.as_bytes()), ("line", line.as_bytes())];
        all.extend_from_slice(attributes);
        let path = place
            .origin
            .path()
            .map(|path| path.as_os_str().as_encoded_bytes());
        all.extend(path.map(|path| ("path", path)));
        self.xml.open(element, &all);
    }

    fn scalar(&mut self, element: &str, value: &[u8]) {
        self.xml.empty(element, &[("value", value)]);
    }

    fn take_context(&mut self, text: &Str) {
        if let Some(context) = text.context() {
            self.context.push_context(context);
        }
    }

    fn attributes(&mut self, evaluator: &mut Evaluator, attrs: &Attrs) -> Eval<()> {
        let sorted: Vec<Attr> = evaluator.sorted_attrs(attrs).into_iter().cloned().collect();
        let mut awaiting = None;
        for attr in sorted {
            let name = evaluator.symbols.name(attr.name).clone();
            let place = self.place(evaluator, attr.pos);
            self.open_at("attr", place.as_ref(), &[("name", name.as_bytes())]);
            let written = self.inside(evaluator, &attr.value);
            evaluator.collect(written, &mut awaiting)?;
            self.xml.close();
        }
        awaiting.map_or(Ok(()), Err)
    }

    /// A derivation is written whole once.
    fn derivation(&mut self, evaluator: &mut Evaluator, attrs: &Attrs) -> Eval<()> {
        let mut text = |name: Symbol| -> Eval<Option<Str>> {
            match attrs.get(name) {
                Some(attr) => match (self.strict, evaluator.at_hand(&attr.value)) {
                    (_, Some(Value::String(text))) => Ok(Some(text)),
                    (true, _) => match evaluator.force(&attr.value)? {
                        Value::String(text) => Ok(Some(text)),
                        _ => Ok(None),
                    },
                    (false, _) => Ok(None),
                },
                None => Ok(None),
            }
        };
        let (drv_path, out_path) = (text(known::DRV_PATH)?, text(known::OUT_PATH)?);
        let mut attributes: Vec<(&str, &[u8])> = Vec::new();
        attributes.extend(drv_path.as_ref().map(|text| ("drvPath", text.as_bytes())));
        attributes.extend(out_path.as_ref().map(|text| ("outPath", text.as_bytes())));
        self.xml.open("derivation", &attributes);
        let path = drv_path.filter(|path| !path.as_bytes().is_empty());
        if path.is_some_and(|path| self.derivations.insert(path.as_bytes().to_vec())) {
            self.attributes(evaluator, attrs)?;
        } else {
            self.xml.empty("repeated", &[]);
        }
        self.xml.close();
        Ok(())
    }

    /// A function that has some of its arguments already.
    fn function(&mut self, evaluator: &Evaluator, lambda: &Lambda, given: usize) {
        let place = self.place(evaluator, lambda.span.start);
        self.open_at("function", place.as_ref(), &[]);
        let name = |symbol: Symbol| evaluator.symbols.name(symbol).as_bytes();
        match (lambda.names.get(given), &lambda.pattern) {
            (None, Some(pattern)) => {
                let mut attributes: Vec<(&str, &[u8])> = Vec::new();
                if pattern.ellipsis {
                    attributes.push(("ellipsis", b"1"));
                }
                attributes.extend(pattern.bind.map(|bind| ("name", name(bind))));
                self.xml.open("attrspat", &attributes);
                let mut formals: Vec<&[u8]> = pattern
                    .formals
                    .iter()
                    .map(|formal| name(formal.name))
                    .collect();
                formals.sort_unstable();
                formals
                    .into_iter()
                    .for_each(|formal| self.xml.empty("attr", &[("name", formal)]));
                self.xml.close();
            }
            (Some(plain), _) => self.xml.empty("varpat", &[("name", name(*plain))]),
            (None, None) => {}
        }
        self.xml.close();
    }
}
