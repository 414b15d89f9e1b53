//! The same expressions over the same texts, by `regex-lite`.

use proptest::prelude::*;
use regex_lite::RegexBuilder;

use super::*;

fn by_another(pattern: &str, ignore_case: bool) -> Option<regex_lite::Regex> {
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(ignore_case).nest_limit(24);
    builder.size_limit(64 * 1024).build().ok()
}

fn check(pattern: &str, texts: &[&str]) {
    for ignore_case in [false, true] {
        let (ours, other) = (Regex::new(pattern, ignore_case), by_another(pattern, ignore_case));
        assert_eq!(ours.is_ok(), other.is_some(), "{pattern} {:?}", ours.err());
        let (Ok(ours), Some(other)) = (ours, other) else {
            continue;
        };
        for text in texts {
            assert_eq!(ours.is_match(text), other.is_match(text), "{pattern:?} {text:?}");
        }
    }
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "ab",
    "ba",
    "aab",
    "a b",
    "a\nb",
    "a\r\nb",
    "\n",
    "\r",
    "foo-bar",
    "a_1",
    "é",
    "aé",
    "K",
    "-",
    "]",
    "^",
    "x{2}",
    "aaa",
    "/system/lib64/libc.so",
    "abcABC019_",
    "\u{10ffff}",
    "\t \u{b}",
    "start",
];

const PATTERNS: &[&str] = &[
    "",
    "a",
    "a|b",
    "|",
    "a||b",
    "(|)",
    "(a|b)*c",
    "a**",
    "a+?b",
    "a??",
    "a{2}",
    "a{2,}",
    "a{1,2}?",
    "a{ 2 , 3 }",
    "a{,2}",
    "a{2",
    "a{2,",
    "a{3,2}",
    "a{}",
    "a{0}",
    "a{0}*",
    "a{1}",
    "(){9}",
    "(){4000000000}",
    "{2}",
    "*",
    "+a",
    "(*)",
    "(?i)a(?-i)b",
    "a(?i)*",
    "(?i:a)b",
    "(?i-s:.)",
    "(?ii)a",
    "(?-)a",
    "(?i-)a",
    "(?)",
    "(?:)",
    "(?:a",
    "(?",
    "(?i",
    "(?z)",
    "(?--i)a",
    "(?-i-i)a",
    "(",
    ")",
    "a)",
    "(a",
    "((a)",
    "(?P<n>a)",
    "(?<n>a)",
    "(?<n>a)(?<n>b)",
    "(?<>a)",
    "(?<1>a)",
    "(?<a.1[]>a)",
    "(?<é>a)",
    "(?<a",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?<!a)",
    "^a",
    "a$",
    "^$",
    "(?m)^a$",
    "(?m)^b",
    "(?mR)^b",
    "(?mR)a$",
    "(?mR)^$",
    "(?m)^$",
    "(?R).",
    "(?s).",
    ".",
    "(?sR).",
    "\\A",
    "\\z",
    "\\Z",
    r"\ba",
    r"a\b",
    r"\Ba",
    r"\<a",
    r"a\>",
    r"\b{start}a",
    r"\b{end}",
    r"\b{start-half}",
    r"\b{end-half}a",
    r"\b{2}",
    r"\b{ start }",
    r"\b{x}",
    r"\b{start",
    r"\b{",
    r"\b{}",
    r"\b{1a}",
    r"\d",
    r"\D",
    r"\s",
    r"\S",
    r"\w",
    r"\W",
    r"\p{L}",
    r"\1",
    r"\q",
    r"\e",
    r"\",
    r"\é",
    r"\-\.\ \%\_",
    r"\a\f",
    r"\t",
    r"\n",
    r"\r",
    r"\v",
    r"\x61",
    r"\x6",
    r"\x6g",
    r"\x{61}",
    r"\x{}",
    r"\x{110000}",
    r"\x{d800}",
    r"\x{61",
    r"\x{6g}",
    r"\u0061",
    r"\U00000061",
    r"\u{61}",
    r"\x{00000000000061}",
    r"\x{ffffffffff}",
    "[a]",
    "[^a]",
    "[a-c]",
    "[c-a]",
    "[a-",
    "[a",
    "[",
    "[]",
    "[]]",
    "[^]]",
    "[-]",
    "[-a]",
    "[a-]",
    "[--a]",
    "[^-a]",
    "[a-b-c]",
    "[a--b]",
    "[a&&b]",
    "[a~~b]",
    "[a&b]",
    "[[a]]",
    "[[:alpha:]]",
    "[[:^alpha:]]",
    "[[:nope:]]",
    "[[:alpha:]-z]",
    "[[:alpha]",
    "[[:",
    "[[:a",
    "[a[:digit:]]",
    r"[\d-z]",
    r"[a-\d]",
    r"[\w\W]",
    r"[^\w\W]",
    r"[\b]",
    r"[\x61-\x63]",
    r"[\]\-\^]",
    "[^\n]",
    "[é-ü]",
    "[A-z]",
    "[Y-b]",
    "[^Y-b]",
    "[X-`a-b]",
    "[[:^upper:]]",
    "[^[:^upper:]]",
    "(?x) a b # c\n",
    "(?x)a b(?-x) ",
    "(?x)[ a - c ]",
    "(?x)[ ^ a]",
    "(?x) ( ?P<n> a )",
    "(?x)a {2} ?",
    "(?x)a{ 2 , 3 }",
    r"(?x)\x 6 1",
    r"(?x)\ ",
    "(?x)a #",
    "(?x)[ - ]",
    "(?x)[a -]",
    "(?x)( ?: a)",
    "a{2}{3}",
    "((((((((((((((((((((((a))))))))))))))))))))))",
    "((((((((((((((((((((((((a))))))))))))))))))))))))",
    "(((((((((((((((((((((((((a)))))))))))))))))))))))))",
    "((((((((((((((((((((((((((a))))))))))))))))))))))))))",
    "(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:a))))))))))))))))))))))))))",
    "a***********************",
    "a************************",
    "a*************************",
    "a**************************",
    "ab************************",
    "x|ab************************",
    "((a{200}){200}){200}",
    "a{5000}",
    "(a*)*",
    "(a|b*)*c",
    "(^a|b$)+",
    "(a?){3}",
    "^/data/(user|data)(/\\d+)?/com\\.bank/",
];

