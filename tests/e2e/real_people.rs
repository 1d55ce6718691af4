//! Several people at a real Letta, in each isolation mode.

use crate::support::real::{PATIENTLY, Real, asked, model};
use crate::support::scene::{ANN, BEN};

#[test]
fn two_people_are_answered_side_by_side() {
    let Some(real) = Real::start("conversation") else {
        return;
    };
    let (ann, ben) = (real.text("sleep:3 from ann"), real.text("sleep:3 from ben"));
    real.telegram.push(ANN, &ann);
    real.telegram.push(BEN, &ben);
    let sent = real.telegram.wait_sent(2, PATIENTLY);
    assert_eq!(
        (real.texts(ANN), real.texts(BEN)),
        (vec![format!("echo: {ann}")], vec![format!("echo: {ben}")])
    );
    let apart = sent[1].at.duration_since(sent[0].at);
    assert!(apart.as_secs() < 3, "one after the other: {apart:?}");
}

#[test]
fn one_persons_text_is_never_in_anothers_prompt() {
    for isolation in ["conversation", "block"] {
        let Some(real) = Real::start(isolation) else {
            return;
        };
        let (ann, ben) = (real.text("ann's-secret"), real.text("ben's-question"));
        real.say(ANN, &ann, 1);
        real.say(BEN, &ben, 2);
        if let Some(last) = model("/_last") {
            let prompt = last.to_string();
            assert!(prompt.contains("ben's-question"), "{isolation}");
            assert!(!prompt.contains(&ann), "{isolation}");
        }
        real.say(ANN, &real.text("again"), 3);
        if let Some(last) = model("/_last") {
            let prompt = last.to_string();
            assert!(
                prompt.contains(&ann) && !prompt.contains(&ben),
                "{isolation}"
            );
        }
        assert_eq!(real.texts(BEN), [format!("echo: {ben}")]);
    }
}

#[test]
fn shared_turns_are_answered_one_after_the_other() {
    let Some(real) = Real::start("shared") else {
        return;
    };
    let texts = [
        real.text("shared one"),
        real.text("shared two"),
        real.text("shared three"),
    ];
    for (chat, text) in [ANN, BEN, ANN].into_iter().zip(&texts) {
        real.telegram.push(chat, text);
    }
    real.telegram.wait_sent(3, PATIENTLY);
    assert_eq!(
        real.texts(ANN),
        [format!("echo: {}", texts[0]), format!("echo: {}", texts[2])]
    );
    assert_eq!(real.texts(BEN), [format!("echo: {}", texts[1])]);
}

#[test]
fn a_block_turn_that_a_crash_interrupted_is_one_turn() {
    let Some(real) = Real::start("block") else {
        return;
    };
    let (ann, ben) = (real.text("sleep:3 from ann"), real.text("from ben"));
    real.telegram.push(ANN, &ann);
    real.telegram.wait_calls("sendChatAction", 1, PATIENTLY);
    crate::support::broca::until("the model's turn", || {
        asked(&ann).is_none_or(|times| times == 1)
    });
    real.broca.kill();
    real.telegram.push(BEN, &ben);
    real.broca.start();
    real.telegram.wait_sent(2, PATIENTLY);
    real.broca.wait_idle();
    assert_eq!(
        (real.texts(ANN), real.texts(BEN)),
        (vec![format!("echo: {ann}")], vec![format!("echo: {ben}")])
    );
    assert!(
        asked(&ann).is_none_or(|times| times == 1),
        "{:?}",
        asked(&ann)
    );
}
