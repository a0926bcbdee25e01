//! CBOR (RFC 8949) to JSON text, in one pass and without values in between, so that numbers keep all their digits and a
//! hostile length costs nothing.
//!
//! Of the tags those are understood that change what a value is: times, integers and decimals of any size, UUIDs, the mark
//! of CBOR itself. Values under other tags are written as if they had none.

use super::json::{Writer, instant};
use super::text::uuid_text;
use super::{DEPTH, Refused};

/// Larger integers stay bytes: their digits would take long to be computed.
const DIGITS: usize = 512;

/// Whether bytes begin with the mark that says they are CBOR (tag 55799).
pub fn describes_itself(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xd9, 0xd9, 0xf7])
}

/// The JSON a CBOR value stands for. A strict reading is one that can hardly be by chance: a map or an array on top, keys
/// that are text, and some text at all.
///
/// # Errors
/// Where it is no CBOR from beginning to end, or must not be decoded.
pub fn json(bytes: &[u8], strict: bool) -> Result<String, Refused> {
    if strict && !matches!(bytes.first(), Some(0x80..=0xbf)) {
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

/// The head of an item: its major type, the low bits, and the number they stand for (none: of no definite length).
struct Head {
    major: u8,
    low: u8,
    number: Option<u64>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Refused::Other)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Refused> {
        let first = self.take(1)?[0];
        let (major, low) = (first >> 5, first & 31);
        let number = match low {
            0..24 => Some(u64::from(low)),
            24..28 => Some(self.take(1 << (low - 24))?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))),
            31 if matches!(major, 2..=5 | 7) => None,
            _ => return Err(Refused::Other),
        };
        Ok(Head { major, low, number })
    }

    /// Takes the byte that ends what has no definite length, if it is next.
    fn ends(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xff, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn value(&mut self, out: &mut Writer, depth: usize) -> Result<(), Refused> {
        if depth > DEPTH {
            return Err(Refused::Because("nested too deep"));
        }
        let head = self.head()?;
        match (head.major, head.number) {
            (0, Some(number)) => out.raw(&number.to_string()),
            (1, Some(number)) => out.raw(&(-1 - i128::from(number)).to_string()),
            (2, length) => match self.string(2, length)? {
                Chunks::One(bytes) => out.binary(bytes),
                Chunks::Many(bytes) => out.binary(&bytes),
            },
            (3, length) => match self.string(3, length)? {
                Chunks::One(bytes) => self.text(out, bytes),
                Chunks::Many(bytes) => self.text(out, &bytes),
            },
            (4, length) => self.list(out, length, depth),
            (5, length) => self.map(out, length, depth),
            (6, Some(tag)) => self.tagged(out, tag, depth),
            (7, Some(number)) => self.simple(out, head.low, number),
            _ => Err(Refused::Other),
        }
    }

    /// The bytes of a string, in one piece or in several.
    fn string(&mut self, major: u8, length: Option<u64>) -> Result<Chunks<'a>, Refused> {
        let size = |length: u64| usize::try_from(length).map_err(|_| Refused::Other);
        if let Some(length) = length {
            return Ok(Chunks::One(self.take(size(length)?)?));
        }
        let mut whole = Vec::new();
        while !self.ends() {
            let chunk = self.head()?;
            match chunk.number {
                Some(length) if chunk.major == major => whole.extend_from_slice(self.take(size(length)?)?),
                _ => return Err(Refused::Other),
            }
        }
        Ok(Chunks::Many(whole))
    }

    fn text(&mut self, out: &mut Writer, bytes: &[u8]) -> Result<(), Refused> {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.words += usize::from(bytes.len() > 1);
                out.string(text)
            }
            Err(_) if self.strict => Err(Refused::Other),
            Err(_) => out.binary(bytes),
        }
    }

    fn list(&mut self, out: &mut Writer, length: Option<u64>, depth: usize) -> Result<(), Refused> {
        out.raw("[")?;
        let mut at = 0;
        while !self.is_over(at, length) {
            if at > 0 {
                out.raw(",")?;
            }
            self.value(out, depth + 1)?;
            at += 1;
        }
        out.raw("]")
    }

    fn map(&mut self, out: &mut Writer, length: Option<u64>, depth: usize) -> Result<(), Refused> {
        out.raw("{")?;
        let mut at = 0;
        while !self.is_over(at, length) {
            if at > 0 {
                out.raw(",")?;
            }
            self.key(out, depth + 1)?;
            out.raw(":")?;
            self.value(out, depth + 1)?;
            at += 1;
        }
        out.raw("}")
    }

    fn is_over(&mut self, at: u64, length: Option<u64>) -> bool {
        length.map_or_else(|| self.ends(), |length| at >= length)
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

    fn tagged(&mut self, out: &mut Writer, tag: u64, depth: usize) -> Result<(), Refused> {
        let before = self.rest;
        let understood = match tag {
            1 => self.epoch(out)?,
            2 | 3 => self.whole(tag == 3)?.map(|digits| out.raw(&digits)).transpose()?.is_some(),
            4 => self.decimal()?.map(|digits| out.raw(&digits)).transpose()?.is_some(),
            25 | 28 | 29 | 256 => return Err(Refused::Because("with references inside")),
            37 => match self.bytes()?.and_then(|bytes| uuid_text(&bytes)) {
                Some(uuid) => out.string(&uuid).map(|()| true)?,
                None => false,
            },
            _ => false,
        };
        if understood {
            return Ok(());
        }
        self.rest = before;
        self.value(out, depth + 1)
    }

    /// Seconds since 1970, when they are whole.
    fn epoch(&mut self, out: &mut Writer) -> Result<bool, Refused> {
        let head = self.head()?;
        let seconds = match (head.major, head.number) {
            (0, Some(number)) => i64::try_from(number).ok(),
            (1, Some(number)) => i64::try_from(-1 - i128::from(number)).ok(),
            _ => None,
        };
        match seconds.and_then(|seconds| instant(seconds, 0)) {
            Some(time) => out.string(&time).map(|()| true),
            None => Ok(false),
        }
    }

    /// The bytes of a byte string, if one is next.
    fn bytes(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        let head = self.head()?;
        if head.major != 2 {
            return Ok(None);
        }
        Ok(Some(match self.string(2, head.number)? {
            Chunks::One(bytes) => bytes.to_vec(),
            Chunks::Many(bytes) => bytes,
        }))
    }

    /// The digits of an integer of any size, which lies as bytes; a negative one is -1 - n.
    fn whole(&mut self, negative: bool) -> Result<Option<String>, Refused> {
        let Some(mut bytes) = self.bytes()?.filter(|bytes| bytes.len() <= DIGITS) else { return Ok(None) };
        if !negative {
            return Ok(Some(digits(&bytes)));
        }
        // n + 1, with a carry that may need one byte more.
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return Ok(Some(format!("-{}", digits(&bytes))));
            }
        }
        bytes.insert(0, 1);
        Ok(Some(format!("-{}", digits(&bytes))))
    }

    /// A decimal number: exponent and mantissa, the latter of any size.
    fn decimal(&mut self) -> Result<Option<String>, Refused> {
        let head = self.head()?;
        if (head.major, head.number) != (4, Some(2)) {
            return Ok(None);
        }
        let integer = |head: &Head| match (head.major, head.number) {
            (0, Some(number)) => Some(i128::from(number)),
            (1, Some(number)) => Some(-1 - i128::from(number)),
            _ => None,
        };
        let Some(exponent) = integer(&self.head()?) else { return Ok(None) };
        let head = self.head()?;
        let mantissa = match (head.major, head.number) {
            (6, Some(tag @ 2..=3)) => self.whole(tag == 3)?,
            _ => integer(&head).map(|number| number.to_string()),
        };
        Ok(mantissa.map(|mantissa| scaled(&mantissa, exponent)))
    }

    fn simple(&mut self, out: &mut Writer, low: u8, number: u64) -> Result<(), Refused> {
        match low {
            20 => out.raw("false"),
            21 => out.raw("true"),
            22 | 23 => out.raw("null"),
            25 => out.short_real(half(number as u16)),
            26 => out.short_real(f32::from_bits(number as u32)),
            27 => out.real(f64::from_bits(number)),
            _ if self.strict => Err(Refused::Other),
            _ => out.raw(&format!("{{\"$simple\":{number}}}")),
        }
    }
}

