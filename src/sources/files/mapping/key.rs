//! Which fields tell streams apart, where the usual one does not do it alone: the type and the number of an aggregate, a
//! tenant and an id.
//!
//! Versions prove it. Where two events have one stream and one version under the narrow key, and none have under a wider
//! one, the wider one is the stream. A field with the name of a tenant or a type needs no more than that. Any other must
//! make streams of it whose versions count without a gap; because a store that was written twice may look the same, that
//! key is a doubt which the header and the doctor tell. Who wrote an event, why, where and in which run is never a key.

use std::borrow::Cow;

use hashbrown::{HashMap, HashSet};

use super::names::{self, Qualifier};
use super::sample::{Field, Growth, Sample, TEXT};
use super::template::{Owner, Template};
use super::{FieldPath, StreamFrom};
use crate::domain::{OtherKey, Than};
use crate::sources::files::envelope::is_json_text;
use crate::sources::files::value;

/// Fields considered beside the usual one.
const CANDIDATES: usize = 24;
/// Those of them that are tried two at once.
const KNOWN: usize = 6;

/// How a key was come by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Nothing but the usual field is needed.
    Alone,
    /// The usual field alone repeats versions.
    Repeats,
    /// The same, by a field whose name does not say that it is a part of a stream.
    Behaves,
    /// A constraint of the store says it.
    Constraint,
    /// A constraint says it, of a field whose name does not.
    Presumed,
    /// There are no versions to tell, but ids that several tenants or types share.
    Shared,
    /// A tenant is named, so that two of them are never one.
    Owner,
}

/// Fields that tell streams apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The fields beside the usual one, in the order they have in a name.
    pub beside: Vec<FieldPath>,
    /// How that was come by.
    pub why: Why,
}

/// What a constraint says of keys.
struct Constraint {
    /// The fields beside the stream and the version that tell streams apart.
    beside: Vec<FieldPath>,
    /// Whether it names nothing else.
    is_whole: bool,
}

/// Tells keys of the records of a sample apart.
pub struct Keys<'a> {
    sample: &'a Sample,
    /// The usual field, of records that have one which the user did not choose.
    narrow: Option<&'a FieldPath>,
    /// What may stand beside it.
    candidates: Vec<&'a Field>,
    /// Tenants that say one thing in all records, or nothing.
    constant: Vec<&'a Field>,
    /// Fields that say something else of an event.
    taken: Box<dyn Fn(&FieldPath) -> bool + 'a>,
    /// What an event says. What lies in there may be about anything, so it needs a better proof.
    data: Option<&'a FieldPath>,
}

impl<'a> Keys<'a> {
    /// The keys of a sample whose streams are told apart by this at least. `data` is what an event says, `taken` are fields
    /// that say something else.
    pub fn new(
        sample: &'a Sample,
        stream: &'a StreamFrom,
        data: Option<&'a FieldPath>,
        taken: impl Fn(&FieldPath) -> bool + 'a,
    ) -> Self {
        let data = data.filter(|data| !data.keys().is_empty());
        let is_inside = |path: &FieldPath| data.is_some_and(|data| data.is_prefix_of(path));
        let narrow = match stream {
            StreamFrom::Field(path) => Some(path),
            _ => None,
        };
        let mut candidates: Vec<&Field> = Vec::new();
        let mut constant: Vec<&Field> = Vec::new();
        if let Some(narrow) = narrow {
            // The name is asked before the values: it costs least, and most fields have no such name.
            let is_free = |field: &&Field| {
                let path = &field.path;
                let may = !is_inside(path) || names::is_tenant(path) || names::is_type_of_streams(path);
                *path != *narrow && may && !taken(path)
            };
            let is_named = |field: &&Field| {
                let is_name = if is_known(&field.path) { is_long_part } else { is_part };
                field.count() > 0 && field.share(is_name) == 100
            };
            let (known, others): (Vec<_>, Vec<_>) =
                sample.fields().iter().filter(is_free).partition(|field| names::qualifier(&field.path).is_some());
            let others =
                others.into_iter().filter(|field| field.count() == sample.records() && tells_of_a_stream(field));
            // Those with a telling name first: of many fields the others are left out.
            candidates = known.into_iter().chain(others).filter(is_named).take(CANDIDATES).collect();
            // Numbers are drawn for each type of streams, so that another type that comes later has the same ones.
            let is_numbered =
                || sample.field(narrow).is_some_and(|field| field.share(|value| value::whole(value).is_some()) >= 90);
            let is_constant = |field: &&Field| {
                let (path, is_said) = (&field.path, || field.count() == sample.records());
                let may = match is_inside(path) {
                    true => names::is_tenant_anywhere(path) && is_said(),
                    false => names::is_tenant(path) || names::is_type_of_streams(path) && is_said() && is_numbered(),
                };
                may && !taken(path) && field.distinct() < 2 && (field.count() == 0 || field.share(is_long_part) == 100)
            };
            let other = sample.fields().iter().filter(|field| field.path != *narrow);
            constant = other.filter(is_constant).take(KNOWN).collect();
        }
        Self { sample, narrow, candidates, constant, taken: Box::new(taken), data }
    }

