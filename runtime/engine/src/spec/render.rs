//! One mistake as text: the key and what is wrong with it, `file:line:column`, the line with carets, what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Located;

/// Lines are clipped to this many columns around the place.
const WIDTH: usize = 120;

/// Draws a mistake.
pub(super) fn render(located: &Located, colours: bool) -> String {
    let mistake = &located.mistake;
    let text = located.file.text();
    let start = text.floor_char_boundary(mistake.span.start);
    let (number, _) = located.file.line_and_column(start);
    let line = line_around(text, start);
    // Only the line is handed over: the library would search the whole file for it each time. A place that goes on on
    // the next line is cut at the end of this one, and never within a character, where the library panics.
    let end = text.floor_char_boundary(mistake.span.end).clamp(start, line.end);
    let place = start - line.start..end.max(next_character(text, start).min(line.end)) - line.start;
    let path = located.file.path().display().to_string();
    let annotation = AnnotationKind::Primary.span(place);
    let snippet = Snippet::source(&text[line]).line_start(number).path(path).annotation(annotation);
    let mut report = vec![Level::ERROR.primary_title(mistake.to_string()).element(snippet)];
    if let Some(help) = &mistake.help {
        report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(WIDTH).render(&report)
}

fn line_around(text: &str, at: usize) -> std::ops::Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    start..start + line.len()
}

fn next_character(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}
