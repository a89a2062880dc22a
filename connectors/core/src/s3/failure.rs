//! What S3 answers, as an error that says what to do.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use catchwater_sdk::Error;
use catchwater_storage::{missing_credentials, s3_advice};

/// So much is shown at most of an answer that is not S3's.
const BODY_BYTES_SHOWN: usize = 200;

/// A bound for the errors of all requests.
pub(super) trait Answer: ProvideErrorMetadata + StdError + Send + Sync + 'static {}

impl<E: ProvideErrorMetadata + StdError + Send + Sync + 'static> Answer for E {}

/// The error of a request: `Refused` where waiting is of no use, as somebody has to change something.
pub(super) fn failed<E: Answer>(doing: String, error: SdkError<E>) -> Error {
    if let Some(reason) = without_credentials(&error) {
        return Error::refused(format!("{doing}: {reason}"));
    }
    let Some(status) = status(&error).filter(|_| !matches!(error, SdkError::ResponseError(_))) else {
        let is_mistake = matches!(error, SdkError::ConstructionFailure(_));
        let failed = if is_mistake { Error::refused(doing) } else { Error::unavailable(doing) };
        return match error.into_source() {
            Ok(source) => failed.because(source),
            Err(error) => failed.because(error),
        };
    };
    let said = said(&error, status);
    match (error.code().and_then(s3_advice).or_else(|| advice_on_status(&error, status)), status) {
        (Some(advice), _) => Error::refused(format!("{doing}: {said}: {advice}")),
        (None, 401 | 403 | 407) => Error::refused(format!("{doing}: {said}")),
        (None, _) => Error::unavailable(format!("{doing}: {said}")),
    }
}

/// The status of an answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// Answers without a body have no code of S3's.
fn advice_on_status<E>(error: &SdkError<E>, status: u16) -> Option<&'static str> {
    match status {
        301 | 302 | 308 if header(error, "location").is_some() => Some("correct the endpoint"),
        301 => s3_advice("PermanentRedirect"),
        501 => s3_advice("NotImplemented"),
        _ => None,
    }
}

fn header<'a, E>(error: &'a SdkError<E>, name: &str) -> Option<&'a str> {
    error.raw_response()?.headers().get(name)
}

/// `SlowDown: Please reduce your request rate`.
fn said<E: Answer>(error: &SdkError<E>, status: u16) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => format!("{code}, status {status}"),
        (None, _) => format!("the store answers with status {status}{}", rest(error)),
    }
}

/// What else there is of an answer that is not S3's: something on the way, or another server.
fn rest<E>(error: &SdkError<E>) -> String {
    let body = error.raw_response().and_then(|answer| answer.body().bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(BODY_BYTES_SHOWN)]).into_owned();
    let words = [header(error, "location"), body.lines().map(str::trim).find(|line| !line.is_empty())];
    words.into_iter().flatten().map(|word| format!(", {word}")).collect()
}

fn without_credentials<E: Answer>(error: &SdkError<E>) -> Option<String> {
    let causes = std::iter::successors(Some(error as &(dyn StdError + 'static)), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref()).find_map(missing_credentials)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::http::HttpResponse;
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_sdk_s3::primitives::SdkBody;
    use catchwater_sdk::ErrorKind;

    use super::*;

    fn check(code: Option<&str>, number: u16, kind: ErrorKind, words: &str) {
        check_answer(code, number, None, "", kind, words);
    }

    fn check_answer(
        code: Option<&str>,
        number: u16,
        to: Option<&'static str>,
        body: &str,
        kind: ErrorKind,
        words: &str,
    ) {
        let said = ErrorMetadata::builder();
        let said = code.into_iter().fold(said, |said, code| said.code(code).message("It said so."));
        let mut answer = HttpResponse::new(number.try_into().expect("a status"), SdkBody::from(body));
        to.into_iter().for_each(|to| drop(answer.headers_mut().insert("location", to)));
        let error = SdkError::service_error(PutObjectError::generic(said.build()), answer);
        let error = failed("put s3://b/x".into(), error);
        assert_eq!((error.kind(), error.chain().as_str()), (kind, words));
    }

    #[test]
    fn what_somebody_has_to_change_is_refused_with_advice_and_the_rest_is_waited_for() {
        let missing = "put s3://b/x: NoSuchBucket: It said so: create the bucket, or correct its name or the endpoint";
        check(Some("NoSuchBucket"), 404, ErrorKind::Refused, missing);
        check(None, 403, ErrorKind::Refused, "put s3://b/x: the store answers with status 403");
        check(Some("SlowDown"), 503, ErrorKind::Unavailable, "put s3://b/x: SlowDown: It said so");
        check(None, 409, ErrorKind::Unavailable, "put s3://b/x: the store answers with status 409");
    }

    #[test]
    fn a_redirect_without_a_word_is_about_the_region() {
        let words = "put s3://b/x: the store answers with status 301: the bucket is in another region: set AWS_REGION to that of \
                     the bucket";
        check(None, 301, ErrorKind::Refused, words);
    }

    #[test]
    fn what_answers_in_the_place_of_a_store_is_shown() {
        let words = "put s3://b/x: the store answers with status 400, Client sent an HTTP request to an HTTPS server.";
        let body = "\n  Client sent an HTTP request to an HTTPS server.\nMore.";
        check_answer(None, 400, None, body, ErrorKind::Unavailable, words);
        let words = "put s3://b/x: the store answers with status 308, https://b/x: correct the endpoint";
        check_answer(None, 308, Some("https://b/x"), "", ErrorKind::Refused, words);
    }
}
