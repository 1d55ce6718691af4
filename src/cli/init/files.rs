//! The text of the files that `broca init` writes.

use std::fmt::Write as _;

use super::Answers;

/// `broca.toml`
pub(super) fn toml(answers: &Answers) -> String {
    let mut text = String::from(
        "# Broca's configuration. `broca.toml.example` and `docs/configuration.md` show every setting.\n\
         # Secrets are in `.env` beside this file. Changes apply while Broca runs.\n\n[agent]\n",
    );
    setting(&mut text, "id", answers.agent_id.as_deref(), "agent-…");
    let endpoint = answers.agent_endpoint.as_deref();
    setting(&mut text, "endpoint", endpoint, "https://api.letta.com");
    text.push_str("\n[http]\nlisten = \"127.0.0.1:8640\"\n");
    if answers.telegram_token.is_some() || answers.telegram_owner.is_some() {
        telegram(&mut text, answers);
    }
    text
}

fn telegram(text: &mut String, answers: &Answers) {
    let enabled = answers.telegram_token.is_some();
    write!(
        text,
        "\n[endpoint.telegram]\nenabled = {enabled}\naccess = \"owner\"\n"
    )
    .expect("a string takes all");
    match answers.telegram_owner.as_deref() {
        Some(owner) if owner.parse::<i64>().is_ok() => {
            writeln!(text, "owner_id = {owner}").expect("a string takes all");
        }
        owner => {
            let name = owner.map(|name| name.trim_start_matches('@'));
            setting(text, "owner_username", name, "name");
        }
    }
}

/// A line, commented out where there is no value.
fn setting(text: &mut String, key: &str, value: Option<&str>, example: &str) {
    let (start, value) = value.map_or(("# ", example), |value| ("", value));
    let value = toml::Value::String(value.to_owned());
    writeln!(text, "{start}{key} = {value}").expect("a string takes all");
}

/// `.env`
pub(super) fn dotenv(answers: &Answers) -> String {
    let mut text = String::from("# Secrets of this Broca. Keep this file to yourself.\n");
    variable(&mut text, "AGENT_API_KEY", answers.api_key.as_deref());
    variable(
        &mut text,
        "TELEGRAM_BOT_TOKEN",
        answers.telegram_token.as_deref(),
    );
    text
}

fn variable(text: &mut String, name: &str, value: Option<&str>) {
    match value {
        Some(value) => writeln!(text, "{name}={}", quoted(value)),
        None => writeln!(text, "# {name}="),
    }
    .expect("a string takes all");
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/+=".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", value.replace('\n', "\\n"))
}
