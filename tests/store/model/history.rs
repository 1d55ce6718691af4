//! Histories: what can be done to the store, in small numbers that shrink well.

use broca::config::{Mode, Uncertain};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Addresses: endpoint, chat, thread. Two share a chat, two an endpoint's name for it.
pub(super) const CHATS: [(&str, &str, &str); 5] = [
    ("telegram", "ann", ""),
    ("telegram", "bob", ""),
    ("telegram", "ann", "topic"),
    ("webchat", "ann", ""),
    ("webchat", "cy", ""),
];
/// Who writes; each has a profile on each endpoint that they write on.
pub(super) const PEOPLE: [&str; 3] = ["u1", "u2", "u3"];

/// One thing done to the store. What names a row or a claim is an index, taken round where there are fewer.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Receive(Vec<Item>, Mode, bool),
    Claim {
        most: usize,
        live: bool,
        endpoints: Vec<&'static str>,
        begin: bool,
    },
    /// Of a turn's claim, counted from the latest.
    Turn(usize, OfTurn),
    TakeOver {
        wide: bool,
    },
    Notice {
        paused: bool,
    },
    Expire,
    Retry {
        turn: usize,
        mode: Mode,
        wide: bool,
    },
    Cancel(usize),
    Flush,
    Delete(usize),
    Activate {
        person: usize,
        active: bool,
    },
    Send {
        chat: usize,
        key: Option<u8>,
        lines: usize,
    },
    ClaimReplies {
        most: usize,
        endpoints: Vec<&'static str>,
        uncertain: Uncertain,
        once: bool,
    },
    /// Of a reply's claim, counted from the latest.
    Reply(usize, OfReply),
    Pass {
        seconds: u64,
    },
}

/// A message that arrives.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) chat: usize,
    pub(super) from: usize,
    pub(super) key: u8,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Text { text: u8, join: bool },
    Edit { of: u8, text: u8 },
    Command,
    Status,
    Stop,
    Reachable(bool),
    Keep,
    Refuse { tell: bool },
}

/// What a worker does with a turn that it claimed, now or long ago.
#[derive(Debug, Clone)]
pub(super) enum OfTurn {
    /// Begins an attempt, or ends its own with so many texts and begins the next.
    Begin(usize),
    /// Replies of so many lines each.
    Replied(Vec<usize>),
    Silent,
    Failed,
    Stopped,
    PutBack {
        seconds: u64,
        counts: bool,
        unknown: bool,
    },
    Release,
}

/// What a worker does with a reply that it claimed, now or long ago.
#[derive(Debug, Clone)]
pub(super) enum OfReply {
    Said,
    Failed,
    PutBack {
        sure: bool,
        counts: bool,
        seconds: u64,
    },
    Park,
}

/// The hand that `index` means among `len`, the latest first.
pub(super) fn pick(len: usize, index: usize) -> Option<usize> {
    len.checked_sub(1).map(|last| last - index % len)
}

/// A text of so many lines; what has none cannot be cut into parts.
pub(super) fn lines(count: usize) -> String {
    ["one\n", "two\n", "three\n"][..count].concat()
}

pub(super) fn histories() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..120)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (vec(item(), 1..4), mode(), any::<bool>()).prop_map(|(items, mode, wide)| Step::Receive(items, mode, wide)),
        6 => (1..4_usize, prop::bool::weighted(0.9), endpoints(), any::<bool>())
            .prop_map(|(most, live, endpoints, begin)| Step::Claim { most, live, endpoints, begin }),
        10 => (hand(), of_turn()).prop_map(|(hand, done)| Step::Turn(hand, done)),
        5 => (1..4_usize, endpoints(), select(vec![Uncertain::Repeat, Uncertain::Skip]), prop::bool::weighted(0.2))
            .prop_map(|(most, endpoints, uncertain, once)| Step::ClaimReplies { most, endpoints, uncertain, once }),
        8 => (hand(), of_reply()).prop_map(|(hand, done)| Step::Reply(hand, done)),
        2 => prop_oneof![Just(0), Just(1), Just(60), Just(600), Just(90_000)].prop_map(|seconds| Step::Pass { seconds }),
        4 => rare(),
    ]
}

fn rare() -> impl Strategy<Value = Step> {
    let turn = || 0..12_usize;
    prop_oneof![
        any::<bool>().prop_map(|wide| Step::TakeOver { wide }),
        any::<bool>().prop_map(|paused| Step::Notice { paused }),
        Just(Step::Expire),
        (turn(), mode(), any::<bool>()).prop_map(|(turn, mode, wide)| Step::Retry {
            turn,
            mode,
            wide
        }),
        (turn(), mode(), any::<bool>()).prop_map(|(turn, mode, wide)| Step::Retry {
            turn,
            mode,
            wide
        }),
        turn().prop_map(Step::Cancel),
        Just(Step::Flush),
        turn().prop_map(Step::Delete),
        (0..5_usize, any::<bool>()).prop_map(|(person, active)| Step::Activate { person, active }),
        (0..CHATS.len(), prop::option::of(0..3_u8), 0..3_usize)
            .prop_map(|(chat, key, lines)| Step::Send { chat, key, lines }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let what = prop_oneof![
        8 => (0..4_u8, prop::bool::weighted(0.3)).prop_map(|(text, join)| What::Text { text, join }),
        2 => (0..24_u8, 0..4_u8).prop_map(|(of, text)| What::Edit { of, text }),
        1 => Just(What::Command),
        1 => Just(What::Status),
        1 => Just(What::Stop),
        1 => any::<bool>().prop_map(What::Reachable),
        1 => Just(What::Keep),
        1 => any::<bool>().prop_map(|tell| What::Refuse { tell }),
    ];
    (0..CHATS.len(), 0..PEOPLE.len(), 0..24_u8, what).prop_map(|(chat, from, key, what)| Item {
        chat,
        from,
        key,
        what,
    })
}

fn of_turn() -> impl Strategy<Value = OfTurn> {
    prop_oneof![
        3 => (0..3_usize).prop_map(OfTurn::Begin),
        4 => vec(0..4_usize, 0..3).prop_map(OfTurn::Replied),
        1 => Just(OfTurn::Silent),
        1 => Just(OfTurn::Failed),
        1 => Just(OfTurn::Stopped),
        3 => (seconds(), any::<bool>(), any::<bool>())
            .prop_map(|(seconds, counts, unknown)| OfTurn::PutBack { seconds, counts, unknown }),
        1 => Just(OfTurn::Release),
    ]
}

fn of_reply() -> impl Strategy<Value = OfReply> {
    prop_oneof![
        6 => Just(OfReply::Said),
        1 => Just(OfReply::Failed),
        3 => (any::<bool>(), any::<bool>(), seconds())
            .prop_map(|(sure, counts, seconds)| OfReply::PutBack { sure, counts, seconds }),
        1 => Just(OfReply::Park),
    ]
}

fn hand() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..2_usize, 2 => 0..5_usize, 1 => 0..20_usize]
}

fn seconds() -> impl Strategy<Value = u64> {
    select(vec![0, 0, 1, 60, 6000])
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![6 => Just(Mode::Live), 1 => Just(Mode::Echo), 1 => Just(Mode::Listen)]
}

fn endpoints() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        6 => Just(vec!["telegram", "webchat"]),
        1 => Just(vec!["telegram"]),
        1 => Just(vec![]),
    ]
}
