//! Where a text may be cut.

/// So many quotes and brackets close a sentence at most.
const CLOSERS: usize = 8;

/// Whether a sentence ends before the cut and white space follows.
pub(super) fn is_sentence_end(before: &str, after: &str) -> bool {
    let is_closer = |c: &char| matches!(c, '"' | '\'' | ')' | ']' | '”' | '’' | '»');
    let mut last = before.chars().rev().take(CLOSERS + 1);
    match last.find(|c| !is_closer(c)) {
        Some('。' | '！' | '？') => true,
        Some('.' | '!' | '?' | '…') => after.starts_with(char::is_whitespace),
        _ => false,
    }
}

/// Whether a cut here parts no character as a person sees it: nothing joins across it.
///
/// The common cases of Unicode's grapheme clusters (UAX #29): combining marks, variation selectors,
/// emoji joined by U+200D or coloured, flags, and line ends.
pub(super) fn is_seam(before: &str, after: &str) -> bool {
    let (Some(last), Some(next)) = (before.chars().next_back(), after.chars().next()) else {
        return true;
    };
    let joined = last == '\u{200d}' || extends(next) || (last == '\r' && next == '\n');
    !joined && !parts_flag(before, next)
}

/// A flag is two letters: an even number of them stands before each flag's first.
fn parts_flag(before: &str, next: char) -> bool {
    let letters = before
        .chars()
        .rev()
        .take_while(|c| is_flag_letter(*c))
        .take(64)
        .count();
    is_flag_letter(next) && letters % 2 == 1
}

const fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

const fn extends(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' // combining marks
            | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{93a}'..='\u{93c}'
            | '\u{93e}'..='\u{94f}' | '\u{9bc}'..='\u{9cd}' | '\u{a3c}'..='\u{a4d}'
            | '\u{abc}'..='\u{acd}' | '\u{b3c}'..='\u{b57}' | '\u{bbe}'..='\u{bcd}'
            | '\u{c3e}'..='\u{c56}' | '\u{cbc}'..='\u{cd6}' | '\u{d3b}'..='\u{d4d}'
            | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1160}'..='\u{11ff}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200c}' | '\u{200d}'
            | '\u{20d0}'..='\u{20f0}' | '\u{302a}'..='\u{302f}' | '\u{3099}' | '\u{309a}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}'
            | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_joins_is_not_parted() {
        for (before, after) in [
            ("e", "\u{301}"),
            ("👩\u{200d}", "🚀"),
            ("👍", "🏽"),
            ("🇩", "🇪"),
            ("❤", "\u{fe0f}"),
        ] {
            assert!(!is_seam(before, after), "{before:?} {after:?}");
        }
        for (before, after) in [("a", "b"), ("👍", "👍"), ("🇩🇪", "🇫🇷"), ("", "a"), ("a", "")]
        {
            assert!(is_seam(before, after), "{before:?} {after:?}");
        }
    }

    #[test]
    fn sentences_end_where_a_reader_sees_it() {
        assert!(is_sentence_end("He said “no.”", " Then"));
        assert!(is_sentence_end("终。", "然"));
        assert!(!is_sentence_end("3.", "14"));
        assert!(!is_sentence_end("and", " then"));
    }
}
