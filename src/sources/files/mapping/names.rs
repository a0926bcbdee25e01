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
    "unixtime",
    "unixtimestamp",
    "epoch",
    "epochmillis",
    "timestampms",
    "timestamputc",
    "createdon",
    "datecreated",
    "eventtimeutc",
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

/// What a name of a stream's field may end with: `relatedEntityId`, `rootAggregateId`.
const STREAM_ENDINGS: &[&str] = &["streamid", "aggregateid", "aggregaterootid", "entityid"];

/// Names of versions that say of themselves that they count within a stream.
const OF_A_STREAM: &[&str] = &[
    "streamversion",
    "streamrevision",
    "streamposition",
    "aggregateversion",
    "aggregatesequence",
    "aggregatesequencenumber",
    "aggregateposition",
    "entityversion",
    "originatorversion",
    "playhead",
];

/// What a field beside a stream's number says of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Qualifier {
    /// Whose it is: a tenant, a shop, a region.
    Owner,
    /// What it is one of: the type of an aggregate, a context.
    Type,
}

/// The usual names of whose a stream is.
const OWNERS: &[&str] = &[
    "tenant",
    "tenantid",
    "tenantname",
    "tenantkey",
    "tenantcode",
    "organization",
    "organizationid",
    "organisation",
    "organisationid",
    "org",
    "orgid",
    "company",
    "companyid",
    "workspace",
    "workspaceid",
    "namespace",
    "realm",
    "realmid",
    "region",
    "site",
    "siteid",
    "shop",
    "shopid",
    "store",
    "storeid",
    "client",
    "clientid",
    "brand",
    "brandid",
    "market",
    "country",
    "environment",
    "env",
    "project",
    "projectid",
    "app",
    "appid",
    "application",
    "applicationid",
    "database",
    "ledger",
    "merchant",
    "merchantid",
];

/// The usual names of what a stream is one of.
const TYPES: &[&str] = &[
    "aggregatetype",
    "aggregatename",
    "aggregatetypename",
    "aggregateclass",
    "aggregatekind",
    "aggregaterootname",
    "aggregateroottype",
    "aggregateroot",
    "streamtype",
    "streamcategory",
    "streamprefix",
    "streamkind",
    "category",
    "entitytype",
    "entityname",
    "entitykind",
    "entityclass",
    "subjecttype",
    "objecttype",
    "resourcetype",
    "modeltype",
    "documenttype",
    "context",
    "contextname",
    "boundedcontext",
    "originatortype",
    "originatorname",
    "persistencetype",
    "actortype",
    "domain",
    "domainname",
    "sourcetype",
    "aggregate",
    "entity",
    "module",
    "service",
    "table",
];

/// What a field beside a stream's number says of it, by its name.
pub fn qualifier(path: &FieldPath) -> Option<Qualifier> {
    let called: Vec<String> = called(path).collect();
    let is = |names: &[&str]| called.iter().any(|name| names.contains(&name.as_str()));
    if is(TYPES) { Some(Qualifier::Type) } else { is(OWNERS).then_some(Qualifier::Owner) }
}

/// Whether a field's name can say nothing but whose a stream is. A region or an application may also say where an event was
/// written, or by what.
pub fn is_tenant(path: &FieldPath) -> bool {
    const SURE: [&str; 7] = ["tenant", "organization", "organisation", "org", "workspace", "company", "realm"];
    let is_sure = |name: &str| {
        SURE.iter()
            .any(|sure| name.strip_prefix(sure).is_some_and(|rest| ["", "id", "name", "key", "code"].contains(&rest)))
    };
    called(path).any(|name| is_sure(&name))
}

/// What a field is called: its last key, also without the `x-` of a header, the last two run together
/// (`metadata.tenant.id`), and all of them.
fn called(path: &FieldPath) -> impl Iterator<Item = String> {
    let keys: Vec<String> = path.keys().iter().map(|key| plain(key)).collect();
    let header = path.keys().last().filter(|key| key.to_lowercase().starts_with("x-")).map(|key| plain(&key[2..]));
    let last = keys.last().cloned();
    let two = keys.last_chunk::<2>().map(|two| two.concat());
    last.into_iter().chain(header).chain(two).chain((keys.len() > 2).then(|| keys.concat()))
}

/// Whether a field's name can say nothing but whose an event is, wherever it stands: also in what the event says, where a
/// company may be what it is about.
pub fn is_tenant_anywhere(path: &FieldPath) -> bool {
    is_tenant(path) && called(path).any(|name| name.starts_with("tenant"))
}

/// Whether a field's name can say nothing but what a stream is one of. A context or a service may also say who wrote.
pub fn is_type_of_streams(path: &FieldPath) -> bool {
    const SURE: [&str; 12] = [
        "aggregatetype",
        "aggregatename",
        "aggregatetypename",
        "aggregateclass",
        "aggregatekind",
        "aggregateroottype",
        "aggregaterootname",
        "streamtype",
        "streamcategory",
        "streamkind",
        "entitytype",
        "entitykind",
    ];
    called(path).any(|name| SURE.contains(&name.as_str()))
}

