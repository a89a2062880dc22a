use super::*;

/// Where each mistake is, as line:column and a part of its message and help.
fn check(text: &str, expected: &[(&str, &str)]) {
    let parsed = parse(text);
    let found: Vec<_> = parsed.mistakes.iter().map(|mistake| (place(text, mistake), told(mistake))).collect();
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|((place, told), (at, phrase))| place == at && told.contains(phrase));
    assert!(fits, "{text}\nfound {found:#?}\nexpected {expected:#?}");
}

fn place(text: &str, mistake: &Mistake) -> String {
    let before = &text[..mistake.span.start];
    let line = before.rfind('\n').map_or(before, |newline| &before[newline + 1..]);
    format!("{}:{}", before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn told(mistake: &Mistake) -> String {
    format!("{} [{}]", mistake.message, mistake.help.as_deref().unwrap_or_default())
}

/// One value in a source, with keys around it.
fn value(written: &str, at: &str, phrase: &str) {
    let text = format!("source:\n  type: x\n  where: {written}\n  group: g\n");
    check(&text, &[(at, phrase)]);
    let parsed = parse(&text);
    let source = parsed.documents[0].root.get("source").expect("it is there");
    assert!(matches!(source.get("where"), Some(Node { kind: super::super::Kind::Bad, .. })), "{written}: {source:?}");
    assert_eq!(source.get("group").and_then(Node::as_text), Some("g"), "{written}");
}

/// Lines that replace the middle of a source.
fn lines(written: &str, at: &str, phrase: &str) {
    let text = format!("source:\n  type: x\n{written}\n  group: g\n");
    check(&text, &[(at, phrase)]);
    let document = &parse(&text).documents[0];
    assert!(document.incomplete, "{written}");
    assert_eq!(document.root.get("source").and_then(|source| source.get("group")).and_then(Node::as_text), Some("g"));
}

#[test]
fn explains_values_that_yaml_reads_differently() {
    value(">100", "3:10", "opens a block of text [quote it: '>100']");
    value(">5", "3:10", "`>5` opens a block of text, and none follows [if it is the text, quote it: '>5']");
    value("\"a b\" AND c", "3:16", "text after the closing quote [quote all of it: '\"a b\" AND c']");
    value("'a' AND c", "3:14", "[quote all of it: '''a'' AND c']");
    value("@x", "3:10", "cannot start with `@` [quote it: '@x']");
    value("`x`", "3:10", "cannot start with ``` [quote it: '`x`']");
    value("%x", "3:10", "cannot start with `%`");
    value("a: b", "3:10", "a `: ` within a value starts a map [quote it: 'a: b']");
    value("[${env:X}]", "3:11", "`${env:X}` needs quotes within brackets [write \"${env:X}\"]");
    value("{a: ${env:X}}", "3:14", "`${env:X}` needs quotes");
    value("'lost", "3:10", "this quote is never closed");
    value("\"lost", "3:10", "this quote is never closed");
    value("[orders", "3:10", "this `[` is never closed");
    value("{a: b", "3:10", "this `{` is never closed");
    value("[é: b", "3:10", "this `[` is never closed");
    value("- a", "3:10", "a list cannot start on the line of its key [begin a new line, or write it in brackets: [a]]");
    value(
        "*error*",
        "3:10",
        "`*error*` is a YAML alias, and nothing is anchored as `&error*` [if it is text, quote it",
    );
    value("&x", "3:10", "`&x` is a YAML anchor, and nothing follows it");
    value("!a:b", "3:10", "`!a:b` is a YAML tag");
    value("!a b", "3:10", "`!a` is a YAML tag");
    value("\"a\\qb\"", "3:10", "use single quotes");
    value("]", "3:10", "cannot start with `]`");
}

#[test]
fn explains_lines_that_fit_nowhere() {
    lines("\twhere: x", "3:1", "a tab indents this line [YAML wants spaces]");
    lines("  where:x", "3:3", "a space is missing after `where:` [write `where: x`]");
    lines("  where", "3:3", "has no `:`, so it is not a key");
    lines(" where: x", "3:2", "the indentation of this line fits nothing above it");
    lines("    where: x", "3:5", "indented deeper than the keys above it");
    check("a: 1\nx:\n  - b\n  -c\n  - d\n", &[("4:3", "a space is missing after the `-` [write `- c`]")]);
    check("group:g\nx: 1\n", &[("1:1", "a space is missing after `group:`")]);
    check("%YAML 1.2\n---\na: b\n", &[("1:1", "directives")]);
}

#[test]
fn names_all_mistakes_in_one_run() {
    let text = "a: @x\nb: 'lost\nc:d\ne: [1\nf: a: b\n---\ng: >1x\nh: &i\nh: 2\n";
    check(
        text,
        &[
            ("1:4", "cannot start"),
            ("2:4", "never closed"),
            ("3:1", "a space is missing"),
            ("4:4", "never closed"),
            ("5:4", "starts a map"),
            ("7:4", "opens a block"),
            ("8:4", "a YAML anchor"),
            ("9:1", "the key `h` is given twice [the first is on line 8]"),
        ],
    );
    assert_eq!(parse(text).documents.len(), 2);
}

#[test]
fn reads_json_comments_anchors_and_several_documents() {
    let parsed = parse("{\"a\": [1, null]}\n---\n# only a comment\n---\nb: &x {c: d} # e\nf: *x\n");
    assert_eq!(parsed.mistakes, []);
    let shown: Vec<_> = parsed.documents.iter().map(|document| format!("{:?}", document.root)).collect();
    assert_eq!(shown, [r#"{"a": ["1", "null"]}"#, r#"{"b": {"c": "d"}, "f": {"c": "d"}}"#]);
}

#[test]
fn remembers_what_a_comment_cut_off() {
    let text = "a: x #y\nb: x # y\n";
    let root = parse(text).documents.remove(0).root;
    assert_eq!(root.get("a").and_then(|node| node.cut.clone()).map(|cut| &text[cut]), Some("#y"));
    assert_eq!(root.get("b").and_then(|node| node.cut.clone()), None);
}

#[test]
fn bounds_size_depth_and_copies() {
    check(&"#".repeat(FILE_BYTES_MAX + 1), &[("1:1", "larger than 1048576 bytes")]);
    check(&"[".repeat(100), &[("1:65", "nested deeper than 64")]);
    let list = format!("a: &a [{}]\n", "x, ".repeat(900));
    let copies = format!("{list}b: [{}]\n", "*a, ".repeat(30));
    check(&copies, &[("2:1", "more than 20000 values")]);
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        laughs.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    check(&laughs, &[("64:12", "nested deeper than 64")]);
    check("a: &a [*a]\n", &[("1:8", "cannot stand within")]);
}

#[test]
fn windows_line_ends_make_no_difference() {
    check("a: b\r\nc: 'x\r\nd: e\r\n", &[("2:4", "never closed")]);
}
