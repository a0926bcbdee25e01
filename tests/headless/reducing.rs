//! What the tests of script reducers share: scripts and events in few words.

use std::path::PathBuf;
use std::sync::Arc;

use stepback::domain::{Event, Payload, Position, StreamName, Version, time};
use stepback::reducers::javascript::{JavaScript, JavaScriptConfig, Limits};
use stepback::replay::{FoldError, Lost, Reducer, Start};

pub fn stream() -> StreamName {
    StreamName::from("account-7")
}

/// A reducer of this source, named `account.js`.
pub fn script_within(source: &str, limits: Limits) -> JavaScript {
    JavaScript::new(JavaScriptConfig {
        file_name: "account.js".into(),
        source: source.into(),
        host: PathBuf::from(env!("CARGO_BIN_EXE_stepback")),
        limits,
    })
}

/// An event of version `n` with data and no metadata.
pub fn event(n: u64, event_type: &str, data: &str) -> Event {
    Event {
        id: Some(format!("id-{n}").as_str().into()),
        time: time::parse("2025-01-01T08:58:01.438Z"),
        data: Payload::json_text(data),
        ..Event::new(stream(), Version(n), Position::Number(100 + n), event_type)
    }
}

/// Events with versions from 0.
pub fn events(list: &[(&str, &str)]) -> Vec<Arc<Event>> {
    list.iter().enumerate().map(|(n, (event_type, data))| Arc::new(event(n as u64, event_type, data))).collect()
}

/// The state as text; `absent` where there is none.
pub fn text(reducer: &mut JavaScript) -> String {
    reducer.state().expect("a state").map_or_else(|| "absent".to_owned(), |state| state.to_string())
}

/// Begins with the initial state.
pub fn begin(reducer: &mut JavaScript) -> Result<(), FoldError> {
    reducer.start(Start::Initial(&stream()))
}

/// Folds events; the faults as `index: message (place)`.
pub fn fold(reducer: &mut JavaScript, events: &[Arc<Event>]) -> Vec<String> {
    let faults = apply_all(reducer, events).expect("not lost");
    faults.into_iter().map(|(at, fault)| format!("{at}: {fault}")).collect()
}

/// Folds events to the last of them, in as many calls as that takes; the faults with their index.
pub fn apply_all(reducer: &mut JavaScript, events: &[Arc<Event>]) -> Result<Vec<(usize, FoldError)>, Lost> {
    let (mut faults, mut at) = (Vec::new(), 0);
    while at < events.len() {
        let mut found = Vec::new();
        let dealt =
            reducer.apply(&events[at..], &mut found).map_err(|lost| Lost { at: lost.at.map(|n| at + n), ..lost })?;
        assert!(dealt > 0 && at + dealt <= events.len() && found.iter().all(|(index, _)| *index < dealt));
        faults.extend(found.into_iter().map(|(index, fault)| (at + index, fault)));
        at += dealt;
    }
    Ok(faults)
}
