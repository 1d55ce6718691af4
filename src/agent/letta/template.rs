//! How a message reads for the agent. Pure.

use crate::message::{About, Said};

/// A template cut at its placeholders once, so that nothing a person writes is ever read as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Name,
    Username,
    Platform,
    UserId,
    Text,
}

impl Template {
    /// Cuts `text`. A brace that begins no known placeholder is plain text.
    pub(super) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((piece, length)) = placeholder(rest) {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                pieces.push(piece);
                rest = &rest[length..];
            } else {
                plain.push('{');
                rest = &rest[1..];
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Plain(plain));
        Self(pieces)
    }

    /// Fills it in.
    pub(super) fn fill(&self, said: &Said, platform: &str) -> String {
        let mut out = String::with_capacity(said.text.len() + 64);
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Name => out.push_str(&name(&said.by)),
                Piece::Username => out.push_str(&username(&said.by)),
                Piece::Platform => out.push_str(platform),
                Piece::UserId => out.push_str(&line(&said.by.user_id)),
                Piece::Text => out.push_str(&said.text),
            }
        }
        out
    }
}

fn placeholder(text: &str) -> Option<(Piece, usize)> {
    let known = [
        ("{name}", Piece::Name),
        ("{username}", Piece::Username),
        ("{platform}", Piece::Platform),
        ("{user_id}", Piece::UserId),
        ("{text}", Piece::Text),
    ];
    let found = known.into_iter().find(|(mark, _)| text.starts_with(mark))?;
    Some((found.1, found.0.len()))
}

/// What the agent calls an endpoint.
pub(super) fn platform(endpoint: &str) -> String {
    match endpoint {
        "telegram" => "Telegram".to_owned(),
        "webchat" => "Web chat".to_owned(),
        "cli" => "Terminal".to_owned(),
        other => other.to_owned(),
    }
}

/// The display name, else the handle, else the id.
pub(super) fn name(about: &About) -> String {
    let name = about.name.as_deref().or(about.username.as_deref());
    line(name.unwrap_or(&about.user_id))
}

/// The handle with its `@`, else the display name, else the id.
fn username(about: &About) -> String {
    match &about.username {
        Some(username) => format!("@{}", line(username)),
        None => name(about),
    }
}

/// `text` on one line, so that a name cannot pose as more than a name.
pub(super) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn said(text: &str, username: Option<&str>) -> Said {
        let by = About {
            name: Some("Ada {text}".to_owned()),
            username: username.map(str::to_owned),
            user_id: "1001".to_owned(),
            ..About::default()
        };
        Said {
            by,
            text: text.to_owned(),
            at: Timestamp(0),
        }
    }

    const USUAL: &str = "[Username: {username}, {platform} ID: {user_id}] {text}";

    #[test]
    fn reads_as_the_original_did() {
        let template = Template::new(USUAL);
        assert_eq!(
            template.fill(&said("hi\nthere", Some("ada")), "Telegram"),
            "[Username: @ada, Telegram ID: 1001] hi\nthere"
        );
        assert_eq!(
            template.fill(&said("hi", None), "Telegram"),
            "[Username: Ada {text}, Telegram ID: 1001] hi"
        );
    }

    #[test]
    fn other_braces_stay() {
        let template = Template::new("{{name}} {nobody} {text");
        assert_eq!(
            template.fill(&said("x", None), "X"),
            "{Ada {text}} {nobody} {text"
        );
    }

    proptest! {
        #[test]
        fn what_a_person_writes_is_never_read(text: String) {
            let filled = Template::new("<{text}>").fill(&said(&text, None), "X");
            prop_assert_eq!(filled, format!("<{text}>"));
        }

        #[test]
        fn any_template_is_cut(template: String) {
            let _ = Template::new(&template).fill(&said("x", None), "X");
        }
    }
}
