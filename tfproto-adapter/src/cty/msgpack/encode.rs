//! From values to bytes.

use std::sync::Arc;

use super::{REFINED, refinement};
use crate::cty::{
    Bound, CodecError, DynamicValue, MAX_DEPTH, Number, Object, ObjectType, Refinements, Step,
    Type, Value,
};

/// The longest prefix that is sent; receivers refuse large refinements.
const MAX_PREFIX: usize = 255;

/// Encodes a value of the given type.
pub fn encode(ty: &Type, value: &Value) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    write(&mut out, ty, value, MAX_DEPTH)?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, ty: &Type, value: &Value, depth: usize) -> Result<(), CodecError> {
    let depth = depth.checked_sub(1).ok_or_else(super::read::too_deep)?;
    match (ty, value) {
        (Type::Dynamic, Value::Dynamic(dynamic)) => write_dynamic(out, dynamic, depth)?,
        (Type::Dynamic, Value::Unknown(_)) => write_unknown(out),
        (_, Value::Null) => out.push(0xc0),
        (_, Value::Unknown(None)) => write_unknown(out),
        (_, Value::Unknown(Some(refinements))) => write_refined(out, ty, refinements),
        (_, Value::Dynamic(dynamic)) if dynamic.ty == *ty => {
            write(out, ty, &dynamic.value, depth)?;
        }
        (Type::String, Value::String(text)) => write_str(out, text),
        (Type::Bool, Value::Bool(truth)) => out.push(if *truth { 0xc3 } else { 0xc2 }),
        (Type::Number, Value::Number(number)) => write_number(out, number),
        (Type::List(element), Value::List(elements)) => {
            write_elements(out, element, elements, depth)?;
        }
        (Type::Set(element), Value::Set(elements)) => {
            write_elements(out, element, elements.as_slice(), depth)?;
        }
        (Type::Map(element), Value::Map(map)) => {
            write_len(out, map.len(), 0x80, 0xde);
            for (key, value) in map {
                write_str(out, key);
                write(out, element, value, depth)
                    .map_err(|e| e.within(Step::Key(Arc::from(key.as_str()))))?;
            }
        }
        (Type::Tuple(types), Value::Tuple(elements)) if types.len() == elements.len() => {
            write_len(out, elements.len(), 0x90, 0xdc);
            for (index, (ty, value)) in types.iter().zip(elements).enumerate() {
                write(out, ty, value, depth).map_err(|e| e.within(Step::Index(index)))?;
            }
        }
        (Type::Object(ty), Value::Object(object)) => write_object(out, ty, object, depth)?,
        _ => return Err(CodecError::new(format!("expected {ty}, found {value}"))),
    }
    Ok(())
}

fn write_elements(
    out: &mut Vec<u8>,
    element: &Type,
    elements: &[Value],
    depth: usize,
) -> Result<(), CodecError> {
    write_len(out, elements.len(), 0x90, 0xdc);
    for (index, value) in elements.iter().enumerate() {
        write(out, element, value, depth).map_err(|e| e.within(Step::Index(index)))?;
    }
    Ok(())
}

fn write_object(
    out: &mut Vec<u8>,
    ty: &ObjectType,
    object: &Object,
    depth: usize,
) -> Result<(), CodecError> {
    if ty.names() != object.names() {
        return Err(mismatch(ty, object));
    }
    write_len(out, object.values().len(), 0x80, 0xde);
    for (position, (name, value)) in object.iter().enumerate() {
        write_str(out, name);
        write(out, ty.type_at(position), value, depth)
            .map_err(|e| e.within(Step::Attribute(name.clone())))?;
    }
    Ok(())
}

fn mismatch(ty: &ObjectType, object: &Object) -> CodecError {
    let missing = ty.names().iter().find(|name| object.get(name).is_none());
    let unexpected = object.names().iter().find(|name| ty.get(name).is_none());
    CodecError::new(match (missing, unexpected) {
        (Some(name), _) => format!("the attribute {name:?} is missing"),
        (None, Some(name)) => format!("unexpected attribute {name:?}"),
        (None, None) => "the attributes are not those of the type".to_owned(),
    })
}

fn write_dynamic(
    out: &mut Vec<u8>,
    dynamic: &DynamicValue,
    depth: usize,
) -> Result<(), CodecError> {
    let json = dynamic.ty.to_json();
    write_len(out, 2, 0x90, 0xdc);
    write_bin(out, json.as_bytes());
    write(out, &dynamic.ty, &dynamic.value, depth)
}

/// The plain unknown value: extension 0 of one byte.
fn write_unknown(out: &mut Vec<u8>) {
    out.extend([0xd4, 0x00, 0x00]);
}

