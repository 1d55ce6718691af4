//! Text with marks on it, as Telegram shows it, counted in bytes until it leaves.

use frankenstein::types::{MessageEntity, MessageEntityType as Type};
use serde::{Deserialize, Serialize};

use crate::message::Part;

/// The longest message, in UTF-16 units after entities are parsed (Bot API `sendMessage`).
pub(super) const LONGEST: usize = 4096;

/// How a stretch of text looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Style {
    Bold,
    Italic,
    Strike,
    /// Within a line.
    Code,
    /// A block, with its language.
    Pre(Option<String>),
    Quote,
    /// To this address.
    Link(String),
}

/// A style on a stretch of text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub from: usize,
    pub to: usize,
    pub style: Style,
}

/// Text and the marks on it: sorted, outer before inner, none empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Styled {
    pub text: String,
    pub marks: Vec<Mark>,
}

/// A part of a reply, as it is stored and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<MessageEntity>,
}

impl Payload {
    /// The text as it is, for what renders to nothing; its beginning if it is long. Never empty.
    pub(super) fn bare(text: &str) -> Self {
        let mut units = 0;
        let fits = |c: &char| {
            units += c.len_utf16();
            units <= LONGEST
        };
        let text: String = text.trim().chars().take_while(fits).collect();
        let text = if is_visible(&text) {
            text
        } else {
            "…".to_owned()
        };
        Self {
            text,
            entities: Vec::new(),
        }
    }

    /// As it is stored.
    pub(super) fn part(&self) -> Part {
        Part(serde_json::to_string(self).expect("text and entities serialise"))
    }

    /// From what was stored; anything else is sent as text.
    pub(super) fn read(part: &Part) -> Self {
        serde_json::from_str(&part.0).unwrap_or_else(|_| Self::bare(&part.0))
    }
}

impl Mark {
    /// Whether code stands here, in which Telegram allows no other style.
    pub(super) const fn is_code(&self) -> bool {
        matches!(self.style, Style::Code | Style::Pre(_))
    }
}

impl Styled {
    /// The stretch `from..to`, and the marks `near` it cut to it.
    pub(super) fn slice<'a>(
        &self,
        from: usize,
        to: usize,
        near: impl Iterator<Item = &'a Mark>,
    ) -> Self {
        let inside = near.filter(|mark| mark.from < to && mark.to > from);
        let marks = inside.map(|mark| Mark {
            from: mark.from.max(from) - from,
            to: mark.to.min(to) - from,
            style: mark.style.clone(),
        });
        Self {
            marks: marks.collect(),
            text: self.text[from..to].to_owned(),
        }
    }

    /// As Telegram counts: offsets and lengths in UTF-16 units. The text fits one message.
    pub(super) fn payload(self) -> Payload {
        let units = |to: usize| u16::try_from(utf16(&self.text[..to])).unwrap_or(u16::MAX);
        let entities = self.marks.iter().map(|mark| {
            let offset = units(mark.from);
            entity(&mark.style, offset, units(mark.to) - offset)
        });
        Payload {
            entities: entities.collect(),
            text: self.text,
        }
    }
}

/// The length of `text` in UTF-16 units.
pub(super) fn utf16(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Whether `text` shows anything. Telegram refuses a message that does not.
pub(super) fn is_visible(text: &str) -> bool {
    text.chars().any(is_ink)
}

/// Whether a character shows by itself.
pub(super) fn is_ink(c: char) -> bool {
    let blank = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}'
    );
    !(blank || c.is_whitespace() || c.is_control())
}

fn entity(style: &Style, offset: u16, length: u16) -> MessageEntity {
    let (kind, language, url) = match style {
        Style::Bold => (Type::Bold, None, None),
        Style::Italic => (Type::Italic, None, None),
        Style::Strike => (Type::Strikethrough, None, None),
        Style::Code => (Type::Code, None, None),
        Style::Pre(language) => (Type::Pre, language.clone(), None),
        Style::Quote => (Type::Blockquote, None, None),
        Style::Link(url) => (Type::TextLink, None, Some(url.clone())),
    };
    MessageEntity::builder()
        .type_field(kind)
        .offset(offset)
        .length(length)
        .maybe_language(language)
        .maybe_url(url)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_utf_16() {
        let marks = vec![Mark {
            from: 4,
            to: 6,
            style: Style::Bold,
        }];
        let styled = Styled {
            text: "😀é".into(),
            marks,
        };
        let payload = styled.payload();
        assert_eq!(
            (payload.entities[0].offset, payload.entities[0].length),
            (2, 1)
        );
    }

    #[test]
    fn what_shows_nothing_is_not_visible() {
        assert!(!is_visible(" \n\t\u{200b}\u{2800}\u{feff}"));
        assert!(is_visible(" . "));
    }
}
