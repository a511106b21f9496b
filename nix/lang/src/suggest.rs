//! "Did you mean": the names closest to a wrong one.

/// A hint naming up to three candidates close to `wrong`, or none.
pub(crate) fn did_you_mean<S: AsRef<str>>(
    wrong: &str,
    candidates: impl Iterator<Item = S>,
) -> Option<String> {
    let limit = match wrong.chars().count() {
        // Any name is close to one of a single letter.
        0 | 1 => return None,
        len => (len / 3).clamp(1, 3),
    };
    let mut close: Vec<(usize, String)> = candidates
        .filter(|candidate| candidate.as_ref().len().abs_diff(wrong.len()) <= limit)
        .map(|candidate| {
            (
                distance(wrong, candidate.as_ref()),
                candidate.as_ref().to_owned(),
            )
        })
        .filter(|(distance, candidate)| *distance <= limit && candidate != wrong)
        .collect();
    close.sort();
    close.dedup();
    let names: Vec<&str> = close
        .iter()
        .take(3)
        .map(|(_, name)| name.as_str())
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("Did you mean {one}?")),
        [first @ .., last] => Some(format!(
            "Did you mean one of {} or {last}?",
            first.join(", ")
        )),
    }
}

/// How many characters must be added, removed, replaced or swapped with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_offered() {
        let names = ["length", "head", "tail"];
        assert_eq!(
            did_you_mean("lenght", names.iter()).as_deref(),
            Some("Did you mean length?")
        );
        assert_eq!(did_you_mean("zzz", names.iter()), None);
        let both = did_you_mean("ab", ["aa", "bb", "abc"].iter());
        assert_eq!(both.as_deref(), Some("Did you mean one of aa, abc or bb?"));
    }
}
