//! The commands from outside: the real binary on the sample data.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use stepback::domain::Json;

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data").join(name).display().to_string()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
    command.args(arguments).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_DATA_HOME", "/nonexistent");
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("stepback runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The lines of an output, each parsed as JSON.
fn lines(output: &Output) -> Vec<Json> {
    assert_eq!(code(output), 0, "{}", stderr(output));
    stdout(output)
        .lines()
        .map(|line| Json::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn keys(value: &Json) -> Vec<String> {
    match value {
        Json::Object(object) => object.in_order().iter().map(|entry| entry.key.to_string()).collect(),
        _ => panic!("{value} is no object"),
    }
}

fn written(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("dump.jsonl");
    std::fs::write(&path, text).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn streams_are_listed_with_exactly_the_promised_names() {
    let all = lines(&run(&["streams", &sample("accounts.jsonl"), "--json"]));
    assert!(all.len() > 3);
    for stream in &all {
        assert_eq!(keys(stream), ["stream", "events", "first_version", "last_version", "first_time", "last_time"]);
    }
    let first = all[0].get("stream").and_then(Json::as_str).expect("a name").to_owned();
    let one = lines(&run(&["streams", &sample("accounts.jsonl"), "--json", "--match", &first]));
    assert_eq!(one, [all[0].clone()]);
    assert_eq!(lines(&run(&["streams", &sample("accounts.jsonl"), "--json", "--limit", "2"])).len(), 2);
    assert_eq!(
        lines(&run(&["streams", &sample("rides.jsonl"), "--json", "--category", "payment"])).len()
            + lines(&run(&["streams", &sample("rides.jsonl"), "--json", "--category", "ride"])).len(),
        lines(&run(&["streams", &sample("rides.jsonl"), "--json"])).len()
    );
    let table = stdout(&run(&["streams", &sample("accounts.jsonl")]));
    assert!(table.starts_with("STREAM ") && table.lines().count() == all.len() + 1, "{table}");
}

#[test]
fn events_keep_every_byte_of_data_and_metadata() {
    let data = r#"{ "b":1.0, "a": 18446744073709551615, "b":"ü", "t":"\u0041" }"#;
    let metadata = r#"{"correlationId":"c"}"#;
    let (_folder, dump) = written(&format!(
        "{{\"id\":\"e1\",\"stream\":\"a-1\",\"version\":0,\"type\":\"Made\",\"time\":\"2025-01-01T00:00:00Z\",\"data\":{data},\"metadata\":{metadata}}}\n\
         {{\"id\":\"e2\",\"stream\":\"a-1\",\"version\":1,\"type\":\"Done\",\"time\":\"2025-01-01T00:00:01Z\",\"data\":{{}},\"metadata\":null}}\n"
    ));
    let output = run(&["events", &dump, "a-1", "--json"]);
    let text = stdout(&output);
    assert_eq!(
        text.lines().next(),
        Some(format!("{{\"position\":1,\"stream\":\"a-1\",\"version\":0,\"id\":\"e1\",\"type\":\"Made\",\"time\":\"2025-01-01T00:00:00Z\",\"data\":{data},\"metadata\":{metadata}}}").as_str())
    );
    let versions = |arguments: &[&str]| -> Vec<i64> {
        let all: Vec<&str> =
            ["events", dump.as_str()].into_iter().chain(arguments.iter().copied()).chain(["--json"]).collect();
        lines(&run(&all)).iter().filter_map(|event| event.get("version")?.as_i64()).collect()
    };
    assert_eq!(versions(&["a-1", "--backward"]), [1, 0]);
    assert_eq!(versions(&["a-1", "--from", "1"]), [1]);
    assert_eq!(versions(&["a-1", "--to", "0"]), [0]);
    assert_eq!(versions(&["--type", "Done"]), [1]);
    assert_eq!(versions(&["--limit", "1"]), [0]);
    assert_eq!(versions(&["--from", "2"]), [1], "without a stream the numbers are positions");
}

#[test]
fn states_and_diffs_have_exactly_the_promised_names() {
    let (_folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":5,\"type\":\"Made\",\"time\":\"2025-01-01T00:00:00Z\",\"data\":{\"n\":1,\"gone\":true}}\n\
         {\"stream\":\"a-1\",\"version\":6,\"type\":\"Grew\",\"time\":\"2025-01-02T00:00:00Z\",\"data\":{\"n\":9007199254740993,\"new\":[1]}}\n",
    );
    let output = run(&["state", &dump, "a-1", "--json"]);
    assert_eq!(
        stdout(&output),
        "{\"stream\":\"a-1\",\"version\":6,\"reducer\":\"merge\",\"approximate\":true,\"state\":{\"n\":9007199254740993,\"gone\":true,\"new\":[1]}}\n"
    );
    assert!(
        stdout(&run(&["state", &dump, "a-1", "--at", "5", "--json"])).contains("\"state\":{\"n\":1,\"gone\":true}")
    );
    assert!(stdout(&run(&["state", &dump, "a-1", "--at", "2025-01-01T12:00Z", "--json"])).contains("\"version\":5"));
    assert!(stdout(&run(&["state", &dump, "a-1", "--at", "start", "--json"])).contains("\"version\":null"));
    assert_eq!(
        stdout(&run(&["diff", &dump, "a-1", "5", "6", "--json"])),
        "{\"stream\":\"a-1\",\"from\":5,\"to\":6,\"changes\":[{\"path\":\"/n\",\"before\":1,\"after\":9007199254740993},{\"path\":\"/new\",\"after\":[1]}]}\n"
    );
    let table = stdout(&run(&["diff", &dump, "a-1", "5", "6"]));
    assert!(table.contains("~ /n  1 -> 9007199254740993") && table.contains("approximate"), "{table}");
    assert_eq!(code(&run(&["state", &dump, "a-1", "--at", "9"])), 1);
    assert_eq!(code(&run(&["state", &dump, "a-1", "--at", "soon"])), 2);
}

#[test]
fn an_export_opens_as_what_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let again = folder.path().join("again.jsonl").display().to_string();
    for name in ["accounts.jsonl", "rides.jsonl"] {
        let first = run(&["export", &sample(name)]);
        std::fs::write(&again, &first.stdout).expect("written");
        let second = run(&["export", &again]);
        assert_eq!(first.stdout, second.stdout);
        let streams = |file: &str| lines(&run(&["streams", file, "--json"]));
        assert_eq!(streams(&sample(name)), streams(&again));
    }
}

#[test]
fn every_end_has_its_exit_code_and_says_what_to_do() {
    let (_folder, nonsense) = written("{\"a\":1}\n{\"b\":2}\n");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["streams"], 2, "Usage"),
        (&["streams", "/nonexistent/dump.jsonl"], 69, "No such file"),
        (&["streams", &nonsense], 65, "--map"),
        (&["events", &sample("accounts.jsonl"), "nosuch-1"], 1, "nosuch-1"),
        (&["streams", &sample("accounts.jsonl"), "--category", "nosuch"], 1, "no stream"),
        (&["state", &sample("accounts.jsonl"), "nosuch-1"], 1, "no stream"),
        (&["streams", &sample("accounts.jsonl"), "--match", "["], 2, "pattern"),
        (&["state", &sample("accounts.jsonl"), "nosuch-1", "--reducer", "/nonexistent.js"], 69, "reducer"),
    ];
    for (arguments, expected, words) in cases {
        let output = run(arguments);
        assert_eq!(code(&output), *expected, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is_one() {
    let mut child = command(&["events", &sample("activity.jsonl"), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("stepback runs");
    let mut first = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("some output");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0);
    assert!(output.stderr.is_empty(), "{}", stderr(&output));

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output =
        command(&["events", &sample("activity.jsonl"), "--json"]).stdout(full).output().expect("stepback runs");
    assert_eq!(code(&output), 74, "{}", stderr(&output));
}

#[test]
fn standard_input_is_a_source() {
    let mut child = command(&["streams", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("stepback runs");
    let dump = std::fs::read(sample("accounts.jsonl")).expect("sample data");
    child.stdin.take().expect("a pipe").write_all(&dump).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(lines(&output), lines(&run(&["streams", &sample("accounts.jsonl"), "--json"])));
}

#[test]
fn unreadable_lines_are_counted_shown_in_place_and_harm_nothing() {
    let (_folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\nnot json \u{1b}[2J\n{\"stream\":\"a-1\",\"version\":2,\"type\":\"Done\",\"data\":{}}\n",
    );
    let output = run(&["events", &dump]);
    assert!(stdout(&output).lines().any(|line| line.contains("! line 2")), "{}", stdout(&output));
    assert!(!stdout(&output).contains('\u{1b}'));
    let output = run(&["events", &dump, "a-1", "--json"]);
    assert_eq!(lines(&output).len(), 2);
    assert!(stderr(&output).contains("1 record could not be read"), "{}", stderr(&output));
}
