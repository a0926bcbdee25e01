//! Writing into one line of the screen: the only way text gets there.
//!
//! Everything written is made safe first, and what does not fit ends with `…`: nothing is cut without a sign.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::domain::text;

/// A place in a line, moving right as text is written.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    x: u16,
    y: u16,
    end: u16,
}

impl<'a> Pen<'a> {
    /// At the beginning of the first line of an area.
    pub fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buffer.area);
        // An area without a line has no room either.
        let end = if area.height == 0 { area.x } else { area.right() };
        Self { buffer, x: area.x, y: area.y, end }
    }

    /// How many cells are left.
    pub fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// The column of the next character.
    pub fn column(&self) -> u16 {
        self.x
    }

    /// Writes text.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = self.room();
        if room == 0 {
            self.cut(text, style);
        } else if !is_plain(text, room) {
            self.write(&text::fit(text, room), style);
        } else if text.len() <= room {
            self.write_plain(text, style);
        } else {
            self.write_plain(&text[..room - 1], style);
            self.sign("…", style);
        }
        self
    }

    /// Writes one of our own signs, which takes one cell.
    pub fn sign(&mut self, sign: &'static str, style: Style) -> &mut Self {
        if self.room() == 0 {
            self.cut(sign, style);
        } else if let Some(cell) = self.buffer.cell_mut((self.x, self.y)) {
            cell.set_symbol(sign).set_style(style);
            self.x += 1;
        }
        self
    }

    /// Writes text in exactly so many cells.
    pub fn put_in(&mut self, text: &str, cells: usize, style: Style) -> &mut Self {
        let cells = cells.min(self.room());
        if text.len() <= cells && is_plain(text, cells) {
            self.write_plain(text, style);
            return self.blank(cells - text.len(), style);
        }
        let fitted = text::pad(text, cells);
        self.write(&fitted, style);
        self
    }

    /// Writes text against the right end of so many cells.
    pub fn put_right_in(&mut self, text: &str, cells: usize, style: Style) -> &mut Self {
        let cells = cells.min(self.room());
        let fitted = text::fit(text, cells);
        self.skip(cells - text::width(&fitted)).write(&fitted, style);
        self
    }

    /// Writes text, and what matches a pattern in another style. Lower case letters match both cases.
    pub fn put_matching(&mut self, text: &str, style: Style, pattern: Option<&str>, matched: Style) -> &mut Self {
        let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else { return self.put(text, style) };
        let shown = text::fit(text, self.room());
        let both = pattern.chars().all(|c| !c.is_uppercase());
        // Places in the folded text are places in the text only when folding keeps every length.
        let folded = if both { shown.to_ascii_lowercase() } else { shown.clone() };
        let mut rest = 0;
        while let Some(at) = folded[rest..].find(pattern) {
            let (start, end) = (rest + at, rest + at + pattern.len());
            self.put(&shown[rest..start], style).put(&shown[start..end], matched);
            rest = end;
        }
        if rest < shown.len() || shown.is_empty() && !text.is_empty() {
            self.put(&shown[rest..], style);
        }
        self
    }

    /// Leaves cells as they are.
    pub fn skip(&mut self, cells: usize) -> &mut Self {
        self.x = self.end.min(self.x.saturating_add(u16::try_from(cells).unwrap_or(u16::MAX)));
        self
    }

    /// Writes text against the right end of the line; what is written afterwards ends before it.
    pub fn put_right(&mut self, text: &str, style: Style) -> &mut Self {
        let fitted = text::fit(text, self.room());
        let cells = u16::try_from(text::width(&fitted)).unwrap_or(u16::MAX);
        let x = self.end.saturating_sub(cells);
        self.buffer.set_stringn(x, self.y, &fitted, usize::from(cells), style);
        self.end = x;
        self
    }

    fn blank(&mut self, cells: usize, style: Style) -> &mut Self {
        (0..cells).for_each(|_| _ = self.sign(" ", style));
        self
    }

    /// Writes text of which every byte is a character and every character a cell: most of what there is to write.
    fn write_plain(&mut self, text: &str, style: Style) {
        for n in 0..text.len() {
            if let Some(cell) = self.buffer.cell_mut((self.x, self.y)) {
                cell.set_symbol(&text[n..=n]).set_style(style);
            }
            self.x += 1;
        }
    }

    fn write(&mut self, text: &str, style: Style) {
        self.x = self.buffer.set_stringn(self.x, self.y, text, self.room(), style).0;
    }

    /// There is no room for a text: the last cell of the line says so.
    fn cut(&mut self, content: &str, style: Style) {
        let start = self.buffer.area.x;
        if content.trim().is_empty() || self.end <= start || self.x < self.end {
            return;
        }
        let mut last = self.end - 1;
        // The second cell of a wide character cannot hold anything: its first one gives way.
        let wide =
            |buffer: &Buffer, x: u16| buffer.cell((x, self.y)).is_some_and(|cell| text::width(cell.symbol()) > 1);
        if last > start && wide(self.buffer, last - 1) {
            last -= 1;
        }
        if let Some(cell) = self.buffer.cell_mut((last, self.y)) {
            cell.set_symbol("…").set_style(style);
        }
    }
}

/// Whether what can be seen of a text in so many cells is printable ASCII.
fn is_plain(text: &str, cells: usize) -> bool {
    text.as_bytes()[..text.len().min(cells)].iter().all(|byte| (0x20..0x7f).contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(width: u16, write: impl FnOnce(&mut Pen<'_>)) -> String {
        let area = Rect::new(0, 0, width, 1);
        let mut buffer = Buffer::empty(area);
        write(&mut Pen::new(&mut buffer, area));
        (0..width).map(|x| buffer[(x, 0)].symbol().to_owned()).collect()
    }

    #[test]
    fn nothing_is_cut_without_a_sign() {
        let style = Style::new();
        assert_eq!(line(8, |pen| _ = pen.put("abc", style).put("defghij", style)), "abcdefg…");
        assert_eq!(line(3, |pen| _ = pen.put("abc", style).put("d", style)), "ab…");
        assert_eq!(line(3, |pen| _ = pen.put("abc", style).put("  ", style)), "abc");
        assert_eq!(line(10, |pen| _ = pen.put_right("right", style).put("longer left", style)), "long…right");
        assert_eq!(line(6, |pen| _ = pen.put_right_in("1,234", 3, style).put("x", style)), "1,…x  ");
    }

    #[test]
    fn commands_do_not_reach_the_terminal() {
        assert_eq!(line(12, |pen| _ = pen.put("a\x1b[31mb", Style::new())), "a␛[31mb     ");
    }

    #[test]
    fn what_matches_is_marked() {
        let area = Rect::new(0, 0, 9, 1);
        let mut buffer = Buffer::empty(area);
        let matched = Style::new().bold();
        Pen::new(&mut buffer, area).put_matching("Abcabcé", Style::new(), Some("ab"), matched);
        let bold: String = (0..9)
            .map(|x| if buffer[(x, 0)].modifier.contains(ratatui::style::Modifier::BOLD) { 'b' } else { '.' })
            .collect();
        assert_eq!(bold, "bb.bb....");
    }
}
