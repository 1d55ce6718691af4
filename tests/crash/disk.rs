//! A full disk: nothing is acknowledged that is not stored, and everything goes on once there is room.

use crate::support::broca::SOON;
use crate::support::disk::Disk;
use crate::support::scene::{ANN, BEN, Scene};
use crate::support::web::Web;

#[test]
fn while_the_disk_is_full_nothing_is_acknowledged_and_afterwards_all_is_answered() {
    let Some(disk) = Disk::mount() else { return };
    let url = disk.path("broca.db");
    let scene = Scene::start_with(&format!("[database]\nurl = \"{}\"\n", url.display()));
    scene.say(ANN, "before", 1);
    let web = Web::visit(&scene.broca.url());
    scene.broca.wait_idle();

    // One whose turn is under way when the disk fills: its answer has nowhere to go.
    scene.letta.think(std::time::Duration::from_millis(300));
    let turns = scene.letta.count();
    scene.telegram.push(BEN, "in the midst");
    scene.letta.wait_for_turns(turns + 1);
    disk.fill();
    let update = {
        scene.telegram.push(ANN, "meanwhile");
        scene.telegram.latest_update()
    };
    scene.telegram.wait_handed(update, SOON);
    scene.broca.wait_log("telegram cannot receive");
    assert!(scene.telegram.confirmed() <= update, "it was acknowledged");
    let message = r#"{"text":"on the web","key":"1"}"#;
    let answer = web.call("POST", "/api/v1/messages", &[], Some(message));
    assert!(answer.status >= 500, "answered with {}", answer.status);
    assert_eq!(scene.telegram.sent_count(), 1, "said before it was stored");

    disk.relieve();
    scene.telegram.wait_sent(3, SOON);
    scene.telegram.wait_confirmed(update + 1, SOON);
    assert!(web.post("1", "on the web"), "the refused message was kept");
    let mut messages = web.events(0).filter(|event| event.name == "message");
    let answer = messages.nth(1).expect("the stream goes on");
    assert_eq!(answer.data["text"], "echo: on the web");
    scene.broca.wait_idle();
    assert_eq!(scene.texts(ANN), ["echo: before", "echo: meanwhile"]);
    assert_eq!(scene.texts(BEN), ["echo: in the midst"]);
    assert_eq!((scene.letta.count(), scene.broca.repeats()), (4, 0));
    assert_eq!(scene.broca.turns("replied"), 4);
}
