//! Payloads that documents carry as base64.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::domain::{Form, Payload};
use crate::sources::decode;

/// The bytes base64 stands for, in the usual alphabets; `None` when it is none.
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// A payload that is written as base64. `content` is what the document says it is: a media type, an encoding.
pub fn base64(text: &str, content: Option<&str>) -> Payload {
    let stored = Bytes::copy_from_slice(text.as_bytes());
    let Some(bytes) = bytes_of(text) else {
        return match cut(text) {
            Some(json) => Payload::decoded(stored, "base64, JSON", json.into()),
            // It says that it is: as it stands, it is no payload that could be read.
            None => Payload::decoded(stored.clone(), "not base64", stored),
        };
    };
    let named = |name: &str| match content {
        Some(content) if !content.is_empty() => format!("base64, {content}"),
        _ => format!("base64, {name}"),
    };
    // JSON, and whatever else stands for it: packed, MessagePack, CBOR.
    let read = decode::payload(stored.clone(), Some("base64"));
    if read.form() == Form::Encoded && read.encoding().is_some_and(|encoding| !encoding.ends_with("text")) {
        return read;
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Payload::decoded(stored, &named("text"), json_string(text).into()),
        Err(_) => Payload::named(bytes.into(), &named("bytes")),
    }
}

/// The beginning of the JSON that a text stood for which was cut somewhere.
fn cut(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let whole = text.get(..text.len() / 4 * 4)?;
    STANDARD.decode(whole).or_else(|_| URL_SAFE.decode(whole)).ok().filter(|bytes| decode::is_meant_as_json(bytes))
}

/// Whether bytes are JSON.
pub fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Text as a JSON string.
pub fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_base64_stands_for_is_shown_whatever_it_is_packed_in() {
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        for (bytes, encoding, text) in [
            (&b"{\"a\":1}"[..], "base64, JSON", "{\"a\":1}"),
            (b"\x81\xa1a\x01", "base64, MessagePack", "{\"a\":1}"),
            (b"plain words", "base64, text/plain", "\"plain words\""),
        ] {
            let read = base64(&encode(bytes), Some("text/plain"));
            assert_eq!((read.encoding(), &*read.text()), (Some(encoding), text));
        }
        let garbage = base64("%%", None);
        assert_eq!(garbage.encoding(), Some("not base64"));
        assert!(
            garbage.json().is_err() && garbage.form() == Form::Encoded,
            "a payload that is damaged, and no other encoding"
        );
        for whole in [r#"{"amount":1}"#, r#"[{"amount":1}]"#] {
            let encoded = encode(whole.as_bytes());
            for length in 4..encoded.len() - 2 {
                let read = base64(&encoded[..length], None);
                assert!(read.json().is_err() && read.form() == Form::Encoded, "{}", &encoded[..length]);
            }
        }
    }
}
