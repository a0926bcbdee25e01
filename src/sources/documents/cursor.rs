//! A walk through the bytes of a feed: values and lines, whatever their size, with a bounded piece of them in memory.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::scan::{Outcome, Scanner};
use crate::domain::{Failure, FailureKind};
use crate::sources::feed::Feed;

/// Records larger than this are listed with their size, not read.
pub const MAX_RECORD: usize = 64 << 20;
/// How much is read at a time, at least.
const PIECE: usize = 64 << 10;
/// How much is read at a time, at most.
const LARGE: usize = 4 << 20;

/// A place in a feed and what follows it in memory.
pub struct Cursor<'a> {
    feed: &'a Arc<Feed>,
    stop: &'a AtomicBool,
    buffer: Vec<u8>,
    /// The offset of the buffer's first byte.
    start: u64,
    at: usize,
    /// Whether the feed ends with the buffer.
    all: bool,
    piece: usize,
    /// What lies behind this offset is not looked at.
    limit: u64,
}

/// What a value turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// One whose bytes are these of the buffer, its line breaks blanked; how many they were.
    Whole(Range<usize>, u64),
    /// One too large to be kept; its size.
    Large(u64),
    /// None: where that shows, and why.
    Fault(u64, &'static str),
    /// The beginning of one: the feed ends within it.
    Cut,
}

impl<'a> Cursor<'a> {
    /// A cursor at an offset.
    pub fn new(feed: &'a Arc<Feed>, stop: &'a AtomicBool, offset: u64) -> Self {
        Self { feed, stop, buffer: Vec::new(), start: offset, at: 0, all: false, piece: PIECE, limit: u64::MAX }
    }

    /// The same, but as if the feed ended at an offset.
    pub fn within(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The offset it stands at.
    pub fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Whether nobody wants the rest any more.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The bytes of a range of the buffer.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Goes to an offset; what is in memory is used where it reaches.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        if let Some(ahead) = offset.checked_sub(self.start).filter(|ahead| *ahead <= self.buffer.len() as u64) {
            self.at = ahead as usize;
            return Ok(());
        }
        // Whoever goes back a little goes on going back: what lies before is read with it.
        let before = if offset < self.start { offset.min(PIECE as u64 * 3 / 4) } else { 0 };
        self.buffer.clear();
        (self.start, self.at, self.all, self.piece) = (offset - before, 0, false, PIECE);
        while (self.buffer.len() as u64) < before && self.more()? {}
        self.at = self.buffer.len().min(before as usize);
        Ok(())
    }

    /// Lets go of what lies behind the cursor.
    pub fn release(&mut self) {
        if self.at >= self.buffer.len() || self.at >= PIECE {
            self.buffer.drain(..self.at);
            self.start += self.at as u64;
            self.at = 0;
            if self.buffer.capacity() > LARGE * 2 && self.buffer.len() < LARGE {
                self.buffer.shrink_to(LARGE);
            }
        }
    }

    /// Reads on; gives whether anything came.
    fn more(&mut self) -> Result<bool, Failure> {
        let end = self.start + self.buffer.len() as u64;
        if end >= self.limit {
            self.all = true;
            return Ok(false);
        }
        let arrived = self.feed.wait_beyond(end, self.stop);
        if self.is_stopped() {
            return Err(Failure::cancelled(self.feed.name(), "read"));
        }
        if arrived.upto <= end {
            self.all = true;
            return arrived.failed.map_or(Ok(false), Err);
        }
        let have = self.buffer.len();
        let wanted = (arrived.upto.min(self.limit) - end).min(self.piece as u64) as usize;
        self.piece = (self.piece * 2).min(LARGE);
        self.buffer.resize(have + wanted, 0);
        let count = self.feed.read_at(end, &mut self.buffer[have..]).map_err(|e| self.feed.failure(&e))?;
        self.buffer.truncate(have + count);
        if count < wanted {
            let why = format!("the file became shorter: it ends at {} bytes now", end + count as u64);
            return Err(Failure::new(FailureKind::Io, self.feed.name(), "read", why).hint("open it again"));
        }
        Ok(true)
    }

    /// The byte here; `None` at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peek(&mut self) -> Result<Option<u8>, Failure> {
        while self.at >= self.buffer.len() {
            if !self.more()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// Past one byte.
    pub fn step(&mut self) {
        self.at = (self.at + 1).min(self.buffer.len());
    }

    /// Past white space; gives the byte there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn space(&mut self) -> Result<Option<u8>, Failure> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                other => return Ok(other),
            }
            if self.at >= PIECE {
                self.release();
            }
        }
    }

    /// Past the value that begins here; at a fault the cursor stays where the value begins.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn value(&mut self) -> Result<Value, Failure> {
        let mut scanner = Scanner::default();
        let begin = self.offset();
        let (mut from, mut scanned) = (self.at, self.at);
        let mut dropped = false;
        loop {
            match scanner.scan(&mut self.buffer, scanned) {
                Outcome::End(end) => {
                    self.at = end;
                    return Ok(match dropped {
                        true => Value::Large(self.offset() - begin),
                        false => Value::Whole(from..end, scanner.breaks()),
                    });
                }
                Outcome::Fault(at, reason) => {
                    let fault = self.start + at as u64;
                    if dropped {
                        // What lies behind is gone: the value ends at its fault.
                        self.at = at;
                    }
                    return Ok(Value::Fault(fault, reason));
                }
                Outcome::More => {
                    scanned = self.buffer.len();
                    if scanned - from > MAX_RECORD {
                        dropped = true;
                        self.start += self.buffer.len() as u64;
                        self.buffer.clear();
                        (self.at, from, scanned) = (0, 0, 0);
                    }
                    if !self.more()? {
                        let end = self.buffer.len();
                        if scanner.may_end() && !dropped {
                            self.at = end;
                            return Ok(Value::Whole(from..end, scanner.breaks()));
                        }
                        if dropped {
                            self.at = end;
                        }
                        return Ok(Value::Cut);
                    }
                }
            }
        }
    }

    /// Past the line that begins here and its line feed: its bytes without it, and whether it has one. `None` when it is
    /// too large, with its size.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn line(&mut self) -> Result<Result<(Range<usize>, bool), u64>, Failure> {
        let begin = self.offset();
        let (from, mut seen) = (self.at, self.at);
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[seen..]) {
                self.at = seen + found + 1;
                return Ok(Ok((from..seen + found, true)));
            }
            seen = self.buffer.len();
            if seen - from > MAX_RECORD {
                let upto = self.start + seen as u64;
                let end = self.feed.find_line_feed(upto, self.stop).map_err(|e| self.feed.failure(&e))?;
                let end = end.unwrap_or(upto);
                self.seek(end)?;
                if self.peek()? == Some(b'\n') {
                    self.step();
                }
                return Ok(Err(end - begin));
            }
            if !self.more()? {
                self.at = seen;
                return Ok(Ok((from..seen, false)));
            }
        }
    }
}
