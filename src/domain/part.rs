//! A store in parts: each stream is whole in one of them, so that a fold of one stream needs one part only.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::StreamName;

/// How the part of a stream is found, by the name manifests call it: the first 8 bytes of the SHA-256 of its name in UTF-8,
/// as a whole number with the highest byte first, modulo how many parts there are. It never changes.
pub const HASH: &str = "sha256-8-be";

/// The most parts: each is a file that is open while they are written.
pub const MOST: u32 = 512;

/// One of the parts of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// From 0.
    pub number: u32,
    /// How many there are, from 1 to [`MOST`].
    pub of: u32,
}

impl Part {
    /// The part in which a stream is.
    pub fn of_stream(stream: &StreamName, of: u32) -> Self {
        let hash = Sha256::digest(stream.as_str().as_bytes());
        let front = hash.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        // What is left is less than `of`.
        Self { number: (front % u64::from(of.max(1))) as u32, of }
    }

    /// Whether a stream is in it.
    pub fn holds(self, stream: &StreamName) -> bool {
        Self::of_stream(stream, self.of) == self
    }
}

/// As it is written: `3/64`.
impl FromStr for Part {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let numbers = written.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let (number, of) = numbers.ok_or_else(|| format!("{written} is no part: write 3/64, from 0/64 to 63/64"))?;
        check_count(of)?;
        match number < of {
            true => Ok(Self { number, of }),
            false => Err(format!("there is no part {number} of {of}: they are 0/{of} to {}/{of}", of - 1)),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Whether a store can be in so many parts.
///
/// # Errors
/// Why not.
pub fn check_count(of: u32) -> Result<(), String> {
    match of {
        1..=MOST => Ok(()),
        _ => Err(format!("a store is in 1 to {MOST} parts, not in {of}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_and_read() {
        let part: Part = "3/64".parse().unwrap();
        assert_eq!((part.number, part.of, part.to_string().as_str()), (3, 64, "3/64"));
        for wrong in ["", "3", "3/", "/64", "64/64", "0/0", "-1/4", "0/513", "1/2/3"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_part_of_a_stream_never_changes() {
        // python3 -c 'import hashlib; print(int.from_bytes(hashlib.sha256(b"order-1002").digest()[:8], "big") % 64)'
        let number = |name: &str, of| Part::of_stream(&StreamName::from(name), of).number;
        assert_eq!([number("order-1002", 64), number("", 64), number("Zoë/1", 7)], [55, 20, 4]);
        assert!((0..64).filter(|at| Part { number: *at, of: 64 }.holds(&"order-1002".into())).count() == 1);
    }
}
