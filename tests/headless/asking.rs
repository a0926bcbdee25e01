//! Expressions over a history: what they give at each place, and the commands that say so.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use stepback::condition::Expression;
use stepback::domain::patch::written;
use stepback::domain::{Cancel, Destination, Json, Path, PathGlob, Scope, StreamName};
use stepback::session::blame::{Question, blame_path, blame_paths, leaves};
use stepback::session::flips::{Given, flips};
use stepback::session::judging::subject_of;
use stepback::session::{Opening, ReducerBook, ReducerPlaces, Source, Walker};

use crate::support::program::{manifest, run, run_in, text};

/// Fails at one type, changes in place and throws at another, removes the entity at a third.
const ACCOUNT: &str = "export const initialState = null;
export function evolve(state, event) {
  switch (event.type) {
    case 'Opened': return { total: 0, lines: [] };
    case 'Refused': throw new Error('refused');
    case 'Spoiled': state.total = 1e9; throw new Error('spoiled');
    case 'Closed': return null;
    default: return { ...state, total: state.total + event.data.amount, lines: [...state.lines, { n: event.data.amount }] };
  }
}
";

const EXPRESSIONS: [&str; 12] = [
    "state.total < 0",
    "state == null",
    "prev == null",
    "state.total",
    "state.lines.size() > 3",
    "changed('/total')",
    "changed('/lines/*/n')",
    "fault != null",
    "patch.size()",
    "event.data.amount > 0",
    "event.type == 'Added' && state.total > prev.total",
    "fault == null ? state : 'failed'",
];

/// Streams of an account: those of every type, in an order that seems random.
fn accounts(folder: &std::path::Path) -> (PathBuf, PathBuf) {
    let types = ["Opened", "Added", "Added", "Refused", "Added", "Closed", "Opened", "Added", "Spoiled", "Added"];
    let mut lines = String::new();
    let mut seed = 7_u64;
    for version in 1..=120_u64 {
        for stream in 0..4 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = usize::try_from(seed >> 40).unwrap();
            let event_type = if version == 1 { "Opened" } else { types[number % types.len()] };
            let amount = i64::try_from(number % 41).unwrap() - 20;
            let data = format!(r#"{{"amount":{amount}}}"#);
            // One record cannot be read.
            let data = if version == 50 && stream == 1 { "{\"amount\":" } else { &data };
            lines += &format!(
                "{{\"stream\":\"account-{stream}\",\"version\":{version},\"type\":\"{event_type}\",\"data\":{data}}}\n"
            );
        }
    }
    let (dump, script) = (folder.join("accounts.jsonl"), folder.join("account.js"));
    std::fs::write(&dump, lines).unwrap();
    std::fs::write(&script, ACCOUNT).unwrap();
    (dump, script)
}

fn walker(dump: &std::path::Path, script: Option<PathBuf>) -> (Arc<dyn Source>, Walker) {
    let opening = Opening { address: dump.into(), ..Opening::default() };
    let source = opening.source().unwrap();
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let places =
        ReducerPlaces { explicit: script, host: env!("CARGO_BIN_EXE_stepback").into(), ..ReducerPlaces::default() };
    let walker = Walker::new(Arc::clone(&source), ReducerBook::read(places).unwrap());
    (source, walker)
}

fn given(value: Result<Json, String>) -> Given {
    match value {
        Ok(Json::Bool(truth)) => Given::Truth(truth),
        Ok(value) => Given::Value(value),
        Err(why) => Given::Unknown(why),
    }
}

#[test]
fn flips_are_what_walking_to_every_place_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, script) = accounts(folder.path());
    let cancel = Cancel::default();
    for script in [None, Some(script)] {
        let (source, mut walker) = walker(&dump, script);
        for stream in ["account-0", "account-1", "account-3"] {
            let stream = StreamName::from(stream);
            let events = source.stream(&stream).unwrap().unwrap().events;
            for written in EXPRESSIONS {
                let expression = Expression::parse(written).unwrap();
                let (found, ended) = flips(&mut walker, &stream, &expression, &cancel, &mut |_, _| ());
                let failed = ended.unwrap().failed;
                assert!(failed.is_none(), "{written} over {stream}: {failed:?}");
                assert_eq!(found.places, events + 1);
                let mut judge = expression.judge(&cancel);
                let mut expected: Vec<(u64, Given)> = Vec::new();
                for place in 0..=events {
                    let to = Destination::To(place);
                    let scope = Scope::Stream(stream.clone());
                    let reached = walker.go(&scope, 0, &to, &cancel, &mut |_| ()).unwrap();
                    let now = given(judge.value(&subject_of(&reached.moment)));
                    let same = |last: &Given| match (last, &now) {
                        (Given::Unknown(_), Given::Unknown(_)) => true,
                        (last, now) => last == now,
                    };
                    if expected.last().is_none_or(|(_, last)| !same(last)) {
                        expected.push((place, now));
                    }
                }
                let found: Vec<_> = found.flips.into_iter().map(|flip| (flip.place, flip.given)).collect();
                assert_eq!(found, expected, "{written} over {stream}");
            }
        }
    }
}

