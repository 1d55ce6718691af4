use proptest::prelude::*;

use super::super::styled::{Mark, Style};
use super::*;

/// The text, and each mark as what it covers.
fn shown(markdown: &str) -> (String, Vec<(String, Style)>) {
    let styled = render(markdown);
    let marks = styled.marks.iter();
    let marks =
        marks.map(|Mark { from, to, style }| (styled.text[*from..*to].to_owned(), style.clone()));
    (styled.text.clone(), marks.collect())
}

fn text(markdown: &str) -> String {
    render(markdown).text
}

#[test]
fn inline_styles_become_marks() {
    let (text, marks) = shown("a **b** *c* ~~d~~ `e` [f](https://g.h/i)");
    assert_eq!(text, "a b c d e f");
    assert_eq!(
        marks,
        [
            ("b".into(), Style::Bold),
            ("c".into(), Style::Italic),
            ("d".into(), Style::Strike),
            ("e".into(), Style::Code),
            ("f".into(), Style::Link("https://g.h/i".into())),
        ]
    );
}

#[test]
fn blocks_stand_apart() {
    assert_eq!(
        text("# H\na\nb\n\nc\n\n---\nd"),
        "H\n\na\nb\n\nc\n\n———\n\nd"
    );
}

#[test]
fn lists_keep_their_numbers_boxes_and_depth() {
    let markdown = "x\n- a\n- b\n  1. c\n  2. d\n- [x] e\n- [ ] f\n\n7. g\n8. h\n\ny";
    let expected = "x\n\n• a\n• b\n  1. c\n  2. d\n☑ e\n☐ f\n\n7. g\n8. h\n\ny";
    assert_eq!(text(markdown), expected);
}

#[test]
fn a_loose_list_begins_on_its_bullets_line() {
    assert_eq!(text("- a\n\n  b\n\n- c"), "• a\n\nb\n\n• c");
}

#[test]
fn a_fence_keeps_its_language_and_indentation() {
    let (text, marks) = shown("a\n```rust ignore\nfn x() {\n\ty\n}\n\n```\nb");
    assert_eq!(text, "a\n\nfn x() {\n    y\n}\n\nb");
    let code = "fn x() {\n    y\n}".to_owned();
    assert_eq!(marks, [(code, Style::Pre(Some("rust".into())))]);
}

#[test]
fn quotes_nest_into_one() {
    let (text, marks) = shown("a\n\n> b\n>\n> > c\n\nd");
    assert_eq!(text, "a\n\nb\n\nc\n\nd");
    assert_eq!(marks, [("b\n\nc".into(), Style::Quote)]);
}

#[test]
fn a_table_is_drawn_in_columns() {
    let (text, marks) = shown("| a | bb |\n|:--|---:|\n| ccc | **d** |\n");
    assert_eq!(text, "a   | bb\n----|---\nccc |  d");
    assert_eq!(marks, [(text, Style::Pre(None))]);
}

#[test]
fn a_wide_cell_does_not_make_every_row_as_wide() {
    let (wide, rows) = ("w".repeat(10_000), "|a|b|\n".repeat(1000));
    let drawn = text(&format!("|{wide}|b|\n|-|-|\n{rows}"));
    assert!(
        drawn.starts_with(&wide)
            && drawn
                .ends_with("a                                                                | b")
    );
    assert!(drawn.len() < 100_000, "{}", drawn.len());
}

#[test]
fn an_address_that_cannot_be_a_link_is_shown() {
    assert_eq!(
        shown("[a](b.md) [c](javascript:d)"),
        ("a (b.md) c (javascript:d)".into(), vec![])
    );
    assert_eq!(shown("<https://a.b/>"), ("https://a.b/".into(), vec![]));
    assert_eq!(
        text("| a |\n|-|\n| [b](https://c.d) |"),
        "a\n---------------\nb (https://c.d)"
    );
}

#[test]
fn an_image_is_a_link() {
    let (text, marks) = shown("![a](https://b.c/d.png) ![](https://e.f/g.png)");
    assert_eq!(text, "a image");
    assert_eq!(marks.len(), 2);
}

#[test]
fn html_is_text() {
    assert_eq!(
        text("a <b>c</b>\n\n<div>\nd\n</div>\n\ne"),
        "a <b>c</b>\n\n<div>\nd\n</div>\n\ne"
    );
}

#[test]
fn styles_do_not_overlap_code() {
    let (_, marks) = shown("**a `b` c**");
    let expected = [
        ("a ".to_owned(), Style::Bold),
        ("b".into(), Style::Code),
        (" c".into(), Style::Bold),
    ];
    assert_eq!(marks, expected);
    let (_, marks) = shown("[`a`](https://b.c)");
    assert_eq!(marks, [("a".into(), Style::Link("https://b.c".into()))]);
}

/// Text that is likely to be Markdown.
fn markdown() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        4 => "[a-zé😀\u{301} ]{1,8}",
        1 => "[*_`~>#|\\[\\]()!<&\\-+0-9.:\\t\\n \\\\]{1,4}",
        1 => prop::sample::select(vec![
            "**", "`", "```", "```rs\n", "\n\n", "\n> ", "\n- ", "\n1. ", "\n  - [ ] ", "|a|b|\n|-|-|\n",
            "[x](https://y.z)", "![", "](", "<https://a.b>", "# ", "\n---\n", "<br>", "\u{0}", "\u{200b}",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn marks_are_sorted_within_the_text_and_nest(source in prop_oneof![markdown(), any::<String>()]) {
        let styled = render(&source);
        let mut open: Vec<usize> = Vec::new();
        let mut last = 0;
        for mark in &styled.marks {
            prop_assert!(mark.from < mark.to && mark.to <= styled.text.len());
            prop_assert!(styled.text.is_char_boundary(mark.from) && styled.text.is_char_boundary(mark.to));
            prop_assert!(mark.from >= last);
            last = mark.from;
            while open.last().is_some_and(|to| *to <= mark.from) {
                open.pop();
            }
            prop_assert!(open.last().is_none_or(|to| mark.to <= *to), "{:?} in {:?}", mark, styled);
            open.push(mark.to);
        }
    }

    #[test]
    fn words_are_never_lost(words in prop::collection::vec("[a-z]{1,9}", 1..40), glue in prop::collection::vec(0..6_usize, 40)) {
        let glues = [" ", "\n", "\n\n", "\n- ", "\n> ", "\n# "];
        let source: String = words.iter().zip(&glue).flat_map(|(word, glue)| [word.as_str(), glues[*glue]]).collect();
        let out = render(&source).text;
        let found: Vec<_> = out.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty()).collect();
        prop_assert_eq!(found, words);
    }
}