#[test]
fn it_reads_and_matches_as_another_does() {
    for pattern in PATTERNS {
        check(pattern, TEXTS);
    }
}

#[test]
fn a_text_costs_what_its_length_is() {
    let slow = Regex::new("(a*)*(a|aa)*(a?){30}b$", false).unwrap();
    assert!(!slow.is_match(&"a".repeat(4_096)));
    assert!(slow.is_match(&format!("{}b", "a".repeat(4_095))));
}

fn pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        4 => "[abK]",
        2 => prop::sample::select(vec![".", "^", "$", r"\b", r"\B", r"\w", r"\W", r"\s", r"\d", r"\<", r"\>", "é", "\n"]).prop_map(str::to_owned),
        2 => r"\[\^?[-a-cA-C]{1,3}\]",
        1 => prop::sample::select(vec!["(?i)", "(?m)", "(?s-i)", "(?R)", r"\b{start}", r"\b{end-half}", "[[:^alpha:]é]"]).prop_map(str::to_owned),
    ];
    atom.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
            (
                inner.clone(),
                prop::sample::select(vec!["*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "*?"])
            )
                .prop_map(|(inner, times)| format!("(?:{inner}){times}")),
            (inner, "[im]").prop_map(|(inner, flag)| format!("(?{flag}:{inner})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_expression(pattern in pattern(), texts in prop::collection::vec("[abABKk_ \n\ré]{0,6}", 1..6)) {
        check(&pattern, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn any_signs(pattern in r"[ab01xbsw?*+|()\[\]{},:^$.<>\\# \n&~i-]{0,12}", text in "[ab01x ]{0,6}") {
        check(&pattern, &[text.as_str()]);
    }

    #[test]
    fn what_is_escaped_matches_itself(text in "\\PC{0,20}") {
        prop_assert_eq!(escape(&text), regex_lite::escape(&text));
        let pattern = Regex::new(&format!("^{}$", escape(&text)), false).unwrap();
        prop_assert!(pattern.is_match(&text));
    }
}
