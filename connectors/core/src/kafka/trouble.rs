//! What librdkafka says beside its answers: log lines, and errors of connections.

use std::sync::Mutex;

use catchwater_sdk::{Error, ErrorKind};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tracing::{debug, warn};

use super::failure::failure;

/// Remembers why connections fail: a question that is not answered in time then has a reason.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    last: Mutex<Option<(Code, String)>>,
}

impl Trouble {
    /// As `ClientContext::error` is told. librdkafka connects again by itself, so nobody else needs to hear of it.
    pub(crate) fn note(&self, error: &KafkaError, reason: &str) {
        debug!(%error, reason, "kafka connection");
        let Some(code) = error.rdkafka_error_code() else { return };
        // That all brokers are down says less than the error before it.
        if code != Code::AllBrokersDown {
            *self.last.lock().expect("nothing panics under this lock") = Some((code, reason.to_owned()));
        }
    }

    /// The brokers answer: what was wrong is over.
    pub(crate) fn clear(&self) {
        *self.last.lock().expect("nothing panics under this lock") = None;
    }

    /// The error of a question that got no answer: with wrong credentials or certificates waiting does not help.
    pub(crate) fn explain(&self, doing: &str, code: Code) -> Error {
        let unanswered = matches!(code, Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown);
        match self.last.lock().expect("nothing panics under this lock").clone() {
            Some((cause, reason)) if unanswered => explained(doing, cause, reason),
            _ => failure(doing, code),
        }
    }
}

fn explained(doing: &str, cause: Code, reason: String) -> Error {
    let error = failure(doing, cause);
    match cause {
        Code::SSL => {
            Error::new(ErrorKind::Refused, format!("{doing}: the TLS handshake failed, see `tls`")).because(reason)
        }
        _ => Error::new(error.kind(), error.to_string()).because(reason),
    }
}

/// As `ClientContext::log` is told.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => warn!(facility, "{message}"),
        _ => debug!(facility, "{message}"),
    }
}
