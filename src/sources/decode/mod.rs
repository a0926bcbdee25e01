//! From the bytes of a payload to a reading of them: JSON as it is, packed or binary JSON as the JSON it stands for, and
//! the rest by its name.
//!
//! It knows bytes and not what they mean: which column holds a payload is said elsewhere, and may come with a hint of its
//! encoding. Nothing is ever dropped or re-serialised: the stored bytes stay in the payload.
//!
//! Invariant: without a hint bytes are decoded only when that reading leaves nothing over and no other one fits.

mod akka;
mod cbor;
mod foreign;
mod json;
mod msgpack;
mod packed;
mod protobuf;
mod sqlite_json;
mod text;
mod yaml;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;

pub use akka::akka_envelope;
pub use protobuf::protobuf_struct;
pub use text::{is_document, is_meant_as_json};

use crate::domain::{Form, Payload};

/// How often something may be packed into something packed.
const LEVELS: usize = 4;
/// What a payload may unpack to.
const LARGEST: usize = 64 << 20;
/// So much may come out of any payload, however small it is.
const HARMLESS: usize = 1 << 20;
/// What comes out beyond that may be so many times what went in.
const RATIO: usize = 1000;
/// How deep values may be nested in binary encodings and in YAML.
const DEPTH: usize = 128;

/// What may still be unpacked: one budget for all the layers of a payload, from the bytes of the outermost one.
#[derive(Clone, Copy, Debug)]
struct Layers {
    /// How many were undone.
    depth: usize,
    /// How many bytes may still come out.
    left: usize,
}

impl Layers {
    /// None was undone.
    fn of(bytes: &[u8]) -> Self {
        Self { depth: 0, left: budget(bytes.len()) }
    }

    /// One more was, and so many bytes came out of it beyond those that went in.
    fn inside(self, came_out: usize) -> Self {
        Self { depth: self.depth + 1, left: self.left.saturating_sub(came_out) }
    }
}

/// Why bytes were not decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// They are not in this encoding.
    Other,
    /// They are, but this stands against decoding them.
    Because(&'static str),
}

/// What bytes turned out to be.
#[derive(Debug)]
enum Found {
    /// JSON text.
    Json(Bytes),
    /// A JSON string that holds this JSON text.
    JsonText(Bytes),
    /// Text that is no JSON; in UTF-8.
    Text(Bytes),
    /// Nothing in it.
    Empty,
    /// Something known by name only.
    Named(Cow<'static, str>),
    /// No reading fits.
    Unknown,
}

/// A reading: the encodings that were undone, outermost first, and what was inside.
#[derive(Debug)]
struct Reading {
    names: Vec<Cow<'static, str>>,
    found: Found,
}

impl Reading {
    fn of(found: Found) -> Self {
        Self { names: Vec::new(), found }
    }

    /// JSON that a binary encoding stood for.
    fn decoded(name: impl Into<Cow<'static, str>>, json: String) -> Self {
        Self { names: vec![name.into()], found: Found::Json(json.into()) }
    }

    /// The same, inside one more encoding.
    fn inside(mut self, name: &'static str) -> Self {
        self.names.insert(0, name.into());
        self
    }

    /// Bytes that are in this encoding and were not decoded, and why.
    fn refused(name: &str, why: &str) -> Self {
        Self::of(Found::Named(format!("{name}, {why}").into()))
    }

