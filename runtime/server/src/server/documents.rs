//! The documents of the files that somebody sent, each for itself, as the server keeps them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use catchwater_engine::plan::plan_texts;
use catchwater_sdk::Registry;
use catchwater_sdk::config::parse;

use super::apply::{PassedOver, WishedFile};
use crate::wrong::Wrong;

/// What files hold.
pub(super) struct Documents {
    /// Each pipeline's own document.
    pub(super) pipelines: BTreeMap<String, String>,
    /// What is no pipeline.
    pub(super) passed_over: Vec<PassedOver>,
}

impl Documents {
    /// Mistakes are named in the files as they were sent. What cannot be told to be one pipeline is refused: left out, it would
    /// be taken for one that nobody wants any more.
    pub(super) fn read(files: &[WishedFile], registry: &Registry) -> Result<Documents, Wrong> {
        let texts: Vec<_> = files.iter().map(|file| (Path::new(&file.name), file.text.as_str())).collect();
        let whole = plan_texts(&texts, registry)?;
        let passed_over = whole.destinations.iter().map(|destination| PassedOver {
            destination: destination.name.clone(),
            place: destination.place.describe(),
        });
        let mut documents = Documents { pipelines: BTreeMap::new(), passed_over: passed_over.collect() };
        for file in files {
            documents.add(file, registry)?;
        }
        let lost = whole.pipelines.iter().find(|planned| !documents.pipelines.contains_key(&planned.spec.name));
        match lost {
            None => Ok(documents),
            Some(planned) => Err(not_alone(&planned.spec.place.describe())),
        }
    }

    fn add(&mut self, file: &WishedFile, registry: &Registry) -> Result<(), Wrong> {
        for span in spans(&file.text) {
            let (line, text) = (1 + file.text[..span.start].matches('\n').count(), &file.text[span]);
            let plan = plan_texts(&[(Path::new(&file.name), text)], registry)?;
            match (plan.pipelines.as_slice(), plan.destinations.as_slice()) {
                ([planned], []) => {
                    self.pipelines.insert(planned.spec.name.clone(), text.to_owned());
                }
                ([], [_]) => {}
                _ => return Err(not_alone(&format!("{}:{line}", file.name))),
            }
        }
        Ok(())
    }
}

fn not_alone(place: &str) -> Wrong {
    Wrong::Malformed(format!(
        "{place}: this document cannot be told apart from those around it; put it into a file of its own"
    ))
}

/// Where each document of a file stands, with its markers and comments, as far as the parser says: what is empty belongs to
/// one of its neighbours.
fn spans(text: &str) -> Vec<Range<usize>> {
    let roots: Vec<_> = parse(text).documents.into_iter().map(|document| document.root.span).collect();
    let between = |pair: &[Range<usize>]| boundary(text, pair[0].end..pair[1].start);
    let bounds: Vec<_> = [0].into_iter().chain(roots.windows(2).map(between)).chain([text.len()]).collect();
    let spans = bounds.windows(2).map(|pair| pair[0]..pair[1]);
    spans.take(roots.len()).collect()
}

/// Where a document ends that the gap comes after: behind a `...`, which belongs to it, or in front of the `---` of the next.
fn boundary(text: &str, gap: Range<usize>) -> usize {
    let mut start = gap.start;
    for line in text[gap.clone()].split_inclusive('\n') {
        let begins_line = start == 0 || text[..start].ends_with('\n');
        match begins_line.then(|| line.get(..3)).flatten() {
            Some("...") => return start + line.len(),
            Some("---") => return start,
            _ => start += line.len(),
        }
    }
    gap.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = spans(text).into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn documents_are_told_apart_as_the_parser_does_it() {
        check("a: 1\n", &["a: 1\n"]);
        check("---\na: 1\n---\nb: |\n  ---\n", &["---\na: 1\n", "---\nb: |\n  ---\n"]);
        check("a: 1\n...\n# of b\nb: 2\n", &["a: 1\n...\n", "# of b\nb: 2\n"]);
        check("a: |\n  x\n...\n---\nb: 2\n...\n", &["a: |\n  x\n...\n", "---\nb: 2\n...\n"]);
        check(
            "a: 1 # ---\n--- {b: 2}\n--- # c\nc: '\n  --- '\n",
            &["a: 1 # ---\n", "--- {b: 2}\n", "--- # c\nc: '\n  --- '\n"],
        );
        check("a: 1\n---\n# nothing\n---\nb: 2\n", &["a: 1\n", "---\n# nothing\n---\nb: 2\n"]);
        check("# nothing\n---\na: 1\n---\n", &["# nothing\n---\na: 1\n---\n"]);
        check("a: 1\r\n...\r\nb: 2\r\n---\r\nc: 3", &["a: 1\r\n...\r\n", "b: 2\r\n", "---\r\nc: 3"]);
        check("# only a comment\n", &[]);
        check("", &[]);
    }

    #[test]
    fn what_is_cut_out_is_one_document_again() {
        let text = "# first\na: &x {b: 1}\nc: *x\n...\n\n%: 2\n--- # third\nd: >-\n  ...\n\n  ---\n...\n# end\n";
        for span in spans(text) {
            assert_eq!(parse(&text[span.clone()]).documents.len(), 1, "{:?}", &text[span]);
        }
    }
}
