//! Payloads that were packed: zlib (RFC 1950), gzip (RFC 1952), zstd (RFC 8878). All of it must be there, and within a
//! budget; what is not is named with the reason.

use std::io::Read;

use bytes::Bytes;

use super::{Layers, Reading, detect as detect_bytes};

/// The largest window a zstd frame may ask for, as a power of two.
const WINDOW: u32 = 26;

/// Unpacks what begins as something packed.
pub fn detect(bytes: &Bytes, layers: Layers) -> Option<Reading> {
    match bytes.as_ref() {
        [0x1f, 0x8b, 8, ..] => gzip(bytes, layers),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd(bytes, layers),
        // Two bytes are little of a mark: only what unpacks to its end is zlib.
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => zlib(bytes, layers),
        _ => None,
    }
}

/// What a zlib stream holds; `None` where it is none, or is damaged.
pub fn zlib(bytes: &Bytes, layers: Layers) -> Option<Reading> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(bytes.as_ref());
    let unpacked = unpack(&mut decoder, layers);
    if unpacked.is_ok() && decoder.total_in() != bytes.len() as u64 {
        return None;
    }
    match unpacked {
        Err(Unpacking::Damaged) => None,
        unpacked => Some(reading("zlib", unpacked, layers)),
    }
}

/// What gzip members hold; `None` where there is none.
pub fn gzip(bytes: &Bytes, layers: Layers) -> Option<Reading> {
    bytes.starts_with(&[0x1f, 0x8b]).then(|| {
        let mut decoder = flate2::bufread::MultiGzDecoder::new(bytes.as_ref());
        reading("gzip", unpack(&mut decoder, layers), layers)
    })
}

/// What zstd frames hold; `None` where there is none.
pub fn zstd(bytes: &Bytes, layers: Layers) -> Option<Reading> {
    if !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return None;
    }
    let unpacked = zstd::stream::read::Decoder::with_buffer(bytes.as_ref())
        .and_then(|mut decoder| decoder.window_log_max(WINDOW).map(|()| decoder))
        .map_err(|_| Unpacking::Damaged)
        .and_then(|mut decoder| unpack(&mut decoder, layers));
    Some(reading("zstd", unpacked, layers))
}

/// Why something was not unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unpacking {
    Damaged,
    TooLarge,
}

fn unpack(decoder: &mut impl Read, layers: Layers) -> Result<Vec<u8>, Unpacking> {
    let limit = layers.left;
    let mut unpacked = Vec::new();
    let count = decoder.take(limit as u64 + 1).read_to_end(&mut unpacked).map_err(|_| Unpacking::Damaged)?;
    if count > limit { Err(Unpacking::TooLarge) } else { Ok(unpacked) }
}

fn reading(name: &'static str, unpacked: Result<Vec<u8>, Unpacking>, layers: Layers) -> Reading {
    match unpacked {
        Ok(inner) => {
            let layers = layers.inside(inner.len());
            detect_bytes(&inner.into(), layers).inside(name)
        }
        Err(Unpacking::Damaged) => Reading::refused(name, "damaged"),
        Err(Unpacking::TooLarge) => Reading::refused(name, "too large to be unpacked"),
    }
}
