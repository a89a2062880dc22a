use catchwater_sdk::Field;

use crate::testing::{transform, try_transform};
use crate::transforms::testing::{apply, keeps_the_contract};

fn check(config: &str, payload: &str, expected: &str) {
    assert_eq!(apply(&mut transform("mask", config), &[], &[Some(payload)]), [expected], "{config}");
}

fn refused(config: &str, expected: &str) {
    let said = try_transform("mask", config).map(drop).expect_err("it is refused").to_string();
    assert!(said.contains(expected), "{config}: {said}");
}

#[test]
fn redacts_and_leaves_the_rest_byte_for_byte() {
    let config = "{fields: [customer.email, '**.card'], how: redact}";
    let payload = r#"{ "id":1.50, "customer": {"email" : "a@b", "name":"\u0041"}, "pay":[{"card":4}] }"#;
    let masked = r#"{ "id":1.50, "customer": {"email" : "***", "name":"\u0041"}, "pay":[{"card":"***"}] }"#;
    check(config, payload, &format!("kept {masked}"));
    check(
        "{fields: [a], how: redact, text: 'say \"no\"'}",
        r#"{"a":[1,null,{"b":true}]}"#,
        r#"kept {"a":["say \"no\"",null,{"b":"say \"no\""}]}"#,
    );
    check(config, r#"{"other":1}"#, r#"kept {"other":1}"#);
}

#[test]
fn hashes_with_a_key_so_that_equal_values_stay_equal() {
    let config = "{fields: [a, b], how: hash, secret: k, length: 16}";
    // printf x | openssl dgst -sha256 -hmac k
    check(config, r#"{"a":"x","b":"\u0078"}"#, r#"kept {"a":"c38edc8815c8489f","b":"c38edc8815c8489f"}"#);
    let first =
        apply(&mut transform("mask", config), &[], &[Some(r#"{"a":5}"#), Some(r#"{"a":6}"#), Some(r#"{"a":5}"#)]);
    assert!(first[0] == first[2] && first[0] != first[1]);
}

#[test]
fn keeps_the_last_characters_of_what_is_long_enough() {
    let config = "{fields: [a], how: partial, keep: 4}";
    check(config, r#"{"a":"4111111111111234"}"#, r#"kept {"a":"***1234"}"#);
    check(config, r#"{"a":"1234567"}"#, r#"kept {"a":"***"}"#);
    check(config, r#"{"a":12345678}"#, r#"kept {"a":"***5678"}"#);
    check("{fields: [a], how: partial, keep: 1}", r#"{"a":"gr\u00fc\u00df"}"#, "kept {\"a\":\"***ß\"}");
}

#[test]
fn masks_headers_and_leaves_the_others() {
    let headers = [Field::text("user", "me"), Field::text("kind", "x"), Field::text("user", "you")];
    let masked = apply(&mut transform("mask", "{headers: [user], how: redact}"), &headers, &[Some("not JSON"), None]);
    assert_eq!(masked, ["kept not JSON [user=*** kind=x user=***]", "kept - [user=*** kind=x user=***]"]);
}

#[test]
fn what_cannot_be_looked_into_does_not_pass() {
    let reason = "the payload is not JSON: expected value at line 1 column 1";
    check("{fields: [a], how: redact}", "oops", &format!("rejected oops for {reason}"));
    assert_eq!(apply(&mut transform("mask", "{fields: [a], how: redact}"), &[], &[None]), ["kept -"]);
}

#[test]
fn settings_that_would_do_nothing_are_mistakes() {
    refused("how: redact", "nothing to mask");
    refused("{fields: [a], how: hash}", "needs a secret key");
    refused("{fields: [a], how: hash, secret: k, length: 4}", "from 8 to 64");
    refused("{fields: [a], how: redact, secret: k}", "belongs to `how: hash`");
    refused("{fields: [a.**], how: redact}", "names nothing");
}

#[test]
fn keeps_the_contract_of_a_transform() {
    keeps_the_contract("mask", "{fields: ['**.id', customer], headers: [a, nil], key: true, how: hash, secret: k}");
}
