//! Tables, drawn with spaces, since Telegram has none in plain messages.

use pulldown_cmark::Alignment;

/// Columns are not made wider than this on the screen; a cell that is wider pushes the others away. So
/// one wide cell does not make every row as long.
const WIDEST: usize = 64;

/// A table whose cells are collected.
pub(super) struct Table {
    columns: Vec<Alignment>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) const fn new(columns: Vec<Alignment>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(super) fn begin_row(&mut self) {
        self.rows.push(Vec::with_capacity(self.columns.len()));
    }

    pub(super) fn begin_cell(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.push(String::new());
        }
    }

    /// Appends to the current cell, on one line.
    pub(super) fn write(&mut self, text: &str) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            cell.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
    }

    /// The current cell so far.
    pub(super) fn cell(&self) -> &str {
        self.rows
            .last()
            .and_then(|row| row.last())
            .map_or("", String::as_str)
    }

    /// The table in lines of equal columns, a rule under its head.
    pub(super) fn finish(&self) -> String {
        let widths: Vec<_> = (0..self.columns.len())
            .map(|column| self.width(column))
            .collect();
        let mut lines: Vec<_> = self
            .rows
            .iter()
            .map(|row| self.line(row, &widths))
            .collect();
        if lines.len() > 1 {
            let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
            lines.insert(1, rule.join("-|-"));
        }
        lines.join("\n")
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| width(cell.trim())).max();
        widest.unwrap_or(0).min(WIDEST)
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = self.columns.iter().zip(widths).enumerate();
        let cells: Vec<_> = cells
            .map(|(column, (alignment, width))| {
                pad(
                    row.get(column).map_or("", |cell| cell.trim()),
                    *width,
                    *alignment,
                )
            })
            .collect();
        cells.join(" | ").trim_end().to_owned()
    }
}

fn pad(cell: &str, to: usize, alignment: Alignment) -> String {
    let missing = to.saturating_sub(width(cell));
    let before = match alignment {
        Alignment::Right => missing,
        Alignment::Center => missing / 2,
        Alignment::Left | Alignment::None => 0,
    };
    format!(
        "{}{cell}{}",
        " ".repeat(before),
        " ".repeat(missing - before)
    )
}

/// Columns on a screen, roughly: East Asian characters and emoji take two, marks that join take none.
fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

const fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}
