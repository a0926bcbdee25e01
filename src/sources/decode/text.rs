//! Payloads that are text: JSON, JSON inside a JSON string, base64, hexadecimal, YAML, XML.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::IgnoredAny;

use super::{Found, Layers, Reading, detect as detect_bytes, foreign, sqlite_json, yaml};

/// A text of fewer characters is not taken for base64 without a hint.
const SHORTEST: usize = 8;

/// Padding may be left out, as URL-safe writers do.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// JSON text, or a JSON string that holds JSON. What is [meant](is_meant_as_json) as JSON needs only to be text: where it
/// stops being JSON is said when it is read. Other values must be JSON from beginning to end, for much that is not begins
/// like them.
pub fn json_document(bytes: &Bytes) -> Option<Found> {
    let text = bytes.trim_ascii();
    let fits = match text {
        _ if is_meant_as_json(text) => is_text(text),
        [b'"', ..] => return is_json(text).then(|| json_string(bytes, text)),
        [b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n', ..] => is_json(text),
        _ => false,
    };
    fits.then(|| Found::Json(bytes.clone()))
}

/// Whether text is meant as JSON, though it may stop being it: an object up to its first key, alone or first in a list.
/// What is for people hardly begins so.
pub fn is_meant_as_json(text: &[u8]) -> bool {
    match text.trim_ascii_start() {
        [b'{', rest @ ..] => matches!(rest.trim_ascii_start().first(), None | Some(b'"')),
        [b'[', rest @ ..] => rest.trim_ascii_start().first() == Some(&b'{') && is_meant_as_json(rest),
        _ => false,
    }
}

/// Whether text is an object or a list, or is meant as one.
pub fn is_document(text: &[u8]) -> bool {
    is_meant_as_json(text) || matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) && is_json(text)
}

/// JSON because a layout says so, even where it is broken; `None` where it does not even begin as JSON.
pub fn json_by_hint(bytes: &Bytes) -> Option<Reading> {
    let text = bytes.trim_ascii();
    let found = match text.first()? {
        b'"' => json_string(bytes, text),
        b'{' | b'[' => Found::Json(bytes.clone()),
        _ => return None,
    };
    Some(Reading::of(found))
}

/// A JSON string: one that holds an object or an array is read as that.
fn json_string(bytes: &Bytes, text: &[u8]) -> Found {
    // What such a string holds begins with a brace or a bracket, escaped in no writer known.
    if matches!(text.get(1), Some(b'{' | b'[' | b' ' | b'\\'))
        && let Ok(inner) = serde_json::from_slice::<String>(text)
        && is_document(inner.as_bytes())
    {
        return Found::JsonText(inner.into());
    }
    Found::Json(bytes.clone())
}

/// Whether the whole is one JSON value, in UTF-8. Recursion is bounded by the reader.
fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Whether bytes are a text rather than binary data that begins like one: no NUL; and where they are not UTF-8, as in
/// Latin-1 or cut in the middle of a character, no other control characters either.
fn is_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && (std::str::from_utf8(bytes).is_ok() || is_plain(bytes))
}

/// Whether text, in whatever encoding that keeps ASCII, is for people: no control characters but blanks.
pub fn is_plain(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1f | 0x7f))
}

/// Whether a name is of an encoding around text, and not of one that holds values.
pub fn is_wrapping(name: &str) -> bool {
    matches!(name, "zlib" | "gzip" | "zstd" | "base64" | "hexadecimal" | "byte order mark")
        || name.starts_with("Confluent schema")
}

/// Tells what a text is that is no JSON.
pub fn detect(bytes: &Bytes, text: &str, layers: Layers) -> Reading {
    if let Some(rest) = text.strip_prefix('\u{feff}')
        && let Some(found) = json_document(&bytes.slice(text.len() - rest.len()..))
    {
        return Reading::of(found).inside("byte order mark");
    }
    // Its sizes and short texts may all be letters.
    if let Ok(json) = sqlite_json::json(bytes, true) {
        return Reading::decoded("SQLite JSONB", json);
    }
    if let Some(reading) = text.starts_with("---").then(|| yaml::read(bytes)).flatten() {
        return reading;
    }
    if foreign::is_xml(text) {
        return Reading::of(Found::Named("XML".into()));
    }
    if let Some(inner) = hex_text(bytes) {
        let inner = detect_bytes(&inner.into(), layers.inside(0));
        if !matches!(inner.found, Found::Unknown | Found::Text(_)) {
            return inner.inside("hexadecimal");
        }
    }
    if bytes.len() >= SHORTEST
        && let Some(inner) = base64(bytes)
    {
        let inner = detect_bytes(&inner.into(), layers.inside(0));
        // Many a word is base64 of something; of JSON none is by chance.
        if inner.is_json() && !is_scalar(&inner.found) {
            return inner.inside("base64");
        }
    }
    Reading::of(Found::Text(bytes.clone()))
}

/// Whether JSON is neither object nor array.
fn is_scalar(found: &Found) -> bool {
    matches!(found, Found::Json(json) if !matches!(json.trim_ascii_start().first(), Some(b'{' | b'[')))
}

/// The inside of a JSON string that has no escapes; anything else as it is.
pub fn unquoted(text: &[u8]) -> &[u8] {
    let trimmed = text.trim_ascii();
    trimmed.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(text)
}

/// What base64 text stands for; line breaks are no part of it.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let broken = text.iter().any(u8::is_ascii_whitespace);
    let joined: Vec<u8>;
    let text = if broken {
        joined = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        &joined
    } else {
        text
    };
    let safe = text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'='));
    if !safe || text.is_empty() {
        return None;
    }
    if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL_SAFE } else { &STANDARD }.decode(text).ok()
}

/// The bytes of PostgreSQL's hexadecimal form of them (`\x00ff`).
pub fn hex_text(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(b"\\x")?;
    if digits.len() % 2 != 0 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Sixteen bytes as a UUID, in the order they lie.
pub fn uuid_text(bytes: &[u8]) -> Option<String> {
    uuid::Uuid::from_slice(bytes).ok().map(|uuid| uuid.hyphenated().to_string())
}
