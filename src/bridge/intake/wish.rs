//! What a message asks for. Pure.

use crate::bridge::words;
use crate::config::Mode;
use crate::error::Code;
use crate::message::{Content, Inbound, Standing};
use crate::store::accept::Wish;

/// What becomes of `inbound`, in this mode and with the agent in this state. `notice` is what the
/// endpoint tells strangers, in place of Broca's own words.
pub(super) fn of(inbound: &Inbound, notice: Option<&str>, mode: Mode, pause: Option<Code>) -> Wish {
    if inbound.standing == Standing::Stranger {
        let words = || notice.map_or_else(|| words::stranger(&inbound.from.id), str::to_owned);
        let notice = matches!(inbound.content, Content::Text(_)).then(words);
        return Wish::Refuse { notice };
    }
    match &inbound.content {
        Content::Text(text) => command(text, mode, pause).unwrap_or_else(|| Wish::Turn {
            text: text.clone(),
            join: inbound.join.clone(),
        }),
        Content::Edit { of, text } => Wish::Edit {
            of: of.clone(),
            text: text.clone(),
        },
        Content::Reachable(now) => Wish::Reachable(*now),
        Content::Other(_) => Wish::Keep,
    }
}

/// A command, which never becomes a turn. `/start` may carry a payload, `/help@name` a bot's name.
fn command(text: &str, mode: Mode, pause: Option<Code>) -> Option<Wish> {
    let word = text.strip_prefix('/')?.split(char::is_whitespace).next()?;
    let reply = |words: &str| {
        Some(Wish::Command {
            reply: words.to_owned(),
        })
    };
    match word.split('@').next()? {
        "start" => reply(words::START),
        "help" => reply(words::HELP),
        "status" => Some(Wish::Status {
            head: words::status(mode, pause),
        }),
        "stop" => Some(Wish::Stop),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(text: &str) -> Option<Wish> {
        command(text, Mode::Live, None)
    }

    #[test]
    fn commands_are_told_from_text() {
        assert_eq!(wish("/stop"), Some(Wish::Stop));
        assert_eq!(wish("/stop@my_bot now"), Some(Wish::Stop));
        assert!(matches!(wish("/start abc"), Some(Wish::Command { .. })));
        for text in [
            "stop",
            " /stop",
            "/stopp",
            "/",
            "/ stop",
            "a /stop",
            "/etc/hosts",
        ] {
            assert_eq!(wish(text), None, "{text}");
        }
    }
}
