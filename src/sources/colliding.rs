//! What tells apart events of one stream that are not of one: a tenant or a type that is no part of the streams' key.
//!
//! The first records of a file decide its key. What comes later, lies deep inside an event, or is left out by the user's own
//! map shows only once the file has been read: two events have one version of one stream. Some such pairs are looked at, in
//! whatever format they lie. Where no version repeats, the first and the last event of some streams are: a tenant that only the
//! last one names, or another one, is no proof, but a doubt.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::files::mapping::{FieldPath, Sample, is_tenant, is_tenant_anywhere, is_type_of_streams, qualifier};
use super::files::value;
use super::index::{Index, Place};
use crate::domain::{Event, OtherKey, Payload, Spelled, Than};

/// How many pairs are looked at, and how many of them of one stream.
const PAIRS: usize = 48;
const OF_A_STREAM: usize = 6;
/// How many streams, and how many of their events, are looked through for them.
const STREAMS: usize = 1 << 18;
const EVENTS: usize = 1 << 20;
/// How many streams are looked at whose versions do not repeat.
const ENDS: usize = 48;

/// Pairs of events that have one stream and one version, one after the other.
pub fn pairs(index: &Index) -> Vec<Place> {
    let (mut pairs, mut left) = (Vec::new(), EVENTS);
    // Links repeat the versions of others on purpose.
    if index.disordered() == 0 || index.has_links() {
        return pairs;
    }
    for stream in index.streams(0, STREAMS).filter(|stream| stream.goes_back()) {
        let (mut first, mut found) = (HashMap::new(), 0);
        for (rank, &row) in stream.rows().iter().enumerate().take(left) {
            if found == OF_A_STREAM {
                break;
            }
            left -= 1;
            let before = *first.entry(stream.version(rank)).or_insert(row);
            if before != row
                && let (Some(one), Some(other)) = (index.place(before), index.place(row))
            {
                pairs.extend([one, other]);
                found += 1;
            }
        }
        if pairs.len() >= 2 * PAIRS || left == 0 {
            break;
        }
    }
    pairs
}

/// The first and the last events of some streams, one after the other.
pub fn ends(index: &Index) -> Vec<Place> {
    let mut ends = Vec::new();
    if index.has_links() {
        return ends;
    }
    let step = index.stream_count().div_ceil(ENDS).max(1);
    for at in (0..index.stream_count()).step_by(step) {
        let Some(stream) = index.streams(at, at + step).find(|stream| stream.len() > 1) else { continue };
        if let [first, .., last] = *stream.rows()
            && let (Some(first), Some(last)) = (index.place(first), index.place(last))
        {
            ends.extend([first, last]);
        }
    }
    ends
}

