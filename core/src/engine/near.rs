//! Which name someone may have meant.

/// The name nearest to `wanted`, if it is near enough to be meant.
pub fn nearest<'a, S: AsRef<str> + 'a>(
    wanted: &str,
    names: impl IntoIterator<Item = &'a S>,
) -> Option<&'a str> {
    let limit = wanted.chars().count().div_ceil(3).max(1);
    names
        .into_iter()
        .map(|name| (distance(wanted, name.as_ref()), name.as_ref()))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// How many characters have to be added, taken away, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["subnet".to_owned(), "vpc".to_owned()];
        assert_eq!(nearest("subent", &names), Some("subnet"));
        assert_eq!(nearest("vcp", &names), Some("vpc"));
        assert_eq!(nearest("database", &names), None);
    }
}
