//! YAML text to trees, with every mistake of syntax in one run.
//!
//! A parser stops at the first mistake. So the mistake is explained, what caused it is painted over byte for byte, which
//! keeps all places right, and the text is read again. What was painted over becomes [`Kind::Bad`].

mod builder;

use std::ops::Range;
use std::rc::Rc;

use granit_parser::{ErrorKind, Parser, options};

use super::limits::{ATTEMPTS_MAX, DEPTH_MAX, FILE_BYTES_MAX};
use super::lines;
use super::syntax::{self, Broken, Repair};
use super::{Mistake, Node};
use builder::Builder;

/// What a file holds.
#[derive(Debug)]
pub struct Parsed {
    /// Its documents without the empty ones.
    pub documents: Vec<Document>,
    /// Its mistakes of syntax, by place.
    pub mistakes: Vec<Mistake>,
}

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    /// Its value.
    pub root: Node,
    /// Whether a line could not be read that may have held a key: nobody can say then that one is missing.
    pub incomplete: bool,
}

/// Reads YAML or JSON.
pub fn parse(text: &str) -> Parsed {
    if text.len() > FILE_BYTES_MAX {
        let mistake = Mistake::new(0..0, format!("the file is larger than {FILE_BYTES_MAX} bytes"));
        return Parsed { documents: Vec::new(), mistakes: vec![mistake] };
    }
    let mut reading = Reading { text: text.into(), syntax: Vec::new(), bad: Vec::new(), hidden: Vec::new() };
    reading.run()
}

struct Reading {
    /// What is left of the file.
    text: Rc<str>,
    /// Mistakes of syntax so far.
    syntax: Vec<Mistake>,
    /// Where values start that were painted over.
    bad: Vec<usize>,
    /// Lines painted over whole.
    hidden: Vec<Range<usize>>,
}

enum Attempt {
    Whole(Builder),
    Broken(Builder, Option<Repair>),
}

impl Reading {
    fn run(&mut self) -> Parsed {
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt() {
                Attempt::Whole(builder) => return self.finish(builder),
                Attempt::Broken(builder, repair) => {
                    if !repair.is_some_and(|repair| self.repair(repair)) {
                        return self.finish(builder);
                    }
                }
            }
        }
        match self.attempt() {
            Attempt::Whole(builder) | Attempt::Broken(builder, _) => self.finish(builder),
        }
    }

    fn attempt(&self) -> Attempt {
        let options = options! {
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            disallow_directives: true,
            flow_nesting_limit: DEPTH_MAX,
            block_nesting_limit: DEPTH_MAX,
            max_buffered_comment_events: FILE_BYTES_MAX,
        };
        let mut parser = Parser::new_from_str_with_options(&self.text, options);
        let mut builder = Builder::new(Rc::clone(&self.text), self.bad.clone());
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => {
                    if let Err(limit) = builder.take(event, span) {
                        builder.mistakes.push(limit);
                        return Attempt::Broken(builder, None);
                    }
                }
                Err(error) => {
                    return self.explain(builder, error.kind(), error.marker().byte_offset().unwrap_or(0));
                }
            }
        }
        Attempt::Whole(builder)
    }

    fn explain(&self, mut builder: Builder, error: &ErrorKind, at: usize) -> Attempt {
        if *error == ErrorKind::RecursionLimitExceeded {
            builder.mistakes.push(builder::too_deep(at..at));
            return Attempt::Broken(builder, None);
        }
        let broken = Broken { text: &self.text, error, at, last: builder.last.clone(), open: builder.open_flow() };
        let repair = syntax::explain(&broken);
        Attempt::Broken(builder, Some(repair))
    }

    /// Paints over what was wrong; false when there is nothing left to paint.
    fn repair(&mut self, repair: Repair) -> bool {
        let line = lines::line_at(&self.text, repair.mistake.span.start);
        let before = self.text.clone();
        match repair.value {
            Some(value) if !self.bad.contains(&value.start) => {
                self.text = lines::paint_value(&self.text, &value).into();
                self.bad.push(value.start);
            }
            _ => {
                self.text = lines::paint_line(&self.text, &repair.extent).into();
                self.hidden.push(repair.extent);
            }
        }
        let known = self.syntax.iter().any(|mistake| line.contains(&mistake.span.start));
        if !known {
            self.syntax.push(repair.mistake);
        }
        before != self.text
    }

    fn finish(&mut self, builder: Builder) -> Parsed {
        let mut mistakes = std::mem::take(&mut self.syntax);
        mistakes.extend(builder.mistakes);
        mistakes.sort_by_key(|mistake| mistake.span.start);
        let ends: Vec<_> = builder.documents.iter().skip(1).map(|(_, start)| *start).chain([usize::MAX]).collect();
        let mut documents = Vec::new();
        let mut start = 0;
        for ((root, _), end) in builder.documents.into_iter().zip(ends) {
            let incomplete = self.hidden.iter().any(|hidden| (start..end).contains(&hidden.start));
            documents.push(Document { root, incomplete });
            start = end;
        }
        documents.retain(|document| !document.root.is_null());
        Parsed { documents, mistakes }
    }
}

#[cfg(test)]
mod tests;
