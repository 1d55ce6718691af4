//! A source file, read just well enough: its code without comments and unit tests, the paths in it,
//! and the lengths of its functions.

/// A file of `src/`.
pub(super) struct Source {
    /// As `src/store/queue.rs`.
    pub(super) name: String,
    /// As `store`, `queue`.
    pub(super) module: Vec<String>,
    /// Without comments and unit tests.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let path = name.trim_start_matches("src/").trim_end_matches(".rs");
        Self {
            name: name.to_owned(),
            module: path.split('/').map(str::to_owned).collect(),
            code: code_of(text),
        }
    }

    pub(super) fn lines_of_code(&self) -> usize {
        let lines = self.code.lines();
        lines.filter(|line| !line.trim().is_empty()).count()
    }

    /// Each function's name, and its lines from head to closing brace. Relies on `rustfmt`: a function ends
    /// at the first brace that stands as far to the left as its head.
    pub(super) fn functions(&self) -> Vec<(String, usize)> {
        let lines: Vec<&str> = self.code.lines().collect();
        let heads = lines.iter().enumerate().filter_map(|(at, line)| {
            let (indent, name) = head(line)?;
            let end = format!("{indent}}}");
            let length = lines[at..].iter().position(|line| line.starts_with(&end));
            let is_declared_only = line.trim_end().ends_with(';');
            Some((
                name.to_owned(),
                if is_declared_only { 1 } else { length? + 1 },
            ))
        });
        heads.collect()
    }

    /// The paths within the crate that the code names, each from the crate's root.
    pub(super) fn paths(&self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        let mut rest = String::new();
        for statement in self.code.split_inclusive(';') {
            match statement.rfind("use ").filter(|at| is_use(statement, *at)) {
                Some(at) => {
                    rest.push_str(&statement[..at]);
                    expand(statement[at + 4..].trim_end_matches(';'), "", &mut all);
                }
                None => rest.push_str(statement),
            }
        }
        all.extend(named(&rest));
        all.iter().filter_map(|path| self.resolve(path)).collect()
    }

    fn resolve(&self, path: &str) -> Option<Vec<String>> {
        let mut parts = path.split("::").map(str::trim).peekable();
        let mut base = match *parts.peek()? {
            "crate" => {
                parts.next();
                Vec::new()
            }
            "super" => self.module.clone(),
            _ => return None,
        };
        while parts.next_if(|part| *part == "super").is_some() {
            base.pop();
        }
        base.extend(parts.map(str::to_owned));
        (!base.is_empty()).then_some(base)
    }
}

/// Without comments, and without a unit-test module at the end.
fn code_of(text: &str) -> String {
    let tests = text.find("#[cfg(test)]\nmod tests {");
    let text = &text[..tests.unwrap_or(text.len())];
    let kept = text.lines().map(|line| {
        let line = if line.trim_start().starts_with("//") {
            ""
        } else {
            line
        };
        line.split(" // ").next().unwrap_or_default()
    });
    kept.collect::<Vec<_>>().join("\n")
}

fn head(line: &str) -> Option<(&str, &str)> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut words = line.trim_start();
    for word in ["pub", "(super)", "(crate)", "const", "async"] {
        words = words.strip_prefix(word).unwrap_or(words).trim_start();
    }
    let name = words.strip_prefix("fn ")?;
    let end = name.find(['(', '<'])?;
    Some((indent, &name[..end]))
}

/// Whether the `use ` found at `at` begins a declaration.
fn is_use(statement: &str, at: usize) -> bool {
    let before = statement[..at].trim_end_matches(' ');
    before.is_empty() || before.ends_with(['\n', '{', ')']) || before.ends_with("pub")
}

/// Writes out a tree of imports: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, before: &str, into: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        into.push(format!("{before}{path}"));
        return;
    };
    let before = format!("{before}{}", tree[..open].trim());
    let body = tree[open + 1..].trim_end().trim_end_matches('}');
    let mut depth = 0;
    let mut start = 0;
    for (at, letter) in body.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&body[start..at], &before, into);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !body[start..].trim().is_empty() {
        // The closing braces of what is inside were taken away together with its own.
        let last = &body[start..];
        let missing = last.matches('{').count() - last.matches('}').count();
        expand(&format!("{last}{}", "}".repeat(missing)), &before, into);
    }
}

/// Paths in the midst of code: `crate::a::b`, `super::c`. Macros have no room.
fn named(code: &str) -> Vec<String> {
    let is_path = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let inner = code[..at].ends_with(is_path) || code[..at].ends_with("in ");
            let end = code[at..].find(|letter| !is_path(letter));
            let path = &code[at..end.map_or(code.len(), |end| at + end)];
            let is_macro = code[at + path.len()..].starts_with('!');
            if !inner && !is_macro {
                found.push(path.trim_end_matches(':').to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        let source = Source::new("src/bridge/intake.rs", code);
        source.paths().iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn imports_are_read() {
        let code =
            "use std::fmt;\nuse crate::{a::b, c::{d, e::{f}}};\npub use super::flow::Flow as F;\n";
        assert_eq!(
            paths(code),
            ["a::b", "c::d", "c::e::f", "bridge::flow::Flow"]
        );
    }

    #[test]
    fn paths_in_code_are_read_and_comments_are_not() {
        let code = "// crate::x\nfn f() -> crate::y::Z { super::w::g(); crate::m!() }\npub(in crate::v) fn h() {}\n";
        assert_eq!(paths(code), ["y::Z", "bridge::w::g"]);
    }

    #[test]
    fn functions_are_measured() {
        let code =
            "trait T {\n    fn a();\n}\npub(super) async fn b<T>(\n    x: u8,\n) {\n    x\n}\n";
        let source = Source::new("src/a.rs", code);
        assert_eq!(
            source.functions(),
            [("a".to_owned(), 1), ("b".to_owned(), 5)]
        );
    }
}
