//! Documents that were cut, doubled and scrambled: whatever comes out, the loader answers, and its report can be drawn.

use catchwater_sdk::config::{parse, resolve};

use super::*;

const SEEDS: &[&str] = &[
    "name: p\nsource:\n  type: kafka\n  brokers: ${env:PW}\n  topics: [a, 'b']\ntransforms:\n  - type: filter\n    where: \"x: y\" # z\nsinks:\n  - type: lake\n    path: ./日本é\n    collection: ${stream}\n---\nname: &a q\nx: *a\ny: |\n  block\n",
    r#"{"name": "p", "source": {"type": "kafka", "topics": [1, null, "a\u00e9"]}, "sinks": [{"type": "lake"}]}"#,
];

const PIECES: &[&str] = &[
    "\t", "\n", "  ", ": ", "- ", "[", "]", "{", "}", "'", "\"", "${", "$${env:", "}", "#", "*a", "&a ", "!t ", "|\n",
    ">", "%", "@", "---\n", "...\n", "é", "\r\n", "\u{feff}", "\0", "? ", "<<: *a", "~", ",",
];

#[test]
fn answers_whatever_it_is_given() {
    let mut random = fastrand::Rng::with_seed(7);
    let catalog = Drawn::new();
    let schema = pipeline_schema(&catalog);
    for round in 0..1500 {
        let mut text = SEEDS[round % SEEDS.len()].to_owned();
        for _ in 0..random.usize(1..6) {
            mutate(&mut text, &mut random);
        }
        draw_all(&text, &schema);
    }
}

fn mutate(text: &mut String, random: &mut fastrand::Rng) {
    let at = text.floor_char_boundary(random.usize(0..=text.len()));
    let end = text.ceil_char_boundary((at + random.usize(0..12)).min(text.len()));
    match random.u8(0..4) {
        0 => text.replace_range(at..end, ""),
        1 => *text = [&text[..end], &text[at..]].concat(),
        2 => text.truncate(at),
        _ => text.insert_str(at, PIECES[random.usize(0..PIECES.len())]),
    }
}

fn draw_all(text: &str, schema: &serde_json::Value) {
    let parsed = parse(text);
    let mut mistakes = parsed.mistakes;
    for mut document in parsed.documents {
        resolve(&mut document.root, &Fixed, &mut mistakes);
        mistakes.extend(super::super::walker::walk(&document, schema, schema, text).mistakes);
    }
    let file = SourceFile::new(std::path::Path::new("x.yaml"), text.to_owned());
    for mistake in mistakes {
        assert!(mistake.span.start <= mistake.span.end && mistake.span.end <= text.len(), "{mistake:?} in {text:?}");
        let report = Mistakes::from(Located { file: file.clone(), mistake }).to_string();
        assert!(!report.contains("hunter2"), "{text:?}\n{report}");
    }
}
