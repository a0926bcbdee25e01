//! Whether payloads are the JSON they are stored as, in stores that nobody looked into so far.

use std::sync::Arc;

use serde::de::IgnoredAny;

use super::pages;
use crate::domain::{Cancel, Event, EventQuery, Failure, Form, Payload, Scope};
use crate::sources::Source;

/// Events looked at to know in what form payloads are stored.
const SAMPLE: usize = 256;

/// Hands out every event of a scope that has a payload which is not what it is stored as, with the name of that and the
/// reason. Nothing is read where that was found out when the records were indexed.
///
/// # Errors
/// When the source cannot be read, or nobody wants it any more.
pub fn broken(
    source: &dyn Source,
    scope: &Scope,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
    found: &mut dyn FnMut(&Arc<Event>, &'static str, String),
) -> Result<(), Failure> {
    if source.about().reads_payloads {
        let page = source.events(&EventQuery::first(scope.clone(), SAMPLE), cancel)?;
        let is_plain = |payload: &Payload| matches!(payload.form(), Form::Absent | Form::Json);
        // JSON in a string was read as a string.
        if page.events.iter().flat_map(|event| event.payloads()).all(|(_, payload)| is_plain(payload)) {
            return Ok(());
        }
    }
    pages::each(source, scope, cancel, told, &mut |_, event| {
        for (name, payload) in event.payloads().filter(|_| event.trouble.is_none()) {
            if let Some(why) = why_broken(payload) {
                found(event, name, why);
            }
        }
    })
}

/// Why a payload is not the JSON it is stored as.
fn why_broken(payload: &Payload) -> Option<String> {
    if matches!(payload.form(), Form::Absent | Form::Opaque) {
        return None;
    }
    let json = match payload.json_bytes() {
        Ok(json) => json,
        Err(why) => return Some(why.to_string()),
    };
    if std::str::from_utf8(&json).is_ok() && serde_json::from_slice::<IgnoredAny>(&json).is_ok() {
        return None;
    }
    // It reads deeper and larger than the other.
    payload.json().err().map(|why| why.to_string())
}
