//! The tables of the core, key by key: defaults, ranges, and the variables of Broca 2.

use std::path::Path;
use std::time::Duration;

use crate::choices;
use crate::error::Code;

use super::placeholder::is_placeholder;
use super::{
    Agent, Database, Http, Isolation, Log, Mode, Outbox, Queue, Section, Shutdown, Uncertain,
};

choices!(Mode { "echo" => Echo, "listen" => Listen, "live" => Live });
choices!(Isolation { "conversation" => Conversation, "block" => Block, "shared" => Shared });
choices!(Uncertain { "repeat" => Repeat, "skip" => Skip });

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Text,
    Json,
}
choices!(Format { "text" => Text, "json" => Json });

/// How a message reads for the agent where the configuration does not say.
const TEMPLATE: &str = "[Username: {username}, {platform} ID: {user_id}] {text}";
/// What a template may hold.
const FIELDS: &[&str] = &["name", "username", "platform", "user_id", "text"];
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// The mode, given whether an agent is configured.
pub(super) fn mode(root: &mut Section, has_agent: bool) -> Mode {
    let default = if has_agent { Mode::Live } else { Mode::Echo };
    root.get("mode", &["MESSAGE_MODE"], default)
}

/// `[agent]`. A placeholder as the id is a problem, and reads as none.
pub(super) fn agent(section: &mut Section) -> Agent {
    Agent {
        id: agent_id(section),
        endpoint: agent_endpoint(section),
        key: section.secret("api_key", &["AGENT_API_KEY", "LETTA_API_KEY"]),
        isolation: section.get("isolation", &[], Isolation::Conversation),
        turn_timeout: section.ranged(
            "turn_timeout",
            &["LONG_TASK_MAX_WAIT"],
            Duration::from_mins(10),
            SECOND..=DAY,
        ),
        template: template(section),
    }
}

fn agent_id(section: &mut Section) -> Option<String> {
    let id: String = section.find("id", &["AGENT_ID"])?;
    let id = id.trim().to_owned();
    if is_placeholder(&id) {
        placeholder(section, "id");
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !id.chars().all(plain) {
        section.refuse(
            "id",
            "must be Letta's id of the agent, such as `agent-` and a UUID",
        );
    }
    Some(id).filter(|id| !id.is_empty())
}

fn agent_endpoint(section: &mut Section) -> String {
    let default = "https://api.letta.com".to_owned();
    let url = section.get("endpoint", &["AGENT_ENDPOINT"], default);
    section.conceal("endpoint");
    let url = url.trim().trim_end_matches('/');
    let (scheme, host) = url.split_once("://").unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "ws" | "wss" => section.refuse(
            "endpoint",
            "names an App Server (`ws://…`), which this version does not support; it must be the \
             `http(s)://…` address of Letta's REST API",
        ),
        "http" | "https" if is_placeholder(host) => placeholder(section, "endpoint"),
        "http" | "https" if is_host(host) => {}
        _ => section.refuse("endpoint", "must be an `http://…` or `https://…` address"),
    }
    url.to_owned()
}

fn is_host(text: &str) -> bool {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty() && !text.contains(char::is_whitespace)
}

fn placeholder(section: &mut Section, key: &str) {
    let origin = section.values()[key].origin.clone();
    let hint = Code::ConfigPlaceholder.hint().to_owned();
    let message = "is a placeholder".to_owned();
    section.problem(Code::ConfigPlaceholder, key, &origin, message, hint);
}

fn template(section: &mut Section) -> String {
    let template: String = section.get("template", &[], TEMPLATE.to_owned());
    let unknown = fields(&template).any(|field| !FIELDS.contains(&field));
    if unknown || !template.contains("{text}") {
        let known = FIELDS.join("`, `");
        section.refuse(
            "template",
            format!("must hold `{{text}}`, and may hold `{known}` in braces"),
        );
    }
    template
}

/// The names in braces; other braces are plain text.
fn fields(template: &str) -> impl Iterator<Item = &str> {
    let pieces = template.split('{').skip(1);
    let names = pieces.filter_map(|piece| Some(piece.split_once('}')?.0));
    names.filter(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    })
}

/// `[database]`; a path is made absolute.
pub(super) fn database(section: &mut Section, folder: &Path) -> Database {
    let written = section.secret_url("url", &["DB_PATH"], "broca.db");
    let url = address(written.reveal(), folder).unwrap_or_else(|message| {
        section.refuse("url", message);
        String::new()
    });
    Database {
        url: crate::secret::Secret::new(url),
        pool_size: section.ranged("pool_size", &[], 4, 1..=64),
    }
}

fn address(written: &str, folder: &Path) -> Result<String, &'static str> {
    match written.split_once("://") {
        Some(("postgres" | "postgresql", _)) if cfg!(feature = "postgres") => {
            Ok(written.to_owned())
        }
        Some(("postgres" | "postgresql", _)) => {
            Err("names PostgreSQL, which is not in this build: rebuild with `--features postgres`")
        }
        Some(("sqlite" | "file", path)) => file_address(path, folder),
        Some(_) => Err("must be a path, or a `postgres://…` address"),
        None => file_address(written, folder),
    }
}