    /// No key but the one the user said.
    pub fn said(sample: &'a Sample, data: Option<&'a FieldPath>, taken: impl Fn(&FieldPath) -> bool + 'a) -> Self {
        let data = data.filter(|data| !data.keys().is_empty());
        Self { sample, narrow: None, candidates: Vec::new(), constant: Vec::new(), taken: Box::new(taken), data }
    }

    fn is_inside(&self, path: &FieldPath) -> bool {
        self.data.is_some_and(|data| data.is_prefix_of(path))
    }

    /// Whether a constraint says that a number is different in every event of a stream.
    pub fn is_constrained(&self, version: &FieldPath) -> bool {
        self.constrained(version).is_some()
    }

    /// Which records are of one stream: each has the number of the first record of its stream.
    pub fn streams(&self, stream: &StreamFrom, beside: &[FieldPath]) -> Vec<Option<usize>> {
        match stream {
            StreamFrom::Constant(_) => vec![Some(0); self.sample.records()],
            StreamFrom::Field(path) => {
                let must = std::slice::from_ref(path);
                self.groups(must, beside)
            }
            StreamFrom::Template(template) => {
                let paths: Vec<FieldPath> = template.paths().cloned().collect();
                let (may, must): (Vec<_>, Vec<_>) =
                    paths.into_iter().partition(|path| names::qualifier(path).is_some());
                if must.is_empty() { self.groups(&may, beside) } else { self.groups(&must, &may) }
            }
        }
    }

    fn groups(&self, must: &[FieldPath], may: &[FieldPath]) -> Vec<Option<usize>> {
        let said = |path: &FieldPath, record: usize| {
            let field = self.sample.field(path)?;
            field.values.get(record)?.as_deref().filter(|value| !value::is_nothing(value))
        };
        let mut first: HashMap<Vec<&[u8]>, usize> = HashMap::new();
        (0..self.sample.records())
            .map(|record| {
                let mut key: Vec<&[u8]> = must.iter().map(|path| said(path, record)).collect::<Option<_>>()?;
                key.extend(may.iter().map(|path| said(path, record).unwrap_or_default()));
                Some(*first.entry(key).or_insert(record))
            })
            .collect()
    }

    /// The key under which a field is the version of its stream, and how it grows there.
    pub fn of_version(&self, stream: &StreamFrom, version: &Field) -> (Key, Growth) {
        let grown = |beside: &[FieldPath]| {
            let streams = self.streams(stream, beside);
            version.growth(|record| streams[record])
        };
        let alone = grown(&[]);
        let key = |beside: Vec<FieldPath>, why| Key { beside: in_order(beside), why };
        if self.narrow.is_none() {
            return (key(Vec::new(), Why::Alone), alone);
        }
        match self.constrained(&version.path) {
            Some(Constraint { beside, .. }) if beside.is_empty() => return (key(beside, Why::Alone), alone),
            Some(Constraint { beside, .. }) => {
                let growth = grown(&beside);
                let why = if beside.iter().all(is_known) { Why::Constraint } else { Why::Presumed };
                return (key(beside, why), growth);
            }
            None => {}
        }
        // What never changes counts nothing under any key: it is the version of a schema.
        let counts = alone.repeated > 0 && version.distinct() > 1;
        let mut best = if counts { self.widened(&grown, &alone) } else { None };
        if best.is_none() && alone.repeated == 0 {
            // An owner whose streams the versions do not need is safe to tell apart where that parts no stream.
            let owners: Vec<FieldPath> = self.owners(stream).collect();
            let growth = grown(&owners);
            if !owners.is_empty() && growth.starts == alone.starts {
                return (key(owners, Why::Owner), growth);
            }
        }
        match best.take() {
            Some((beside, growth)) => {
                let why = if beside.iter().all(is_known) { Why::Repeats } else { Why::Behaves };
                (key(beside, why), growth)
            }
            None => (key(Vec::new(), Why::Alone), alone),
        }
    }

