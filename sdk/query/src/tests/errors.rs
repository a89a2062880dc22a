use crate::{DEPTH_MAX, QUERY_BYTES_MAX, Query, TERMS_MAX};

/// What is marked, the message, and the beginning of the help.
fn check(query: &str, marked: &str, message: &str, help: &str) {
    let error = Query::parse(query).expect_err(query);
    let shown = (&query[error.span.clone()], error.message.as_str(), error.help.as_deref().unwrap_or_default());
    assert_eq!((shown.0, shown.1), (marked, message), "{query}: {help}", help = shown.2);
    assert!(shown.2.contains(help) && help.is_empty() == shown.2.is_empty(), "{query}: {}", shown.2);
}

#[test]
fn draws_a_caret_under_the_mistake() {
    let error = Query::parse("größe:5 or\tx").expect_err("lower case");
    let expected = "`or` is an ordinary word here\n  |\n  | größe:5 or x\n  |         ^^\n  = help: operators are upper case: `OR`; to look for the text, quote it: \"or\"";
    assert_eq!(error.to_string(), expected);
    let error = Query::parse("a:").expect_err("no value");
    assert!(error.to_string().contains("  | a:\n  |  ^\n"), "{error}");
}

#[test]
fn a_long_line_is_cut_around_the_mistake() {
    let query = format!("{} or {}", "é ".repeat(500), "x ".repeat(500));
    let error = Query::parse(&query).expect_err("lower case").to_string();
    let lines: Vec<_> = error.lines().collect();
    assert!(lines.iter().take(4).all(|line| line.chars().count() < 110), "{error}");
    let caret = lines[3].chars().position(|c| c == '^').expect("a caret");
    assert_eq!(lines[2].chars().skip(caret).take(2).collect::<String>(), "or");
}

#[test]
fn names_the_operators() {
    check("a or b", "or", "`or` is an ordinary word here", "upper case: `OR`; to look for the text, quote it: \"or\"");
    check("a And b", "And", "`And` is an ordinary word here", "`AND`");
    check("not a", "not", "`not` is an ordinary word here", "`NOT`");
    check("a && b", "&&", "`&&` is an ordinary word here", "`AND`");
    check("a || b", "||", "`||` is an ordinary word here", "`OR`");
    check("!a", "!a", "`!` is an ordinary character here", "write `-` or `NOT`");
    check("!a:b", "!a", "`!` is an ordinary character here", "write `-a:`");
    check("+a:b", "+a", "`+` is an ordinary character here", "every term must match");
    check("a OR", "OR", "nothing follows this `OR`", "quote it: \"OR\"");
    check("a NOT", "NOT", "nothing follows this `NOT`", "quote");
    check("AND a", "AND", "nothing stands before this `AND`", "quote");
    check("a OR AND b", "OR", "nothing follows this `OR`", "quote");
    check("- a", "-", "a space follows this `-`", "directly before");
    check("a -", "-", "this `-` negates nothing", "quote");
    check("a --since 1h", "--", "`--` negates twice", "options stand outside");
    check("n:(-5)", "-", "`-` before a number could be its sign or negate it", "write `\\-`");
}

#[test]
fn finds_what_is_open_or_empty() {
    check("", "", "the query is empty", "`*` matches everything");
    check("  \n", "  \n", "the query is empty", "`*`");
    check("(a", "(", "this `(` is never closed", "add `)`");
    check("a)", ")", "this `)` closes nothing", "remove it");
    check(")", ")", "this `)` closes nothing", "remove it");
    check("a ()", "()", "nothing stands between these parentheses", "put a term");
    check("f:()", "()", "nothing stands between these parentheses", "put a term");
    check("a \"b", "\"", "this quote is never closed", "closing `\"`");
    check("f:\"b\\\"", "\"", "this quote is never closed", "closing `\"`");
    check("\"\"", "\"\"", "an empty phrase is in every text", "remove it");
    check("a\\", "\\", "this `\\` escapes nothing", "write `\\\\`");
    check("`a", "`", "this backquote is never closed", "quote it");
    check("`a b`", "`a b`", "a name in backquotes needs a `:` and a value", "`my key`:value");
}

