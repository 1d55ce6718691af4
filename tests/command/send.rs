//! `broca send`.

use crate::support::broca::Broca;

#[cfg(feature = "telegram")]
#[test]
fn a_message_goes_once_to_whom_it_names() {
    use crate::support::broca::SOON;
    use crate::support::scene::{ANN, Scene};
    let scene = Scene::start();
    scene.say(ANN, "hello", 1);
    let dry = scene.broca.ask(&["send", "@user1001", "psst", "--dry-run"]);
    assert_eq!(
        (&dry["to"]["chat"], &dry["reply"]),
        (&"1001".into(), &serde_json::Value::Null)
    );
    let key = ["--idempotency-key", "k1"];
    let first = scene
        .broca
        .ask(&[&["send", "telegram:1001", "**now**"][..], &key].concat());
    let again = scene
        .broca
        .ask(&[&["send", "telegram:1001", "**now**"][..], &key].concat());
    assert_eq!(
        (&first["fresh"], &again["fresh"]),
        (&true.into(), &false.into())
    );
    assert_eq!(first["reply"], again["reply"]);
    scene.telegram.wait_sent(2, SOON);
    let done = scene.broca.run_with(&["send", "1", "-"], "from a pipe\n");
    assert_eq!(done.code, 0, "{done:?}");
    scene.telegram.wait_sent(3, SOON);
    scene.broca.wait_idle();
    assert_eq!(scene.texts(ANN), ["echo: hello", "now", "from a pipe"]);
    assert_eq!(scene.letta.count(), 1);
}

#[test]
fn nobody_and_nothing_are_errors() {
    let broca = Broca::new("");
    broca.start();
    let cases = [
        (&["send", "@nobody", "hello"][..], 1, "not-found"),
        (&["send", "what is this", "hello"], 2, "usage"),
        (&["send", "1", " "], 2, "usage"),
    ];
    for (arguments, code, name) in cases {
        let done = broca.run(&[arguments, &["--json"]].concat());
        assert_eq!((done.code, done.out.as_str()), (code, ""), "{done:?}");
        assert_eq!(done.error()["code"], name);
    }
}