    /// The fewest fields under which versions repeat no more, or far less.
    fn widened(&self, grown: &dyn Fn(&[FieldPath]) -> Growth, alone: &Growth) -> Option<(Vec<FieldPath>, Growth)> {
        // What is the same everywhere parts nothing, and what is different everywhere parts everything.
        let parts = |field: &&&Field| {
            let distinct = field.distinct();
            // Not every event has a tenant: those without one are of a stream of their own.
            let kinds = distinct + usize::from(field.count() < self.sample.records());
            kinds > 1 && (distinct < field.count() || is_known(&field.path))
        };
        let paths: Vec<&FieldPath> = self.candidates.iter().filter(parts).map(|field| &field.path).collect();
        // Two at once only where both have a telling name.
        let known: Vec<&FieldPath> = paths.iter().copied().filter(|path| is_known(path)).take(KNOWN).collect();
        let known = &known;
        let pairs = (0..known.len()).flat_map(|at| known[at + 1..].iter().map(move |&other| vec![known[at], other]));
        let sets = paths.iter().map(|&path| vec![path]).chain(pairs);
        let mut best: Option<(usize, Vec<FieldPath>, Growth)> = None;
        for set in sets {
            let beside: Vec<FieldPath> = set.into_iter().cloned().collect();
            if best.as_ref().is_some_and(|(_, kept, growth)| kept.len() < beside.len() && growth.repeated == 0) {
                break;
            }
            let known = beside.iter().all(|path| is_known(path) && !self.is_inside(path));
            let growth = grown(&beside);
            let is_better = match known {
                // Some duplicates may be left: those are the store's own.
                true => growth.repeated * 2 <= alone.repeated && growth.repeated < alone.repeated,
                false => is_proof(&growth, alone),
            };
            if !is_better {
                continue;
            }
            // What is called so counts for more than what only behaves so, and of those alike the first.
            let rank = growth.repeated * 4 + if known { 0 } else { 2 } + beside.len();
            if best.as_ref().is_none_or(|(least, ..)| rank < *least) {
                best = Some((rank, beside, growth));
            }
        }
        let (_, mut beside, mut growth) = best?;
        // Two tenants are never one, even where the types were enough so far.
        for path in self.named(Qualifier::Owner).filter(|path| self.varies(path)) {
            if !beside.contains(path) {
                let wider: Vec<FieldPath> = beside.iter().chain([path]).cloned().collect();
                let grown = grown(&wider);
                if grown.repeated <= growth.repeated && grown.by_one == grown.pairs {
                    (beside, growth) = (wider, grown);
                }
            }
        }
        Some((beside, growth))
    }

    /// The key where there are no versions: ids that tenants or types share are not one stream.
    pub fn without_versions(&self, stream: &StreamFrom) -> Key {
        let mut beside: Vec<FieldPath> = self.owners(stream).collect();
        let mut why = if beside.is_empty() { Why::Alone } else { Why::Owner };
        if self.narrow.is_some() {
            for path in self.named(Qualifier::Owner).chain(self.named(Qualifier::Type)).chain(self.tenants_inside()) {
                let wider = std::slice::from_ref(path);
                if !beside.contains(path) && count(&self.streams(stream, wider)) > count(&self.streams(stream, &[])) {
                    beside.push(path.clone());
                    why = Why::Shared;
                }
            }
        }
        Key { beside: in_order(beside), why }
    }

