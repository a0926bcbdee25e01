//! What an event carries: the bytes as they are stored, and the views on them.
//!
//! Invariant: the bytes never change. Whatever cannot be decoded is still shown, as text or bytes; nothing is dropped.

use std::borrow::Cow;

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
    /// Bytes of unknown meaning.
    Opaque,
}

/// The data or the metadata of an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Payload {
    stored: Bytes,
    form: Form,
}

impl Payload {
    /// Bytes to be read in the given form; they are not looked at here.
    pub fn new(form: Form, stored: Bytes) -> Self {
        Self { stored, form }
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

    /// The stored bytes as text; what is not UTF-8 is replaced by U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stored)
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
            Form::Opaque => Err(JsonError { offset: 0, reason: "the bytes are not JSON".into() }),
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