fn write_refined(out: &mut Vec<u8>, ty: &Type, refinements: &Refinements) {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    let mut entry = |key: i64, write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write_int(&mut bytes, key);
        write(&mut bytes);
        entries.push(bytes);
    };
    if refinements.not_null {
        entry(refinement::NULLNESS, &|out| out.push(0xc2));
    }
    // What does not fit the type is an error to receivers.
    match ty {
        Type::String => {
            if let Some(prefix) = refinements.prefix.as_deref().filter(|p| !p.is_empty()) {
                entry(refinement::PREFIX, &|out| {
                    write_str(out, short_prefix(prefix))
                });
            }
        }
        Type::Number => {
            if let Some(lower) = &refinements.lower {
                entry(refinement::LOWER, &|out| write_bound(out, lower));
            }
            if let Some(upper) = &refinements.upper {
                entry(refinement::UPPER, &|out| write_bound(out, upper));
            }
        }
        Type::List(_) | Type::Set(_) | Type::Map(_) => {
            if let Some(length) = refinements.min_length {
                entry(refinement::MIN_LENGTH, &|out| write_uint(out, length));
            }
            if let Some(length) = refinements.max_length {
                entry(refinement::MAX_LENGTH, &|out| write_uint(out, length));
            }
        }
        _ => {}
    }
    if entries.is_empty() {
        return write_unknown(out);
    }
    let mut payload = Vec::new();
    write_len(&mut payload, entries.len(), 0x80, 0xde);
    payload.extend(entries.concat());
    write_ext(out, &payload);
}

/// Cuts a long prefix where no later character can combine with the last one kept.
fn short_prefix(prefix: &str) -> &str {
    if prefix.len() <= MAX_PREFIX {
        return prefix;
    }
    let end = prefix.floor_char_boundary(MAX_PREFIX);
    let kept = &prefix[..end];
    let last = kept
        .char_indices()
        .next_back()
        .map_or(0, |(start, _)| start);
    &kept[..last]
}

fn write_bound(out: &mut Vec<u8>, bound: &Bound) {
    write_len(out, 2, 0x90, 0xdc);
    write_number(out, &bound.number);
    out.push(if bound.inclusive { 0xc3 } else { 0xc2 });
}

fn write_ext(out: &mut Vec<u8>, payload: &[u8]) {
    let [kind] = REFINED.to_be_bytes();
    match payload.len() {
        1 => out.extend([0xd4, kind]),
        2 => out.extend([0xd5, kind]),
        4 => out.extend([0xd6, kind]),
        8 => out.extend([0xd7, kind]),
        16 => out.extend([0xd8, kind]),
        len => {
            write_wide_len(out, len, [0xc7, 0xc8, 0xc9]);
            out.push(kind);
        }
    }
    out.extend(payload);
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(integer) = number.as_i64() {
        write_int(out, integer);
    } else if let Some(float) = number.as_exact_fraction() {
        write_float(out, float);
    } else if number.is_infinite() {
        write_float(out, number.to_f64());
    } else {
        write_str(out, &number.to_string());
    }
}

fn write_float(out: &mut Vec<u8>, float: f64) {
    out.push(0xcb);
    out.extend(float.to_be_bytes());
}

/// Writes an integer in the fewest bytes, as the usual Go encoder does.
fn write_int(out: &mut Vec<u8>, number: i64) {
    if let Ok(number) = u64::try_from(number) {
        write_uint(out, number);
    } else if let Ok(small) = i8::try_from(number) {
        // Down to -32 the byte itself is the number.
        if small < -32 {
            out.push(0xd0);
        }
        out.extend(small.to_be_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(0xd1);
        out.extend(number.to_be_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.push(0xd2);
        out.extend(number.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend(number.to_be_bytes());
    }
}

fn write_uint(out: &mut Vec<u8>, number: u64) {
    if let Ok(small) = u8::try_from(number) {
        if small > 0x7f {
            out.push(0xcc);
        }
        out.push(small);
    } else if let Ok(number) = u16::try_from(number) {
        out.push(0xcd);
        out.extend(number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        out.push(0xce);
        out.extend(number.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend(number.to_be_bytes());
    }
}

fn write_str(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(len) if len < 32 => out.push(0xa0 | len),
        _ => write_wide_len(out, text.len(), [0xd9, 0xda, 0xdb]),
    }
    out.extend(text.as_bytes());
}

fn write_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    write_wide_len(out, bytes.len(), [0xc4, 0xc5, 0xc6]);
    out.extend(bytes);
}

/// Writes the length of an array or map; `marker32` follows `marker16`.
fn write_len(out: &mut Vec<u8>, len: usize, short: u8, marker16: u8) {
    if let Some(small) = u8::try_from(len).ok().filter(|len| *len < 16) {
        out.push(short | small);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(marker16);
        out.extend(len.to_be_bytes());
    } else {
        write_len32(out, len, marker16 + 1);
    }
}

fn write_wide_len(out: &mut Vec<u8>, len: usize, [marker8, marker16, marker32]: [u8; 3]) {
    if let Ok(len) = u8::try_from(len) {
        out.extend([marker8, len]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(marker16);
        out.extend(len.to_be_bytes());
    } else {
        write_len32(out, len, marker32);
    }
}

fn write_len32(out: &mut Vec<u8>, len: usize, marker: u8) {
    out.push(marker);
    // More than 4 GiB in one value never fits a message anyway.
    out.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}
