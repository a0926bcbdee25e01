//! Reducers that mean harm, or are merely very broken. Whatever they do: the call comes back in time, the reducer can be
//! started again, no file appears, and the fold of a good stream afterwards is right.

#![cfg(feature = "javascript")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepback::domain::{Event, EventPage};
use stepback::reducers::hosted::Hosted;
use stepback::reducers::javascript::{self, JavaScriptConfig, Limits};
use stepback::reducers::protocol::Level;
use stepback::replay::{Advance, Budget, FoldError, Goal, Lost, Reducer, Start, Timeline};

use crate::reducing::{apply_all, events, script_within, stream, text};

const EVENT: Duration = Duration::from_millis(200);
const CALL: Duration = Duration::from_millis(300);

/// By when a call must be back on a machine that does nothing else is the limit and half a second; other tests run
/// beside this one, so what is asserted is only that nothing hangs.
const BACK: Duration = Duration::from_secs(10);

fn limits() -> Limits {
    Limits { event: EVENT, call: CALL, hello: Duration::from_secs(30), memory: 64 << 20 }
}

/// How an evil event may end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It is stopped or refused, the state stays, the next event is folded.
    Fault,
    /// The process is killed.
    Killed,
    /// Whatever the engine's version makes of it, within the limits.
    Any,
}

use End::{Any, Fault, Killed};

/// A reducer that does this on events of type `Evil`, and counts all others. `before` stands at the top of the script.
fn evil(before: &str, on_evil: &str) -> String {
    format!(
        "{before}
export const initialState = {{ count: 0 }};
export function evolve(state, event) {{
  if (event.type === 'Evil') {{ {on_evil} }}
  return {{ count: state.count + 1 }};
}}"
    )
}

