//! What was found: a table for people, one line of JSON for programs.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

/// One thing found.
struct Figure {
    name: String,
    bar: String,
    bare: String,
    result: String,
    met: Option<bool>,
}

/// Everything found in a run.
pub(crate) struct Report {
    figures: Vec<Figure>,
    values: Map<String, Value>,
}

impl Report {
    /// Nothing found yet of the binary at this path.
    pub(crate) fn new(bin: &Path) -> Self {
        let mut values = Map::new();
        values.insert("binary".to_owned(), json!(bin.display().to_string()));
        Self {
            figures: Vec::new(),
            values,
        }
    }

    /// Adds a figure that has a bar to meet; `bare` is what the bare loop came to.
    pub(crate) fn judged(
        &mut self,
        name: &str,
        bar: impl Into<String>,
        bare: impl Into<String>,
        result: impl Into<String>,
        met: bool,
    ) {
        self.add(name, bar.into(), bare.into(), result.into(), Some(met));
    }

    /// Adds a figure without a bar.
    pub(crate) fn noted(&mut self, name: &str, result: impl Into<String>) {
        self.add(name, String::new(), String::new(), result.into(), None);
    }

    /// Adds a value to the JSON line.
    pub(crate) fn value(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Whether every bar was met.
    pub(crate) fn holds(&self) -> bool {
        self.figures.iter().all(|figure| figure.met != Some(false))
    }

    /// Writes both to standard output.
    pub(crate) fn print(&self) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", self.text());
        let _ = writeln!(out, "{}", Value::Object(self.values.clone()));
    }

    fn add(&mut self, name: &str, bar: String, bare: String, result: String, met: Option<bool>) {
        let name = name.to_owned();
        let _ = writeln!(std::io::stderr(), "{name}: {result}");
        self.figures.push(Figure {
            name,
            bar,
            bare,
            result,
            met,
        });
    }

    fn text(&self) -> String {
        let head = ["figure", "bar", "bare loop", "result", "met"].map(str::to_owned);
        let rows: Vec<[String; 5]> = std::iter::once(head)
            .chain(self.figures.iter().map(Figure::cells))
            .collect();
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let widths: [usize; 5] = std::array::from_fn(width);
        let lines = rows.iter().map(|row| {
            let cells = row.iter().zip(widths);
            let cells: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            format!("| {} |", cells.join(" | "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Figure {
    fn cells(&self) -> [String; 5] {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        let Self {
            name,
            bar,
            bare,
            result,
            ..
        } = self;
        [name, bar, bare, result]
            .map(Clone::clone)
            .into_iter()
            .chain([met.to_owned()])
            .collect::<Vec<_>>()
            .try_into()
            .expect("five")
    }
}