    fn is_json(&self) -> bool {
        matches!(self.found, Found::Json(_) | Found::JsonText(..))
    }
}

/// Reads a payload. The hint names the encoding a layout expects: `json`, `text`, `base64`, `zlib`, `gzip`, `zstd`,
/// `msgpack`, `cbor`, `jackson-cbor`, `yaml`, `erlang`, `java`, `protobuf`, `avro`, `xml`, `eventsourcing`,
/// `sqlite-jsonb`. Where it does not fit, or is none of these, the encoding is told from the bytes.
///
/// No bytes at all are a payload that is there and empty; what a store calls NULL is the caller's `Payload::default()`.
pub fn payload(bytes: Bytes, hint: Option<&str>) -> Payload {
    let reading = hint.and_then(|hint| hinted(&bytes, hint)).unwrap_or_else(|| detect(&bytes, Layers::of(&bytes)));
    let Reading { mut names, found } = reading;
    let joined = |names: Vec<Cow<'static, str>>| names.join(", ");
    match found {
        Found::Json(_) if names.is_empty() => Payload::new(Form::Json, bytes),
        Found::JsonText(..) if names.is_empty() => Payload::new(Form::JsonText, bytes),
        Found::Json(json) => {
            // A binary encoding ends in values; what was only packed ends in the JSON text that was packed.
            if names.last().is_some_and(|last| text::is_wrapping(last)) {
                names.push("JSON".into());
            }
            Payload::decoded(bytes, &joined(names), json)
        }
        Found::JsonText(inner) => {
            names.push("JSON in a string".into());
            Payload::decoded(bytes, &joined(names), inner)
        }
        Found::Empty if names.is_empty() => Payload::decoded(bytes, "empty", Bytes::from_static(b"null")),
        Found::Empty => {
            names.push("empty".into());
            Payload::decoded(bytes, &joined(names), Bytes::from_static(b"null"))
        }
        Found::Text(_) if names.is_empty() => Payload::new(Form::Opaque, bytes),
        Found::Text(text) => {
            names.push("text".into());
            let text = json::string(&String::from_utf8_lossy(&text));
            Payload::decoded(bytes, &joined(names), text.into())
        }
        Found::Named(name) => {
            names.push(name);
            Payload::named(bytes, &joined(names))
        }
        Found::Unknown if names.is_empty() => Payload::new(Form::Opaque, bytes),
        Found::Unknown => {
            names.push("binary".into());
            Payload::named(bytes, &joined(names))
        }
    }
}

/// Reads by a hint; `None` where the hint is not known or does not fit.
fn hinted(bytes: &Bytes, hint: &str) -> Option<Reading> {
    if bytes.is_empty() {
        return None;
    }
    let named = |name: &'static str| Some(Reading::of(Found::Named(name.into())));
    let strict = false;
    match hint {
        "json" => text::json_by_hint(bytes),
        "text" => Some(match text::json_document(bytes) {
            Some(found) => Reading::of(found),
            None => {
                let text = std::str::from_utf8(bytes).ok()?;
                Reading::decoded("text", json::string(text))
            }
        }),
        "sqlite-jsonb" => binary("SQLite JSONB", sqlite_json::json(bytes, strict)),
        "base64" => text::base64(text::unquoted(bytes)).map(|inner| {
            let layers = Layers::of(bytes).inside(0);
            detect(&inner.into(), layers).inside("base64")
        }),
        "zlib" => packed::zlib(bytes, Layers::of(bytes)),
        "gzip" => packed::gzip(bytes, Layers::of(bytes)),
        "zstd" => packed::zstd(bytes, Layers::of(bytes)),
        "msgpack" => binary("MessagePack", msgpack::json(bytes, strict)),
        "cbor" | "jackson-cbor" if matches!(bytes[0], b'{' | b'[') => None,
        "cbor" | "jackson-cbor" => binary("CBOR", cbor::json(bytes, strict)),
        "yaml" => yaml::read(bytes),
        "erlang" => foreign::erlang(bytes).map(Reading::of),
        "java" => foreign::java(bytes).map(Reading::of),
        "protobuf" => named("Protobuf"),
        "avro" => {
            foreign::confluent(bytes).map(|id| Reading::of(Found::Named(format!("Avro, Confluent schema {id}").into())))
        }
        "xml" => named("XML"),
        "eventsourcing" => match detect(bytes, Layers::of(bytes)) {
            Reading { names, found: Found::Unknown } if names.is_empty() => named("binary, perhaps encrypted"),
            // What was encrypted first and packed then does not occur; what was packed is no secret.
            reading => Some(reading),
        },
        _ => None,
    }
}

/// The reading of a binary encoding.
fn binary(name: &str, json: Result<String, Refused>) -> Option<Reading> {
    match json {
        Ok(json) => Some(Reading::decoded(name.to_owned(), json)),
        Err(Refused::Because(why)) => Some(Reading::refused(name, why)),
        Err(Refused::Other) => None,
    }
}

/// Tells what bytes are.
fn detect(bytes: &Bytes, layers: Layers) -> Reading {
    if bytes.is_empty() {
        return Reading::of(Found::Empty);
    }
    if layers.depth > LEVELS {
        return Reading::of(Found::Named(format!("packed more than {LEVELS} times").into()));
    }
    if let Some(found) = text::json_document(bytes) {
        return Reading::of(found);
    }
    if let Some(reading) = packed::detect(bytes, layers) {
        return reading;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text::is_plain(bytes) => text::detect(bytes, text, layers),
        text => match detect_binary(bytes) {
            // A control character makes no text binary, but for the one that no text has.
            Reading { found: Found::Unknown, names } if text.is_ok() && !bytes.contains(&0) => {
                Reading { found: Found::Text(bytes.clone()), names }
            }
            reading => reading,
        },
    }
}

/// Tells what bytes are that are no text.
fn detect_binary(bytes: &Bytes) -> Reading {
    if let Some(found) = foreign::java(bytes).or_else(|| foreign::smile(bytes)).or_else(|| foreign::erlang(bytes)) {
        return Reading::of(found);
    }
    if let Some(id) = foreign::confluent(bytes) {
        let inner = bytes.slice(foreign::CONFLUENT..);
        return match text::json_document(&inner) {
            Some(found) => Reading { names: vec![format!("Confluent schema {id}").into()], found },
            None => Reading::of(Found::Named(format!("Confluent schema {id} (Avro or Protobuf)").into())),
        };
    }
    if cbor::describes_itself(bytes) {
        return binary("CBOR", cbor::json(bytes, false)).unwrap_or(Reading::of(Found::Unknown));
    }
    if let Ok(json) = sqlite_json::json(bytes, true) {
        return Reading::decoded("SQLite JSONB", json);
    }
    match (msgpack::json(bytes, true), cbor::json(bytes, true)) {
        (Ok(_), Ok(_)) => Reading::of(Found::Named("MessagePack or CBOR".into())),
        (Ok(json), _) => Reading::decoded("MessagePack", json),
        (_, Ok(json)) => Reading::decoded("CBOR", json),
        _ => Reading::of(Found::Unknown),
    }
}

/// What may come out of so many bytes.
fn budget(bytes: usize) -> usize {
    bytes.saturating_mul(RATIO).clamp(HARMLESS, LARGEST)
}
