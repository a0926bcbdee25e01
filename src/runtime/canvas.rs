//! Turns a picture into the bytes that change the terminal from the last picture to this one.
//!
//! It writes to memory only: it knows no terminal, asks it nothing, and takes the size it is told. The invariant: a
//! picture equal to the last one is no bytes at all.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};

/// Bytes collected for one write.
#[derive(Clone, Debug, Default)]
struct Ink(Rc<RefCell<Vec<u8>>>);

impl Write for Ink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal in memory, as ratatui wants one.
struct Paper {
    pen: CrosstermBackend<Ink>,
    size: Size,
    /// Where the cursor is shown; `None` while it is hidden.
    cursor: Option<Position>,
    /// Whether drawing has moved the cursor since it was placed.
    moved: bool,
}

impl Backend for Paper {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.moved = true;
        self.pen.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor.take().is_some() { self.pen.hide_cursor() } else { Ok(()) }
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        // Shown once it is placed.
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor != Some(position) || self.moved {
            self.pen.set_cursor_position(position)?;
            if self.cursor.is_none() {
                self.pen.show_cursor()?;
            }
            self.cursor = Some(position);
            self.moved = false;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.moved = true;
        self.pen.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is on the terminal, and what it takes to change it.
pub(crate) struct Canvas {
    terminal: Terminal<Paper>,
    ink: Ink,
    whole: bool,
}

impl Canvas {
    /// A canvas of columns by rows. Nothing is known of what the terminal shows: the first picture is drawn whole.
    pub(crate) fn new((columns, rows): (u16, u16)) -> Self {
        let ink = Ink::default();
        let size = Size::new(columns, rows);
        let paper = Paper { pen: CrosstermBackend::new(ink.clone()), size, cursor: None, moved: true };
        let terminal = Terminal::new(paper).expect("memory does not fail");
        Self { terminal, ink, whole: true }
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, (columns, rows): (u16, u16)) {
        self.terminal.backend_mut().size = Size::new(columns, rows);
    }

    /// The terminal shows something else than we think: the next picture is drawn whole.
    pub(crate) fn forget(&mut self) {
        self.whole = true;
    }

    /// Draws, and appends to `bytes` what changes the terminal; nothing when the picture is the one it shows.
    pub(crate) fn draw(&mut self, bytes: &mut Vec<u8>, picture: impl FnOnce(&mut Frame<'_>)) {
        /// Synchronised output (mode 2026): the terminal shows the frame at once. Ignored where it is unknown.
        const BEGIN: &[u8] = b"\x1b[?2026h";
        const END: &[u8] = b"\x1b[?2026l";
        if std::mem::take(&mut self.whole) {
            // The terminal was entered with its cursor hidden.
            self.terminal.backend_mut().cursor = None;
            self.terminal.clear().expect("memory does not fail");
            // Clearing placed a cursor, where none is to be seen.
            self.terminal.hide_cursor().expect("memory does not fail");
        }
        self.terminal.draw(picture).expect("memory does not fail");
        let mut ink = self.ink.0.borrow_mut();
        if !ink.is_empty() {
            bytes.extend_from_slice(BEGIN);
            bytes.append(&mut ink);
            bytes.extend_from_slice(END);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ratatui::widgets::Paragraph;

    use super::*;

    fn drawn(canvas: &mut Canvas, text: &str, cursor: Option<(u16, u16)>) -> String {
        let mut bytes = Vec::new();
        canvas.draw(&mut bytes, |frame| {
            frame.render_widget(Paragraph::new(text), frame.area());
            if let Some(cursor) = cursor {
                frame.set_cursor_position(cursor);
            }
        });
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_same_picture_is_no_bytes() {
        let mut canvas = Canvas::new((10, 2));
        assert!(drawn(&mut canvas, "hello", None).contains("hello"));
        assert_eq!(drawn(&mut canvas, "hello", None), "");
        assert!(!drawn(&mut canvas, "help", Some((1, 1))).is_empty());
        assert_eq!(drawn(&mut canvas, "help", Some((1, 1))), "");
        assert_eq!(drawn(&mut canvas, "help", Some((2, 1))), "\x1b[?2026h\x1b[2;3H\x1b[?2026l");
        assert_eq!(drawn(&mut canvas, "help", None), "\x1b[?2026h\x1b[?25l\x1b[?2026l");
    }

    #[test]
    fn a_forgotten_picture_is_drawn_whole() {
        let mut canvas = Canvas::new((10, 2));
        drawn(&mut canvas, "hello", Some((0, 0)));
        canvas.forget();
        let again = drawn(&mut canvas, "hello", None);
        assert!(again.contains("\x1b[2J") && again.contains("hello"), "{again:?}");
        assert_eq!(drawn(&mut canvas, "hello", None), "");
    }

    #[test]
    fn another_size_is_drawn_whole() {
        let mut canvas = Canvas::new((10, 2));
        drawn(&mut canvas, "hello", None);
        canvas.resize((4, 1));
        let again = drawn(&mut canvas, "hello", None);
        assert!(again.contains("hell") && !again.contains("hello"), "{again:?}");
        canvas.resize((1, 1));
        assert!(drawn(&mut canvas, "hello", None).contains('h'));
    }
}
