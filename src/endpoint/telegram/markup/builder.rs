//! Puts text and marks together, block by block.

use std::mem::discriminant;

use pulldown_cmark::Alignment;

use super::super::styled::{Mark, Style, Styled};
use super::table::Table;
use super::{link, tidy};

/// What stands between two blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Gap {
    #[default]
    None,
    Line,
    Blank,
}

/// The text so far, and what is still open.
#[derive(Default)]
pub(super) struct Builder {
    out: Styled,
    /// Styles not yet closed, where they began; `None` where the style already held.
    open: Vec<(Option<Style>, usize)>,
    gap: Gap,
    /// Here a block has just begun: no gap before its first line.
    fresh: usize,
    /// The next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// The item's sign, written with its first text.
    bullet: Option<String>,
    links: Vec<Link>,
    table: Option<Table>,
}

struct Link {
    url: String,
    otherwise: &'static str,
    /// Where its text began, in the text or in the table's cell.
    from: usize,
}

impl Builder {
    /// Appends text, after the gap and the bullet that are due.
    pub(super) fn write(&mut self, text: &str) {
        if let Some(table) = &mut self.table {
            table.write(text);
        } else if !text.is_empty() {
            self.flush();
            for c in text.chars() {
                push(&mut self.out.text, c);
            }
        }
    }

    /// At least this gap before what comes next.
    pub(super) fn gap(&mut self, gap: Gap) {
        if self.bullet.is_none() && self.out.text.len() > self.fresh {
            self.gap = self.gap.max(gap);
        }
    }

    /// Begins a style here.
    pub(super) fn open(&mut self, style: Style) {
        if self.table.is_some() {
            return self.open.push((None, 0));
        }
        self.flush();
        let kind = discriminant(&style);
        let mut open = self.open.iter().filter_map(|(style, _)| style.as_ref());
        let holds = open.any(|open| discriminant(open) == kind);
        if matches!(style, Style::Quote) {
            self.fresh = self.out.text.len();
        }
        let style = (!holds).then_some(style);
        self.open.push((style, self.out.text.len()));
    }

    /// Ends the style begun last.
    pub(super) fn close(&mut self) {
        let to = self.out.text.len();
        if let Some((Some(style), from)) = self.open.pop()
            && from < to
        {
            self.out.marks.push(Mark { from, to, style });
        }
    }

    /// Takes back the line breaks at the end, such as a code block's last.
    pub(super) fn trim(&mut self) {
        let from = self
            .open
            .last()
            .map_or(0, |(_, from)| *from)
            .max(self.fresh);
        let kept = self.out.text[from..].trim_end_matches('\n').len();
        self.out.text.truncate(from + kept);
    }

    pub(super) fn begin_list(&mut self, first: Option<u64>) {
        self.put_bullet();
        let outermost = self.lists.is_empty();
        self.gap(if outermost { Gap::Blank } else { Gap::Line });
        self.lists.push(first);
    }

    pub(super) fn end_list(&mut self) {
        self.lists.pop();
        let outermost = self.lists.is_empty();
        self.gap(if outermost { Gap::Blank } else { Gap::Line });
    }

    pub(super) fn begin_item(&mut self) {
        self.gap(Gap::Line);
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(8));
        let sign = match self.lists.last_mut() {
            Some(Some(number)) => {
                let sign = format!("{number}. ");
                *number = number.saturating_add(1);
                sign
            }
            _ => "• ".to_owned(),
        };
        self.bullet = Some(indent + &sign);
    }

    pub(super) fn end_item(&mut self) {
        self.put_bullet();
        self.gap(Gap::Line);
    }

    /// The item is a task: a box instead of its bullet.
    pub(super) fn task(&mut self, done: bool) {
        let sign = if done { "☑ " } else { "☐ " };
        match &mut self.bullet {
            Some(bullet) => {
                bullet.truncate(bullet.len() - bullet.trim_start().len());
                bullet.push_str(sign);
            }
            None => self.write(sign),
        }
    }

    pub(super) fn begin_table(&mut self, columns: Vec<Alignment>) {
        self.gap(Gap::Blank);
        self.table = Some(Table::new(columns));
    }

    pub(super) fn begin_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.begin_row();
        }
    }

    pub(super) fn begin_cell(&mut self) {
        if let Some(table) = &mut self.table {
            table.begin_cell();
        }
    }

    pub(super) fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            self.open(Style::Pre(None));
            self.write(&table.finish());
            self.close();
            self.gap(Gap::Blank);
        }
    }

    /// Begins a link, whose text is `otherwise` if nothing else is written.
    pub(super) fn begin_link(&mut self, url: &str, otherwise: &'static str) {
        let good = self.table.is_none() && link::is_good(url);
        self.open(Style::Link(url.to_owned()));
        if let (false, Some(last)) = (good, self.open.last_mut()) {
            last.0 = None;
        }
        let from = self.written().len();
        let url = url.to_owned();
        self.links.push(Link {
            url,
            otherwise,
            from,
        });
    }

    /// Ends it. An address that cannot be a link, or stands where none can, is shown behind its text.
    pub(super) fn end_link(&mut self) {
        let Some(Link {
            url,
            otherwise,
            from,
        }) = self.links.pop()
        else {
            return;
        };
        if self.written().len() == from {
            self.write(otherwise);
        }
        let text = self.written()[from..].trim().to_owned();
        let is_link = matches!(self.open.last(), Some((Some(_), _)));
        let same = link::is_same(&text, &url);
        if same
            && !url.starts_with("tg:")
            && let Some(last) = self.open.last_mut()
        {
            last.0 = None; // Telegram finds it by itself, and marks are few
        }
        self.close();
        if !is_link && !same && !url.is_empty() {
            self.write(&format!(" ({url})"));
        }
    }

    /// What was built.
    pub(super) fn finish(mut self) -> Styled {
        while !self.open.is_empty() {
            self.close();
        }
        tidy::settle(&mut self.out.marks);
        self.out
    }

    fn written(&self) -> &str {
        self.table.as_ref().map_or(&self.out.text, Table::cell)
    }

    fn put_bullet(&mut self) {
        if self.bullet.is_some() {
            self.flush();
            self.fresh = 0;
        }
    }

    fn flush(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        self.out.text.push_str(match gap {
            Gap::None => "",
            Gap::Line => "\n",
            Gap::Blank => "\n\n",
        });
        if let Some(bullet) = self.bullet.take() {
            self.out.text.push_str(&bullet);
            self.fresh = self.out.text.len();
        }
    }
}

/// Control characters would become spaces at Telegram; a tab would lose its width.
fn push(text: &mut String, c: char) {
    match c {
        '\t' => text.push_str("    "),
        '\r' => {}
        '\n' => text.push(c),
        c if c.is_control() => text.push(' '),
        c => text.push(c),
    }
}