#[test]
fn finds_what_is_wrong_with_a_field() {
    check("f:", ":", "a value is missing behind this `:`", "f:* finds");
    check("f: x", ":", "a value is missing behind this `:`", "no space follows the `:`: write f:x");
    check("(f:)", ":", "a value is missing behind this `:`", "f:*");
    check(":x", ":", "this `:` has no field", "quote it");
    check("a..b:x", "a..b", "a key of this field is empty", "backquotes");
    check("a*:x", "a*", "a field's name takes no wildcards", "backquotes");
    check("\"a b\":x", "\"a b\":", "a field's name stands in no quotes", "`a b`:");
    check("_time:x", "_time", "nothing is known of records under the name `_time`", "backquotes: `_time`");
    check(
        "_timestmap:x",
        "_timestmap",
        "nothing is known of records under the name `_timestmap`",
        "did you mean `_timestamp`?",
    );
    check("_key.a:x", "_key.a", "`_key` has nothing within it", "`_key`");
    check("_timestamp:>100", ">100", "no record can have such a `_timestamp`", "give a date");
    check("_timestamp:2026", "2026", "no record can have such a `_timestamp`", "give a date");
    check("_timestamp:2026*", "2026*", "no record can have such a `_timestamp`", "give a date");
    check("_partition:x", "x", "no record can have such a `_partition`", "number");
    check("_key:>5", ">5", "no record can have such a `_key`", "quoted");
    check("_redelivered:1", "1", "no record can have such a `_redelivered`", "true or false");
}

#[test]
fn finds_what_is_wrong_with_a_range() {
    check("amount:> 5", "", "a value to compare with is missing", "amount:>100");
    check("amount:>*", ">*", "nothing is greater or less than `*`", "f:*");
    check("amount:>5*", "5*", "a wildcard has no place in an order", "quote");
    check(">5", ">5", "a comparison needs a field", "amount:>100");
    check("{\"a\":1}", "{\"a\":1}", "a comparison needs a field", "looks like JSON");
    check("a:[1 to 5]", "to", "the word between the ends of a range is upper case: `TO`", "include");
    check("a:[1,5]", "[1,5", "a range is written `[1 TO 5]`", "include");
    check("a:[1 TO 5", "[1 TO 5", "this range is never closed", "close it");
    check("a:[1 TO new york]", "[1 TO new ", "this range is never closed", "quoted");
    check("a:[5 TO 1]", "[5 TO 1]", "this range holds nothing: its lower end is above its upper", "lower end");
    check("a:[1 TO x]", "[1 TO x]", "the ends of this range are of two kinds", "numbers");
    check("a:[2026-11-01 TO x]", "[2026-11-01 TO x]", "the ends of this range are of two kinds", "times");
    check("a:[1 TO 5]b", "[1 TO 5]b", "a space is missing", "space");
}

#[test]
fn answers_other_languages() {
    check("SELECT * FROM orders", "SELECT", "this looks like SQL", "catchwater sql");
    check("WHERE a = 1", "WHERE", "this looks like SQL", "catchwater sql");
    check("status = paid", "=", "`=` is an ordinary word here", "status:paid");
    check("status=paid", "status=paid", "`=` is an ordinary character here", "status:paid; to look");
    check("status==paid", "status==paid", "`==` is an ordinary character here", "status:paid");
    check("status!=paid", "status!=paid", "`!=` is an ordinary character here", "NOT status:paid");
    check("amount>100", "amount>100", "`>` is an ordinary character here", "amount:>100");
    check("amount>=100", "amount>=100", "`>=` is an ordinary character here", "amount:>=100");
    check("status:=paid", "=paid", "`=` has no place behind `:`", "write status:paid");
    check("status:!=paid", "!=paid", "`=` has no place behind `:`", "write NOT status:paid");
    check("status IN (a b)", "IN", "`IN` is an ordinary word here", "status:(paid OR sent)");
    check("name LIKE x", "LIKE", "`LIKE` is an ordinary word here", "name:Ann*");
    check("a IS null", "IS", "`IS` is an ordinary word here", "f:*");
    check("name:/jo.*n/", "/jo.*n/", "there are no regular expressions", "`*` is any text");
    check("/[0-9]+/", "/[0-9]+/", "there are no regular expressions", "`*` is any text");
    check("roam~", "roam~", "there is no fuzziness, and no weights", "write roam");
    check("f:roam~0.8", "roam~0.8", "there is no fuzziness, and no weights", "write f:roam");
    check("roam^2", "roam^2", "there is no fuzziness, and no weights", "write roam");
    check("\"a b\"~3", "\"a b\"~", "there is no fuzziness, and no weights", "write \"a b\"");
    check("name:'Bob Smith'", "'Bob", "single quotes quote nothing", "double quotes");
    check("count(x)", "count(", "a space is missing", "before `(`");
    check("a\"b\"", "a\"", "a space is missing", "quote the whole");
    check("\"a\"b", "\"a\"b", "a space is missing behind this phrase", "whole value");
}

