use super::*;

/// Fields are replaced by `#` and the number of their path, dropped, or renamed, by what their path begins with.
fn apply(paths: &[&str], payload: &str) -> String {
    let paths_read = Paths::new(paths.iter().map(|path| path.trim_start_matches(['-', '>'])), "fields").expect("paths");
    let mut out = Vec::new();
    let changed =
        rewrite(&paths_read, payload.as_bytes(), &mut out, &mut |path, value, out| match paths[path].as_bytes()[0] {
            b'-' => Action::Drop,
            b'>' => Action::Rename("new"),
            _ if value.starts_with(['{', '[']) => Action::Each,
            _ => {
                out.extend_from_slice(format!("#{path}").as_bytes());
                Action::Written
            }
        });
    let out = String::from_utf8(out).expect("UTF-8");
    match changed {
        Ok(changed) => {
            assert_eq!(changed, out != payload, "{out}");
            out
        }
        Err(reason) => reason,
    }
}

fn check(paths: &[&str], payload: &str, expected: &str) {
    assert_eq!(apply(paths, payload), expected, "{paths:?} of {payload}");
}

#[test]
fn what_no_path_names_keeps_its_bytes() {
    for payload in [
        "{}",
        " { } ",
        "[]",
        "1.50",
        " \"\\u0041\" ",
        r#"{ "a" : [ 1.0 , {"b":1e3} ] , "\u0062": "\"}" }"#,
        "{\"x\":\"\\ud800\"}\n",
    ] {
        check(&["nothing", "**.none"], payload, payload);
    }
}

