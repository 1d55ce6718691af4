//! The table `[endpoint.telegram]`.

use std::time::Duration;

use toml::Value;

use crate::config::{Section, Setting};
use crate::secret::Secret;

/// The public Bot API server.
const PUBLIC: &str = "https://api.telegram.org";
/// The longest time that one person's messages are joined for.
const LONGEST_BUFFER: Duration = Duration::from_mins(5);

/// Who may talk to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The owner.
    Owner,
    /// The owner and those in `allow`.
    Allowlist,
    /// Everyone.
    Open,
}

crate::choices!(Access { "owner" => Owner, "allowlist" => Allowlist, "open" => Open });

/// Someone, as an operator names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By Telegram's lasting id.
    Id(u64),
    /// By username: lower case, without `@`. Becomes an id on first contact.
    Name(String),
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bot's token, as `@BotFather` gave it.
    pub token: Option<Secret>,
    /// Where the Bot API is.
    pub api_url: String,
    /// Who may talk to the agent.
    pub access: Access,
    /// The owner, by id, by username, or both.
    pub owner: Vec<Who>,
    /// Who else may, where [`Settings::access`] is [`Access::Allowlist`].
    pub allow: Vec<Who>,
    /// What one person sends within this time becomes one turn; zero joins nothing.
    pub buffer_delay: Duration,
    /// Whether to keep to Telegram's pace before it complains.
    pub pace: bool,
    /// What a stranger is told; `None` is Broca's own words.
    pub notice: Option<String>,
}

impl Settings {
    /// The defaults, with this token and server.
    pub fn new(token: &str, api_url: &str) -> Self {
        Self {
            token: Some(Secret::new(token)),
            api_url: api_url.to_owned(),
            access: Access::Owner,
            owner: Vec::new(),
            allow: Vec::new(),
            buffer_delay: Duration::ZERO,
            pace: is_public(api_url),
            notice: None,
        }
    }

    /// Reads every key; what is wrong is noted in the table's problems.
    pub fn read(section: &mut Section) -> Self {
        let token = section.secret("token", &["TELEGRAM_BOT_TOKEN"]);
        section.get("enabled", &[], token.is_some());
        if section.enabled(token.is_some()) && token.is_none() {
            section.missing(
                "token",
                "set `TELEGRAM_BOT_TOKEN` to the token that @BotFather gave you",
            );
        }
        if token.as_ref().is_some_and(|token| account(token).is_none()) {
            section.refuse(
                "token",
                "must look like `123456:ABC…`, as @BotFather gives it",
            );
        }
        let Api(api_url) = section.get("api_url", &[], Api(PUBLIC.to_owned()));
        let required = section.find("require_owner", &["TELEGRAM_REQUIRE_OWNER"]);
        let fallback = if required == Some(false) {
            Access::Open
        } else {
            Access::Owner
        };
        let id = section
            .find("owner_id", &["TELEGRAM_OWNER_ID"])
            .map(Who::Id);
        let name = section.find("owner_username", &["TELEGRAM_OWNER_USERNAME"]);
        let People(allow) = section.get("allow", &[], People(Vec::new()));
        let none = Duration::ZERO;
        Self {
            token,
            access: section.get("access", &[], fallback),
            owner: id
                .into_iter()
                .chain(name.map(|Handle(name)| Who::Name(name)))
                .collect(),
            allow,
            buffer_delay: section.ranged(
                "buffer_delay",
                &["TELEGRAM_BUFFER_DELAY"],
                none,
                none..=LONGEST_BUFFER,
            ),
            pace: section.get("pace", &[], is_public(&api_url)),
            notice: section.find("notice", &[]),
            api_url,
        }
    }
}

/// The bot's id: the digits before the token's colon.
pub(super) fn account(token: &Secret) -> Option<&str> {
    let (id, rest) = token.reveal().split_once(':')?;
    let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (digits && !rest.is_empty() && rest.bytes().all(safe)).then_some(id)
}

fn is_public(url: &str) -> bool {
    url.trim_end_matches('/') == PUBLIC
}

