//! What it costs to make Telegram messages of the agent's Markdown, for usual and for malicious texts.
//!
//! `cargo bench --bench rendering`; a name chooses those that contain it. What takes twice the time for
//! twice the text has a ratio of about 2 behind it.
#![expect(clippy::print_stdout, reason = "it reports")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use broca::endpoint::Endpoint;
use broca::endpoint::telegram::{Settings, Telegram};
use broca::message::{Address, Outbound, ReplyKind};
use broca::shelf::NoShelf;

/// Sizes in bytes; the last two tell how the time grows.
const SIZES: [usize; 4] = [1_000, 20_000, 100_000, 200_000];
/// Each is measured for so long, and the best is taken.
const SPELL: Duration = Duration::from_millis(200);

/// What a text is made of: its beginning, what is repeated, its end.
const TEXTS: &[(&str, &str, &str, &str)] = &[
    (
        "prose",
        "",
        "# Title\n\nSome **bold** and *italic* words, a [link](https://a.b/c) and `code`. More of them follow.\n\n\
         - one\n- two\n\n> quoted\n\n```rust\nlet x = 1;\n```\n\n| a | b |\n|---|---|\n| c | d |\n\n",
        "",
    ),
    ("one word", "", "abcdefghij", ""),
    ("one line of words", "", "word ", ""),
    ("emoji", "", "👩‍🚀👍🏽🇩🇪", ""),
    ("closing quotes", "", "\"", ""),
    ("closing brackets", "a", ")", ""),
    ("full stops", "", ".", ""),
    ("flags", "", "🇩", ""),
    ("combining marks", "e", "\u{301}", ""),
    ("blank lines", "", "a\n\n", ""),
    ("many marks", "", "**b** ", ""),
    ("code spans", "", "`c` ", ""),
    ("one bold text with code", "**", "`c` a ", "**"),
    ("links", "", "[a](https://b.c) ", ""),
    ("bad links", "", "[a](b) ", ""),
    ("fences", "", "```\na\n\n```\n\n", ""),
    ("one fence", "```\n", "a\n\n", "```\n"),
    ("deep quotes", "", "> ", "a"),
    ("deep lists", "", "- ", "a"),
    ("deep emphasis", "", "*a **b ", ""),
    ("deep brackets", "", "[", ""),
    ("deep images", "", "![", ""),
    ("nested links", "", "![a", "](https://b.c)"),
    ("backticks", "", "`a``b", ""),
    ("unclosed html", "", "<!-- ", ""),
    ("references", "[a]: https://b.c\n\n", "[a]", ""),
    (
        "table of many rows",
        "| a | b |\n|---|---|\n",
        "| c | d |\n",
        "",
    ),
    ("table of many columns", "", "|a", ""),
];

fn main() -> anyhow::Result<()> {
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let bot = Telegram::new(
        Settings::new("42:token", "http://127.0.0.1:1"),
        Arc::new(NoShelf),
    )?;
    print!("{:<26}", "µs for a text of");
    for size in SIZES {
        print!("{:>12}", format!("{} KB", size / 1000));
    }
    println!("{:>8}{:>8}", "ratio", "parts");
    for (name, text) in texts() {
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word)) {
            continue;
        }
        print!("{name:<26}");
        let mut times = Vec::new();
        let mut parts = 0;
        for size in SIZES {
            let (time, count) = measure(&bot, &text(size));
            print!("{:>12.0}", time.as_secs_f64() * 1e6);
            times.push(time.as_secs_f64());
            parts = count;
        }
        println!("{:>8.1}{parts:>8}", times[3] / times[2]);
    }
    Ok(())
}

/// Gives a text of about so many bytes.
type Maker = Box<dyn Fn(usize) -> String>;

fn texts() -> Vec<(&'static str, Maker)> {
    let repeated = TEXTS.iter().map(|(name, begin, piece, end)| {
        let make = move |size: usize| format!("{begin}{}{end}", piece.repeat(size / piece.len()));
        (*name, Box::new(make) as Maker)
    });
    let mut all: Vec<_> = repeated.collect();
    // One wide cell, and many short rows that would have to be as wide.
    all.push((
        "table with one wide cell",
        Box::new(|size| {
            let (wide, rows) = ("w".repeat(size / 2), "|a|b|\n".repeat(size / 12));
            format!("|{wide}|b|\n|-|-|\n{rows}")
        }),
    ));
    // Many columns, and many rows that leave them empty.
    all.push((
        "table with empty cells",
        Box::new(|size| {
            let (head, rule) = ("|a".repeat(size / 12), "|-".repeat(size / 12));
            format!("{head}|\n{rule}|\n{}", "|a\n".repeat(size / 5))
        }),
    ));
    all
}

/// The shortest time, and how many parts there were.
fn measure(bot: &Telegram, text: &str) -> (Duration, usize) {
    let reply = Outbound {
        reply: 1,
        turn: None,
        to: Address {
            endpoint: "telegram".to_owned(),
            account: "42".to_owned(),
            chat: "1".to_owned(),
            thread: None,
        },
        kind: ReplyKind::Answer,
        text: text.to_owned(),
    };
    let (begun, mut best, mut parts) = (Instant::now(), Duration::MAX, 0);
    while begun.elapsed() < SPELL {
        let start = Instant::now();
        parts = std::hint::black_box(bot.render(std::hint::black_box(&reply))).len();
        best = best.min(start.elapsed());
    }
    (best, parts)
}
