//! "Did you mean": the known names nearest to a misspelt one.

/// Nix names at most this many.
const LIMIT: usize = 5;

/// Names farther away than this are no help.
const MAX_DISTANCE: usize = 2;

/// The names nearest to `query`, best first, ties in alphabetical order.
pub fn best_matches<'a>(query: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter(|name| name.len().abs_diff(query.len()) <= MAX_DISTANCE)
        .map(|name| (distance(query.as_bytes(), name.as_bytes()), name))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(LIMIT);
    near.into_iter().map(|(_, name)| name).collect()
}

/// The question to put behind an error message, where any name is near.
pub fn did_you_mean<'a>(query: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = best_matches(query, names);
    Some(match near.split_last()? {
        (only, []) => format!("Did you mean {only}?"),
        (last, others) => format!("Did you mean one of {} or {last}?", others.join(", ")),
    })
}

/// Levenshtein's distance: insertions, deletions and replacements of single bytes.
pub fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_single_edits() {
        for (left, right, expected) in [
            ("foo", "foo", 0),
            ("foo", "", 3),
            ("", "", 0),
            ("foo", "fo", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(left.as_bytes(), right.as_bytes()), expected);
            assert_eq!(distance(right.as_bytes(), left.as_bytes()), expected);
        }
    }

    #[test]
    fn asks_in_nix_words() {
        assert_eq!(
            did_you_mean("far", ["bar", "foobar"]).unwrap(),
            "Did you mean bar?"
        );
        assert_eq!(
            did_you_mean("za", ["ba", "fa", "fo", "zebra", "fa"]).unwrap(),
            "Did you mean one of ba, fa or fo?"
        );
        assert_eq!(did_you_mean("zzz", ["a", "bar"]), None);
    }
}
