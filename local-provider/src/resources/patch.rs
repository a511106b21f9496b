//! Applying a JSON Patch (RFC 6902).

use serde_json::Value as Json;

/// Applies every operation, in order; says what cannot be.
pub(super) fn apply(document: &mut Json, patch: &Json) -> Result<(), String> {
    let operations = patch.as_array().ok_or("the patch is no list")?;
    for operation in operations {
        one(document, operation).map_err(|reason| format!("{reason}: {operation}"))?;
    }
    Ok(())
}

fn one(document: &mut Json, operation: &Json) -> Result<(), String> {
    let text = |name: &str| {
        let text = operation.get(name).and_then(Json::as_str);
        text.ok_or_else(|| format!("no `{name}`"))
    };
    let value = || operation.get("value").cloned().ok_or("no `value`");
    let path = text("path")?;
    match text("op")? {
        "add" => add(document, path, value()?),
        "remove" => remove(document, path).map(drop),
        "replace" => {
            *at(document, path)? = value()?;
            Ok(())
        }
        "move" => {
            let value = remove(document, text("from")?)?;
            add(document, path, value)
        }
        "copy" => {
            let value = at(document, text("from")?)?.clone();
            add(document, path, value)
        }
        "test" => match *at(document, path)? == value()? {
            true => Ok(()),
            false => Err("the values differ".to_owned()),
        },
        other => Err(format!("unknown operation `{other}`")),
    }
}

fn at<'a>(document: &'a mut Json, path: &str) -> Result<&'a mut Json, String> {
    document
        .pointer_mut(path)
        .ok_or_else(|| format!("there is nothing at `{path}`"))
}

/// What `path` is in, and under which name.
fn split<'a>(document: &'a mut Json, path: &str) -> Result<(&'a mut Json, String), String> {
    let (parent, name) = path
        .rsplit_once('/')
        .ok_or_else(|| format!("`{path}` is no pointer"))?;
    Ok((
        at(document, parent)?,
        name.replace("~1", "/").replace("~0", "~"),
    ))
}

fn add(document: &mut Json, path: &str, value: Json) -> Result<(), String> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let (parent, name) = split(document, path)?;
    match parent {
        Json::Object(map) => {
            map.insert(name, value);
            Ok(())
        }
        Json::Array(elements) => {
            let index = match name.as_str() {
                "-" => elements.len(),
                _ => index(&name)?,
            };
            if index > elements.len() {
                return Err(format!("there is nothing at `{path}`"));
            }
            elements.insert(index, value);
            Ok(())
        }
        _ => Err(format!("`{path}` is in no container")),
    }
}

fn remove(document: &mut Json, path: &str) -> Result<Json, String> {
    if path.is_empty() {
        return Ok(document.take());
    }
    let nothing = || format!("there is nothing at `{path}`");
    let (parent, name) = split(document, path)?;
    match parent {
        Json::Object(map) => map.remove(&name).ok_or_else(nothing),
        Json::Array(elements) => {
            let index = index(&name)?;
            match index < elements.len() {
                true => Ok(elements.remove(index)),
                false => Err(nothing()),
            }
        }
        _ => Err(nothing()),
    }
}

fn index(name: &str) -> Result<usize, String> {
    name.parse().map_err(|_| format!("`{name}` is no index"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_does_what_it_says() {
        let mut document = Json::Null;
        let patch = json!([
            { "op": "add", "path": "", "value": { "a": { "b/c": [1, 3] } } },
            { "op": "add", "path": "/a/b~1c/1", "value": 2 },
            { "op": "add", "path": "/a/b~1c/-", "value": 4 },
            { "op": "copy", "from": "/a/b~1c", "path": "/d" },
            { "op": "remove", "path": "/d/0" },
            { "op": "replace", "path": "/d/0", "value": null },
            { "op": "move", "from": "/a", "path": "/e" },
            { "op": "test", "path": "/e/b~1c/0", "value": 1 },
        ]);
        apply(&mut document, &patch).expect("applies");
        assert_eq!(
            document,
            json!({ "d": [null, 3, 4], "e": { "b/c": [1, 2, 3, 4] } })
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (operation, reason) in [
            (
                json!({ "op": "remove", "path": "/x" }),
                "there is nothing at `/x`",
            ),
            (
                json!({ "op": "add", "path": "/x/y", "value": 1 }),
                "there is nothing at `/x`",
            ),
            (
                json!({ "op": "add", "path": "/l/9", "value": 1 }),
                "there is nothing at `/l/9`",
            ),
            (
                json!({ "op": "test", "path": "/l", "value": 1 }),
                "the values differ",
            ),
            (json!({ "op": "add", "path": "/l/0" }), "no `value`"),
            (
                json!({ "op": "jump", "path": "" }),
                "unknown operation `jump`",
            ),
        ] {
            let error = apply(&mut json!({ "l": [] }), &json!([operation])).expect_err("refused");
            assert!(error.starts_with(reason), "{error}");
        }
    }
}
