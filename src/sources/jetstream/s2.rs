//! S2, the compression of blocks and backups: its blocks and the frames around them.
//!
//! It is not Snappy: blocks may be up to 4 MiB, and a copy may repeat the offset of the one before. What is Snappy can be
//! read too. Nothing here compresses.
//!
//! Invariant: never more is written than the block said it would hold, and that is checked before it is allocated.

use std::io::{self, Read};

/// What a block may hold.
const LARGEST: usize = 4 << 20;
/// How much a chunk of a frame may take: a block that did not compress, its checksum, and what the encoding adds.
const LARGEST_CHUNK: usize = 16 << 20;

/// Why bytes are no S2.
type Fault = &'static str;

/// Decodes a block, which begins with the length of what it holds, behind what is in `out`.
///
/// # Errors
/// Why these bytes are none.
pub fn block(mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let length =
        uvarint(&mut bytes).and_then(|length| usize::try_from(length).ok()).ok_or("a block without a length")?;
    if length > LARGEST {
        return Err("a block that says it is larger than blocks are");
    }
    out.reserve(length);
    let start = out.len();
    let end = start + length;
    let mut last = 0;
    while let Some(&tag) = bytes.first() {
        bytes = &bytes[1..];
        let upper = usize::from(tag >> 2);
        if tag & 3 == 0 {
            // A literal: its length less one in the tag, or in one to four bytes after it.
            let length = match upper {
                ..60 => upper,
                more => number(&mut bytes, more - 59)?,
            };
            let literal = bytes.split_off(..length + 1).ok_or("a literal that is longer than the block")?;
            if literal.len() > end - out.len() {
                return Err("a block that holds more than it says");
            }
            out.extend_from_slice(literal);
            continue;
        }
        let (offset, length) = match tag & 3 {
            1 => {
                let length = upper & 7;
                let offset = (upper >> 3) << 8 | number(&mut bytes, 1)?;
                match (offset, length) {
                    // The offset of the copy before, whose length may go on.
                    (0, ..5) => (last, length + 4),
                    (0, 5) => (last, number(&mut bytes, 1)? + 8),
                    (0, 6) => (last, number(&mut bytes, 2)? + 260),
                    (0, _) => (last, number(&mut bytes, 3)? + 65_540),
                    _ => (offset, length + 4),
                }
            }
            2 => (number(&mut bytes, 2)?, upper + 1),
            _ => (number(&mut bytes, 4)?, upper + 1),
        };
        let written = out.len() - start;
        if offset == 0 || offset > written {
            return Err("a copy from before the block");
        }
        if length > end - out.len() {
            return Err("a block that holds more than it says");
        }
        last = offset;
        copy(out, offset, length);
    }
    match out.len() == end {
        true => Ok(()),
        false => Err("a block that holds less than it says"),
    }
}

/// Repeats what lies `offset` bytes before the end; both may overlap.
fn copy(out: &mut Vec<u8>, offset: usize, length: usize) {
    let from = out.len() - offset;
    let mut left = length;
    while left > 0 {
        // What was copied may be copied too: each round doubles.
        let count = left.min(out.len() - from);
        out.extend_from_within(from..from + count);
        left -= count;
    }
}

