//! The packed data of a table: in a custom dump pieces with their lengths before them, together one packed stream, in the
//! other formats a file. It is unpacked into a temporary file without a name, and only as far as it is asked for.
//!
//! Invariant: what is unpacked stays, at the same offset. What unpacks is let go by [`Bytes::rest`], so that no more of
//! them are held than are read at the same time.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::format::Compression;
use crate::domain::Failure;
use crate::sources::allowance::Allowance;
use crate::sources::dumps::window::{Bytes, Got};
use crate::sources::feed::Feed;
use crate::sources::input::Input;

/// How much is unpacked at a time, and how the temporary file is handed out.
const BLOCK: usize = 64 << 10;
/// What is packed smaller than this is no data anybody keeps, once there are [`SUSPICIOUS`] bytes.
const RATIO: u64 = 1000;
const SUSPICIOUS: u64 = 64 << 20;

/// The temporary file of a dump.
pub struct Spool {
    file: OnceLock<File>,
    used: AtomicU64,
    /// What may come out of all tables together, and of what the dump itself is packed in.
    allowance: Allowance,
    /// The names of what it is packed in.
    layers: String,
}

impl Spool {
    /// The temporary file of the dump in an input, which has so many bytes of packed data at most.
    pub fn of(input: &Input, bytes: u64) -> Self {
        // Of what is itself packed, the bytes of the outermost layer count.
        if input.packed.is_empty() {
            input.allowance.took(bytes);
        }
        let layers = ["its tables"].iter().chain(&input.packed).copied().collect::<Vec<_>>().join(" in ");
        Self { file: OnceLock::new(), used: AtomicU64::new(0), allowance: input.allowance.clone(), layers }
    }

    fn file(&self, source: &str) -> Result<&File, Failure> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = tempfile::tempfile().map_err(|e| room(source, &e))?;
        Ok(self.file.get_or_init(|| file))
    }
}

fn room(source: &str, error: &io::Error) -> Failure {
    Failure::io(source, "unpack it", error)
        .hint("stepback needs a directory for temporary files, as large as the unpacked dump: see TMPDIR")
}

/// The pieces of a stream, put together.
pub struct Pieces {
    feed: Arc<Feed>,
    int_size: usize,
    /// Where the next byte is.
    at: u64,
    /// How much is left of the piece.
    left: u64,
    ended: bool,
    /// How many bytes were taken.
    taken: Arc<AtomicU64>,
    buffer: Vec<u8>,
    passed: usize,
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl Pieces {
    /// The pieces from an offset on.
    pub fn new(feed: Arc<Feed>, int_size: usize, at: u64) -> Self {
        let taken = Arc::default();
        Self { feed, int_size, at, left: 0, ended: false, taken, buffer: Vec::new(), passed: 0 }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.passed == self.buffer.len() {
            self.buffer.resize(BLOCK, 0);
            let count = self.feed.read_at(self.at, &mut self.buffer)?;
            self.buffer.truncate(count);
            self.passed = 0;
            if count == 0 {
                return Err(damaged("the dump is cut"));
            }
        }
        Ok(())
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let mut head = [0; 33];
        for byte in &mut head[..=self.int_size] {
            self.fill()?;
            *byte = self.buffer[self.passed];
            self.passed += 1;
            self.at += 1;
        }
        let (low, high) = head[1..].split_at(8);
        let length = low.iter().rev().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
        if head[0] != 0 || high.iter().any(|&byte| byte != 0) || length > u64::from(u32::MAX) {
            return Err(damaged("a piece of the data has no length there can be"));
        }
        self.left = length;
        self.ended = length == 0;
        Ok(())
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.next_piece()?;
            if self.ended {
                return Ok(0);
            }
        }
        self.fill()?;
        let here = &self.buffer[self.passed..];
        let count = here.len().min(into.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        into[..count].copy_from_slice(&here[..count]);
        self.passed += count;
        self.at += count as u64;
        self.left -= count as u64;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What gives the bytes of a packed stream, and how much it has taken of what is packed.
pub struct Packed {
    /// Gives them.
    pub reader: Box<dyn Read + Send>,
    /// How many packed bytes were taken.
    pub taken: Arc<AtomicU64>,
}

/// What unpacks a stream.
///
/// # Errors
/// When there is no memory for it.
pub fn unpacking(packed: impl Read + Send + 'static, compression: Compression) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::None => Box::new(packed),
        Compression::Zlib => Box::new(flate2::read::ZlibDecoder::new(packed)),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        Compression::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(packed)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed)?;
            decoder.window_log_max(27)?;
            Box::new(decoder)
        }
    })
}

