//! The commands from outside: the real binary on the sample data, and on what is meant to break it.

mod fields;
mod mapped;
mod unreadable;

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
        Some(format!("{{\"position\":1,\"stream\":\"a-1\",\"version\":0,\"id\":\"e1\",\"type\":\"Made\",\"time\":\"2025-01-01T00:00:00Z\",\"data\":{data},\"metadata\":{metadata},\"correlation\":\"c\",\"notes\":[{{\"kind\":\"repeated-key\",\"text\":\"b stands more than once in its data: the last counts\"}}]}}").as_str())
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
        "{\"stream\":\"a-1\",\"version\":6,\"position\":2,\"reducer\":\"merge\",\"approximate\":true,\"faults\":0,\"state\":{\"n\":9007199254740993,\"gone\":true,\"new\":[1]}}\n"
    );
    assert!(
        stdout(&run(&["state", &dump, "a-1", "--at", "5", "--json"])).contains("\"state\":{\"n\":1,\"gone\":true}")
    );
    assert!(stdout(&run(&["state", &dump, "a-1", "--at", "2025-01-01T12:00Z", "--json"])).contains("\"version\":5"));
    assert!(stdout(&run(&["state", &dump, "a-1", "--at", "start", "--json"])).contains("\"version\":null"));
    assert_eq!(
        stdout(&run(&["diff", &dump, "a-1", "5", "6", "--json"])),
        "{\"stream\":\"a-1\",\"from\":5,\"to\":6,\"reducer\":\"merge\",\"approximate\":true,\"faults\":0,\"changes\":[{\"path\":\"/n\",\"before\":1,\"after\":9007199254740993},{\"path\":\"/new\",\"after\":[1]}]}\n"
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
        // What is named beside a source and is not there, or is nothing that can be read, is as unavailable as a source.
        (&["streams", &sample("accounts.jsonl"), "--layout", "/nonexistent.toml"], 69, "layout"),
        (&["streams", &sample("accounts.jsonl"), "--layout", "/dev/zero"], 69, "it is a device"),
        (&["streams", "/dev/zero"], 69, "it is a device"),
    ];
    for (arguments, expected, words) in cases {
        let output = run(arguments);
        assert_eq!(code(&output), *expected, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_layout_and_a_folder_for_copies_are_what_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let printed = run(&["layouts", "marten"]);
    // A name that is no text is that of a file.
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"m\xff.toml"));
    let with = |path: &Path| {
        let mut command = command(&["streams", &sample("accounts.jsonl"), "--layout"]);
        command.arg(path).output().expect("stepback runs")
    };
    let missing = with(&path);
    assert_eq!(code(&missing), 69, "{}", stderr(&missing));
    assert!(stderr(&missing).contains("cannot read the layout: No such file"), "{}", stderr(&missing));
    std::fs::write(&path, &printed.stdout).expect("written");
    let output = with(&path);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("a layout is for tables"), "{}", stderr(&output));
    // What is packed needs a place to be unpacked to, whatever is wrong with the one there is.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&std::fs::read(sample("accounts.jsonl")).expect("readable")).expect("packed");
    let once = folder.path().join("once.gz");
    std::fs::write(&once, packed.finish().expect("packed")).expect("written");
    for place in ["/dev/full", "/nonexistent"] {
        let mut command = command(&["streams", once.to_str().expect("text")]);
        let output = command.env("TMPDIR", place).output().expect("stepback runs");
        assert_eq!(code(&output), 74, "{place}: {}", stderr(&output));
        assert!(stderr(&output).contains("TMPDIR"), "{place}: {}", stderr(&output));
    }
    let mut often = std::fs::read(&once).expect("readable");
    for _ in 0..3 {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&often).expect("packed");
        often = packed.finish().expect("packed");
    }
    std::fs::write(&once, often).expect("written");
    let output = run(&["streams", once.to_str().expect("text")]);
    assert_eq!(code(&output), 65, "{}", stderr(&output));
    assert!(stderr(&output).contains("packed more than 3 times"), "{}", stderr(&output));
}

#[test]
fn a_home_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    for arguments in [&["streams", "demo"][..], &["doctor", "--self"], &["cache", "list"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
        command.args(arguments).stdin(Stdio::null()).env("HOME", &home);
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.output().expect("stepback runs");
        assert!(!home.exists(), "{arguments:?}");
    }
}

