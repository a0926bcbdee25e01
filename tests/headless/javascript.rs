//! JavaScript reducers as their users see them: what they are given, what becomes of what they give, and what is said
//! when they are wrong.

#![cfg(feature = "javascript")]

use std::sync::Arc;
use std::time::Duration;

use stepback::domain::{Cancel, Event, Form, Json, Payload, Position, State, Trouble, Version, time};
use stepback::reducers::hosted::Hosted;
use stepback::reducers::javascript::Limits;
use stepback::reducers::protocol::Level;
use stepback::replay::{FoldError, Reducer, Start};

use crate::reducing::{apply_all, begin, event, events, fold, script_within, stream, text};

/// Generous times: these scripts are slow only where the machine is.
fn script(source: &str) -> Hosted {
    script_within(source, Limits { event: Duration::from_secs(5), call: Duration::from_secs(10), ..Limits::default() })
}

/// The state after the events, none of which may fail.
fn folded(source: &str, list: &[(&str, &str)]) -> String {
    let mut reducer = script(source);
    begin(&mut reducer).expect("it starts");
    assert_eq!(fold(&mut reducer, &events(list)), [] as [String; 0]);
    text(&mut reducer)
}

/// What `evolve` makes of one event, when it is this expression.
fn seen(expression: &str, event: Event) -> String {
    let source = format!("export const initialState = null; export const evolve = (state, event) => ({expression});");
    let mut reducer = script(&source);
    begin(&mut reducer).expect("it starts");
    assert_eq!(fold(&mut reducer, &[Arc::new(event)]), [] as [String; 0]);
    text(&mut reducer)
}

fn refused(source: &str) -> FoldError {
    begin(&mut script(source)).expect_err("it must be refused")
}

const ACCOUNT: &str = r"
export const initialState = (stream) => ({ stream, balance: 0, history: [] });

export function evolve(state, event) {
  switch (event.type) {
    case 'Deposited':
      return { ...state, balance: state.balance + event.data.amount, history: [...state.history, event.version] };
    case 'Withdrawn':
      if (event.data.amount > state.balance) {
        throw new Error('overdrawn');
      }
      return { ...state, balance: state.balance - event.data.amount };
    case 'Closed':
      return null;
    default:
      return state;
  }
}
";

