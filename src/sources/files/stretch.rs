//! A stretch of a file of lines: the lines that begin in it, read by position.
//!
//! A stretch owns the lines that begin in it, wherever they end, so that any thread can read any stretch without knowing
//! the others.
//!
//! Invariant: a line too large to be read is passed over, never kept.

use std::sync::atomic::AtomicBool;

use crate::domain::{Failure, FailureKind};
use crate::sources::feed::Feed;

/// How much of the file is read at a time.
pub const STRETCH: u64 = 256 << 10;
/// How far past its stretch is read at once, for the end of its last line.
const SLACK: usize = 4 << 10;
/// Lines longer than this are listed with their size, not read.
pub const MAX_LINE: u64 = 64 << 20;
/// A buffer that a long line made larger than this is given back.
const BUFFER: usize = 4 << 20;

/// What is told of the lines of a stretch, in their order.
pub trait Lines {
    /// A line that holds something begins at this offset, and `text` with it; gives its length, without its line feed.
    fn line(&mut self, offset: u64, text: &[u8]) -> usize;

    /// A line holds nothing.
    fn blank(&mut self) {}

    /// A line of this size, too large to be read, begins at this offset, and with this `front`.
    fn oversize(&mut self, _offset: u64, _size: u64, _front: &[u8]) {}
}

/// Reads the lines that begin from `start` to before `end`. Gives up to where that has looked at the file; `None` when
/// stopped.
///
/// # Errors
/// When the file cannot be read, or has become shorter.
pub fn read(
    feed: &Feed,
    (start, end): (u64, u64),
    buffer: &mut Vec<u8>,
    stop: &AtomicBool,
    lines: &mut impl Lines,
) -> Result<Option<u64>, Failure> {
    // One byte early: it tells whether a line begins at the start.
    let from = start.saturating_sub(1);
    let own = (end - from) as usize;
    let wanted = (feed.arrived().upto.saturating_sub(from)).min((own + SLACK) as u64) as usize;
    fill(feed, buffer, 0, from, wanted, own)?;
    let mut at = if start > 0 {
        memchr::memchr(b'\n', &buffer[..own]).map_or(own, |feed| feed + 1)
    } else if buffer.starts_with("\u{feff}".as_bytes()) {
        3
    } else {
        0
    };
    let mut last_end = end;
    let last = memchr::memrchr(b'\n', &buffer[at.min(own)..own]).map_or(at, |feed| at + feed + 1);
    let mut oversize = None;
    if last < own && memchr::memchr(b'\n', &buffer[own..]).is_none() {
        let read = from + buffer.len() as u64;
        let found = feed.find_line_feed(read, stop).map_err(|e| feed.failure(&e))?;
        let Some(line_end) = found else { return Ok(None) };
        last_end = end.max(line_end);
        let size = line_end - (from + last as u64);
        if size > MAX_LINE {
            oversize = Some((from + last as u64, size));
        } else {
            let more = (line_end - read) as usize;
            let have = buffer.len();
            fill(feed, buffer, have, read, more, more)?;
        }
    }
    let upto = if oversize.is_some() { last } else { own.min(buffer.len()) };
    while at < upto {
        let rest = &buffer[at..];
        if rest[0] != b'{' {
            let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
            if line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
                lines.blank();
                at += line.len() + 1;
                continue;
            }
        }
        at += lines.line(from + at as u64, rest) + 1;
    }
    if let Some((offset, size)) = oversize {
        lines.oversize(offset, size, &buffer[last..]);
    }
    let looked = last_end.max(from + at.min(buffer.len()) as u64);
    if buffer.capacity() > BUFFER {
        *buffer = Vec::new();
    }
    Ok(Some(looked))
}

/// Reads `wanted` bytes from an offset into the buffer from `at` on, of which `needed` must be there.
fn fill(
    feed: &Feed,
    buffer: &mut Vec<u8>,
    at: usize,
    offset: u64,
    wanted: usize,
    needed: usize,
) -> Result<(), Failure> {
    buffer.resize(at + wanted, 0);
    let count = feed.read_at(offset, &mut buffer[at..]).map_err(|e| feed.failure(&e))?;
    if count < needed {
        let why = format!("the file became shorter: it ends at {} bytes now", offset + count as u64);
        return Err(Failure::new(FailureKind::Io, feed.name(), "read", why).hint("open it again"));
    }
    buffer.truncate(at + count);
    Ok(())
}
