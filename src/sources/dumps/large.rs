//! Large objects of PostgreSQL, which dumps hold beside the tables: each is written in pieces.
//!
//! Invariant: at most [`MOST_PIECES`] pieces are known by their places; none is kept.

use std::io;
use std::sync::Arc;

use super::kept::{read_syntax, write_syntax};
use super::values;
use super::walk::Syntax;
use super::window::{Bytes, Halt, LARGEST, SIP, Window};
use crate::domain::{Failure, FailureKind};
use crate::sources::cache::{Kept, Sequence};

/// How many pieces are known.
const MOST_PIECES: usize = 4 << 20;

/// Where a piece of a large object lies: a string, from quote to quote.
#[derive(Clone, Copy, Debug)]
struct Piece {
    oid: u32,
    length: u32,
    start: u64,
}

/// Where the large objects lie.
#[derive(Default)]
pub enum LargeObjects {
    /// There are none.
    #[default]
    None,
    /// In statements of a dump in text.
    Text(Pieces),
    /// In blocks of a custom dump.
    Blocks(Box<dyn LargeBlocks>),
}

/// Large objects in blocks.
pub trait LargeBlocks: Send + Sync {
    /// A large object of at most `most` bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, oid: u64, most: usize) -> Result<Option<Vec<u8>>, Failure>;
}

/// The pieces of large objects in text.
pub struct Pieces {
    bytes: Arc<dyn Bytes>,
    syntax: Syntax,
    name: String,
    pieces: Vec<Piece>,
    /// Where the last object that was opened is written.
    open: u32,
    /// Whether there were too many.
    pub overflown: bool,
}

impl Pieces {
    /// None yet.
    pub fn new(bytes: Arc<dyn Bytes>, syntax: Syntax, name: &str) -> Self {
        Self { bytes, syntax, name: name.into(), pieces: Vec::new(), open: 0, overflown: false }
    }

    /// What is written next goes to this object.
    pub fn open(&mut self, oid: u32) {
        self.open = oid;
        self.add(oid, 0, 0);
    }

    /// A string was written to the open object.
    pub fn write(&mut self, start: u64, length: u64) {
        match u32::try_from(length) {
            Ok(length) => self.add(self.open, start, length),
            Err(_) => self.overflown = true,
        }
    }

    fn add(&mut self, oid: u32, start: u64, length: u32) {
        match self.pieces.len() < MOST_PIECES {
            true => self.pieces.push(Piece { oid, length, start }),
            false => self.overflown = true,
        }
    }

    /// Tells where they lie.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        out.written(|out| write_syntax(out, self.syntax))?;
        out.list(&self.pieces, |out, piece| {
            out.fixed(&[piece.oid, piece.length], u32::to_le_bytes);
            out.number(piece.start);
        })
    }

    /// Reads back what was told of bytes of this length.
    pub fn load(front: &mut Sequence, bytes: Arc<dyn Bytes>, name: &str, length: u64) -> Option<Self> {
        let syntax = front.read(read_syntax)?;
        let pieces = front.list(|read| {
            let numbers = read.fixed(2, u32::from_le_bytes)?;
            let piece = Piece { oid: *numbers.first()?, length: *numbers.get(1)?, start: read.number()? };
            let end = piece.start.checked_add(u64::from(piece.length))?;
            (end <= length).then_some(piece)
        })?;
        let sorted = pieces.is_sorted_by_key(|piece| piece.oid);
        sorted.then(|| Self { pieces, ..Self::new(bytes, syntax, name) })
    }

    /// How many objects there are.
    pub fn finish(&mut self) -> usize {
        self.pieces.sort_by_key(|piece| piece.oid);
        self.pieces.chunk_by(|a, b| a.oid == b.oid).count()
    }
}

impl LargeObjects {
    /// The bytes of an object.
    ///
    /// # Errors
    /// When it cannot be read or is too large.
    pub fn read(&self, oid: u64) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Blocks(blocks) => blocks.read(oid, LARGEST),
            Self::Text(pieces) => pieces.read(oid),
        }
    }
}

/// The failure of reading a large object.
pub fn failure(source: &str, oid: u64, why: &str) -> Failure {
    Failure::new(FailureKind::Malformed, source, format!("read the large object {oid}"), why)
}

impl Pieces {
    fn read(&self, oid: u64) -> Result<Option<Vec<u8>>, Failure> {
        let Ok(oid) = u32::try_from(oid) else { return Ok(None) };
        let from = self.pieces.partition_point(|piece| piece.oid < oid);
        let pieces = self.pieces[from..].iter().take_while(|piece| piece.oid == oid);
        if pieces.clone().next().is_none() {
            return Ok(None);
        }
        let failure = |why: &str| failure(&self.name, u64::from(oid), why);
        let mut object = Vec::new();
        for piece in pieces.filter(|piece| piece.length > 0) {
            let length = piece.length as usize;
            if object.len() + length / 2 > LARGEST {
                return Err(failure(&format!("it has more than {LARGEST} bytes")));
            }
            let mut seen = |_| std::ops::ControlFlow::Continue(());
            let end = piece.start + u64::from(piece.length);
            let mut window = Window::new(&*self.bytes, piece.start, end, SIP.max(length), &mut seen);
            let text = match window.at_least(piece.start, length) {
                Ok(text) if text.len() == length => text,
                Ok(_) | Err(Halt::Unwanted) => return Err(failure("it is cut")),
                Err(Halt::Failed(failure)) => return Err(failure),
            };
            let escapes = values::Escapes::of(self.syntax.dialect, self.syntax.backslash);
            let written = values::unquoted(text, 0, escapes);
            let bytes =
                values::bytea(&written).ok_or_else(|| failure("its bytes are not written as they should be"))?;
            object.extend_from_slice(&bytes);
        }
        Ok(Some(object))
    }
}
