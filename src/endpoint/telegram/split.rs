//! Cuts a long text into messages that Telegram takes.

use super::styled::{LONGEST, Mark, Style, Styled, is_visible};
use boundary::{is_seam, is_sentence_end};

mod boundary;

/// Telegram drops further entities of one message.
const MOST_MARKS: usize = 100;

/// `whole` in messages: each fits, and a mark that crosses a cut goes on behind it. Cuts at a
/// paragraph, else a line, else a sentence, else a word, else between two characters; white space at
/// a cut is dropped. Empty where nothing of `whole` is visible.
pub(super) fn split(whole: &Styled) -> Vec<Styled> {
    let (text, mut parts, mut from) = (&whole.text, Vec::new(), 0);
    while from < text.len() {
        let to = cut(whole, from);
        let end = from + text[from..to].trim_end().len();
        if is_visible(&text[from..end]) {
            parts.push(whole.slice(from, end));
        }
        from = skip(whole, to);
    }
    parts
}

/// Where the message that begins at `from` ends.
fn cut(whole: &Styled, from: usize) -> usize {
    let most = limit(whole, from);
    if most == whole.text.len() {
        return most;
    }
    let middle = from + (most - from) / 2;
    let text = &whole.text;
    let kinds: [&dyn Fn(usize) -> bool; 3] = [
        &|at| text[..at].ends_with("\n\n") && !in_fence(whole, at),
        &|at| text[..at].ends_with('\n'),
        &|at| is_sentence_end(&text[..at], &text[at..]),
    ];
    let found = kinds
        .iter()
        .find_map(|fits| last(text, middle, most, *fits));
    found
        .or_else(|| last(text, from, most, &|at| is_space_around(text, at)))
        .or_else(|| last(text, from, most, &|at| is_seam(&text[..at], &text[at..])))
        .unwrap_or(most)
}

/// The last place of `text` in `above..=most` that `fits`.
fn last(text: &str, above: usize, most: usize, fits: &dyn Fn(usize) -> bool) -> Option<usize> {
    let mut places = (above + 1..=most).rev();
    places.find(|at| text.is_char_boundary(*at) && fits(*at))
}

fn is_space_around(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    before.is_some_and(char::is_whitespace) || text[at..].starts_with(char::is_whitespace)
}

/// The furthest end of a message from `from`, by its length and by its marks.
fn limit(whole: &Styled, from: usize) -> usize {
    let mut units = 0;
    let long = whole.text[from..].char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > LONGEST
    });
    let most = long.map_or(whole.text.len(), |(at, _)| from + at);
    let mut marks = whole.marks.iter().filter(|mark| mark.to > from);
    let crowded = marks.nth(MOST_MARKS).map(|mark| mark.from);
    crowded
        .filter(|at| *at > from)
        .map_or(most, |at| at.min(most))
}

/// Where the next message begins: behind the white space, but not behind a code line's indentation.
fn skip(whole: &Styled, from: usize) -> usize {
    let rest = &whole.text[from..];
    let rest = if in_fence(whole, from) {
        rest.trim_start_matches('\n')
    } else {
        rest.trim_start()
    };
    whole.text.len() - rest.len()
}

fn in_fence(whole: &Styled, at: usize) -> bool {
    let holds = |mark: &Mark| mark.from < at && at < mark.to;
    let mut fences = whole
        .marks
        .iter()
        .filter(|mark| matches!(mark.style, Style::Pre(_)));
    fences.any(holds)
}

#[cfg(test)]
mod tests;
