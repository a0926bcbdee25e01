//! MessagePack to JSON text, in one pass and without values in between, so that numbers keep all their digits and a hostile
//! length costs nothing. Format: the MessagePack specification of 2017 (with timestamps).

use super::json::{Writer, instant};
use super::{DEPTH, Refused};

/// The JSON a MessagePack value stands for. A strict reading is one that can hardly be by chance: a map or an array on
/// top, keys that are text, and some text at all.
///
/// # Errors
/// Where it is no MessagePack from beginning to end, or must not be decoded.
pub fn json(bytes: &[u8], strict: bool) -> Result<String, Refused> {
    if strict && !matches!(bytes.first(), Some(0x80..=0x9f | 0xdc..=0xdf)) {
        return Err(Refused::Other);
    }
    let mut reader = Reader { rest: bytes, strict, words: 0 };
    let mut out = Writer::new(bytes.len());
    reader.value(&mut out, 0)?;
    if !reader.rest.is_empty() || (strict && reader.words == 0) {
        return Err(Refused::Other);
    }
    Ok(out.text)
}

struct Reader<'a> {
    rest: &'a [u8],
    strict: bool,
    /// How many texts were seen that speak for this encoding.
    words: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Refused::Other)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        self.take(N)?.try_into().map_err(|_| Refused::Other)
    }

    /// A length of so many bytes.
    fn length(&mut self, bytes: usize) -> Result<usize, Refused> {
        let length = self.take(bytes)?.iter().fold(0u64, |length, &byte| length << 8 | u64::from(byte));
        usize::try_from(length).map_err(|_| Refused::Other)
    }

    fn value(&mut self, out: &mut Writer, depth: usize) -> Result<(), Refused> {
        if depth > DEPTH {
            return Err(Refused::Because("nested too deep"));
        }
        match self.array::<1>()?[0] {
            tag @ 0..=0x7f => out.raw(&tag.to_string()),
            tag @ 0xe0..=0xff => out.raw(&tag.cast_signed().to_string()),
            tag @ 0x80..=0x8f => self.map(out, usize::from(tag & 15), depth),
            tag @ 0x90..=0x9f => self.list(out, usize::from(tag & 15), depth),
            tag @ 0xa0..=0xbf => self.text(out, usize::from(tag & 31)),
            0xc0 => out.raw("null"),
            0xc2 => out.raw("false"),
            0xc3 => out.raw("true"),
            tag @ 0xc4..=0xc6 => {
                let length = self.length(1 << (tag - 0xc4))?;
                out.binary(self.take(length)?)
            }
            tag @ 0xc7..=0xc9 => {
                let length = self.length(1 << (tag - 0xc7))?;
                self.extension(out, length)
            }
            0xca => {
                let value = f32::from_be_bytes(self.array()?);
                out.short_real(value)
            }
            0xcb => {
                let value = f64::from_be_bytes(self.array()?);
                out.real(value)
            }
            0xcc => self.array().map(u8::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xcd => self.array().map(u16::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xce => self.array().map(u32::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xcf => self.array().map(u64::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xd0 => self.array().map(i8::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xd1 => self.array().map(i16::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xd2 => self.array().map(i32::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            0xd3 => self.array().map(i64::from_be_bytes).and_then(|n| out.raw(&n.to_string())),
            tag @ 0xd4..=0xd8 => self.extension(out, 1 << (tag - 0xd4)),
            tag @ 0xd9..=0xdb => {
                let length = self.length(1 << (tag - 0xd9))?;
                self.text(out, length)
            }
            tag @ 0xdc..=0xdd => {
                let length = self.length(2 << (tag - 0xdc))?;
                self.list(out, length, depth)
            }
            tag @ 0xde..=0xdf => {
                let length = self.length(2 << (tag - 0xde))?;
                self.map(out, length, depth)
            }
            // The only one that is never used.
            0xc1 => Err(Refused::Other),
        }
    }

    fn text(&mut self, out: &mut Writer, length: usize) -> Result<(), Refused> {
        let bytes = self.take(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.words += usize::from(length > 1);
                out.string(text)
            }
            Err(_) if self.strict => Err(Refused::Other),
            // The older specification knew no bytes: they were strings.
            Err(_) => out.binary(bytes),
        }
    }

    fn list(&mut self, out: &mut Writer, length: usize, depth: usize) -> Result<(), Refused> {
        out.raw("[")?;
        for at in 0..length {
            if at > 0 {
                out.raw(",")?;
            }
            self.value(out, depth + 1)?;
        }
        out.raw("]")
    }

    fn map(&mut self, out: &mut Writer, length: usize, depth: usize) -> Result<(), Refused> {
        out.raw("{")?;
        for at in 0..length {
            if at > 0 {
                out.raw(",")?;
            }
            self.key(out, depth + 1)?;
            out.raw(":")?;
            self.value(out, depth + 1)?;
        }
        out.raw("}")
    }

    /// A key; one that is no text is written as the text of its JSON.
    fn key(&mut self, out: &mut Writer, depth: usize) -> Result<(), Refused> {
        let mut key = out.part();
        self.value(&mut key, depth)?;
        if key.text.starts_with('"') {
            if self.strict && key.text[1..].contains("\\u00") {
                return Err(Refused::Other);
            }
            self.words += usize::from(key.text.len() > 2);
            out.raw(&key.text)
        } else if self.strict {
            Err(Refused::Other)
        } else {
            out.string(&key.text)
        }
    }

    fn extension(&mut self, out: &mut Writer, length: usize) -> Result<(), Refused> {
        let kind = i8::from_be_bytes(self.array()?);
        let bytes = self.take(length)?;
        if let (-1, Some(time)) = (kind, timestamp(bytes)) {
            return out.string(&time);
        }
        out.raw(&format!("{{\"$extension\":{kind},\"data\":"))?;
        out.binary(bytes)?;
        out.raw("}")
    }
}

/// The three sizes of a timestamp.
fn timestamp(bytes: &[u8]) -> Option<String> {
    let (seconds, nanoseconds) = match *bytes {
        [a, b, c, d] => (i64::from(u32::from_be_bytes([a, b, c, d])), 0),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            ((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32)
        }
        [a, b, c, d, e, f, g, h, i, j, k, l] => {
            (i64::from_be_bytes([e, f, g, h, i, j, k, l]), u32::from_be_bytes([a, b, c, d]))
        }
        _ => return None,
    };
    instant(seconds, i32::try_from(nanoseconds).ok().filter(|n| *n < 1_000_000_000)?)
}
