//! The name somebody may have meant.

/// The candidate nearest to a name, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit || (name.len() >= 4 && candidate.contains(name))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be inserted, removed, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Rows of the table of distances between prefixes: the one before last, the last, this one.
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + changed);
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
    fn near_names_are_suggested_and_far_ones_not() {
        let names = ["cidr_block", "ipv6_cidr_block", "tags", "instance_tenancy"];
        for (name, meant) in [
            ("cidr_blok", Some("cidr_block")),
            ("cidrblock", Some("cidr_block")),
            ("tag", Some("tags")),
            ("tgas", Some("tags")),
            ("cidr", Some("cidr_block")),
            ("tenancy", Some("instance_tenancy")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, names), meant, "{name}");
        }
    }
}