/// The tenant that differs in such pairs, or that only the later ones name, of which there are several: a store of one tenant
/// that began to write down which tells nothing apart.
pub fn doubtful(events: &[Arc<Event>], spelled: Option<&Spelled>) -> Option<OtherKey> {
    let sample = sampled(events);
    let pairs = events.len() / 2;
    let mut best: Option<(usize, &FieldPath)> = None;
    for field in sample.fields() {
        let Some(path) = inner(&field.path) else { continue };
        let is_sure = if field.path.keys()[0] == DATA { is_tenant_anywhere(&path) } else { is_tenant(&path) };
        if !is_sure || field.said().any(|(_, value)| matches!(value.first(), Some(b'{' | b'['))) {
            continue;
        }
        let said = |at: usize| field.values.get(at)?.as_deref().filter(|value| !value::is_nothing(value));
        let differs = |pair: &usize| match (said(2 * pair), said(2 * pair + 1)) {
            (Some(first), Some(last)) => first != last,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let differ = (0..pairs).filter(differs).count();
        let tenants: HashSet<&[u8]> = (0..events.len()).filter_map(said).collect();
        if differ > 0 && tenants.len() > 1 && best.as_ref().is_none_or(|(most, _)| differ > *most) {
            best = Some((differ, &field.path));
        }
    }
    let (differ, path) = best?;
    let key = other_key(path.keys(), spelled)?;
    Some(OtherKey { than: Than::Doubtful, within: Some((differ, pairs)), ..key })
}

/// A field of a sample without what of an event it lies in.
fn inner(path: &FieldPath) -> Option<FieldPath> {
    let [_, inner @ ..] = path.keys() else { return None };
    (!inner.is_empty()).then(|| FieldPath::new(inner.iter().map(String::as_str)))
}

/// The field that differs in such pairs, and how it becomes a part of the key.
pub fn parting(events: &[Arc<Event>], spelled: Option<&Spelled>) -> Option<OtherKey> {
    let sample = sampled(events);
    let pairs = events.len() / 2;
    let mut best: Option<(usize, Vec<String>)> = None;
    for field in sample.fields() {
        let Some(path) = inner(&field.path) else { continue };
        let is_sure = is_tenant(&path) || is_type_of_streams(&path);
        // What an event says may be about anything; only its tenant is its own whoever wrote it.
        // CloudEvents name a subject within its source.
        let is_source = matches!(path.keys(), [source] if source == "source");
        if !is_sure && (field.path.keys()[0] == DATA || qualifier(&path).is_none() && !is_source) {
            continue;
        }
        // An object is no part of a name; what is inside it is looked at by itself.
        if field.said().any(|(_, value)| matches!(value.first(), Some(b'{' | b'['))) {
            continue;
        }
        let said = |at: usize| {
            let value = field.values.get(at)?.as_deref().filter(|value| !value::is_nothing(value))?;
            // What the sample cut is no JSON any more.
            Some(value::name(value).unwrap_or_else(|| String::from_utf8_lossy(value)))
        };
        let differ = (0..pairs).filter(|pair| said(2 * pair) != said(2 * pair + 1)).count();
        let is_enough = if is_sure { differ * 2 >= pairs && differ > 0 } else { differ == pairs && pairs > 1 };
        if is_enough && best.as_ref().is_none_or(|(most, _)| differ > *most) {
            best = Some((differ, field.path.keys().to_vec()));
        }
    }
    let (_, keys) = best?;
    other_key(&keys, spelled)
}

/// A field of a sample as a part of a key.
fn other_key(keys: &[String], spelled: Option<&Spelled>) -> Option<OtherKey> {
    let (within, inner) = keys.split_first()?;
    let inner = FieldPath::new(inner.iter().map(String::as_str)).to_string();
    let prefix = match (within.as_str(), spelled) {
        (FIELDS, _) => Some(String::new()),
        (DATA, spelled) => spelled.and_then(|spelled| spelled.data.clone()),
        (_, spelled) => spelled.and_then(|spelled| spelled.metadata.clone()),
    };
    let map = spelled.zip(prefix.as_ref()).map(|(spelled, prefix)| spelled.with(&format!("{prefix}{inner}")));
    let field = match prefix {
        Some(prefix) => format!("{prefix}{inner}"),
        None => format!(".{within}{inner}"),
    };
    Some(OtherKey { field, map, than: Than::Parting, within: None })
}

const FIELDS: &str = "fields";
const METADATA: &str = "metadata";
const DATA: &str = "data";

/// All that events say, as records of a sample. The fields beside the payloads come first, so that they are preferred.
fn sampled(events: &[Arc<Event>]) -> Sample {
    let mut sample = Sample::default();
    for event in events {
        let mut record = Vec::new();
        for (name, payload) in [(FIELDS, &event.fields), (METADATA, &event.metadata), (DATA, &event.data)] {
            put(&mut record, name, payload);
        }
        record.extend_from_slice(if record.is_empty() { b"{}" } else { b"}" });
        // A record that is none takes its place, so that pairs stay pairs.
        if !sample.add(&record) {
            sample.add(b"{}");
        }
    }
    sample
}

fn put(record: &mut Vec<u8>, name: &str, payload: &Payload) {
    let Ok(json) = payload.json_bytes() else { return };
    if json.trim_ascii().first() != Some(&b'{') {
        return;
    }
    record.push(if record.is_empty() { b'{' } else { b',' });
    record.extend_from_slice(format!("\"{name}\":").as_bytes());
    // A sample is made of lines. Between values a line feed means as much as a blank, and inside a string there is none.
    record.extend(json.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Form, Position, Version};

    fn event(fields: &str, data: &str) -> Arc<Event> {
        let payload = |text: &str| Payload::new(Form::Json, text.to_owned().into());
        let mut event = Event::new("1", Version(1), Position::Number(1), "T");
        (event.fields, event.data) = (payload(fields), payload(data));
        Arc::new(event)
    }

    #[test]
    fn a_field_that_differs_where_versions_are_the_same_is_found() {
        let spelled = Spelled { stream: "{sid}".into(), data: Some(".body".into()), metadata: None };
        let found = |events: &[Arc<Event>]| {
            parting(events, Some(&spelled)).map(|key| (key.field.clone(), key.map.unwrap_or_default()))
        };
        let told = |field: &str, map: &str| Some((field.to_owned(), map.to_owned()));
        let none = event("{}", "{}");
        let of = |tenant: &str| event(&format!(r#"{{"tenant":"{tenant}"}}"#), "{}");
        let in_data = |tenant: &str| event("{}", &format!(r#"{{"x":{{"tenantId":"{tenant}"}},"country":"{tenant}"}}"#));
        assert_eq!(found(&[of("a"), of("b")]), told(".tenant", "stream={tenant}/{sid}"));
        assert_eq!(found(&[none.clone(), of("b")]), told(".tenant", "stream={tenant}/{sid}"));
        assert_eq!(found(&[in_data("a"), in_data("b")]), told(".body.x.tenantId", "stream={body.x.tenantId}/{sid}"));
        // One event that was written twice, and what is no part of a stream by its name.
        assert_eq!(found(&[of("a"), of("a")]), None);
        assert_eq!(found(&[of("a"), of("b"), of("a"), of("a"), of("b"), of("b")]), None);
        let by = |user: &str| event(&format!(r#"{{"userId":"{user}"}}"#), r#"{"amount":1}"#);
        assert_eq!(found(&[by("a"), by("b"), by("a"), by("b")]), None);
    }
}
