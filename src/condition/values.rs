//! Events and states as a condition sees them: nothing is read, parsed or copied before the condition asks for it.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use cel::common::traits::{Container, Indexer, Iterable, Iterator as Elements, Sizer};
use cel::common::types::{self, CelBool, CelDouble, CelInt, CelList, CelMap, CelNull, CelString, CelUInt, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError};

use super::functions::Steps;
use super::numbers::{Num, Whole};
use super::words;
use crate::domain::json::{Array, Object};
use crate::domain::patch::ChangeKind;
use crate::domain::{Event, Json, Number, Patch, Payload, Position, State, Timestamp};

/// What can be asked of an event.
pub const FIELDS: [&str; 14] = [
    "type",
    "stream",
    "category",
    "version",
    "position",
    "id",
    "time",
    "data",
    "metadata",
    "fields",
    "correlation",
    "causation",
    "notes",
    "trouble",
];

static EVENT: Type = Type::new_unspecified_type("event");

type Owned = Box<dyn Val>;

/// The event; before the first one there is none, and nothing can be asked of it.
#[derive(Clone)]
pub struct EventValue {
    event: Option<Arc<Event>>,
    env: Arc<Env>,
    steps: Steps,
    /// The payloads once they were asked for: data, metadata, fields.
    payloads: Arc<[OnceLock<Result<Json, String>>; 3]>,
}

impl fmt::Debug for EventValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("event")
    }
}

impl EventValue {
    pub fn new(event: Option<Arc<Event>>, env: Arc<Env>, steps: Steps) -> Self {
        Self { event, env, steps, payloads: Arc::default() }
    }

    fn field(&self, name: &str) -> Result<Owned, ExecutionError> {
        let none = || ExecutionError::function_error("event", "there is no event before the first");
        let event = self.event.as_deref().ok_or_else(none)?;
        match name {
            "data" => self.payload(0, &event.data),
            "metadata" => self.payload(1, &event.metadata),
            // One that has none has no key in them, and that can be asked.
            "fields" if event.fields.is_absent() => value(&Json::Object(Object::default()), &self.steps),
            "fields" => self.payload(2, &event.fields),
            name => own(event, name, &self.env),
        }
    }

    fn payload(&self, which: usize, payload: &Payload) -> Result<Owned, ExecutionError> {
        let name = ["data", "metadata", "fields"][which];
        let parsed = self.payloads[which].get_or_init(|| payload.json().map_err(|error| error.to_string()));
        match parsed {
            Ok(json) => value(json, &self.steps),
            Err(why) => Err(ExecutionError::function_error(name, format!("its {name} is not JSON: {why}"))),
        }
    }
}

/// What is known of an event without a look into its payloads.
///
/// # Errors
/// When it has no such name.
pub fn own(event: &Event, name: &str, env: &Env) -> Result<Owned, ExecutionError> {
    let optional = |text: &Option<Arc<str>>| text.as_deref().map_or_else(null, text_of);
    Ok(match name {
        "type" => text_of(&event.event_type),
        "stream" => text_of(event.stream.as_str()),
        "category" => text_of(event.stream.category()),
        "version" => count_of(event.version.0),
        "position" => match &event.position {
            Position::Number(number) => count_of(*number),
            Position::Text(text) => text_of(text),
            Position::Nth(_) => text_of(&event.position.to_string()),
        },
        "id" => optional(&event.id),
        "correlation" => optional(&event.correlation),
        "causation" => optional(&event.causation),
        "time" => match event.time {
            Some(time) => instant(time, env)?,
            None => null(),
        },
        "notes" => Box::new(CelList::from(event.notes.iter().map(|note| text_of(&note.text)).collect::<Vec<Owned>>())),
        "trouble" => event.trouble.as_ref().map_or_else(null, |trouble| text_of(&trouble.to_string())),
        _ => return Err(ExecutionError::no_such_key(name)),
    })
}

/// The crate's own reading of a written instant: its values of this type cannot be made otherwise.
fn instant(time: Timestamp, env: &Env) -> Result<Owned, ExecutionError> {
    let written = [CowVal::owned(CelString::from(time.to_string()))];
    match env.find_overload("timestamp", &written) {
        Some(read) => Ok(read(written.into())?.into_owned()),
        None => Err(ExecutionError::function_error("timestamp", "there are no instants here")),
    }
}

