//! A small fold and a small diff of its own, and what else a store of a few events answers.

use std::collections::HashMap;
use std::sync::Arc;

use stepback::domain::json::{Json, Object};
use stepback::domain::patch::Change;
use stepback::domain::{Event, Form, Patch, Path, State, Step, StreamName, StreamSummary};
use stepback::replay::{FoldError, ScriptPlace};

/// Lays the data over the state; `…Deleted` ends it; a field `fault`, and what is no JSON, cannot be folded.
pub fn fold(state: &State, event: &Event) -> Result<State, FoldError> {
    if event.event_type.ends_with("Deleted") {
        return Ok(None);
    }
    if event.data.form() == Form::Opaque {
        return Err(FoldError::new("data: not JSON"));
    }
    let Ok(Json::Object(data)) = event.data.json() else { return Ok(state.clone()) };
    if let Some(message) = data.get("fault") {
        let place = Some(ScriptPlace { file: "reducers/order.js".into(), line: 14, column: 9 });
        return Err(FoldError { place, ..FoldError::new(message.as_str().unwrap_or("fault")) });
    }
    let mut next = match state {
        Some(Json::Object(object)) => object.clone(),
        _ => Object::default(),
    };
    for entry in data.in_order() {
        if entry.value == Json::Null {
            next.remove(&entry.key);
        } else {
            next.insert(entry.key.clone(), entry.value.clone());
        }
    }
    Ok(Some(Json::Object(next)))
}

/// What is different, recursively.
pub fn difference(before: &State, after: &State) -> Patch {
    let mut changes = Vec::new();
    match (before, after) {
        (None, None) => {}
        (Some(before), Some(after)) => compare(&Path::root(), before, after, &mut changes),
        _ => changes.push(Change { path: Path::root(), before: before.clone(), after: after.clone() }),
    }
    Patch(changes)
}

fn compare(path: &Path, before: &Json, after: &Json, out: &mut Vec<Change>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Json::Object(old), Json::Object(new)) => {
            for entry in new.in_order() {
                match old.get(&entry.key) {
                    Some(value) => compare(&path.key(&entry.key), value, &entry.value, out),
                    None => {
                        out.push(Change { path: path.key(&entry.key), before: None, after: Some(entry.value.clone()) })
                    }
                }
            }
            for entry in old.in_order().into_iter().filter(|entry| new.get(&entry.key).is_none()) {
                out.push(Change { path: path.key(&entry.key), before: Some(entry.value.clone()), after: None });
            }
        }
        (Json::Array(old), Json::Array(new)) => {
            for (n, (a, b)) in old.iter().zip(new.iter()).enumerate() {
                compare(&path.index(n), a, b, out);
            }
            for n in (new.len()..old.len()).rev() {
                out.push(Change { path: path.then(Step::Index(n)), before: old.get(n).cloned(), after: None });
            }
            for n in old.len()..new.len() {
                out.push(Change { path: path.then(Step::Index(n)), before: None, after: new.get(n).cloned() });
            }
        }
        _ => out.push(Change { path: path.clone(), before: Some(before.clone()), after: Some(after.clone()) }),
    }
}

/// The streams of events, in the order of their first ones.
pub fn streams(events: &[Arc<Event>]) -> Vec<StreamSummary> {
    let mut list: Vec<StreamSummary> = Vec::new();
    let mut places: HashMap<StreamName, usize> = HashMap::new();
    for event in events.iter().filter(|event| event.trouble.is_none()) {
        match places.get(&event.stream) {
            Some(place) => {
                let summary = &mut list[*place];
                summary.events += 1;
                summary.last_version = event.version;
                summary.last_time = event.time;
            }
            None => {
                places.insert(event.stream.clone(), list.len());
                list.push(StreamSummary {
                    stream: event.stream.clone(),
                    events: 1,
                    first_version: event.version,
                    last_version: event.version,
                    first_time: event.time,
                    last_time: event.time,
                    kind: stepback::domain::StreamKind::Domain,
                });
            }
        }
    }
    list
}
