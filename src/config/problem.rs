//! What can be wrong with a configuration.

use std::fmt;

use crate::error::{Code, Error};

/// One thing that is wrong with the configuration. Never holds a value, since a secret may stand in the
/// wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub code: Code,
    /// The file or variable it stands in.
    pub source: String,
    /// The whole key, such as `queue.max_concurrent`; empty where it is the whole source.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub message: String,
    /// What to do.
    pub hint: String,
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
        let place = match key.as_str() {
            "" => source,
            key => format!("{source}: `{key}`"),
        };
        let between = if key.is_empty() { ":" } else { "" };
        Self::new(code, format!("{place}{between} {message}")).hint(hint)
    }
}

/// Every problem of one configuration.
#[derive(Debug, Clone)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{}", Error::from(problem.clone()).message())?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
