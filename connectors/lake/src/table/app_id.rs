//! The names under which positions stand in a table's log: `capture/source/incarnation/stream/partition`.
//!
//! Delta calls such a name an application id and the number beside it a version; ours is the position at which reading goes
//! on. Slashes and percent signs within a part are escaped as in URLs, so that a name can be taken apart again.

use catchwater_sdk::Partition;

/// The id of a partition in a capture: a consumer group, else a pipeline.
pub(crate) fn format(capture: &str, partition: &Partition) -> String {
    let Partition { source, stream, incarnation, number } = partition;
    let parts = [capture, source, incarnation, stream].map(escape);
    std::format!("{}/{number}", parts.join("/"))
}

/// Capture and partition of an id; none for ids that are not ours.
pub(crate) fn parse(app_id: &str) -> Option<(String, Partition)> {
    let mut parts = app_id.split('/');
    let mut next = || parts.next().and_then(unescape);
    let (capture, source, incarnation, stream) = (next()?, next()?, next()?, next()?);
    let number = next()?.parse().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let partition = Partition { source: source.into(), stream: stream.into(), incarnation: incarnation.into(), number };
    Some((capture, partition))
}

/// A part of a name that slashes hold together.
pub(crate) fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

/// None if there is a percent sign that escaping did not put there.
pub(crate) fn unescape(part: &str) -> Option<String> {
    let text = part.replace("%2F", "/");
    let known = text.matches("%25").count();
    (text.matches('%').count() == known).then(|| text.replace("%25", "%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(capture: &str, source: &str, stream: &str, incarnation: &str, expected: &str) {
        let partition =
            Partition { source: source.into(), stream: stream.into(), incarnation: incarnation.into(), number: 3 };
        let app_id = format(capture, &partition);
        assert_eq!(app_id, expected);
        assert_eq!(parse(&app_id), Some((capture.to_owned(), partition)));
    }

    #[test]
    fn comes_apart_as_it_was_put_together() {
        check("group", "cluster", "orders", "id1", "group/cluster/id1/orders/3");
        check("a/b", "%2F", "100%", "", "a%2Fb/%252F//100%25/3");
        check("a%", "/", "%25", "%%2F/", "a%25/%2F/%25%252F%2F/%2525/3");
    }

    #[test]
    fn other_writers_ids_are_not_ours() {
        for app_id in ["", "delta-sink-7", "a/b/c/d", "a/b/c/d/x", "a/b/c/d/1/e", "a%20/b/c/d/1"] {
            assert_eq!(parse(app_id), None, "{app_id}");
        }
    }
}
