//! Packed files, unpacked while they are read.
//!
//! What comes out goes into a temporary file without a name, as a pipe does, so that everything above reads by position.
//! What is packed is not trusted: a few kilobytes can stand for gigabytes, so what comes out is counted, never kept in
//! memory, and stopped when it grows out of all proportion.
//!
//! Invariant: what could be unpacked is kept, whatever follows it; a missing end or damage is said, not hidden.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flate2::bufread::GzDecoder;

use super::allowance::Allowance;
use super::feed::{Aside, Feed, Remark};
use super::input::Input;
use crate::domain::{Failure, FailureKind};

/// The largest window a Zstandard frame may ask for, as a power of two: 128 MiB.
const WINDOW_LOG: u32 = 27;
/// How much is read at a time.
const BUFFER: usize = 128 << 10;

/// How something is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Packing {
    /// Its name: `gzip`, `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Recognises it by the first bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or one that a reader skips: some writers begin with such a one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What is in a packed input.
///
/// # Errors
/// When there is no room for it.
pub fn unpacked(input: &Input, packing: Packing) -> Result<Input, Failure> {
    let aside = Arc::new(Aside::unpacked(&input.allowance, input.feed.aside()));
    let packed = Packed { feed: input.feed.clone(), at: 0, aside: aside.clone() };
    let mut packings = input.packed.clone();
    packings.push(packing.name());
    let unpacking = Unpacking {
        name: input.feed.name().into(),
        packing,
        layers: packings.join(" in "),
        allowance: input.allowance.clone(),
        is_outermost: input.packed.is_empty(),
        state: State::Between(BufReader::with_capacity(BUFFER, packed)),
        members: 0,
        out: 0,
        began: (0, 0),
        empty: Empty::default(),
        aside: aside.clone(),
    };
    let feed = Feed::of_reader(unpacking, input.feed.name(), "unpack", aside)?;
    feed.stands_for(input.feed.identity());
    feed.looked_at_by(&input.looking);
    // `dump.jsonl.gz` was cut to `dump.jsonl`.
    let stem = Path::new(&input.stem).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Input {
        feed,
        name: input.name.clone(),
        stem: stem.unwrap_or_else(|| input.stem.clone()),
        path: None,
        packed: packings,
        looking: input.looking.clone(),
        allowance: input.allowance.clone(),
    })
}

/// The packed bytes, as they arrive.
struct Packed {
    feed: Arc<Feed>,
    at: u64,
    aside: Arc<Aside>,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let arrived = self.feed.wait_beyond(self.at, self.aside.stop());
        if self.aside.stop().load(Ordering::Relaxed) {
            return Err(io::Error::other("nobody reads it any more"));
        }
        if arrived.upto <= self.at {
            return arrived.failed.map_or(Ok(0), |failed| Err(io::Error::other(failed)));
        }
        let wanted = (arrived.upto - self.at).min(buffer.len() as u64) as usize;
        let count = self.feed.read_at(self.at, &mut buffer[..wanted])?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Where in the packed file the reading is.
enum State {
    /// Before a gzip member or a Zstandard frame.
    Between(BufReader<Packed>),
    Gzip(GzDecoder<BufReader<Packed>>),
    Zstd(zstd::Decoder<'static, BufReader<Packed>>),
    Ended,
}

/// Unpacks as it is read.
struct Unpacking {
    name: String,
    packing: Packing,
    /// The names of what it is packed in: `gzip in gzip`.
    layers: String,
    allowance: Allowance,
    /// Whether what is packed is the file itself.
    is_outermost: bool,
    state: State,
    members: u64,
    out: u64,
    /// Where the member began that is read, and how much had come out before it.
    began: (u64, u64),
    empty: Empty,
    aside: Arc<Aside>,
}

/// Members from which nothing comes. To unpack one takes as long as to unpack a little, and a file may be full of them.
#[derive(Default)]
struct Empty {
    /// The bytes of some of them: the same bytes are empty again.
    known: Vec<Vec<u8>>,
    /// How many were unpacked since something came out.
    in_a_row: u64,
}

impl Empty {
    /// So many kinds are known.
    const KINDS: usize = 8;
    /// The longest that are known.
    const LONGEST: u64 = 64;
    /// So many of other kinds are unpacked in a row.
    const MOST: u64 = 50_000;

