//! Why a configuration is refused, and what it warns of.

use std::fmt;
use std::path::PathBuf;

use super::setting::variable;

/// Why the configuration cannot be used.
///
/// No message holds the value of a secret setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that its setting does not take. `assigned` is ` = "value"`, or empty for a secret.
    #[error("{variable}{assigned} {problem}; an example: {variable}={example}")]
    Value {
        variable: String,
        assigned: String,
        problem: String,
        example: &'static str,
    },
    /// A variable whose value is not UTF-8.
    #[error("{0} is not valid UTF-8")]
    NotText(String),
    /// A value that is given directly and by a file at once.
    #[error("{name} and {file_name} are both set: keep one of them")]
    SetTwice { name: String, file_name: String },
    /// A file of a value that cannot be read.
    #[error("{name} names the file {path}, which {problem}")]
    ValueFile {
        name: String,
        path: PathBuf,
        problem: String,
    },
    /// A configuration file that cannot be read.
    #[error("the configuration file {path}: {problem}")]
    File { path: PathBuf, problem: String },
    /// A key of the configuration file that is no setting.
    #[error("the configuration file {path}: {key} is no setting, the nearest is {nearest}")]
    UnknownKey {
        path: PathBuf,
        key: String,
        nearest: String,
    },
}

/// A variable with the prefix of Rollcall that is no setting.
///
/// It does not stop the start: for a service named rollcall, orchestrators set variables such as
/// `ROLLCALL_PORT` and `ROLLCALL_SERVICE_HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVariable {
    pub(super) name: String,
    pub(super) nearest: String,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ignored, nearest) = (variable(&self.name), variable(&self.nearest));
        write!(
            f,
            "{ignored} is no setting and is ignored, the nearest setting is {nearest}"
        )
    }
}