fn file_address(path: &str, folder: &Path) -> Result<String, &'static str> {
    if !cfg!(feature = "sqlite") {
        return Err("names SQLite, which is not in this build: rebuild with `--features sqlite`");
    }
    if path.is_empty() || path == ":memory:" {
        return Err("must be a path: messages are kept on disk");
    }
    Ok(folder.join(path).to_string_lossy().into_owned())
}

/// `[queue]`
pub(super) fn queue(section: &mut Section) -> Queue {
    Queue {
        max_concurrent: section.ranged("max_concurrent", &[], 8, 1..=512),
        max_attempts: section.ranged("max_attempts", &["MAX_RETRIES"], 5, 1..=100),
        notice_after: section.ranged("notice_after", &[], Duration::from_mins(1), SECOND..=DAY),
        give_up_after: section.ranged("give_up_after", &[], DAY, Duration::from_mins(1)..=YEAR),
    }
}

/// `[outbox]`
pub(super) fn outbox(section: &mut Section) -> Outbox {
    Outbox {
        uncertain: section.get("uncertain", &[], Uncertain::Repeat),
        max_concurrent: section.ranged("max_concurrent", &[], 8, 1..=512),
    }
}

/// `[http]`
pub(super) fn http(section: &mut Section) -> Http {
    let listen: String = section.get("listen", &[], "127.0.0.1:8640".to_owned());
    if !is_listen(&listen) {
        let message = "must be `address:port`, such as `127.0.0.1:8640` or `[::1]:8640`";
        section.refuse("listen", message);
    }
    Http { listen }
}

fn is_listen(text: &str) -> bool {
    let name = |host: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        !host.is_empty() && host.chars().all(letter)
    };
    text.parse::<std::net::SocketAddr>().is_ok()
        || text
            .rsplit_once(':')
            .is_some_and(|(host, port)| name(host) && port.parse::<u16>().is_ok())
}

/// `[shutdown]`
pub(super) fn shutdown(section: &mut Section) -> Shutdown {
    let range = Duration::ZERO..=Duration::from_hours(1);
    Shutdown {
        grace: section.ranged("grace", &[], Duration::from_secs(10), range),
    }
}

/// `[log]`
pub(super) fn log(section: &mut Section) -> Log {
    Log {
        level: section.get("level", &["LOG_LEVEL"], log::LevelFilter::Info),
        json: section.get("format", &[], Format::Text) == Format::Json,
        emoji: section.get("emoji", &[], false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, read: impl Fn(&mut Section) -> T) -> (T, Vec<String>) {
        let table = text.parse().expect("the test's TOML is well-formed");
        let mut section = Section::new("x", table, std::collections::BTreeMap::new());
        let value = read(&mut section);
        let keys = section.problems.iter().map(|problem| problem.key.clone());
        (value, keys.collect())
    }

    #[test]
    fn an_agent_address_is_checked_and_trimmed() {
        let read = |url: &str| {
            let (agent, problems) = with(&format!("endpoint = {url:?}"), agent);
            (agent.endpoint, problems.len())
        };
        assert_eq!(
            read("http://127.0.0.1:8283/"),
            ("http://127.0.0.1:8283".into(), 0)
        );
        for wrong in [
            "ws://x",
            "letta.com",
            "http://",
            "ftp://x",
            "http://a b",
            "https://<host>",
        ] {
            assert_eq!(read(wrong).1, 1, "{wrong}");
        }
    }

    #[test]
    fn a_template_needs_its_text_and_no_unknown_field() {
        let read = |template: &str| with(&format!("template = {template:?}"), agent).1.len();
        assert_eq!(read("{name}: {text}"), 0);
        assert_eq!(read("{\"a\": 1} {text}"), 0);
        assert_eq!(read("{name}"), 1);
        assert_eq!(read("{nmae} {text}"), 1);
    }

    #[test]
    fn a_database_path_is_relative_to_the_folder() {
        let folder = Path::new("/srv/broca");
        assert_eq!(address("a/b.db", folder), Ok("/srv/broca/a/b.db".into()));
        assert_eq!(address("sqlite:///x.db", folder), Ok("/x.db".into()));
        assert_eq!(
            address("postgres://h/x", folder).is_ok(),
            cfg!(feature = "postgres")
        );
        for wrong in ["mysql://x", ":memory:", ""] {
            assert!(address(wrong, folder).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_listening_address_needs_host_and_port() {
        for right in ["127.0.0.1:0", "[::1]:8640", "localhost:8640", "0.0.0.0:80"] {
            assert!(is_listen(right), "{right}");
        }
        for wrong in [
            "",
            "8640",
            ":8640",
            "localhost",
            "localhost:99999",
            "a b:1",
            "::1:8640x",
        ] {
            assert!(!is_listen(wrong), "{wrong}");
        }
    }
}
