//! What an S3 answers, in words that say what to do.

use std::error::Error as StdError;
use std::fmt;

use object_store::Error;

const STORE: &str = "S3";

/// The store said no, and will say so again: somebody has to change something.
#[derive(Debug)]
pub(crate) struct Refusal(String);

/// The store's words for what went wrong: waiting may help.
#[derive(Debug)]
struct Trouble(String);

// === impl Refusal ===

impl Refusal {
    /// As the error of an object store.
    pub(super) fn of(reason: impl Into<String>) -> Error {
        Error::Generic { store: STORE, source: Box::new(Refusal(reason.into())) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Refusal {}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Trouble {}

/// What a store says while another request for the same name is under way, as the one whose answer did not come in time may be:
/// whether the name will be taken is open. The client makes no difference between this and a name that is taken.
const OPEN: [&str; 2] = ["ConditionalRequestConflict", "OperationAborted"];

/// The same error in a line, and as a [`Refusal`] where waiting is of no use. What callers tell apart, a name that is taken or
/// that nothing has, stays what it is.
pub(super) fn explained(error: Error) -> Error {
    let text = innermost(&error);
    let (code, message) = (tag(&text, "Code"), tag(&text, "Message"));
    let said = said(code, message, &text);
    match &error {
        Error::AlreadyExists { .. } if code.is_some_and(|code| OPEN.contains(&code)) => return trouble(said),
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => return error,
        _ => {}
    }
    if let Some(advice) = code.and_then(advice).or_else(|| advice_on_status(&text)) {
        let reason = format!("{said}: {advice}");
        return if is_last_word(&error, advice) { Refusal::of(reason) } else { trouble(reason) };
    }
    match error {
        Error::NotFound { .. } => error,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } if is_last_word(&error, "") => Refusal::of(said),
        // Without a code it may be the answer of something on the way, and is left as it is.
        _ if code.is_some() => trouble(said),
        other => other,
    }
}

fn trouble(reason: String) -> Error {
    Error::Generic { store: STORE, source: Box::new(Trouble(reason)) }
}

/// A refusal is the last word if it is also the first: where the client asked several times, an earlier request may have been
/// carried out, and who asked has to find out. What a store lacks, it lacks in each answer.
fn is_last_word(error: &Error, advice: &str) -> bool {
    let is_repeated = |cause: &(dyn StdError + 'static)| cause.to_string().contains(" retries, max_retries: ");
    let mut causes = std::iter::successors(Some(error as &(dyn StdError + 'static)), |&cause| cause.source());
    advice == crate::UNCONDITIONAL || !causes.any(is_repeated)
}

/// What to do about an answer that stays the same, by the code that S3 gives it.
pub fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "NoSuchBucket" => "create the bucket, or correct its name or the endpoint",
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" => {
            "these are not the credentials of this endpoint: see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN \
             and AWS_PROFILE, and which endpoint AWS_ENDPOINT_URL_S3 names"
        }
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
            "the credentials do not allow it: who reads needs s3:GetObject for the objects and s3:ListBucket for the bucket; \
             who writes needs s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload as well"
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            "the bucket is in another region: set AWS_REGION to that of the bucket"
        }
        "RequestTimeTooSkewed" => "set this machine's clock",
        "KeyTooLongError" => "shorten the prefix, or what stands for folders and names",
        "InvalidBucketName" => "there cannot be a bucket of that name",
        "NotImplemented" => crate::UNCONDITIONAL, // nothing else that is asked for is missing anywhere
        _ => return None,
    })
}

fn advice_on_status(text: &str) -> Option<&'static str> {
    let is_redirect = text.contains("301 Moved Permanently") || text.contains("redirect without LOCATION");
    let code = match () {
        () if is_redirect => "PermanentRedirect",
        () if text.contains("501 Not Implemented") => "NotImplemented",
        () => return None,
    };
    advice(code)
}

/// `SlowDown: Please reduce your request rate`.
fn said(code: Option<&str>, message: Option<&str>, text: &str) -> String {
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => code.to_owned(),
        (None, _) => text.trim().to_owned(),
    }
}

fn innermost(error: &Error) -> String {
    let mut cause: &(dyn StdError + 'static) = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The text of an element of the answer's XML, which is always this flat.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = after.split_once(&format!("</{name}>"))?;
    (!content.is_empty()).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: &str, message: &str) -> Box<dyn StdError + Send + Sync> {
        format!(
            "404 Not Found: <?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
        .into()
    }

    fn is_refusal(error: &Error) -> bool {
        error.source().is_some_and(|source| source.is::<Refusal>())
    }

    #[test]
    fn a_missing_bucket_is_no_missing_object() {
        let missing =
            |code| explained(Error::NotFound { path: "x".into(), source: answered(code, "It does not exist.") });
        assert!(is_refusal(&missing("NoSuchBucket")));
        assert!(matches!(missing("NoSuchKey"), Error::NotFound { .. }));
        assert!(missing("NoSuchBucket").to_string().contains("NoSuchBucket: It does not exist: create the bucket"));
    }

    #[test]
    fn a_refusal_tells_what_to_do_and_trouble_passes() {
        let generic = |code| explained(Error::Generic { store: STORE, source: answered(code, "Please.") });
        assert!(is_refusal(&generic("AuthorizationHeaderMalformed")));
        assert!(!is_refusal(&generic("SlowDown")));
        assert_eq!(generic("SlowDown").source().expect("a cause").to_string(), "SlowDown: Please");
    }

    #[test]
    fn a_refusal_after_other_answers_is_not_the_last_word() {
        let text = "Error performing PUT x in 1s, after 2 retries, max_retries: 5, retry_timeout: 20s - 403 Forbidden: \
                    <Code>AccessDenied</Code><Message>No.</Message>";
        let late = explained(Error::PermissionDenied { path: "x".into(), source: text.into() });
        assert!(!is_refusal(&late) && late.to_string().contains("AccessDenied"), "{late}");
    }

    #[test]
    fn a_name_that_is_taken_stays_just_that() {
        let taken = Error::AlreadyExists { path: "x".into(), source: answered("PreconditionFailed", "At least one.") };
        assert!(matches!(explained(taken), Error::AlreadyExists { .. }));
        let open = answered("ConditionalRequestConflict", "The conditional request cannot succeed.");
        let open = explained(Error::AlreadyExists { path: "x".into(), source: open });
        assert!(!is_refusal(&open) && open.to_string().contains("ConditionalRequestConflict"), "{open}");
    }
}
