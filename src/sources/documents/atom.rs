//! Pages of EventStoreDB's AtomPub feeds, saved as JSON: `/streams/order-1?embed=body`.
//!
//! Entries stand newest first. In a page of links (`$ce-order`) an entry is the event a link leads to: it is shown in its
//! own stream, with the place of the link noted.

use std::borrow::Cow;

use bytes::Bytes;

use super::format::{Basics, Format, Parts, Reading, Skimmed, Sorting, Unreadable};
use super::generic::{payload, unusable};
use crate::domain::{About, Form, Note, NoteKind, Payload, Position, StreamKind};
use crate::sources::fields;
use crate::sources::files::envelope;
use crate::sources::files::mapping::FieldPath;
use crate::sources::files::skim::members;
use crate::sources::files::value;
use crate::sources::sorted::Order;

const FIELDS: [&[&str]; 16] = [
    &["streamId"],
    &["eventNumber"],
    &["eventType"],
    &["eventId"],
    &["updated"],
    &["data"],
    &["metaData"],
    &["positionStreamId"],
    &["positionEventNumber"],
    &["title"],
    &["summary"],
    &["content", "eventStreamId"],
    &["content", "eventNumber"],
    &["content", "eventType"],
    &["content", "data"],
    &["content", "metadata"],
];
const STREAM: usize = 0;
const NUMBER: usize = 1;
const TYPE: usize = 2;
const ID: usize = 3;
const UPDATED: usize = 4;
const DATA: usize = 5;
const METADATA: usize = 6;
const AT_STREAM: usize = 7;
const AT_NUMBER: usize = 8;
const TITLE: usize = 9;
const SUMMARY: usize = 10;
const CONTENT_STREAM: usize = 11;
const CONTENT_NUMBER: usize = 12;
const CONTENT_TYPE: usize = 13;
const CONTENT_DATA: usize = 14;
const CONTENT_METADATA: usize = 15;

/// Entries of a feed.
pub struct Atom {
    /// What is known of them.
    pub about: About,
    /// Whether all are entries of one feed, whose numbers order them.
    pub one_feed: bool,
}

/// The first of these slots that says something.
fn said<'a>(record: Skimmed<'a>, slots: &[usize]) -> &'a [u8] {
    slots.iter().map(|&slot| record.slot(slot)).find(|raw| !value::is_nothing(raw)).unwrap_or_default()
}

/// Stream and number out of `5@order-1`, as entries without a body are titled.
fn titled<'a>(record: Skimmed<'a>) -> Option<(u64, Cow<'a, str>)> {
    let title = value::string(record.slot(TITLE))?;
    let (number, stream) = title.split_once('@')?;
    Some((number.parse().ok()?, Cow::Owned(stream.to_owned())))
}

fn reference(metadata: &[u8], key: &[u8]) -> Option<std::sync::Arc<str>> {
    let text = match metadata.first()? {
        b'"' => value::string(metadata)?.replace('\n', " ").into_bytes(),
        _ => metadata.to_vec(),
    };
    let mut found = None;
    let _ = members(&text, |name, value| {
        if name == key {
            found = value::name(value).map(|name| std::sync::Arc::from(&*name));
        }
    });
    found
}

impl Format for Atom {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        FIELDS.iter().map(|keys| Some(FieldPath::new(keys.iter().copied()))).collect()
    }

    fn sorting(&self) -> Sorting {
        if self.one_feed { Sorting::ByOrder } else { Sorting::ByVersion }
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        let titled = titled(record);
        let stream = value::name(said(record, &[STREAM, CONTENT_STREAM]));
        let Some(stream) = stream.or_else(|| titled.as_ref().map(|(_, stream)| stream.clone())) else {
            return Reading::bad(unusable("stream", record.slot(STREAM)));
        };
        let raw = said(record, &[NUMBER, CONTENT_NUMBER]);
        let number = value::whole(raw).or_else(|| titled.as_ref().map(|(number, _)| *number));
        let Some(number) = number else {
            return Reading::Bad(Unreadable::of(stream, unusable("number", raw)));
        };
        let at = value::whole(record.slot(AT_NUMBER)).or(titled.map(|(number, _)| number)).unwrap_or(number);
        let order = Order(i64::try_from(at).unwrap_or(i64::MAX), 0);
        let Some(event_type) = value::name(said(record, &[TYPE, CONTENT_TYPE, SUMMARY])) else {
            let (version, order) = (Some(number), Some(order));
            let why = unusable("type", record.slot(TYPE));
            return Reading::Bad(Unreadable { version, order, ..Unreadable::of(stream, why) });
        };
        let time = value::instant(record.slot(UPDATED));
        Reading::Event(Basics { stream, event_type, version: Some(number), time, order })
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let stored = |slots: [usize; 2]| {
            let slot = slots.into_iter().find(|&slot| !value::is_nothing(skimmed.slot(slot)));
            slot.map(|slot| skimmed.stored(slot, record)).unwrap_or_default()
        };
        let stream = value::name(said(skimmed, &[STREAM, CONTENT_STREAM]));
        let mut notes = Vec::new();
        let link = value::name(skimmed.slot(AT_STREAM)).zip(value::whole(skimmed.slot(AT_NUMBER)));
        if let Some((at, number)) = &link
            && stream.as_ref().is_some_and(|stream| stream != at)
        {
            notes.push(Note::new(NoteKind::Other, format!("read through the link {number}@{at}")));
        }
        let data = stored([DATA, CONTENT_DATA]);
        if value::name(said(skimmed, &[TYPE, CONTENT_TYPE, SUMMARY])).as_deref() == Some("$>") {
            notes.push(Note::new(NoteKind::BrokenLink, "a link whose event is not in the page"));
        } else if data.is_empty() {
            notes.push(Note::new(NoteKind::Other, "the page was saved without bodies: ask for it with ?embed=body"));
        }
        envelope::note_lacking(&mut notes, None, skimmed.slot(UPDATED));
        let metadata = stored([METADATA, CONTENT_METADATA]);
        // What a page says in two places is the same in both.
        let mut used: Vec<usize> = (0..FIELDS.len()).collect();
        if value::instant(skimmed.slot(UPDATED)).is_none() {
            used.retain(|&slot| slot != UPDATED);
        }
        Parts {
            fields: fields::left(skimmed.text, skimmed.skimmer, &used),
            // Each feed numbers its own entries: among several such a number is no place.
            position: link.filter(|_| self.one_feed).map(|(_, number)| Position::Number(number)),
            id: value::name(skimmed.slot(ID)).map(|id| id.as_ref().into()),
            data: payload(data),
            correlation: reference(&metadata, b"\"$correlationId\""),
            causation: reference(&metadata, b"\"$causationId\""),
            // Without metadata an empty string is written.
            metadata: if metadata.as_ref() == b"\"\"" {
                Payload::new(Form::Absent, Bytes::new())
            } else {
                payload(metadata)
            },
            notes,
        }
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        match stream.as_bytes() {
            [b'$', b'c' | b'e' | b'b', ..]
                if ["$ce-", "$et-", "$bc-"].iter().any(|start| stream.starts_with(start)) =>
            {
                StreamKind::Links
            }
            [b'$', ..] => StreamKind::System,
            _ => StreamKind::Domain,
        }
    }
}
