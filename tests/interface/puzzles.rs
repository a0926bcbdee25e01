//! The planted bugs of the sample data, found headless and by keys, against the truth that another engine computed.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use stepback::app::{Origin, Setup};
use stepback::domain::{Json, Number, Path as Pointer};

use crate::support::live;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .expect("stepback runs")
}

fn lines(arguments: &[&str]) -> Vec<Json> {
    let output = run(arguments);
    // Some of the planted bugs are events that their reducer refuses: their states say so, and are not whole.
    assert!(matches!(output.status.code(), Some(0 | 65)), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| Json::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

fn truth() -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/puzzles.json");
    Json::parse(&std::fs::read(path).expect("puzzles.json")).expect("JSON")
}

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value.get(key).and_then(Json::as_str).unwrap_or_else(|| panic!("{key} in {value}"))
}

fn number(value: &Json, key: &str) -> i64 {
    value.get(key).and_then(Json::as_i64).unwrap_or_else(|| panic!("{key} in {value}"))
}

fn live(file: &str) -> live::Live {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data").join(file);
    let origin = Origin { address: path.clone().into(), ..Origin::default() };
    live::Live::open(&path, Setup { width: 120, height: 36, origin, ..Setup::default() })
}

/// The value at a JSON Pointer whose steps are all keys.
fn at<'a>(value: &'a Json, pointer: &str) -> Option<&'a Json> {
    let path = pointer.split('/').skip(1).fold(Pointer::root(), |path, key| path.key(&key.into()));
    value.at(&path)
}

fn entries(value: Option<&Json>) -> Vec<(String, Json)> {
    match value {
        Some(Json::Object(object)) => {
            object.in_order().iter().map(|entry| (entry.key.to_string(), entry.value.clone())).collect()
        }
        other => panic!("{other:?} is no object"),
    }
}

fn elements(value: Option<&Json>) -> Vec<Json> {
    match value {
        Some(Json::Array(array)) => array.iter().cloned().collect(),
        other => panic!("{other:?} is no array"),
    }
}

/// The file that holds a stream.
fn file_of(stream: &str) -> String {
    let name = match stream.split('-').next() {
        Some("user") => "users",
        Some("account") => "accounts",
        Some("order") => "orders",
        Some("activity") => "activity",
        _ => "rides",
    };
    format!("sample-data/{name}.jsonl")
}

#[test]
fn every_file_has_the_events_streams_and_types_it_should() {
    for (name, expected) in entries(truth().get("files")) {
        let file = format!("sample-data/{name}");
        let events = lines(&["events", &file, "--json"]);
        assert_eq!(events.len() as i64, number(&expected, "events"), "{name}");
        assert_eq!(lines(&["streams", &file, "--json"]).len() as i64, number(&expected, "streams"), "{name}");
        for (event_type, count) in entries(expected.get("types")) {
            let found = events.iter().filter(|event| text(event, "type") == event_type).count();
            assert_eq!(Some(found as i64), count.as_i64(), "{name} {event_type}");
        }
    }
}

#[test]
fn the_culprit_of_every_puzzle_changes_what_the_puzzle_says() {
    for puzzle in elements(truth().get("puzzles")) {
        let command = text(&puzzle, "command").to_owned() + " --json";
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        let diff = lines(&arguments).remove(0);
        let path = text(&puzzle, "path");
        // A state that appears out of nothing is one change of the whole; the puzzle names a part of it.
        let side = |name: &str| -> Option<String> {
            elements(diff.get("changes")).iter().find_map(|change| {
                let at = text(change, "path");
                let value = change.get(name)?;
                let rest = path.strip_prefix(at)?;
                let inner = rest.split('/').skip(1).try_fold(value, |value, key| value.get(key))?;
                Some(inner.to_string())
            })
        };
        let expected = |name: &str| puzzle.get(name).map(Json::to_string);
        assert_eq!(side("after"), expected("after"), "{puzzle}: {diff}");
        assert_eq!(side("before"), expected("before"), "{puzzle}: {diff}");
    }
}

