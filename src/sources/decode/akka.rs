//! What Akka and Pekko Persistence keep beside a payload: the number of its serializer and, in journals of the older
//! layout, an envelope in Protobuf (`PersistentMessage` of their `MessageFormats.proto`).

use super::Refused;
use super::protobuf::{Fields, Value};

/// What is in an envelope.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AkkaEnvelope<'a> {
    /// The number of the serializer of the payload.
    pub serializer: i64,
    /// What the serializer calls the class of the payload; empty where it says nothing.
    pub manifest: String,
    /// The payload.
    pub payload: &'a [u8],
    /// The place in the stream, from 1.
    pub sequence: Option<u64>,
    /// The stream.
    pub persistence_id: Option<String>,
    /// Which incarnation of the writer wrote it.
    pub writer: Option<String>,
    /// The manifest of an event adapter; empty where there is none.
    pub adapter: String,
    /// When, in milliseconds since 1970; newer versions only.
    pub timestamp: Option<i64>,
    /// Whether it was deleted logically.
    pub deleted: bool,
}

/// Reads an envelope; `None` where the bytes are none.
pub fn akka_envelope(bytes: &[u8]) -> Option<AkkaEnvelope<'_>> {
    let mut envelope = AkkaEnvelope::default();
    let mut has_payload = false;
    for field in Fields::of(bytes) {
        match field.ok()? {
            (1, Value::Bytes(inner)) => {
                fill_payload(inner, &mut envelope).ok()?;
                has_payload = true;
            }
            (2, Value::Number(sequence)) => envelope.sequence = Some(sequence),
            (3, Value::Bytes(id)) => envelope.persistence_id = Some(text(id).ok()?),
            (4, Value::Number(deleted)) => envelope.deleted = deleted != 0,
            (12, Value::Bytes(manifest)) => envelope.adapter = text(manifest).ok()?,
            (13, Value::Bytes(writer)) => envelope.writer = Some(text(writer).ok()?),
            // Zigzag, as `sint64` is written.
            (14, Value::Number(time)) => envelope.timestamp = Some((time >> 1) as i64 ^ -((time & 1) as i64)),
            _ => {}
        }
    }
    has_payload.then_some(envelope)
}

/// `PersistentPayload`: the serializer (1), the bytes (2), the manifest (3). The first two are required.
fn fill_payload<'a>(message: &'a [u8], envelope: &mut AkkaEnvelope<'a>) -> Result<(), Refused> {
    let mut seen = (false, false);
    for field in Fields::of(message) {
        match field? {
            // An `int32`: a negative one is written as a negative number of 64 bits.
            (1, Value::Number(serializer)) => {
                envelope.serializer = i64::from(serializer.cast_signed() as i32);
                seen.0 = true;
            }
            (2, Value::Bytes(payload)) => {
                envelope.payload = payload;
                seen.1 = true;
            }
            (3, Value::Bytes(manifest)) => envelope.manifest = text(manifest)?,
            _ => {}
        }
    }
    if seen == (true, true) { Ok(()) } else { Err(Refused::Other) }
}

fn text(bytes: &[u8]) -> Result<String, Refused> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Refused::Other)
}

/// The hint for the payload of a serializer, by the numbers of Akka's and Pekko's `reference.conf`; `None` for those of the
/// application, whose bytes must speak for themselves.
pub fn akka_hint(serializer: i64) -> Option<&'static str> {
    Some(match serializer {
        1 => "java",
        2 => "protobuf",
        20 => "text",
        // 32 is called CBOR, and has always written JSON.
        31 | 32 => "json",
        33 => "jackson-cbor",
        _ => return None,
    })
}