#[test]
fn a_value_is_replaced_where_it_stands() {
    check(&["a"], r#"{ "a" : 1 , "b": 2.50 }"#, r#"{ "a" : #0 , "b": 2.50 }"#);
    check(&["a.b", "c"], r#"{"a":{"b":"x\"}","c":1},"c":[]}"#, r#"{"a":{"b":#0,"c":1},"c":[]}"#);
    check(&["a"], r#"{"\u0061":null}"#, r#"{"\u0061":#0}"#);
    check(&["a"], r#"{"a":1,"a":2}"#, r#"{"a":#0,"a":#0}"#);
}

#[test]
fn a_path_passes_through_lists_and_keys_with_dots() {
    check(
        &["items.card"],
        r#"{"items":[{"card":1},{"card":2,"n":[{"card":3}]}]}"#,
        r#"{"items":[{"card":#0},{"card":#0,"n":[{"card":3}]}]}"#,
    );
    check(
        &["a.b.c"],
        r#"{"a.b":{"c":1},"a":{"b.c":2},"a.b.c":3,"a.bc":4}"#,
        r#"{"a.b":{"c":#0},"a":{"b.c":#0},"a.b.c":#0,"a.bc":4}"#,
    );
    check(&["a"], r#"[{"a":1},[{"a":2}]]"#, r#"[{"a":#0},[{"a":#0}]]"#);
}

#[test]
fn wildcards_stand_for_one_key_or_any_number() {
    check(&["a.*.e"], r#"{"a":{"x":{"e":1},"e":2},"e":3}"#, r#"{"a":{"x":{"e":#0},"e":2},"e":3}"#);
    check(&["**.e"], r#"{"a":{"x":{"e":1},"e":2},"e":3}"#, r#"{"a":{"x":{"e":#0},"e":#0},"e":#0}"#);
    check(&["a.**.e"], r#"{"a":{"x":[{"e":1}],"e":2},"e":3}"#, r#"{"a":{"x":[{"e":#0}],"e":#0},"e":3}"#);
    check(&["*"], r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":#0},"c":#0}"#);
}

#[test]
fn each_value_in_a_list_or_object_can_be_meant() {
    check(&["a"], r#"{"a":[1, {"k" : "v", "l":[]} ,null]}"#, r#"{"a":[#0, {"k" : #0, "l":[]} ,#0]}"#);
}

#[test]
fn a_field_that_is_dropped_takes_one_comma_along() {
    check(&["-a"], r#"{"a":1, "b":2, "c":3}"#, r#"{ "b":2, "c":3}"#);
    check(&["-b"], r#"{"a":1, "b":2, "c":3}"#, r#"{"a":1, "c":3}"#);
    check(&["-c"], r#"{"a":1, "b":2, "c":3 }"#, r#"{"a":1, "b":2}"#);
    check(&["-a", "-b"], r#"{ "a":1, "b":2 }"#, "{}");
    check(&["-x.a"], r#"{"x":[{"a":{"b":[1]}},{"a":2,"c":3}]}"#, r#"{"x":[{},{"c":3}]}"#);
}

#[test]
fn a_field_that_is_renamed_keeps_its_value() {
    check(&[">a"], r#"{"a" : {"a":1.0} , "b":2}"#, r#"{"new" : {"a":1.0} , "b":2}"#);
    check(&[">a", "a.x"], r#"{"a":{"x":1}}"#, r#"{"new":{"x":#1}}"#);
    let taken = "there is a field `new` already, beside the one to be renamed";
    check(&[">a"], r#"{"a":1,"new":2}"#, taken);
    check(&[">a"], r#"{"n\u0065w":2, "a":1}"#, taken);
    check(&[">a", ">b"], r#"{"a":1,"b":2}"#, taken);
}

#[test]
fn what_is_not_json_is_not_touched() {
    check(&["a"], "{", "the payload is not JSON: EOF while parsing an object at line 1 column 1");
    check(&["a"], "", "the payload is not JSON: EOF while parsing a value at line 1 column 0");
    check(&["a"], "{} {}", "the payload is not JSON: trailing characters at line 1 column 4");
    let deep = format!("{}{}", "[".repeat(600), "]".repeat(600));
    check(&["a"], &deep, "the payload is nested deeper than 512 levels at byte 512");
    let deep = format!("{{\"b\":{}{}}}", "[".repeat(600), "]".repeat(600));
    check(&["a"], &deep, &deep);
}

#[test]
fn a_path_that_names_nothing_is_a_mistake() {
    for path in ["", "a..b", "a.**", ".a"] {
        Paths::new([path], "fields").expect_err(path);
    }
}

/// Random JSON with random spaces, and what becomes of it when each value below a key `k` is replaced.
struct Dice {
    random: fastrand::Rng,
    before: String,
    after: String,
}

impl Dice {
    fn both(&mut self, text: &str) {
        self.before += text;
        self.after += text;
    }

    fn space(&mut self) {
        let space = self.random.choice(["", "", " ", "\n\t", "  "]).expect("some");
        self.both(space);
    }

    fn value(&mut self, depth: u32, replaced: bool) {
        match self.random.u32(0..if depth < 4 { 4 } else { 2 }) {
            2 => self.several("[", "]", |dice| dice.value(depth + 1, replaced)),
            3 => self.several("{", "}", |dice| {
                let (key, is_k) = dice
                    .random
                    .choice([(r#""k""#, true), (r#""\u006b""#, true), (r#""a:{b""#, false), (r#""\"k""#, false)])
                    .expect("some");
                dice.both(key);
                dice.space();
                dice.both(":");
                dice.space();
                dice.value(depth + 1, replaced || is_k);
            }),
            _ => {
                let scalar = self
                    .random
                    .choice(["1.50", "-0e1", "null", r#""\\\"}""#, r#""grün""#, "12345678901234567890", "false"])
                    .expect("some");
                self.before += scalar;
                self.after += if replaced { "#0" } else { scalar };
            }
        }
    }

    fn several(&mut self, open: &str, close: &str, one: impl Fn(&mut Dice)) {
        self.both(open);
        self.space();
        for i in 0..self.random.u32(0..4) {
            if i > 0 {
                self.both(",");
                self.space();
            }
            one(self);
            self.space();
        }
        self.both(close);
    }
}

#[test]
fn whatever_is_around_a_changed_value_keeps_its_bytes() {
    for seed in 0..3000 {
        let mut dice = Dice { random: fastrand::Rng::with_seed(seed), before: String::new(), after: String::new() };
        dice.space();
        dice.value(0, false);
        dice.space();
        let mut out = Vec::new();
        let paths = Paths::new(["**.k"], "fields").expect("a path");
        rewrite(&paths, dice.before.as_bytes(), &mut out, &mut |_, value, out| match value.starts_with(['{', '[']) {
            true => Action::Each,
            false => {
                out.extend_from_slice(b"#0");
                Action::Written
            }
        })
        .expect("it is JSON");
        assert_eq!(String::from_utf8_lossy(&out), dice.after, "seed {seed}");
    }
}

#[test]
fn what_is_left_when_fields_are_dropped_is_json_without_them() {
    fn without(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                map.into_iter().filter(|(key, _)| key != "k").map(|(key, value)| (key, without(value))).collect()
            }
            serde_json::Value::Array(list) => list.into_iter().map(without).collect(),
            scalar => scalar,
        }
    }
    for seed in 0..3000 {
        let mut dice = Dice { random: fastrand::Rng::with_seed(seed), before: String::new(), after: String::new() };
        dice.value(0, false);
        let mut out = Vec::new();
        let paths = Paths::new(["**.k"], "fields").expect("a path");
        rewrite(&paths, dice.before.as_bytes(), &mut out, &mut |_, _, _| Action::Drop).expect("it is JSON");
        let left: serde_json::Value =
            serde_json::from_slice(&out).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(left, without(serde_json::from_str(&dice.before).expect("it is JSON")), "seed {seed}");
    }
}
