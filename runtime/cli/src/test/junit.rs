//! The outcome in the XML that CI servers read: JUnit's, as its own Ant task writes it.

use std::io::Result;
use std::time::Duration;

use catchwater_sdk::plain;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Case, Suite};

type Xml = Writer<Vec<u8>>;

/// The document.
pub(super) fn write(suites: &[Suite]) -> Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let counts = counts(all());
    let counts = counts.iter().map(|(name, count)| (*name, count.as_str()));
    xml.create_element("testsuites")
        .with_attributes(counts)
        .write_inner_content(|xml| suites.iter().try_for_each(|suite| write_suite(suite, xml)))?;
    let mut document = xml.into_inner();
    document.push(b'\n');
    Ok(document)
}

fn write_suite(suite: &Suite, xml: &mut Xml) -> Result<()> {
    let name = &suite.planned.spec.name;
    let counts = counts(suite.cases.iter());
    let counts = counts.iter().map(|(name, count)| (*name, count.as_str()));
    let element = xml.create_element("testsuite").with_attribute(("name", name.as_str())).with_attributes(counts);
    element.write_inner_content(|xml| suite.cases.iter().try_for_each(|case| write_case(name, case, xml)))?;
    Ok(())
}

fn write_case(pipeline: &str, case: &Case, xml: &mut Xml) -> Result<()> {
    let (file, line) = place(&case.place);
    let element = xml.create_element("testcase").with_attributes([
        ("name", plain(case.name.chars()).as_str()),
        ("classname", pipeline),
        ("file", file),
        ("line", line),
        ("time", &seconds(case.took)),
    ]);
    if case.passed() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|xml| write_failure(case, xml))?;
    Ok(())
}

/// A transform that ends the pipeline is an error, anything else a failure.
fn write_failure(case: &Case, xml: &mut Xml) -> Result<()> {
    let failures = case.failures();
    let kind = if case.outcome.is_err() { "error" } else { "failure" };
    let message = failures.first().and_then(|failure| failure.lines().next()).unwrap_or_default();
    let text = failures.join("\n");
    let element = xml.create_element(kind).with_attribute(("message", message));
    element.write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case> + Clone) -> [(&'static str, String); 4] {
    let count = |is: fn(&Case) -> bool| cases.clone().filter(|case| is(case)).count().to_string();
    [
        ("tests", count(|_| true)),
        ("failures", count(|case| case.outcome.is_ok() && !case.passed())),
        ("errors", count(|case| case.outcome.is_err())),
        ("time", seconds(cases.clone().map(|case| case.took).sum())),
    ]
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

/// `file:line:column` without the column.
fn place(place: &str) -> (&str, &str) {
    let file_and_line = place.rsplit_once(':').map_or(place, |(rest, _)| rest);
    file_and_line.rsplit_once(':').unwrap_or((file_and_line, "1"))
}