/// Words in the names of what tells who wrote an event, why, where, how or in which run. None of it is what a stream is:
/// two writers of one version are a fault of the store, and not two streams.
const OF_THE_WRITING: &[&str] = &[
    "user",
    "users",
    "username",
    "author",
    "actor",
    "creator",
    "writer",
    "editor",
    "operator",
    "by",
    "principal",
    "login",
    "host",
    "hostname",
    "node",
    "pod",
    "server",
    "machine",
    "instance",
    "worker",
    "process",
    "pid",
    "thread",
    "ip",
    "address",
    "device",
    "agent",
    "browser",
    "session",
    "correlation",
    "causation",
    "cause",
    "trace",
    "span",
    "request",
    "command",
    "transaction",
    "tx",
    "txid",
    "xid",
    "xmin",
    "commit",
    "published",
    "processed",
    "dispatched",
    "delivered",
    "sent",
    "handled",
    "deleted",
    "archived",
    "snapshot",
    "flag",
    "is",
    "has",
    "status",
    "schema",
    "version",
    "revision",
    "format",
    "encoding",
    "batch",
    "import",
    "imported",
    "load",
    "run",
    "job",
    "attempt",
    "retry",
    "replay",
    "migration",
    "backup",
    "copy",
    "file",
    "filename",
    "line",
    "hash",
    "checksum",
    "etag",
    "signature",
    "offset",
    "shard",
    "channel",
    "source",
    "origin",
    "reason",
    "comment",
    "priority",
    "ttl",
    "size",
    "length",
    "partition",
    "timestamp",
    "date",
    "time",
];

/// Whether a field tells of the writing of an event and not of its stream, by its name.
pub fn is_of_the_writing(path: &FieldPath) -> bool {
    let Some(last) = path.keys().last() else { return false };
    qualifier(path).is_none() && words(last).iter().any(|word| OF_THE_WRITING.contains(&word.as_str()))
}

/// The words of a name: `createdBy` and `created_by` have two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (was_lower && c.is_uppercase()) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a field says by its name when an event was, which it is, or what led to it, and not of which stream.
pub fn is_of_the_event(path: &FieldPath) -> bool {
    let is_reference = |names: &[&str]| path.keys().last().is_some_and(|key| names.iter().any(|name| alike(name, key)));
    qualifier(path).is_none()
        && ([Role::Position, Role::Id, Role::Time].iter().any(|&role| rank(role, path).is_some())
            || is_reference(CORRELATION)
            || is_reference(CAUSATION))
}

/// Whether a number's name can only be that of a version: beside it `position` or `sequence` is none.
pub fn is_a_version(path: &FieldPath) -> bool {
    let last = path.keys().last().map(|key| plain(key));
    is_of_a_stream(path) || last.is_some_and(|name| ["version", "revision", "eventnumber"].contains(&name.as_str()))
}

/// Whether a number's name may be that of a place in the whole store.
pub fn is_a_place(path: &FieldPath) -> bool {
    rank(Role::Position, path).is_some() && !is_of_a_stream(path)
}

/// Whether a version's name says that it counts within a stream.
pub fn is_of_a_stream(path: &FieldPath) -> bool {
    path.keys().last().is_some_and(|key| OF_A_STREAM.contains(&plain(key).as_str()))
}

/// Without what spellings differ in.
pub fn plain(name: &str) -> String {
    letters(name).collect()
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Whether two names are the same without regard to case and separators.
pub fn alike(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
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

/// Without the wrappers that MongoDB's extended JSON puts around a value: `{"version": {"$numberLong": "3"}}`.
fn unwrapped(mut keys: &[String]) -> &[String] {
    const WRAPPERS: [&str; 7] =
        ["$numberLong", "$numberInt", "$numberDecimal", "$numberDouble", "$date", "$oid", "$uuid"];
    while let [field @ .., wrapper] = keys
        && !field.is_empty()
        && WRAPPERS.contains(&wrapper.as_str())
    {
        keys = field;
    }
    keys
}

/// Whether one of these fields is called as one of a role is.
pub fn is_named<'a>(role: Role, mut fields: impl Iterator<Item = &'a str>) -> bool {
    fields.any(|field| rank(role, &FieldPath::new([field])).is_some())
}

/// How far from the front of the role's names a path is found, if at all.
pub fn rank(role: Role, path: &FieldPath) -> Option<usize> {
    let names = of(role);
    let keys = unwrapped(path.keys());
    let last = plain(keys.last()?);
    let all: String = keys.iter().map(|key| plain(key)).collect();
    // Run together, `.event.id` is no worse than `eventId`; alone, the `id` in it says less.
    match (names.iter().position(|name| *name == all), names.iter().position(|name| *name == last)) {
        (Some(all), _) => Some(all),
        (None, Some(last)) => Some(last + 4),
        (None, None) if role == Role::Stream && STREAM_ENDINGS.iter().any(|ending| last.ends_with(ending)) => {
            Some(names.len())
        }
        (None, None) => None,
    }
}
