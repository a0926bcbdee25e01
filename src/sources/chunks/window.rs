//! A file read by positions through a buffer, and the frames records lie in.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::record::{LARGEST, Record, SMALLEST, glance};
use crate::sources::feed::read_at;

/// How much is read at a time by a scan.
const FORWARD: usize = 1 << 20;
/// How much is read at a time by who wants single records.
const SINGLE: usize = 16 << 10;

/// What begins at an offset.
#[derive(Debug)]
pub enum Frame<'a> {
    /// A record: the bytes between its two lengths.
    Whole(&'a [u8]),
    /// Zeros.
    Zeros,
    /// Nothing: here the data ends.
    End,
    /// Something else, and why it is no record.
    Broken(String),
}

/// A buffer over a file.
#[derive(Debug)]
pub struct Window {
    bytes: Vec<u8>,
    start: u64,
    least: usize,
}

impl Window {
    /// A buffer for reading a file from end to end.
    pub fn forward() -> Self {
        Self { bytes: Vec::new(), start: 0, least: FORWARD }
    }

    /// A buffer for reading records here and there.
    pub fn single() -> Self {
        Self { bytes: Vec::new(), start: 0, least: SINGLE }
    }

    /// Forgets what it holds: the file is another.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Up to `length` bytes from an offset; fewer where the file ends.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn get(&mut self, file: &File, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + length as u64 > end {
            let wanted = length.max(self.least);
            self.bytes.clear();
            self.bytes.resize(wanted, 0);
            self.start = offset;
            let filled = read_at(file, offset, &mut self.bytes).inspect_err(|_| self.bytes.clear());
            self.bytes.truncate(filled?);
        }
        let from = (offset - self.start) as usize;
        Ok(&self.bytes[from..self.bytes.len().min(from + length)])
    }

    /// The record at an offset of data that ends at `end`.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn frame(&mut self, file: &File, offset: u64, end: u64) -> io::Result<Frame<'_>> {
        let left = end.saturating_sub(offset);
        if left == 0 {
            return Ok(Frame::End);
        }
        let Some(length) = number(self.get(file, offset, 4)?).filter(|_| left >= 4) else {
            return Ok(Frame::Broken("the data ends within a length".into()));
        };
        match length {
            0 => return Ok(Frame::Zeros),
            SMALLEST..=LARGEST => {}
            _ => return Ok(Frame::Broken(format!("{length} is no length of a record"))),
        }
        if u64::from(length) + 8 > left {
            return Ok(Frame::Broken(format!("a record of {length} bytes would pass the end of the data")));
        }
        let size = length as usize;
        let bytes = self.get(file, offset, size + 8)?;
        match bytes.get(size + 4..).and_then(number) {
            Some(suffix) if suffix == length => Ok(Frame::Whole(&bytes[4..size + 4])),
            Some(suffix) => Ok(Frame::Broken(format!("its length is {length} before and {suffix} after it"))),
            None => Ok(Frame::Broken("the file ends within a record".into())),
        }
    }

    /// The first offset from `offset` on where a whole record begins that `fits` its place in the log; `None` where none
    /// does, or when stopped.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn resume(
        &mut self,
        file: &File,
        mut offset: u64,
        end: u64,
        mut fits: impl FnMut(u64, i64) -> bool,
        stopped: &dyn Fn() -> bool,
    ) -> io::Result<Option<u64>> {
        // A length, a kind, a version, a position.
        const HEAD: usize = 14;
        // So little is asked for at a time that most of it is in the buffer already.
        const STEP: usize = 64 << 10;
        // Bytes made to look like the beginnings of large records would be read over and over.
        let mut attempts = 1000;
        while offset + HEAD as u64 <= end && attempts > 0 && !stopped() {
            let room = usize::try_from(end - offset).unwrap_or(usize::MAX).min(STEP);
            let bytes = self.get(file, offset, room)?;
            if bytes.len() < HEAD {
                return Ok(None);
            }
            let likely = bytes.windows(HEAD).position(|head| {
                let length = number(head).unwrap_or(0);
                // The cheap half of what `frame` and `Record::read` will look at again.
                (SMALLEST..=LARGEST).contains(&length) && head[4] <= 2 && head[5] <= 1
            });
            let Some(ahead) = likely else {
                offset += (bytes.len() - HEAD + 1) as u64;
                continue;
            };
            offset += ahead as u64;
            let head = &bytes[ahead..];
            let fitting = glance(&head[4..]).is_some_and(|(_, log)| fits(offset, log));
            if fitting && number(head).is_some_and(|length| suffix(file, offset, length) == Some(length)) {
                attempts -= 1;
                if matches!(self.frame(file, offset, end)?, Frame::Whole(record) if Record::read(record).is_ok()) {
                    return Ok(Some(offset));
                }
            }
            offset += 1;
        }
        Ok(None)
    }
}

/// The second length of a record at an offset, read past the buffer.
fn suffix(file: &File, offset: u64, length: u32) -> Option<u32> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset.checked_add(4 + u64::from(length))?).ok()?;
    Some(u32::from_le_bytes(bytes))
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.first_chunk()?))
}
