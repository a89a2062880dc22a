//! What an error of AMQP asks the engine to do.

use catchwater_sdk::{Error, ErrorKind};
use lapin::ErrorKind as Cause;

/// The error that `cause` is, met while `doing` something.
pub(crate) fn failure(doing: impl Into<String>, cause: lapin::Error) -> Error {
    let (kind, advice) = judge(&cause);
    Error::new(kind, format!("{}{advice}", doing.into())).because(cause)
}

/// The same where it was open before: what was there is on its way back. A queue's node, or who knows the users, may start later
/// than the node that answers.
pub(crate) fn passing(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Refused => Error::unavailable(error.to_string()).because(error),
        _ => error,
    }
}

/// The code of the broker's answer, if it is one.
pub(crate) fn code(cause: &lapin::Error) -> Option<u16> {
    match cause.kind() {
        Cause::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// The broker says that there is no such thing.
pub(crate) fn is_not_found(cause: &lapin::Error) -> bool {
    code(cause) == Some(404)
}

/// Whether the broker refused what a message is, and not that it came, or when: a precondition (406), or a frame or value
/// that it cannot read (501, 502, 505, 541), for which it closes the whole connection.
pub(crate) fn blames_a_message(cause: &lapin::Error) -> bool {
    matches!(code(cause), Some(406 | 501 | 502 | 505 | 541)) || matches!(cause.kind(), Cause::SerialisationError(_))
}

/// The client could not read what the broker sent.
pub(crate) fn is_unreadable(cause: &lapin::Error) -> bool {
    matches!(cause.kind(), Cause::ParsingError(_))
}

/// Whoever waits long enough may connect again; so all is `Unavailable` that an operator need not mend.
fn judge(cause: &lapin::Error) -> (ErrorKind, &'static str) {
    let says = |phrase: &str| cause.to_string().contains(phrase);
    match code(cause) {
        Some(403) if says("exclusive use") => (ErrorKind::Unavailable, ": another consumer has it for itself"),
        Some(403) if says("Login was refused") || says("PLAIN") => {
            (ErrorKind::Refused, ": the broker refuses user and password, see `url`")
        }
        Some(403) => (ErrorKind::Refused, ": the user may not do this, a permission must allow it"),
        Some(404) => (ErrorKind::Refused, ": it is not there; create it, or mend the name"),
        // What a consumer left unacknowledged is handed out again to who connects anew. RabbitMQ's words for it: "delivery
        // acknowledgement on channel 1 timed out", in older versions "consumer ack timed out".
        Some(406) if says("timed out") => (
            ErrorKind::Unavailable,
            ": messages waited too long for their acknowledgement, see the broker's `consumer_timeout`",
        ),
        Some(406) if says("delivery tag") => {
            (ErrorKind::Unavailable, ": the broker no longer knows what is acknowledged")
        }
        Some(406) => (ErrorKind::Refused, ": the broker has it with other settings"),
        Some(530) => (ErrorKind::Refused, ": the broker does not allow it; is the virtual host right?"),
        None if matches!(cause.kind(), Cause::IOError(_)) && says("certificate") => {
            (ErrorKind::Refused, ": the certificate is not trusted, see `tls`")
        }
        _ => (ErrorKind::Unavailable, ""),
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::AMQPError;

    use super::*;

    fn check(text: &str, expected: ErrorKind) {
        let cause = AMQPError::from_id(406, text.into()).expect("a code of AMQP");
        let error = failure("consume", Cause::ProtocolError(cause).into());
        assert_eq!(error.kind(), expected, "{}", error.chain());
    }

    #[test]
    fn an_acknowledgement_that_came_too_late_ends_no_pipeline() {
        let told = "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms. This \
                    timeout value can be configured, see consumers doc guide to learn more";
        check(told, ErrorKind::Unavailable);
        check("PRECONDITION_FAILED - consumer ack timed out on channel 1", ErrorKind::Unavailable);
        check("PRECONDITION_FAILED - unknown delivery tag 7", ErrorKind::Unavailable);
        check("PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/'", ErrorKind::Refused);
    }
}