/// A state; one that is not there is null.
///
/// # Errors
/// When looking at it takes too many steps.
pub fn state(state: &State, steps: &Steps) -> Result<Owned, ExecutionError> {
    state.as_ref().map_or_else(|| Ok(null()), |state| value(state, steps))
}

/// What an event changed, as a list of `{path, kind, before, after}`; an absent side is null.
///
/// # Errors
/// When looking at it takes too many steps.
pub fn patch(patch: &Patch, steps: &Steps) -> Result<Owned, ExecutionError> {
    steps.take(patch.0.len() as u64)?;
    let mut changes = Array::default();
    for change in &patch.0 {
        let kind = match change.kind() {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Replaced => "replaced",
        };
        let mut object = Object::default();
        object.insert("path".into(), Json::string(&change.path.to_string()));
        object.insert("kind".into(), Json::string(kind));
        object.insert("before".into(), change.before.clone().unwrap_or(Json::Null));
        object.insert("after".into(), change.after.clone().unwrap_or(Json::Null));
        changes.push(Json::Object(object));
    }
    value(&Json::Array(changes), steps)
}

/// A text, or null.
pub fn optional(text: Option<&str>) -> Owned {
    text.map_or_else(null, text_of)
}

/// A value of the language as JSON: whole numbers exactly; an instant and a span of time as text.
///
/// # Errors
/// What it is that has no such form.
pub fn json(value: &dyn Val, env: &Env) -> Result<Json, String> {
    if let Some(fields) = value.downcast_ref::<Fields>() {
        return Ok(Json::Object(fields.object.clone()));
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Ok(Json::Bool(*truth.inner()));
    }
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Ok(Json::string(text.inner()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Json::Null);
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        let mut array = Array::default();
        for element in list.inner() {
            array.push(json(&**element, env)?);
        }
        return Ok(Json::Array(array));
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let mut entries = Vec::new();
        for (key, value) in map.inner() {
            let key = json(key.inner(), env)?;
            entries.push((key.as_str().map_or_else(|| key.to_string(), str::to_owned), json(&**value, env)?));
        }
        // The language keeps no order of its own.
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        let mut object = Object::default();
        for (key, value) in entries {
            object.insert(key.into(), value);
        }
        return Ok(Json::Object(object));
    }
    if let Some(number) = Num::of(value) {
        let text = number.text().ok_or("it is no number that JSON has")?;
        return Json::parse(text.as_bytes()).map_err(|error| error.to_string());
    }
    // The language writes instants and spans of time as text itself.
    let written = [CowVal::Owned(value.clone_as_boxed())];
    if let Some(write) = env.find_overload("string", &written)
        && let Ok(text) = write(written.into())
        && let Some(text) = text.downcast_ref::<CelString<'_>>()
    {
        return Ok(Json::string(text.inner()));
    }
    Err(format!("it is {}, which is no JSON", words::kind(value.get_type().name())))
}

fn null() -> Owned {
    Box::new(CelNull)
}

fn text_of(text: &str) -> Owned {
    Box::new(CelString::from(text.to_owned()))
}

fn count_of(number: u64) -> Owned {
    match i64::try_from(number) {
        Ok(number) => Box::new(CelInt::from(number)),
        Err(_) => Box::new(CelUInt::from(number)),
    }
}

/// A JSON value. Objects stay as they are until something inside is asked for; the elements of an array are looked at
/// one level deep, and what that takes is counted.
///
/// # Errors
/// When looking at it takes too many steps, or it is a number too large to be compared.
pub fn value(json: &Json, steps: &Steps) -> Result<Owned, ExecutionError> {
    Ok(match json {
        Json::Null => null(),
        Json::Bool(value) => Box::new(CelBool::from(*value)),
        Json::Number(number) => number_value(number)?,
        Json::String(text) | Json::Verbatim(text) => {
            steps.take(text.len() as u64 / 64)?;
            text_of(text)
        }
        Json::Array(array) => {
            steps.take(array.len() as u64)?;
            let elements = array.iter().map(|element| value(element, steps));
            Box::new(CelList::from(elements.collect::<Result<Vec<Owned>, _>>()?))
        }
        Json::Object(object) => Box::new(Fields::new(object.clone(), steps.clone())),
    })
}

