//! Dates of seconds since 1970, in universal time.

/// Year, month, day, hour, minute and second.
pub(crate) fn calendar(seconds: u64) -> (u64, u64, u64, u64, u64, u64) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Count from March of the year 0, so that the day that is added comes last in its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    (year, month, date, rest / 3600, rest / 60 % 60, rest % 60)
}

/// As `lastModifiedDate` has it: `20240229123456`.
pub(crate) fn compact(seconds: u64) -> String {
    let (year, month, day, hour, minute, second) = calendar(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "19700101000000"),
            (951_782_399, "20000228235959"),
            (951_782_400, "20000229000000"),
            (1_709_210_096, "20240229123456"),
            (4_102_444_800, "21000101000000"),
        ] {
            assert_eq!(compact(seconds), date);
        }
    }
}
