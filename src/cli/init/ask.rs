//! The questions of `broca init`.

use std::io::{self, BufRead, Write};

use crate::config::is_placeholder;

use super::Answers;

/// Asks for what is not in `known`; an empty line leaves it out.
pub(super) fn all(
    mut known: Answers,
    has_telegram: bool,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<Answers> {
    let mut ask = |question: &str, answer: &mut Option<String>| -> io::Result<()> {
        if answer.is_none() {
            *answer = one(question, input, output)?;
        }
        Ok(())
    };
    ask(
        "Letta's id of your agent (`agent-…`; empty: echo only)",
        &mut known.agent_id,
    )?;
    if known.agent_id.is_some() {
        ask(
            "Letta's address (empty: https://api.letta.com)",
            &mut known.agent_endpoint,
        )?;
        ask(
            "Letta's API key (goes into .env; empty: none)",
            &mut known.api_key,
        )?;
    }
    if has_telegram {
        ask(
            "Telegram bot token from @BotFather (goes into .env; empty: no Telegram)",
            &mut known.telegram_token,
        )?;
    }
    if known.telegram_token.is_some() {
        ask(
            "who may talk to it on Telegram (numeric id or @name)",
            &mut known.telegram_owner,
        )?;
    }
    Ok(known)
}

/// One answer; a placeholder is asked for again.
fn one(
    question: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<Option<String>> {
    loop {
        write!(output, "{question}: ")?;
        output.flush()?;
        let mut line = String::new();
        let ended = input.read_line(&mut line)? == 0;
        let answer = line.trim();
        if ended || answer.is_empty() {
            return Ok(None);
        }
        if !is_placeholder(answer) {
            return Ok(Some(answer.to_owned()));
        }
        writeln!(output, "that is the placeholder; give your own, or nothing")?;
    }
}
