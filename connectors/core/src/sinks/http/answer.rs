//! What a server's answer means.

use std::time::Duration;

use catchwater_sdk::Error;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use super::tls::is_distrust;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is done.
    Done,
    /// The server is away or busy: the same again, after a wait if it named one.
    Again(Error, Option<Duration>),
    /// It will never be taken, for this reason.
    Reject(String),
    /// Nothing will be taken.
    Stop(Error),
}

/// So much of an answer is read to find the reason; and shown.
const READ_BYTES_MAX: usize = 16 << 10;
const SHOWN_CHARACTERS_MAX: usize = 200;

/// Judges an answer, or that there was none.
pub(super) async fn judge(url: &Url, answer: reqwest::Result<Response>, now_micros: i64) -> Verdict {
    match answer {
        Ok(response) => {
            let (status, headers) = (response.status(), response.headers().clone());
            let said = read(response).await;
            of_status(url, status, &headers, &said, now_micros)
        }
        // Nothing was sent, and nothing will be.
        Err(error) if error.is_builder() => {
            Verdict::Reject(Error::data(format!("post to {url}")).because(error.without_url()).chain())
        }
        Err(error) if is_distrust(&error) => {
            let text = format!(
                "post to {url}: its certificate is not trusted (name the authority's file in `tls.ca`, or mend `url`)"
            );
            Verdict::Stop(Error::refused(text).because(error.without_url()))
        }
        // The cause names the URL once more.
        Err(error) => Verdict::Again(Error::unavailable(format!("post to {url}")).because(error.without_url()), None),
    }
}

/// The beginning of the answer. Read to its end where that is near, so that the connection can be used again.
async fn read(mut response: Response) -> String {
    let mut said = Vec::new();
    while said.len() < READ_BYTES_MAX
        && let Ok(Some(part)) = response.chunk().await
    {
        said.extend_from_slice(&part);
    }
    let text = String::from_utf8_lossy(&said);
    let shown = text.trim().chars().take(SHOWN_CHARACTERS_MAX);
    shown.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn of_status(url: &Url, status: StatusCode, headers: &HeaderMap, said: &str, now_micros: i64) -> Verdict {
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let text = format!("{url} answered {}{said}", status.as_u16());
    match status.as_u16() {
        200..=299 => Verdict::Done,
        408 | 425 | 429 | 500..=599 => Verdict::Again(Error::unavailable(text), retry_after(headers, now_micros)),
        401 | 403 | 407 => {
            Verdict::Stop(Error::refused(format!("{text} (check `token`, `basic` and who may post there)")))
        }
        400..=499 => Verdict::Reject(text),
        300..=399 => {
            let place = headers.get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("nowhere");
            Verdict::Stop(Error::refused(format!(
                "{text} and points to {place} (set `url` to the address that takes records)"
            )))
        }
        _ => Verdict::Stop(Error::refused(text)),
    }
}

/// Seconds, or the date of HTTP.
fn retry_after(headers: &HeaderMap, now_micros: i64) -> Option<Duration> {
    let written = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = written.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(written).ok()?;
    let micros = date.timestamp().as_microsecond().saturating_sub(now_micros);
    Some(Duration::from_micros(micros.max(0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 784_111_777_000_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn check(status: u16, headers: &[(&'static str, &str)], expected: &str) {
        let headers = headers
            .iter()
            .map(|(name, value)| (reqwest::header::HeaderName::from_static(name), value.parse().expect("a value")));
        let url = Url::parse("http://h/p").expect("a URL");
        let status = StatusCode::from_u16(status).expect("a status");
        let shown = match of_status(&url, status, &headers.collect(), "why", NOW) {
            Verdict::Done => "done".to_owned(),
            Verdict::Again(error, wait) => format!("again {wait:?} {error}"),
            Verdict::Reject(reason) => format!("reject {reason}"),
            Verdict::Stop(error) => format!("stop {error}"),
        };
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn a_status_says_what_happens_next() {
        check(200, &[], "done");
        check(204, &[], "done");
        for status in [408, 425, 429, 500, 502, 503, 504] {
            check(status, &[], &format!("again None http://h/p answered {status}: why"));
        }
        for status in [400, 404, 409, 410, 413, 415, 422] {
            check(status, &[], &format!("reject http://h/p answered {status}: why"));
        }
        for status in [401, 403, 407] {
            check(status, &[], &format!("stop http://h/p answered {status}: why (check `token`"));
        }
        check(301, &[("location", "http://new/")], "stop http://h/p answered 301: why and points to http://new/");
    }

    #[test]
    fn a_server_may_say_when_to_come_again() {
        check(429, &[("retry-after", "7")], "again Some(7s)");
        check(503, &[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], "again Some(60s)");
        check(503, &[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], "again Some(0ns)");
        check(503, &[("retry-after", "soon")], "again None");
        check(503, &[("retry-after", "-1")], "again None");
    }
}
