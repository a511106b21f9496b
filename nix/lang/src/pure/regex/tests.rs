//! Patterns and texts with what real Nix makes of them.

use super::*;

fn matched(pattern: &str, text: &str) -> Option<Vec<Option<String>>> {
    let regex = Regex::new(pattern.as_bytes()).unwrap();
    let hit = regex.match_whole(text.as_bytes(), &|| false).ok()??;
    Some(
        hit.groups
            .into_iter()
            .map(|range| range.map(|range| text[range].to_owned()))
            .collect(),
    )
}

/// `split` in one line: separators in brackets, `-` for a group without a match.
fn split(pattern: &str, text: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for hit in Regex::new(pattern.as_bytes())
        .unwrap()
        .find_all(text.as_bytes(), &|| false)
        .expect("nobody stops it")
    {
        let group = |range: Option<Range<usize>>| range.map_or("-", |range| &text[range]);
        let groups: Vec<&str> = hit.groups.into_iter().map(group).collect();
        out += &format!("{}[{}]", &text[from..hit.range.start], groups.join(","));
        from = hit.range.end;
    }
    out + &text[from..]
}

#[test]
fn whole_matches_with_groups() {
    for (pattern, text, groups) in [
        ("(a*)*", "aa", &[Some("")][..]),
        ("(a|b)*", "ab", &[Some("b")]),
        ("((a)|b)*", "ab", &[Some("b"), Some("a")]),
        ("(|a)+", "aa", &[Some("")]),
        ("()", "", &[Some("")]),
        ("(a*){2}", "aa", &[Some("")]),
        ("(a?){3}", "aa", &[Some("")]),
        ("(x)?(y)?z", "yz", &[None, Some("y")]),
        ("a**", "aa", &[]),
        ("[^/]*/(.*)", "usr/lib/x", &[Some("lib/x")]),
        ("(.*)-(.*)", "a-b-c", &[Some("a-b"), Some("c")]),
        (
            "([0-9]+)\\.([0-9]+).*",
            "25.11pre",
            &[Some("25"), Some("11")],
        ),
        ("a{2}{3}", "aaaaaa", &[]),
        ("a.c", "a\nc", &[]),
    ] {
        let groups: Vec<_> = groups
            .iter()
            .map(|group| group.map(str::to_owned))
            .collect();
        assert_eq!(matched(pattern, text), Some(groups), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("a", "ab"),
        ("a^b", "a"),
        ("b", ""),
        ("a{2,3}", "a"),
        ("[^a]", "a"),
    ] {
        assert_eq!(matched(pattern, text), None, "{pattern} {text}");
    }
}

#[test]
fn brackets() {
    for (pattern, yes, no) in [
        ("[]a]", "]a", "b"),
        ("[^]a]", "b", "]a"),
        ("[a-c]", "abc", "d-"),
        ("[-a]", "-a", "b"),
        ("[a-]", "-a", "b"),
        ("[+--]", "+,-", "."),
        ("[[:alpha:]_]", "aZ_", "0 "),
        ("[[:ALPHA:]]", "a", "0"),
        ("[[:space:]]", " \t\n\r\x0b\x0c", "a"),
        ("[[:punct:]]", "!~`$", "a "),
        ("[[:w:]]", "_a0", "-"),
        ("[[=a=]]", "aA", "b"),
        ("[[.hyphen.][.a.]]", "-a", "b"),
        ("[\\d]", "\\d", "0"),
        ("[a[]", "a[", "]"),
    ] {
        for (texts, expected) in [(yes, true), (no, false)] {
            for text in texts.chars() {
                assert_eq!(
                    matched(pattern, &text.to_string()).is_some(),
                    expected,
                    "{pattern} {text:?}"
                );
            }
        }
    }
}

#[test]
fn splits() {
    for (pattern, text, expected) in [
        ("a|ab", "xabx", "x[]x"),
        ("^a", "aaa", "[]aa"),
        ("(a*)", "baab", "[]b[aa][]b[]"),
        ("", "abc", "[]a[]b[]c[]"),
        ("(a)|(b)", "xaxb", "x[a,-]x[-,b]"),
        ("$", "ab", "ab[]"),
        ("x", "", ""),
        ("", "", "[]"),
        ("[ ,]+", "a, b c", "a[]b[]c"),
        ("(a|ab)(c|bcd)*", "abcd", "[a,bcd]"),
    ] {
        assert_eq!(split(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn bad_patterns() {
    for pattern in [
        "\\]",
        "\\}",
        "\\d",
        "*a",
        "[[.-.]]",
        "[a",
        "a{2",
        "a{,2}",
        "a{3,2}",
        "[a-c-e]",
        "(",
        ")",
        "a|*b",
        "a\\",
        "{1}",
        "^*",
        "[b-a]",
        "[[:foo:]]",
        "[a-[:alpha:]]",
        "a{99999999999}",
    ] {
        let expected = RegexError::Invalid(pattern.into());
        assert_eq!(
            Regex::new(pattern.as_bytes()).unwrap_err(),
            expected,
            "{pattern}"
        );
    }
    assert!(Regex::new(b"a{99993}").is_ok());
    for pattern in [
        "a{99994}",
        "(a){25010}",
        "a{0,50010}",
        "((a{300}){300}){300}",
    ] {
        let expected = RegexError::TooLarge(pattern.into());
        assert_eq!(
            Regex::new(pattern.as_bytes()).unwrap_err(),
            expected,
            "{pattern}"
        );
    }
    assert!(Regex::new("(".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn hard_patterns_take_linear_time() {
    let text = "a".repeat(20_000);
    assert_eq!(matched("(a*)*b", &text), None);
    assert_eq!(matched("(a|aa)*b", &text), None);
    assert_eq!(matched("(.*)(.*)(.*)x", &text), None);
    assert!(matched("(a|b|ab)*", &text).is_some());
    assert_eq!(split("(a|aa)*b", &text), text);
    assert_eq!(split("x*", &text).len(), 3 * text.len() + 2);
}

#[test]
fn bytes_that_are_no_text_match_too() {
    let any = Regex::new(b".*").unwrap();
    assert!(any.match_whole(b"\xff\xc3", &|| false) != Ok(None));
    assert!(
        Regex::new("[é]".as_bytes())
            .unwrap()
            .match_whole("é".as_bytes(), &|| false)
            .expect("nobody stops it")
            .is_none()
    );
    assert!(
        Regex::new("[é]+".as_bytes())
            .unwrap()
            .match_whole("é".as_bytes(), &|| false)
            .expect("nobody stops it")
            .is_some()
    );
    assert!(Regex::new(b"[a-\xc3]").is_err());
}

#[test]
fn the_cache_keeps_compiled_patterns() {
    let mut cache = RegexCache::new();
    let first = cache.get(b"a+").unwrap();
    assert!(Arc::ptr_eq(&first, &cache.get(b"a+").unwrap()));
    assert!(cache.get(b"(").is_err());
}

#[test]
fn it_can_be_stopped() {
    let regex = Regex::new(b"(a*)*(a*)*b").expect("a pattern");
    let text = vec![b'a'; 100_000];
    assert_eq!(regex.match_whole(&text, &|| true), Err(Stopped));
    assert_eq!(regex.find_all(&text, &|| true), Err(Stopped));
}
