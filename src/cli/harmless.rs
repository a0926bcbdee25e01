//! What is written to a terminal cannot command it: control, bidirectional and invisible characters leave as `\u` escapes of
//! the same value, which in JSON is the same text. Into a pipe or a file everything goes byte for byte.

use std::io::{self, IsTerminal, Write};

use crate::domain::text;

/// The most bytes a character has that has not come whole.
const PARTIAL: usize = 3;

/// Standard output, as whoever reads it can bear it.
#[derive(Debug)]
pub enum Output<W: Write> {
    /// A program or a file.
    Exact(W),
    /// A terminal.
    Terminal(Escaped<W>),
}

/// Standard output as it is now.
pub fn stdout() -> Output<io::StdoutLock<'static>> {
    let stdout = io::stdout();
    match stdout.is_terminal() {
        true => Output::Terminal(Escaped::new(stdout.lock())),
        false => Output::Exact(stdout.lock()),
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Exact(out) => out.write(bytes),
            Self::Terminal(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Exact(out) => out.flush(),
            Self::Terminal(out) => out.flush(),
        }
    }
}

/// A writer that escapes what a terminal must not get.
#[derive(Debug)]
pub struct Escaped<W: Write> {
    out: W,
    /// The beginning of a character.
    partial: Vec<u8>,
}

impl<W: Write> Escaped<W> {
    /// Escapes what is written to `out`.
    pub fn new(out: W) -> Self {
        Self { out, partial: Vec::with_capacity(PARTIAL) }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| must_go(*c)) {
            self.out.write_all(&rest.as_bytes()[..at])?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(self.out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        self.out.write_all(rest.as_bytes())
    }
}

/// Line breaks and tabs are the layout of the output.
fn must_go(c: char) -> bool {
    !matches!(c, '\n' | '\t') && text::is_suspect(c)
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let mut rest = &all[..];
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.text(text)?;
                    break;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    // The part before it is UTF-8.
                    self.text(&String::from_utf8_lossy(good))?;
                    match error.error_len() {
                        Some(length) => {
                            self.text("\u{fffd}")?;
                            rest = &bad[length..];
                        }
                        None => {
                            self.partial = bad.to_vec();
                            break;
                        }
                    }
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Json;

    fn escaped(parts: &[&[u8]]) -> String {
        let mut out = Escaped::new(Vec::new());
        parts.iter().for_each(|part| out.write_all(part).expect("written"));
        String::from_utf8(out.out).expect("text")
    }

    #[test]
    fn what_leaves_is_the_same_value() {
        let text = "{\"k\u{9b}2J\":\"\u{7f}a\u{202e}b\u{200b}c\u{200d}\u{feff}\u{e0041} Zoë 山田\"}\n\t";
        let shown = escaped(&[text.as_bytes()]);
        let expected = "{\"k\\u009b2J\":\"\\u007fa\\u202eb\\u200bc\\u200d\\ufeff\\udb40\\udc41 Zoë 山田\"}\n\t";
        assert_eq!(shown, expected);
        assert_eq!(Json::parse(shown.trim().as_bytes()), Json::parse(text.trim().as_bytes()));
    }

    #[test]
    fn a_character_may_come_in_parts_and_bytes_may_be_no_text() {
        let bytes = "a\u{9b}山\u{e0041}".as_bytes();
        let parts: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(escaped(&parts), escaped(&[bytes]));
        assert_eq!(escaped(&[b"a\x9b\xffb"]), "a\u{fffd}\u{fffd}b");
    }
}
