//! The daemon as a process: one an instance, stopped cleanly, quiet about secrets.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::support::broca::SOON;
use crate::support::scene::{ANN, Scene};
use crate::support::web::Web;

const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn a_second_daemon_refuses_and_names_the_first() {
    let scene = Scene::start();
    let done = scene.broca.run(&["run"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("store.held"), "{done:?}");
    assert!(
        done.err.contains(&scene.broca.pid().to_string()),
        "{done:?}"
    );
    scene.say(ANN, "still there", 1);
}

#[test]
fn what_a_killed_daemon_left_behind_is_no_trouble() {
    let scene = Scene::start();
    scene.broca.kill();
    assert!(scene.broca.path("broca.sock").exists());
    let status = scene.broca.ask(&["status"]);
    assert!(status["daemon"].is_null(), "{status}");
    scene.broca.start();
    let status = scene.broca.ask(&["status"]);
    assert_eq!(status["daemon"]["pid"], scene.broca.pid());
}

#[test]
fn an_idle_daemon_stops_at_once_and_cleanly() {
    let scene = Scene::start();
    let web = Web::visit(&scene.broca.url());
    let mut events = web.events(0);
    scene.say(ANN, "hello", 1);
    scene.broca.wait_idle();
    let (code, took) = scene.broca.stop();
    assert_eq!(code, 0);
    assert!(took < AT_ONCE, "{took:?}");
    assert!(!scene.broca.path("broca.sock").exists());
    assert!(events.by_ref().all(|event| event.name != "message"));
}

#[test]
fn a_turn_that_outlives_the_grace_is_released_and_is_still_one_turn() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_secs(2));
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    let (code, took) = scene.broca.stop();
    assert_eq!(code, 0);
    assert!(took < AT_ONCE, "{took:?}");
    scene.broca.start();
    scene.telegram.wait_sent(1, SOON);
    scene.broca.wait_idle();
    assert_eq!(
        (scene.texts(ANN), scene.letta.count()),
        (vec!["echo: hello".to_owned()], 1)
    );
}

#[test]
fn a_turn_that_ends_within_the_grace_is_answered_before_the_stop() {
    let scene = Scene::ready_with("");
    scene.broca.edit("grace = \"500ms\"", "grace = \"20s\"");
    scene.broca.start();
    scene.letta.think(Duration::from_millis(500));
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    let (code, _) = scene.broca.stop();
    assert_eq!(
        (code, scene.texts(ANN)),
        (0, vec!["echo: hello".to_owned()])
    );
}

#[test]
fn a_second_signal_ends_at_once() {
    let scene = Scene::ready_with("");
    scene.broca.edit("grace = \"500ms\"", "grace = \"60s\"");
    scene.broca.start();
    scene.letta.think(Duration::from_secs(3));
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    scene.broca.signal("TERM");
    scene.broca.wait_log("stopping");
    let (code, took) = scene.broca.stop();
    assert_eq!(code, 130);
    assert!(took < AT_ONCE, "{took:?}");
    scene.broca.start();
    scene.telegram.wait_sent(1, SOON);
    assert_eq!(scene.letta.count(), 1);
}

#[test]
fn its_files_are_private_and_hold_no_secret() {
    let scene = Scene::start();
    scene.letta.lock("something else");
    scene.telegram.push(ANN, "hello");
    scene.broca.wait_log("agent.unauthorized");
    scene.broca.stop();
    let secrets = ["open sesame", scene.telegram.token()];
    for entry in std::fs::read_dir(scene.broca.folder()).expect("it is there") {
        let path = entry.expect("it can be read").path();
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
        if path.ends_with(".env") {
            continue;
        }
        let text =
            String::from_utf8_lossy(&std::fs::read(&path).expect("it can be read")).into_owned();
        assert!(
            secrets.iter().all(|secret| !text.contains(secret)),
            "{}",
            path.display()
        );
    }
    let log = scene.broca.log();
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn a_port_that_is_taken_is_named_with_a_hint() {
    let scene = Scene::ready_with("");
    let address = scene.broca.url().replace("http://", "");
    let _taken = std::net::TcpListener::bind(&address).expect("it is free");
    let done = scene.broca.run(&["run"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.err.contains(&address) && done.err.contains("http.listen"),
        "{done:?}"
    );
}
