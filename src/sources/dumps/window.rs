//! Bytes read from front to back through a buffer that moves along, whatever they come from.
//!
//! Invariant: positions are those of the bytes behind, never of the buffer; what lies at or after the held position stays
//! in the buffer until it is larger than [`LARGEST`], then it is given up and [`Window::slice`] says so.

use std::ops::ControlFlow;

use crate::domain::Failure;
use crate::sources::feed::Feed;

/// The largest row that is read whole.
pub const LARGEST: usize = 64 << 20;
/// How much a scan reads at a time.
pub const STRIDE: usize = 1 << 20;
/// How much a single row costs at least.
pub const SIP: usize = 16 << 10;

/// What a read gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Got {
    /// So many bytes, at least one.
    Some(usize),
    /// None yet.
    Later,
    /// None ever.
    End,
}

/// Bytes that can be read by position, and may still be arriving.
pub trait Bytes: Send + Sync {
    /// Fills a buffer from an offset, as far as there are bytes. Waits a moment at most.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<Got, Failure>;

    /// How many bytes there are, as far as that is known now.
    fn known(&self) -> u64;

    /// How many bytes there are, once nothing more can come.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Nobody reads on for now: what reading on needs may be let go.
    fn rest(&self) {}

    /// Why they end where they end, when that is not where they should.
    fn fault(&self) -> Option<String> {
        None
    }
}

impl Bytes for Feed {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<Got, Failure> {
        let arrived = self.wait_a_moment(offset);
        if arrived.upto <= offset {
            return match (arrived.finished, arrived.failed) {
                (false, _) => Ok(Got::Later),
                (true, None) => Ok(Got::End),
                (true, Some(failure)) => Err(failure),
            };
        }
        let wanted = buffer.len().min(usize::try_from(arrived.upto - offset).unwrap_or(usize::MAX));
        let count = self.read_at(offset, &mut buffer[..wanted]).map_err(|e| self.failure(&e))?;
        Ok(if count == 0 { Got::End } else { Got::Some(count) })
    }

    fn known(&self) -> u64 {
        self.arrived().upto
    }
}

impl Bytes for Vec<u8> {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<Got, Failure> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(if count == 0 { Got::End } else { Got::Some(count) })
    }

    fn known(&self) -> u64 {
        self.len() as u64
    }
}

/// Why a walk ended before its end.
#[derive(Debug)]
pub enum Halt {
    /// Nobody wants it any more.
    Unwanted,
    /// It cannot be read.
    Failed(Failure),
}

impl Halt {
    /// As a failure of opening.
    pub fn failure(self, source: &str) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Unwanted => Failure::cancelled(source, "open"),
        }
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A window that moves over bytes.
pub struct Window<'a> {
    bytes: &'a dyn Bytes,
    /// Told the position now and then.
    looked: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    buffer: Vec<u8>,
    /// The position of the first byte of the buffer.
    start: u64,
    held: u64,
    /// No byte at or after this is read.
    end: u64,
    stride: usize,
    largest: usize,
}

impl<'a> Window<'a> {
    /// A window that reads `stride` bytes at a time, to `end` at most.
    pub fn new(
        bytes: &'a dyn Bytes,
        start: u64,
        end: u64,
        stride: usize,
        looked: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Self {
        Self { bytes, looked, buffer: Vec::new(), start, held: start, end, stride, largest: LARGEST }
    }

    /// Goes on elsewhere. What is in the buffer is used again.
    pub fn go(&mut self, position: u64, end: u64) {
        if position < self.start || position > self.buffered() || end < self.buffered() {
            self.buffer.clear();
            self.start = position;
        }
        self.held = position;
        self.end = end;
    }

    /// Lets what is held be given up when it is larger than this.
    pub fn limit(&mut self, largest: usize) {
        self.largest = largest;
    }

    fn buffered(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    /// What is in the buffer from a position on.
    pub fn from(&self, position: u64) -> &[u8] {
        position.checked_sub(self.start).and_then(|at| self.buffer.get(at as usize..)).unwrap_or_default()
    }

    /// What is between two positions; `None` when it was too large to be kept.
    pub fn slice(&self, from: u64, to: u64) -> Option<&[u8]> {
        let from = from.checked_sub(self.start)?;
        self.buffer.get(from as usize..to.checked_sub(self.start)? as usize)
    }

    /// Keeps what is at or after a position.
    pub fn hold(&mut self, position: u64) {
        self.held = position;
    }

    /// Reads more behind what is in the buffer; `false` at the end. When what is held is too large, all before `needed` is
    /// given up.
    ///
    /// # Errors
    /// When nobody wants it any more, or it cannot be read.
    pub fn more(&mut self, needed: u64) -> Result<bool, Halt> {
        if self.buffered() - self.held.min(self.buffered()) >= self.largest as u64 {
            self.held = needed;
        }
        let given_up = self.held.min(self.buffered()).saturating_sub(self.start) as usize;
        if given_up > 0 {
            self.buffer.drain(..given_up);
            self.start += given_up as u64;
            if self.buffer.capacity() > 4 * (self.buffer.len() + self.stride) {
                self.buffer.shrink_to(self.buffer.len() + self.stride);
            }
        }
        let at = self.buffered();
        let room = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        // What is read for one row grows with the row; room is made for no more than may be there.
        let there = usize::try_from(self.bytes.known().saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = self.stride.max((self.buffer.len() / 2).min(STRIDE)).min(there.max(SIP)).min(room);
        if wanted == 0 {
            return Ok(false);
        }
        let filled = self.buffer.len();
        if self.buffer.capacity() < filled + wanted {
            self.buffer.reserve_exact(wanted.max(filled / 2));
        }
        loop {
            if (self.looked)(at).is_break() {
                return Err(Halt::Unwanted);
            }
            self.buffer.resize(filled + wanted, 0);
            let got = self.bytes.read(at, &mut self.buffer[filled..]);
            self.buffer.truncate(filled + if let Ok(Got::Some(count)) = got { count.min(wanted) } else { 0 });
            match got? {
                Got::Some(_) => return Ok(true),
                Got::Later => {}
                Got::End => return Ok(false),
            }
        }
    }

    /// What is there from a position on: at least so many bytes, unless it ends before.
    ///
    /// # Errors
    /// As `more`.
    pub fn at_least(&mut self, position: u64, count: usize) -> Result<&[u8], Halt> {
        while self.from(position).len() < count && self.more(position)? {}
        Ok(self.from(position))
    }

    /// The position of the next such byte at or after one; where it ends, as an error, if there is none.
    ///
    /// # Errors
    /// As `more`.
    pub fn find(&mut self, byte: u8, mut position: u64) -> Result<Result<u64, u64>, Halt> {
        loop {
            let rest = self.from(position);
            if let Some(at) = memchr::memchr(byte, rest) {
                return Ok(Ok(position + at as u64));
            }
            position += rest.len() as u64;
            if !self.more(position)? {
                return Ok(Err(position));
            }
        }
    }

    /// Why the bytes end where they end, when that is not where they should.
    pub fn fault(&self) -> Option<String> {
        self.bytes.fault()
    }
}
