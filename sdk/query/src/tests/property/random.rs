//! Random payloads and queries of few names and values, so that they often meet.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const KEYS: &[&str] = &["a", "b", "a.b", "b.a", "A", "my key", "_key", "größe", "", "t`k", "x/y", "a:b", "\\u0061"];

const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0.0",
    "5",
    "5.0",
    "0.5e1",
    "50E-1",
    "-5",
    "1000",
    "1e3",
    "19.90",
    "0.1",
    "0.30000000000000004",
    "0.299999999999999988898",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-123456789012345678901234567890",
    "1e400",
    "0.00001",
];

const WORDS: &[&str] = &[
    "",
    "paid",
    "PAID",
    "unpaid",
    "new york",
    "a*b",
    "5",
    "5.0",
    "1e3",
    "true",
    "null",
    "straße",
    "STRASSE",
    "Σίσυφος",
    "\u{212a}elvin",
    "kelvin",
    "北京",
    "İ",
    "ﬁn",
    "fin",
    "x/y",
    "say \"x\"",
    "back\\slash",
    "tab\there",
    "2026-11-22",
    "2026-11-22T23:30:00-01:00",
    "2026-11-23T00:30:00Z",
    "2026-11-23 00:30:00Z",
];

const CONDITIONS: &[&str] = &[
    "*",
    ">4",
    ">=5",
    "<5.5",
    "<=-1",
    "[0 TO 1e3}",
    "{5 TO *]",
    ">18446744073709551615",
    ">a",
    "[a TO z]",
    ">2026-11-22",
    "[2026-11-01 TO 2026-11-22]",
    "p*",
    "*d",
    "?*",
    "*5*",
    "1?3",
    "19.9*",
    "*0*",
    "1e*",
    "str*e",
    "9007199254740993",
    "9007199254740992",
    "0.1",
    "0.3",
    "5e0",
    "1e3",
    "1000.0",
    "0",
    "-5",
    "-0",
    "1e-5",
    "\"5\"",
];

const PATTERNS: &[&str] = &["p*", "*d", "STRA*", "?", "*5", "1*0*", "*北*", "?in", "*.9", "kel*", "*Ασ", "tru?"];

// === Payloads ===

/// One to eight: JSON mostly, some cut off, some anything else, some none.
pub(super) fn payloads() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    let cut =
        (json(), any::<prop::sample::Index>()).prop_map(|(json, at)| json.as_bytes()[..at.index(json.len())].to_vec());
    let payload = prop_oneof![
        12 => json().prop_map(|json| Some(json.into_bytes())),
        1 => cut.prop_map(Some),
        1 => select(WORDS).prop_map(|word| Some(word.as_bytes().to_vec())),
        1 => vec(any::<u8>(), 0..12).prop_map(Some),
        1 => Just(None),
    ];
    vec(payload, 1..8)
}

/// Every value under the key `a`, in every notation, and text once more without any.
pub(super) fn payloads_of_each_notation() -> Vec<Option<Vec<u8>>> {
    let texts = WORDS.iter().flat_map(|word| (0..4).map(|how| written(word, how)));
    let values = SCALARS.iter().map(|scalar| (*scalar).to_owned()).chain(texts);
    let in_objects = values.flat_map(|value| (2..4).map(move |how| format!("{{{}:{value}}}", written("a", how))));
    in_objects.chain(WORDS.iter().map(|word| (*word).to_owned())).map(|payload| Some(payload.into_bytes())).collect()
}

/// JSON as different encoders write it; keys may come twice.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![select(SCALARS).prop_map(String::from), text(), any::<i64>().prop_map(|n| n.to_string())];
    let value = scalar.prop_recursive(4, 24, 4, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(|elements| format!("[{}]", elements.join(", ")));
        prop_oneof![1 => list, 2 => object(inner)]
    });
    prop_oneof![6 => object(value.clone()), 1 => value]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let name = (select(KEYS), any::<u8>()).prop_map(|(key, how)| written(key, how));
    let member = (name, value).prop_map(|(name, value)| format!("{name}:{value}"));
    vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn text() -> impl Strategy<Value = String> {
    let some = vec(select(WORDS), 0..3).prop_map(|words| words.join(" "));
    (prop_oneof![4 => some, 1 => "\\PC{0,6}"], any::<u8>()).prop_map(|(text, how)| written(&text, how))
}

/// A JSON string, in one of the ways to write one: slashes escaped, first character by its number, all beyond ASCII so.
fn written(text: &str, how: u8) -> String {
    let plain = serde_json::to_string(text).expect("text is JSON");
    let numbered =
        |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    match how % 8 {
        0 => plain.replace('/', "\\/"),
        1 => plain.chars().map(|c| if c.is_ascii() { c.to_string() } else { numbered(c) }).collect(),
        2 => format!("\"{}\"", text.chars().map(numbered).collect::<String>()),
        _ => plain,
    }
}

