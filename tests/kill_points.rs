//! The daemon dies at every place where it can, one after the other, and is started again: before and
//! after each commit, each request, each response. Nothing may be lost, doubled or out of order.
//!
//! `cargo nextest run --features kill-points kill_points`

use std::collections::BTreeMap;

use crate::support::broca::{note, until};
use crate::support::letta::Step;
use crate::support::scene::{ANN, BEN, Scene};

mod chats;
mod clock;

/// More passings than this in one run mean that it does not come to an end.
const MOST: usize = 400;

#[test]
fn with_conversations_apart_a_death_anywhere_costs_nothing() {
    walk("conversation", &telegram);
}

#[test]
fn with_blocks_a_death_anywhere_costs_nothing() {
    walk("block", &telegram);
}

#[test]
fn with_one_conversation_for_all_a_death_anywhere_costs_nothing() {
    walk("shared", &telegram);
}

/// Those who talk to the daemon during one run.
trait People {
    /// Whether they have got all that they wait for.
    fn are_done(&self, scene: &Scene) -> bool;

    /// Fails where anything was lost, doubled or out of order. Gives how many parts were repeated.
    fn judge(self: Box<Self>, scene: &Scene, at: &str) -> i64;
}

/// Makes people who begin to talk to the daemon of a scene, which is launched afterwards.
type Meet = dyn Fn(&Scene) -> Box<dyn People>;

/// Dies at each point that a whole run passes.
///
/// Commits share a transaction as they happen to meet, so a run may pass a few points fewer than the one
/// that was recorded. The last numbers are then out of its reach, and such a run must end well by itself.
fn walk(isolation: &str, meet: &Meet) {
    let points = record(isolation, meet);
    let mut repeats = BTreeMap::new();
    let mut deaths = 0;
    for (number, point) in (1..).zip(&points) {
        let (died, repeated) = die_at(isolation, meet, number, point);
        deaths += usize::from(died);
        if repeated > 0 {
            *repeats.entry(point.clone()).or_insert(0) += repeated;
        }
    }
    let all = points.len();
    assert!(deaths * 10 >= all * 9, "only {deaths} deaths, {all} points");
    note(&format!(
        "{isolation}: {deaths} deaths at {all} points, parts repeated: {repeats:?}"
    ));
}

/// The points that a run passes when nothing goes wrong, in their order.
fn record(isolation: &str, meet: &Meet) -> Vec<String> {
    let mut scene = scene(isolation);
    let log = scene.broca.path("points");
    scene.broca.set("BROCA_KILL_LOG", &log.to_string_lossy());
    let people = meet(&scene);
    scene.broca.launch();
    scene.broca.unset("BROCA_KILL_LOG");
    until("the end of a whole run", || is_over(&*people, &scene));
    people.judge(&scene, "in a whole run");
    let text = std::fs::read_to_string(log).expect("points were passed");
    let points: Vec<_> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    assert!(
        (30..MOST).contains(&points.len()),
        "{} points: {points:?}",
        points.len()
    );
    points
        .into_iter()
        .map(|(point, _)| point.to_owned())
        .collect()
}

/// One run that dies at the point of this number, and a second that ends it. Gives whether it died, and
/// how many parts were sent again.
fn die_at(isolation: &str, meet: &Meet, number: usize, point: &str) -> (bool, i64) {
    let at = format!("{isolation}, point {number}, `{point}`");
    let mut scene = scene(isolation);
    scene.broca.set("BROCA_KILL_AT", &number.to_string());
    let people = meet(&scene);
    scene.broca.launch();
    scene.broca.unset("BROCA_KILL_AT");
    let mut death = None;
    until(&format!("a death or the end, {at}"), || {
        death = scene.broca.ended();
        death.is_some() || is_over(&*people, &scene)
    });
    if let Some(code) = death {
        assert_eq!(code, -1, "it ended otherwise, {at}");
        scene.broca.start();
        until(&format!("the end, {at}"), || is_over(&*people, &scene));
    }
    (death.is_some(), people.judge(&scene, &at))
}

/// Whether everyone is done and nothing is left to do.
fn is_over(people: &dyn People, scene: &Scene) -> bool {
    people.are_done(scene) && scene.broca.is_idle()
}

fn scene(isolation: &str) -> Scene {
    let scene = Scene::ready_with("");
    let edit = format!("isolation = \"{isolation}\"");
    scene.broca.edit("isolation = \"conversation\"", &edit);
    scene
}

/// The agent answers with an echo, to `long` with so many words more.
fn echo(scene: &Scene, words: usize) {
    scene.letta.reply_with(move |turn| {
        let text = turn.texts.join(" ");
        let more = if text == "long" {
            " word".repeat(words)
        } else {
            String::new()
        };
        vec![Step::Say(format!("echo: {text}{more}"))]
    });
}

/// Two people have written, one of them twice, and one answer has two parts.
struct ByTelegram;

fn telegram(scene: &Scene) -> Box<dyn People> {
    echo(scene, 900);
    scene.telegram.push(ANN, "one");
    scene.telegram.push(BEN, "long");
    scene.telegram.push(ANN, "two");
    Box::new(ByTelegram)
}

impl People for ByTelegram {
    fn are_done(&self, scene: &Scene) -> bool {
        scene.telegram.confirmed() > scene.telegram.latest_update()
    }

    fn judge(self: Box<Self>, scene: &Scene, at: &str) -> i64 {
        judge(scene, at)
    }
}

/// Nothing lost or silent, one turn a message, order kept, and no more repeats than were counted.
fn judge(scene: &Scene, at: &str) -> i64 {
    assert_eq!(scene.letta.count(), 3, "turns at Letta, {at}");
    scene.broca.assert_none_silent();
    let repeats = scene.broca.repeats();
    let ann = without_repeats(scene.texts(ANN));
    let ben = without_repeats(scene.texts(BEN));
    assert_eq!(ann, ["echo: one", "echo: two"], "{at}");
    assert_eq!(ben.len(), 2, "parts of the long answer, {at}");
    let said = i64::try_from(scene.telegram.sent_count()).expect("a small count");
    assert!(
        said <= 4 + repeats,
        "{said} messages for 4 parts and {repeats} counted repeats, {at}"
    );
    assert!(
        scene.letta.attached().is_empty(),
        "a block stayed attached, {at}"
    );
    repeats
}

/// A part said twice in a row is one part.
fn without_repeats(mut texts: Vec<String>) -> Vec<String> {
    texts.dedup();
    texts
}
