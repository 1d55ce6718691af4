use std::io::Cursor;

use super::*;

fn asked(known: Answers, typed: &str) -> (Answers, String) {
    let mut shown = Vec::new();
    let answers = ask::all(known, true, &mut Cursor::new(typed), &mut shown).expect("asked");
    (answers, String::from_utf8(shown).expect("text"))
}

#[test]
fn only_what_is_not_known_is_asked() {
    let known = Answers {
        agent_id: Some("agent-1".into()),
        api_key: Some("k".into()),
        ..Answers::default()
    };
    let (answers, shown) = asked(known, "http://localhost:8283\n\n");
    assert_eq!(
        answers.agent_endpoint.as_deref(),
        Some("http://localhost:8283")
    );
    assert_eq!(answers.telegram_token, None);
    assert!(
        !shown.contains("API key") && !shown.contains("who may"),
        "{shown}"
    );
}

#[test]
fn a_placeholder_is_asked_for_again() {
    let (answers, shown) = asked(Answers::default(), "agent-…\nagent-2\n");
    assert_eq!(answers.agent_id.as_deref(), Some("agent-2"));
    assert!(shown.contains("placeholder"), "{shown}");
}

#[test]
fn what_is_written_loads_as_it_was_answered() {
    let answers = Answers {
        agent_id: Some("agent-1".into()),
        agent_endpoint: Some("http://localhost:8283".into()),
        api_key: Some("a \"b\" \\ '#c".into()),
        ..Answers::default()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let toml = folder.path().join("broca.toml");
    config::write(&toml, &files::toml(&answers)).expect("written");
    config::write(&folder.path().join(".env"), &files::dotenv(&answers)).expect("written");
    let (config, _) = config::load_from(Some(&toml), Environment::default(), &[]).expect("loads");
    assert_eq!(config.agent.id, answers.agent_id);
    assert_eq!(config.agent.key.expect("a key").reveal(), "a \"b\" \\ '#c");
    assert_eq!(config.warnings, []);
}

#[test]
fn files_that_are_there_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = folder.path().join("broca.toml");
    let args = Args {
        yes: true,
        ..Args::default()
    };
    std::fs::write(&toml, "mine").expect("written");
    assert!(run(&args, Some(&toml), &[], false).is_err());
    assert_eq!(std::fs::read_to_string(&toml).expect("readable"), "mine");
}