    /// Learns one that lies there.
    fn learn(&mut self, packed: &Packed, from: u64, until: u64) -> io::Result<()> {
        self.in_a_row += 1;
        if self.known.len() < Self::KINDS && until - from <= Self::LONGEST {
            let mut bytes = vec![0; (until - from) as usize];
            if packed.feed.read_at(from, &mut bytes)? == bytes.len() {
                self.known.push(bytes);
            }
        }
        Ok(())
    }

    /// Passes over those that are known.
    fn pass(&self, packed: &mut BufReader<Packed>) -> io::Result<()> {
        loop {
            let buffer = packed.fill_buf()?;
            let known = self.known.iter().find(|bytes| buffer.starts_with(bytes));
            let Some(length) = known.map(Vec::len) else { return Ok(()) };
            packed.consume(length);
        }
    }
}

impl Unpacking {
    /// Begins the next member or frame, if there is one.
    fn next(&mut self, mut packed: BufReader<Packed>) -> io::Result<State> {
        self.empty.pass(&mut packed)?;
        let at = position(&packed);
        self.began = (at, self.out);
        if self.members > 0 {
            if packed.fill_buf()?.is_empty() {
                return Ok(State::Ended);
            }
            let mut magic = [0; 4];
            let count = packed.get_ref().feed.read_at(at, &mut magic)?;
            if Packing::of(&magic[..count]) != Some(self.packing) {
                let name = self.packing.name();
                self.aside.remark(match only_zeros(&mut packed)? {
                    Some(zeros) => Remark::Harmless(format!("{zeros} zero bytes follow the {name} data: left out")),
                    None => Remark::Damage(format!(
                        "what follows the {name} data, from packed byte {at} on, is no {name}: left out"
                    )),
                });
                return Ok(State::Ended);
            }
        }
        if self.empty.in_a_row > Empty::MOST {
            let name = self.packing.name();
            let why = format!("more than {} parts of the {name} data in a row are empty", Empty::MOST);
            if self.out == 0 {
                return Err(self.failure(FailureKind::Malformed, why));
            }
            self.aside.remark(Remark::Damage(format!("{why}: what follows packed byte {at} is left out")));
            return Ok(State::Ended);
        }
        self.members += 1;
        Ok(match self.packing {
            Packing::Gzip => State::Gzip(GzDecoder::new(packed)),
            Packing::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed)?.single_frame();
                decoder.window_log_max(WINDOW_LOG)?;
                State::Zstd(decoder)
            }
        })
    }

    /// What becomes of packed bytes that cannot be unpacked.
    fn broken(&mut self, packed_at: u64, error: io::Error) -> io::Result<usize> {
        self.state = State::Ended;
        let is_ours = error.get_ref().is_some_and(|inner| inner.is::<Failure>());
        if is_ours || self.aside.stop().load(Ordering::Relaxed) {
            return Err(error);
        }
        let name = self.packing.name();
        let cut = error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame");
        if self.out == 0 {
            let why = if cut { "it ends before anything comes out".into() } else { error.to_string() };
            return Err(self.failure(FailureKind::Malformed, format!("it looks like {name}, but: {why}")));
        }
        self.aside.remark(Remark::Damage(match cut {
            true => format!("incomplete: the {name} data ends too early; shown is what could be unpacked"),
            false => {
                format!("damaged {name} data near packed byte {packed_at} ({error}); shown is what was unpacked before")
            }
        }));
        Ok(0)
    }