#[test]
fn every_final_state_is_what_another_engine_computed() {
    for (stream, expected) in entries(truth().get("final")) {
        let state = lines(&["state", &file_of(&stream), &stream, "--json"]).remove(0);
        assert_eq!(number(&state, "version"), number(&expected, "version"), "{stream}");
        assert_eq!(state.get("state"), expected.get("state"), "{stream}");
        assert_eq!(state.get("approximate"), Some(&Json::Bool(false)));
    }
}

#[test]
fn every_balance_is_the_sum_of_its_movements() {
    for (stream, balance) in entries(truth().get("balances")) {
        let state = lines(&["state", &file_of(&stream), &stream, "--json"]).remove(0);
        assert_eq!(state.get("state").and_then(|state| state.get("balance")), Some(&balance), "{stream}");
    }
}

#[test]
fn a_fault_names_file_line_and_event_and_numbers_stay_exact() {
    let truth = truth();
    for fault in elements(truth.get("faults")) {
        let version = number(&fault, "version").to_string();
        let output =
            run(&["state", &format!("sample-data/{}", text(&fault, "file")), text(&fault, "stream"), "--at", &version]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let reducer = fault.get("reducer").expect("a reducer");
        for part in [
            text(&fault, "message"),
            text(&fault, "type"),
            &format!("{}:{}", text(reducer, "file"), number(reducer, "line")),
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    for exact in elements(truth.get("exact")) {
        let file = format!("sample-data/{}", text(&exact, "file"));
        let version = number(&exact, "version").to_string();
        let event =
            lines(&["events", &file, text(&exact, "stream"), "--from", &version, "--to", &version, "--json"]).remove(0);
        let value = text(&exact, "path").split('/').skip(1).try_fold(&event, |value, key| value.get(key));
        assert_eq!(value.map(Json::to_string).as_deref(), Some(text(&exact, "digits")));
        assert!(matches!(value, Some(Json::Number(number)) if Number::is_beyond_double(number)));
    }
}

#[test]
fn a_name_that_would_like_to_be_a_command_is_none() {
    let truth = truth();
    let hostile = truth.get("hostile").expect("a hostile name");
    let output =
        run(&["state", &format!("sample-data/{}", text(hostile, "file")), text(hostile, "stream"), "--at", "3"]);
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown}");
    assert!(shown.contains("Mallory") && shown.contains("<U+202E>"), "{shown}");
}

#[test]
fn keys_lead_to_every_culprit_and_the_state_turns_there() {
    for puzzle in elements(truth().get("puzzles")) {
        let mut live = live(text(&puzzle, "file"));
        live.type_keys(text(&puzzle, "keys"));
        let (stream, version) = (text(&puzzle, "stream").to_owned(), number(&puzzle, "version") as u64);
        assert_eq!(live.stands(), (stream.clone(), Some(version)), "{puzzle}");
        let value = |live: &live::Live| {
            let moment = live.moment();
            moment.state.as_ref().and_then(|state| at(state, text(&puzzle, "path"))).map(Json::to_string)
        };
        assert_eq!(value(&live), puzzle.get("after").map(Json::to_string), "{puzzle}");
        live.type_keys(",");
        assert_eq!(live.stands(), (stream.clone(), Some(version - 1)));
        assert_eq!(value(&live), puzzle.get("before").map(Json::to_string), "{puzzle}");
        live.type_keys(".");
        assert_eq!(live.stands(), (stream, Some(version)));
        assert_eq!(value(&live), puzzle.get("after").map(Json::to_string), "{puzzle}");
    }
}

#[test]
fn the_command_that_is_copied_shows_the_same_state() {
    let mut live = live("orders.jsonl");
    live.type_keys("1/order-1002<enter>:12<enter>yc");
    let command = live.copied.clone().expect("a command");
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("stepback"));
    let arguments: Vec<&str> = words.chain(["--json"]).collect();
    let state = lines(&arguments).remove(0);
    assert_eq!(state.get("state"), live.moment().state.as_ref());
}

#[test]
fn a_step_across_the_store_leads_to_what_caused_the_second_capture() {
    let mut live = live("rides.jsonl");
    live.type_keys("1/payment-9318<enter>:5<enter>S");
    assert_eq!(live.stands().0, "ride-318");
    assert_eq!(live.moment().event.as_ref().map(|event| &*event.event_type), Some("TipAdded"));
    live.type_keys("s");
    assert_eq!(live.stands(), ("payment-9318".to_owned(), Some(5)));
}

/// Types keys that copy a command, and runs it in a shell.
fn printed(live: &mut live::Live, keys: &str) -> (String, String) {
    live.type_keys(keys);
    let copied = live.copied.take().expect("a command");
    let line = copied.replacen("stepback", env!("CARGO_BIN_EXE_stepback"), 1);
    let output = Command::new("sh")
        .args(["-c", &line])
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{copied}: {}", String::from_utf8_lossy(&output.stderr));
    (copied, String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_copied_command_of_a_version_that_stands_twice_shows_the_one_on_the_screen() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("twins.jsonl");
    let line = |stream: &str, version: u64, n: u64| {
        format!(
            "{{\"stream\":\"{stream}\",\"version\":{version},\"type\":\"T\",\"id\":\"same\",\"data\":{{\"n\":{n}}}}}\n"
        )
    };
    let versions = [1, 2, 2, 3];
    let text: String = (0..).zip(versions).map(|(n, version)| line("a-1", version, n)).collect();
    std::fs::write(&path, line("b-1", 1, 7) + &text).expect("written");
    let open = || {
        let origin = Origin { address: path.clone().into(), ..Origin::default() };
        live::Live::open(&path, Setup { origin, ..Setup::default() })
    };
    let mut live = open();
    live.type_keys(":a-1<enter>");
    for (row, end) in [(1, " --at 1"), (2, " --at '#2'"), (3, " --at '#3'"), (4, " --at 3")] {
        let (copied, text) = printed(&mut live, &format!(":#{row}<enter>4yc"));
        assert!(copied.ends_with(end), "{copied}");
        let (_, body) = text.split_once('\n').expect("a heading");
        let shown = live.moment().state.clone().expect("a state");
        assert_eq!(Json::parse(body.as_bytes()).map(|json| json.to_string()), Ok(shown.to_string()), "{copied}");
    }
    // The pin at the first of the two, the cursor at the second.
    let (copied, text) = printed(&mut live, ":#2<enter>P:#3<enter>4Dyc");
    assert!(copied.ends_with(" a-1 '#2' '#3'") && text.contains("from #2 to #3"), "{copied}: {text}");
    assert!(text.contains("~ /n  1 -> 2"), "{text}");
    let screen: String = live.drawn(120, 36).content.iter().map(|cell| cell.symbol()).collect();
    assert!(screen.contains("vs a-1#2"), "a version would name both: {screen}");

    // What an event did is told of it alone, and so is where it stands in the whole store.
    let fact = |live: &live::Live, place| {
        let window = live.app.panes.events.window.as_ref().expect("a list");
        window.row(place).and_then(|row| row.fact)
    };
    let mut live = open();
    live.type_keys(":a-1<enter>:#2<enter>:b-1<enter>:a-1<enter>");
    assert!(fact(&live, 2).is_some() && fact(&live, 3).is_none(), "{:?}", fact(&live, 3));
    live.type_keys(":#3<enter>0");
    assert_eq!((live.scope().cloned(), live.app.walk.place), (Some(stepback::domain::Scope::All), 4));
}

#[test]
fn a_copied_command_prints_what_is_on_the_screen() {
    let mut live = live("orders.jsonl");
    let (copied, text) = printed(&mut live, "1/order-1002<enter>:12<enter>yc");
    assert!(copied.contains(" state ") && text.starts_with("order-1002 after version 12 (CouponApplied"), "{text}");
    let shown = live.moment().state.clone().expect("a state");
    let (_, body) = text.split_once('\n').expect("a heading");
    assert_eq!(Json::parse(body.as_bytes()).map(|json| json.to_string()), Ok(shown.to_string()));

    // The pin is at 12; what differs at the end is what the pane tells.
    let (copied, text) = printed(&mut live, "PG4Dyc");
    assert!(copied.contains(" diff ") && copied.ends_with(" order-1002 12 23"), "{copied}");
    let told: Vec<&str> = text.lines().skip(1).collect();
    let changes = &live.app.panes.state.patch.0;
    assert_eq!(told.len(), changes.len(), "{text}");
    for (line, change) in told.iter().zip(changes) {
        assert!(line.contains(&format!(" {}  ", change.path)), "{line} for {}", change.path);
    }
    assert!(text.contains("~ /total  -12.5 -> 37.5"), "{text}");

    // A filtered list is the list, whatever the scope.
    let (copied, text) = printed(&mut live, "D2&type:Coupon* && event.data.code != \"it's\"<enter>yc");
    assert!(copied.contains(" events "), "{copied}");
    let places = |live: &live::Live| live.app.panes.events.sifted.as_ref().expect("a filter").places.len();
    assert_eq!(text.lines().count() - 1, places(&live), "{text}");
    let (_, text) = printed(&mut live, "02yc");
    assert_eq!(text.lines().count() - 1, places(&live), "{text}");
    live.type_keys("1qgj");
    assert!(matches!(live.app.walk.scope, Some(stepback::domain::Scope::Category(_))), "{:?}", live.app.walk.scope);
    let (copied, text) = printed(&mut live, "2yc");
    assert!(copied.contains(" --category "), "{copied}");
    assert_eq!(text.lines().count() - 1, places(&live), "{text}");
}

#[test]
fn a_filter_over_states_folds_and_lists_where_it_holds() {
    let mut live = live("orders.jsonl");
    let (copied, text) = printed(&mut live, "02&0 > state.total<enter>yc");
    assert!(copied.contains("events") && copied.contains("0 > state.total"), "{copied}");
    let sifted = live.app.panes.events.sifted.as_ref().expect("a filter");
    assert!(sifted.folds && !sifted.running && sifted.places.len() == 5, "{:?}", sifted.places);
    assert_eq!(text.lines().count() - 1, 5, "{text}");
    let first = text.lines().nth(1).expect("an event");
    assert!(first.contains("order-1002") && first.contains("CouponApplied"), "{text}");
    // Each row is a place where it holds: a step goes from one to the next.
    live.type_keys("g,");
    live.type_keys(".");
    assert_eq!(live.stands(), ("order-1002".into(), Some(12)));
}

#[test]
fn long_names_of_one_list_can_be_told_apart() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/field/51-long-type-names.jsonl");
    for (width, height) in [(130, 34), (80, 24), (160, 45)] {
        let mut live = live::Live::open(&path, Setup { width, height, ..Setup::default() });
        let screen = |live: &live::Live| {
            let cells = live.drawn(width, height).content;
            let text: String = cells.iter().map(|cell| cell.symbol()).collect();
            text
        };
        let streams = screen(&live);
        for end in ["00a", "00b", "00c"] {
            assert!(streams.contains(&format!("…{end} ")), "{end} at {width}x{height}: {streams}");
        }
        live.type_keys("02");
        let events = screen(&live);
        for part in ["Placed", "Coupon", "PaymentRec", "Cancel", "LineAdd", "Shipp"] {
            assert!(events.contains(part), "{part} at {width}x{height}: {events}");
        }
        live.type_keys("Y");
        let types = screen(&live);
        for part in ["OrderPlaced", "CouponApplied", "PaymentReceived", "OrderCancelled", "LineAdded", "OrderShipped"] {
            assert!(types.contains(part), "{part} at {width}x{height}: {types}");
        }
    }
}
