//! Who may come in.

use super::*;

#[test]
fn only_those_who_may_are_welcome() {
    let server = Telegram::start();
    let standings = |settings: Settings| -> Vec<bool> {
        let batch = bot(settings).receive(None).expect("it answers");
        assert!(batch.items.iter().all(|item| item.raw.is_none()));
        batch
            .items
            .iter()
            .map(|item| item.standing == Standing::Welcome)
            .collect()
    };
    for chat in [ANN, 1002, 1003] {
        server.push(chat, "hi");
    }
    let settings = |access, owner: &[Who]| Settings {
        access,
        owner: owner.to_vec(),
        allow: vec![Who::Id(1002), Who::Name("user1003".into())],
        ..open(&server)
    };
    let ann = [Who::Id(1001)];
    assert_eq!(standings(settings(Access::Open, &[])), [true, true, true]);
    assert_eq!(
        standings(settings(Access::Owner, &[])),
        [false, false, false]
    );
    assert_eq!(
        standings(settings(Access::Owner, &ann)),
        [true, false, false]
    );
    assert_eq!(
        standings(settings(Access::Allowlist, &ann)),
        [true, true, true]
    );
}

#[test]
fn a_username_belongs_to_the_first_id_that_comes_with_it() {
    let server = Telegram::start();
    let shelf = Arc::new(MemoryShelf::default());
    let settings = Settings {
        access: Access::Owner,
        owner: vec![Who::Name("user1001".into())],
        ..open(&server)
    };
    let mut thief = Telegram::message(666);
    thief["text"] = json!("let me in");
    thief["from"]["username"] = json!("USER1001");
    server.push(ANN, "hi");
    server.push_message("message", thief.clone());
    for _ in 0..2 {
        let bot = Bot::new(settings.clone(), Arc::clone(&shelf) as _).expect("whole");
        let batch = bot.receive(None).expect("it answers");
        let standings: Vec<_> = batch.items.iter().map(|item| &item.standing).collect();
        assert_eq!(standings, [&Standing::Welcome, &Standing::Stranger]);
    }
}
