//! A clock that is set wrong while the daemon is dead, or while it runs. Nothing waits until the clock has
//! caught up.

use crate::support::broca::{SOON, until};
use crate::support::letta::Fault;
use crate::support::scene::{ANN, BEN, Scene};
use crate::support::telegram;

use super::chats::{Door, Visitor};
use super::without_repeats;

const HOUR: i64 = 3_600_000;
/// A third person.
const CY: i64 = 1003;

#[test]
fn set_back_by_an_hour_between_two_lives() {
    between_lives(-HOUR);
}

#[test]
fn set_back_by_a_day_between_two_lives() {
    between_lives(-24 * HOUR);
}

#[test]
fn set_forward_by_an_hour_between_two_lives() {
    between_lives(HOUR);
}

#[test]
fn set_back_by_an_hour_while_it_runs() {
    while_it_runs(-HOUR);
}

#[test]
fn set_back_by_a_day_while_it_runs() {
    while_it_runs(-24 * HOUR);
}

#[test]
fn set_forward_by_an_hour_while_it_runs() {
    while_it_runs(HOUR);
}

fn between_lives(shift: i64) {
    let (scene, visitor) = midst();
    scene.broca.kill();
    set_clock(&scene, shift);
    scene.broca.start();
    assert_whole(&scene, &visitor);
}

fn while_it_runs(shift: i64) {
    let (scene, visitor) = midst();
    set_clock(&scene, shift);
    assert_whole(&scene, &visitor);
    // And once more, where it is the later life that was set wrong.
    set_clock(&scene, 0);
    scene.broca.kill();
    scene.telegram.push(ANN, "three");
    scene.broca.start();
    until("the last answer", || scene.texts(ANN).len() == 3);
}

fn set_clock(scene: &Scene, offset: i64) {
    // At once, or the daemon might read half of it.
    scene.broca.write("offset.new", &offset.to_string());
    let [new, file] = ["offset.new", "offset"].map(|name| scene.broca.path(name));
    std::fs::rename(new, file).expect("the folder is ours");
}

/// A daemon with a turn under way and one behind it (Ann), a turn that waits after a failure (Ben), a
/// reply that waits after a failure (Cy), and a visitor of the web page who has an answer.
fn midst() -> (Scene, Visitor) {
    let mut scene = Scene::ready_with("");
    let file = scene.broca.path("offset");
    scene.broca.set("BROCA_KILL_CLOCK", &file.to_string_lossy());
    scene.broca.start();
    let mut visitor = Visitor::new(Door::Web {
        base: scene.broca.url(),
        token: String::new(),
    });
    visitor.enter();
    visitor.say("1", "hello");
    visitor.listen(2);
    scene.letta.fail_next(Fault::Fail("llm_error"));
    scene.telegram.push(BEN, "again");
    scene.broca.wait_status("a failed try", |status| {
        status["stats"]["turns"]["ready"] == 1
    });
    scene
        .telegram
        .fail_next("sendMessage", telegram::Fault::flood(3));
    scene.telegram.push(CY, "later");
    scene.telegram.wait_calls("sendMessage", 1, SOON);
    scene.broca.wait_status("a reply put back", |status| {
        status["stats"]["replies"]["ready"] == 1
    });
    scene.letta.think(std::time::Duration::from_secs(1));
    let turns = scene.letta.count();
    scene.telegram.push(ANN, "one");
    scene.telegram.push(ANN, "two");
    scene.letta.wait_for_turns(turns + 1);
    (scene, visitor)
}

fn assert_whole(scene: &Scene, visitor: &Visitor) {
    visitor.say("2", "still here");
    let events = visitor.listen(4);
    let shown: Vec<_> = events.iter().map(|event| &event.data["text"]).collect();
    let chat = ["hello", "echo: hello", "still here", "echo: still here"];
    assert_eq!(shown, chat);
    scene.broca.wait_idle();
    let said = [ANN, BEN, CY].map(|chat| without_repeats(scene.texts(chat)));
    let [ann, ben, cy] = ["echo: one, echo: two", "echo: again", "echo: later"];
    assert_eq!(said.map(|texts| texts.join(", ")), [ann, ben, cy]);
    // Ben's first turn failed, and its repeat is a turn of its own.
    assert_eq!(scene.letta.count(), 7);
    assert_eq!(scene.broca.turns("replied"), 6);
}