    fn failure(&self, kind: FailureKind, why: String) -> io::Error {
        io::Error::other(Failure::new(kind, self.name.as_str(), "unpack", why))
    }

    /// Counts what came out, and stops what grows out of proportion.
    fn count(&mut self, count: usize, packed_at: u64) -> io::Result<usize> {
        self.out += count as u64;
        if self.is_outermost {
            self.allowance.took(packed_at);
        }
        self.allowance.came_out(count as u64, &self.name, &self.layers).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.aside.stop().load(Ordering::Relaxed) {
                return Ok(0);
            }
            let (read, at) = match &mut self.state {
                State::Ended => return Ok(0),
                State::Between(_) => {
                    let State::Between(packed) = std::mem::replace(&mut self.state, State::Ended) else { return Ok(0) };
                    let at = position(&packed);
                    match self.next(packed) {
                        Ok(state) => self.state = state,
                        Err(error) => return self.broken(at, error),
                    }
                    continue;
                }
                State::Gzip(decoder) => (decoder.read(buffer), position(decoder.get_ref())),
                State::Zstd(decoder) => (decoder.read(buffer), position(decoder.get_ref())),
            };
            match read {
                Ok(0) => {
                    let packed = match std::mem::replace(&mut self.state, State::Ended) {
                        State::Gzip(decoder) => decoder.into_inner(),
                        State::Zstd(decoder) => decoder.finish(),
                        State::Between(packed) => packed,
                        State::Ended => return Ok(0),
                    };
                    let (from, before) = self.began;
                    match self.out == before {
                        true => self.empty.learn(packed.get_ref(), from, position(&packed))?,
                        false => self.empty.in_a_row = 0,
                    }
                    self.state = State::Between(packed);
                }
                Ok(count) => return self.count(count, at),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken(at, error),
            }
        }
    }
}

/// Up to where the packed bytes were taken.
fn position(packed: &BufReader<Packed>) -> u64 {
    packed.get_ref().at - packed.buffer().len() as u64
}

