//! Killed at its own system calls: before the `N`th sync or write to the disk of any thread, for each `N`
//! that a run reaches. Needs `strace`.

use std::process::{Command, Stdio};

use crate::support::broca::{note, until};
use crate::support::letta::Step;
use crate::support::scene::{ANN, BEN, Scene};

/// A run that reaches more than this does not come to an end.
const MOST: usize = 2_000;

#[test]
fn killed_before_each_sync_on_a_new_database() {
    walk("fsync,fdatasync", 1, true);
}

#[test]
fn killed_before_each_sync() {
    walk("fsync,fdatasync", 1, false);
}

#[test]
fn killed_before_many_a_write_on_a_new_database() {
    walk("pwrite64", 9, true);
}

#[test]
fn killed_before_many_a_write() {
    walk("pwrite64", 5, false);
}

/// Dies before the call of each number up to that which no run reaches, by so many at a step. Calls are
/// counted by thread: with a new database, the first of a number are those of its migration.
fn walk(calls: &str, step: usize, is_new: bool) {
    if !has_strace() {
        note("skipped: `strace` is missing or may not trace");
        return;
    }
    let mut deaths = 0;
    for number in (1..MOST).step_by(step) {
        if !dies_at(calls, number, is_new) {
            break;
        }
        deaths += 1;
    }
    note(&format!("{calls}: {deaths} deaths"));
    assert!((8..MOST / step).contains(&deaths), "{deaths} deaths");
}

/// One run that dies before the call of this number in any thread, and a second that ends it. Gives
/// whether it died.
fn dies_at(calls: &str, number: usize, is_new: bool) -> bool {
    let at = format!("{calls} {number}");
    let mut scene = Scene::ready_with("");
    scene.letta.reply_with(|turn| {
        let more = " word".repeat(900);
        vec![Step::Say(format!("echo: {}{more}", turn.texts.join(" ")))]
    });
    if !is_new {
        scene.broca.ask(&["db", "migrate"]);
    }
    let inject = format!("inject={calls}:signal=KILL:when={number}");
    scene.broca.run_under(&strace(&inject));
    for (person, text) in [(ANN, "one"), (BEN, "long"), (ANN, "two")] {
        scene.telegram.push(person, text);
    }
    scene.broca.launch();
    scene.broca.run_under(&[]);
    let mut death = None;
    until(&format!("a death or the end, {at}"), || {
        death = scene.broca.ended();
        death.is_some() || is_over(&scene)
    });
    if let Some(code) = death {
        assert_eq!(code, -1, "it ended otherwise, {at}");
        scene.broca.start();
        until(&format!("the end, {at}"), || is_over(&scene));
    }
    judge(&scene, &at);
    death.is_some()
}

fn is_over(scene: &Scene) -> bool {
    scene.telegram.confirmed() > scene.telegram.latest_update() && scene.broca.is_idle()
}

/// Three turns, each answered in two parts in order, and no more repeats than were counted.
fn judge(scene: &Scene, at: &str) {
    assert_eq!(scene.letta.count(), 3, "turns at Letta, {at}");
    for (person, asked) in [(ANN, vec!["one", "two"]), (BEN, vec!["long"])] {
        let mut said = scene.texts(person);
        said.dedup();
        assert_eq!(said.len(), 2 * asked.len(), "{said:?}, {at}");
        for (parts, text) in said.chunks(2).zip(asked) {
            assert!(parts[0].starts_with(&format!("echo: {text} ")), "{at}");
            assert!(parts[1].starts_with("word"), "{at}");
        }
    }
    let said = i64::try_from(scene.telegram.sent_count()).expect("a small count");
    let repeats = scene.broca.repeats();
    assert!(
        said <= 6 + repeats,
        "{said} messages, {repeats} counted, {at}"
    );
}

/// As a tracer beside, so that the daemon's process is the one that was started.
fn strace(inject: &str) -> [&str; 9] {
    let quiet = ["-D", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e"];
    let [detached, follow, silent, out, nowhere, fast, option] = quiet;
    [
        "strace", detached, follow, silent, out, nowhere, fast, option, inject,
    ]
}

fn has_strace() -> bool {
    let words = strace("inject=fsync:signal=KILL:when=1");
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg("true");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
