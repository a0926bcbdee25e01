//! The fold for events nobody has a fold for: what their data says, merged.
//!
//! It guesses, so its state is labelled approximate wherever it is shown: it knows no arithmetic, and an event that only
//! says what changed looks like one that says what is. The rules:
//!
//! - Data that is an object is merged into the state: objects into objects, key by key, anything else in place of what was
//!   there. Keys the state has keep their places; new ones follow at the end.
//! - Data that is anything else stands under the event's type.
//! - No data, or `null`, says only that the entity exists.
//! - An event that says that the entity itself is gone ends it ([`ends`]); a later event starts over.
//! - Data that is not JSON is a fault.

mod ends;

use std::sync::Arc;

pub use ends::ends;

use crate::domain::State;
use crate::domain::json::Object;
use crate::domain::{Event, Json, Parser, StreamName};
use crate::replay::{Fingerprint, FoldError, Lost, Reducer, ReducerInfo, Start, StateCost};

/// Changes whenever the rules above do: states kept by other rules are not these.
const FINGERPRINT: Fingerprint = Fingerprint(0x6d65_7267_6500_0001);

/// So many event types are remembered with what they mean.
const TYPES: usize = 64;

/// The generic fold.
#[derive(Debug)]
pub struct Merge {
    state: State,
    stream: StreamName,
    parser: Parser,
    /// What was found out about event types for this stream's category: most streams have a handful.
    types: Vec<(Arc<str>, bool)>,
    info: ReducerInfo,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            state: None,
            stream: StreamName::from(""),
            parser: Parser::default(),
            types: Vec::new(),
            info: ReducerInfo {
                name: "merge".into(),
                approximate: true,
                fingerprint: FINGERPRINT,
                cost: StateCost::Pointer,
                stale: None,
            },
        }
    }
}

impl Merge {
    fn fold(&mut self, event: &Event) -> Result<(), FoldError> {
        if self.ends(&event.event_type) {
            self.state = None;
            return Ok(());
        }
        let bytes = event.data.json_bytes().map_err(|why| FoldError::new(format!("data: {why}")))?;
        let data = self.parser.parse(&bytes).map_err(|why| FoldError::new(format!("data: {why}")))?;
        let data = match data {
            Json::Object(data) => data,
            Json::Null => Object::default(),
            _ => self.under_type(&event.event_type, &bytes)?,
        };
        match &mut self.state {
            Some(Json::Object(state)) => merge(state, data),
            state => *state = Some(Json::Object(data)),
        }
        Ok(())
    }

    /// `{"<type>": <data>}`, read from text again so that nothing is nested deeper than text can be.
    fn under_type(&mut self, event_type: &str, data: &[u8]) -> Result<Object, FoldError> {
        let mut text = String::from("{");
        Json::string(event_type).write_text(&mut text);
        text.push(':');
        text.push_str(&String::from_utf8_lossy(data));
        text.push('}');
        match self.parser.parse(text.as_bytes()) {
            Ok(Json::Object(object)) => Ok(object),
            Ok(_) => Ok(Object::default()),
            Err(why) => Err(FoldError::new(format!("data: {why}"))),
        }
    }

    fn ends(&mut self, event_type: &Arc<str>) -> bool {
        if let Some((_, ends)) =
            self.types.iter().find(|(known, _)| Arc::ptr_eq(known, event_type) || known == event_type)
        {
            return *ends;
        }
        if self.types.len() >= TYPES {
            self.types.clear();
        }
        let ends = ends(event_type, self.stream.category());
        self.types.push((event_type.clone(), ends));
        ends
    }
}