    /// The owners that are named, of which there are several, and that part no stream.
    fn owners(&self, stream: &StreamFrom) -> impl Iterator<Item = FieldPath> {
        let alone = count(&self.streams(stream, &[]));
        self.named(Qualifier::Owner)
            .filter(move |path| self.varies(path) && count(&self.streams(stream, std::slice::from_ref(path))) == alone)
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn named(&self, qualifier: Qualifier) -> impl Iterator<Item = &FieldPath> {
        let paths = self.candidates.iter().map(|field| &field.path).filter(|path| !self.is_inside(path));
        paths.filter(move |path| self.narrow.is_some() && names::qualifier(path) == Some(qualifier))
    }

    /// Tenants that every event names in what it says.
    fn tenants_inside(&self) -> impl Iterator<Item = &FieldPath> {
        let all = self.candidates.iter().filter(|field| field.count() == self.sample.records());
        all.map(|field| &field.path).filter(|path| self.is_inside(path) && names::is_tenant_anywhere(path))
    }

    /// A tenant that differs within streams though no version repeats in them: versions are counted, or the tenants share
    /// the numbers of a stream. Of events whose key was guessed only a tenant beside their data is sure enough.
    pub fn folded(&self, stream: &StreamFrom, key: &Key, version: Option<&FieldPath>) -> Option<OtherKey> {
        let said: Vec<&FieldPath> = match stream {
            StreamFrom::Constant(_) => return None,
            StreamFrom::Field(path) => vec![path],
            StreamFrom::Template(template) => template.paths().collect(),
        };
        let is_sure = |path: &FieldPath| match (version, self.is_inside(path)) {
            (None, true) => names::is_tenant_anywhere(path),
            (None, false) => names::is_tenant(path),
            (Some(_), is_inside) => names::is_tenant_anywhere(path) && !is_inside,
        };
        let alone = count(&self.streams(stream, &key.beside));
        let differs = |field: &&Field| {
            let path = &field.path;
            let wider: Vec<FieldPath> = key.beside.iter().chain([path]).cloned().collect();
            is_sure(path)
                && !said.contains(&path)
                && !key.beside.contains(path)
                && !(self.taken)(path)
                && field.count() == self.sample.records()
                && count(&self.streams(stream, &wider)) > alone
        };
        let path = &self.sample.fields().iter().find(differs)?.path;
        let beside = in_order(key.beside.iter().chain([path]).cloned().collect());
        let map = format!("stream={}/{}", Template::joined(beside), stream.spelled());
        Some(OtherKey { field: path.to_string(), map: Some(map), than: Than::Parting, within: None })
    }

    fn varies(&self, path: &FieldPath) -> bool {
        self.sample.field(path).is_some_and(|field| field.distinct() > 1)
    }

    /// The tenants of which the sample has one only: another one may come later, and two are never one. None where the store
    /// itself says what is unique.
    pub fn usual(&self, version: Option<&FieldPath>) -> Vec<Owner> {
        if version.is_some_and(|version| self.constrained(version).is_some()) {
            return Vec::new();
        }
        // What only some records say is not usual: it stands before their names.
        let usual = |field: &Field| {
            let (_, value) = field.said().next().filter(|_| field.count() == self.sample.records())?;
            value::name(value).map(Cow::into_owned)
        };
        let owner = |field: &&Field| Owner { path: field.path.clone(), usual: usual(field) };
        self.constant.iter().map(owner).collect()
    }

    /// What a UNIQUE constraint of the stream and the version says of keys; nothing where it only repeats what any event
    /// has, as that of a table in partitions does: it must name the time by which they are made.
    fn constrained(&self, version: &FieldPath) -> Option<Constraint> {
        let narrow = self.narrow?;
        let of_stream =
            self.sample.unique().iter().filter(|fields| fields.contains(narrow) && fields.contains(version));
        let constraints = of_stream.filter_map(|fields| {
            let others: Vec<&FieldPath> = fields.iter().filter(|path| *path != narrow && *path != version).collect();
            // Whether an event was put away tells no streams apart.
            let others: Vec<_> = others.into_iter().filter(|path| is_known(path) || !self.is_flag(path)).collect();
            let beside: Vec<FieldPath> =
                others.iter().copied().filter(|path| self.is_part_of_a_key(path, version)).cloned().collect();
            let is_whole = beside.len() == others.len();
            (is_whole || !beside.is_empty()).then_some(Constraint { beside, is_whole })
        });
        constraints.min_by_key(|constraint| (!constraint.is_whole, constraint.beside.len()))
    }

    /// Whether a field of a constraint tells streams apart: it says nothing else of an event, and the rows do not speak
    /// against it. Streams that count by one and that it would part do.
    fn is_part_of_a_key(&self, path: &FieldPath, version: &FieldPath) -> bool {
        let (Some(narrow), Some(field)) = (self.narrow, self.sample.field(path)) else { return is_known(path) };
        if is_known(path) {
            return true;
        }
        if (self.taken)(path) || names::is_of_the_event(path) || field.share(is_dated) >= 90 {
            return false;
        }
        let Some(version) = self.sample.field(version) else { return false };
        let grown = |beside: &[FieldPath]| {
            let streams = self.groups(std::slice::from_ref(narrow), beside);
            version.growth(|record| streams[record])
        };
        let (alone, wider) = (grown(&[]), grown(std::slice::from_ref(path)));
        match alone.repeated {
            0 => !names::is_of_the_writing(path) && wider.starts == alone.starts,
            _ => is_proof(&wider, &alone),
        }
    }

    fn is_flag(&self, path: &FieldPath) -> bool {
        self.sample.field(path).is_none_or(|field| field.count() == 0 || field.share(is_yes_or_no) == 100)
    }

    /// Keys that are possible and were not taken: with fields that have the name of a tenant or a type, and, where the key
    /// is one nobody could know by its name, without them.
    pub fn others(&self, key: &Key, version: Option<&FieldPath>) -> Vec<OtherKey> {
        let Some(narrow) = self.narrow else { return Vec::new() };
        let named: Vec<&FieldPath> = key.beside.iter().filter(|path| !is_known(path)).collect();
        if key.why == Why::Behaves && !named.is_empty() {
            let known = key.beside.iter().filter(|path| is_known(path)).chain([narrow]).cloned();
            let map = match key.beside.len() - named.len() {
                0 => format!("stream={narrow}"),
                _ => format!("stream={}", Template::joined(known)),
            };
            let field = named.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            return vec![OtherKey { field, map: Some(map), than: Than::Narrower, within: None }];
        }
        if version.is_some_and(|version| self.constrained(version).is_some()) {
            return Vec::new();
        }
        let fields = self.named(Qualifier::Owner).chain(self.named(Qualifier::Type));
        let is_told = |path: &FieldPath| self.constant.iter().any(|field| field.path == *path);
        let named = fields.filter(|path| !key.beside.contains(path) && !is_told(path));
        named
            .chain(version.and_then(|version| self.fewer_repeat(narrow, key, version)))
            .map(|path| {
                let beside: Vec<FieldPath> = key.beside.iter().chain([path]).cloned().collect();
                let map = format!("stream={}", Template::joined(in_order(beside).into_iter().chain([narrow.clone()])));
                OtherKey { field: path.to_string(), map: Some(map), than: Than::Wider, within: None }
            })
            .collect()
    }

    /// A field without a telling name that leaves at most half of the versions that repeat: no proof, but worth a word.
    fn fewer_repeat(&self, narrow: &FieldPath, key: &Key, version: &FieldPath) -> Option<&FieldPath> {
        let version = self.sample.field(version)?;
        let repeated = |beside: &[FieldPath]| {
            let streams = self.groups(std::slice::from_ref(narrow), beside);
            version.growth(|record| streams[record]).repeated
        };
        let now = repeated(&key.beside);
        let helps = |field: &&&Field| {
            let distinct = field.distinct();
            let wider: Vec<FieldPath> = key.beside.iter().chain([&field.path]).cloned().collect();
            !is_known(&field.path) && distinct > 1 && distinct * 2 <= field.count() && repeated(&wider) * 2 <= now
        };
        if now < 2 { None } else { self.candidates.iter().find(helps).map(|field| &field.path) }
    }
}

/// Whether a field has the name of a tenant or of a type.
fn is_known(path: &FieldPath) -> bool {
    names::qualifier(path).is_some()
}

/// Whether a field that has no telling name may be a part of a stream: it is not about the writing of an event, is no
/// time and no flag.
fn tells_of_a_stream(field: &Field) -> bool {
    !names::is_of_the_writing(&field.path)
        && !names::is_of_the_event(&field.path)
        && field.share(is_dated) < 90
        && field.share(is_yes_or_no) < 100
}

/// Text that is a date.
fn is_dated(value: &[u8]) -> bool {
    value.first() == Some(&b'"') && value.len() >= 12 && value::instant(value).is_some()
}

fn is_yes_or_no(value: &[u8]) -> bool {
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    matches!(bare, b"true" | b"false" | b"0" | b"1" | b"t" | b"f" | b"yes" | b"no" | b"y" | b"n")
}

/// Whether versions prove a key nobody could know by its name: every stream counts up by one from the same beginning.
fn is_proof(growth: &Growth, alone: &Growth) -> bool {
    alone.repeated >= 2
        && growth.repeated == 0
        && growth.pairs >= 2
        && growth.by_one == growth.pairs
        && growth.grow == growth.pairs
        && growth.from_zero_or_one == growth.starts
}

/// Tenants first, then types, then anything else; the number follows.
fn in_order(mut beside: Vec<FieldPath>) -> Vec<FieldPath> {
    beside.sort_by_key(|path| names::qualifier(path).map_or(2, |qualifier| qualifier as u8));
    beside
}

/// How many streams there are.
fn count(streams: &[Option<usize>]) -> usize {
    streams.iter().flatten().collect::<HashSet<_>>().len()
}

/// Text or a whole number, short enough for a part of a name.
fn is_part(value: &[u8]) -> bool {
    value.len() <= 128 && is_long_part(value)
}

/// The same of any length, as long as all of it is in the sample: what has the name of a part may be long. An object or a
/// list that stands there as text is no part of a name.
fn is_long_part(value: &[u8]) -> bool {
    let is_text = || value.first() == Some(&b'"') && !is_json_text(value);
    value.len() < TEXT && (is_text() || value::whole(value).is_some())
}
