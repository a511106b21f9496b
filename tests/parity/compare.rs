//! Whether two values are the same but for what a service makes up anew each time: identifiers,
//! times, addresses. A made-up word of one side has to stand for one and the same word of the other
//! side everywhere, so a reference to the wrong object is still a difference.

use std::collections::BTreeMap;

use serde_json::Value;

/// What has been learnt of made-up words, and the differences found.
#[derive(Default)]
pub struct Comparison {
    to_right: BTreeMap<String, String>,
    to_left: BTreeMap<String, String>,
    /// Readable lines, one a difference.
    pub differences: Vec<String>,
    /// Leaves that were the same.
    pub same: usize,
}

impl Comparison {
    /// Learns made-up words from the attributes of an object that are no collections. Collections
    /// come later: how sets pair off is told by words that are known by then.
    pub fn learn(&mut self, left: &Value, right: &Value) {
        for (name, left) in left.as_object().into_iter().flatten() {
            if let (Value::String(left), Some(Value::String(right))) = (left, right.get(name)) {
                self.words_match(left, right);
            }
        }
    }

    /// Compares `left` (theirs) with `right` (ours), both found at `place`.
    pub fn values(&mut self, place: &str, left: &Value, right: &Value) {
        match (left, right) {
            (Value::Object(l), Value::Object(r)) => {
                for name in l
                    .keys()
                    .chain(r.keys().filter(|name| !l.contains_key(*name)))
                {
                    let place = format!("{place}.{name}");
                    match (l.get(name), r.get(name)) {
                        (Some(l), Some(r)) => self.values(&place, l, r),
                        (l, r) => self.differ(&place, l, r),
                    }
                }
            }
            (Value::Array(l), Value::Array(r)) if l.len() == r.len() => {
                self.lists(place, l, r);
            }
            _ if self.alike(left, right) => self.same += 1,
            _ => self.differ(place, Some(left), Some(right)),
        }
    }

    /// Lists in order, or, where that does not fit, as sets: their order depends on made-up words.
    fn lists(&mut self, place: &str, left: &[Value], right: &[Value]) {
        let mut left_over: Vec<&Value> = right.iter().collect();
        let mut unmatched = Vec::new();
        for item in left {
            match left_over
                .iter()
                .position(|other| self.would_match(item, other))
            {
                Some(at) => {
                    let other = left_over.remove(at);
                    self.values(place, item, other);
                }
                None => unmatched.push(item),
            }
        }
        for (item, other) in unmatched.into_iter().zip(left_over) {
            self.values(&format!("{place}[]"), item, other);
        }
    }

    fn would_match(&self, left: &Value, right: &Value) -> bool {
        let mut trial = Self {
            to_right: self.to_right.clone(),
            to_left: self.to_left.clone(),
            ..Self::default()
        };
        trial.values("", left, right);
        trial.differences.is_empty()
    }

    fn alike(&mut self, left: &Value, right: &Value) -> bool {
        match (left, right) {
            (Value::String(l), Value::String(r)) => l == r || self.words_match(l, r),
            (Value::Number(l), Value::Number(r)) => {
                l == r || l.as_f64().is_some_and(|n| Some(n) == r.as_f64())
            }
            _ => left == right,
        }
    }

    fn words_match(&mut self, left: &str, right: &str) -> bool {
        let (l, r) = (words(left), words(right));
        if l.len() != r.len() {
            return false;
        }
        l.iter()
            .zip(&r)
            .all(|(l, r)| l == r || self.word_matches(l, r))
    }

    fn word_matches(&mut self, left: &str, right: &str) -> bool {
        if is_time(left) && is_time(right) {
            // What one side made within a second, the other may have made in two.
            return true;
        }
        match (self.to_right.get(left), self.to_left.get(right)) {
            (Some(to), Some(from)) => to == right && from == left,
            (None, None) if made_up(left, right) => {
                self.to_right.insert(left.to_owned(), right.to_owned());
                self.to_left.insert(right.to_owned(), left.to_owned());
                true
            }
            _ => false,
        }
    }

    fn differ(&mut self, place: &str, left: Option<&Value>, right: Option<&Value>) {
        let show = |value: Option<&Value>| match value {
            Some(value) => value.to_string(),
            None => "(absent)".to_owned(),
        };
        self.differences.push(format!(
            "{place}: terraform {}, nixops4 {}",
            show(left),
            show(right)
        ));
    }
}

