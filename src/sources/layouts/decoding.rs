//! Payloads and envelopes, until `sources::decode` reads them.

use bytes::Bytes;

use crate::domain::{Form, Payload};

/// What is in an envelope.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AkkaEnvelope<'a> {
    /// The number of the serializer of the payload.
    pub serializer: i64,
    /// What the serializer calls the class of the payload.
    pub manifest: String,
    /// The payload.
    pub payload: &'a [u8],
    /// Which incarnation of the writer wrote it.
    pub writer: Option<String>,
    /// When, in milliseconds since 1970.
    pub timestamp: Option<i64>,
}

/// Reads a payload.
pub fn payload(bytes: Bytes, _hint: Option<&str>) -> Payload {
    let form = match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        Ok(_) => Form::Json,
        Err(_) => Form::Opaque,
    };
    Payload::new(form, bytes)
}

/// Reads an envelope.
pub fn akka_envelope(_bytes: &[u8]) -> Option<AkkaEnvelope<'_>> {
    None
}
