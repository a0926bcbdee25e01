//! The large objects of a custom dump: in blocks of their own, each object a stream of its own. Where each begins is found
//! the first time one is asked for.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use super::format::{Compression, Header, Reader};
use super::skip_pieces;
use super::unpack::{Pieces, unpacker};
use crate::domain::Failure;
use crate::sources::dumps::large::{LargeBlocks, failure};
use crate::sources::dumps::window::{Halt, STRIDE, Window};
use crate::sources::feed::Feed;

/// How many objects are known.
const MOST: usize = 4 << 20;

/// Where the large objects are.
pub struct Objects {
    feed: Arc<Feed>,
    int_size: usize,
    compression: Compression,
    /// Where the objects of each block begin.
    starts: Vec<u64>,
    /// Each object and where its pieces begin, in the order of their numbers.
    known: OnceLock<Result<Vec<(u64, u64)>, Failure>>,
}

impl Objects {
    /// The objects of these blocks.
    pub fn new(feed: Arc<Feed>, header: &Header, starts: Vec<u64>) -> Self {
        let (int_size, compression) = (header.int_size, header.compression);
        Self { feed, int_size, compression, starts, known: OnceLock::new() }
    }

    fn find(&self) -> Result<Vec<(u64, u64)>, Failure> {
        let mut known = Vec::new();
        let mut seen = |_| ControlFlow::Continue(());
        let mut window = Window::new(&*self.feed, 0, u64::MAX, STRIDE / 4, &mut seen);
        for &start in &self.starts {
            let mut reader = Reader::new(&mut window, self.feed.name(), start, self.int_size);
            match walk(&mut reader, &mut known) {
                // A dump that is cut still has those before the cut.
                Ok(()) | Err(Halt::Unwanted) => {}
                Err(Halt::Failed(failure)) if failure.kind == crate::domain::FailureKind::Malformed => {}
                Err(Halt::Failed(failure)) => return Err(failure),
            }
        }
        known.sort_unstable();
        Ok(known)
    }
}

fn walk(reader: &mut Reader<'_, '_>, known: &mut Vec<(u64, u64)>) -> Result<(), Halt> {
    loop {
        let oid = reader.int()?;
        match u64::try_from(oid) {
            Ok(0) => return Ok(()),
            Ok(oid) if known.len() < MOST => known.push((oid, reader.at())),
            Ok(_) => return Err(reader.malformed("it holds more large objects than can be found again")),
            Err(_) => return Err(reader.malformed("a large object has no number there can be")),
        }
        skip_pieces(reader)?;
    }
}

impl LargeBlocks for Objects {
    fn read(&self, oid: u64, most: usize) -> Result<Option<Vec<u8>>, Failure> {
        let known = self.known.get_or_init(|| self.find()).as_ref().map_err(Clone::clone)?;
        let Ok(at) = known.binary_search_by_key(&oid, |&(oid, _)| oid) else { return Ok(None) };
        let fail = |why: &str| failure(self.feed.name(), oid, why);
        let pieces = Pieces::new(self.feed.clone(), self.int_size, known[at].1);
        let packed = unpacker(pieces, self.compression).map_err(|e| fail(&e.to_string()))?;
        let mut object = Vec::new();
        packed.reader.take(most as u64 + 1).read_to_end(&mut object).map_err(|e| fail(&e.to_string()))?;
        match object.len() > most {
            true => Err(fail(&format!("it has more than {most} bytes"))),
            false => Ok(Some(object)),
        }
    }
}