// === Queries ===

/// A query that parses.
pub(super) fn queries() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![6 => field_test(), 3 => bare(), 1 => select(ENVELOPE).prop_map(String::from)];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|query| format!("NOT ({query})")),
            inner.clone().prop_map(|query| format!("-({query})")),
            vec(inner.clone(), 2..4).prop_map(|queries| format!("({})", queries.join(" "))),
            vec(inner.clone(), 2..4).prop_map(|queries| format!("({})", queries.join(" AND "))),
            vec(inner, 2..4).prop_map(|queries| format!("({})", queries.join(" OR "))),
        ]
    })
}

const ENVELOPE: &[&str] = &[
    "*",
    "_key:*",
    "_payload:*a*",
    "_payload:*",
    "_position:>2",
    "_position:[1 TO 3]",
    "_stream:orders",
    "_headers.`a b`:x",
];

/// Every condition on the key `a`, and every bare word, phrase and pattern.
pub(super) fn leaves_of_each_kind() -> Vec<String> {
    let words = || WORDS.iter().filter(|word| !word.is_empty());
    let bare = words().flat_map(|word| [escaped(word), quoted(word)]);
    let numbers = SCALARS.iter().flat_map(|scalar| [escaped(scalar), format!("a:\\{scalar}"), format!("a:{scalar}")]);
    let conditions = CONDITIONS.iter().chain(PATTERNS).map(|condition| format!("a:{condition}"));
    let patterns = PATTERNS.iter().map(|pattern| (*pattern).to_owned());
    let on_fields = words().flat_map(|word| [format!("a:{}", escaped(word)), format!("a:{}", quoted(word))]);
    bare.chain(numbers).chain(conditions).chain(patterns).chain(on_fields).collect()
}

/// Paths of one to three keys, each as it is or in backquotes.
fn field() -> impl Strategy<Value = String> {
    let key = (prop_oneof![3 => Just("a"), 2 => Just("b"), 3 => select(KEYS)], any::<bool>());
    let key = key.prop_map(|(key, whole)| match whole || key.is_empty() || key.starts_with('_') {
        true => format!("`{}`", key.replace('`', "``")),
        false => key.chars().map(|c| if c.is_alphanumeric() { c.to_string() } else { format!("\\{c}") }).collect(),
    });
    vec(key, 1..4).prop_map(|keys| keys.join("."))
}

fn field_test() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        select(CONDITIONS).prop_map(String::from),
        word(),
        select(WORDS).prop_map(quoted),
        (word(), word()).prop_map(|(one, other)| format!("({one} OR {other})")),
    ];
    (field(), value).prop_map(|(field, value)| format!("{field}:{value}"))
}

fn bare() -> impl Strategy<Value = String> {
    let phrase = select(WORDS).prop_filter("an empty phrase is refused", |word| !word.is_empty()).prop_map(quoted);
    let pattern = select(PATTERNS).prop_map(String::from);
    prop_oneof![word(), phrase, pattern]
}

/// Without quotes: each character that could mean something has a backslash.
fn escaped(word: &str) -> String {
    let ordinary = |c: char| c.is_alphanumeric() || c == '.';
    word.chars().map(|c| if ordinary(c) { c.to_string() } else { format!("\\{c}") }).collect()
}

fn word() -> impl Strategy<Value = String> {
    select(WORDS).prop_filter("a word has a character", |word| !word.is_empty()).prop_map(escaped)
}

fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Anything, made mostly of what means something to the parser.
pub(super) fn texts() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "a",
        "é",
        "北",
        " ",
        "\n",
        "\u{3000}",
        ":",
        ".",
        "*",
        "?",
        "(",
        ")",
        "\"",
        "`",
        "\\",
        "-",
        "_",
        "_key",
        "[",
        "]",
        "{",
        "}",
        " TO ",
        "to",
        ">",
        "<=",
        "=",
        "!",
        "&&",
        "||",
        "AND",
        " OR ",
        "NOT ",
        "or",
        "5",
        "2026-11-22",
        "'",
        "~",
        "^",
        "/",
        "%",
        "+",
        "SELECT",
        " FROM ",
        "WHERE ",
        "IN (",
        "now",
        "“",
        "”",
        ",",
        "_exists_",
        "f:",
    ];
    prop_oneof![4 => vec(select(PARTS), 0..12).prop_map(|parts| parts.concat()), 1 => "\\PC{0,40}", 1 => any::<String>()]
}
