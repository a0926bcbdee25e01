//! The doctor over whole sources: what stands beside the events, and the command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use stepback::domain::{
    About, Cancel, DeclaredStream, Event, FailureKind, Json, Note, NoteKind, Payload, Position, StoredSnapshot, Version,
};
use stepback::session::doctor::{Kind, Questions, Report, Severity, examine};
use stepback::session::{ReducerBook, ReducerPlaces, Source, Walker};
use stepback::sources::memory::Memory;

fn event(stream: &str, version: u64, n: u64, data: &str) -> Event {
    Event {
        stream: stream.into(),
        version: Version(version),
        position: Position::Number(n),
        id: Some(format!("id-{n}").as_str().into()),
        event_type: "Deposited".into(),
        time: None,
        data: Payload::json_text(data),
        metadata: Payload::default(),
        correlation: None,
        causation: None,
        notes: Vec::new(),
        trouble: None,
    }
}

/// Two accounts of ten events each, in turns, each event adding its version; and an order.
fn accounts() -> Vec<Event> {
    let mut all = Vec::new();
    for version in 1..=10 {
        for stream in ["account-1", "account-2"] {
            all.push(event(stream, version, all.len() as u64 + 1, &format!("{{\"amount\":{version}}}")));
        }
    }
    all.push(event("order-1", 1, 21, "{}"));
    all
}

const SUMS: &str = "export const initialState = { balance: 0, more: { seen: 0 } };
export function evolve({ balance, more }, { data, version }) {
  if (data.amount === 666) throw new Error('that amount');
  return { balance: balance + data.amount, more: { seen: more.seen + 1, version } };
}";

fn snapshot(stream: &str, version: u64, state: &str) -> StoredSnapshot {
    let place = format!("snapshots, {stream} {version}");
    StoredSnapshot { stream: stream.into(), version: Version(version), state: Payload::json_text(state), place }
}

fn walker(source: Arc<dyn Source>, folder: &Path) -> Walker {
    std::fs::write(folder.join("sums.js"), SUMS).expect("written");
    std::fs::write(folder.join("stepback.toml"), "[reducers]\naccount = \"sums.js\"\n").expect("written");
    let host = PathBuf::from(env!("CARGO_BIN_EXE_stepback"));
    let places = ReducerPlaces { explicit: None, folders: vec![folder.to_path_buf()], host };
    Walker::new(source, ReducerBook::read(places).expect("a project file")).for_one_answer()
}

fn looked_at(source: Memory, questions: &Questions) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let source: Arc<dyn Source> = Arc::new(source);
    let mut walker = walker(source.clone(), folder.path());
    examine(&*source, Some(&mut walker), questions, &Cancel::default(), &mut |_, _, _| {}).expect("a source")
}

fn kinds(report: &Report) -> Vec<(Kind, u64)> {
    let mut kinds: Vec<_> = report.findings.iter().map(|finding| (finding.kind, finding.count)).collect();
    kinds.sort_unstable();
    kinds
}

fn skipped<'a>(report: &'a Report, what: &str) -> Option<&'a str> {
    let check = report.checks.iter().find(|check| check.what == what).unwrap_or_else(|| panic!("{what}: {report:?}"));
    check.skipped.as_deref()
}

