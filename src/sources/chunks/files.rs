//! The files of a log, opened when they are needed and closed again when there are many.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::folder::{Chunk, LARGEST_FILE};
use super::header::header;
use super::window::{Frame, Window};
use crate::regular;

/// How many files are kept open; a large database has more of them than a process may open.
const OPEN: usize = 64;

/// Where a record lies: in which file, at which offset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct At {
    /// The number of the file.
    pub chunk: usize,
    /// The offset in it.
    pub offset: u64,
}

impl At {
    /// As one number, below 2^62: names of files have six digits, their lengths are below [`LARGEST_FILE`].
    pub fn pack(self) -> u64 {
        self.chunk as u64 * LARGEST_FILE + self.offset
    }

    /// The place a number stands for.
    pub fn unpack(packed: u64) -> Self {
        Self { chunk: (packed / LARGEST_FILE) as usize, offset: packed % LARGEST_FILE }
    }
}

/// The files of a log.
#[derive(Debug)]
pub struct Files {
    /// What is known of them.
    pub chunks: Vec<Chunk>,
    /// Up to where the log was written.
    pub writer: Option<i64>,
    open: Mutex<Vec<(usize, Arc<File>)>>,
}

impl Files {
    /// Files, none of them opened yet.
    pub fn new(chunks: Vec<Chunk>, writer: Option<i64>) -> Self {
        Self { chunks, writer, open: Mutex::default() }
    }

    /// An opened file.
    ///
    /// # Errors
    /// Why it cannot be opened, or is not the one it was.
    pub fn file(&self, chunk: usize) -> Result<Arc<File>, String> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(number, _)| *number == chunk) {
            let found = open.remove(at);
            let file = found.1.clone();
            open.push(found);
            return Ok(file);
        }
        let known = self.chunks.get(chunk).ok_or("there is no such chunk")?;
        let name = &known.name;
        let file = regular::open(&known.path).map_err(|e| format!("{name} cannot be opened any more: {e}"))?;
        if !header(&file).is_ok_and(|header| header.id == known.header.id) {
            return Err(format!("{name} is not what it was when the store was opened"));
        }
        let file = Arc::new(file);
        if open.len() >= OPEN {
            open.remove(0);
        }
        open.push((chunk, file.clone()));
        Ok(file)
    }

    /// The bytes of the record at a place.
    ///
    /// # Errors
    /// Why there is none.
    pub fn record(&self, window: &mut Reading, at: At) -> Result<Bytes, String> {
        let file = self.file(at.chunk)?;
        if window.chunk != Some(at.chunk) {
            window.window.clear();
            window.chunk = Some(at.chunk);
        }
        let (end, _) = self.chunks[at.chunk].data(self.writer);
        match window.window.frame(&file, at.offset, end) {
            Ok(Frame::Whole(record)) => Ok(Bytes::copy_from_slice(record)),
            Ok(Frame::Zeros) => Err("zeros where a record should begin".into()),
            Ok(Frame::End) => Err("the data ends here".into()),
            Ok(Frame::Broken(why)) => Err(why),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// A buffer over one of several files.
#[derive(Debug)]
pub struct Reading {
    window: Window,
    chunk: Option<usize>,
}

impl Default for Reading {
    fn default() -> Self {
        Self { window: Window::single(), chunk: None }
    }
}
