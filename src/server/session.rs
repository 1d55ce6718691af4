//! Sessions of people who have no account: whoever holds the token is the person.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use crate::shelf::{Keep, Shelf};
use crate::time::Timestamp;

/// A session that is not used for so long is gone.
pub const LIFE: Duration = Duration::from_hours(30 * 24);
/// A session in use is renewed this often.
const RENEWAL: Duration = Duration::from_hours(24);
/// The hashes of tokens, and the session of each.
const TOKENS: &str = "tokens";
/// The sessions.
const SESSIONS: &str = "sessions";

/// The sessions on a shelf. Tokens are kept as SHA-256 only. Every method blocks.
pub struct Sessions {
    shelf: Arc<dyn Shelf>,
}

/// What stands on the shelf.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    session: String,
    since: Timestamp,
    renewed: Timestamp,
}

impl Sessions {
    /// Those on `shelf`.
    pub fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf }
    }

    /// Begins a session: its token of 256 random bits, shown this once, and its id.
    pub fn begin(&self) -> Result<(Secret, String)> {
        let token = fresh_token()?;
        let now = Timestamp::now();
        let session = uuid::Uuid::now_v7().simple().to_string();
        let row = Row {
            session: session.clone(),
            since: now,
            renewed: now,
        };
        self.write(&hash(token.reveal()), &row)?;
        Ok((token, session))
    }

    /// The session of `token`. Errors: `request.unauthorized` where there is none.
    pub fn find(&self, token: &str) -> Result<String> {
        let key = hash(token);
        let kept = self.shelf.get(TOKENS, &key)?;
        let row = kept.and_then(|kept| serde_json::from_str::<Row>(&kept.value).ok());
        let Some(mut row) = row else {
            return Err(Error::new(
                Code::RequestUnauthorized,
                "the session is not known, or has ended",
            ));
        };
        let now = Timestamp::now();
        if now.since(row.renewed) >= RENEWAL {
            row.renewed = now;
            self.write(&key, &row)?;
        }
        Ok(row.session)
    }

    /// Whether `session` is still there.
    pub fn exists(&self, session: &str) -> Result<bool> {
        Ok(self.shelf.get(SESSIONS, session)?.is_some())
    }

    /// Ends the session of `token`, if there is one.
    pub fn end(&self, token: &str, session: &str) -> Result<()> {
        self.shelf.remove(TOKENS, &hash(token))?;
        self.shelf.remove(SESSIONS, session)
    }

    fn write(&self, key: &str, row: &Row) -> Result<()> {
        let keep = Keep {
            until: Some(row.renewed.plus(LIFE)),
            person: None,
        };
        let value = serde_json::to_string(row).expect("a row is plain JSON");
        self.shelf.put(SESSIONS, &row.session, &value, keep)?;
        self.shelf.put(TOKENS, key, &value, keep)
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    let differing = one
        .iter()
        .zip(other.iter())
        .fold(0, |all, (a, b)| all | (a ^ b));
    differing == 0
}

fn fresh_token() -> Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Code::Io, format!("the system has no randomness: {error}")))?;
    Ok(Secret::new(hex(&bytes)))
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_256_bits_and_differ() {
        let [one, other] = [fresh_token(), fresh_token()].map(|token| token.expect("random"));
        assert_eq!(one.reveal().len(), 64);
        assert_ne!(one.reveal(), other.reveal());
    }

    #[test]
    fn sameness() {
        assert!(same("a", "a") && same("", ""));
        assert!(!same("a", "b") && !same("a", "aa") && !same("", "a"));
    }
}
