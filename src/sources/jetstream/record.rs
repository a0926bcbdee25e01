//! The records of a block of messages, and what is known of them before any is read.

use highway::{HighwayHash, HighwayHasher, Key};
use sha2::{Digest, Sha256};

/// The fixed part of a record: length, sequence, time, length of the subject.
const HEAD: usize = 22;
/// The checksum at its end.
const SUM: usize = 8;
/// The length has a bit that tells of headers.
const HEADERS: u32 = 1 << 31;
/// A message that was overwritten on purpose.
const ERASED: u64 = 1 << 63;
/// A mark that a message was deleted.
const TOMBSTONE: u64 = 1 << 62;
/// What ends headers.
const END: &[u8] = b"\r\n\r\n";
/// The least a record takes.
const SMALLEST: usize = HEAD + SUM;

/// A message, or what says that one is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// A message.
    Message(Message<'a>),
    /// A message that was overwritten on purpose.
    Erased,
    /// The message with this sequence was deleted.
    Tombstone(u64),
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Its sequence in its stream.
    pub seq: u64,
    /// When it was stored, in nanoseconds since 1970.
    pub time: i64,
    /// Its subject.
    pub subject: &'a [u8],
    /// Its headers as they are sent; empty when it has none.
    pub headers: &'a [u8],
    /// What it says.
    pub payload: &'a [u8],
}

/// Why there is no record at a place, and how far it reaches where that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// In words for a person.
    pub why: String,
    /// How many bytes are to be passed over.
    pub length: Option<usize>,
}

/// The key of the checksums of a block.
pub fn key(stream: &str, block: u64) -> [u64; 4] {
    key_of(&format!("{stream}-{block}"))
}

/// The key of the checksum of what is said of a whole stream.
pub fn key_of(name: &str) -> [u64; 4] {
    let digest = Sha256::digest(name);
    let mut key = [0; 4];
    for (part, bytes) in key.iter_mut().zip(digest.chunks_exact(8)) {
        *part = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    }
    key
}

/// The checksum of some bytes.
pub fn checksum(key: &[u64; 4], bytes: &[u8]) -> [u8; SUM] {
    HighwayHasher::new(Key(*key)).hash64(bytes).to_le_bytes()
}

/// Reads the record at the beginning of these bytes; gives it and how many it takes.
///
/// # Errors
/// Why there is none.
pub fn record<'a>(bytes: &'a [u8], key: &[u64; 4]) -> Result<(Record<'a>, usize), Fault> {
    let lost = |why: String| Fault { why, length: None };
    let Some((head, _)) = bytes.split_first_chunk::<HEAD>() else {
        return Err(lost("the block ends within a record".into()));
    };
    let word = |at: usize| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| head[at + i]));
    let coded = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let length = (coded & !HEADERS) as usize;
    let subject = usize::from(u16::from_le_bytes([head[20], head[21]]));
    if length < SMALLEST || length - SMALLEST < subject {
        return Err(lost(format!("{length} is no length of a record with a subject of {subject} bytes")));
    }
    let Some(whole) = bytes.get(..length) else {
        return Err(lost(format!("a record of {length} bytes would pass the end of the block")));
    };
    let wrong = |why: String| Fault { why, length: Some(length) };
    let seq = word(4);
    if seq == 0 || seq & ERASED != 0 {
        return Ok((Record::Erased, length));
    }
    let (body, sum) = whole.split_at(length - SUM);
    let (subject, rest) = body[HEAD..].split_at(subject);
    let (headers, payload) = match coded & HEADERS {
        0 => (&rest[..0], rest),
        _ => {
            let parts = rest
                .split_first_chunk::<4>()
                .and_then(|(size, rest)| rest.split_at_checked(u32::from_le_bytes(*size) as usize));
            let (headers, payload) = parts.ok_or_else(|| wrong("its headers are longer than it is".into()))?;
            // No checksum covers their length, but an empty line ends them.
            let ended = headers.ends_with(END);
            if rest[4..].starts_with(b"NATS/1.0") && !ended && memchr::memmem::find(&rest[4..], END).is_some() {
                return Err(wrong("the length of its headers does not fit".into()));
            }
            (headers, payload)
        }
    };
    let mut hasher = HighwayHasher::new(Key(*key));
    for part in [&head[4..20], subject, headers, payload] {
        hasher.append(part);
    }
    if hasher.finalize64().to_le_bytes() != *sum {
        return Err(wrong("its checksum does not match".into()));
    }
    if seq & TOMBSTONE != 0 {
        return Ok((Record::Tombstone(seq & !TOMBSTONE), length));
    }
    Ok((Record::Message(Message { seq, time: word(12) as i64, subject, headers, payload }), length))
}

