//! A text as lines of a given width, for reading: wrapped once when text or width change, never while drawing.

use unicode_segmentation::UnicodeSegmentation;

use crate::app::ids::Motion;
use crate::domain::text;
use crate::domain::words::count;

/// More bytes of a text than this are not laid out; what is left out is counted.
pub const SHOWN: usize = 64 * 1024;

/// The lines, and how far they are scrolled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lines {
    lines: Vec<String>,
    /// The first line shown.
    pub top: usize,
}

impl Lines {
    /// Lays out a text, safe to show. Line breaks are kept.
    pub fn wrap(source: &str, width: usize) -> Self {
        Self::lay_out(source, |line, lines| wrap_line(line, width.max(1), lines))
    }

    /// Lays out a text for reading: broken between words, and what is indented stays indented.
    pub fn prose(source: &str, width: usize) -> Self {
        Self::lay_out(source, |line, lines| {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let (indent, words) = line.split_at(if indent * 2 < width { indent } else { 0 });
            let first = lines.len();
            wrap_words(words, width.saturating_sub(indent.len()).max(1), lines);
            lines[first..].iter_mut().for_each(|line| line.insert_str(0, indent));
        })
    }

    fn lay_out(source: &str, mut wrap: impl FnMut(&str, &mut Vec<String>)) -> Self {
        let mut lines = Vec::new();
        let mut end = source.len().min(SHOWN);
        while !source.is_char_boundary(end) {
            end -= 1;
        }
        for line in source[..end].lines() {
            wrap(&text::safe(line), &mut lines);
        }
        if end < source.len() {
            lines.push(format!("… {} more bytes", count((source.len() - end) as u64)));
        }
        Self { lines, top: 0 }
    }

    /// All of them.
    pub fn all(&self) -> &[String] {
        &self.lines
    }

    /// Scrolls.
    pub fn go(&mut self, motion: Motion, count: Option<u64>, height: usize) {
        let last = self.lines.len().saturating_sub(height);
        self.top = super::panes::moved(motion, count, self.top as u64, height as u64, last as u64 + 1) as usize;
    }

    /// Scrolls by so many lines.
    pub fn scroll(&mut self, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.lines.len().saturating_sub(height));
    }
}

/// Breaks a line between words; a word that is longer than a line is broken anywhere.
fn wrap_words(line: &str, width: usize, out: &mut Vec<String>) {
    let mut current = String::new();
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let wide = text::width(word.trim_end_matches(' '));
        if used + wide > width && !current.is_empty() {
            let line = std::mem::take(&mut current);
            out.push(line.trim_end_matches(' ').to_owned());
            used = 0;
        }
        current.push_str(word);
        used += text::width(word);
        if wide > width {
            let mut pieces = Vec::new();
            wrap_line(&std::mem::take(&mut current), width, &mut pieces);
            current = pieces.pop().unwrap_or_default();
            used = text::width(&current);
            out.append(&mut pieces);
        }
    }
    out.push(current.trim_end_matches(' ').to_owned());
}

fn wrap_line(line: &str, width: usize, out: &mut Vec<String>) {
    let mut current = String::new();
    let mut used = 0;
    for cluster in line.graphemes(true) {
        let wide = text::width(cluster);
        if used + wide > width && !current.is_empty() {
            out.push(std::mem::take(&mut current));
            used = 0;
        }
        current.push_str(cluster);
        used += wide;
    }
    out.push(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_is_too_wide() {
        let lines = Lines::wrap("山田太郎 abc\n\x1b[31m", 5);
        assert_eq!(lines.all(), ["山田", "太郎 ", "abc", "␛[31m"]);
        let long = Lines::wrap(&"x".repeat(SHOWN + 10), 80);
        assert_eq!(long.all().last().map(String::as_str), Some("… 10 more bytes"));
    }

    #[test]
    fn prose_is_broken_between_words_and_keeps_all_of_them() {
        let lines = Lines::prose("  one two three\nfourfivesix 7 \n\n    deep", 9);
        assert_eq!(lines.all(), ["  one two", "  three", "fourfives", "ix 7", "", "    deep"]);
    }
}
