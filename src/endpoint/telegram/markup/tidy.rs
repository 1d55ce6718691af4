//! Makes marks nest the way Telegram allows.

use super::super::styled::{Mark, Style};

/// Sorts marks, outer first, and takes apart what Telegram lets not overlap: code admits no other
/// style, and no code stands in a link.
pub(super) fn settle(marks: &mut Vec<Mark>) {
    let links: Vec<_> = spans(marks, |mark| matches!(mark.style, Style::Link(_)));
    marks.retain(|mark| mark.style != Style::Code || !meets(&links, mark));
    let code = spans(marks, Mark::is_code);
    let (simple, mut rest): (Vec<_>, Vec<_>) = marks.drain(..).partition(is_simple);
    for mark in simple {
        without(mark, &code, &mut rest);
    }
    rest.sort_by(|a, b| a.from.cmp(&b.from).then(b.to.cmp(&a.to)));
    *marks = rest;
}

fn spans(marks: &[Mark], wanted: impl Fn(&Mark) -> bool) -> Vec<(usize, usize)> {
    let wanted = marks.iter().filter(|mark| wanted(mark));
    let mut spans: Vec<_> = wanted.map(|mark| (mark.from, mark.to)).collect();
    spans.sort_unstable();
    spans
}

const fn is_simple(mark: &Mark) -> bool {
    matches!(mark.style, Style::Bold | Style::Italic | Style::Strike)
}

/// Whether `mark` overlaps one of `spans`, which are sorted and apart.
fn meets(spans: &[(usize, usize)], mark: &Mark) -> bool {
    let next = spans.partition_point(|(_, to)| *to <= mark.from);
    spans.get(next).is_some_and(|(from, _)| *from < mark.to)
}

/// Adds to `out` what is left of `mark` outside `holes`.
fn without(mark: Mark, holes: &[(usize, usize)], out: &mut Vec<Mark>) {
    let first = holes.partition_point(|(_, to)| *to <= mark.from);
    let mut from = mark.from;
    for (start, end) in &holes[first..] {
        if *start >= mark.to {
            break;
        }
        if from < *start {
            out.push(Mark {
                from,
                to: *start,
                style: mark.style.clone(),
            });
        }
        from = *end;
    }
    if from < mark.to {
        out.push(Mark { from, ..mark });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_makes_way_for_code() {
        let mut marks = vec![
            Mark {
                from: 2,
                to: 4,
                style: Style::Code,
            },
            Mark {
                from: 0,
                to: 6,
                style: Style::Bold,
            },
        ];
        settle(&mut marks);
        let spans: Vec<_> = marks.iter().map(|mark| (mark.from, mark.to)).collect();
        assert_eq!(spans, [(0, 2), (2, 4), (4, 6)]);
    }
}
