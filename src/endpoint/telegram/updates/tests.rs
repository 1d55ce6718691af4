use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::mutate::{cases, mutated_text};

fn update(kind: &str, extra: &Value) -> Value {
    let mut body = json!({
        "message_id": 7, "date": 1_700_000_000,
        "from": {"id": 1001, "is_bot": false, "first_name": "Ann", "last_name": "B", "username": "ann", "language_code": "en"},
        "chat": {"id": 1001, "type": "private", "first_name": "Ann"},
    });
    let fields = extra.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    json!({"update_id": 5, kind: body})
}

fn read(extra: &Value) -> Inbound {
    understand(&update("message", extra), "42").inbound
}

fn text(extra: &Value) -> String {
    match read(extra).content {
        Content::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_a_text() {
    let inbound = read(&json!({"text": "hi 😀"}));
    assert_eq!(
        (inbound.key.as_str(), inbound.address.chat.as_str()),
        ("1001/7", "1001")
    );
    assert_eq!(inbound.content, Content::Text("hi 😀".into()));
    assert_eq!(inbound.from.name.as_deref(), Some("Ann B"));
    assert_eq!((inbound.from.id.as_str(), inbound.raw), ("1001", None));
}

#[test]
fn an_edit_names_the_message() {
    let edit = update(
        "edited_message",
        &json!({"text": "ho", "edit_date": 1_700_000_009}),
    );
    let inbound = understand(&edit, "42").inbound;
    assert_eq!(inbound.key, "1001/7/1700000009");
    assert_eq!(
        inbound.content,
        Content::Edit {
            of: "1001/7".into(),
            text: "ho".into()
        }
    );
}

#[test]
fn addresses_behind_words_are_kept() {
    let entities = json!([
        {"type": "bold", "offset": 0, "length": 2},
        {"type": "text_link", "offset": 3, "length": 4, "url": "https://a.b"},
        {"type": "text_link", "offset": 90, "length": 4, "url": "https://out.of.range"},
    ]);
    assert_eq!(
        text(&json!({"text": "😀 here.", "entities": entities})),
        "😀 [here](https://a.b)."
    );
}

#[test]
fn captions_tell_what_was_attached() {
    assert_eq!(
        text(&json!({"photo": [], "caption": "look"})),
        "[photo] look"
    );
    let document = json!({"document": {"file_name": "a.pdf"}, "caption": "read"});
    assert_eq!(text(&document), "[document: a.pdf] read");
}

#[test]
fn a_reply_quotes_what_it_answers_but_a_command_does_not() {
    let replied = update("message", &json!({"text": "one\ntwo", "sticker": 3}))["message"].clone();
    assert_eq!(
        text(&json!({"text": "yes", "reply_to_message": replied})),
        "> one\n> two\n\nyes"
    );
    assert_eq!(
        text(&json!({"text": "/stop", "reply_to_message": replied})),
        "/stop"
    );
    let picked = json!({"text": "yes", "reply_to_message": replied, "quote": {"text": "two", "position": 4}});
    assert_eq!(text(&picked), "> two\n\nyes");
}

#[test]
fn what_is_new_in_a_message_does_not_lose_its_text() {
    let odd = json!({
        "text": "hi", "forward_origin": {"type": "from_the_future"}, "entities": [{"type": 1}],
        "reply_to_message": {"message_id": "x"},
    });
    assert_eq!(text(&odd), "hi");
}

#[test]
fn what_is_not_carried_is_named_and_kept_raw() {
    for (extra, kind) in [
        (json!({"sticker": {}}), "sticker"),
        (json!({"venue": {}, "location": {}}), "venue"),
        (json!({"hologram": {}}), "hologram"),
        (
            json!({"text": "x", "chat": {"id": -5, "type": "group", "title": "g"}}),
            "group message",
        ),
        (
            json!({"text": "x", "from": {"id": 3, "is_bot": true, "first_name": "b"}}),
            "message of a bot",
        ),
        (
            json!({"text": "x", "chat": {"id": 5, "type": "planet"}}),
            "planet message",
        ),
    ] {
        let inbound = read(&extra);
        assert_eq!(inbound.content, Content::Other(kind.into()));
        assert!(inbound.raw.is_some_and(|raw| raw.contains("update_id")));
    }
}

#[test]
fn an_unknown_update_is_passed_on() {
    let odd = json!({"update_id": 9, "telepathy": {"from": {"id": 3, "is_bot": false, "first_name": "c"}}});
    let inbound = understand(&odd, "42").inbound;
    assert_eq!(inbound.content, Content::Other("telepathy".into()));
    assert_eq!(
        (inbound.key.as_str(), inbound.address.chat.as_str()),
        ("update/9", "3")
    );
    for odd in [
        json!({"update_id": 9}),
        json!([]),
        json!("x"),
        json!({"message": 3}),
    ] {
        assert!(matches!(
            understand(&odd, "42").inbound.content,
            Content::Other(_)
        ));
    }
}

#[test]
fn blocking_and_coming_back_are_told() {
    for (status, reachable) in [("kicked", false), ("member", true)] {
        let member = json!({"new_chat_member": {"status": status}});
        let inbound = understand(&update("my_chat_member", &member), "42").inbound;
        assert_eq!(inbound.content, Content::Reachable(reachable));
        assert_eq!(
            (inbound.key.as_str(), inbound.from.id.as_str()),
            ("update/5", "1001")
        );
    }
}

/// Any JSON, often with the names and shapes that Telegram uses.
fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "update_id",
        "message",
        "edited_message",
        "my_chat_member",
        "chat",
        "from",
        "id",
        "type",
        "text",
        "caption",
        "entities",
        "offset",
        "length",
        "url",
        "date",
        "message_id",
        "is_bot",
        "first_name",
        "quote",
        "reply_to_message",
        "photo",
        "document",
        "file_name",
        "status",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..9_u64).prop_map(Value::from),
        "\\PC{0,9}".prop_map(Value::from),
        prop::sample::select(vec!["private", "text_link", "kicked"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
        let fields = prop::collection::vec((name, inner.clone()), 0..8);
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
            3 => fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_that_comes_is_refused(body in any_json(), kind in 0..4_usize) {
        let kind = ["message", "edited_message", "my_chat_member", "news"][kind];
        for odd in [json!({"update_id": 3, kind: body}), body.clone()] {
            let (once, twice) = (understand(&odd, "42"), understand(&odd, "42"));
            prop_assert_eq!(once.inbound, twice.inbound);
        }
        let mixed = understand(&update(kind, &json!({"text": "hi", "entities": body})), "42");
        prop_assert!(!mixed.inbound.key.is_empty());
        if kind == "message" {
            prop_assert!(matches!(mixed.inbound.content, Content::Text(_)));
        }
    }
}

/// Updates as Telegram sends them.
const SEEDS: &[&str] = &[
    r#"{"update_id":7,"message":{"message_id":1,"date":1700000000,"from":{"id":1001,"is_bot":false,"first_name":"Ann","language_code":"en"},"chat":{"id":1001,"type":"private","first_name":"Ann"},"text":"see this 😀","entities":[{"type":"text_link","offset":4,"length":4,"url":"https://a.b/"},{"type":"bold","offset":0,"length":3}]}}"#,
    r#"{"update_id":8,"edited_message":{"message_id":2,"date":1700000000,"edit_date":1700000009,"from":{"id":-5,"is_bot":false,"first_name":""},"chat":{"id":1001,"type":"private"},"text":"ho","quote":{"text":"hi","position":0},"reply_to_message":{"message_id":1,"date":1,"chat":{"id":1001,"type":"private"},"text":"hi"}}}"#,
    r#"{"update_id":9,"message":{"message_id":3,"date":1700000000,"from":{"id":1001,"is_bot":false,"first_name":"Ann"},"chat":{"id":1001,"type":"private"},"caption":"look","caption_entities":[{"type":"url","offset":0,"length":4}],"document":{"file_id":"x","file_unique_id":"y","file_name":"a.pdf"}}}"#,
    r#"{"update_id":10,"my_chat_member":{"chat":{"id":1001,"type":"private"},"from":{"id":1001,"is_bot":false,"first_name":"Ann"},"date":1,"old_chat_member":{"status":"member"},"new_chat_member":{"status":"kicked","until_date":0}}}"#,
    r#"{"update_id":11,"message":{"message_id":4,"date":1,"chat":{"id":-100,"type":"supergroup"},"from":{"id":1,"is_bot":true,"first_name":"B"},"text":"x"}}"#,
];
const TOKENS: &[&str] = &[
    "null",
    "-1",
    "9223372036854775807",
    "18446744073709551616",
    "1e400",
    "0.5",
    "{}",
    "[]",
    "\"\"",
    "true",
    "\\ud83d",
    "\\ud83d\\ude00",
    "\\u0000",
    "65535",
    "65536",
    "\"text\":",
    "\"entities\":",
    "\"offset\":",
    ",",
    "\u{feff}",
    "😀",
];

proptest! {
    #![proptest_config(cases(512))]

    /// Whatever became of an update: it is something, with the update's number, and as itself not lost.
    #[test]
    fn no_update_is_lost(text in mutated_text(SEEDS, TOKENS)) {
        let Ok(update) = serde_json::from_str::<Value>(&text) else {
            return Ok(());
        };
        let arrival = understand(&update, "42");
        let inbound = arrival.inbound;
        prop_assert!(!inbound.key.is_empty() && inbound.address.chat.parse::<i64>().is_ok());
        if matches!(inbound.content, Content::Other(_)) {
            prop_assert!(inbound.raw.is_some());
            let number = number(&update).map_or("unnumbered".to_owned(), |number| number.to_string());
            let named = inbound.key == format!("update/{number}");
            prop_assert!(named || inbound.key.starts_with(&inbound.address.chat), "{}", inbound.key);
        }
    }
}
