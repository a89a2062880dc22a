//! Why the server does not do what it was asked to.

use std::fmt;
use std::path::PathBuf;

use catchwater_engine::spec::Mistakes;
use catchwater_sdk::Error;

/// Why a request was not carried out. Nothing was changed, unless it says otherwise.
#[derive(Debug)]
pub enum Wrong {
    /// There is no pipeline of that name.
    Unknown(String),
    /// There is one already.
    Exists(String),
    /// It stands in a file, which is where it is changed.
    FromFile {
        /// The pipeline.
        name: String,
        /// Where it stands.
        file: PathBuf,
    },
    /// What was asked for cannot be planned.
    Mistakes(Mistakes),
    /// The request contradicts itself.
    Malformed(String),
    /// It cannot be done in the state that the pipeline is in.
    Conflict(String),
    /// It was tried and failed.
    Failed(Error),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Unknown(name) => write!(f, "there is no pipeline `{name}`"),
            Wrong::Exists(name) => write!(f, "there is a pipeline `{name}` already"),
            Wrong::FromFile { name, file } => {
                write!(f, "pipeline `{name}` stands in {}; change or delete it there", file.display())
            }
            Wrong::Mistakes(mistakes) => mistakes.fmt(f),
            Wrong::Malformed(text) | Wrong::Conflict(text) => f.write_str(text),
            Wrong::Failed(error) => f.write_str(&error.chain()),
        }
    }
}

impl std::error::Error for Wrong {}

impl From<Mistakes> for Wrong {
    fn from(mistakes: Mistakes) -> Wrong {
        Wrong::Mistakes(mistakes)
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        Wrong::Failed(error)
    }
}
