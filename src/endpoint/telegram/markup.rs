//! Markdown into text and marks. Pure; `parse_mode` is never used, so that no text can be refused for
//! its form.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::styled::{Style, Styled};
use builder::{Builder, Gap};

mod builder;
mod link;
mod table;
mod tidy;

/// What stands for a rule.
const RULE: &str = "———";

/// `markdown` (`CommonMark` with tables, strikethrough and task lists) as Telegram can show it.
pub(super) fn render(markdown: &str) -> Styled {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut builder = Builder::default();
    for event in Parser::new_ext(markdown, options) {
        take(&mut builder, event);
    }
    builder.finish()
}

fn take(builder: &mut Builder, event: Event<'_>) {
    match event {
        Event::Start(tag) => start(builder, tag),
        Event::End(tag) => end(builder, tag),
        Event::Code(text) => {
            builder.open(Style::Code);
            builder.write(&text);
            builder.close();
        }
        Event::SoftBreak | Event::HardBreak => builder.write("\n"),
        Event::Rule => {
            builder.gap(Gap::Blank);
            builder.write(RULE);
            builder.gap(Gap::Blank);
        }
        Event::TaskListMarker(done) => builder.task(done),
        Event::Text(text)
        | Event::Html(text)
        | Event::InlineHtml(text)
        | Event::InlineMath(text)
        | Event::DisplayMath(text)
        | Event::FootnoteReference(text) => builder.write(&text),
    }
}

fn start(builder: &mut Builder, tag: Tag<'_>) {
    match tag {
        Tag::Heading { .. } => {
            builder.gap(Gap::Blank);
            builder.open(Style::Bold);
        }
        Tag::BlockQuote(_) => {
            builder.gap(Gap::Blank);
            builder.open(Style::Quote);
        }
        Tag::CodeBlock(kind) => {
            builder.gap(Gap::Blank);
            builder.open(Style::Pre(language(&kind)));
        }
        Tag::List(first) => builder.begin_list(first),
        Tag::Item => builder.begin_item(),
        Tag::Table(columns) => builder.begin_table(columns),
        Tag::TableHead | Tag::TableRow => builder.begin_row(),
        Tag::TableCell => builder.begin_cell(),
        Tag::Emphasis => builder.open(Style::Italic),
        Tag::Strong => builder.open(Style::Bold),
        Tag::Strikethrough => builder.open(Style::Strike),
        Tag::Link { dest_url, .. } => builder.begin_link(&dest_url, ""),
        Tag::Image { dest_url, .. } => builder.begin_link(&dest_url, "image"),
        _ => builder.gap(Gap::Blank),
    }
}

fn end(builder: &mut Builder, tag: TagEnd) {
    match tag {
        TagEnd::Heading(_) | TagEnd::BlockQuote(_) => {
            builder.close();
            builder.gap(Gap::Blank);
        }
        TagEnd::CodeBlock => {
            builder.trim();
            builder.close();
            builder.gap(Gap::Blank);
        }
        TagEnd::HtmlBlock => {
            builder.trim();
            builder.gap(Gap::Blank);
        }
        TagEnd::List(_) => builder.end_list(),
        TagEnd::Item => builder.end_item(),
        TagEnd::Table => builder.end_table(),
        TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell => {}
        TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => builder.close(),
        TagEnd::Link | TagEnd::Image => builder.end_link(),
        _ => builder.gap(Gap::Blank),
    }
}

/// The first word of a fence's info string.
fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    match kind {
        CodeBlockKind::Fenced(info) => info.split_whitespace().next().map(str::to_owned),
        CodeBlockKind::Indented => None,
    }
}

#[cfg(test)]
mod tests;
