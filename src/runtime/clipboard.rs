//! Text on its way to the terminal's clipboard (OSC 52), or to a file where it is too large for one.
//!
//! The terminal does not answer whether it took the text: what is said is how much was handed to it.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// The largest text that terminals are known to take: 74,994 bytes are 99,992 in base64, and with the words around them
/// stay below the 100,000 at which several of them drop the sequence.
const LARGEST: usize = 74_994;

/// What happens to a text that is to be copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Copy {
    /// For the terminal.
    pub(crate) bytes: Vec<u8>,
    /// For the screen: how many bytes were handed over, or what happened instead.
    pub(crate) said: Result<usize, String>,
}

/// Whether a terminal multiplexer stands between us and the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Between {
    /// Nothing is known to.
    Nothing,
    /// tmux: it takes the sequence itself, or hands on what is wrapped, as it is set up. Both are sent.
    Tmux,
}

/// Copies text: to the terminal, or into a new private file in `directory` when it is too large.
pub(crate) fn copy(text: &str, between: Between, directory: &Path) -> Copy {
    if text.len() <= LARGEST {
        return Copy { bytes: sequence(text, between).into_bytes(), said: Ok(text.len()) };
    }
    let size = text.len();
    let said = match keep(text, directory) {
        Ok(path) => format!("{size} bytes are too many for a terminal's clipboard: written to {}", path.display()),
        Err(error) => {
            format!("{size} bytes are too many for a terminal's clipboard, and no file could be written: {error}")
        }
    };
    Copy { bytes: Vec::new(), said: Err(said) }
}

fn sequence(text: &str, between: Between) -> String {
    let mut plain = String::new();
    // Writing into a string does not fail.
    let _ = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut plain);
    if between == Between::Nothing {
        return plain;
    }
    let mut both = plain.clone();
    let _ = write!(both, "\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b"));
    both
}

fn keep(text: &str, directory: &Path) -> io::Result<PathBuf> {
    let path = directory.join(format!("stepback-{}.txt", uuid::Uuid::new_v4().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn small_text_goes_to_the_terminal() {
        let copy = copy("hello", Between::Nothing, Path::new("/nowhere"));
        assert_eq!(copy.said, Ok(5));
        assert_eq!(copy.bytes, b"\x1b]52;c;aGVsbG8=\x1b\\");
    }

    #[test]
    fn tmux_gets_it_plain_and_wrapped() {
        let copy = copy("hello", Between::Tmux, Path::new("/nowhere"));
        let plain = "\x1b]52;c;aGVsbG8=\x1b\\";
        let wrapped = "\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x1b\x1b\\\x1b\\";
        assert_eq!(String::from_utf8(copy.bytes).unwrap(), format!("{plain}{wrapped}"));
    }

    #[test]
    fn the_largest_text_fits_what_terminals_take() {
        let bytes = copy(&"x".repeat(LARGEST), Between::Nothing, Path::new("/nowhere")).bytes;
        assert!(bytes.len() < 100_002, "{}", bytes.len());
    }

    #[test]
    fn large_text_becomes_a_private_file() {
        let directory = tempfile::tempdir().unwrap();
        let text = "x".repeat(LARGEST + 1);
        let copied = copy(&text, Between::Nothing, directory.path());
        assert!(copied.bytes.is_empty());
        let file = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap();
        assert!(copied.said.unwrap_err().contains(file.path().to_str().unwrap()));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(copy(&text, Between::Nothing, Path::new("/nowhere")).said.is_err());
    }
}