/// How many zero bytes there are, if there is nothing else.
fn only_zeros(packed: &mut BufReader<Packed>) -> io::Result<Option<u64>> {
    let mut zeros = 0;
    loop {
        let some = packed.fill_buf()?;
        if some.is_empty() {
            return Ok(Some(zeros));
        }
        if some.iter().any(|&b| b != 0) {
            return Ok(None);
        }
        let count = some.len();
        zeros += count as u64;
        packed.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::sources::allowance::Limits;
    use crate::sources::feed::FIRST;
    use crate::sources::looking::Looking;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).unwrap()
    }

    /// What comes out, what is remarked, and why it ended.
    fn out(bytes: Vec<u8>, packing: Packing, limits: Limits) -> (Vec<u8>, Vec<String>, Option<Failure>) {
        let input = Input::of_pipe(io::Cursor::new(bytes), "dump").unwrap();
        all_of(&unpacked(&within(input, limits), packing).unwrap())
    }

    fn within(input: Input, limits: Limits) -> Input {
        input.looked_at(&Looking::default(), Allowance::new(limits))
    }

    fn all_of(inside: &Input) -> (Vec<u8>, Vec<String>, Option<Failure>) {
        inside.recognised();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut upto = 0;
        let arrived = loop {
            let arrived = inside.feed.wait_beyond(upto, &stop);
            upto = arrived.upto;
            if arrived.finished {
                break arrived;
            }
        };
        let mut text = vec![0; upto as usize];
        assert_eq!(inside.feed.read_at(0, &mut text).unwrap(), text.len());
        (text, inside.feed.remarks(), arrived.failed)
    }

    fn text(lines: usize) -> Vec<u8> {
        (0..lines).map(|n| format!("{{\"n\":{n},\"x\":\"{:x}\"}}\n", n * 7919)).collect::<String>().into_bytes()
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        let (a, b) = (text(5_000), text(17));
        let both = [&a[..], &b[..]].concat();
        let skipped = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&a)].concat();
        let empty = [gzip(&a), gzip(b""), gzip(&b)].concat();
        for (bytes, packing, expected) in [
            (gzip(&a), Packing::Gzip, &a),
            ([gzip(&a), gzip(&b)].concat(), Packing::Gzip, &both),
            (empty, Packing::Gzip, &both),
            (zstd(&a), Packing::Zstd, &a),
            ([zstd(&a), zstd(&b)].concat(), Packing::Zstd, &both),
            ([skipped.clone(), zstd(&b)].concat(), Packing::Zstd, &both),
        ] {
            let (found, remarks, failed) = out(bytes, packing, Limits::default());
            assert!(found == *expected, "{} of {} bytes", found.len(), expected.len());
            assert_eq!((remarks, failed), (vec![], None));
        }
        assert_eq!(Packing::of(&skipped), Some(Packing::Zstd));
    }

    #[test]
    fn what_follows_is_left_out_and_said() {
        let a = text(300);
        for (packing, packed) in [(Packing::Gzip, gzip(&a)), (Packing::Zstd, zstd(&a))] {
            let (found, remarks, failed) = out([&packed[..], &[0; 1000]].concat(), packing, Limits::default());
            assert!(found == a && failed.is_none());
            assert!(remarks[0].starts_with("1000 zero bytes follow"), "{remarks:?}");
            let (found, remarks, failed) = out([&packed[..], b"\0\0signature"].concat(), packing, Limits::default());
            assert!(found == a && failed.is_none());
            assert!(remarks[0].contains(&format!("packed byte {}", packed.len())), "{remarks:?}");
        }
    }

    #[test]
    fn a_missing_end_keeps_what_is_there() {
        let a = text(50_000);
        for (packing, packed) in [(Packing::Gzip, gzip(&a)), (Packing::Zstd, zstd(&a))] {
            let (found, remarks, failed) = out(packed[..packed.len() / 2].to_vec(), packing, Limits::default());
            assert!(a.starts_with(&found) && found.len() > a.len() / 4, "{}", found.len());
            assert_eq!(failed, None);
            assert!(remarks[0].starts_with("incomplete"), "{remarks:?}");
            let (found, _, failed) = out(packed[..5].to_vec(), packing, Limits::default());
            assert_eq!(found, b"");
            assert_eq!(failed.map(|failed| failed.kind), Some(FailureKind::Malformed));
        }
        // A flipped bit: the checksum, or the data itself, says so.
        let mut packed = gzip(&a);
        let at = packed.len() - 6;
        packed[at] ^= 1;
        let (found, remarks, _) = out(packed, Packing::Gzip, Limits::default());
        assert!(found == a);
        assert!(remarks[0].starts_with("damaged"), "{remarks:?}");
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = vec![0; 8 << 20];
        for (packing, packed) in [(Packing::Gzip, gzip(&zeros)), (Packing::Zstd, zstd(&zeros))] {
            let limits = Limits { small: 1 << 20, ratio: 100, ..Limits::default() };
            let (found, _, failed) = out(packed.clone(), packing, limits);
            assert!(found.len() < 2 << 20, "{}", found.len());
            assert!(failed.as_ref().is_some_and(|failed| failed.why.contains("100 times as much")), "{failed:?}");
            let hint = failed.map(|failed| failed.hint).unwrap_or_default();
            assert!(hint.contains("--allow-unpacked"), "{hint}");
            let limits = Limits { most: 3 << 20, ratio: u64::MAX, small: 0, said: false };
            let (found, _, failed) = out(packed.clone(), packing, limits);
            assert!(found.len() <= 3 << 20 && found.len() > 2 << 20, "{}", found.len());
            assert!(failed.is_some_and(|failed| failed.kind == FailureKind::Unsupported));
            let (found, _, failed) = out(packed, packing, Limits::allowed(Some(8 << 20)));
            assert_eq!((found.len(), failed), (8 << 20, None), "what the user allows comes out");
        }
    }

    #[test]
    fn empty_members_are_passed_over_and_not_unpacked_one_by_one() {
        for (packing, empty, text) in
            [(Packing::Gzip, gzip(b""), gzip(b"{}\n")), (Packing::Zstd, zstd(b""), zstd(b"{}\n"))]
        {
            let many = empty.repeat(200_000);
            let (found, said, failed) = out([many.clone(), text.clone(), many].concat(), packing, Limits::default());
            assert_eq!((found.as_slice(), said, failed.is_none()), (&b"{}\n"[..], vec![], true));
        }
        // Empty ones that all differ, by their names.
        let named = |n: u32| {
            let encoder = flate2::GzBuilder::new().filename(n.to_string()).write(Vec::new(), Compression::fast());
            encoder.finish().unwrap()
        };
        let many: Vec<u8> = (0..Empty::MOST as u32 + 10).flat_map(named).collect();
        let (found, said, failed) = out([gzip(b"{}\n"), many.clone()].concat(), Packing::Gzip, Limits::default());
        assert_eq!((found.as_slice(), failed.is_none()), (&b"{}\n"[..], true));
        assert!(said[0].contains("in a row are empty"), "{said:?}");
        let (_, _, failed) = out(many, Packing::Gzip, Limits::default());
        assert!(failed.unwrap().why.contains("in a row are empty"));
    }

    #[test]
    fn layers_share_one_allowance() {
        // Each layer alone is well within 300 times its size.
        let zeros = vec![0; 40 << 20];
        let once = gzip(&zeros);
        let twice = gzip(&once);
        let limits = Limits { small: 1 << 20, ratio: 300, ..Limits::default() };
        let input = within(Input::of_pipe(io::Cursor::new(twice.clone()), "dump").unwrap(), limits);
        let outer = unpacked(&input, Packing::Gzip).unwrap();
        let inner = unpacked(&outer, Packing::Gzip).unwrap();
        let (found, _, failed) = all_of(&inner);
        assert!(
            (found.len() as u64) < (twice.len() as u64 + BUFFER as u64) * 301,
            "{} of {}",
            found.len(),
            twice.len()
        );
        assert!(failed.as_ref().is_some_and(|failed| failed.why.contains("gzip in gzip")), "{failed:?}");
    }

    #[test]
    fn no_more_than_the_first_comes_out_before_it_is_known_what_it_is() {
        let input = Input::of_pipe(io::Cursor::new(gzip(&vec![0; 40 << 20])), "dump").unwrap();
        let inside = unpacked(&within(input, Limits::default()), Packing::Gzip).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        inside.feed.wait_beyond(FIRST - 1, &stop);
        std::thread::sleep(std::time::Duration::from_millis(50));
        let upto = inside.feed.arrived().upto;
        assert!((FIRST..FIRST * 3).contains(&upto), "{upto}");
        inside.recognised();
        inside.feed.wait_beyond((40 << 20) - 1, &stop);
        assert_eq!(inside.feed.arrived().upto, 40 << 20);
    }

    #[test]
    fn it_ends_when_nobody_reads() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&gzip(&text(10))).unwrap();
        let input = Input::of_pipe(reader, "pipe").unwrap();
        let inside = unpacked(&input, Packing::Gzip).unwrap();
        let weak = Arc::downgrade(&input.feed);
        drop((input, inside));
        // The thread that unpacks holds the packed feed; it lets go although its pipe still waits.
        while weak.strong_count() > 0 {
            std::thread::yield_now();
        }
        drop(writer);
    }

    #[test]
    fn no_bytes_upset_it() {
        let good = gzip(&text(200));
        for at in (0..good.len()).step_by(3) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            let _ = out(bytes, Packing::Gzip, Limits::default());
        }
        let good = zstd(&text(200));
        for at in (0..good.len()).step_by(3) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            let _ = out(bytes, Packing::Zstd, Limits::default());
        }
    }
}
