//! What commands say: tables for people, JSON for programs, and errors with their hints.
//!
//! Data goes to standard output, all else to standard error.

use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;
use serde_json::json;

use crate::config::Problems;
use crate::error::{Code, Error};

/// A column is cut to no fewer letters than this, before the table becomes a list.
const NARROWEST: usize = 10;
const GAP: &str = "  ";

/// Rows under headings, cut to the terminal's width.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell a heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| one_line(&cell));
        self.rows.push(cells.collect());
    }

    /// Prints it; whole where the output is no terminal.
    pub(crate) fn print(&self) {
        if self.rows.is_empty() {
            return note("nothing to show");
        }
        say(self.render(width()).trim_end());
    }

    /// The text, no line wider than `width`; as a list of rows where columns would become too narrow.
    fn render(&self, width: Option<usize>) -> String {
        match self.fit(width) {
            Some(widths) => self.columns(&widths),
            None => self.list(),
        }
    }

    fn natural(&self) -> Vec<usize> {
        let column = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let widest = cells.map(|cell| letters(cell)).max();
            widest.unwrap_or(0).max(letters(self.headings[index]))
        };
        (0..self.headings.len()).map(column).collect()
    }

    /// Takes from the widest column until all fits.
    fn fit(&self, width: Option<usize>) -> Option<Vec<usize>> {
        let mut widths = self.natural();
        let Some(width) = width else {
            return Some(widths);
        };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let widest = widths.iter_mut().max()?;
            if *widest <= NARROWEST {
                return None;
            }
            *widest -= 1;
        }
        Some(widths)
    }

    fn columns(&self, widths: &[usize]) -> String {
        let headings = self
            .headings
            .iter()
            .map(|text| text.to_uppercase())
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let cells = row.iter().zip(widths);
            let cells = cells.map(|(cell, width)| format!("{:width$}", cut(cell, *width)));
            text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
            text.push('\n');
        }
        text
    }

    fn list(&self) -> String {
        let row = |row: &Vec<String>| {
            let cells = self
                .headings
                .iter()
                .zip(row)
                .filter(|(_, cell)| !cell.is_empty());
            let lines = cells.map(|(heading, cell)| format!("{heading}: {cell}\n"));
            lines.collect::<String>()
        };
        self.rows.iter().map(row).collect::<Vec<_>>().join("\n")
    }
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// The text, cut to so many letters.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if letters(text) <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// Text of strangers may neither break a row nor move the cursor.
pub(crate) fn one_line(text: &str) -> String {
    let spaces = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars()
        .map(spaces)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The terminal's columns; `COLUMNS` comes first, for scripts and tests.
pub(crate) fn width() -> Option<usize> {
    let named = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    named.or_else(|| {
        let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stdout())?;
        Some(usize::from(columns))
    })
}

/// A line of data. A reader that went away (`| head`) is no error.
pub(crate) fn say(text: impl AsRef<str>) {
    let _ = writeln!(io::stdout(), "{}", text.as_ref());
}

/// A line for the person, which is not data.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "{}", text.as_ref());
}

/// Data for a program: one line, or indented where a person looks.
pub(crate) fn say_json(value: &impl Serialize) {
    let text = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    say(text.expect("what is printed has string keys"));
}

/// Shows why a command failed, and gives the process's exit code.
pub(crate) fn fail(error: &anyhow::Error, as_json: bool) -> u8 {
    let (shown, code) = match error.downcast_ref::<Problems>() {
        Some(problems) if as_json => (problems_json(problems), 2),
        Some(problems) => (problems_text(problems), 2),
        None => {
            let known = error
                .chain()
                .find_map(|cause| cause.downcast_ref::<Error>());
            let code = known.map_or(1, Error::exit_code);
            let show = if as_json { error_json } else { error_text };
            (show(error, known), code)
        }
    };
    note(shown);
    code
}

fn problems_text(problems: &Problems) -> String {
    let all = problems.0.iter().map(|problem| {
        let error = Error::from(problem.clone());
        block(error.code.as_str(), error.message(), error.advice())
    });
    all.collect::<Vec<_>>().join("\n\n")
}

fn problems_json(problems: &Problems) -> String {
    let all = problems.0.iter().map(|problem| {
        json!({
            "code": problem.code.as_str(), "source": problem.source, "key": problem.key,
            "message": problem.message, "hint": problem.hint,
        })
    });
    let first = problems.0.first().cloned().map(Error::from);
    let (code, hint) = first.as_ref().map_or(("config.invalid", ""), |first| {
        (first.code.as_str(), first.advice())
    });
    let problems = all.collect::<Vec<_>>();
    json!({"error": {
        "code": code, "message": first.as_ref().map(Error::message), "hint": hint, "problems": problems,
    }})
    .to_string()
}

/// What is said, and the known error at the bottom of it.
fn words(error: &anyhow::Error, known: Option<&Error>) -> String {
    let causes = error
        .chain()
        .map(|cause| match cause.downcast_ref::<Error>() {
            Some(known) => known.message().to_owned(),
            None => cause.to_string(),
        });
    let mut words = Vec::new();
    for cause in causes {
        let is_known = known.is_some_and(|known| known.message() == cause);
        words.push(cause);
        if is_known {
            break;
        }
    }
    words.join(": ")
}

fn error_text(error: &anyhow::Error, known: Option<&Error>) -> String {
    let code = known.map_or("failed", |known| known.code.as_str());
    block(code, &words(error, known), known.map_or("", Error::advice))
}

fn error_json(error: &anyhow::Error, known: Option<&Error>) -> String {
    let code = known.map_or("failed", |known| known.code.as_str());
    let hint = known.map(Error::advice);
    json!({"error": {"code": code, "message": words(error, known), "hint": hint}}).to_string()
}

fn block(code: &str, message: &str, hint: &str) -> String {
    match hint {
        "" => format!("error[{code}]: {message}"),
        hint => format!("error[{code}]: {message}\n\nhint: {hint}"),
    }
}

/// Wrong usage that clap cannot see.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Error::new(Code::Usage, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["id", "text"]);
        table.row(["1".to_owned(), "short".to_owned()]);
        table.row([
            "22".to_owned(),
            "a text of many words\nand lines".to_owned(),
        ]);
        table
    }

    #[test]
    fn a_table_is_cut_to_the_terminal() {
        let whole = "ID  TEXT\n1   short\n22  a text of many words and lines\n";
        assert_eq!(table().render(None), whole);
        let cut = "ID  TEXT\n1   short\n22  a text of many …\n";
        assert_eq!(table().render(Some(20)), cut);
    }

    #[test]
    fn a_table_too_narrow_for_columns_is_a_list() {
        let list = table().render(Some(9));
        assert!(list.starts_with("id: 1\ntext: short\n\nid: 22\n"), "{list}");
    }

    #[test]
    fn an_error_shows_code_message_and_hint() {
        use anyhow::Context as _;
        let error =
            anyhow::Result::<()>::Err(Error::new(Code::Io, "no `x`").hint("make it").into());
        let error = error.context("while reading").expect_err("it failed");
        let known = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Error>());
        let text = error_text(&error, known);
        assert_eq!(text, "error[io]: while reading: no `x`\n\nhint: make it");
        let json: serde_json::Value =
            serde_json::from_str(&error_json(&error, known)).expect("it is JSON");
        assert_eq!(json["error"]["hint"], "make it");
    }
}