#[test]
fn snapshots_are_compared_with_the_fold_at_their_version() {
    let right =
        [snapshot("account-1", 4, r#"{"balance":10.0}"#), snapshot("account-2", 10, r#"{"balance":55,"other":1}"#)];
    let report = looked_at(Memory::new("m", accounts()).beside(right.to_vec(), Vec::new()), &Questions::default());
    assert!(report.findings.is_empty(), "{report:?}");
    assert_eq!(skipped(&report, "snapshots"), None);

    let strict = Questions { strict: true, ..Questions::default() };
    let report = looked_at(Memory::new("m", accounts()).beside(right.to_vec(), Vec::new()), &strict);
    assert_eq!(kinds(&report), [(Kind::SnapshotsDiffer, 2)]);

    let wrong = vec![
        snapshot("account-2", 10, r#"{"more":{"seen":10},"balance":55}"#),
        snapshot("account-2", 4, r#"{"balance":10,"more":{"seen":5}}"#),
        snapshot("account-1", 3, r#"{"balance":9}"#),
    ];
    let report = looked_at(Memory::new("m", accounts()).beside(wrong, Vec::new()), &Questions::default());
    assert_eq!(kinds(&report), [(Kind::SnapshotsDiffer, 2)]);
    assert!(report.is_wrong());
    let example = report.findings[0].example.as_ref().expect("an example");
    assert_eq!((example.stream.as_ref().map(|s| s.as_str()), example.version), (Some("account-1"), Some(Version(3))));
    assert_eq!(example.text, "snapshots, account-1 3: /balance is 9 in the snapshot, 6 in the fold by sums.js");

    let one = Questions { stream: Some("account-2".into()), ..Questions::default() };
    let wrong = vec![snapshot("account-1", 3, r#"{"balance":9}"#), snapshot("account-2", 4, r#"{"more":{"seen":5}}"#)];
    let report = looked_at(Memory::new("m", accounts()).beside(wrong, Vec::new()), &one);
    let example = report.findings[0].example.as_ref().expect("an example");
    assert!(example.text.contains("/more/seen is 5 in the snapshot, 4 in the fold"), "{example:?}");
    assert_eq!(report.findings[0].count, 1);
}

#[test]
fn a_snapshot_that_cannot_be_compared_is_no_false_finding() {
    let beside = |snapshots: Vec<StoredSnapshot>| Memory::new("m", accounts()).beside(snapshots, Vec::new());
    let report = looked_at(beside(vec![snapshot("order-1", 1, r#"{"x":1}"#)]), &Questions::default());
    assert!(report.findings.is_empty());
    assert!(skipped(&report, "snapshots").is_some_and(|why| why.contains("no reducer folds `order`")), "{report:?}");

    let report = looked_at(beside(vec![snapshot("account-1", 1, r#"{"x":1}"#)]), &Questions::default());
    assert!(report.findings.is_empty());
    assert!(skipped(&report, "snapshots").is_some_and(|why| why.contains("share no field")), "{report:?}");

    let source = beside(vec![snapshot("account-1", 1, r#"{"balance":7}"#)]);
    let report = examine(&source, None, &Questions::default(), &Cancel::default(), &mut |_, _, _| {}).expect("read");
    assert_eq!((report.findings.len(), skipped(&report, "snapshots")), (0, Some("not compared: no reducer")));
}

#[test]
fn snapshots_of_nothing_and_of_no_json_are_told() {
    let mut all = accounts();
    all[6].data = Payload::json_text("{\"amount\":666}");
    let list = vec![
        snapshot("account-1", 99, r#"{"balance":1}"#),
        snapshot("account-9", 1, r#"{"balance":1}"#),
        snapshot("account-2", 1, "{\"balance\":"),
        snapshot("account-1", 4, r#"{"balance":10}"#),
    ];
    let report = looked_at(Memory::new("m", all).beside(list, Vec::new()), &Questions::default());
    assert_eq!(kinds(&report), [(Kind::SnapshotsAstray, 2), (Kind::SnapshotsUnread, 2)]);
    let text = |kind| report.finding(kind).and_then(|finding| finding.example.clone()).expect("an example").text;
    assert!(text(Kind::SnapshotsAstray).contains("it is of version 99; the stream has versions 1 to 10"));
    assert!(text(Kind::SnapshotsUnread).contains("that amount"), "{}", text(Kind::SnapshotsUnread));
}

#[test]
fn links_are_looked_at_where_they_stand() {
    let link = |stream: &str, version, kind| Event {
        notes: vec![Note::new(kind, "link to 7 of account-9")],
        id: None,
        ..event(stream, version, 900 + version, "{}")
    };
    let all = |broken: bool, gap: bool| {
        let mut all = accounts();
        // A stream of links only, and one that has both.
        all.insert(3, link("$by-type", 0, NoteKind::Link));
        all.push(link("$by-type", 1, if broken { NoteKind::BrokenLink } else { NoteKind::Link }));
        all.push(link("order-1", if gap { 3 } else { 2 }, NoteKind::Link));
        Memory::new("m", all)
    };
    let report = looked_at(all(false, false), &Questions::default());
    assert!(report.findings.is_empty(), "{report:?}");
    assert!(report.checks.iter().any(|check| check.extent == "3 links in 2 streams"), "{report:?}");
    let report = looked_at(all(true, true), &Questions::default());
    assert_eq!(kinds(&report), [(Kind::VersionGaps, 1), (Kind::BrokenLinks, 1)]);
    let example = report.finding(Kind::BrokenLinks).and_then(|finding| finding.example.clone()).expect("an example");
    assert_eq!((example.text.as_str(), example.version), ("link to 7 of account-9", Some(Version(1))));
    let example = report.finding(Kind::VersionGaps).and_then(|finding| finding.example.clone()).expect("an example");
    assert_eq!((example.text.as_str(), example.version), ("2 is missing", Some(Version(3))));
}

#[test]
fn the_list_of_streams_is_held_against_the_events() {
    let declared = |stream: &str, version| DeclaredStream {
        stream: stream.into(),
        version: Some(version),
        archived: false,
        deleted: false,
        place: "mt_streams, row 2".into(),
    };
    let list = vec![declared("account-1", 10), declared("account-2", 12), declared("order-1", 1)];
    let report = looked_at(Memory::new("m", accounts()).beside(Vec::new(), list), &Questions::default());
    assert_eq!(kinds(&report), [(Kind::DeclaredVersions, 1)]);
    let example = report.findings[0].example.as_ref().expect("an example");
    assert_eq!(example.text, "mt_streams, row 2 says version 12, its last event is version 10");

    // A stream of links has a version too, though the walk of the store shows none of its events.
    let linked = |version| {
        let mut all = accounts();
        let notes = vec![Note::new(NoteKind::Link, "link to 7 of account-9")];
        all.push(Event { notes, id: None, ..event("linked", 5, 905, "{}") });
        let list = vec![
            declared("account-1", 10),
            declared("account-2", 10),
            declared("order-1", 1),
            declared("linked", version),
        ];
        looked_at(Memory::new("m", all).beside(Vec::new(), list), &Questions::default())
    };
    assert_eq!(kinds(&linked(5)), []);
    assert_eq!(kinds(&linked(7)), [(Kind::DeclaredVersions, 1)]);
}

#[test]
fn an_examination_can_be_stopped_and_says_how_far_it_is() {
    let source = Memory::new("m", accounts());
    let cancel = Cancel::default();
    let mut said = Vec::new();
    let stopped = examine(&source, None, &Questions::default(), &cancel, &mut |what, done, total| {
        said.push((what, done, total));
        if what == "events" {
            cancel.cancel();
        }
    });
    assert_eq!(stopped.map_err(|failure| failure.kind), Err(FailureKind::Cancelled));
    assert!(said.contains(&("events", 21, 21)), "{said:?}");
}

#[test]
fn a_layout_says_what_is_normal() {
    let mut all = accounts();
    all.remove(7);
    let normal = vec![("version-gaps".to_owned(), "events are purged".to_owned())];
    let source = Memory::new("m", all).with_about(About { normal, layout: Some("Purged".into()), ..About::default() });
    let report = examine(&source, None, &Questions::default(), &Cancel::default(), &mut |_, _, _| {}).expect("read");
    let gaps = report.finding(Kind::VersionGaps).expect("found all the same");
    assert_eq!((gaps.severity, gaps.normal.as_deref()), (Severity::Note, Some("events are purged")));
    assert!(!report.is_wrong() && report.kind.contains("Purged"));
}

fn manifest(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn doctor(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
    command.arg("doctor").args(arguments).stdin(Stdio::null());
    command
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_DATA_HOME", "/nonexistent")
        .env("XDG_CACHE_HOME", "/nonexistent");
    command.output().expect("stepback runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The findings of `--json` by their names, and the line in the end.
fn parsed(output: &Output) -> (Vec<(String, Json)>, Json) {
    let mut lines: Vec<Json> =
        text(&output.stdout).lines().map(|line| Json::parse(line.as_bytes()).expect("JSON")).collect();
    let last = lines.pop().expect("what was checked");
    let name = |line: &Json| line.get("finding").and_then(Json::as_str).expect("a name").to_owned();
    (lines.into_iter().map(|line| (name(&line), line)).collect(), last)
}

#[test]
fn the_sample_data_is_in_order_and_says_what_was_checked() {
    for file in ["orders", "users", "accounts", "rides", "activity"] {
        let output = doctor(&[&manifest(&format!("sample-data/{file}.jsonl"))]);
        let out = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{out}");
        assert!(out.contains("checked      versions: ") && out.contains("not checked  positions: "), "{out}");
        assert!(output.stderr.is_empty());
    }
    let output = doctor(&[&manifest("sample-data/orders.jsonl")]);
    assert!(text(&output.stdout).ends_with("nothing is out of order\n"), "{}", text(&output.stdout));
}

/// The orders of the sample data with something done to their lines.
fn orders(change: impl FnOnce(&mut Vec<String>)) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let all = std::fs::read_to_string(manifest("sample-data/orders.jsonl")).expect("the sample data");
    let mut lines: Vec<String> = all.lines().map(str::to_owned).collect();
    change(&mut lines);
    let path = folder.path().join("it's.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn a_lost_event_is_found_and_the_command_leads_there() {
    let (_folder, path) = orders(|lines| {
        let lost = lines.iter().position(|line| {
            line.contains("\"order-1002\"") && line.contains("\"version\": 5,")
                || line.contains("\"order-1002\"") && line.contains("\"version\":5,")
        });
        lines.remove(lost.expect("version 5 of order-1002"));
    });
    let output = doctor(&[&path, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let (findings, last) = parsed(&output);
    let gap = &findings.iter().find(|(name, _)| name == "version-gaps").expect("found").1;
    let example = gap.get("example").expect("an example");
    assert_eq!(example.get("stream").and_then(Json::as_str), Some("order-1002"));
    assert_eq!(example.get("version").and_then(Json::as_i64), Some(6));
    assert_eq!(example.get("text").and_then(Json::as_str), Some("5 is missing"));
    assert_eq!(gap.get("severity").and_then(Json::as_str), Some("error"));
    let command = example.get("command").and_then(Json::as_str).expect("a command");
    assert!(command.ends_with(r"/it'\''s.jsonl' --stream order-1002 --at 6"), "{command}");
    assert_eq!(last.get("wrong"), Some(&Json::Bool(true)));
    let out = text(&doctor(&[&path]).stdout);
    assert!(out.contains("error    version-gaps: 1 gap in the versions of a stream") && out.contains(command), "{out}");
}

#[test]
fn damage_of_every_sort_is_told_with_its_place() {
    let (_folder, path) = orders(|lines| {
        let twice = lines[100].clone();
        lines.push(twice);
        lines[7] = "{\"stream\":\"order-1001\",".into();
    });
    let (findings, _) = parsed(&doctor(&[&path, "--json"]));
    let names: Vec<&str> = findings.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["unreadable-records", "duplicate-versions", "duplicate-ids", "version-gaps", "time-back"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let command = |name: &str| {
        let finding = findings.iter().find(|(found, _)| found == name).map(|(_, finding)| finding.clone());
        let command = finding.and_then(|finding| finding.get("example")?.get("command")?.as_str().map(str::to_owned));
        command.expect("a command")
    };
    assert!(command("unreadable-records").ends_with(" --at 8"), "{}", command("unreadable-records"));
    // The version alone would lead to the first of the two.
    assert!(command("duplicate-versions").ends_with(" --at 533"), "{}", command("duplicate-versions"));
}

#[test]
fn one_stream_can_be_looked_at_alone() {
    let path = manifest("sample-data/orders.jsonl");
    let (findings, last) = parsed(&doctor(&[&path, "--stream", "order-1002", "--json"]));
    assert!(findings.is_empty());
    assert_eq!(last.get("streams").and_then(Json::as_i64), Some(1));
    let output = doctor(&[&path, "--stream", "order-9999"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no stream `order-9999`"));
}

#[test]
fn what_cannot_be_opened_is_a_failure_and_no_finding() {
    assert_eq!(doctor(&["/nonexistent/dump.jsonl"]).status.code(), Some(69));
    assert_eq!(doctor(&[]).status.code(), Some(2));
}

#[test]
fn the_corpora_have_what_their_makers_planted() {
    let (findings, last) = parsed(&doctor(&[&manifest("tests/corpus/message-db/messages.jsonl"), "--json"]));
    let found = |name: &str| findings.iter().find(|(found, _)| found == name).map(|(_, finding)| finding);
    let gaps = found("position-gaps").expect("26 rolled-back transactions");
    assert_eq!(gaps.get("count").and_then(Json::as_i64), Some(26));
    assert_eq!(gaps.get("severity").and_then(Json::as_str), Some("note"));
    assert_eq!(found("payload-outliers").and_then(|finding| finding.get("count")?.as_i64()), Some(1));
    assert_eq!(last.get("events").and_then(Json::as_i64), Some(1034));
    assert_eq!(last.get("wrong"), Some(&Json::Bool(false)));
}

#[test]
fn the_snapshots_of_cqrs_es_are_found_wrong_by_the_last_command() {
    let path = manifest("tests/corpus/cqrs-es-sqlite/cqrs.sqlite");
    let output = doctor(&[&path, "--reducer", &manifest("tests/corpus/cqrs-account.js"), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let (findings, _) = parsed(&output);
    let wrong = findings.iter().find(|(name, _)| name == "snapshots-differ").expect("found").1.clone();
    assert_eq!(wrong.get("count").and_then(Json::as_i64), Some(13), "all of them");
    let example = wrong.get("example").and_then(|example| example.get("text")?.as_str().map(str::to_owned));
    assert!(
        example.as_deref().is_some_and(|text| text.contains("/balance_minor is 2049584 in the snapshot")),
        "{example:?}"
    );
    // Without a reducer there is nothing to hold them against, and that is said instead.
    let (findings, last) = parsed(&doctor(&[&path, "--json"]));
    assert!(findings.iter().all(|(name, _)| name != "snapshots-differ"));
    assert!(last.to_string().contains("13 not compared: no reducer folds `account`"), "{last}");
    assert_eq!(last.get("wrong"), Some(&Json::Bool(false)));
}

#[test]
fn the_reducer_they_are_held_against_ends_where_the_library_ended() {
    let path = manifest("tests/corpus/cqrs-es-sqlite/cqrs.sqlite");
    let truth = std::fs::read(manifest("tests/corpus/cqrs-es-sqlite/truth.json")).expect("truth.json");
    let truth = Json::parse(&truth).expect("JSON");
    let Some(Json::Object(finals)) = truth.get("final_state_by_library") else { panic!("no states") };
    let accounts: Vec<_> = finals.sorted().filter(|entry| entry.key.starts_with("account-")).collect();
    assert_eq!(accounts.len(), 14);
    for entry in accounts {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
        command.args(["state", &path, &entry.key, "--json", "--reducer", &manifest("tests/corpus/cqrs-account.js")]);
        let output = command.stdin(Stdio::null()).output().expect("stepback runs");
        let state = Json::parse(&output.stdout).expect("JSON").get("state").cloned().expect("a state");
        for field in ["balance_minor", "status"] {
            assert_eq!(state.get(field), entry.value.get(field), "{} {field}", entry.key);
        }
        assert_eq!(state.get("n"), entry.value.get("last_sequence"), "{}", entry.key);
    }
}
