//! What an error of Kafka asks the engine to do.

use catchwater_sdk::{Error, ErrorKind};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// The error that `code` is, met while `doing` something.
pub(crate) fn failure(doing: impl Into<String>, code: Code) -> Error {
    let (kind, advice) = judge(code);
    Error::new(kind, format!("{}{advice}", doing.into())).because(code)
}

/// The code behind an error.
pub(crate) fn code_of(error: &KafkaError) -> Code {
    error.rdkafka_error_code().unwrap_or(Code::Fail)
}

/// librdkafka connects again by itself and for ever, so all is `Unavailable` that an operator need not mend.
fn judge(code: Code) -> (ErrorKind, &'static str) {
    match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => (ErrorKind::Refused, ": the brokers refuse the credentials, see `sasl` and `tls`"),
        Code::TopicAuthorizationFailed => {
            (ErrorKind::Refused, ": the user may not use the topic, an ACL must allow it")
        }
        Code::GroupAuthorizationFailed => {
            (ErrorKind::Refused, ": the user may not join the group, an ACL must allow it")
        }
        Code::ClusterAuthorizationFailed => (ErrorKind::Refused, ": the user may not do this, an ACL must allow it"),
        Code::InvalidGroupId => (ErrorKind::Refused, ": the name of the group is not valid"),
        Code::InvalidTopic => (ErrorKind::Refused, ": the name of a topic is not valid"),
        Code::UnsupportedVersion | Code::UnsupportedFeature => {
            (ErrorKind::Refused, ": the brokers are too old for this")
        }
        _ => (ErrorKind::Unavailable, ""),
    }
}

/// Whether the brokers refused what a record is, and not that it came, or when. They refuse whole batches: sent again
/// alone, each record shows whether it is to blame.
pub(crate) fn blames_a_batch(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::InvalidMessage
            | Code::InvalidMessageSize
            | Code::BadMessage
            | Code::MessageBatchTooLarge
    )
}

/// Whether one record is to blame for certain: the client itself found that it cannot be sent.
pub(crate) fn blames_a_record(code: Code) -> bool {
    matches!(code, Code::UnknownPartition | Code::InvalidArgument)
}
