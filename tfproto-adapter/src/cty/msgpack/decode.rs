//! From bytes to values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::read::{Head, Reader, too_deep};
use super::{REFINED, refinement};
use crate::cty::{
    Bound, CodecError, MAX_DEPTH, Number, Object, ObjectType, Refinements, Set, Step, Type, Value,
    nfc,
};

/// Decodes one value of the given type; nothing may follow it.
pub fn decode(ty: &Type, bytes: &[u8]) -> Result<Value, CodecError> {
    let mut reader = Reader::new(bytes);
    let value = Decoder {
        reader: &mut reader,
    }
    .value(ty, MAX_DEPTH)?;
    match reader.remaining() {
        0 => Ok(value),
        left => Err(CodecError::new(format!(
            "{left} bytes follow the end of the value"
        ))),
    }
}

struct Decoder<'r, 'a> {
    reader: &'r mut Reader<'a>,
}

impl Decoder<'_, '_> {
    fn value(&mut self, ty: &Type, depth: usize) -> Result<Value, CodecError> {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        let head = self.reader.head()?;
        match (ty, head) {
            (_, Head::Nil) => Ok(Value::Null),
            (_, Head::Ext { kind, len }) => self.unknown(ty, kind, len),
            (Type::String, Head::Str(len)) => self.reader.text(len).map(Value::string),
            (Type::Bool, Head::Bool(truth)) => Ok(Value::Bool(truth)),
            (Type::Number, head) => self.number(head),
            (Type::List(element), Head::Array(len)) => {
                self.elements(element, len, depth).map(Value::List)
            }
            (Type::Set(element), Head::Array(len)) => {
                let elements = self.elements(element, len, depth)?;
                Ok(Value::Set(Set::from_iter(elements)))
            }
            (Type::Map(element), Head::Map(len)) => self.map(element, len, depth).map(Value::Map),
            (Type::Tuple(types), Head::Array(len)) => self.tuple(types, len, depth),
            (Type::Object(object), Head::Map(len)) => self.object(object, len, depth),
            (Type::Dynamic, Head::Array(2)) => self.dynamic(depth),
            (_, head) => Err(CodecError::new(format!(
                "expected {}, found {head}",
                wanted(ty)
            ))),
        }
    }

    fn number(&mut self, head: Head) -> Result<Value, CodecError> {
        let number = match head {
            Head::Int(number) => Ok(Number::from(number)),
            Head::Uint(number) => Ok(Number::from(number)),
            Head::Float(float) => Number::from_f64(float),
            Head::Str(len) => self.reader.text(len)?.parse(),
            head => return Err(CodecError::new(format!("expected a number, found {head}"))),
        };
        number
            .map(Value::Number)
            .map_err(|e| CodecError::new(format!("expected a number: {e}")))
    }

    /// An allocation size for a length that the sender claims: never more than the bytes left.
    fn capacity(&self, claimed: usize) -> usize {
        claimed.min(self.reader.remaining())
    }

    fn elements(
        &mut self,
        element: &Type,
        len: usize,
        depth: usize,
    ) -> Result<Vec<Value>, CodecError> {
        let mut elements = Vec::with_capacity(self.capacity(len));
        for index in 0..len {
            let value = self
                .value(element, depth)
                .map_err(|e| e.within(Step::Index(index)))?;
            elements.push(value);
        }
        Ok(elements)
    }

    fn tuple(&mut self, types: &[Type], len: usize, depth: usize) -> Result<Value, CodecError> {
        if types.len() != len {
            let expected = types.len();
            return Err(CodecError::new(format!(
                "expected a tuple of {expected}, found {len}"
            )));
        }
        let mut elements = Vec::with_capacity(len);
        for (index, ty) in types.iter().enumerate() {
            let value = self
                .value(ty, depth)
                .map_err(|e| e.within(Step::Index(index)))?;
            elements.push(value);
        }
        Ok(Value::Tuple(elements))
    }

    fn map(
        &mut self,
        element: &Type,
        len: usize,
        depth: usize,
    ) -> Result<BTreeMap<String, Value>, CodecError> {
        let mut entries = Vec::with_capacity(self.capacity(len));
        for _ in 0..len {
            let key = self.reader.key()?;
            let value = self
                .value(element, depth)
                .map_err(|e| e.within(Step::Key(Arc::from(key))))?;
            entries.push((nfc(key).into_owned(), value));
        }
        let map: BTreeMap<String, Value> = entries.into_iter().collect();
        match map.len() == len {
            true => Ok(map),
            false => Err(CodecError::new("a key occurs twice in the map")),
        }
    }

    fn object(
        &mut self,
        object: &ObjectType,
        len: usize,
        depth: usize,
    ) -> Result<Value, CodecError> {
        let names = object.names();
        let mut values = Vec::with_capacity(names.len());
        // Senders sort attributes as we do, so nearly always each is where it is looked for.
        while values.len() < len {
            let key = self.reader.key()?;
            let next = values.len();
            if next >= names.len() || **names.at(next) != *key {
                return self.unsorted_object(object, (key, values), len, depth);
            }
            values.push(self.attribute(object, next, depth)?);
        }
        finish_object(object, values)
    }

    fn attribute(
        &mut self,
        object: &ObjectType,
        position: usize,
        depth: usize,
    ) -> Result<Value, CodecError> {
        self.value(object.type_at(position), depth)
            .map_err(|e| e.within(Step::Attribute(object.names().at(position).clone())))
    }