#[test]
fn an_account_is_folded() {
    let mut reducer = script(ACCOUNT);
    begin(&mut reducer).expect("it starts");
    assert_eq!(text(&mut reducer), r#"{"stream":"account-7","balance":0,"history":[]}"#);
    let faults = fold(
        &mut reducer,
        &events(&[
            ("Deposited", r#"{"amount":100}"#),
            ("Withdrawn", r#"{"amount":30}"#),
            ("Renamed", r#"{"name":"Zoë"}"#),
            ("Withdrawn", r#"{"amount":300}"#),
            ("Deposited", r#"{"amount":5.5}"#),
        ]),
    );
    assert_eq!(faults, ["3: overdrawn (account.js:10:19)"]);
    assert_eq!(text(&mut reducer), r#"{"stream":"account-7","balance":75.5,"history":[0,4]}"#);
    assert_eq!(fold(&mut reducer, &events(&[("Closed", "{}")])), [] as [String; 0]);
    assert_eq!(text(&mut reducer), "absent");
    assert!(!reducer.info().approximate);
    assert_eq!(reducer.info().name, "account.js");
}

#[test]
fn a_fold_starts_over_as_often_as_wanted() {
    // An initial state that is changed in place must not be what the next fold starts with.
    for source in [
        "export const initialState = { n: 0 }; export function evolve(state) { state.n++; }",
        "const one = { n: 0 }; export const initialState = () => one; export function evolve(state) { state.n++; }",
        "export default { initialState: { n: 0 }, evolve(state) { state.n++; return state; } }",
        "export default new (class { step = 1; initialState() { return { n: 1 - this.step }; } evolve(s) { s.n += this.step; } })();",
    ] {
        let mut reducer = script(source);
        for _ in 0..2 {
            begin(&mut reducer).expect(source);
            assert_eq!(fold(&mut reducer, &events(&[("A", "{}"), ("B", "{}")])), [] as [String; 0], "{source}");
            assert_eq!(text(&mut reducer), r#"{"n":2}"#, "{source}");
        }
    }
}

#[test]
fn a_fold_resumes_where_a_state_was_given() {
    let mut reducer = script(ACCOUNT);
    begin(&mut reducer).expect("it starts");
    let list = events(&[("Deposited", r#"{"amount":100}"#), ("Deposited", r#"{"amount":20}"#)]);
    fold(&mut reducer, &list[..1]);
    let state = reducer.state().expect("a state");
    fold(&mut reducer, &list[1..]);
    let end = text(&mut reducer);
    reducer.start(Start::Resume(&stream(), &state)).expect("it resumes");
    assert_eq!(text(&mut reducer), r#"{"stream":"account-7","balance":100,"history":[0]}"#);
    fold(&mut reducer, &list[1..]);
    assert_eq!(text(&mut reducer), end);
}

#[test]
fn an_absent_state_is_null_on_the_way_in_and_out() {
    for initial in ["null", "undefined", "() => null", "() => undefined", "() => {}"] {
        let source = format!(
            "export const initialState = {initial};
             export function evolve(state, event) {{
               if (event.type === 'Created') return {{ was: state === null ? 'null' : typeof state }};
               if (event.type === 'Deleted') return null;
             }}"
        );
        let mut reducer = script(&source);
        begin(&mut reducer).expect("it starts");
        assert_eq!(text(&mut reducer), "absent", "{initial}");
        fold(&mut reducer, &events(&[("Nothing", "{}"), ("Created", "{}"), ("Nothing", "{}")]));
        assert_eq!(text(&mut reducer), r#"{"was":"null"}"#, "{initial}");
        fold(&mut reducer, &events(&[("Deleted", "{}")]));
        assert_eq!(text(&mut reducer), "absent", "{initial}");
        let absent: State = None;
        reducer.start(Start::Resume(&stream(), &absent)).expect("it resumes");
        fold(&mut reducer, &events(&[("Created", "{}")]));
        assert_eq!(text(&mut reducer), r#"{"was":"null"}"#, "{initial}");
    }
}

#[test]
fn an_event_is_given_whole() {
    let mut one = event(3, "Deposited", r#"{"amount":1}"#);
    one.metadata = Payload::json_text(r#"{"user":"zoë","big":9007199254740993}"#);
    let whole = r#"{"type":"Deposited","data":{"amount":1},"metadata":{"user":"zoë","big":9007199254740993},"stream":"account-7","version":3,"position":103,"id":"id-3","time":"2025-01-01T08:58:01.438Z"}"#;
    for expression in ["event", "{ ...event }", "Object.assign({}, event)", "Object.fromEntries(Object.entries(event))"]
    {
        assert_eq!(seen(expression, one.clone()), whole, "{expression}");
    }
    assert_eq!(seen("JSON.stringify(event.data)", one.clone()), r#""{\"amount\":1}""#);

    one.position = Position::Text("2@17".into());
    one.id = None;
    one.time = None;
    one.version = Version(u64::MAX);
    one.metadata = Payload::default();
    assert_eq!(
        seen("event", one),
        r#"{"type":"Deposited","data":{"amount":1},"metadata":null,"stream":"account-7","version":18446744073709551615,"position":"2@17","id":null,"time":null}"#
    );
}

#[test]
fn metadata_is_read_late_but_always_there() {
    let mut one = event(0, "A", "{}");
    one.metadata = Payload::json_text(r#"{"user":"u-1"}"#);
    assert_eq!(
        seen("Object.keys(event)", one.clone()),
        r#"["type","data","metadata","stream","version","position","id","time"]"#
    );
    for (expression, expected) in [
        ("event.metadata", r#"{"user":"u-1"}"#),
        ("event.metadata === event.metadata", "true"),
        ("'metadata' in event && Object.hasOwn(event, 'metadata')", "true"),
        ("(event.metadata.user = 'x', event.metadata.user)", r#""x""#),
        ("(event.metadata = 5, event.metadata)", "5"),
        ("[{ ...event }].map(({ metadata: { user } }) => user)", r#"["u-1"]"#),
        ("(delete event.metadata, Object.keys(event).length)", "7"),
    ] {
        assert_eq!(seen(expression, one.clone()), expected, "{expression}");
    }
}

#[test]
fn a_payload_that_is_not_json_fails_only_who_looks() {
    let source = "export const initialState = { n: 0 };
export function evolve(state, event) {
  state.n++;
  if (event.type === 'Look') return { ...state, saw: event.data };
  if (event.type === 'LookBehind') return { ...state, saw: event.metadata };
}";
    for (form, bytes, why) in [
        (Form::Json, &b"{oops"[..], "event.data is not JSON"),
        (Form::Json, b"\"\xff\"", "event.data is not JSON: not UTF-8 at byte 1"),
        (Form::Json, b"{\"a\":\"\0\"}", "event.data is not JSON"),
        (Form::Json, b"", "event.data is not JSON"),
        (Form::Opaque, b"\x00\x01", "event.data is not JSON: it is stored as bytes of unknown meaning"),
        (Form::JsonText, b"5", "event.data is not JSON: it should be a string that holds JSON"),
    ] {
        let payload = || Payload::new(form, bytes::Bytes::from_static(bytes));
        let [blind, look, behind] = ["Blind", "Look", "LookBehind"]
            .map(|event_type| Arc::new(Event { data: payload(), metadata: payload(), ..event(0, event_type, "") }));
        let mut reducer = script(source);
        begin(&mut reducer).expect("it starts");
        let faults = fold(&mut reducer, &[blind.clone(), look, behind, blind]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains(why), "{faults:?}");
        assert!(faults[0].ends_with("(account.js:4:54)"), "{faults:?}");
        assert!(faults[1].contains("event.metadata is not JSON"), "{faults:?}");
        assert_eq!(text(&mut reducer), r#"{"n":2}"#);
    }
}

#[test]
fn payloads_stored_as_json_text_are_decoded() {
    let payload = Payload::new(Form::JsonText, bytes::Bytes::from_static(br#""{\"amount\":9007199254740993}""#));
    let one = Event { data: payload.clone(), metadata: payload, ..event(0, "A", "") };
    assert_eq!(seen("[event.data.amount, event.metadata.amount]", one), "[9007199254740993,9007199254740993]");
}

#[test]
fn records_that_could_not_be_read_are_passed_over() {
    let mut broken = event(1, "", "");
    broken.trouble = Some(Trouble { place: "line 2".into(), reason: "not JSON".into() });
    let mut reducer = script(
        "export const initialState = []; export const evolve = (s, e) => { if (e.version === 2) throw 1; s.push(e.version); };",
    );
    begin(&mut reducer).expect("it starts");
    let list = [event(0, "A", "{}"), broken, event(2, "A", "{}"), event(3, "A", "{}")].map(Arc::new);
    assert_eq!(fold(&mut reducer, &list), ["2: 1 was thrown"]);
    assert_eq!(text(&mut reducer), "[0,3]");
}

#[test]
fn large_integers_are_exact() {
    let list = &[
        ("A", r#"{"n":9007199254740993,"iban":"DE00165697402820726748"}"#),
        ("A", r#"{"n":18446744073709551615}"#),
        ("A", r#"{"n":-170141183460469231731687303715884105728}"#),
    ];
    let whole = "export const initialState = []; export const evolve = (s, e) => [...s, e.data];";
    assert_eq!(
        folded(whole, list),
        r#"[{"n":9007199254740993,"iban":"DE00165697402820726748"},{"n":18446744073709551615},{"n":-170141183460469231731687303715884105728}]"#
    );
    let types = "export const initialState = []; export const evolve = (s, e) => [...s, typeof e.data.n];";
    assert_eq!(folded(types, list), r#"["bigint","bigint","bigint"]"#);
    let sum =
        "export const initialState = { sum: 0n }; export const evolve = (s, e) => ({ sum: s.sum + BigInt(e.data.n) });";
    assert_eq!(
        folded(sum, &[("A", r#"{"n":9007199254740993}"#), ("A", r#"{"n":18446744073709551615}"#), ("A", r#"{"n":2}"#)]),
        r#"{"sum":18455751272964292610}"#
    );
    // At the border itself a double is exact, and stays one.
    assert_eq!(folded(types, &[("A", r#"{"n":9007199254740992}"#)]), r#"["number"]"#);
}

#[test]
fn exact_integers_of_any_size_survive_resuming() {
    let source =
        "export const initialState = () => ({ small: 0n, large: 9007199254740993n, deep: [{ 'a b': -5n }], count: 0 });
export function evolve(state, event) {
  return {
    small: state.small + 1n,
    large: state.large * 2n,
    deep: state.deep.map((entry) => ({ 'a b': entry['a b'] - 1n })),
    count: state.count + 1,
  };
}";
    let list = events(&[("A", "{}"); 5]);
    let mut reducer = script(source);
    begin(&mut reducer).expect("it starts");
    let mut states = vec![reducer.state().expect("a state")];
    for one in &list {
        fold(&mut reducer, std::slice::from_ref(one));
        states.push(reducer.state().expect("a state"));
    }
    let end = states.last().cloned().flatten().expect("a state").to_string();
    assert_eq!(end, r#"{"small":5,"large":288230376151711776,"deep":[{"a b":-10}],"count":5}"#);
    for (at, state) in states.iter().enumerate() {
        // As a checkpoint would have it: through text, and perhaps in another process.
        let state = state.as_ref().map(|state| Json::parse(state.to_string().as_bytes()).expect("JSON"));
        reducer.start(Start::Resume(&stream(), &state)).expect("it resumes");
        assert_eq!(fold(&mut reducer, &list[at..]), [] as [String; 0], "from {at}");
        assert_eq!(text(&mut reducer), end, "from {at}");
    }
    // A state that was kept as text and never looked at goes on as it was, in another process too.
    begin(&mut reducer).expect("it starts");
    fold(&mut reducer, &list[..2]);
    let kept = reducer.state_text().expect("a state");
    let mut other = script(source);
    for reducer in [&mut reducer, &mut other] {
        reducer.start_from_text(&stream(), &kept).expect("it resumes");
        assert_eq!(fold(reducer, &list[2..]), [] as [String; 0]);
        assert_eq!(text(reducer), end);
    }
}

#[test]
fn doubles_stay_doubles_through_resuming() {
    let source = "export const initialState = { n: 1e17, types: [] };
export const evolve = (s) => ({ n: s.n + 1e17, types: [...s.types, typeof s.n] });";
    let mut reducer = script(source);
    begin(&mut reducer).expect("it starts");
    fold(&mut reducer, &events(&[("A", "{}")]));
    let state = reducer.state().expect("a state");
    assert_eq!(text(&mut reducer), r#"{"n":2e17,"types":["number"]}"#);
    reducer.start(Start::Resume(&stream(), &state)).expect("it resumes");
    fold(&mut reducer, &events(&[("A", "{}")]));
    assert_eq!(text(&mut reducer), r#"{"n":3e17,"types":["number","number"]}"#);
}

#[test]
fn what_is_not_json_becomes_what_json_makes_of_it() {
    let source = "export const initialState = 0;
export const evolve = () => ({ f() {}, u: undefined, s: Symbol('x'), nan: NaN, inf: Infinity, minus: -0,
  date: new Date('2025-01-01'), list: [undefined, () => 1], text: '\\ud800\\u0001n5', key: { '\\u0001n5': 1 }, big: [1n, '\\u0001n5'] });";
    assert_eq!(
        folded(source, &[("A", "{}")]),
        r#"{"nan":null,"inf":null,"minus":0,"date":"2025-01-01T00:00:00.000Z","list":[null,null],"text":"\ud800\u0001n5","key":{"\u0001n5":1},"big":[1,"\u0001n5"]}"#
    );
    for (value, why) in [
        ("() => 1", "evolve returned a function: a state must be JSON"),
        ("Symbol('x')", "evolve returned a symbol: a state must be JSON"),
        ("Promise.resolve({})", "evolve returned a promise: a reducer cannot wait"),
    ] {
        let mut reducer = script(&format!("export const initialState = 0; export const evolve = () => {value};"));
        begin(&mut reducer).expect("it starts");
        assert_eq!(fold(&mut reducer, &events(&[("A", "{}")])), [format!("0: {why}")]);
        assert_eq!(text(&mut reducer), "0");
    }
}

#[test]
fn a_cycle_is_an_error_of_the_state_not_of_the_fold() {
    let source = "export const initialState = {};
export const evolve = (s, e) => { if (e.type === 'Tie') s.self = s; else delete s.self; if (e.type === 'Fail') throw new Error('no'); s.n = e.version; };";
    let mut reducer = script(source);
    begin(&mut reducer).expect("it starts");
    assert_eq!(fold(&mut reducer, &events(&[("Tie", "{}")])), [] as [String; 0]);
    let error = reducer.state().expect_err("a cycle");
    assert!(error.message.contains("circular"), "{error}");
    // A fault while it cannot be written goes back all the same.
    assert_eq!(
        fold(&mut reducer, &events(&[("A", "{}"), ("Fail", "{}"), ("Tie", "{}"), ("Fail", "{}"), ("A", "{}")])).len(),
        2
    );
    assert_eq!(text(&mut reducer), r#"{"n":4}"#);
}

#[test]
fn a_fault_leaves_the_state_of_the_event_before_it() {
    let source = "export const initialState = { list: [], deep: { n: 0 } };
export function evolve(state, event) {
  state.list.push(event.version);
  state.deep.n++;
  if (event.data.fail) {
    throw new TypeError(`event ${event.version} is bad`);
  }
  return state;
}";
    let mut reducer = script(source);
    begin(&mut reducer).expect("it starts");
    let list: Vec<Arc<Event>> =
        (0..2000).map(|n| Arc::new(event(n, "A", if n % 3 == 1 { r#"{"fail":true}"# } else { "{}" }))).collect();
    let mut faults = Vec::new();
    for batch in list.chunks(700) {
        faults.extend(apply_all(&mut reducer, batch).expect("not lost"));
    }
    assert_eq!(faults.len(), 667);
    assert_eq!(faults[0].1.message, "TypeError: event 1 is bad");
    assert_eq!(faults[0].1.place.as_ref().map(|place| place.line), Some(6));
    let state = reducer.state().expect("a state").expect("it exists");
    assert_eq!(state.get("deep").and_then(|deep| deep.get("n")).and_then(Json::as_i64), Some(1333));
    let kept: Vec<i64> = match state.get("list") {
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_i64).collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kept, (0..2000).filter(|n| n % 3 != 1).collect::<Vec<i64>>());
}

#[test]
fn a_script_that_remembers_more_than_its_state_is_told_on() {
    let source = "let hidden = 0;
export const initialState = { n: 0 };
export function evolve(state, event) {
  hidden++;
  if (event.type === 'Fail') throw new Error('no');
  if (hidden > 2) throw new Error('worn out');
  return { n: state.n + 1 };
}";
    let mut reducer = script(source);
    begin(&mut reducer).expect("it starts");
    let faults = fold(&mut reducer, &events(&[("A", "{}"), ("A", "{}"), ("Fail", "{}")]));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("2: no; and the state before it may be wrong"), "{faults:?}");
}

#[test]
fn what_is_thrown_is_told_whatever_it_is() {
    for (thrown, told) in [
        ("'words'", "words"),
        ("42", "42 was thrown"),
        ("null", "null was thrown (or the engine has no memory left)"),
        ("undefined", "undefined was thrown"),
        ("{ code: 7 }", r#"{"code":7} was thrown"#),
        ("{ message: 'like an error' }", "like an error"),
        ("new RangeError('far')", "RangeError: far (account.js:1:63)"),
        ("new Error('')", "Error (account.js:1:63)"),
        ("10n", "bigint was thrown"),
    ] {
        let mut reducer =
            script(&format!("export const initialState = 0; export const evolve = () => {{ throw {thrown}; }};"));
        begin(&mut reducer).expect("it starts");
        let faults = fold(&mut reducer, &events(&[("A", "{}")]));
        assert_eq!(faults.len(), 1);
        let told_place = faults[0].rsplit_once(" (account.js").map_or(faults[0].as_str(), |(words, _)| words);
        let wanted = told.rsplit_once(" (account.js").map_or(told, |(words, _)| words);
        assert_eq!(told_place, format!("0: {wanted}"));
        assert_eq!(faults[0].contains("(account.js:1:"), told.contains("(account.js"), "{faults:?}");
    }
}

#[test]
fn a_wrong_script_is_refused_with_its_line() {
    let error = refused("export const initialState = {};\nexport function evolve(state) {\n  return state +;\n}\n");
    let place = error.place.as_ref().expect("a place");
    assert_eq!((place.file.as_str(), place.line), ("account.js", 3), "{error}");
    assert!(error.message.starts_with("SyntaxError"), "{error}");

    let error = refused("export const initialState = {};\n\nnothing.here();\nexport const evolve = (s) => s;");
    assert_eq!(error.place.as_ref().map(|place| place.line), Some(3), "{error}");

    let error = refused(
        "export const evolve = (s) => s;\nexport const initialState = () => {\n  throw new Error('no stream');\n};",
    );
    assert_eq!((error.message.as_str(), error.place.as_ref().map(|place| place.line)), ("no stream", Some(3)));
    // Once more, in the process that is still there.
    let mut reducer = script(
        "export const evolve = (s) => s; export const initialState = (s) => { if (s === 'bad-1') throw new Error('bad'); return 1; };",
    );
    assert!(reducer.start(Start::Initial(&"bad-1".into())).is_err());
    assert!(reducer.state().is_err());
    begin(&mut reducer).expect("it starts");
    assert_eq!(text(&mut reducer), "1");
}

#[test]
fn missing_exports_are_named_with_those_found() {
    for (source, words) in [
        ("", ["no `evolve`", "it exports nothing"]),
        ("export const initialState = {}, fold = 1;", ["no `evolve`", "initialState"]),
        ("export const evolve = (s) => s;", ["no `initialState`", "it exports: evolve"]),
        ("export const evolve = 5, initialState = 1;", ["`evolve` must be a function", "it is a"]),
        ("export default { evolve: (s) => s }", ["no `initialState`", "it exports: default"]),
        ("export default (s, e) => s;", ["no `evolve`", "it exports: default"]),
        ("module.exports = {};", ["module", "a reducer is an ES module"]),
        ("const fs = require('fs');", ["require", "a reducer is an ES module"]),
        ("import fs from 'fs'; export const evolve = 1;", ["cannot import", "fs"]),
        ("import { a } from './other.js';", ["cannot import", "other.js"]),
        ("await new Promise(() => {}); export const initialState = 0, evolve = (s) => s;", ["waits", "top level"]),
    ] {
        let error = refused(source);
        for word in words {
            assert!(error.message.contains(word), "{source}: {error}");
        }
    }
}

#[test]
fn nothing_but_the_events_decides() {
    for (expression, expected) in [
        ("new Date()", Err("no clock")),
        ("Date()", Err("no clock")),
        ("Date.now()", Err("no clock")),
        ("new (Object.getPrototypeOf(new Date(0)).constructor)()", Err("no clock")),
        ("new (class extends Date {})()", Err("no clock")),
        ("Math.random()", Err("no randomness")),
        ("eval('1')", Err("cannot make code")),
        ("new Function('return 1')()", Err("cannot make code")),
        ("(() => {}).constructor('return 1')()", Err("cannot make code")),
        ("(async () => {}).constructor('return 1')()", Err("cannot make code")),
        ("(function* () {}).constructor('return 1')()", Err("cannot make code")),
        ("new Date(event.time).getTime()", Ok("1735721881438")),
        ("new Date(event.time).getTimezoneOffset()", Ok("0")),
        ("new Date(2025, 0, 1).toISOString()", Ok(r#""2025-01-01T00:00:00.000Z""#)),
        ("new Date(0) instanceof Date", Ok("true")),
        ("new (class extends Date { hi() { return 1; } })(0).hi()", Ok("1")),
        ("Date.parse('2025-01-01') === Date.UTC(2025, 0)", Ok("true")),
        ("(() => {}) instanceof Function", Ok("true")),
        (
            "['performance','Atomics','SharedArrayBuffer','WeakRef','FinalizationRegistry','std','os','process','require','fetch','setTimeout','navigator','Worker','scriptArgs','crypto'].filter((name) => name in globalThis)",
            Ok("[]"),
        ),
    ] {
        let source = format!("export const initialState = 0; export const evolve = (state, event) => ({expression});");
        let mut reducer = script(&source);
        begin(&mut reducer).expect("it starts");
        let faults = fold(&mut reducer, &events(&[("A", "{}")]));
        match expected {
            Ok(value) => {
                assert_eq!(faults, [] as [String; 0], "{expression}");
                assert_eq!(text(&mut reducer), value, "{expression}");
            }
            Err(words) => assert!(faults.len() == 1 && faults[0].contains(words), "{expression}: {faults:?}"),
        }
    }
}

#[test]
fn the_console_is_kept_within_bounds() {
    let mut reducer = script(
        "export const initialState = 0;
         export function evolve(state, event) { console.log('at', event.version, { a: 1 }); if (event.type === 'Fail') throw 1; return state + 1; }",
    );
    begin(&mut reducer).expect("it starts");
    fold(&mut reducer, &events(&[("A", "{}"), ("Fail", "{}"), ("A", "{}")]));
    assert_eq!(reducer.take_console(), "at 0 {\"a\":1}\nat 1 {\"a\":1}\nat 2 {\"a\":1}\n");
    assert_eq!(reducer.take_console(), "");
    let mut loud = script("export const initialState = 0; export const evolve = () => console.log('x'.repeat(1e6));");
    begin(&mut loud).expect("it starts");
    fold(&mut loud, &events(&[("A", "{}"); 20]));
    assert!((1..300_000).contains(&loud.take_console().len()));
}

#[test]
fn the_fingerprint_follows_the_source() {
    let one = script(ACCOUNT).info().fingerprint;
    assert_eq!(one, script(ACCOUNT).info().fingerprint);
    assert_ne!(one, script(&format!("{ACCOUNT} ")).info().fingerprint);
}

#[test]
fn names_that_are_not_unicode_stay_what_they_are() {
    let source = r#"
export const initialState = {};
export function evolve(state, event) {
  if (event.type === 'Look') return { found: state['\ud800'], own: state['\udfffx'], other: state['"\\ud800"'] };
  return { ...state, ...event.data, "\udfffx": "\udc00" };
}"#;
    let state = r#"{"\ud800":1,"k":{"x\udfffy":2},"\"\\ud800\"":3,"\udfffx":"\udc00"}"#;
    let list = events(&[("Set", r#"{"\ud800":1,"k":{"x\udfffy":2},"\"\\ud800\"":3}"#), ("Look", "{}")]);
    let found = r#"{"found":1,"own":"\udc00","other":3}"#;
    let mut reducer = script(source);
    reducer.start(Start::Initial(&stream())).expect("it starts");
    reducer.apply(&list[..1], &mut Vec::new()).expect("folded");
    let given = reducer.state().expect("a state").expect("there is one");
    assert_eq!(given.to_string(), state);
    // Gone on from the state that was given, the script finds the same names.
    let mut resumed = script(source);
    resumed.start(Start::Resume(&stream(), &Some(given))).expect("it resumes");
    for reducer in [&mut reducer, &mut resumed] {
        reducer.apply(&list[1..], &mut Vec::new()).expect("folded");
        assert_eq!(text(reducer), found);
    }
    // The same where a state holds numbers a double cannot.
    let big = source.replace("\"\\udfffx\":", "big: 9007199254740993n, \"\\udfffx\":");
    let mut reducer = script(&big);
    reducer.start(Start::Initial(&stream())).expect("it starts");
    reducer.apply(&list[..1], &mut Vec::new()).expect("folded");
    assert_eq!(text(&mut reducer), state.replace(",\"\\udfffx", ",\"big\":9007199254740993,\"\\udfffx"));
}

#[test]
fn the_process_says_how_far_it_is_locked_in() {
    let mut reducer = script(ACCOUNT);
    assert!(reducer.sandbox().is_none());
    reducer.load().expect("it loads");
    let sandbox = reducer.sandbox().expect("it said so");
    // Limits can be set everywhere; the file system and the network need a system that can lock them.
    assert!(sandbox.level >= Level::Partial);
    assert_eq!(sandbox.level == Level::Full, sandbox.missing.is_empty(), "{sandbox}");
    for always in ["environment", "inherited files", "limit"] {
        assert!(!sandbox.missing.contains(always), "{sandbox}");
    }
}

#[test]
fn a_reducer_must_be_started() {
    let mut reducer = script(ACCOUNT);
    assert!(reducer.state().is_err());
    assert!(reducer.apply(&events(&[("A", "{}")]), &mut Vec::new()).is_err());
}

#[test]
fn large_payloads_and_states_pass() {
    let large = format!(r#"{{"text":"{}"}}"#, "ä".repeat(4 << 20));
    let mut reducer = script("export const initialState = []; export const evolve = (s, e) => [...s, e.data.text];");
    begin(&mut reducer).expect("it starts");
    assert_eq!(fold(&mut reducer, &events(&[("A", &large), ("A", &large)])), [] as [String; 0]);
    assert_eq!(text(&mut reducer).len(), 2 * (8 << 20) + 7);
    let mut reducer = script("export const initialState = ''; export const evolve = (s, e) => 'x'.repeat(65 << 20);");
    begin(&mut reducer).expect("it starts");
    // A timeline finds which event it was.
    let lost = apply_all(&mut reducer, &events(&[("A", "{}")])).expect_err("too large");
    assert!(lost.at.is_none() && lost.why.message.contains("too large"), "{lost:?}");
}

/// The fenced block that begins with this word.
fn block<'a>(document: &'a str, language: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!("\n```{language}\n")).expect("a block");
    rest.split_once("\n```").expect("its end").0
}

#[test]
fn the_documented_example_is_true() {
    let document = include_str!("../../docs/reducers.md");
    let mut reducer = script(&format!("{}\n", block(document, "js")));
    begin(&mut reducer).expect("it starts");
    let list: Vec<Arc<Event>> = block(document, "jsonl")
        .lines()
        .map(|line| {
            let line = Json::parse(line.as_bytes()).expect("JSON");
            let text = |key: &str| line.get(key).and_then(Json::as_str).expect("text").to_owned();
            let version = line.get("version").and_then(Json::as_i64).expect("a version") as u64;
            Arc::new(Event {
                time: time::parse(&text("timestamp")),
                ..event(version, &text("type"), &line.get("data").expect("data").to_string())
            })
        })
        .collect();
    let faults = fold(&mut reducer, &list);
    assert_eq!(faults.len(), 1);
    let words = faults[0].strip_prefix("2: ").expect("the third event");
    assert!(document.contains(&format!("version 3 marked as failed (`{words}`)")), "{words}");
    assert_eq!(text(&mut reducer), block(document, "json"));
}

#[test]
fn neither_batches_nor_resuming_show() {
    // Changes in place, faults in the middle of changes, large integers, an entity that ends and begins again.
    let source = "export const initialState = (stream) => ({ stream, sum: 0n, seen: {}, path: [] });
export function evolve(state, event) {
  const n = event.version;
  if (event.type === 'Reset') return n % 2 ? null : { sum: 0n, seen: {}, path: [] };
  state.sum += BigInt(event.data.n);
  state.seen['k' + n % 13] = { n, big: event.data.n, at: event.time };
  if (n % 11 === 3) throw new Error('no ' + n);
  state.path = [...state.path.slice(-5), n / 7];
  if (n % 3 === 0) return { ...state };
}";
    let list: Vec<Arc<Event>> = (0..3000u64)
        .map(|n| {
            let event_type = if n % 97 == 41 { "Reset" } else { "Added" };
            let number = if n % 5 == 0 { u128::from(n) << 70 } else { u128::from(n) };
            Arc::new(event(n, event_type, &format!(r#"{{"n":{number}}}"#)))
        })
        .collect();
    let walk = |sizes: &[usize], resume_every: usize| {
        let mut reducer = script(source);
        begin(&mut reducer).expect("it starts");
        let (mut faults, mut at, mut round) = (Vec::new(), 0, 0);
        while at < list.len() {
            let end = (at + sizes[round % sizes.len()]).min(list.len());
            let found = apply_all(&mut reducer, &list[at..end]).expect("not lost");
            faults.extend(found.into_iter().map(|(index, fault)| (at + index, fault.to_string())));
            (at, round) = (end, round + 1);
            if round % resume_every == 0 {
                let state = reducer.state().expect("a state");
                reducer.start(Start::Resume(&stream(), &state)).expect("it resumes");
            }
        }
        (text(&mut reducer), faults)
    };
    let whole = walk(&[list.len()], usize::MAX);
    assert!(whole.1.len() > 250, "{:?}", whole.1.len());
    for (sizes, resume_every) in [(&[1][..], usize::MAX), (&[1, 2, 700, 3], 2), (&[64], 1), (&[997], 1)] {
        assert_eq!(walk(sizes, resume_every), whole, "{sizes:?} {resume_every}");
    }
}

#[test]
fn a_fold_that_is_no_longer_wanted_ends_early_and_blames_nobody() {
    let source = "export const initialState = 0;
        export function evolve(n, e) { if (e.data.slow) for (;;) {} return n + 1; }";
    let mut reducer = script_within(source, Limits::default());
    // Each event uses up its own time; not one of them may be called the culprit.
    let slow = events(&[("Slow", r#"{"slow":true}"#); 512]);
    let cancel = Cancel::default();
    reducer.heed(&cancel);
    begin(&mut reducer).expect("it starts");
    let lost = std::thread::scope(|threads| {
        threads.spawn(|| cancel.cancel());
        reducer.apply(&slow, &mut Vec::new()).expect_err("it was asked to stop")
    });
    assert_eq!(lost.at, None, "{}", lost.why);
    reducer.heed(&Cancel::default());
    begin(&mut reducer).expect("it starts again");
    assert_eq!(fold(&mut reducer, &events(&[("Quick", "{}")])), [""; 0]);
    assert_eq!(text(&mut reducer), "1");
}

#[test]
fn a_call_ends_at_the_first_event_that_times_out_and_the_rest_can_be_given_again() {
    let source = "export const initialState = 0;
        export function evolve(n, e) { if (e.data.hot) for (;;) {} return n + 1; }";
    let mut reducer = script_within(source, Limits::default());
    begin(&mut reducer).expect("it starts");
    // More than one request of them: what is under way already is not folded either.
    let data = format!(r#"{{"hot":false,"text":"{}"}}"#, "x".repeat(2000));
    let mut list: Vec<Arc<Event>> = (0..600).map(|n| Arc::new(event(n, "A", &data))).collect();
    list[50] = Arc::new(event(50, "A", r#"{"hot":true}"#));
    list[599] = Arc::new(event(599, "A", r#"{"hot":true}"#));
    let mut faults = Vec::new();
    assert_eq!(reducer.apply(&list, &mut faults), Ok(51));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].0 == 50 && faults[0].1.is_timed_out(), "{faults:?}");
    assert_eq!(text(&mut reducer), "50");
    let faults = apply_all(&mut reducer, &list[51..]).expect("not lost");
    assert_eq!(faults.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [599 - 51]);
    assert_eq!(text(&mut reducer), "598");
}

#[test]
fn slow_events_are_folded_a_few_at_a_time() {
    // Each takes its while, none too long.
    let source = "export const initialState = 0;
        export function evolve(n) { let x = 0; for (let i = 0; i < 2e5; i++) x += i; return n + 1; }";
    let mut reducer = script_within(source, Limits { event: Duration::from_secs(5), ..Limits::default() });
    begin(&mut reducer).expect("it starts");
    let list: Vec<Arc<Event>> = (0..400).map(|n| Arc::new(event(n, "A", "{}"))).collect();
    let dealt = reducer.apply(&list, &mut Vec::new()).expect("not lost");
    assert!(dealt > 0 && dealt < list.len(), "{dealt}");
    assert_eq!(text(&mut reducer), dealt.to_string());
    assert_eq!(apply_all(&mut reducer, &list[dealt..]), Ok(vec![]));
    assert_eq!(text(&mut reducer), "400");
}
