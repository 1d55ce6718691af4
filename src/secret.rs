//! A value that must never be shown.

use std::fmt;

/// A token, key or password. It can be used, but neither printed nor serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `url` with what may be secret in it, user, password and query, replaced by `***`.
pub fn redact_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password that is not encoded may hold what would end the host.
    let user = if scheme.starts_with("http") && is_host(&rest[..end]) {
        None
    } else {
        rest.rfind('@')
    };
    let (mark, rest) = user.map_or(("", rest), |at| ("***", &rest[at..]));
    match rest.split_once('?') {
        Some((front, _)) => format!("{scheme}://{mark}{front}?***"),
        None => format!("{scheme}://{mark}{rest}"),
    }
}

/// Whether this is a host, perhaps with a port, and nothing else.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    !host.contains('@') && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn a_url_keeps_all_but_its_user_part_and_query() {
        assert_eq!(
            redact_url("postgres://me:pw@db:5432/x?a=b"),
            "postgres://***@db:5432/x?***"
        );
        assert_eq!(
            redact_url("http://[::1]:80/a?b=c@d"),
            "http://[::1]:80/a?***"
        );
        // Passwords that should have been encoded.
        for password in ["p@w", "p/w", "p?w", "p#w", "1/w", "/@"] {
            let url = format!("postgres://me:{password}@db/x");
            assert_eq!(redact_url(&url), "postgres://***@db/x");
        }
        assert_eq!(redact_url("https://me:p/w@a.b/c"), "https://***@a.b/c");
        assert_eq!(
            redact_url("http://127.0.0.1:1/a@b"),
            "http://127.0.0.1:1/a@b"
        );
        assert_eq!(redact_url("broca.db"), "broca.db");
    }
}