/// An `http` or `https` address without a query.
struct Api(String);

impl Setting for Api {
    const ALLOWED: &'static str = "an address such as \"https://api.telegram.org\"";
    fn from_toml(value: &Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn from_text(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#');
        let good = matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.contains(odd);
        good.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
    fn to_toml(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A username, with or without `@`.
struct Handle(String);

impl Setting for Handle {
    const ALLOWED: &'static str = "a username such as \"ann_b\"";
    fn from_toml(value: &Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn from_text(text: &str) -> Option<Self> {
        match who(text)? {
            Who::Name(name) => Some(Self(name)),
            Who::Id(_) => None,
        }
    }
    fn to_toml(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A list of ids and usernames.
struct People(Vec<Who>);

impl Setting for People {
    const ALLOWED: &'static str = "a list of user ids and usernames";
    fn from_toml(value: &Value) -> Option<Self> {
        let items = Vec::<String>::from_toml(value)?;
        items
            .iter()
            .map(|item| who(item))
            .collect::<Option<_>>()
            .map(Self)
    }
    fn from_text(text: &str) -> Option<Self> {
        let items = Vec::<String>::from_text(text)?;
        items
            .iter()
            .map(|item| who(item))
            .collect::<Option<_>>()
            .map(Self)
    }
    fn to_toml(&self) -> Value {
        let item = |who: &Who| match who {
            Who::Id(id) => Value::String(id.to_string()),
            Who::Name(name) => Value::String(name.clone()),
        };
        Value::Array(self.0.iter().map(item).collect())
    }
}

/// An id, or a username of letters, digits and `_`.
fn who(text: &str) -> Option<Who> {
    let text = text.trim();
    if let Ok(id) = text.parse() {
        return Some(Who::Id(id));
    }
    let name = text.strip_prefix('@').unwrap_or(text);
    let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let good = letter
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good.then(|| Who::Name(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str, environment: &[(&str, &str)]) -> (Settings, usize) {
        let table = toml.parse().expect("valid TOML");
        let pairs = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut section = Section::new("endpoint.telegram", table, pairs.collect());
        (Settings::read(&mut section), section.problems.len())
    }

    #[test]
    fn an_empty_table_is_closed() {
        let (settings, problems) = read("", &[]);
        assert_eq!((settings.access, problems), (Access::Owner, 0));
        assert!(settings.pace && settings.owner.is_empty() && settings.token.is_none());
    }

    #[test]
    fn the_old_variables_work() {
        let (settings, problems) = read(
            "",
            &[
                ("TELEGRAM_BOT_TOKEN", "42:abc_-D"),
                ("TELEGRAM_OWNER_ID", "1001"),
                ("TELEGRAM_OWNER_USERNAME", "@Ann"),
                ("TELEGRAM_BUFFER_DELAY", "1.5"),
                ("TELEGRAM_REQUIRE_OWNER", "false"),
            ],
        );
        assert_eq!(problems, 0);
        assert_eq!(settings.owner, [Who::Id(1001), Who::Name("ann".into())]);
        assert_eq!(settings.buffer_delay, Duration::from_millis(1500));
        assert_eq!(settings.access, Access::Open);
        assert!(!format!("{settings:?}").contains("abc"));
    }

    #[test]
    fn access_comes_before_the_old_variable() {
        let environment = [("TELEGRAM_REQUIRE_OWNER", "false")];
        let (settings, _) = read(
            "access = \"allowlist\"\nallow = [5, \"@B_c\"]",
            &environment,
        );
        assert_eq!(settings.access, Access::Allowlist);
        assert_eq!(settings.allow, [Who::Id(5), Who::Name("b_c".into())]);
    }

    #[test]
    fn what_is_wrong_is_noted() {
        assert_eq!(read("enabled = true", &[]).1, 1);
        assert_eq!(read("token = \"nonsense\"", &[]).1, 1);
        assert_eq!(
            read(
                "api_url = \"ftp://a\"\nallow = [\"a b\"]\naccess = \"all\"",
                &[]
            )
            .1,
            3
        );
    }
}
