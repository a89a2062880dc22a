//! What is wrong with a configuration, in the words that Kafka Connect has for it.

/// A key, and what is wrong with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) key: String,
    pub(crate) message: String,
}

// === impl Invalid ===

impl Invalid {
    pub(crate) fn new(key: &str, message: impl Into<String>) -> Invalid {
        Invalid { key: key.to_owned(), message: message.into() }
    }

    pub(crate) fn value(key: &str, text: &str, why: &str) -> Invalid {
        Invalid::new(key, format!("Invalid value {text} for configuration {key}: {why}"))
    }

    pub(crate) fn missing(key: &str) -> Invalid {
        Invalid::new(key, format!("Missing required configuration \"{key}\" which has no default value."))
    }

    /// There is no null in a configuration.
    pub(crate) fn null(key: &str) -> Invalid {
        Invalid::new(key, "Null value can not be supplied as the configuration value.")
    }

    /// Two keys for one setting, of which only one could be heeded.
    pub(crate) fn said_twice(key: &str, other: &str) -> Invalid {
        Invalid::new(key, format!("{other} and {key} are mutually exclusive options, but both are set."))
    }

    pub(crate) fn undefined(key: &str) -> Invalid {
        Invalid::new(key, format!("Configuration is not defined: {key}"))
    }

    pub(crate) fn no_class(key: &str, name: &str) -> Invalid {
        Invalid::value(key, name, &format!("Class {name} could not be found."))
    }

    /// A value that would not be heeded.
    pub(crate) fn unsupported(key: &str, text: &str, why: &str) -> Invalid {
        Invalid::value(key, text, &format!("Not supported: {why}"))
    }

    /// A value beside those that say what is done in any case.
    pub(crate) fn not_among(key: &str, text: &str, kind: &str, those: &[&str]) -> Invalid {
        let those = those.join(", ");
        match kind {
            "CLASS" => Invalid::value(key, text, &format!("Class {text} could not be found. There are: {those}")),
            _ => Invalid::value(key, text, &format!("String must be one of: {those}")),
        }
    }
}