    /// Goes on with an object after the key that was not expected; the values before it are read.
    fn unsorted_object(
        &mut self,
        object: &ObjectType,
        (mut key, read): (&str, Vec<Value>),
        len: usize,
        depth: usize,
    ) -> Result<Value, CodecError> {
        let names = object.names();
        let remaining = len - read.len();
        let mut slots: Vec<Option<Value>> = read.into_iter().map(Some).collect();
        slots.resize_with(names.len(), || None);
        for nth in 0..remaining {
            if nth > 0 {
                key = self.reader.key()?;
            }
            let position = names
                .position(&nfc(key))
                .ok_or_else(|| unexpected(key, object))?;
            if slots[position].is_some() {
                return Err(CodecError::new(format!(
                    "the attribute {key:?} occurs twice"
                )));
            }
            slots[position] = Some(self.attribute(object, position, depth)?);
        }
        match slots.iter().position(Option::is_none) {
            Some(position) => Err(missing(object, position)),
            None => finish_object(object, slots.into_iter().flatten().collect()),
        }
    }

    fn dynamic(&mut self, depth: usize) -> Result<Value, CodecError> {
        let json = match self.reader.head()? {
            Head::Bin(len) | Head::Str(len) => self.reader.take(len)?,
            head => {
                return Err(CodecError::new(format!(
                    "expected the type of a dynamic value, found {head}"
                )));
            }
        };
        let ty = Type::parse(json).map_err(|e| CodecError::new(e.to_string()))?;
        let value = self.value(&ty, depth)?;
        Ok(Value::dynamic(ty, value))
    }

    /// Every extension is an unknown value; only one kind of it says more.
    fn unknown(&mut self, ty: &Type, kind: i8, len: usize) -> Result<Value, CodecError> {
        let payload = self.reader.take(len)?;
        if kind != REFINED || *ty == Type::Dynamic {
            return Ok(Value::UNKNOWN);
        }
        match refinements(payload) {
            Ok(refinements) => Ok(Value::unknown(refinements)),
            Err(e) => Err(CodecError::new(format!("malformed unknown value: {e}"))),
        }
    }
}

fn wanted(ty: &Type) -> Cow<'static, str> {
    match ty {
        Type::String => "a string".into(),
        Type::Number => "a number".into(),
        Type::Bool => "true or false".into(),
        Type::List(_) => "a list".into(),
        Type::Set(_) => "a set".into(),
        Type::Map(_) => "a map".into(),
        Type::Object(_) => "an object".into(),
        Type::Tuple(types) => format!("a tuple of {}", types.len()).into(),
        Type::Dynamic => "a value with its type".into(),
    }
}

/// Makes the object from the values of its first attributes, if these are all.
fn finish_object(object: &ObjectType, values: Vec<Value>) -> Result<Value, CodecError> {
    let read = values.len();
    Object::from_values(object.names(), values)
        .map(Value::Object)
        .ok_or_else(|| missing(object, read))
}

fn missing(object: &ObjectType, position: usize) -> CodecError {
    let name = object.names().at(position);
    CodecError::new(format!("the attribute {name:?} is missing"))
}

fn unexpected(key: &str, object: &ObjectType) -> CodecError {
    let known: Vec<&str> = object.names().iter().take(8).map(|name| &**name).collect();
    let more = if object.len() > known.len() {
        ", …"
    } else {
        ""
    };
    let known = known.join(", ");
    CodecError::new(format!(
        "unexpected attribute {key:?} (expected: {known}{more})"
    ))
}

fn refinements(payload: &[u8]) -> Result<Refinements, CodecError> {
    let mut reader = Reader::new(payload);
    let Head::Map(count) = reader.head()? else {
        return Err(CodecError::new("the refinements are no map"));
    };
    let mut found = Refinements::default();
    for _ in 0..count {
        match reader.head()? {
            Head::Int(refinement::NULLNESS) => found.not_null = !boolean(&mut reader)?,
            Head::Int(refinement::PREFIX) => {
                found.prefix = Some(nfc(reader.key()?).into_owned());
            }
            Head::Int(refinement::LOWER) => found.lower = Some(bound(&mut reader)?),
            Head::Int(refinement::UPPER) => found.upper = Some(bound(&mut reader)?),
            Head::Int(refinement::MIN_LENGTH) => found.min_length = Some(length(&mut reader)?),
            Head::Int(refinement::MAX_LENGTH) => found.max_length = Some(length(&mut reader)?),
            // Newer peers may know more kinds; to ignore a refinement is always right.
            Head::Int(_) => reader.skip()?,
            head => return Err(CodecError::new(format!("{head} is no kind of refinement"))),
        }
    }
    Ok(found)
}

fn boolean(reader: &mut Reader<'_>) -> Result<bool, CodecError> {
    match reader.head()? {
        Head::Bool(truth) => Ok(truth),
        head => Err(CodecError::new(format!(
            "expected true or false, found {head}"
        ))),
    }
}

fn length(reader: &mut Reader<'_>) -> Result<u64, CodecError> {
    match reader.head()? {
        Head::Int(length) => u64::try_from(length).map_err(|_| CodecError::new("negative length")),
        Head::Uint(length) => Ok(length),
        head => Err(CodecError::new(format!("expected a length, found {head}"))),
    }
}

fn bound(reader: &mut Reader<'_>) -> Result<Bound, CodecError> {
    match reader.head()? {
        Head::Array(2) => {}
        head => return Err(CodecError::new(format!("expected a bound, found {head}"))),
    }
    match (Decoder { reader }).value(&Type::Number, 1)? {
        Value::Number(number) => Ok(Bound {
            number,
            inclusive: boolean(reader)?,
        }),
        other => Err(CodecError::new(format!("expected a bound, found {other}"))),
    }
}
