//! Whatever the agent writes: Telegram takes each part, and nothing that shows is lost.

use broca::message::Part;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

use super::*;
use crate::support::mutate::{cases, mutated_text};

const SEEDS: &[&str] = &[
    "# Title\n\nSome **bold**, *italic*, ~~gone~~ and `code` with a [link](https://a.b/c?d=e) and <https://f.g>.\n\n\
     - one\n- two\n  1. deep\n  2. deeper\n- [x] done\n- [ ] open\n\n> quoted\n> > twice\n\n---\n",
    "```rust\nfn main() {\n\tprintln!(\"hi\");\n}\n```\n\n    indented\n\nText after.\n",
    "| a | bb | c |\n|:--|:-:|--:|\n| one | **two** | `three` |\n| 世界 | 😀 | [x](https://y.z) |\n",
    "👩‍🚀 👍🏽 🇩🇪🇫🇷 e\u{301}e\u{301} सं ไทย 終わり。 “Quoted.” (End.)\n\n![image](https://a.b/c.png) ![](x.png)\n",
    "A [link **with *nested* style** and `code`](tg://user?id=1) ***all*** __x__ \\*no\\* &amp; &#x1F600; <b>html</b>\n",
    "<div>\nhtml\n</div>\n\n1. a\n\n   b\n\n2. c\n\nTerm  \nhard\\\nbreak\n\n[ref]\n\n[ref]: https://h.i 'title'\n",
];
const TOKENS: &[&str] = &[
    "**",
    "*",
    "_",
    "`",
    "```",
    "```rs\n",
    "~~",
    "[",
    "](",
    ")",
    "](https://a.b)",
    "![",
    "<",
    ">",
    "\n",
    "\n\n",
    "\n- ",
    "\n1. ",
    "\n> ",
    "\n# ",
    "|",
    "\n|-|-|\n",
    "\t",
    "\r",
    "\u{0}",
    "\u{200b}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{301}",
    "😀",
    "🇩🇪",
    "👩‍🚀",
    "\u{202e}",
    "\u{feff}",
    "\u{ad}",
    "\\",
    "&#0;",
    "&nbsp;",
    "<!--",
    "<br>",
    "終",
    ". ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
];

/// Texts of any length: several changed seeds, of which some are many times longer.
fn markdown() -> impl Strategy<Value = String> {
    let piece = (
        mutated_text(SEEDS, TOKENS),
        prop_oneof![4 => Just(1_usize), 1 => 2..40_usize],
    )
        .prop_map(|(text, times)| text.repeat(times));
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Letters and digits, which show on every network and are never moved about.
fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric())
}

/// What the Markdown shows, as another reads it: the parser's own texts, without the renderer.
fn shown(markdown: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut text = String::new();
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(piece)
            | Event::Code(piece)
            | Event::Html(piece)
            | Event::InlineHtml(piece) => {
                text.push_str(&piece);
            }
            Event::Start(Tag::Item) => text.push(' '),
            _ => {}
        }
    }
    text
}

fn is_within(mut whole: impl Iterator<Item = char>, mut part: impl Iterator<Item = char>) -> bool {
    part.all(|wanted| whole.any(|found| found == wanted))
}

/// The text of a part that Telegram takes.
fn taken(part: &Part) -> Result<String, TestCaseError> {
    let payload: Value = serde_json::from_str(&part.0).expect("a part is JSON");
    let text = payload["text"].as_str().expect("it has a text");
    let units: Vec<u16> = text.encode_utf16().collect();
    prop_assert!(
        !text.trim().is_empty() && units.len() <= 4096,
        "{} units",
        units.len()
    );
    let entities = payload["entities"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    prop_assert!(entities.len() <= 100);
    let mut last = 0;
    for entity in entities {
        let place =
            |name: &str| usize::try_from(entity[name].as_u64().expect("a number")).expect("small");
        let (from, to) = (place("offset"), place("offset") + place("length"));
        prop_assert!(from >= last && from < to && to <= units.len(), "{entity}");
        last = from;
        let is_edge = |at: usize| {
            units
                .get(at)
                .is_none_or(|unit| !(0xdc00..0xe000).contains(unit))
        };
        prop_assert!(is_edge(from) && is_edge(to), "{entity} parts a character");
    }
    Ok(text.to_owned())
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn every_part_can_be_sent_and_what_shows_is_kept(source in markdown()) {
        let bot = bot(Settings::new("42:token", "http://127.0.0.1:1"));
        let parts = parts(&bot, &source);
        prop_assert!(!parts.is_empty());
        let texts: Vec<_> = parts.iter().map(taken).collect::<Result<_, _>>()?;
        prop_assert!(
            is_within(letters(&texts.concat()), letters(&shown(&source))),
            "{texts:?} lacks something of {:?}", shown(&source)
        );
    }
}