/// A string as it lies.
enum Chunks<'a> {
    One(&'a [u8]),
    Many(Vec<u8>),
}

/// A number of two bytes (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let fraction = f32::from(bits & 0x3ff);
    let value = match bits >> 10 & 31 {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1024.0 + fraction) * 2f32.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -value } else { value }
}

/// The decimal digits of a number that lies in base 256, the highest byte first.
fn digits(bytes: &[u8]) -> String {
    // In base 10^9, the lowest first.
    let mut parts = vec![0u32];
    for &byte in bytes {
        let mut carry = u64::from(byte);
        for part in &mut parts {
            let value = (u64::from(*part) << 8) + carry;
            *part = (value % 1_000_000_000) as u32;
            carry = value / 1_000_000_000;
        }
        if carry > 0 {
            parts.push(carry as u32);
        }
    }
    let mut text = parts.pop().unwrap_or_default().to_string();
    parts.iter().rev().for_each(|part| text.push_str(&format!("{part:09}")));
    text
}

/// A whole number times a power of ten, with a point where people put it and an exponent where that would be long.
pub fn scaled(mantissa: &str, exponent: i128) -> String {
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    match exponent {
        0 => mantissa.into(),
        -64..0 => {
            let places = exponent.unsigned_abs() as usize;
            let digits = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            format!("{sign}{whole}.{fraction}")
        }
        _ => format!("{mantissa}e{exponent}"),
    }
}