/// A number, exactly where it is whole, else as the nearest double.
fn number_value(number: &Number) -> Result<Owned, ExecutionError> {
    if let Some(value) = number.as_i64() {
        return Ok(Box::new(CelInt::from(value)));
    }
    match Whole::read(&number.to_string()) {
        Some(whole) => Ok(whole.into_value()),
        None if number.as_f64().is_finite() => Ok(Box::new(CelDouble::from(number.as_f64()))),
        None => Err(ExecutionError::function_error("number", "a number in it is too large to be compared")),
    }
}

impl Val for EventValue {
    fn get_type(&self) -> &Type {
        &EVENT
    }

    fn cel_type() -> &'static Type {
        &EVENT
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for EventValue {}

impl Indexer for EventValue {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.field(key(index)?).map(CowVal::Owned)
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.field(key(index)?).map(|found| found as Box<dyn Val + 'v>)
    }
}

/// The name that is asked for.
fn key(index: &dyn Val) -> Result<&str, ExecutionError> {
    index.downcast_ref::<CelString<'_>>().map(CelString::inner).ok_or_else(|| ExecutionError::UnexpectedType {
        got: index.get_type().name().to_owned(),
        want: "string".to_owned(),
    })
}

/// A JSON object. Of duplicate keys the last counts, as everywhere here.
#[derive(Clone)]
pub struct Fields {
    object: Object,
    steps: Steps,
    keys: Arc<OnceLock<Vec<CelString<'static>>>>,
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
}

impl Fields {
    fn new(object: Object, steps: Steps) -> Self {
        Self { object, steps, keys: Arc::default() }
    }

    fn find(&self, index: &dyn Val) -> Result<Owned, ExecutionError> {
        let name = key(index)?;
        let json = self.object.get(name).ok_or_else(|| ExecutionError::no_such_key(name))?;
        value(json, &self.steps)
    }

    fn keys(&self) -> &[CelString<'static>] {
        self.keys.get_or_init(|| {
            let mut keys: Vec<&str> = self.object.in_order().iter().map(|entry| &*entry.key).collect();
            let mut seen = std::collections::HashSet::new();
            keys.retain(|key| seen.insert(*key));
            keys.into_iter().map(|key| CelString::from(key.to_owned())).collect()
        })
    }

    /// As one of the crate's own maps, so that it can be compared with a written one.
    fn map(&self) -> Option<CelMap<'static>> {
        self.steps.take(self.object.len() as u64).ok()?;
        let mut map = HashMap::new();
        for key in self.keys() {
            let json = self.object.get(key.inner())?;
            map.insert(key.inner().to_owned().into(), value(json, &self.steps).ok()?);
        }
        Some(CelMap::from(map))
    }
}

impl Val for Fields {
    fn get_type(&self) -> &Type {
        &types::MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        static MAP: Type = types::MAP_TYPE;
        &MAP
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        if let Some(other) = other.downcast_ref::<Self>() {
            return match (self.map(), other.map()) {
                (Some(a), Some(b)) => a.equals(&b),
                _ => false,
            };
        }
        self.map().is_some_and(|map| map.equals(other))
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Fields {}

impl Container for Fields {
    fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.object.get(key(name)?).is_some())
    }
}

impl Indexer for Fields {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.find(index).map(|found| CowVal::Owned(found as Box<dyn Val + 'v>))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.find(index).map(|found| found as Box<dyn Val + 'v>)
    }
}

impl Sizer for Fields {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.keys().len()).unwrap_or(i64::MAX))
    }
}

impl Iterable for Fields {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Elements<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Names(self.keys().iter()))
    }
}

struct Names<'b>(std::slice::Iter<'b, CelString<'static>>);

impl<'b, 'v> Elements<'b, 'v> for Names<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|name| name as &'b (dyn Val + 'v))
    }
}
