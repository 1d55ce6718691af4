//! Files and environment into a [`Config`].

use std::path::{Path, PathBuf};

use crate::error::{Code, Error};

use super::{Config, Section};

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub code: Code,
    /// The file or variable it stands in.
    pub source: String,
    /// The whole key, such as `queue.max_concurrent`.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// An endpoint's name, whether it runs by default, and what reads its table.
pub struct Reader {
    /// The name.
    pub name: &'static str,
    /// Whether it is in this build, and what reads it.
    pub read: Option<fn(&mut Section)>,
}

/// A file whose change may change the configuration.
pub type Watched = PathBuf;

/// Reads the configuration.
///
/// `file` is what `--config` says. Gives the configuration and the files that it was read from, or
/// every problem at once.
pub fn load(
    _file: Option<&Path>,
    _readers: &[Reader],
) -> Result<(Config, Vec<Watched>), Vec<Problem>> {
    Err(vec![])
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let Problem {
            code,
            source,
            key,
            message,
            hint,
        } = problem;
        Self::new(code, format!("{source}: `{key}` {message}")).hint(hint)
    }
}
