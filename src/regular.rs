//! Opening regular files, and nothing else that may have their name.
//!
//! Invariant: opening never waits, and reading ends: a FIFO may never speak, a device may never end or do something when it
//! is opened, and a file may be larger than memory. Every layer that opens a file a person may have put there opens it here,
//! and so does the embedded store where it opens what should be its own.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::domain::words;

/// Opens a regular file to be read.
///
/// # Errors
/// Of the operating system; in words, what it is, where it is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at before it is opened: opening a device may do anything.
    check(std::fs::metadata(path)?.file_type())?;
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    // Asked again of what is open now: the name may have come to mean something else.
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file whole.
///
/// # Errors
/// As [`open`]; when it has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    all(open(path)?, most)
}

/// Reads a regular file of text whole.
///
/// # Errors
/// As [`read`]; when it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    text(read(path, most)?)
}

/// All that comes out of a reader.
///
/// # Errors
/// Of the operating system; when that is more than `most` bytes.
pub fn all(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is too large: at most {} are read", words::size(most)),
        )),
        false => Ok(bytes),
    }
}

/// Bytes as text.
///
/// # Errors
/// When they are not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let why = format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to());
        io::Error::new(ErrorKind::InvalidData, why)
    })
}

/// What it is, where it is neither a regular file nor a folder.
pub fn special(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_fifo() => Some("a pipe"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("a device"),
        kind if kind.is_socket() => Some("a socket"),
        _ => None,
    }
}

/// Whether it is a regular file.
///
/// # Errors
/// In words, what it is, where it is none.
pub fn check(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let is = special(kind).unwrap_or(if kind.is_dir() { "a folder" } else { "something else" });
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {is}, and no regular file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_in_words_and_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let fifo = rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0);
        fifo.expect("a FIFO");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        let (fifo, socket) = (at("fifo"), at("socket"));
        for (path, what) in [
            (fifo.as_path(), "a pipe"),
            (socket.as_path(), "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (folder.path(), "a folder"),
        ] {
            let refused = read(path, 100).expect_err("refused").to_string();
            assert_eq!(refused, format!("it is {what}, and no regular file"));
        }
    }

    #[test]
    fn what_is_read_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "häuser").expect("written");
        assert_eq!(read_text(&path, 7).expect("read"), "häuser");
        let refused = read_text(&path, 6).expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        assert!(all(io::repeat(0), 10).is_err(), "what never ends is given up");
        std::fs::write(&path, b"ab\xff").expect("written");
        assert_eq!(read_text(&path, 7).expect_err("refused").to_string(), "it is not UTF-8 (byte 2)");
    }
}