/// What unpacks a stream of pieces.
///
/// # Errors
/// When the first piece is none.
pub fn unpacker(mut pieces: Pieces, compression: Compression) -> io::Result<Packed> {
    let taken = pieces.taken.clone();
    // A table without rows may have no pieces, and then there is nothing to unpack either.
    pieces.next_piece()?;
    let reader = if pieces.ended { Box::new(io::empty()) } else { unpacking(pieces, compression)? };
    Ok(Packed { reader, taken })
}

/// Opens a packed stream at its beginning.
type Open = dyn Fn() -> io::Result<Packed> + Send + Sync;

/// A stream, unpacked as far as it was asked for.
pub struct Unpacked {
    source: String,
    spool: Arc<Spool>,
    open: Box<Open>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reader: Option<Packed>,
    /// Where in the temporary file each block of it is.
    blocks: Vec<u64>,
    known: u64,
    ended: bool,
    fault: Option<String>,
}

impl Unpacked {
    /// The stream that `open` opens.
    pub fn new(source: &str, spool: Arc<Spool>, open: impl Fn() -> io::Result<Packed> + Send + Sync + 'static) -> Self {
        Self { source: source.into(), spool, open: Box::new(open), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the stream where it was left.
    fn reopened(&self, known: u64) -> io::Result<Packed> {
        let mut packed = (self.open)()?;
        let passed = io::copy(&mut packed.reader.by_ref().take(known), &mut io::sink())?;
        match passed == known {
            true => Ok(packed),
            false => Err(damaged("it has changed since it was first read")),
        }
    }

    /// Unpacks another block.
    fn step(&self, state: &mut State) -> Result<(), Failure> {
        let source = self.source.as_str();
        if state.reader.is_none() {
            match self.reopened(state.known) {
                Ok(packed) => state.reader = Some(packed),
                Err(error) => {
                    state.fault = Some(self.words(&error));
                    state.ended = true;
                    return Ok(());
                }
            }
        }
        let Some(Packed { reader, taken }) = &mut state.reader else { return Ok(()) };
        let mut block = vec![0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match reader.read(&mut block[filled..]) {
                Ok(0) => {
                    state.ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    state.fault = Some(self.words(&error));
                    state.ended = true;
                    break;
                }
            }
        }
        let taken = taken.load(Ordering::Relaxed);
        if state.ended {
            state.reader = None;
        }
        if filled == 0 {
            return Ok(());
        }
        let unpacked = state.known + filled as u64;
        let allowance = &self.spool.allowance;
        if unpacked > SUSPICIOUS && unpacked / RATIO > taken && !allowance.is_said() {
            state.fault = Some(format!("the rest is not unpacked: it grows to more than {RATIO} times its size"));
            state.ended = true;
            state.reader = None;
            return Ok(());
        }
        allowance.came_out(filled as u64, source, &self.spool.layers)?;
        let at = self.spool.used.fetch_add(BLOCK as u64, Ordering::Relaxed);
        self.spool.file(source)?.write_all_at(&block[..filled], at).map_err(|e| room(source, &e))?;
        state.blocks.push(at);
        state.known = unpacked;
        Ok(())
    }

    fn words(&self, error: &io::Error) -> String {
        format!("its packed data is damaged: {error}")
    }
}

impl Bytes for Unpacked {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<Got, Failure> {
        let mut state = self.lock();
        while state.known <= offset {
            if state.ended {
                return Ok(Got::End);
            }
            self.step(&mut state)?;
        }
        let wanted = buffer.len().min(usize::try_from(state.known - offset).unwrap_or(usize::MAX));
        let first = (offset / BLOCK as u64) as usize;
        let last = ((offset + wanted as u64) / BLOCK as u64) as usize;
        let blocks: Vec<u64> = state.blocks[first..state.blocks.len().min(last + 1)].to_vec();
        drop(state);
        let file = self.spool.file(&self.source)?;
        let mut filled = 0;
        let mut within = (offset % BLOCK as u64) as usize;
        for block in blocks {
            let count = (BLOCK - within).min(wanted - filled);
            file.read_exact_at(&mut buffer[filled..filled + count], block + within as u64)
                .map_err(|e| Failure::io(self.source.as_str(), "read what was unpacked", &e))?;
            filled += count;
            within = 0;
        }
        Ok(if filled == 0 { Got::End } else { Got::Some(filled) })
    }

    fn known(&self) -> u64 {
        self.lock().known
    }

    fn length(&self) -> Option<u64> {
        let state = self.lock();
        state.ended.then_some(state.known)
    }

    fn rest(&self) {
        self.lock().reader = None;
    }

    fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }
}