/// Cuts a text into words and what stands between them. A word is a UUID, a time, a hardware or
/// network address, or a run of letters and digits.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = composed(rest).unwrap_or_else(|| {
            let alphanumeric = rest.starts_with(|c: char| c.is_ascii_alphanumeric());
            rest.find(|c: char| c.is_ascii_alphanumeric() != alphanumeric)
                .unwrap_or(rest.len())
        });
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

/// The length of the word of several parts that `text` begins with.
fn composed(text: &str) -> Option<usize> {
    const SHAPES: [&str; 3] = [
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        TIME,
        "xx:xx:xx:xx:xx:xx",
    ];
    let shape = SHAPES.into_iter().find(|shape| begins_as(text, shape));
    shape.map(str::len).or_else(|| ipv4(text))
}

/// The length of the IPv4 address that `text` begins with, with dots or, as in host names, dashes.
fn ipv4(text: &str) -> Option<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(text);
    let separator = text[end..].chars().next().filter(|c| ".-".contains(*c))?;
    for _ in 0..3 {
        let rest = text[end..].strip_prefix(separator)?;
        end += 1 + digits(rest);
    }
    let octets = || text[..end].split(separator);
    octets()
        .all(|octet| octet.parse::<u8>().is_ok())
        .then_some(end)
}

/// RFC 3339, up to the second.
const TIME: &str = "dddd-dd-ddTdd:dd:dd";

fn is_time(word: &str) -> bool {
    word.len() == TIME.len() && begins_as(word, TIME)
}

/// Whether `text` begins as `shape` says: `d` for a digit, `x` for a hexadecimal one.
fn begins_as(text: &str, shape: &str) -> bool {
    shape.len() <= text.len()
        && shape
            .bytes()
            .zip(text.bytes())
            .all(|(shape, byte)| match shape {
                b'x' => byte.is_ascii_hexdigit(),
                b'd' => byte.is_ascii_digit(),
                plain => byte == plain,
            })
}

/// Whether two words that differ look like identifiers, numbers or times that a service chose.
fn made_up(left: &str, right: &str) -> bool {
    let uppercase = |word: &str| word.bytes().any(|byte| byte.is_ascii_uppercase());
    let suffixes = uppercase(left) || uppercase(right);
    let class = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let lower = word.bytes().filter(u8::is_ascii_lowercase).count();
        if composed(word) == Some(word.len()) {
            "composed"
        } else if digits == word.len() {
            if digits > 5 { "identifier" } else { "plain" }
        } else if word.len() >= 16 || (word.len() >= 6 && digits > 0) {
            "identifier"
        } else if (word.len() == 6 && suffixes) || (word.len() == 10 && lower == 10) {
            // Letters alone by chance: the ends of secrets' names, identifiers of gateways.
            "identifier"
        } else {
            "plain"
        }
    };
    class(left) == class(right) && class(left) != "plain"
}

#[test]
fn addresses_and_times_are_words() {
    assert_eq!(
        words("ec2-127-0-25-1.x"),
        ["ec2", "-", "127-0-25-1", ".", "x"]
    );
    assert_eq!(
        words("at 2026-01-02T03:04:05Z"),
        ["at", " ", "2026-01-02T03:04:05", "Z"]
    );
    assert_eq!(words("10.0.300.1"), ["10", ".", "0", ".", "300", ".", "1"]);
}

#[test]
fn made_up_words_have_to_agree() {
    let compare = |left: Value, right: Value| {
        let mut comparison = Comparison::default();
        comparison.values("", &left, &right);
        comparison.differences
    };
    let ours = serde_json::json!({ "id": "vpc-0123abcd", "of": ["vpc-0123abcd", "plain"] });
    let theirs = serde_json::json!({ "id": "vpc-4567cdef", "of": ["plain", "vpc-4567cdef"] });
    assert!(compare(theirs, ours.clone()).is_empty());
    let other = serde_json::json!({ "id": "vpc-4567cdef", "of": ["plain", "vpc-89abcdef"] });
    assert_eq!(compare(other, ours.clone()).len(), 1);
    let plainly = serde_json::json!({ "id": "vpc-0123abcd", "of": ["vpc-0123abcd", "other"] });
    assert_eq!(compare(plainly, ours).len(), 1);
}