fn batch() -> Vec<Arc<Event>> {
    events(&[("Good", "{}"), ("Good", "{}"), ("Evil", r#"{"a":1}"#), ("Good", "{}")])
}

/// Applies within the time, or fails the test.
fn apply(reducer: &mut Hosted, events: &[Arc<Event>]) -> Result<Vec<(usize, FoldError)>, Lost> {
    let begun = Instant::now();
    let result = apply_all(reducer, events);
    assert!(begun.elapsed() < BACK, "it took {:?}", begun.elapsed());
    result
}

/// Folds the batch with one evil event; whatever happens to the process, in the end the good events count.
fn survive(before: &str, on_evil: &str, end: End) {
    let source = evil(before, on_evil);
    let mut reducer = script_within(&source, limits());
    reducer.start(Start::Initial(&stream())).unwrap_or_else(|error| panic!("{source}: {error}"));
    let list = batch();
    match apply(&mut reducer, &list) {
        Ok(faults) => match (end, faults.as_slice()) {
            (Any, []) => (),
            (Fault | Any, [(2, _)]) => assert_eq!(text(&mut reducer), r#"{"count":3}"#, "{source}"),
            (end, faults) => panic!("{source}: expected {end:?}, got {faults:?}"),
        },
        Err(lost) => {
            assert!(matches!(end, Killed | Any), "{source}: expected {end:?}, got {lost:?}");
            assert!(reducer.state().is_err(), "{source}");
            // As a timeline does: start over, and when the culprit is not known, find it.
            let mut at = lost.at;
            if at.is_none() {
                reducer.start(Start::Initial(&stream())).expect("it starts again");
                at = apply(&mut reducer, &list).expect_err("lost again").at;
            }
            assert_eq!(at, Some(2), "{source}: {lost:?}");
            reducer.start(Start::Initial(&stream())).expect("it starts again");
            assert_eq!(apply(&mut reducer, &list[..2]).map(|faults| faults.len()), Ok(0), "{source}");
            assert_eq!(apply(&mut reducer, &list[3..]).map(|faults| faults.len()), Ok(0), "{source}");
            assert_eq!(text(&mut reducer), r#"{"count":3}"#, "{source}");
        }
    }
}

/// Many of them in one test, so that they run one after the other.
fn survive_all(programs: &[(&str, &str, End)]) {
    for (before, on_evil, end) in programs {
        survive(before, on_evil, *end);
    }
}

#[test]
fn loops_are_stopped() {
    survive_all(&[
        ("", "while (true);", Fault),
        ("", "for (;;) { try { for (;;); } catch {} }", Fault),
        ("", "for (;;) { try { throw 1; } catch {} finally { continue; } }", Fault),
        ("", "state.count = 99; while (true);", Fault),
        ("function* forever() { while (true) yield 1; }", "return [...forever()];", Fault),
        ("", "for (const x of { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) });", Fault),
        ("const again = () => { try { again(); } finally { again(); } };", "again();", Fault),
        ("", "label: while (true) { while (true) continue label; }", Fault),
        ("", "do { var p = new Proxy({}, { get: () => p }); p = p.a.b.c; } while (true);", Fault),
    ]);
}

#[test]
fn recursion_is_stopped() {
    survive_all(&[
        ("const deeper = (n) => deeper(n + 1) + 1;", "return deeper(0);", Fault),
        ("const deeper = () => { try { return deeper(); } catch { return deeper(); } };", "return deeper();", Fault),
        ("", "const a = []; a.toString = () => '' + a; return '' + a;", Fault),
        ("", "let o = {}; for (let n = 0; n < 1e5; n++) o = { o }; return o;", Any),
        ("", "return JSON.parse('['.repeat(1e6) + ']'.repeat(1e6));", Fault),
        ("", "let f = () => 1; for (let n = 0; n < 1e5; n++) { const g = f; f = () => g(); } return f();", Fault),
        ("", "let p = {}; for (let n = 0; n < 1e5; n++) p = new Proxy(p, {}); return { x: p.x };", Any),
        ("", "return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('x');", Any),
    ]);
}

#[test]
fn built_ins_that_do_not_look_up_are_killed() {
    survive_all(&[
        ("", "return /^(a+)+$/.test('a'.repeat(40) + '!');", Fault),
        ("", "return /(x+x+)+y/.test('x'.repeat(1e5));", Any),
        (
            "",
            "const s = 'a'.repeat(1.5e7); let n = 0; for (let i = 0; i < 50; i++) n += s.indexOf('a'.repeat(5e6) + 'b'); return n;",
            Killed,
        ),
        ("", "return 'a'.repeat(2e7).split('').join('b').length;", Any),
        ("", "return 'ab'.repeat(1e7).replaceAll('a', 'cc').length;", Any),
        ("", "return new Array(2 ** 31).join('');", Any),
        ("", "return new Array(4e7).fill(0).sort().length;", Any),
        ("", "return Array.from({ length: 1e6 }, (_, n) => -n).sort((a, b) => a - b).length;", Any),
        ("", "return Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);", Any),
        ("", "return Array.prototype.lastIndexOf.call(new Proxy({ length: 2 ** 52 }, { has: () => false }), 1);", Any),
        ("", "return (7n ** 2000000n).toString().length;", Any),
        ("", "let n = 3n; for (;;) n = n * n;", Any),
        ("", "return BigInt('9'.repeat(1e7));", Any),
        ("", "return 'x'.padEnd(2 ** 29).normalize('NFKD').length;", Any),
        ("", "return JSON.stringify('\\u0001'.repeat(1e7)).length;", Any),
    ]);
}

#[test]
fn memory_ends_before_ours_does() {
    survive_all(&[
        ("", "const all = []; for (;;) all.push(new Array(1000).fill(all));", Fault),
        ("", "let s = 'x'; for (;;) s += s;", Fault),
        ("", "return new ArrayBuffer(2 ** 32);", Fault),
        ("", "const all = []; for (;;) { try { all.push(new Uint8Array(1 << 20)); } catch {} }", Fault),
        ("const leak = [];", "for (;;) leak.push({ a: 'x'.repeat(100) + leak.length });", Any),
        ("", "const m = new Map(); for (let n = 0; ; n++) m.set(n, { n });", Fault),
        ("", "return { big: 'x'.repeat(4e7), again: 'y'.repeat(4e7) };", Any),
        ("", "return 'x'.repeat(2 ** 30 - 25);", Fault),
    ]);
}

#[test]
fn tricks_with_objects_stay_inside() {
    survive_all(&[
        (
            "",
            "Object.prototype.count = 7; Object.prototype.toJSON = () => 5; delete Object.prototype.toJSON; return { count: 3 - 0 };",
            Any,
        ),
        ("", "throw { toString() { while (true); } };", Fault),
        ("", "throw { get message() { while (true); }, get stack() { while (true); } };", Fault),
        ("", "throw new Proxy({}, { get() { while (true); }, ownKeys() { while (true); } });", Fault),
        ("", "throw { toJSON() { throw this; } };", Fault),
        ("", "const e = new Error('x'.repeat(1e7)); e.stack = 'reducer:1:1\\n'.repeat(1e6); throw e;", Fault),
        ("", "Error.prepareStackTrace = () => { while (true); }; throw new Error('x');", Fault),
        ("", "throw null;", Fault),
        ("", "throw Symbol('x');", Fault),
        ("", "return Promise.resolve().then(() => { while (true); });", Fault),
        ("", "(async () => { for (;;) await null; })(); return state;", Killed),
        ("", "return new Promise(() => {});", Fault),
        ("", "Promise.prototype.then = () => { throw 1; }; (async () => { await 1; })(); return state;", Fault),
        ("", "import('fs'); return state;", Fault),
        ("", "return import('/etc/passwd');", Fault),
        ("", "Object.defineProperty(event, 'type', { get() { throw 1; } }); return event;", Any),
        (
            "",
            "JSON.stringify = JSON.parse = () => { while (true); }; event.metadata; return { count: state.count };",
            Any,
        ),
        ("", "BigInt = Error = SyntaxError = Object = undefined; throw state.nothing.here;", Fault),
        (
            "",
            "Array.prototype[Symbol.iterator] = Map.prototype.get = String.prototype.slice = () => { throw 1; }; throw 2;",
            Fault,
        ),
    ]);
}

#[test]
fn ways_out_lead_nowhere() {
    survive_all(&[
        ("", "process.exit(0);", Fault),
        ("", "std.exit(0);", Fault),
        ("", "os.exec(['touch', '/tmp/out']);", Fault),
        ("", "return require('child_process').execSync('id');", Fault),
        ("", "return globalThis.process.env;", Fault),
        ("", "return Deno.env.toObject();", Fault),
        ("", "fetch('http://localhost/');", Fault),
        ("", "new Worker('x');", Fault),
        ("", "setTimeout(() => {}, 0);", Fault),
        ("", "print('garbage'); return state;", Fault),
        ("", "std.out.puts('garbage');", Fault),
        ("", "return (() => {}).constructor('return this')();", Fault),
        ("", "return Reflect.construct(Object.getPrototypeOf(function* () {}).constructor, ['yield 1']);", Fault),
        ("", "for (let n = 0; n < 1e5; n++) console.log('x'.repeat(1000)); return { count: 3 };", Any),
        ("", "console.log({ toJSON() { while (true); } });", Fault),
    ]);
}

#[test]
fn a_state_that_fights_back_is_an_error() {
    for (evil_state, words) in [
        ("{ toJSON() { while (true); } }", "too long"),
        ("{ get a() { while (true); } }", "too long"),
        ("{ get a() { throw new Error('not you'); } }", "not you"),
        ("new Proxy({}, { ownKeys() { throw new Error('no keys'); } })", "no keys"),
        ("(() => { const a = {}; a.a = a; return a; })()", "circular"),
        ("{ toJSON() { return undefined; } }", "must be JSON"),
        ("(() => { let o = {}; for (let n = 0; n < 1e5; n++) o = { o }; return o; })()", ""),
    ] {
        let source = format!(
            "export const initialState = {{ count: 0 }};
export function evolve(state, event) {{
  if (event.type === 'Evil') return {evil_state};
  return {{ count: (state.count ?? 10) + 1 }};
}}"
        );
        let mut reducer = script_within(&source, limits());
        reducer.start(Start::Initial(&stream())).expect("it starts");
        let list = batch();
        if words == "too long" {
            // It would take its time whenever it is looked at: that is told at once, and a timeline finds the event.
            let lost = apply(&mut reducer, &list[..3]).expect_err(&source);
            assert!(lost.at.is_none() && lost.why.is_spent() && lost.why.message.contains(words), "{source}: {lost:?}");
            reducer.start(Start::Initial(&stream())).expect("it starts again");
            assert_eq!(apply(&mut reducer, &list[3..]), Ok(vec![]), "{source}");
            assert_eq!(text(&mut reducer), r#"{"count":1}"#, "{source}");
            continue;
        }
        assert_eq!(apply(&mut reducer, &list[..3]), Ok(vec![]), "{source}");
        let begun = Instant::now();
        let error = reducer.state().expect_err(&source);
        assert!(begun.elapsed() < BACK, "{source}");
        assert!(error.message.contains(words), "{source}: {error}");
        // The process lives and folds on.
        assert_eq!(apply(&mut reducer, &list[3..]).map(|faults| faults.len()), Ok(0), "{source}");
        assert_eq!(text(&mut reducer).as_bytes()[..9], *br#"{"count":"#, "{source}");
    }
}

#[test]
fn a_script_that_never_starts_is_stopped() {
    for (source, words) in [
        ("while (true);", "too long"),
        ("export const evolve = (s) => s; export const initialState = () => { while (true); };", "too long"),
        ("export const evolve = (s) => s; export const initialState = { toJSON() { while (true); } };", "too long"),
        ("for (;;) await null;", "too long"),
        ("const s = 'a'.repeat(1.5e7); for (let i = 0; i < 50; i++) s.indexOf('a'.repeat(5e6) + 'b');", ""),
        ("const all = []; for (;;) all.push(new Array(1000).fill(all));", "memory"),
        ("export default new Proxy({}, { get() { while (true); } });", "too long"),
        (
            "export const evolve = new Proxy(() => {}, { apply() { while (true); } }), initialState = () => Promise.reject(1);",
            "promise",
        ),
        ("import 'std';", "cannot import"),
        (&"(".repeat(1 << 20), ""),
        (&format!("export const x = `{}`;", "${`".repeat(100_000)), ""),
        ("\0\u{1}\u{2}", ""),
    ] {
        let mut reducer = script_within(source, limits());
        for _ in 0..2 {
            let begun = Instant::now();
            let error = reducer.start(Start::Initial(&stream())).expect_err("it cannot start");
            assert!(begun.elapsed() < BACK, "{error}");
            assert!(error.message.contains(words), "{error}");
        }
    }
}

#[test]
fn slow_is_not_evil() {
    // Each event within its limit, all of them far beyond that of a single call.
    let source = "export const initialState = 0;
export function evolve(state) { let n = 0; for (let i = 0; i < 4e5; i++) n += i; return state + 1; }";
    let mut reducer = script_within(source, Limits { event: Duration::from_secs(5), ..limits() });
    reducer.start(Start::Initial(&stream())).expect("it starts");
    let faults = apply_all(&mut reducer, &events(&[("A", "{}"); 40])).expect("not lost");
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(text(&mut reducer), "40");
}

/// The first words of a host, for a shell: 22 bytes, "@stepback", version 3, no engine's name, locked in, nothing missing.
const HELLO: &str = r"printf '\026\000\000\000@stepback\004\000\000\000\000\000\000\000\002\000\000\000\000'";

fn write_script(path: &Path, body: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, format!("#!/bin/sh\n{body}\n")).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// A reducer hosted by another program.
fn of_host(host: PathBuf) -> Hosted {
    javascript::reducer(JavaScriptConfig {
        file_name: "account.js".into(),
        source: "export const initialState = 0; export const evolve = (s) => s;".into(),
        host,
        limits: Limits { hello: Duration::from_secs(2), ..limits() },
    })
}

#[test]
fn programs_that_are_no_host_are_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = |name: &str, body: &str| {
        let path = directory.path().join(name);
        write_script(&path, body);
        path
    };
    for (host, words) in [
        ("/nowhere/at/all".into(), "cannot start"),
        ("/bin/true".into(), "is gone"),
        (script("silent", "exec sleep 1000"), "said nothing"),
        (script("chatty", "exec yes"), "protocol"),
        (script("leaving", &format!("{HELLO}; exit 7")), "status 7"),
        (script("hanging", &format!("{HELLO}; exec sleep 1000")), "said nothing"),
        (script("garbling", &format!("{HELLO}; exec yes")), "protocol"),
        (script("cut", &format!("{HELLO}; printf '\\377\\000\\000\\000A'; exit 0")), "is gone"),
        (script("confused", &format!("{HELLO}; {HELLO}; exec sleep 1000")), "not asked"),
        (script("complaining", "echo it hurts >&2; exit 1"), "it hurts"),
    ] {
        let mut reducer = of_host(host);
        let begun = Instant::now();
        let error = reducer.start(Start::Initial(&stream())).expect_err("it cannot start");
        assert!(begun.elapsed() < BACK, "{error}");
        assert!(error.message.contains(words), "{words}: {error}");
        assert!(reducer.state().is_err());
    }
}

#[test]
fn a_death_is_blamed_on_the_event_that_was_announced() {
    let done = r"printf '\001\000\000\000A'";
    let at_two = r"printf '\005\000\000\000F\002\000\000\000'";
    for (last_words, at) in [("true", None), (at_two, Some(2))] {
        let directory = tempfile::tempdir().expect("a directory");
        let host = directory.path().join("host");
        write_script(&host, &format!("{HELLO}; {done}; {done}; head -c 150 >/dev/null; {last_words}; kill -11 $$"));
        let mut reducer = of_host(host);
        reducer.start(Start::Initial(&stream())).expect("it starts");
        let lost = apply(&mut reducer, &batch()).expect_err("lost");
        assert_eq!(lost.at, at);
        assert!(lost.why.message.contains("signal 11"), "{lost:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_holds_its_pipes_and_nothing_else() {
    // Something a careless program leaves open for its children.
    let left_open = tempfile::tempfile().expect("a file");
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).expect("inheritable");
    let mut reducer = script_within(&evil("", ""), limits());
    reducer.start(Start::Initial(&stream())).expect("it starts");
    let id = reducer.process().expect("it runs");
    let mut open: Vec<String> = std::fs::read_dir(format!("/proc/{id}/fd"))
        .expect("its files")
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect();
    assert_eq!(open.len(), 3, "{open:?}");
    open.retain(|link| !link.starts_with("pipe:"));
    assert_eq!(open, [] as [String; 0]);
    assert_eq!(std::fs::read_to_string(format!("/proc/{id}/environ")).expect("its environment"), "TZ=UTC0\0");
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("its limits");
    for (limit, value) in [
        ("Max open files", "3"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max address space", "536870912"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit)).expect(limit);
        assert_eq!(line.split_whitespace().next(), Some(value), "{limit}");
    }
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
    if reducer.sandbox().is_some_and(|sandbox| sandbox.level == Level::Full) {
        assert!(status.lines().any(|line| line == "NoNewPrivs:\t1"), "{status}");
    }
    // The list of calls binds every thread of it, and a fold works under it.
    if !reducer.sandbox().expect("known").missing.contains("system calls") {
        for task in std::fs::read_dir(format!("/proc/{id}/task")).expect("its threads").flatten() {
            let status = std::fs::read_to_string(task.path().join("status")).expect("its status");
            assert!(status.lines().any(|line| line == "Seccomp:\t2"), "{status}");
        }
        assert_eq!(apply(&mut reducer, &batch()).map(|faults| faults.len()), Ok(0));
        assert_eq!(text(&mut reducer), r#"{"count":4}"#);
    }
    // Keys of the terminal go to the process group of the foreground, which is ours.
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("its state");
    let group = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(2)).expect("a group");
    assert_eq!(group, id.to_string());
}

#[test]
fn an_array_of_holes_is_named_with_its_place_and_its_event() {
    for (on_evil, place, filled) in [
        (
            "const list = []; list[400000000] = 1; return { ...state, list };",
            "the state has a sparse array at /list",
            1,
        ),
        ("return { ...state, a: { 'b/~': [0, { c: new Array(1e9) }] } };", "at /a/b~1~0/1/c", 0),
        ("state.deep = [[[[]]]]; state.deep[0][0].length = 100000000; return state;", "at /deep/0/0", 1),
        (
            "const list = [1, 2]; list.length = 4e9; list.count = state.count; return list;",
            "the state itself is a sparse array",
            3,
        ),
    ] {
        let source = format!(
            "export const initialState = {{ count: 0 }};
export function evolve(state, event) {{
  if (event.type === 'Evil') {{ {on_evil} }}
  state.count += 1;
  return state;
}}"
        );
        let mut reducer = script_within(&source, limits());
        reducer.start(Start::Initial(&stream())).expect("it starts");
        let list = batch();
        // Not known at once; then it is looked at closely, as a timeline does.
        assert_eq!(apply(&mut reducer, &list).expect_err("lost").at, None, "{on_evil}");
        reducer.start(Start::Initial(&stream())).expect("it starts again");
        let lost = apply(&mut reducer, &list).expect_err("lost");
        assert_eq!(lost.at, Some(2), "{on_evil}: {lost:?}");
        let said = lost.why.message;
        assert!(said.contains(place), "{on_evil}: {said}");
        assert!(said.contains(&format!("{filled} of them filled, and as JSON every place is written")), "{said}");
        reducer.start(Start::Initial(&stream())).expect("it starts again");
        assert_eq!(apply(&mut reducer, &list[..2]).map(|faults| faults.len()), Ok(0));
        assert_eq!(apply(&mut reducer, &list[3..]).map(|faults| faults.len()), Ok(0));
        assert_eq!(text(&mut reducer), r#"{"count":3}"#, "{on_evil}");
    }
    // One that the next event takes away again is no state that anybody sees.
    let gone = evil("", "const list = []; list[400000000] = 1; return { count: state.count, list };");
    let mut reducer = script_within(&gone, limits());
    reducer.start(Start::Initial(&stream())).expect("it starts");
    assert_eq!(apply(&mut reducer, &batch()).map(|faults| faults.len()), Ok(0));
    assert_eq!(text(&mut reducer), r#"{"count":3}"#);
    // Small holes are what JSON makes of them, as before.
    let mut reducer =
        script_within(&evil("", "const list = []; list[3] = 1; return { count: state.count, list };"), limits());
    reducer.start(Start::Initial(&stream())).expect("it starts");
    assert_eq!(apply(&mut reducer, &batch()[..3]).map(|faults| faults.len()), Ok(0));
    assert_eq!(text(&mut reducer), r#"{"count":2,"list":[null,null,null,1]}"#);
}

/// Walks to the end of a stream; the moment there, or why there is none.
fn walk(source: &str, events: &[Arc<Event>]) -> (Timeline, Advance) {
    let script = script_within(source, limits());
    let mut timeline = Timeline::new(stream(), Box::new(script), stepback::replay::Limits::default());
    timeline.feed(EventPage { total: events.len() as u64, events: events.to_vec(), ..EventPage::default() });
    let mut goal = Goal::To(events.len() as u64);
    loop {
        let begun = Instant::now();
        let answer = timeline.advance(&mut goal, Budget { events: 1000 });
        assert!(begun.elapsed() < 10 * BACK, "it took {:?}", begun.elapsed());
        if !matches!(answer, Advance::Working { .. }) {
            return (timeline, answer);
        }
    }
}

#[test]
fn a_state_that_cannot_be_written_is_a_fault_of_the_event_that_led_to_it() {
    for (on_evil, words) in [
        ("return { ...state, x: { toJSON() { while (true); } } };", "it takes too long"),
        (
            "state.x = {}; Object.defineProperty(state.x, 'a', { enumerable: true, get() { while (true); } }); return state;",
            "it takes too long",
        ),
        ("state.x = new Proxy({}, { ownKeys() { while (true); } }); return state;", "it takes too long"),
        (
            "state.x = new Proxy({}, { ownKeys() { const all = []; for (let n = 0; n < 1e7; n++) all.push('k' + n); return all; } }); return state;",
            "cannot be written",
        ),
        ("return { ...state, x: '\\u0001'.repeat(3e7) };", "cannot be written"),
        (
            "let o = 'x'.repeat(1000); for (let n = 0; n < 30; n++) o = [o, o]; return { ...state, o };",
            "cannot be written",
        ),
        ("const o = {}; for (let n = 0; n < 1e7; n++) o['k' + n] = n; return { ...state, o };", ""),
    ] {
        let source = format!(
            "export const initialState = {{ count: 0 }};
export function evolve(state, event) {{
  if (event.type === 'Evil') {{ {on_evil} }}
  state.count += 1;
  return state;
}}"
        );
        // Behind the event there are some that change the state, and one that fails by itself.
        let mut list = batch();
        list.extend(events(&[("Good", "{}"), ("Good", "{}"), ("Good", "{}")]));
        let (timeline, answer) = walk(&source, &list);
        assert_eq!(answer, Advance::Reached, "{on_evil}");
        let moment = timeline.moment();
        assert_eq!(moment.state.expect("a state").to_string(), r#"{"count":6}"#, "{on_evil}");
        let first = moment.faults.first.expect("a fault");
        assert_eq!((moment.faults.before, first.at), (1, 3), "{on_evil}: {first:?}");
        assert!(first.error.message.contains(words), "{on_evil}: {first:?}");
    }
}

#[test]
fn three_states_that_cannot_be_written_suspend_the_fold() {
    for on_evil in
        ["return { ...state, x: { toJSON() { while (true); } } };", "return { ...state, x: '\\u0001'.repeat(3e7) };"]
    {
        let (timeline, answer) = walk(&evil("", on_evil), &events(&[("Evil", "{}"); 6]));
        assert!(matches!(&answer, Advance::Suspended(suspension) if suspension.times == 3), "{on_evil}: {answer:?}");
        assert_eq!(timeline.counted().faults.before, 3, "{on_evil}");
    }
}

#[test]
fn a_process_that_is_killed_is_replaced() {
    let mut reducer = script_within(&evil("", ""), limits());
    reducer.start(Start::Initial(&stream())).expect("it starts");
    let id = i32::try_from(reducer.process().expect("it runs")).expect("an id");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL).expect("killed");
    let lost = apply(&mut reducer, &batch()).expect_err("lost");
    assert_eq!(lost.at, None);
    assert!(lost.why.message.contains("signal 9"), "{lost:?}");
    // Watched closely now, nobody is found guilty.
    reducer.start(Start::Initial(&stream())).expect("it starts again");
    assert_eq!(apply(&mut reducer, &batch()).map(|faults| faults.len()), Ok(0));
    assert_eq!(text(&mut reducer), r#"{"count":4}"#);
    // Dropping it ends the process.
    let id = reducer.process().expect("it runs");
    drop(reducer);
    let begun = Instant::now();
    while std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty()) {
        assert!(begun.elapsed() < BACK, "it lives on");
        std::thread::yield_now();
    }
}

#[test]
fn a_process_ends_with_its_parent() {
    use std::io::Read;
    use std::process::{Command, Stdio};
    use stepback::reducers::protocol::Request;

    // Idle, and in the middle of a built-in that nothing inside the engine can stop.
    for source in ["", "const s = 'a'.repeat(1.5e7); for (;;) s.indexOf('a'.repeat(5e6) + 'b');"] {
        let mut host = Command::new(env!("CARGO_BIN_EXE_stepback"))
            .arg("reducer-host")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut request = Vec::new();
        Request::Load { event_micros: 200_000, call_micros: 300_000, memory: 64 << 20, source }.write(&mut request);
        let mut pipe = host.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut pipe, &request).expect("written");
        drop(pipe);
        let (ended, end) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let _ = host.stdout.take().expect("a pipe").read_to_end(&mut Vec::new());
            ended.send(host.wait().is_ok())
        });
        assert_eq!(end.recv_timeout(BACK * 3), Ok(true), "it lives on: {source}");
        assert!(reader.join().is_ok());
    }
}
