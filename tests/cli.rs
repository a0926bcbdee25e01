//! The commands from outside: the real binary on the sample data, and on what is meant to break it.

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
        assert_eq!(
            keys(stream),
            ["stream", "events", "first_version", "last_version", "first_time", "last_time", "kind"]
        );
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
fn a_pipe_with_a_name_is_a_source() {
    let dump = sample("accounts.jsonl");
    let output = Command::new("bash")
        .args(["-c", r#""$0" streams <(cat "$1") --json"#, env!("CARGO_BIN_EXE_stepback"), &dump])
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    assert_eq!(lines(&output), lines(&run(&["streams", &dump, "--json"])));
}

#[test]
fn unreadable_lines_are_counted_shown_in_place_and_harm_nothing() {
    let (_folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\nnot json \u{1b}[2J\n{\"stream\":\"a-1\",\"version\":2,\"type\":\"Done\",\"data\":{}}\n",
    );
    let output = run(&["events", &dump]);
    assert!(stdout(&output).lines().any(|line| line.contains("! line 2")), "{}", stdout(&output));
    assert!(!stdout(&output).contains('\u{1b}'));
    for arguments in [&["events", &dump, "a-1", "--json"][..], &["events", &dump, "--json"], &["export", &dump]] {
        let output = run(arguments);
        assert_eq!(lines(&output).len(), 2);
        assert_eq!(stderr(&output).matches("1 record could not be read").count(), 1, "{}", stderr(&output));
    }
}

/// Arguments of every command that prints, each with enough to print.
fn printing(dump: &str, store: &str) -> Vec<Vec<String>> {
    [
        vec!["streams", dump],
        vec!["events", dump],
        vec!["events", dump, "--json"],
        vec!["events", dump, "--backward"],
        vec!["state", dump, "a-1"],
        vec!["state", dump, "a-1", "--json"],
        vec!["diff", dump, "a-1", "start", "last"],
        vec!["diff", dump, "a-1", "start", "last", "--json"],
        vec!["export", dump],
        vec!["import", dump, store],
        vec!["verify", store],
        vec!["append", store, "b-1", "--type", "Made", "--data", "{}"],
    ]
    .into_iter()
    .map(|arguments| arguments.into_iter().map(str::to_owned).collect())
    .collect()
}

#[test]
fn wherever_its_output_goes_a_command_ends_in_order() {
    let (folder, dump) =
        written(&"{\"stream\":\"a-1\",\"type\":\"Made\",\"data\":{\"text\":\"0123456789\"}}\n".repeat(2000));
    let store = folder.path().join("store").display().to_string();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    for arguments in printing(&dump, &store) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Nobody reads it at all.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(&arguments).stdout(writer).output().expect("stepback runs");
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", stderr(&output));
        // It cannot be written, and neither can the complaint.
        let output = command(&arguments).stdout(full()).output().expect("stepback runs");
        assert_eq!(code(&output), 74, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("standard output"), "{arguments:?}: {}", stderr(&output));
        let output = command(&arguments).stdout(full()).stderr(full()).output().expect("stepback runs");
        assert_eq!(code(&output), 74, "{arguments:?}");
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_bug_is_one_line_and_its_own_exit_code() {
    for place in ["command", "foreign"] {
        let panics = |command: &mut Command| command.env("STEPBACK_PANIC", place).output().expect("stepback runs");
        let output = panics(&mut command(&["streams", &sample("accounts.jsonl")]));
        assert_eq!((code(&output), stdout(&output).as_str()), (70, ""), "{place}");
        assert!(stderr(&output).starts_with("stepback: this is a bug: "), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let mut command = command(&["streams", &sample("accounts.jsonl")]);
        assert_eq!(code(&panics(command.stderr(full).stdout(Stdio::null()))), 70, "{place}");
    }
}

#[test]
fn names_and_messages_cannot_command_the_terminal() {
    let (folder, dump) = written(
        "{\"stream\":\"a\\u001b[2J-1\",\"type\":\"T\\u001b]0;x\\u0007\",\"data\":{\"k\\u001b\":\"v\\u009b\"}}\n{\"stream\":\"new\\nline-1\",\"type\":\"T\",\"data\":{}}\n",
    );
    let script = folder.path().join("evil\u{1b}[2J.js");
    std::fs::write(
        &script,
        "export const initialState = {}; export function evolve() { throw new Error('no\\u001b[2J') }",
    )
    .expect("written");
    let (escaped, script) = ("a\u{1b}[2J-1", script.display().to_string());
    let missing = folder.path().join("no\u{1b}[2J\nfile").display().to_string();
    for arguments in [
        &["streams", &dump][..],
        &["events", &dump],
        &["events", &dump, escaped],
        &["state", &dump, escaped],
        &["state", &dump, "no\u{1b}[2J"],
        &["diff", &dump, escaped, "start", "last"],
        &["state", &dump, escaped, "--reducer", &script],
        &["state", &dump, escaped, "--at", "99"],
        &["streams", &dump, "--match", "[\u{1b}"],
        &["streams", &missing],
        &["import", &missing, &missing],
        &["verify", &missing],
    ] {
        let output = run(arguments);
        let said = stdout(&output) + &stderr(&output);
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{arguments:?}: {said:?}");
        assert!(!said.is_empty() && code(&output) != 70, "{arguments:?}");
    }
    // A line break in a name makes no line of its own.
    assert_eq!(stderr(&run(&["streams", &missing])).lines().count(), 1);
    assert!(stderr(&run(&["events", &dump, "no\nsuch"])).starts_with("stepback: there is no stream `no␊such`"));
    // Programs get what is stored.
    assert!(stdout(&run(&["streams", &dump, "--json"])).contains("\"a\\u001b[2J-1\""));
}

#[test]
fn a_state_that_is_not_known_is_no_answer() {
    let (folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\n{\"stream\":\"a-1\",\"version\":2,\"type\":\"Bad\",\"data\":{}}\n",
    );
    let script = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
        folder.path().join(name).display().to_string()
    };
    let broken = [
        (script("half.js", "export const initialState = {"), "half.js:1"),
        (script("empty.js", ""), "evolve"),
        (script("throws.js", "export function initialState() { throw 'never' } export function evolve() {}"), "never"),
        (
            script("cycle.js", "const a = {}; a.a = a; export const initialState = {}; export const evolve = () => a"),
            "circular",
        ),
        (folder.path().display().to_string(), "folder"),
    ];
    for (reducer, why) in &broken {
        for arguments in [
            &["state", &dump, "a-1", "--reducer", reducer, "--json"][..],
            &["state", &dump, "a-1", "--reducer", reducer],
            &["diff", &dump, "a-1", "start", "last", "--reducer", reducer, "--json"],
        ] {
            let output = run(arguments);
            assert_eq!((code(&output), stdout(&output).as_str()), (65, ""), "{arguments:?}: {}", stderr(&output));
            assert!(stderr(&output).contains(why), "{arguments:?}: {}", stderr(&output));
        }
    }
    // One event that cannot be folded is a remark: the state is that of the event before.
    let one = script(
        "one.js",
        "export const initialState = { n: 0 };\nexport function evolve(state, event) {\n  if (event.type === 'Bad') throw new Error('bad');\n  return { n: state.n + 1 };\n}",
    );
    let output = run(&["state", &dump, "a-1", "--reducer", &one, "--json"]);
    assert_eq!(code(&output), 0);
    assert!(
        stdout(&output).ends_with("\"version\":2,\"reducer\":\"one.js\",\"approximate\":false,\"state\":{\"n\":1}}\n")
    );
    assert!(stderr(&output).contains("bad (one.js:3:"), "{}", stderr(&output));
}

#[test]
fn versions_that_go_back_are_found() {
    let lines = [1, 5, 2, 9, 4]
        .map(|n| format!("{{\"stream\":\"a-1\",\"version\":{n},\"type\":\"T\",\"data\":{{\"v\":{n}}}}}\n"));
    let (_folder, dump) = written(&lines.concat());
    for version in ["1", "5", "2", "9", "4"] {
        let output = run(&["state", &dump, "a-1", "--at", version, "--json"]);
        assert!(stdout(&output).contains(&format!("\"state\":{{\"v\":{version}}}")), "{}", stdout(&output));
    }
    for version in ["3", "10", "18446744073709551615"] {
        let output = run(&["state", &dump, "a-1", "--at", version]);
        assert_eq!(code(&output), 1);
        assert!(stderr(&output).contains(&format!("has no version {version}")), "{}", stderr(&output));
    }
}

#[test]
fn a_script_is_folded_though_the_program_file_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("stepback");
    std::fs::copy(env!("CARGO_BIN_EXE_stepback"), &program).expect("copied");
    let mut child = Command::new(&program)
        .args(["state", "-", "account-5001", "--reducer", &sample("account.js"), "--json"])
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // It runs, for it reads; the script is started when all has been read.
    let dump = std::fs::read_to_string(sample("accounts.jsonl")).expect("sample data");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(dump.as_bytes()).expect("written");
    std::fs::remove_file(&program).expect("removed");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("\"reducer\":\"account.js\""), "{}", stdout(&output));
}

#[test]
fn append_says_what_it_did_and_refuses_what_is_no_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store").display().to_string();
    let append = |more: &[&str]| run(&[&["append", &store, "a-1", "--type", "Made"], more].concat());
    let exact = "{\"a\":1,\"a\":2.0,\"\":[18446744073709551616]}";
    assert_eq!(stdout(&append(&["--data", exact, "--expect", "none", "--id", "one"])), "a-1 version 1, position 1\n");
    let again = append(&["--data", exact, "--expect", "none", "--id", "one"]);
    assert_eq!(stdout(&again), "a-1 version 1, position 1 (it was there already)\n");
    assert_eq!(stdout(&append(&["--data", "-1", "--metadata", "-2"])), "a-1 version 2, position 2\n");
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(code(&append(&["--data", &deep])), 0);
    for (more, expected) in [
        (&["--data", "nope"][..], 65),
        (&["--data", ""], 65),
        (&["--data", "\u{feff}{}"], 65),
        (&["--data", "{} {}"], 65),
        (&["--data", "{}", "--metadata", "x"], 65),
        (&["--data", "{}", "--id", ""], 2),
        (&["--data", "{}", "--expect", "-1"], 2),
        (&["--data", "{}", "--expect", "18446744073709551616"], 2),
        (&["--data", "{}", "--expect", "none"], 69),
        (&["--data", "{}", "--expect", "18446744073709551615"], 69),
        (&["--data", "{}", "--type", "Twice"], 2),
    ] {
        let output = append(more);
        assert_eq!((code(&output), stdout(&output).as_str()), (expected, ""), "{more:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty(), "{more:?}");
    }
    let mut child = command(&["append", &store, "a-1", "--type", "Made", "--data", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("stepback runs");
    child.stdin.take().expect("a pipe").write_all(b"{\"from\": \"outside\"}\r\n").expect("written");
    assert_eq!(code(&child.wait_with_output().expect("it ends")), 0);
    let events = stdout(&run(&["events", &store, "a-1", "--json"]));
    let data: Vec<&str> = events
        .lines()
        .filter_map(|line| line.split_once("\"data\":")?.1.split_once(",\"metadata\":").map(|parts| parts.0))
        .collect();
    assert_eq!(data, [exact, "-1", &deep, "{\"from\": \"outside\"}"]);
}

#[test]
fn what_was_imported_exports_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut dump = std::fs::read_to_string(sample("orders.jsonl")).expect("sample data");
    let count = dump.lines().count();
    dump.push_str("garbage\n{\"half\":");
    std::fs::write(path("dump.jsonl"), &dump).expect("written");
    let output = run(&["import", &path("dump.jsonl"), &path("store")]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).starts_with(&format!("{count} events imported, 2 not imported")), "{}", stdout(&output));
    assert!(stderr(&output).contains(&format!("line {}", count + 1)), "{}", stderr(&output));
    let output = run(&["import", &path("dump.jsonl"), &path("store")]);
    assert!(stdout(&output).starts_with("0 events imported"), "{}", stdout(&output));
    let exported = run(&["export", &path("store")]);
    assert_eq!(exported.stdout, run(&["export", &sample("orders.jsonl")]).stdout);
    std::fs::write(path("again.jsonl"), &exported.stdout).expect("written");
    assert_eq!(code(&run(&["import", &path("again.jsonl"), &path("other")])), 0);
    assert_eq!(run(&["export", &path("other")]).stdout, exported.stdout);
    assert!(stdout(&run(&["verify", &path("other")])).contains("damage    none"));
}

#[test]
fn what_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("photos")).expect("a folder");
    std::fs::write(path("photos/cat"), "meow").expect("written");
    std::fs::write(path("file"), "text").expect("written");
    let dump = sample("accounts.jsonl");
    for place in [path("photos"), path("file"), path("file/store"), "/proc/store".into(), "/dev/null".into()] {
        for arguments in [&["import", &dump, &place][..], &["append", &place, "a-1", "--type", "T", "--data", "1"]] {
            let output = run(arguments);
            assert!([69, 74].contains(&code(&output)), "{arguments:?}: {} {}", code(&output), stderr(&output));
            assert!(stderr(&output).contains(&place) && output.stdout.is_empty(), "{arguments:?}: {}", stderr(&output));
        }
    }
    assert_eq!(std::fs::read_dir(path("photos")).expect("the folder").count(), 1);
    assert_eq!(std::fs::read(path("file")).expect("the file"), b"text");
    for place in [path("photos"), path("file"), path("nosuch")] {
        assert_eq!(code(&run(&["verify", &place])), 69, "{place}");
    }
    // A source that cannot be read makes no store either.
    assert_eq!(code(&run(&["import", &path("nosuch"), &path("new")])), 69);
    assert!(!folder.path().join("new").exists());
}

#[test]
fn a_store_that_is_being_written_names_the_writer_and_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("store");
    let store = place.display().to_string();
    assert_eq!(code(&run(&["import", &sample("accounts.jsonl"), &store])), 0);
    let writer = stepback::store::Store::open(&place).expect("the only writer");
    for arguments in
        [&["append", &store, "a-1", "--type", "T", "--data", "1"][..], &["import", &sample("users.jsonl"), &store]]
    {
        let output = run(arguments);
        assert_eq!(code(&output), 69, "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("process {}", std::process::id())), "{}", stderr(&output));
    }
    for arguments in [&["streams", &store][..], &["events", &store, "--limit", "1"], &["verify", &store]] {
        assert_eq!(code(&run(arguments)), 0, "{arguments:?}");
    }
    drop(writer);
    assert_eq!(code(&run(&["append", &store, "a-1", "--type", "T", "--data", "1"])), 0);
}
