use proptest::prelude::*;

use super::super::styled::{is_ink, utf16};
use super::super::{markup, split};
use super::*;

fn parts(markdown: &str) -> Vec<Styled> {
    split::split(&markup::render(markdown))
}

fn texts(markdown: &str) -> Vec<String> {
    parts(markdown).into_iter().map(|part| part.text).collect()
}

#[test]
fn what_fits_stays_whole() {
    assert_eq!(texts(&"a".repeat(LONGEST)), ["a".repeat(LONGEST)]);
    assert!(texts(" \n ").is_empty());
    assert!(texts("\u{200b}").is_empty());
}

#[test]
fn a_paragraph_is_the_best_place() {
    let (a, b) = (
        format!("{}. {}", "a".repeat(2500), "a".repeat(500)),
        "b ".repeat(1000),
    );
    assert_eq!(texts(&format!("{a}\n\n{b}")), [a, b.trim_end().to_owned()]);
}

#[test]
fn then_a_line_then_a_sentence_then_a_word() {
    let (a, b) = ("a".repeat(3000), "b".repeat(2000));
    for glue in ["\n", ". ", " "] {
        let sign = glue.trim_end_matches([' ', '\n']);
        let rest = format!("{} {}", &b[..900], &b[900..]);
        let found = texts(&format!("{a}{glue}{rest}"));
        let first = if glue == " " {
            format!("{a} {}", &b[..900])
        } else {
            format!("{a}{sign}")
        };
        assert_eq!(found[0], first, "{glue:?}");
    }
}

#[test]
fn a_lone_word_is_cut_between_characters() {
    let found = texts(&"👩‍🚀".repeat(900));
    assert!(
        found.len() == 2
            && found
                .iter()
                .all(|part| part.starts_with('👩') && part.ends_with('🚀'))
    );
    let found = texts(&"😀".repeat(2049));
    assert_eq!(
        found.iter().map(|part| utf16(part)).collect::<Vec<_>>(),
        [4096, 2]
    );
}

#[test]
fn a_fence_is_closed_and_opened_again() {
    let line = "    let x = 1;\n";
    let found = parts(&format!("```rust\n{}```\nend", line.repeat(500)));
    assert!(found.len() == 2, "{}", found.len());
    for part in &found {
        assert_eq!(part.marks[0].style, Style::Pre(Some("rust".into())));
        assert!(part.text.starts_with("    let x"), "indentation stays");
    }
    assert!(found[0].text.ends_with("= 1;") && found[1].text.ends_with("end"));
}

#[test]
fn marks_are_counted() {
    let found = parts(&"**b** ".repeat(250));
    let counts: Vec<_> = found.iter().map(|part| part.marks.len()).collect();
    assert_eq!(counts, [100, 100, 50]);
}

/// Looking back over all of them at each place took minutes.
#[test]
fn a_wall_of_quotes_is_cut_at_once() {
    let parts = texts(&"\"".repeat(200_000));
    assert_eq!(parts.len(), 200_000_usize.div_ceil(LONGEST));
}

fn ink(text: &str) -> String {
    text.chars().filter(|c| is_ink(*c)).collect()
}

/// Long texts with marks at random places.
fn long() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z ]{1,400}",
        2 => "[é😀👍🏽🇩🇪e\u{301}]{1,300}",
        1 => "\\*\\*[a-z ]{1,900}\\*\\*",
        1 => "`[a-z]{1,30}` ",
        1 => "\n\n```rs\n[a-z\n ]{1,3000}\n```\n\n",
        1 => "\n(- [a-z]{1,80}\n){1,40}\n",
        1 => "> [a-z]{1,200}\n\n",
        1 => "[a-z]{1,80}[.!?] ",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_part_fits_and_nothing_is_lost(source in prop_oneof![long(), any::<String>()]) {
        let whole = markup::render(&source);
        let parts = split::split(&whole);
        let joined: String = parts.iter().map(|part| ink(&part.text)).collect();
        prop_assert_eq!(joined, ink(&whole.text));
        for part in parts {
            prop_assert!(is_visible(&part.text) && part.marks.len() <= MOST_MARKS);
            let payload = part.payload();
            let length = utf16(&payload.text);
            prop_assert!(length <= LONGEST);
            let offsets: Vec<_> = payload.entities.iter().map(|entity| entity.offset).collect();
            prop_assert!(offsets.is_sorted());
            for entity in payload.entities {
                prop_assert!(entity.length > 0 && usize::from(entity.offset + entity.length) <= length);
            }
        }
    }

    #[test]
    fn words_stay_whole(words in prop::collection::vec("[a-z]{1,40}", 1..600)) {
        let parts = texts(&words.join(" "));
        let found: Vec<_> = parts.iter().flat_map(|part| part.split(' ')).collect();
        prop_assert_eq!(found, words);
    }
}