/// The first place from `from` on where a whole record begins; where a length is damaged, all that is behind it hangs on
/// finding it.
pub fn resume(bytes: &[u8], from: usize, key: &[u64; 4]) -> Option<usize> {
    // Bytes made to look like records would be hashed over and over.
    let mut budget = bytes.len().saturating_mul(4) + (1 << 20);
    let mut at = from;
    while at + SMALLEST <= bytes.len() {
        let length = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) & !HEADERS;
        // The time of a message is one since 1970, its sequence is far below the marks.
        let likely = (SMALLEST..=bytes.len() - at).contains(&(length as usize)) && bytes[at + 11] & 0x3f == 0;
        if likely {
            budget = budget.checked_sub(length as usize)?;
            if matches!(record(&bytes[at..], key), Ok((Record::Message(_) | Record::Tombstone(_), _))) {
                return Some(at);
            }
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(seq: u64, subject: &[u8], headers: Option<&[u8]>, payload: &[u8], key: &[u64; 4]) -> Vec<u8> {
        let mut body = subject.to_vec();
        if let Some(headers) = headers {
            body.extend((headers.len() as u32).to_le_bytes());
            body.extend(headers);
        }
        body.extend(payload);
        let length = (SMALLEST + body.len()) as u32;
        let mut bytes = (if headers.is_some() { length | HEADERS } else { length }).to_le_bytes().to_vec();
        bytes.extend(seq.to_le_bytes());
        bytes.extend(7_i64.to_le_bytes());
        let mut hasher = HighwayHasher::new(Key(*key));
        hasher.append(&bytes[4..20]);
        for part in [subject, headers.unwrap_or_default(), payload] {
            hasher.append(part);
        }
        bytes.extend((subject.len() as u16).to_le_bytes());
        bytes.extend(body);
        bytes.extend(hasher.finalize64().to_le_bytes());
        bytes
    }

    #[test]
    fn records_of_every_kind() {
        let key = key("ORDERS", 3);
        let bytes = written(9, b"orders.1", Some(b"NATS/1.0\r\n\r\n"), b"{}", &key);
        let Ok((Record::Message(message), length)) = record(&bytes, &key) else { panic!("a message") };
        assert_eq!((message.seq, message.time, length), (9, 7, bytes.len()));
        assert_eq!((message.subject, message.payload, message.headers.len()), (&b"orders.1"[..], &b"{}"[..], 12));
        let bytes = written(9 | TOMBSTONE, b"", None, b"", &key);
        assert_eq!(record(&bytes, &key), Ok((Record::Tombstone(9), 30)));
        let bytes = written(9 | ERASED, b"", None, b"garbage", &[0; 4]);
        assert_eq!(record(&bytes, &key), Ok((Record::Erased, 37)));
        assert!(record(&written(9, b"a", None, b"b", &[0; 4]), &key).unwrap_err().length.is_some());
    }

    #[test]
    fn every_flipped_bit_is_noticed_and_what_follows_found() {
        let key = key("S", 1);
        let first = written(1, b"a.b", Some(b"NATS/1.0\r\nA: b\r\n\r\n"), b"payload", &key);
        let second = written(2, b"a.c", None, b"more", &key);
        let sound = [first.clone(), second].concat();
        for bit in 0..first.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match record(&bytes, &key) {
                // The mark of what was erased cannot be told from damage; nor can no sequence at all.
                Ok((Record::Erased, _)) => assert!(matches!(bit, 32 | 95), "bit {bit}"),
                Ok(other) => panic!("bit {bit}: {other:?}"),
                Err(_) => assert_eq!(resume(&bytes, 1, &key), Some(first.len()), "bit {bit}"),
            }
        }
        for end in 0..sound.len() {
            let _ = record(&sound[..end], &key);
        }
    }
}
