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
    let (text, mut parts, mut rest) = (&whole.text, Vec::new(), Rest::of(whole));
    while rest.from < text.len() {
        let (from, to) = (rest.from, cut(&rest));
        let end = from + text[from..to].trim_end().len();
        if is_visible(&text[from..end]) {
            parts.push(rest.until(end));
        }
        rest.pass(skip(&rest, to));
    }
    parts
}

/// What is not yet in a message. Each step looks only at the marks near it: texts and their marks may be
/// many.
struct Rest<'a> {
    whole: &'a Styled,
    from: usize,
    /// Marks that began before `from` and go on behind it; few, since no style stands in itself.
    open: Vec<&'a Mark>,
    /// The first mark that begins at `from` or later.
    next: usize,
    /// Where code blocks begin and end.
    fences: Vec<(usize, usize)>,
}

impl<'a> Rest<'a> {
    fn of(whole: &'a Styled) -> Self {
        let is_fence = |mark: &&Mark| matches!(mark.style, Style::Pre(_));
        let fences = whole.marks.iter().filter(is_fence);
        Self {
            whole,
            from: 0,
            open: Vec::new(),
            next: 0,
            fences: fences.map(|mark| (mark.from, mark.to)).collect(),
        }
    }

    fn marks(&self) -> impl Iterator<Item = &'a Mark> {
        let later = &self.whole.marks[self.next..];
        self.open.iter().copied().chain(later)
    }

    /// The text up to `to`, with its marks.
    fn until(&self, to: usize) -> Styled {
        let inside = self.marks().take_while(|mark| mark.from < to);
        self.whole.slice(self.from, to, inside)
    }

    fn pass(&mut self, to: usize) {
        let later = &self.whole.marks[self.next..];
        let begun = later.partition_point(|mark| mark.from < to);
        self.open.extend(&later[..begun]);
        self.open.retain(|mark| mark.to > to);
        self.next += begun;
        self.from = to;
    }

    fn in_fence(&self, at: usize) -> bool {
        let next = self.fences.partition_point(|(_, to)| *to <= at);
        self.fences.get(next).is_some_and(|(from, _)| *from < at)
    }
}

/// Where the message that begins here ends.
fn cut(rest: &Rest<'_>) -> usize {
    let (text, from, most) = (&rest.whole.text, rest.from, limit(rest));
    if most == text.len() {
        return most;
    }
    let middle = from + (most - from) / 2;
    let kinds: [&dyn Fn(usize) -> bool; 3] = [
        &|at| text[..at].ends_with("\n\n") && !rest.in_fence(at),
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

/// The furthest end of a message, by its length and by its marks.
fn limit(rest: &Rest<'_>) -> usize {
    let (text, from) = (&rest.whole.text, rest.from);
    let mut units = 0;
    let long = text[from..].char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > LONGEST
    });
    let most = long.map_or(text.len(), |(at, _)| from + at);
    let crowded = rest.marks().nth(MOST_MARKS).map(|mark| mark.from);
    crowded
        .filter(|at| *at > from)
        .map_or(most, |at| at.min(most))
}

/// Where the next message begins: behind the white space, but not behind a code line's indentation.
fn skip(rest: &Rest<'_>, from: usize) -> usize {
    let text = &rest.whole.text;
    let after = &text[from..];
    let after = if rest.in_fence(from) {
        after.trim_start_matches('\n')
    } else {
        after.trim_start()
    };
    text.len() - after.len()
}

#[cfg(test)]
mod tests;
