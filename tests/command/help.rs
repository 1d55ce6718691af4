//! Help, versions, usage.

use std::process::Stdio;

use crate::support::broca::Broca;

/// The commands that `--help` of `path` lists.
fn subcommands(broca: &Broca, path: &[String]) -> Vec<String> {
    let help = help(broca, path);
    let Some((_, list)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| !line.trim().is_empty());
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = named.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn help(broca: &Broca, path: &[String]) -> String {
    let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
    words.push("--help");
    let mut command = broca.command(&words);
    let output = command.env("COLUMNS", "40").stdout(Stdio::piped()).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{path:?}");
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

#[test]
fn every_command_explains_itself_on_a_narrow_terminal() {
    let broca = Broca::new("");
    let mut open = vec![Vec::new()];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        seen += 1;
        let help = help(&broca, &path);
        // An example or a usage line may be as long as it is; sentences are not.
        let wide = help
            .lines()
            .find(|line| line.chars().count() > 40 && line.contains(". "));
        assert_eq!(wide, None, "{path:?}");
        for name in subcommands(&broca, &path) {
            open.push([path.as_slice(), &[name]].concat());
        }
    }
    assert!(seen > 25, "only {seen} commands were found");
}

#[test]
fn wrong_usage_exits_with_2_and_is_json_where_that_is_asked_for() {
    let broca = Broca::new("");
    for arguments in [
        &["nonsense"][..],
        &["queue"],
        &["send", "@ann"],
        &["queue", "show", "x"],
    ] {
        let done = broca.run(arguments);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}");
        let done = broca.run(&[arguments, &["--json"]].concat());
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}");
        assert_eq!(done.error()["code"], "usage", "{arguments:?}");
    }
    let done = broca.run(&["--version"]);
    assert_eq!((done.code, done.out.as_str()), (0, "broca 0.1.0\n"));
}

#[test]
fn commands_that_read_a_database_that_is_not_there_say_so() {
    let broca = Broca::new("");
    for arguments in [
        &["status"][..],
        &["queue", "list"],
        &["users", "list"],
        &["db", "status"],
    ] {
        let done = broca.run(&[arguments, &["--json"]].concat());
        assert_eq!((done.code, done.out.as_str()), (1, ""), "{arguments:?}");
        let error = done.error();
        assert_eq!(error["code"], "store.unreachable", "{arguments:?}");
        assert!(
            error["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("broca run")),
            "{error}"
        );
    }
    assert!(!broca.path("broca.db").exists());
}

#[test]
fn a_broken_configuration_is_reported_whole() {
    let broca =
        Broca::new("mode = \"lively\"\n[agent]\nendpont = \"x\"\n[queue]\nmax_attempts = 0\n");
    for arguments in [&["run"][..], &["check"], &["status"]] {
        let done = broca.run(&[arguments, &["--json"]].concat());
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}");
        let error = done.error();
        let problems = error["problems"].as_array().expect("a list");
        let keys: Vec<_> = problems
            .iter()
            .filter_map(|one| one["key"].as_str())
            .collect();
        for key in ["mode", "agent.endpont", "queue.max_attempts"] {
            assert!(keys.contains(&key), "{key}: {error}");
        }
        assert!(
            problems
                .iter()
                .all(|one| one["hint"].as_str().is_some_and(|hint| !hint.is_empty()))
        );
    }
}
