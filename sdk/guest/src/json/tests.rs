use serde_json::Value as Tree;

use super::*;

fn check(paths: &[&str], payload: &str, change: impl FnOnce(&Document<'_>, &mut Edit<'_>), expected: &str) {
    let document = Paths::new(paths).expect("paths").find(payload.as_bytes()).expect("JSON");
    let (mut edit, mut out) = (document.edit(), b"before".to_vec());
    change(&document, &mut edit);
    edit.write(&mut out);
    assert_eq!(String::from_utf8_lossy(&out), expected, "{paths:?} of {payload}");
}

/// Values of the paths become the number of their path.
fn check_all(paths: &[&str], payload: &str, expected: &str) {
    let number = |document: &Document<'_>, edit: &mut Edit<'_>| {
        (0..paths.len()).for_each(|path| document.all(path).for_each(|value| edit.set(value, path)));
    };
    check(paths, payload, number, expected);
}

fn check_removed(paths: &[&str], payload: &str, expected: &str) {
    let remove = |document: &Document<'_>, edit: &mut Edit<'_>| {
        (0..paths.len()).for_each(|path| document.all(path).for_each(|value| edit.remove(value)));
    };
    check(paths, payload, remove, expected);
}

#[test]
fn a_path_leads_through_lists_wildcards_and_dots_to_every_occurrence() {
    check_all(&["a.b", "c"], r#"{"a":{"b":"x\"}","c":1}, "c":[]}"#, r#"{"a":{"b":0,"c":1}, "c":1}"#);
    check_all(&["a"], r#"{"a":1,"\u0061":{"a":2} }"#, r#"{"a":0,"\u0061":0 }"#);
    check_all(&["i.k"], r#"{"i":[{"k":1},{"n":[{"k":3}]},[{"k":2}]]}"#, r#"{"i":[{"k":0},{"n":[{"k":3}]},[{"k":0}]]}"#);
    check_all(&["a.b.c"], r#"{"a.b":{"c":1},"a":{"b.c":2},"a.bc":4}"#, r#"{"a.b":{"c":0},"a":{"b.c":0},"a.bc":4}"#);
    check_all(&["a.**.e", "*"], r#"{"a":{"x":{"e":1},"e":2},"e":3}"#, r#"{"a":1,"e":1}"#);
    check_all(&["a", "a.b"], r#"{"a":{"b":1}}"#, r#"{"a":0}"#);
}

#[test]
fn what_is_removed_takes_one_comma_along() {
    check_removed(&["a"], r#"{ "a":1 , "b":2, "c":3}"#, r#"{ "b":2, "c":3}"#);
    check_removed(&["a", "b"], r#"{"a":1, "b":2, "c":3}"#, r#"{ "c":3}"#);
    check_removed(&["b", "c"], r#"{"a":1, "b":2, "c":3 }"#, r#"{"a":1 }"#);
    check_removed(&["*"], r#"{ "a":1, "b":2 }"#, "{ }");
    check_removed(&["x.a"], r#"{"x":[{"a":{"b":[1]}},{"a":2,"c":3}]}"#, r#"{"x":[{},{"c":3}]}"#);
}

#[test]
fn a_field_is_added_at_the_end() {
    let insert = |document: &Document<'_>, edit: &mut Edit<'_>| {
        document.all(0).for_each(|value| edit.remove(value));
        document.values(1).for_each(|value| edit.insert(value, "n", true));
        edit.insert(document.root(), "m", "\"");
    };
    check(&["a", "b"], "{\n \"b\": 1\n}", insert, "{\n \"b\": 1,\"m\":\"\\\"\"\n}");
    check(&["a", "b"], r#"{"b":{ } , "a":1}"#, insert, r#"{"b":{"n":true } ,"m":"\""}"#);
    check(&["a", "b"], r#"{ "a":1 }"#, insert, r#"{"m":"\"" }"#);
    check(&["a", "b"], "[]", insert, "[]");
}

#[test]
fn values_are_what_they_are_written_as() {
    let paths = Paths::new(["s", "n", "b", "l", "z", "none"]).expect("paths");
    let document = paths.find(br#"{"s":"\u00fc\n","n":-1.5e2,"b":true,"l":[1, [] ,"x"],"z":null}"#).expect("JSON");
    let [s, n, b, l, z] = [0, 1, 2, 3, 4].map(|path| document.get(path).expect("it is there"));
    assert_eq!((s.as_str().as_deref(), s.as_f64(), n.as_str(), n.as_f64()), (Some("ü\n"), None, None, Some(-150.0)));
    assert_eq!((b.as_bool(), z.is_null(), z.as_bool(), document.get(5).is_none()), (Some(true), true, None, true));
    let items = l.items().expect("a list").map(Value::raw).collect::<Vec<_>>();
    assert_eq!((items, s.items().is_none()), (vec!["1", "[]", "\"x\""], true));
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let mistake = |path| Paths::new(["a", path]).expect_err("a mistake");
    assert_eq!(mistake("a..b"), Mistake::new("[1]", "has an empty part"));
    assert_eq!(mistake("a.**"), Mistake::new("[1]", "names nothing: a key or `*` must follow on `**`"));
    let error = Paths::new(["a"]).expect("paths").find(br#"{"a":01}"#).expect_err("no JSON");
    assert_eq!(error.to_string(), "expected `,` or the end of the list or object at byte 6");
}

/// Numbers that repeat themselves.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn value(&mut self, depth: usize, out: &mut String) {
        const KEYS: [&str; 7] =
            [r#""a""#, r#""b""#, r#""\u0061""#, r#""a.b""#, r#""b.c.a""#, r#""long key\\\"""#, r#""""#];
        const SCALARS: [&str; 12] = [
            "1.50",
            "-0e1",
            "null",
            r#""\\\"}""#,
            r#""grün""#,
            "12345678901234567890",
            "false",
            "true",
            "1E+3",
            r#""\ud83d\ude00 and more than eight""#,
            r#""[{,:""#,
            "0",
        ];
        let (kind, space) = (self.below(if depth < 5 { 4 } else { 2 }), self.one(&["", "", "", " ", "\n\t"]));
        let [open, close] = [["", ""], ["", ""], ["[", "]"], ["{", "}"]][kind];
        out.extend([space, open]);
        for i in 0..if kind < 2 { 0 } else { self.below(4) } {
            out.push_str(if i > 0 { "," } else { "" });
            if kind == 3 {
                out.extend([self.one(&KEYS), self.one(&[":", " :"])]);
            }
            self.value(depth + 1, out);
        }
        out.extend([if kind < 2 { self.one(&SCALARS) } else { close }, space]);
    }

    /// Cut, or with other bytes in it.
    fn spoil(&mut self, payload: &mut Vec<u8>) {
        let at = self.below(payload.len());
        match self.below(4) {
            0 => payload.truncate(at),
            1 => payload[at] ^= 1 << self.below(8),
            2 => drop(payload.remove(at)),
            _ => payload.insert(at, b"\"\\{}[],:01e-. \x1f\xffu"[self.below(17)]),
        }
    }
}

/// What is left of a path behind the parts of a key.
fn rests<'a>(path: &'a [&'a str], parts: &[&str]) -> Vec<&'a [&'a str]> {
    match (path, parts) {
        (path, []) => vec![path],
        (["**", rest @ ..], [_, more @ ..]) => [rests(rest, parts), rests(path, more)].concat(),
        ([first, rest @ ..], [part, more @ ..]) if *first == "*" || first == part => rests(rest, more),
        _ => Vec::new(),
    }
}

fn values_in(tree: &Tree, path: &[&str], values: &mut Vec<Tree>) {
    match tree {
        Tree::Array(items) => items.iter().for_each(|item| values_in(item, path, values)),
        Tree::Object(fields) => fields.iter().for_each(|(key, tree)| {
            let mut rests = [rests(path, &[key]), rests(path, &key.split('.').collect::<Vec<_>>())].concat();
            rests.sort_by_key(|rest| rest.len());
            rests.dedup();
            if rests.first().is_some_and(|rest| rest.is_empty()) {
                values.push(tree.clone());
            }
            // A value that two ways lead to is one value.
            let mut below = Vec::new();
            rests.iter().for_each(|rest| values_in(tree, rest, &mut below));
            values.extend(below);
        }),
        _ => {}
    }
}

#[test]
fn it_takes_what_serde_json_takes_and_finds_the_same() {
    const PATHS: [&str; 7] = ["a", "a.b", "b.c.a", "*.a", "b.*", "a.a", "**.a"];
    let paths = Paths::new(PATHS).expect("paths");
    let (mut dice, mut sound) = (Dice(7), 0);
    for round in 0..100_000 {
        let mut payload = String::new();
        dice.value(0, &mut payload);
        let mut payload = payload.into_bytes();
        (0..round % 3).for_each(|_| {
            if !payload.is_empty() {
                dice.spoil(&mut payload)
            }
        });
        let shown = String::from_utf8_lossy(&payload);
        match (serde_json::from_slice::<Tree>(&payload), paths.find(&payload)) {
            (Ok(tree), Ok(document)) => {
                sound += 1;
                for (number, path) in PATHS.iter().enumerate() {
                    let mut expected = Vec::new();
                    values_in(&tree, &path.split('.').collect::<Vec<_>>(), &mut expected);
                    let found = document.values(number).map(|value| serde_json::from_str(value.raw()).expect("JSON"));
                    let sorted = |trees: Vec<Tree>| {
                        let mut texts: Vec<_> = trees.iter().map(Tree::to_string).collect();
                        texts.sort();
                        texts
                    };
                    assert_eq!(sorted(found.collect()), sorted(expected), "{path} of {shown}");
                }
            }
            (Err(_), Err(_)) => {}
            // That a number is too large for 64 bits is no matter of JSON.
            (Err(error), Ok(_)) if error.to_string().starts_with("number out of range") => {}
            (tree, document) => panic!("{shown}: {tree:?} and {document:?}"),
        }
    }
    assert!((40_000..80_000).contains(&sound), "{sound}");
}

#[test]
fn values_stand_in_at_most_127_others() {
    let nested = |depth| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    for depth in [126, 127, 128, 100_000] {
        let sound = serde_json::from_slice::<Tree>(&nested(depth)).is_ok();
        assert_eq!((depth, Paths::new(["a"]).expect("paths").find(&nested(depth)).is_ok()), (depth, sound));
    }
}
