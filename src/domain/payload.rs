//! What an event carries: the bytes as they are stored, and the views on them.
//!
//! Invariant: the bytes never change. Whatever cannot be decoded is still shown, as text or bytes; nothing is dropped.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::json::{Json, JsonError};

/// How the stored bytes are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// Nothing is stored.
    #[default]
    Absent,
    /// JSON text.
    Json,
    /// A JSON string that holds JSON text (`"{\"a\":1}"`), as some stores and exports write payloads.
    JsonText,
    /// Bytes in an encoding that could be read: zlib, base64, MessagePack. The JSON they stand for is at hand.
    Encoded,
    /// Bytes of unknown meaning, or of a meaning that is known by name only.
    Opaque,
}

/// The data or the metadata of an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Payload {
    stored: Bytes,
    form: Form,
    view: Option<Arc<View>>,
}

/// What is known of bytes that are not plain JSON text.
#[derive(PartialEq, Eq, Debug)]
struct View {
    /// How they are encoded, outermost first: `zlib, JSON`, `Erlang term`.
    encoding: Box<str>,
    /// The JSON text they stand for; empty when they were not decoded.
    json: Bytes,
}

impl Payload {
    /// Bytes to be read in the given form; they are not looked at here.
    pub fn new(form: Form, stored: Bytes) -> Self {
        Self { stored, form, view: None }
    }

    /// Bytes that were decoded: by which encodings (outermost first, `zlib, JSON`), and to which JSON text.
    pub fn decoded(stored: Bytes, encoding: &str, json: Bytes) -> Self {
        Self { stored, form: Form::Encoded, view: Some(Arc::new(View { encoding: encoding.into(), json })) }
    }

    /// Bytes whose encoding is known by name, but not decoded: `Erlang term`, `Java serialisation`, `encrypted`.
    pub fn named(stored: Bytes, encoding: &str) -> Self {
        Self {
            stored,
            form: Form::Opaque,
            view: Some(Arc::new(View { encoding: encoding.into(), json: Bytes::new() })),
        }
    }

    /// The same without its encoding: the JSON it stands for becomes what is stored. Others stay as they are.
    pub fn plain(&self) -> Self {
        match &self.view {
            Some(view) if self.form == Form::Encoded => Self::new(Form::Json, view.json.clone()),
            _ => self.clone(),
        }
    }

    /// How the bytes are encoded, where it is not plain JSON and is known.
    pub fn encoding(&self) -> Option<&str> {
        self.view.as_ref().map(|view| &*view.encoding)
    }

    /// JSON text.
    pub fn json_text(text: impl Into<String>) -> Self {
        Self::new(Form::Json, Bytes::from(text.into()))
    }

    /// The bytes as stored.
    pub fn stored(&self) -> &Bytes {
        &self.stored
    }

    /// How they are to be read.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether anything is stored.
    pub fn is_absent(&self) -> bool {
        self.form == Form::Absent
    }

    /// It as text: the JSON it stands for where it was decoded, else the stored bytes, in hexadecimal (after `0x`) where
    /// they are no text.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.view {
            Some(view) if self.form == Form::Encoded => String::from_utf8_lossy(&view.json),
            _ => self.stored_text(),
        }
    }

    /// The stored bytes as text, in hexadecimal (after `0x`) where they are no text.
    pub fn stored_text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.stored) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(hexadecimal(&self.stored)),
        }
    }

    /// The JSON text inside: the stored bytes, or what the stored JSON string holds.
    ///
    /// # Errors
    /// When the stored bytes are not what the form says.
    pub fn json_bytes(&self) -> Result<Cow<'_, [u8]>, JsonError> {
        match self.form {
            Form::Absent => Ok(Cow::Borrowed(b"null")),
            Form::Json => Ok(Cow::Borrowed(&self.stored)),
            Form::JsonText => match Json::parse(&self.stored)? {
                Json::String(text) => Ok(Cow::Owned(text.as_bytes().to_vec())),
                _ => Err(JsonError { offset: 0, reason: "expected a string that holds JSON".into() }),
            },
            Form::Encoded => Ok(Cow::Borrowed(self.view.as_ref().map_or(b"null", |view| &view.json[..]))),
            Form::Opaque => {
                let reason = match self.encoding() {
                    Some(encoding) => format!("{encoding}, not JSON"),
                    None => "the bytes are not JSON".into(),
                };
                Err(JsonError { offset: 0, reason })
            }
        }
    }

    /// The exact JSON view: number text, key order and duplicate keys as stored. An absent payload is `null`.
    ///
    /// # Errors
    /// Where the text stops being JSON.
    pub fn json(&self) -> Result<Json, JsonError> {
        Json::parse(&self.json_bytes()?)
    }
}

/// Bytes as `0x00ff`.
fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