impl Reducer for Merge {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        let (stream, state) = match from {
            Start::Initial(stream) => (stream, None),
            Start::Resume(stream, state) => (stream, state.clone()),
        };
        if self.stream != *stream {
            self.stream = stream.clone();
            self.types.clear();
        }
        self.state = state;
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        for (index, event) in events.iter().enumerate() {
            if let Err(why) = self.fold(event) {
                faults.push((index, why));
            }
        }
        Ok(events.len())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        Ok(self.state.clone())
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

/// Merges data into a state. What is equal stays as it is, so that versions go on sharing it. The recursion is bounded:
/// both were read from text.
fn merge(state: &mut Object, data: Object) {
    state.take_over(data, &mut |old, value| match (old, value) {
        (Json::Object(old), Json::Object(value)) => merge(old, value),
        (old, value) => *old = value,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Form, Payload, Position, Version};
    use proptest::prelude::*;

    fn event(event_type: &str, data: Payload) -> Arc<Event> {
        Arc::new(Event { data, ..Event::new("user-1", Version(1), Position::Number(1), event_type) })
    }

    /// The state after these events, `-` when absent.
    fn fold(events: &[(&str, &str)]) -> String {
        let mut merge = Merge::default();
        let mut faults = Vec::new();
        merge.start(Start::Initial(&StreamName::from("user-1"))).expect("starts");
        let events: Vec<_> = events.iter().map(|(ty, data)| event(ty, Payload::json_text(*data))).collect();
        merge.apply(&events, &mut faults).expect("never lost");
        assert!(faults.is_empty(), "{faults:?}");
        merge.state().expect("a state").map_or_else(|| "-".into(), |state| state.to_string())
    }

    #[test]
    fn objects_merge_and_the_rest_replaces() {
        assert_eq!(fold(&[]), "-");
        assert_eq!(
            fold(&[
                ("UserCreated", r#"{"name":"Ann","address":{"city":"Oslo","zip":"1"},"tags":[1,2],"n":1}"#),
                ("UserMoved", r#"{"address":{"city":"Łódź","street":{"no":3}}}"#),
                ("UserTagged", r#"{"z":null,"tags":[3],"a":true,"n":{"deep":1}}"#),
                ("UserSeen", r#"{"n":{"deep":2.50}}"#),
            ]),
            r#"{"name":"Ann","address":{"city":"Łódź","zip":"1","street":{"no":3}},"tags":[3],"n":{"deep":2.50},"z":null,"a":true}"#
        );
        assert_eq!(fold(&[("A", r#"{"k":0}"#), ("B", r#"{"k":1,"n":5,"k":2,"n":6}"#)]), r#"{"k":2,"n":6}"#);
    }

    /// The same merge over another JSON library, for data without numbers that only we keep exactly.
    fn naive(state: &mut serde_json::Value, data: serde_json::Value) {
        match (state, data) {
            (serde_json::Value::Object(state), serde_json::Value::Object(data)) => {
                for (key, value) in data {
                    naive(state.entry(key).or_insert(serde_json::Value::Null), value);
                }
            }
            (state, data) => *state = data,
        }
    }

    fn data() -> impl Strategy<Value = String> {
        let leaf = prop_oneof!["[0-9]", Just("null".to_owned()), Just("\"text\"".to_owned()), Just("[1]".to_owned())];
        let value = leaf.prop_recursive(3, 40, 6, |inner| {
            prop::collection::btree_map("[a-f]", inner, 0..6).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", pairs.join(","))
            })
        });
        value.prop_filter("an object", |text| text.starts_with('{'))
    }

    proptest! {
        #[test]
        fn it_merges_as_anybody_would(events in prop::collection::vec(data(), 1..12), wide in prop::bool::ANY) {
            let mut events = events;
            if wide {
                let pairs: Vec<String> = (0..200).map(|n| format!("\"{}{n}\":{n}", ["a", "b", "x"][n % 3])).collect();
                events.insert(events.len() / 2, format!("{{{}}}", pairs.join(",")));
            }
            let mut expected = serde_json::json!({});
            for text in &events {
                naive(&mut expected, serde_json::from_str(text).expect("JSON"));
            }
            let events: Vec<(&str, &str)> = events.iter().map(|text| ("Said", text.as_str())).collect();
            let state: serde_json::Value = serde_json::from_str(&fold(&events)).expect("JSON");
            prop_assert_eq!(state, expected);
        }
    }

    #[test]
    fn other_data_stands_under_the_type() {
        assert_eq!(fold(&[("Opened", "null")]), "{}");
        assert_eq!(
            fold(&[("Opened", "null"), ("Set \"x\"", " [1, 2] "), ("Counted", "7"), ("Counted", "8")]),
            r#"{"Set \"x\"":[1,2],"Counted":8}"#
        );
        let deep = format!("{}{}", "[".repeat(600), "]".repeat(600));
        let state = fold(&[("Deep", &deep)]);
        assert_eq!(state, format!("{{\"Deep\":{deep}}}"));
    }

    #[test]
    fn the_end_of_the_entity_leaves_no_state() {
        assert_eq!(fold(&[("UserCreated", r#"{"a":1}"#), ("UserDeleted", r#"{"a":2}"#)]), "-");
        assert_eq!(
            fold(&[("UserCreated", r#"{"a":1}"#), ("UserDeleted", "{}"), ("UserCreated", r#"{"b":1}"#)]),
            r#"{"b":1}"#
        );
        assert_eq!(fold(&[("UserCreated", r#"{"a":1}"#), ("EmailRemoved", r#"{"a":2}"#)]), r#"{"a":2}"#);
    }

    #[test]
    fn data_that_is_not_json_is_a_fault_and_changes_nothing() {
        let mut merge = Merge::default();
        let stream = StreamName::from("user-1");
        merge.start(Start::Initial(&stream)).expect("starts");
        let events = [
            event("A", Payload::json_text(r#"{"a":1}"#)),
            event("B", Payload::json_text(r#"{"a":"#)),
            event("C", Payload::new(Form::Opaque, vec![0u8, 255].into())),
            event("D", Payload::new(Form::JsonText, br#""{\"d\":4}""#.to_vec().into())),
            event("E", Payload::default()),
        ];
        let mut faults = Vec::new();
        merge.apply(&events, &mut faults).expect("never lost");
        assert_eq!(faults.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(faults[0].1.message, "data: expected a value, found the end at byte 5");
        let state = merge.state().expect("a state");
        assert_eq!(state.as_ref().map(Json::to_string).as_deref(), Some(r#"{"a":1,"d":4}"#));
        merge.start(Start::Resume(&stream, &state)).expect("resumes");
        assert_eq!(merge.state(), Ok(state));
    }
}