#[test]
fn what_names_no_reducer_is_said_in_json_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.jsonl").display().to_string();
    std::fs::copy(sample("accounts.jsonl"), &path).expect("copied");
    std::fs::write(folder.path().join("stepback.toml"), "[reducers]\nnosuch = \"x.js\"\n").expect("written");
    let state = ["state", &path, "account-5010", "--json"];
    let diff = ["diff", &path, "account-5010", "1", "2", "--json"];
    for arguments in [&state[..], &diff] {
        let output = run(arguments);
        let line = &lines(&output)[0];
        assert!(line.get("remarks").expect("said").to_string().contains("nosuch"), "{line}");
        assert!(stderr(&output).contains("nosuch"), "{}", stderr(&output));
    }
    std::fs::remove_file(folder.path().join("stepback.toml")).expect("removed");
    assert!(lines(&run(&state))[0].get("remarks").is_none());
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
    assert_eq!(code(&output), 65);
    for (arguments, count) in [
        (&["events", &dump, "a-1", "--json"][..], 2),
        (&["events", &dump, "--json"], 3),
        (&["export", &dump], 2),
        (&["streams", &dump, "--json"], 1),
        (&["types", &dump, "--json"], 2),
        (&["search", &dump, "Made", "--json"], 1),
        (&["state", &dump, "a-1", "--json"], 1),
        (&["diff", &dump, "a-1", "1", "2", "--json"], 1),
    ] {
        let output = run(arguments);
        assert_eq!((code(&output), stdout(&output).lines().count()), (65, count), "{arguments:?}");
        assert_eq!(stderr(&output).matches("1 record could not be read as an event").count(), 1, "{}", stderr(&output));
    }
    let line = stdout(&run(&["events", &dump, "--json"])).lines().nth(1).map(str::to_owned).expect("a line");
    assert!(line.starts_with("{\"position\":2,\"stream\":null,\"version\":null,\"id\":null,\"type\":null,"), "{line}");
    assert!(line.contains("\"trouble\":\"line 2: "), "{line}");
    // Nothing is found in it: what could not be read may hold it.
    assert_eq!(code(&run(&["events", &dump, "--type", "Nosuch"])), 65);
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
fn what_clap_and_the_doctor_print_may_not_be_lost_either() {
    for arguments in
        [&["--help"][..], &["--version"], &["help", "events"], &["events", "--help"], &["doctor", "--self"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = command(arguments).stdout(full).output().expect("stepback runs");
        assert_eq!(code(&output), 74, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("standard output"), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_layout_is_never_silently_without_effect() {
    let (folder, dump) = written("{\"stream\":\"a-1\",\"type\":\"Made\",\"data\":{}}\n");
    let array = folder.path().join("array.json").display().to_string();
    std::fs::write(&array, "[{\"stream\":\"a-1\",\"type\":\"Made\",\"data\":{}}]").expect("written");
    let store = folder.path().join("store").display().to_string();
    assert_eq!(code(&run(&["append", &store, "a-1", "--type", "T", "--data", "{}"])), 0);
    for source in [&dump, &array, &store] {
        let output = run(&["events", source, "--layout", "nosuch"]);
        assert_eq!((code(&output), stderr(&output).contains("there is no layout `nosuch`")), (2, true), "{source}");
        let output = run(&["events", source, "--layout", "marten"]);
        assert_eq!(code(&output), 2, "{source}: {}", stderr(&output));
        assert!(stderr(&output).contains("a layout is for tables"), "{source}: {}", stderr(&output));
    }
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
    // A state that cannot be written where it is asked for is none there, and no fault of anything: behind it there is one.
    let tied = script(
        "tied.js",
        "export const initialState = { n: 0 };\nexport function evolve(state, event) {\n  const next = { n: state.n + 1 };\n  return event.type === 'Made' ? { ...next, get self() { throw new Error('boom'); } } : next;\n}",
    );
    let output = run(&["state", &dump, "a-1", "--reducer", &tied, "--at", "1", "--json"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (65, ""), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("tied.js: cannot give the state of a-1 at version 1: ") && said.contains("boom"), "{said}");
    let output = run(&["state", &dump, "a-1", "--reducer", &tied, "--json"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(stdout(&output).ends_with("\"faults\":0,\"state\":{\"n\":2}}\n"), "{}", stdout(&output));
    // One event that cannot be folded leaves the state of the event before, which is said to be not whole.
    let one = script(
        "one.js",
        "export const initialState = { n: 0 };\nexport function evolve(state, event) {\n  if (event.type === 'Bad') throw new Error('bad');\n  return { n: state.n + 1 };\n}",
    );
    let output = run(&["state", &dump, "a-1", "--reducer", &one, "--json"]);
    assert_eq!(code(&output), 65);
    assert_eq!(
        stdout(&output),
        "{\"stream\":\"a-1\",\"version\":2,\"position\":2,\"reducer\":\"one.js\",\"approximate\":false,\"faults\":1,\
         \"first_fault\":{\"position\":2,\"stream\":\"a-1\",\"version\":2,\"id\":null,\"type\":\"Bad\",\"time\":null,\
         \"message\":\"bad\",\"line\":\"one.js:3:39\"},\"state\":{\"n\":1}}\n"
    );
    let said = stderr(&output);
    assert!(
        said.contains("1 of 2 events failed up to here, the first at a-1 version 2 (Bad): bad (one.js:3:"),
        "{said}"
    );
    assert!(said.contains("version 2 (Bad) itself failed: the state is that of the event before"), "{said}");
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
        assert!(stderr(&output).contains(&format!("there is no version {version}; ")), "{}", stderr(&output));
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
    assert_eq!(code(&output), 65, "{}", stderr(&output));
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

#[test]
fn into_a_pipe_no_name_is_cut() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/field/51-long-type-names.jsonl");
    let file = file.display().to_string();
    let name = |last: &str| format!("Acme.Commerce.Ordering.Domain.Events.{last}, Acme.Commerce.Ordering.Domain");
    let stream = "ordering.order-5a1e0000-0000-4000-8000-00000000000a";
    let events = stdout(&run(&["events", &file]));
    assert!(events.contains(&name("PaymentReceived")) && events.contains(stream), "{events}");
    assert!(stdout(&run(&["types", &file])).contains(&name("OrderCancelled")));
    assert!(stdout(&run(&["streams", &file])).contains(stream));
    let found = stdout(&run(&["search", &file, "9007199254740993"]));
    assert!(found.contains(&name("PaymentReceived")) && found.contains(stream), "{found}");
    for arguments in
        [&["events", &file][..], &["types", &file], &["streams", &file], &["inspect", &file], &["doctor", &file]]
    {
        let text = stdout(&run(arguments));
        assert!(!text.contains('…'), "{arguments:?}: {text}");
    }
}

#[test]
fn what_is_broken_behind_its_front_is_counted_by_every_writer() {
    let (_folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{\"n\":1}}\n{\"stream\":\"a-1\",\"version\":2,\"type\":\"Made\",\"data\":{\"n\":}}\n\
         {\"stream\":\"a-1\",\"version\":3,\"type\":\"Made\",\"data\":{\"n\":3}}\n",
    );
    for arguments in [
        &["export", &dump][..],
        &["events", &dump, "--json"],
        &["events", &dump, "a-1"],
        &["streams", &dump],
        &["types", &dump],
        &["search", &dump, "Made"],
        &["state", &dump, "a-1"],
        &["diff", &dump, "a-1", "1", "3"],
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 65, "{arguments:?}");
        assert!(
            stderr(&output).contains("1 record could not be read as an event"),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    let said = stderr(&run(&["export", &dump]));
    assert!(said.contains("the first: line 2: "), "{said}");
}

#[test]
fn nothing_found_where_not_all_was_read_is_not_sure() {
    let (_folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\n{\"stream\":\"a-1\",\"version\":2,\"type",
    );
    let (_whole_folder, whole) = written("{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\n");
    let asked: [&[&str]; 8] = [
        &["state", "nosuch"],
        &["state", "a-1", "--at", "77"],
        &["events", "nosuch"],
        &["diff", "nosuch", "1", "2"],
        &["export", "--stream", "nosuch"],
        &["types", "NoSuch"],
        &["search", "zzz"],
        &["streams", "--match", "nosuch"],
    ];
    for asked in asked {
        let of = |dump: &str| {
            let mut arguments = vec![asked[0], dump];
            arguments.extend(&asked[1..]);
            let output = run(&arguments);
            (code(&output), stderr(&output))
        };
        let (code, said) = of(&dump);
        assert_eq!(code, 65, "{asked:?}: {said}");
        assert!(said.contains("1 record could not be read as an event"), "{asked:?}: {said}");
        let (code, said) = of(&whole);
        assert_eq!((code, said.lines().filter(|line| line.contains("record")).count()), (1, 0), "{asked:?}: {said}");
    }
}

/// Exports a file of many events through a pipe that is read slowly; `act` is done once it has begun.
fn exported_while(act: impl FnOnce(&Path, &std::process::Child)) -> (usize, i32, String) {
    let line = |n: usize| {
        format!(
            "{{\"stream\":\"a-{}\",\"version\":{n},\"type\":\"Made\",\"data\":{{\"n\":{n},\"pad\":\"{}\"}}}}\n",
            n % 7,
            "x".repeat(150)
        )
    };
    let (_folder, dump) = written(&(0..20_000).map(line).collect::<String>());
    let mut child =
        command(&["export", &dump]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("stepback runs");
    let mut out = child.stdout.take().expect("a pipe");
    let mut first = vec![0; 50_000];
    out.read_exact(&mut first).expect("it has begun");
    act(Path::new(&dump), &child);
    out.read_to_end(&mut first).expect("the rest");
    let ended = child.wait_with_output().expect("it ends");
    (first.iter().filter(|byte| **byte == b'\n').count(), code(&ended), stderr(&ended))
}

#[test]
fn a_file_that_changes_while_it_is_exported_is_told() {
    let open = |path: &Path| std::fs::OpenOptions::new().write(true).open(path).expect("the file");
    let (count, code, said) = exported_while(|path, _| open(path).set_len(1_000_000).expect("cut"));
    assert!(count < 20_000 && code == 74, "{count} {code} {said}");
    assert!(said.contains("was cut from") && said.contains("records could not be read as events"), "{said}");
    let (count, code, said) = exported_while(|path, _| {
        use std::os::unix::fs::FileExt;
        open(path).write_all_at(&[b'#'; 3_000_000], 500_000).expect("written over");
    });
    assert!(count < 20_000 && code == 74 && said.contains("was written over"), "{count} {code} {said}");
    // The same bytes but for one: nothing is missing, and it is not what was opened.
    let (count, code, said) = exported_while(|path, _| {
        let text = std::fs::read_to_string(path).expect("the file");
        open(path).write_all(text.replace("\"pad\":\"x", "\"pad\":\"y").as_bytes()).expect("written over");
    });
    assert!(count == 20_000 && code == 74 && said.contains("was written over"), "{count} {code} {said}");
    // What is added at its end is no change to what was opened.
    let (count, code, said) = exported_while(|path, _| {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("the file");
        file.write_all(b"{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\n").expect("appended");
    });
    assert_eq!((count, code, said.as_str()), (20_000, 0, ""));
}

#[test]
fn a_command_that_is_stopped_gives_what_it_has() {
    let (count, code, said) = exported_while(|_, child| {
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("stopped");
        // Until it has heard of it, it may not go on.
        std::thread::sleep(std::time::Duration::from_millis(300));
    });
    assert!(count < 20_000 && code == 130 && said.contains("stopped"), "{count} {code} {said}");
}

/// A folder with an account of so many events of these types, and reducers.
fn folded(types: &[&str], scripts: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let line = |(n, kind): (usize, &&str)| {
        format!("{{\"stream\":\"a-1\",\"version\":{},\"id\":\"e{n}\",\"type\":\"{kind}\",\"data\":{{}}}}\n", n + 1)
    };
    let (folder, dump) = written(&types.iter().enumerate().map(line).collect::<String>());
    for (name, text) in scripts {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    (folder, dump)
}

const COUNTS: &str = "export const initialState = 0;
export function evolve(n, event) {
  if (event.type === 'Bad') throw new TypeError('no such thing');
  if (event.type === 'Hot') for (;;);
  return n + 1;
}";

#[test]
#[cfg(feature = "javascript")]
fn events_that_failed_are_counted_in_everything_folded() {
    let (folder, dump) = folded(&["Good", "Bad", "Good", "Bad", "Good"], &[("counts.js", COUNTS)]);
    let reducer = folder.path().join("counts.js").display().to_string();
    let faults = |output: &Output| {
        let line = Json::parse(stdout(output).trim_end().as_bytes()).expect("one line of JSON");
        let first = line.get("first_fault").map(|first| {
            let text = |name| first.get(name).and_then(Json::as_str).map(str::to_owned);
            (first.get("version").and_then(Json::as_i64), text("id"), text("message"), text("line"))
        });
        (code(output), line.get("faults").and_then(Json::as_i64), first)
    };
    let first = Some((
        Some(2),
        Some("e1".to_owned()),
        Some("TypeError: no such thing".to_owned()),
        Some("counts.js:3:39".to_owned()),
    ));
    let state = |more: &[&str]| run(&[&["state", &dump, "a-1", "--json", "--reducer", &reducer], more].concat());
    assert_eq!(faults(&state(&[])), (65, Some(2), first.clone()));
    assert_eq!(faults(&state(&["--allow-faults"])), (0, Some(2), first.clone()));
    assert_eq!(faults(&state(&["--at", "3"])), (65, Some(1), first.clone()));
    assert_eq!(faults(&state(&["--at", "1"])), (0, Some(0), None));
    assert!(stderr(&state(&["--at", "1"])).is_empty());
    let said = stderr(&state(&["--allow-faults"]));
    assert!(said.contains("2 of 5 events failed before here, the first at a-1 version 2 (Bad): TypeError"), "{said}");
    let diff = |from, to, more: &[&str]| {
        run(&[&["diff", &dump, "a-1", from, to, "--json", "--reducer", &reducer], more].concat())
    };
    assert_eq!(faults(&diff("start", "1", &[])), (0, Some(0), None));
    assert_eq!(faults(&diff("1", "5", &[])), (65, Some(2), first.clone()));
    assert_eq!(faults(&diff("5", "1", &["--allow-faults"])), (0, Some(2), first));
    let said = stderr(&diff("3", "5", &[]));
    assert!(said.contains("1 of 3 events failed before version 3") && said.contains("2 of 5"), "{said}");
    let text = stdout(&run(&["state", &dump, "a-1", "--reducer", &reducer]));
    assert!(text.starts_with("a-1 after version 5") && text.contains("2 of 5 events failed"), "{text}");
}

#[test]
#[cfg(feature = "javascript")]
fn a_reducer_that_times_out_is_suspended_and_gives_no_state() {
    let types = ["Good", "Hot", "Good", "Hot", "Hot", "Good", "Hot", "Good"];
    let (folder, dump) = folded(&types, &[("counts.js", COUNTS)]);
    let reducer = folder.path().join("counts.js").display().to_string();
    let state = |more: &[&str]| run(&[&["state", &dump, "a-1", "--json", "--reducer", &reducer], more].concat());
    for allowed in [&[][..], &["--allow-faults"]] {
        let output = state(allowed);
        assert_eq!((code(&output), stdout(&output).as_str()), (65, ""));
        let said = stderr(&output);
        assert!(said.contains("suspended: it timed out 3 times, the last at a-1 version 5 (Hot)"), "{said}");
        assert!(said.contains("--keep-going"), "{said}");
    }
    // What lies before it is known.
    let before = state(&["--at", "4"]);
    assert_eq!(code(&before), 65);
    assert!(stdout(&before).contains("\"faults\":2,") && stdout(&before).ends_with("\"state\":2}\n"), "{before:?}");
    let on = state(&["--keep-going"]);
    assert_eq!(code(&on), 65);
    assert!(stdout(&on).contains("\"faults\":4,") && stdout(&on).ends_with("\"state\":4}\n"), "{on:?}");
}

#[test]
fn one_number_is_one_place_in_every_command() {
    // The store numbers its events itself, and leaves numbers out.
    let line = |position: u64, stream: &str, version: u64| {
        format!(
            "{{\"globalPosition\":{position},\"stream\":\"{stream}\",\"version\":{version},\"type\":\"Made\",\"time\":\"2025-01-01T00:00:{:02}Z\",\"data\":{{\"n\":{version}}}}}\n",
            position - 100
        )
    };
    let all = [(100, "a-1", 1), (104, "eve@b-1", 1), (108, "a-1", 2), (134, "a-1", 4), (136, "a-1", 5)];
    let (_folder, dump) = written(&all.map(|(position, stream, version)| line(position, stream, version)).concat());
    let positions = |arguments: &[&str]| -> Vec<i64> {
        let all = [&["events", dump.as_str(), "--json"], arguments].concat();
        let output = run(&all);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        stdout(&output)
            .lines()
            .filter_map(|line| Json::parse(line.as_bytes()).ok()?.get("position")?.as_i64())
            .collect()
    };
    assert_eq!(positions(&["--from", "108"]), [108, 134, 136]);
    assert_eq!(positions(&["--from", "108", "--to", "134"]), [108, 134]);
    assert_eq!(positions(&["--to", "108", "--backward"]), [108, 104, 100]);
    assert_eq!(positions(&["--from", "#2", "--to", "#3"]), [104, 108]);
    assert_eq!(positions(&["--from", "start", "--to", "first"]), [100]);
    assert_eq!(positions(&["--from", "last"]), [136]);
    assert_eq!(positions(&["--from", "-2s"]), [134, 136], "before the last event");
    assert_eq!(positions(&["--from", "2025-01-01T00:00:08Z", "--to", "2025-01-01T00:00:34Z"]), [108, 134]);
    assert_eq!(positions(&["--from", "7", "--to", "9999"]).len(), 5, "beyond the ends is at the ends");
    assert_eq!(positions(&["a-1", "--from", "2", "--to", "2"]), [108], "of a stream the versions");
    assert_eq!(positions(&["a-1", "--from", "5"]), [136]);
    for (arguments, said) in [
        (&["events", &dump, "--from", "120"][..], "there is no position 120; 108 and 134 are its neighbours"),
        (&["events", &dump, "a-1", "--to", "3"], "there is no version 3; 2 and 4 are its neighbours"),
        (&["state", &dump, "a-1", "--at", "3"], "there is no version 3; 2 and 4 are its neighbours"),
        (&["diff", &dump, "a-1", "1", "3"], "there is no version 3; 2 and 4 are its neighbours"),
        (&["state", &dump, "a-1", "--at", "0"], "there is no version 0; 1 is the first"),
        (&["state", &dump, "a-1", "--at", "2025"], "there is no version 2025; 5 is the last"),
        (&["state", &dump, "a-1", "--at", "#9"], "there is no event #9: the last is #4"),
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 1, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
    }
    let state = |at: &str| run(&["state", &dump, "a-1", "--at", at, "--json"]);
    assert_eq!(stdout(&state("4")), stdout(&state("#3")));
    assert!(stdout(&state("-2s")).contains("\"version\":4"), "{}", stdout(&state("-2s")));
    assert_eq!(code(&run(&["state", &dump, "a-1", "--at", "2/1041"])), 1, "it may be an id, and no event has it");
}

#[test]
fn a_word_that_is_nothing_is_an_unknown_command() {
    for (word, said) in [("strems", "did you mean streams?"), ("evnts", "events"), ("nosuch.jsonl", "no such file")] {
        let output = run(&[word]);
        assert_eq!((code(&output), stdout(&output).as_str()), (2, ""), "{word}: {}", stderr(&output));
        assert!(stderr(&output).contains("is no command") && stderr(&output).contains(said), "{}", stderr(&output));
    }
    // A file named like a command is opened by its path; one of another name by its name.
    let folder = tempfile::tempdir().expect("a folder");
    let line = "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\n";
    std::fs::write(folder.path().join("streams"), line).expect("written");
    let output = command(&["events", "./streams", "--json"]).current_dir(folder.path()).output().expect("it runs");
    assert_eq!((code(&output), stdout(&output).lines().count()), (0, 1));
    for word in ["./streams", "/nosuch"] {
        let output = command(&[word]).current_dir(folder.path()).output().expect("it runs");
        assert!(!stderr(&output).contains("is no command"), "{word}: {}", stderr(&output));
    }
}

#[test]
fn no_password_of_an_address_is_echoed() {
    let address = "postgres://user:hunter2@host/db?password=hunter3&x=1";
    for arguments in [
        &[address][..],
        &["streams", address],
        &["events", address, "--json"],
        &["state", address, "a-1"],
        &["inspect", address],
        &["doctor", address, "--json"],
        &["import", address, address],
        &["events", "x", "y", address],
        &["events", "--limit", address, "x"],
        &["state", "x", "y", "--at", address],
    ] {
        let output = run(arguments);
        let said = stdout(&output) + &stderr(&output);
        assert!(code(&output) != 0 && !said.contains("hunter"), "{arguments:?}: {said}");
    }
    let said = stderr(&run(&["streams", address]));
    assert!(said.contains("postgres://user:***@host/db?password=***&x=1"), "{said}");
    assert!(said.contains("only files and folders"), "{said}");
}

#[test]
fn no_line_of_the_help_is_wider_than_the_terminal() {
    let commands =
        ["", "streams", "events", "search", "state", "diff", "types", "doctor", "export", "inspect", "layouts"];
    for width in [80, 100] {
        for name in commands.iter().chain(&["append", "import", "cache", "verify"]) {
            let arguments: Vec<&str> = [*name, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
            let output = command(&arguments).env("COLUMNS", width.to_string()).output().expect("it runs");
            let text = stdout(&output);
            assert!(code(&output) == 0 && text.contains("Usage:"), "{text}");
            let lines: Vec<&str> = text.lines().collect();
            for (line, next) in lines.iter().zip(lines.iter().skip(1).chain(&[""])) {
                assert!(line.chars().count() <= width, "{name} at {width}: {line}");
                // A word alone on its line, with room for more: somebody broke the line before the terminal did.
                let paragraph = !line.starts_with(' ') && !next.starts_with(' ') && !next.is_empty();
                let word = next.split(' ').next().unwrap_or_default();
                let fits = line.chars().count() + 1 + word.chars().count() <= width;
                let is_text = paragraph && line.len() > 40 && !line.ends_with([':', '.']);
                assert!(!(is_text && fits), "{name} at {width}: {line} / {next}");
            }
        }
    }
}

#[test]
fn a_project_file_says_what_of_it_means_nothing() {
    let line = "{\"stream\":\"order-1\",\"version\":1,\"type\":\"Made\",\"data\":{}}\n";
    let (folder, dump) = written(line);
    let project = |text: &str| std::fs::write(folder.path().join("stepback.toml"), text).expect("written");
    let caveats = || {
        let output = run(&["inspect", &dump, "--json"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let about = Json::parse(output.stdout.trim_ascii()).expect("JSON");
        about.get("caveats").expect("caveats").to_string()
    };
    project("[reducer]\n[reducers]\nordr = \"o.js\"\n\"x-*\" = \"o.js\"\na.b = \"o.js\"\n");
    for said in [
        "`reducer` is not known",
        "`ordr` in [reducers] is no category",
        "`x-*` in [reducers] matches no",
        "a.b without quotes",
    ] {
        assert!(caveats().contains(said), "{said}: {}", caveats());
        // Where that leaves a stream to the generic fold, it is said beside the state.
        let output = run(&["state", &dump, "order-1"]);
        assert!(stderr(&output).contains(said) && code(&output) == 0, "{said}: {}", stderr(&output));
    }
    // A pattern folds what it covers.
    std::fs::write(folder.path().join("o.js"), "export const initialState = 7; export const evolve = s => s;")
        .expect("written");
    project("[reducers]\n\"order-*\" = \"o.js\"\n");
    assert!(!caveats().contains("[reducers]"), "{}", caveats());
    let output = run(&["state", &dump, "order-1", "--json"]);
    assert!(stdout(&output).contains("\"state\":7"), "{} {}", stdout(&output), stderr(&output));
    // One that does not parse: what folds refuses, what lists goes on.
    project("[reducers]\norder = \n");
    assert_eq!(code(&run(&["streams", &dump])), 0);
    assert_eq!(code(&run(&["events", &dump, "--json"])), 0);
    let output = run(&["state", &dump, "order-1"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (65, ""), "{}", stderr(&output));
    assert!(caveats().contains("stepback.toml") && caveats().contains("line 2"), "{}", caveats());
}

#[test]
fn events_carry_their_causes_and_what_was_undone() {
    let inner = "{\\\"n\\\":1.0}";
    let (_folder, dump) = written(&format!(
        "{{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"correlationId\":\"c-1\",\"causationId\":\"e-0\",\"data\":\"{inner}\"}}\n"
    ));
    let line = stdout(&run(&["events", &dump, "--json"]));
    assert!(
        line.contains("\"data\":{\"n\":1.0}") && line.contains("\"encoding\":{\"data\":[\"JSON string\"]}"),
        "{line}"
    );
    assert!(line.contains("\"correlation\":\"c-1\",\"causation\":\"e-0\""), "{line}");
    let raw = stdout(&run(&["events", &dump, "--json", "--raw"]));
    assert!(raw.contains(&format!("\"data\":\"{inner}\"")) && !raw.contains("encoding"), "{raw}");
}

#[test]
fn a_range_loses_no_event_of_a_number_that_stands_twice() {
    let line = |version: u64, type_: &str| {
        format!("{{\"stream\":\"a-1\",\"version\":{version},\"type\":\"{type_}\",\"data\":{{}}}}\n")
    };
    let (_folder, dump) = written(&[line(1, "One"), line(2, "Two"), line(2, "Again"), line(3, "Three")].concat());
    for (range, types, said) in [
        (&["--from", "2", "--to", "2"][..], &["Two", "Again"][..], 1),
        (&["--from", "2"], &["Two", "Again", "Three"], 1),
        (&["--to", "2"], &["One", "Two", "Again"], 1),
        (&["--from", "1", "--to", "1"], &["One"], 0),
    ] {
        let output = run(&[&["events", &dump, "a-1", "--json"], range].concat());
        let found: Vec<String> =
            lines(&output).iter().filter_map(|line| Some(line.get("type")?.as_str()?.to_owned())).collect();
        assert_eq!((code(&output), found), (0, types.iter().map(|&name| name.to_owned()).collect()), "{range:?}");
        assert_eq!(stderr(&output).matches("version 2 stands twice").count(), said, "{range:?}: {}", stderr(&output));
    }
}

#[test]
fn what_events_printed_opens_again_with_its_unreadable_records() {
    let made = |n: u64| {
        format!(
            "{{\"stream\":\"a-1\",\"version\":{n},\"type\":\"Made\",\"id\":\"e{n}\",\"time\":\"2025-01-01T00:00:0{n}Z\",\"data\":{{}}}}\n"
        )
    };
    let (_folder, dump) = written(&[made(1), "not json\n".into(), made(2)].concat());
    let (_again, file) = written(&stdout(&run(&["events", &dump, "--json"])));
    let output = run(&["events", &file, "--json"]);
    assert_eq!(code(&output), 65, "{}", stderr(&output));
    let text = stdout(&output);
    let printed: Vec<Json> = text.lines().map(|line| Json::parse(line.as_bytes()).expect("JSON")).collect();
    assert_eq!(printed.len(), 3);
    assert!(printed[1].get("trouble").is_some(), "{}", stdout(&output));
    for (event, id) in [(&printed[0], "e1"), (&printed[2], "e2")] {
        assert_eq!(event.get("id").and_then(Json::as_str), Some(id), "{}", stdout(&output));
        assert!(event.get("fields").is_none() && event.get("time").is_some(), "{}", stdout(&output));
    }
}

#[test]
fn an_id_of_an_event_with_fields_is_taken() {
    let (folder, dump) = written(
        "{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"id\":\"one\",\"time\":\"2025-01-01T00:00:01Z\",\"data\":{\"a\":1},\"userId\":\"eve\"}\n",
    );
    let store = folder.path().join("store").display().to_string();
    assert_eq!(code(&run(&["import", &dump, &store])), 0);
    assert!(stdout(&run(&["events", &store, "--json"])).contains("\"fields\":{\"userId\":\"eve\"}"));
    let output = run(&["append", &store, "a-1", "--type", "Made", "--id", "one", "--data", "{\"a\":1}"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (69, ""), "{}", stderr(&output));
    assert!(stderr(&output).contains("one"), "{}", stderr(&output));
}

#[test]
fn the_sides_of_a_difference_between_twins_can_be_told_apart() {
    let line = |version: u64, n: u64| {
        format!("{{\"stream\":\"a-1\",\"version\":{version},\"type\":\"T\",\"data\":{{\"n\":{n}}}}}\n")
    };
    let (_folder, dump) = written(&[line(1, 1), line(2, 2), line(2, 3), line(3, 4)].concat());
    let text = stdout(&run(&["diff", &dump, "a-1", "#2", "#3"]));
    assert!(text.starts_with("a-1 from #2 to #3   "), "{text}");
    let json = lines(&run(&["diff", &dump, "a-1", "#2", "#3", "--json"])).remove(0);
    let side = |name: &str| json.get(name).map(Json::to_string);
    assert_eq!((side("from"), side("to")), (Some("\"#2\"".into()), Some("\"#3\"".into())));
    let json = lines(&run(&["diff", &dump, "a-1", "start", "3", "--json"])).remove(0);
    assert_eq!((json.get("from"), json.get("to").and_then(Json::as_i64)), (Some(&Json::Null), Some(3)));
    let text = stdout(&run(&["state", &dump, "a-1", "--at", "#2"]));
    assert!(text.starts_with("a-1 after #2, version 2 (T"), "{text}");
}

#[test]
fn an_event_that_failed_is_counted_up_to_its_place() {
    let line = |n: u64| format!("{{\"stream\":\"a-1\",\"version\":{n},\"type\":\"T\",\"data\":{{\"n\":{n}}}}}\n");
    let (folder, dump) = written(&[line(1), line(2)].concat());
    let script = folder.path().join("throws.js");
    let text = "export const initialState = {n: 0};\nexport const evolve = (s, e) => { if (e.data.n === 1) throw new Error('one'); return e.data; };\n";
    std::fs::write(&script, text).expect("written");
    let script = script.display().to_string();
    let said = |at: &str| stderr(&run(&["diff", &dump, "a-1", "start", at, "--reducer", &script]));
    assert!(said("1").contains("1 of 1 event failed up to version 1, the first at a-1 version 1 (T)"), "{}", said("1"));
    assert!(said("2").contains("1 of 2 events failed before version 2, the first at"), "{}", said("2"));
}

#[test]
fn the_demo_has_a_name_that_every_command_knows() {
    let home = tempfile::tempdir().expect("a folder");
    let blocked = home.path().join("file");
    std::fs::write(&blocked, "").expect("written");
    // Where nothing can be kept it is made for the command, and gone with it.
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    for data in [home.path().join("data"), blocked] {
        let demo = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
            command.args(args).env("XDG_DATA_HOME", &data).env("XDG_CONFIG_HOME", home.path());
            command.env("TMPDIR", &temporary).stdin(Stdio::null()).output().expect("stepback runs")
        };
        let state = demo(&["state", "demo", "order-1002", "--at", "12"]);
        assert_eq!(code(&state), 0, "{}", stderr(&state));
        assert!(stdout(&state).contains("reducer order.js") && stdout(&state).contains("-12.5"), "{}", stdout(&state));
        for args in [&["streams", "demo"][..], &["inspect", "demo"], &["verify", "demo"], &["search", "demo", "coupon"]]
        {
            assert_eq!(code(&demo(args)), 0, "{args:?}: {}", stderr(&demo(args)));
        }
        let opened = demo(&["demo"]);
        assert!(!stderr(&opened).contains("no command"), "{}", stderr(&opened));
    }
    assert_eq!(std::fs::read_dir(&temporary).expect("a folder").count(), 0, "nothing is left behind");
}