/// What people type first who come from Lucene, SQL or jq.
#[test]
fn answers_the_most_likely_mistakes() {
    check("amount > 100", ">", "a comparison needs a field", "without a space: `amount:>100`");
    check("amount >= 100 AND x", ">=", "a comparison needs a field", "`amount:>=100`");
    check("(.total < 5)", "<", "a comparison needs a field", "`total:<5`");
    check("at >= '2026-11-01'", ">=", "a comparison needs a field", "`at:>=2026-11-01`");
    check("a AND > 5", ">", "a comparison needs a field", "`amount:>100`, `amount:[1 TO 5]`");
    check("at:>'2026-11-01'", "'2026-11-01'", "single quotes quote nothing", "double quotes");
    check("at:[now-1d TO now]", "now-1d", "a query knows no present time", "--since");
    check("at:>now/d", "now/d", "a query knows no present time", "quote it: \"now/d\"");
    check("_exists_:user", "_exists_", "`_exists_` is no field here", "`f:*` finds what is there");
    check("_missing_:user", "_missing_", "`_missing_` is no field here", "`NOT f:*`");
    check("status:!paid", "!paid", "`!` has no place behind `:`", "write NOT status:paid");
    check("name:%ann%", "%ann%", "`%` is an ordinary character here", "write name:*ann*");
    check("“new york”", "“new", "typographic quotes quote nothing", "double quotes");
    check("city:‘Rome’", "‘Rome’", "typographic quotes quote nothing", "city:\\‘Rome’");
    check(".status == \"paid\"", "==", "`==` is an ordinary word here", "status:paid");
    check("select(.a == 1)", "select(", "a space is missing", "before `(`");
    check("status IN ('a', 'b')", "IN", "`IN` is an ordinary word here", "status:(paid OR sent)");
    check("status:(\"a\", \"b\")", "\"a\",", "a space is missing behind this phrase", "whole value");
    check("status: paid", ":", "a value is missing behind this `:`", "write status:paid");
    check("_timestamp:>2026/11/01", ">2026/11/01", "no record can have such a `_timestamp`", "2026-11-01");
    check("a AND (b OR c", "(", "this `(` is never closed", "add `)`");
    check("total:[1..5]", "[1..5", "a range is written `[1 TO 5]`", "include");
}

#[test]
fn what_only_resembles_them_is_ordinary() {
    for text in [
        "/api/v1/",
        "path:/api/v1/",
        "user@host",
        "a~b",
        "x^y",
        "to",
        "\"or\"",
        "f:or",
        "f:NOT",
        "IS",
        "2^x",
        "a-b",
        "=>",
        "utm\\=x",
        "AND:x",
        "f:now",
        "f:>nowhere",
        "f:>\"now-1d\"",
        "f:\\!x",
        "f:!",
        "f:100%",
        "%",
        "f:\"%x%\"",
        "don’t",
        "*leading",
        "f:*leading",
    ] {
        assert!(Query::parse(text).is_ok(), "{text}: {}", Query::parse(text).expect_err("it is not"));
    }
}

#[test]
fn is_bounded() {
    let long = "x".repeat(QUERY_BYTES_MAX + 1);
    assert_eq!(Query::parse(&long).expect_err("long").message, "the query is longer than 16384 bytes");
    assert!(Query::parse(&long[1..]).is_ok());
    let deep = |n: usize| "(".repeat(n) + "x" + &")".repeat(n);
    assert!(Query::parse(&deep(DEPTH_MAX)).is_ok());
    assert!(Query::parse(&deep(DEPTH_MAX + 1)).expect_err("deep").message.starts_with("more than 100 parentheses"));
    assert!(
        Query::parse(&deep(8000)).is_err()
            && Query::parse(&"NOT ".repeat(4000)).is_err()
            && Query::parse(&"-(".repeat(8000)).is_err()
    );
    assert!(Query::parse(&"x ".repeat(TERMS_MAX)).is_ok());
    assert_eq!(
        Query::parse(&"x ".repeat(TERMS_MAX + 1)).expect_err("many").message,
        "the query has more than 1000 terms"
    );
}
