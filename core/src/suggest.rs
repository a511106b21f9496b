//! "Did you mean …": the name nearest to one that does not exist.

/// A name of at least so many letters that is part of a candidate may be a shorter way to say it.
const WHOLE_WORD: usize = 4;

/// The candidate that is nearest to `name`, if one is near enough to have been meant.
pub fn nearest<'a, S: AsRef<str> + ?Sized + 'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a S>,
) -> Option<&'a str> {
    // Short names are near to everything; of longer ones about a third may be wrong.
    let limit = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(AsRef::as_ref)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit || (name.len() >= WHOLE_WORD && candidate.contains(name))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// [`nearest`] as a hint.
pub fn did_you_mean<'a, S: AsRef<str> + ?Sized + 'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a S>,
) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// How many letters have to be added, taken away, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    // Three rows of the table suffice: the one being filled and the two before it.
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["contents", "name", "mode", "sensitive_contents"];
        for (typed, meant) in [
            ("content", Some("contents")),
            ("cnotents", Some("contents")),
            ("Name", Some("name")),
            ("sensitive_content", Some("sensitive_contents")),
            ("size", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, names.iter()), meant, "{typed}");
        }
        assert_eq!(
            did_you_mean("moed", &names).as_deref(),
            Some("did you mean `mode`?")
        );
    }
}