fn lines(output: &std::process::Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_planted_bug_of_the_orders_is_found_by_one_question() {
    let home = tempfile::tempdir().unwrap();
    let bisect = |expression: &str, more: &[&str]| {
        run_in(home.path(), &[&["bisect", "demo", "order-1002", expression], more].concat())
    };
    let output = bisect("state.total < 0", &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = lines(&output);
    let holds: Vec<_> = told[..4].iter().map(|line| (line["version"].as_u64(), line["holds"].as_bool())).collect();
    assert_eq!(holds, [(None, None), (Some(1), Some(false)), (Some(12), Some(true)), (Some(17), Some(false))]);
    assert_eq!((&told[0]["why"], &told[2]["type"]), (&"null has no keys".into(), &"CouponApplied".into()));
    let summary = &told[4]["summary"];
    assert_eq!((summary["changes"].as_u64(), summary["true"].as_u64()), (Some(3), Some(5)));
    assert_eq!((summary["reducer"].as_str(), summary["approximate"].as_bool()), (Some("order.js"), Some(false)));
    assert_eq!((summary["events"].as_u64(), summary["partial"].as_bool()), (Some(23), Some(false)));
    // Never, unknown everywhere, no expression.
    for (expression, code, words) in [
        ("state.total < -1000", 1, "it never holds"),
        ("state.nothing > 0", 65, "it may hold where it is unknown"),
        ("state.total <", 2, "column 14"),
        ("total < 0", 2, "there is no `total` here"),
    ] {
        let output = bisect(expression, &[]);
        assert_eq!(output.status.code(), Some(code), "{expression}");
        assert!(text(&output.stderr).contains(words), "{expression}: {}", text(&output.stderr));
    }
    // What is neither true nor false changes its value.
    let output = bisect("state.total", &["--json", "--limit", "3"]);
    let told = lines(&output);
    assert_eq!((output.status.code(), told.len()), (Some(0), 4));
    assert_eq!((&told[1]["value"], &told[2]["value"]), (&0.into(), &24.into()));
    assert!(text(&output.stderr).contains("8 changes more"), "{}", text(&output.stderr));
}

#[test]
fn an_expression_gives_its_value_in_place_of_the_state() {
    let home = tempfile::tempdir().unwrap();
    let state = |expression: &str, at: &str| {
        run_in(home.path(), &["state", "demo", "order-1002", "--at", at, "--expr", expression, "--json"])
    };
    let value = |expression: &str, at: &str| lines(&state(expression, at)).remove(0);
    assert_eq!(value("state.total", "12")["value"].to_string(), "-12.5");
    assert_eq!(value("prev.total", "12")["value"].to_string(), "37.5");
    assert_eq!(value("state == null", "start")["value"], Value::Bool(true));
    assert_eq!(value("patch.map(c, c.path)", "12")["value"].to_string(), r#"["/coupons/1","/discount","/total"]"#);
    let nothing = state("state.nothing", "12");
    assert_eq!(nothing.status.code(), Some(65));
    let line = lines(&nothing).remove(0);
    assert_eq!((&line["value"], &line["why"]), (&Value::Null, &"no such key nothing".into()));
    assert!(line.get("state").is_none() && line["reducer"] == "order.js");
}

#[test]
fn events_that_fail_are_counted_with_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, script) = accounts(folder.path());
    let (dump, script) = (dump.to_str().unwrap(), script.to_str().unwrap());
    let bisect = |more: &[&str]| {
        run(&[&["bisect", dump, "account-1", "fault != null", "--reducer", script, "--json"], more].concat())
    };
    let output = bisect(&[]);
    assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
    let summary = lines(&output).pop().unwrap()["summary"].clone();
    let (faults, holds) = (summary["faults"].as_u64().unwrap(), summary["true"].as_u64().unwrap());
    assert!(faults > 5 && faults == holds, "{summary}");
    assert!(summary["first_fault"]["message"].is_string(), "{summary}");
    // The record that cannot be read stays a reason.
    assert_eq!(bisect(&["--allow-faults"]).status.code(), Some(65));
    let good = manifest("sample-data/orders.jsonl");
    assert_eq!(run(&["bisect", &good, "order-1002", "event.version > 3"]).status.code(), Some(0));
}

#[test]
fn events_are_listed_by_what_is_so_at_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, script) = accounts(folder.path());
    let cancel = Cancel::default();
    let (source, mut walker) = walker(&dump, Some(script.clone()));
    let (dump, script) = (dump.to_str().unwrap(), script.to_str().unwrap());
    for written in ["state.total < 0", "state == null", "changed('/total') && state.total > 0", "fault != null"] {
        let mut judge = Expression::parse(written).unwrap().judge(&cancel);
        let mut expected = Vec::new();
        for stream in source.streams(0, usize::MAX).unwrap().streams {
            let scope = Scope::Stream(stream.stream.clone());
            for place in 1..=stream.events {
                let reached = walker.go(&scope, 0, &Destination::To(place), &cancel, &mut |_| ()).unwrap();
                if judge.holds(&subject_of(&reached.moment)) == Ok(true) {
                    expected.push(reached.moment.event.unwrap().position.number().unwrap());
                }
            }
        }
        expected.sort_unstable();
        let listed = |more: &[&str]| {
            let output = run(&[&["events", dump, "--where", written, "--reducer", script, "--json"], more].concat());
            // Some events fail, and a record cannot be read.
            assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
            assert!(text(&output.stderr).contains("4 streams folded with account.js"), "{}", text(&output.stderr));
            lines(&output).iter().map(|line| line["position"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(listed(&[]), expected, "{written}");
        let backward: Vec<_> = expected.iter().rev().copied().collect();
        assert_eq!(listed(&["--backward"]), backward, "{written}");
        assert_eq!(listed(&["--limit", "3"]), expected[..3.min(expected.len())], "{written}");
        let within: Vec<_> = expected.iter().filter(|position| (100..=300).contains(*position)).copied().collect();
        assert_eq!(listed(&["--from", "100", "--to", "300"]), within, "{written}");
    }
    // What folds nothing says that it does not.
    let output = run(&["export", dump, "--where", "state.total < 0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("this command folds nothing"), "{}", text(&output.stderr));
}

#[test]
fn the_recipes_of_the_documentation_run() {
    let home = tempfile::tempdir().unwrap();
    let recipes = std::fs::read_to_string(manifest("docs/debugging.md")).unwrap();
    let commands: Vec<&str> = recipes.lines().filter_map(|line| line.strip_prefix("    stepback ")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        // Words, and texts in double quotes.
        let words: Vec<&str> = command.split('"').enumerate().fold(Vec::new(), |mut words, (n, part)| {
            match n % 2 {
                0 => words.extend(part.split_whitespace()),
                _ => words.push(part),
            }
            words
        });
        let output = run_in(home.path(), &words);
        let printed = text(&output.stdout);
        // What is violated ends with 1.
        let ends =
            if words[0] == "check" { Some(1) } else { output.status.code().filter(|code| [0, 65].contains(code)) };
        assert_eq!(output.status.code(), ends, "{command}: {}", text(&output.stderr));
        assert!(!printed.is_empty(), "{command}");
        // Where it is shown what comes of it, that does.
        let shown = recipes.split_once(&format!("    stepback {command}\n\n    ")).map(|(_, shown)| shown);
        if let Some(shown) = shown.filter(|shown| !shown.starts_with("stepback")) {
            let shown = format!("    {shown}");
            let shown: Vec<&str> = shown.lines().take_while(|line| !line.is_empty()).collect();
            let printed: Vec<String> = printed.lines().map(|line| format!("    {line}")).collect();
            assert_eq!(shown, printed, "{command}");
        }
    }
}

#[test]
fn a_check_says_of_each_stream_what_walking_it_alone_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, script) = accounts(folder.path());
    let cancel = Cancel::default();
    let (source, mut walker) = walker(&dump, Some(script.clone()));
    let (dump, script) = (dump.to_str().unwrap(), script.to_str().unwrap());
    for written in
        ["state.total >= 0", "state != null", "fault == null", "state.total > -1000000", "state.nothing == 1"]
    {
        let expression = Expression::parse(written).unwrap();
        let mut expected = Vec::new();
        for stream in source.streams(0, usize::MAX).unwrap().streams {
            let (found, _) = flips(&mut walker, &stream.stream, &expression, &cancel, &mut |_, _| ());
            let judged = found.flips.iter().filter(|flip| flip.event.is_some());
            let first = judged.clone().find(|flip| flip.given == Given::Truth(false));
            if let Some(first) = first {
                let version = first.event.as_ref().map(|event| event.version.0);
                let last = match found.flips.last().map(|flip| &flip.given) {
                    Some(Given::Truth(truth)) => Some(*truth),
                    _ => None,
                };
                expected.push((stream.stream.to_string(), version, last));
            }
        }
        let checked = |more: &[&str]| {
            let output = run(&[&["check", dump, written, "--reducer", script, "--json"], more].concat());
            (output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let (code, whole, said) = checked(&[]);
        let told: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (summary, lines) = told.split_last().unwrap();
        let violated: Vec<_> = lines
            .iter()
            .filter(|line| line.get("unknown").is_none() || line.get("values").is_some())
            .map(|line| {
                let stream = line["stream"].as_str().unwrap().to_owned();
                (stream, line["first"]["version"].as_u64(), line["last_holds"].as_bool())
            })
            .collect();
        assert_eq!(violated, expected, "{written}: {said}");
        assert_eq!(summary["summary"]["violated"].as_u64(), Some(expected.len() as u64), "{written}");
        // Some events fail: nobody knows for certain where nothing is violated.
        assert_eq!(code, Some(if expected.is_empty() { 65 } else { 1 }), "{written}: {said}");
        // How much is held at once, and so the passes, change nothing.
        for memory in ["1k", "30k", "60k"] {
            assert_eq!(checked(&["--memory", memory]).1, whole, "{written} within {memory}");
        }
        // Nor does parting the streams: a part is answered whatever is found in it.
        let mut parts = Vec::new();
        for part in ["0/3", "1/3", "2/3"] {
            let (code, lines, said) = checked(&["--part", part]);
            assert_eq!(code, Some(0), "{said}");
            parts.extend(lines.lines().filter(|line| !line.starts_with("{\"summary\"")).map(str::to_owned));
        }
        parts.sort();
        let mut lines: Vec<&str> = whole.lines().filter(|line| !line.starts_with("{\"summary\"")).collect();
        lines.sort_unstable();
        assert_eq!(parts, lines, "{written}");
    }
}

#[test]
fn an_invariant_finds_the_planted_bugs_over_all_streams() {
    let home = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str]| run_in(home.path(), &[&["check", "demo"], arguments, &["--json"]].concat());
    let streams = |output: &std::process::Output| {
        lines(output).iter().filter_map(|line| line["stream"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    for (expression, category, expected) in [
        ("state.total >= 0", "order", &["order-1002"][..]),
        ("state.total <= 100", "ride", &["ride-338", "ride-341", "ride-344"]),
        ("state.balance >= 0", "account", &["account-5008"]),
    ] {
        let output = check(&[expression, "--category", category]);
        assert_eq!(output.status.code(), Some(1), "{expression}");
        assert_eq!(streams(&output), expected, "{expression}");
    }
    let output = check(&["state.total >= 0", "--category", "order"]);
    let line = lines(&output).remove(0);
    assert_eq!((line["flips"].as_u64(), line["last_holds"].as_bool()), (Some(2), Some(true)), "{line}");
    assert_eq!(line["values"].to_string(), r#"{"state.total":-12.5}"#);
    // The end only: it holds there again.
    let output = check(&["state.total >= 0", "--category", "order", "--end"]);
    assert_eq!((output.status.code(), streams(&output).len()), (Some(0), 0), "{}", text(&output.stderr));
    for (arguments, code, words) in [
        (&["state.total", "--category", "order"][..], 2, "a number, not true or false"),
        (&["state.total >= 0", "--category", "nothing"], 1, "no stream"),
        (&["state.total >= 0", "--part", "3/3"], 2, "there is no part 3 of 3"),
        (&["state.nothing >= 0", "--category", "user"], 65, "could not be judged"),
    ] {
        let output = check(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn blame_is_what_comparing_all_neighbouring_states_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, script) = accounts(folder.path());
    let cancel = Cancel::default();
    for script in [None, Some(script)] {
        let (_, mut walker) = walker(&dump, script);
        for stream in ["account-0", "account-1"] {
            let (stream, scope) = (StreamName::from(stream), Scope::Stream(stream.into()));
            let mut states = Vec::new();
            for place in 0..=120 {
                let reached = walker.go(&scope, 0, &Destination::To(place), &cancel, &mut |_| ()).unwrap();
                states.push(reached.moment.state);
            }
            for at in [1, 2, 17, 60, 119, 120_usize] {
                let question = |all| Question { stream: &stream, at: at as u64, state: &states[at], all };
                let naive = |path: &Path| {
                    let places = (1..=at).filter(|place| written(&states[place - 1], &states[*place], path));
                    places.map(|place| place as u64).collect::<Vec<_>>()
                };
                let leaves = leaves(&states[at]);
                let found = blame_paths(&mut walker, question(false), leaves.clone(), &cancel, &mut |_, _| ()).unwrap();
                let last: Vec<_> = found.writes.iter().map(|write| (write.path.clone(), write.place)).collect();
                let expected: Vec<_> =
                    leaves.iter().map(|path| (path.clone(), naive(path).last().copied().unwrap_or(0))).collect();
                assert_eq!(last, expected, "{stream} at {at}");
                for typed in ["/total", "/lines/0/n", "/lines", "", "/nothing"] {
                    let glob: PathGlob = typed.parse().unwrap();
                    let path = match typed {
                        "/lines/0/n" => Path::root().key(&"lines".into()).index(0).key(&"n".into()),
                        "" => Path::root(),
                        key => Path::root().key(&key[1..].into()),
                    };
                    for all in [true, false] {
                        let found = blame_path(&mut walker, question(all), &glob, &cancel, &mut |_, _| ()).unwrap();
                        let places: Vec<_> =
                            found.writes.iter().map(|write| write.place).filter(|at| *at > 0).collect();
                        let expected = naive(&path);
                        let expected = if all { expected } else { expected.last().copied().into_iter().collect() };
                        assert_eq!(places, expected, "{typed} of {stream} at {at}");
                        for write in found.writes.iter().filter(|write| write.place > 0) {
                            let at = |place: u64| states[usize::try_from(place).unwrap()].as_ref();
                            let (before, after) = (at(write.place - 1), at(write.place));
                            assert_eq!(write.before.as_ref(), before.and_then(|state| state.at(&path)));
                            assert_eq!(write.after.as_ref(), after.and_then(|state| state.at(&path)));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn blame_says_who_wrote_it_that_it_is_gone_or_was_never_there() {
    let home = tempfile::tempdir().unwrap();
    let blame = |arguments: &[&str]| run_in(home.path(), &[&["blame", "demo"], arguments, &["--json"]].concat());
    let told = |arguments: &[&str]| {
        let output = blame(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        lines(&output)
    };
    let last = told(&["order-1002", "/total"]).remove(0);
    assert_eq!((&last["version"], &last["type"]), (&17.into(), &"CouponRevoked".into()));
    assert_eq!((last["before"].to_string(), last["after"].to_string()), ("-12.5".into(), "37.5".into()));
    assert_eq!((&last["path"], &last["reducer"], &last["faults"]), (&"/total".into(), &"order.js".into(), &0.into()));
    assert_eq!(told(&["order-1002", ".total", "--all"]).len(), 10);
    assert_eq!(told(&["order-1002", "/total", "--at", "12"])[0]["version"], 12);
    // Gone: its removal, with no side behind it.
    let gone = told(&["order-1002", "/coupons/1"]).remove(0);
    assert!(gone["version"] == 17 && gone.get("after").is_none() && gone["before"].is_object(), "{gone}");
    let absent = told(&["user-125"]);
    assert!(absent.len() == 1 && absent[0]["path"] == "" && absent[0].get("after").is_none(), "{absent:?}");
    let each = told(&["order-1002", "/items/*/quantity"]);
    let paths: Vec<_> = each.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/items/0/quantity", "/items/1/quantity", "/items/2/quantity"]);
    assert!(told(&["order-1002"]).len() > 20, "every leaf");
    for (arguments, code, words) in [
        (&["order-1002", "/totl"][..], 1, "/totl was never there; nearest: /total"),
        (&["order-1002", "/total", "/totl"], 65, "/totl was never there"),
        (&["order-1002", "total"], 2, "`total` is no path"),
        (&["order-0", "/total"], 1, "no stream"),
    ] {
        let output = blame(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
}