/// A number of so many bytes, the lowest first.
fn number(bytes: &mut &[u8], count: usize) -> Result<usize, Fault> {
    let taken = bytes.split_off(..count).ok_or("a block that ends within a tag")?;
    Ok(taken.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

/// A number of seven bits a byte, the lowest first; takes its bytes.
pub fn uvarint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A number with a sign, zigzag in seven bits a byte.
pub fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let number = uvarint(bytes)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

/// What a framed stream holds.
pub struct Frames<R> {
    inner: R,
    chunk: Vec<u8>,
    decoded: Vec<u8>,
    read: usize,
    begun: bool,
    lost: Option<usize>,
}

impl<R: Read> Frames<R> {
    /// A reader of what is in a stream.
    pub fn new(inner: R) -> Self {
        Self { inner, chunk: Vec::new(), decoded: Vec::new(), read: 0, begun: false, lost: None }
    }

    /// How much the chunk says it held that the last failure was about. Where it says that, reading can go on behind it.
    pub fn lost(&mut self) -> Option<usize> {
        self.decoded.clear();
        self.read = 0;
        self.lost.take()
    }

    /// Reads the next chunk that holds something; gives whether there was one.
    fn next(&mut self) -> io::Result<bool> {
        self.decoded.clear();
        self.read = 0;
        self.lost = None;
        let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("S2: {why}"));
        loop {
            let mut head = [0; 4];
            match self.inner.read(&mut head[..1])? {
                0 => return Ok(false),
                _ => self.inner.read_exact(&mut head[1..])?,
            }
            let length = usize::from(head[1]) | usize::from(head[2]) << 8 | usize::from(head[3]) << 16;
            self.chunk.clear();
            if length > LARGEST_CHUNK {
                return Err(wrong("a chunk larger than chunks are"));
            }
            if (&mut self.inner).take(length as u64).read_to_end(&mut self.chunk)? < length {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "S2: the stream ends within a chunk"));
            }
            match head[0] {
                0xff if matches!(
                    self.chunk[..],
                    [b'S', b'2', b's', b'T', b'w', b'O'] | [b's', b'N', b'a', b'P', b'p', b'Y']
                ) =>
                {
                    self.begun = true;
                }
                0xff => return Err(wrong("it begins as no stream of S2 does")),
                _ if !self.begun => return Err(wrong("it does not begin as a stream")),
                kind @ (0 | 1) => {
                    let Some((checksum, data)) = self.chunk.split_first_chunk::<4>() else {
                        return Err(wrong("a chunk without a checksum"));
                    };
                    let said = match kind {
                        0 => uvarint(&mut &*data).and_then(|length| usize::try_from(length).ok()),
                        _ => Some(data.len()),
                    };
                    self.lost = said.filter(|&length| length <= LARGEST);
                    match kind {
                        0 => block(data, &mut self.decoded).map_err(wrong)?,
                        _ => self.decoded.extend_from_slice(data),
                    }
                    // CRC-32C, turned and shifted so that checksums of checksums are harmless.
                    let masked = crc32c::crc32c(&self.decoded).rotate_right(15).wrapping_add(0xa282_ead8);
                    if masked != u32::from_le_bytes(*checksum) {
                        return Err(wrong("a chunk whose checksum does not match"));
                    }
                    self.lost = None;
                    if !self.decoded.is_empty() {
                        return Ok(true);
                    }
                }
                0x80.. => {}
                other => return Err(wrong(&format!("a chunk of a kind that is not known: {other}"))),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.decoded.len() && !self.next()? {
            return Ok(0);
        }
        let count = buffer.len().min(self.decoded.len() - self.read);
        buffer[..count].copy_from_slice(&self.decoded[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One element of a block, and how a plain reading of the format says it is written.
    #[derive(Clone, Debug)]
    enum Element {
        Literal(Vec<u8>),
        Copy { offset: usize, length: usize, form: u8 },
        Repeat(usize),
    }

    fn write(elements: &[Element]) -> (Vec<u8>, Vec<u8>) {
        let (mut bytes, mut text, mut last) = (Vec::new(), Vec::<u8>::new(), 0);
        let repeat = |text: &mut Vec<u8>, offset: usize, length: usize| {
            for _ in 0..length {
                text.push(text[text.len() - offset]);
            }
        };
        for element in elements {
            match element {
                Element::Literal(literal) if literal.is_empty() => {}
                Element::Literal(literal) => {
                    match literal.len() - 1 {
                        length @ 0..60 => bytes.push((length as u8) << 2),
                        length @ 60..256 => bytes.extend([60 << 2, length as u8]),
                        length => bytes.extend([61 << 2, length as u8, (length >> 8) as u8]),
                    }
                    bytes.extend(literal);
                    text.extend(literal);
                }
                Element::Copy { offset, length, form } => {
                    let offset = offset % (text.len() + 1);
                    if offset == 0 {
                        continue;
                    }
                    let length = match form % 3 {
                        0 if offset < 2048 => {
                            let length = 4 + length % 8;
                            bytes.push(((offset >> 8) as u8) << 5 | ((length - 4) as u8) << 2 | 1);
                            bytes.push(offset as u8);
                            length
                        }
                        1 if offset < 65_536 => {
                            let length = 1 + length % 64;
                            bytes.push(((length - 1) as u8) << 2 | 2);
                            bytes.extend((offset as u16).to_le_bytes());
                            length
                        }
                        _ => {
                            let length = 1 + length % 64;
                            bytes.push(((length - 1) as u8) << 2 | 3);
                            bytes.extend((offset as u32).to_le_bytes());
                            length
                        }
                    };
                    last = offset;
                    repeat(&mut text, offset, length);
                }
                Element::Repeat(_) if last == 0 => {}
                Element::Repeat(length) => {
                    let length = length + 4;
                    match length {
                        4..9 => bytes.extend([((length - 4) as u8) << 2 | 1, 0]),
                        9..264 => bytes.extend([5 << 2 | 1, 0, (length - 8) as u8]),
                        264..65_796 => {
                            bytes.extend([6 << 2 | 1, 0]);
                            bytes.extend(((length - 260) as u16).to_le_bytes());
                        }
                        _ => {
                            bytes.extend([7 << 2 | 1, 0]);
                            bytes.extend(&((length - 65_540) as u32).to_le_bytes()[..3]);
                        }
                    }
                    repeat(&mut text, last, length);
                }
            }
        }
        let mut head = Vec::new();
        let mut length = text.len();
        while length >= 0x80 {
            head.push(length as u8 | 0x80);
            length >>= 7;
        }
        head.push(length as u8);
        (head.into_iter().chain(bytes).collect(), text)
    }

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..400).prop_map(Element::Literal),
            (any::<usize>(), any::<usize>(), any::<u8>()).prop_map(|(offset, length, form)| Element::Copy {
                offset,
                length,
                form
            }),
            (0_usize..3000).prop_map(Element::Repeat),
            prop::sample::select(vec![0_usize, 4, 5, 255, 256, 259, 260, 65_791, 65_792, 70_000])
                .prop_map(Element::Repeat),
        ]
    }

    proptest! {
        #[test]
        fn blocks_are_read_as_they_were_written(elements in prop::collection::vec(element(), 0..12)) {
            let (bytes, text) = write(&elements);
            let mut out = b"before".to_vec();
            prop_assert_eq!(block(&bytes, &mut out), Ok(()));
            prop_assert!(out[6..] == text[..]);
            // Whatever is missing or more is noticed.
            for end in 0..bytes.len().min(40) {
                prop_assert!(block(&bytes[..end], &mut Vec::new()).is_err());
            }
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            let _ = block(&bytes, &mut out);
            prop_assert!(out.len() <= LARGEST);
            let mut framed = b"\xff\x06\0\0S2sTwO".to_vec();
            framed.extend(&bytes);
            let _ = Frames::new(&framed[..]).read_to_end(&mut Vec::new());
        }

        #[test]
        fn numbers_with_and_without_sign(number in any::<i64>()) {
            let mut bytes = Vec::new();
            let mut zigzag = (number << 1 ^ number >> 63) as u64;
            while zigzag >= 0x80 {
                bytes.push(zigzag as u8 | 0x80);
                zigzag >>= 7;
            }
            bytes.push(zigzag as u8);
            prop_assert_eq!(varint(&mut &bytes[..]), Some(number));
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        // It says 1 GiB.
        assert!(block(&[0x80, 0x80, 0x80, 0x80, 0x04, 0, b'a'], &mut Vec::new()).is_err());
        // It says 4 bytes, and repeats one of them 65540 times.
        assert!(block(&[4, 0, b'a', 2, 1, 0, 7 << 2 | 1, 0, 0, 0, 0], &mut Vec::new()).is_err());
        assert_eq!(uvarint(&mut &[0xff; 10][..]), None);
        assert_eq!(uvarint(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..]), Some(u64::MAX));
    }

    #[test]
    fn frames_are_checked() {
        let chunk = |kind: u8, data: &[u8], text: &[u8]| {
            let mut bytes = vec![kind];
            bytes.extend(&(data.len() as u32 + 4).to_le_bytes()[..3]);
            bytes.extend(crc32c::crc32c(text).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
            bytes.extend(data);
            bytes
        };
        let mut framed = b"\xff\x06\0\0S2sTwO".to_vec();
        framed.extend(chunk(1, b"plain ", b"plain "));
        framed.extend(b"\x99\x02\0\0ix");
        framed.extend(chunk(0, &[3, 2 << 2, b'a', b'b', b'c'], b"abc"));
        let read = |bytes: &[u8]| {
            let mut text = String::new();
            Frames::new(bytes).read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read(&framed).unwrap(), "plain abc");
        for at in [4, 14, 19, framed.len() - 1] {
            let mut wrong = framed.clone();
            wrong[at] ^= 1;
            assert!(read(&wrong).is_err(), "{at}");
        }
        assert!(read(&framed[..framed.len() - 1]).is_err());
        assert!(read(&framed[10..]).is_err());
    }
}
