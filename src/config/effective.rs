//! A setting's value in force, and where it came from.

use std::fmt;

use toml::Value;

use crate::secret::redact_url;

use super::environment::Origin;

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Secret,
    /// All but the user, the password and the query.
    Url,
}

/// A setting's value in force. Two are equal where their values are, wherever they came from.
#[derive(Clone)]
pub struct Effective {
    /// Where it came from.
    pub origin: Origin,
    pub(super) value: Option<Value>,
    pub(super) kind: Kind,
}

impl Effective {
    pub(super) const fn new(value: Option<Value>, origin: Origin, kind: Kind) -> Self {
        Self {
            origin,
            value,
            kind,
        }
    }

    /// The value as it may be shown: a secret is `***`; `None` where nothing is set and there is no
    /// default.
    pub fn shown(&self) -> Option<Value> {
        let value = self.value.as_ref()?;
        Some(match self.kind {
            Kind::Plain => value.clone(),
            Kind::Secret => Value::String("***".to_owned()),
            Kind::Url => Value::String(redact_url(value.as_str().unwrap_or_default())),
        })
    }

    /// Whether it is shown as `***`.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}

impl PartialEq for Effective {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.shown(), self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let of = |text: &str, kind| {
            let value = Some(Value::String(text.to_owned()));
            format!("{:?}", Effective::new(value, Origin::File, kind))
        };
        assert!(!of("s3cret", Kind::Secret).contains("s3cret"));
        let url = of("postgres://me:s3cret@db/x?password=s3cret", Kind::Url);
        assert!(!url.contains("s3cret") && url.contains("db/x"), "{url}");
        assert!(of("/a/b?.db", Kind::Url).contains("/a/b?.db"));
    }
}
