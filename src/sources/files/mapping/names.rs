//! The usual names of the parts of an event, the surest first.
//!
//! Names are compared without case, `_`, `-`, `$`, `@` and blanks, and a nested field both by its last key and by all its
//! keys run together: `stream_id`, `streamId`, `$streamId` and `.stream.id` are all `streamid`. Collected from the tables
//! and exports of public event stores and from dumps people write themselves.

use super::{FieldPath, Role};

const STREAM: &[&str] = &[
    "streamid",
    "streamname",
    "stream",
    "aggregateid",
    "aggregateidentifier",
    "aggregaterootid",
    "aggregateuuid",
    "persistenceid",
    "originatorid",
    "streamuuid",
    "originalstreamid",
    "eventstreamid",
    "entityid",
    "entity",
    "aggregate",
    "streamkey",
    "subject",
    "partitionkey",
    "reponame",
    "actor",
    "actorlogin",
    "key",
];

const TYPE: &[&str] = &[
    "eventtype",
    "type",
    "eventname",
    "messagetype",
    "eventclass",
    "payloadtype",
    "eventkind",
    "eventtypename",
    "name",
    "kind",
    "eventsermanifest",
    "event",
    "topic",
    "action",
];

const VERSION: &[&str] = &[
    "streamversion",
    "streamrevision",
    "streamposition",
    "aggregateversion",
    "aggregatesequence",
    "aggregatesequencenumber",
    "entityversion",
    "originatorversion",
    "version",
    "eventnumber",
    "revision",
    "sequencenumber",
    "sequencenr",
    "sequence",
    "position",
    "playhead",
    "seqnr",
    "seq",
    "number",
    "eventversion",
    "nr",
    "index",
];

const TIME: &[&str] = &[
    "timestamp",
    "time",
    "created",
    "createdat",
    "createdutc",
    "createdtime",
    "createdepoch",
    "recordedat",
    "recordedon",
    "recorded",
    "occurredat",
    "occurredon",
    "occurred",
    "eventtime",
    "eventtimestamp",
    "eventdate",
    "insertedat",
    "storedat",
    "publishedat",
    "committedat",
    "committimestamp",
    "loggedat",
    "datetime",
    "date",
    "when",
    "ts",
    "at",
];

const ID: &[&str] =
    &["eventid", "id", "messageid", "eventuuid", "messageuuid", "eventidentifier", "uuid", "guid", "identifier"];

const DATA: &[&str] = &[
    "data",
    "payload",
    "eventdata",
    "eventpayload",
    "body",
    "eventbody",
    "messagedata",
    "jsondata",
    "payloadjson",
    "datajson",
    "eventproperties",
    "eventjson",
    "content",
    "message",
    "event",
    "value",
    "attributes",
    "properties",
    "args",
    "state",
];

const METADATA: &[&str] = &[
    "metadata",
    "eventmetadata",
    "messagemetadata",
    "jsonmetadata",
    "metadatajson",
    "meta",
    "headers",
    "header",
    "context",
    "tags",
];

const POSITION: &[&str] = &[
    "globalposition",
    "globalsequence",
    "globalsequencenumber",
    "globalindex",
    "globalversion",
    "globaleventnumber",
    "globalnumber",
    "globaloffset",
    "notificationid",
    "commitposition",
    "logposition",
    "position",
    "ordering",
    "seqid",
    "seq",
    "sequence",
    "sequencenumber",
    "offset",
    "id",
];

/// The spellings of a correlation's field.
pub const CORRELATION: &[&str] =
    &["correlationId", "correlation_id", "$correlationId", "correlationid", "correlationID"];

/// The spellings of a causation's field.
pub const CAUSATION: &[&str] = &["causationId", "causation_id", "$causationId", "causationid", "causationID"];

/// Without what spellings differ in.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The names of a role; those of a correlation or a causation are looked for by their spelling, not chosen.
pub fn of(role: Role) -> &'static [&'static str] {
    match role {
        Role::Stream => STREAM,
        Role::Type => TYPE,
        Role::Version => VERSION,
        Role::Time => TIME,
        Role::Id => ID,
        Role::Data => DATA,
        Role::Metadata => METADATA,
        Role::Position => POSITION,
        Role::Correlation | Role::Causation => &[],
    }
}

/// How far from the front of the role's names a path is found, if at all.
pub fn rank(role: Role, path: &FieldPath) -> Option<usize> {
    let names = of(role);
    let last = plain(path.keys().last()?);
    let all: String = path.keys().iter().map(|key| plain(key)).collect();
    // Run together, `.event.id` is no worse than `eventId`; alone, the `id` in it says less.
    match (names.iter().position(|name| *name == all), names.iter().position(|name| *name == last)) {
        (Some(all), _) => Some(all),
        (None, Some(last)) => Some(last + 4),
        (None, None) => None,
    }
}
