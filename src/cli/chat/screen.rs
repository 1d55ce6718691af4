//! The terminal's side: a prompt, text as it comes, or JSON lines for programs.

use std::io::Write as _;

use super::super::output::{note, say_json};
use super::events::{Event, Message, Progress};

/// What stands on the screen.
pub(super) struct Screen {
    as_json: bool,
    interactive: bool,
    /// The turn whose text is being shown, and the text shown of it so far.
    partial: Option<(i64, String)>,
    /// Turns of which something final was shown.
    answered: Vec<i64>,
}

impl Screen {
    pub(super) fn new(as_json: bool, interactive: bool) -> Self {
        Self {
            as_json,
            interactive,
            partial: None,
            answered: Vec::new(),
        }
    }

    /// Whether a person types.
    pub(super) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Says how this works.
    pub(super) fn greet(&self) {
        if self.interactive {
            note("Write a line and press Enter. /help shows commands, Ctrl-D ends.");
        }
        self.prompt();
    }

    /// Shows that a line may be typed.
    pub(super) fn prompt(&self) {
        if self.interactive {
            write("> ");
        }
    }

    /// Shows an event. Gives whether it is the last word on a message.
    pub(super) fn show(&mut self, event: &Event) -> bool {
        match event {
            Event::Message(message) => self.message(message),
            Event::Progress(progress) => self.progress(progress),
        }
    }

    /// Leaves the terminal tidy.
    pub(super) fn end(&mut self) {
        if self.partial.take().is_some() || self.interactive {
            write("\n");
        }
    }

    fn message(&mut self, message: &Message) -> bool {
        if self.as_json {
            say_json(&message.raw);
        }
        if message.role == "user" {
            return false;
        }
        if !self.as_json {
            self.finish(message);
        }
        let Some(turn) = message.turn else {
            return true;
        };
        let first = !self.answered.contains(&turn);
        if first {
            self.answered.push(turn);
        }
        first
    }

    /// The whole text, of which the beginning may stand there already.
    fn finish(&mut self, message: &Message) {
        match self.partial.take() {
            Some((turn, shown))
                if Some(turn) == message.turn && message.text.starts_with(&shown) =>
            {
                write(&format!("{}\n", &message.text[shown.len()..]));
            }
            Some((_, shown)) if !shown.is_empty() => write(&format!("\n{}\n", message.text)),
            _ => write(&format!("{}\n", message.text)),
        }
        self.prompt();
    }

    fn progress(&mut self, progress: &Progress) -> bool {
        match (progress.step.as_str(), &progress.value) {
            ("text", Some(text)) if !self.as_json && !self.answered.contains(&progress.turn) => {
                self.text(progress.turn, text);
            }
            ("tool", Some(tool)) if self.interactive => note(format!("[uses {tool}]")),
            _ => {}
        }
        false
    }

    /// Shows more of a turn's text. Another turn's must wait until this one's answer stands whole.
    fn text(&mut self, turn: i64, text: &str) {
        let (known, old) = self.partial.get_or_insert((turn, String::new()));
        if *known == turn
            && let Some(more) = text.strip_prefix(old.as_str())
        {
            write(more);
            text.clone_into(old);
        }
    }
}

/// Text as it is, at once. A reader that went away is no error.
fn write(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
