//! The table `[endpoint.webchat]`.

use crate::config::{Section, Setting};
use crate::secret::Secret;

/// Who may begin a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever uses this machine.
    Local,
    /// Whoever knows the operator's token.
    Token,
    /// Whoever reaches the page.
    Open,
}

/// The table, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub access: Access,
    /// Needed where `access` is `token`.
    pub token: Option<Secret>,
    /// Sites besides the page itself that may use the API.
    pub origins: Vec<String>,
    /// Messages a minute and session.
    pub rate: u32,
    /// Characters of a message.
    pub max_message: usize,
    /// The page's title.
    pub title: String,
}

/// Reads every key, so that all problems are reported.
pub(super) fn read(section: &mut Section) -> Settings {
    section.get::<bool>("enabled", &[], true);
    let settings = Settings {
        access: section.get("access", &["WEBCHAT_ACCESS"], Access::Local),
        token: section.secret("token", &["WEBCHAT_TOKEN"]),
        origins: section.get("origins", &[], Vec::new()),
        rate: section.ranged("rate", &[], 30, 1..=6000),
        max_message: section.ranged("max_message", &[], 16_000, 1..=60_000),
        title: section.get("title", &[], "Chat".to_owned()),
    };
    if settings.access == Access::Token && settings.token.is_none() {
        section.missing(
            "token",
            "set `WEBCHAT_TOKEN`, or `token` in `[endpoint.webchat]`",
        );
    }
    settings
}

impl Access {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Token => "token",
            Self::Open => "open",
        }
    }
}

impl Setting for Access {
    const ALLOWED: &'static str = "one of local, token, open";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }

    fn from_text(text: &str) -> Option<Self> {
        let all = [Self::Local, Self::Token, Self::Open];
        all.into_iter().find(|access| access.as_str() == text)
    }

    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
}
