//! Stores in tables through the front door: files made here as the frameworks make them, opened by what is in them; and
//! the commands that tell of layouts.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use stepback::session::Catalogue;
use stepback::sources::open::{OpenOptions, open};
use tempfile::TempDir;

/// Runs the program with folders of its own.
fn run(home: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(arguments)
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path().join("config"))
        .env("XDG_CACHE_HOME", home.path().join("cache"))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(home: &TempDir, name: &str, content: &str) -> String {
    let path: PathBuf = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// A Commanded store as `pg_dump` writes it: one event is in no row of `$all`, one stream is a link.
const COMMANDED: &str = r#"--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';

CREATE TABLE public.events (
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    causation_id uuid,
    correlation_id uuid,
    data bytea NOT NULL,
    metadata bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.stream_events (
    event_id uuid NOT NULL,
    stream_id bigint NOT NULL,
    stream_version bigint NOT NULL,
    original_stream_id bigint,
    original_stream_version bigint
);

CREATE TABLE public.streams (
    stream_id bigint NOT NULL,
    stream_uuid text NOT NULL,
    stream_version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone
);

COPY public.events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) FROM stdin;
2f61396f-5670-44f4-99d0-0f3cf997a501	Elixir.Shop.Placed	\N	\N	\\x7b2261223a317d	\\x7b7d	2025-01-01 00:00:01+00
2f61396f-5670-44f4-99d0-0f3cf997a503	Elixir.Shop.Paid	\N	\N	\\x7b2261223a337d	\\x7b7d	2025-01-01 00:00:03+00
2f61396f-5670-44f4-99d0-0f3cf997a502	Elixir.Shop.Packed	\N	\N	\\x7b2261223a327d	\\x7b7d	2025-01-01 00:00:02+00
\.

COPY public.stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version) FROM stdin;
2f61396f-5670-44f4-99d0-0f3cf997a501	0	1	1	1
2f61396f-5670-44f4-99d0-0f3cf997a503	0	2	1	3
2f61396f-5670-44f4-99d0-0f3cf997a501	1	1	1	1
2f61396f-5670-44f4-99d0-0f3cf997a502	1	2	1	2
2f61396f-5670-44f4-99d0-0f3cf997a503	1	3	1	3
2f61396f-5670-44f4-99d0-0f3cf997a503	2	1	1	3
\.

COPY public.streams (stream_id, stream_uuid, stream_version, created_at, deleted_at) FROM stdin;
0	$all	2	2025-01-01 00:00:00+00	\N
1	order-1	3	2025-01-01 00:00:00+00	\N
2	payments	1	2025-01-01 00:00:00+00	\N
\.

--
-- PostgreSQL database dump complete
--
"#;

#[test]
fn a_dump_of_a_server_is_read_by_its_layout() {
    let home = tempfile::tempdir().unwrap();
    let dump = file(&home, "shop.sql", COMMANDED);
    let all = lines(&run(&home, &["events", &dump, "--json"]));
    let short: Vec<_> =
        all.iter().map(|event| format!("{}/{} {}", event["stream"], event["version"], event["type"])).collect();
    assert_eq!(short, [r#""order-1"/1 "Shop.Placed""#, r#""order-1"/2 "Shop.Packed""#, r#""order-1"/3 "Shop.Paid""#]);
    assert_eq!(all[1]["notes"][0]["kind"], "outside");
    assert!(all[0].get("notes").is_none(), "{}", all[0]);
    assert_eq!(all[2]["data"]["a"], 3);
    let links = lines(&run(&home, &["events", &dump, "payments", "--json"]));
    assert_eq!(links[0]["notes"][0]["text"], "link to 3 of order-1");
    let table = text(&run(&home, &["streams", &dump]));
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].ends_with("KIND") && rows[1].starts_with("order-1") && rows[2].ends_with("links"), "{table}");
    let kinds: Vec<_> = lines(&run(&home, &["streams", &dump, "--json"])).iter().map(|s| s["kind"].clone()).collect();
    assert_eq!(kinds, ["domain", "links"]);
}

#[test]
fn inspect_says_what_was_found_and_why() {
    let home = tempfile::tempdir().unwrap();
    let dump = file(&home, "shop.sql", COMMANDED);
    let found = &lines(&run(&home, &["inspect", &dump, "--json"]))[0];
    assert_eq!((&found["layout"], &found["events"], &found["streams"]), (&"commanded".into(), &3.into(), &2.into()));
    assert_eq!(found["streams_by_kind"], serde_json::json!({"domain": 1, "links": 1}));
    assert_eq!(found["candidates"][0]["layout"], "commanded");
    assert!(found["candidates"][1]["reasons"][0].is_string());
    assert_eq!(found["first_time"], "2025-01-01T00:00:01Z");
    assert_eq!(found["payloads"]["looked_at"], 3);
    assert_eq!(found["payloads"]["data"].as_object().unwrap().values().filter_map(|n| n.as_u64()).sum::<u64>(), 3);
    let caveats = found["caveats"].to_string();
    assert!(caveats.contains("1 event outside `$all`"), "{caveats}");
    let beside: Vec<_> = found["beside"].as_array().unwrap().iter().map(|table| table["name"].clone()).collect();
    assert_eq!(beside, ["stream_events", "streams"]);
    let versions = found["mapping"].as_array().unwrap().iter().find(|part| part["name"] == "version").unwrap();
    assert_eq!(versions["value"], "stream_events.stream_version");
    let rows = lines(&run(&home, &["inspect", &dump, "--table", "streams"]));
    assert_eq!((rows.len(), &rows[1]["stream_uuid"]), (3, &"order-1".into()));
    let missing = run(&home, &["inspect", &dump, "--table", "nothing"]);
    assert_eq!(missing.status.code(), Some(69), "{}", said(&missing));
    for word in ["layout: commanded", "why", "to know", "mapping", "layouts considered", "beside the events"] {
        assert!(text(&run(&home, &["inspect", &dump])).contains(word), "{word}");
    }
}

#[test]
fn layouts_are_listed_printed_and_start_the_users_own() {
    let home = tempfile::tempdir().unwrap();
    let listed = lines(&run(&home, &["layouts", "--json"]));
    let names: Vec<&str> = listed.iter().map(|layout| layout["name"].as_str().unwrap()).collect();
    let expected: Vec<String> = Catalogue::read(None).entries.iter().map(|entry| entry.layout.name.clone()).collect();
    assert_eq!(names, expected);
    for name in names {
        let printed = text(&run(&home, &["layouts", name]));
        assert!(printed.contains(&format!("name = \"{name}\"")), "{name}");
    }
    let unknown = run(&home, &["layouts", "nonsense"]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("message-db"), "{}", said(&unknown));

    // Printed, changed, and used: from a file that is named, and from the user's folder.
    let dump = file(&home, "shop.sql", COMMANDED);
    let own = text(&run(&home, &["layouts", "commanded"]))
        .replace("name = \"commanded\"", "name = \"shop\"")
        .replace("type_prefix = \"Elixir.\"", "type_prefix = \"Elixir.Shop.\"");
    let own_file = file(&home, "shop.toml", &own);
    let first = &lines(&run(&home, &["events", &dump, "--json", "--layout", &own_file]))[0];
    assert_eq!(first["type"], "Placed");
    let folder = home.path().join("config/stepback/layouts");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(&own_file, folder.join("shop.toml")).unwrap();
    let listed = lines(&run(&home, &["layouts", "--json"]));
    assert_eq!(listed[0]["name"], "shop");
    let first = &lines(&run(&home, &["events", &dump, "--json", "--layout", "shop"]))[0];
    assert_eq!(first["type"], "Placed");

    let wrong = file(&home, "wrong.toml", &own.replacen("first_version = 1", "first_version = 1\ncolour = 3", 1));
    let output = run(&home, &["events", &dump, "--layout", &wrong]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("colour") && said(&output).contains("line "), "{}", said(&output));
}

#[test]
fn what_is_no_event_store_is_refused_with_its_tables() {
    let home = tempfile::tempdir().unwrap();
    let chat = file(
        &home,
        "chat.sql",
        "-- PostgreSQL database dump\n\nCREATE TABLE public.messages (\n    id bigint NOT NULL,\n    room_id bigint,\n    sender_id bigint,\n    body text,\n    created_at timestamp without time zone\n);\n\nCOPY public.messages (id, room_id, sender_id, body, created_at) FROM stdin;\n1\t1\t2\thello\t2025-01-01 00:00:00\n\\.\n",
    );
    let output = run(&home, &["streams", &chat]);
    assert_eq!(output.status.code(), Some(65), "{}", said(&output));
    for word in ["messages (id, room_id, sender_id, body, created_at)", "nearest is", "--layout", "--map"] {
        assert!(said(&output).contains(word), "{word}: {}", said(&output));
    }
}

#[test]
fn a_table_of_the_users_is_mapped() {
    let home = tempfile::tempdir().unwrap();
    let csv =
        file(&home, "till.csv", "shop,what,n,body\nA,Opened,1,\"{\"\"x\"\": 1}\"\nB,Opened,1,{}\nA,Closed,2,{}\n");
    let refused = run(&home, &["streams", &csv]);
    assert_eq!(refused.status.code(), Some(65), "{}", said(&refused));
    let events =
        lines(&run(&home, &["events", &csv, "--json", "--map", "stream=.shop,type=.what,version=.n,data=.body"]));
    assert_eq!(events.len(), 3);
    assert_eq!((&events[0]["stream"], &events[0]["data"]["x"]), (&"A".into(), &1.into()));
    assert_eq!((&events[2]["type"], &events[2]["version"]), (&"Closed".into(), &2.into()));
}

/// A store of Python eventsourcing: the row id is the position, and one row is gone.
#[cfg(feature = "sqlite")]
#[test]
fn a_database_file_is_read_by_its_layout() {
    use std::io::Write;

    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("shop.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB, \
             PRIMARY KEY (originator_id, originator_version));
             CREATE TABLE stored_snapshots (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB, \
             PRIMARY KEY (originator_id, originator_version)) WITHOUT ROWID;",
        )
        .unwrap();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(br#"{"amount": 12}"#).unwrap();
    let packed = packed.finish().unwrap();
    let id = "2f61396f567044f499d00f3cf997a501";
    for (version, state) in [(1, &b"{\"amount\": 1}"[..]), (2, b"{}"), (3, &packed)] {
        database
            .execute("INSERT INTO stored_events VALUES (?, ?, 'shop:Order.Changed', ?)", (id, version, state))
            .unwrap();
    }
    database
        .execute("INSERT INTO stored_snapshots VALUES (?, 3, 'eventsourcing.domain:Snapshot', '{}')", (id,))
        .unwrap();
    database.execute("DELETE FROM stored_events WHERE originator_version = 2", ()).unwrap();
    drop(database);
    let path = path.display().to_string();
    let events = lines(&run(&home, &["events", &path, "--json"]));
    let short: Vec<_> = events.iter().map(|event| (event["position"].clone(), event["version"].clone())).collect();
    assert_eq!(short, [(1.into(), 1.into()), (3.into(), 3.into())]);
    assert_eq!(events[0]["stream"], "2f61396f-5670-44f4-99d0-0f3cf997a501");
    let state = text(&run(&home, &["inspect", &path]));
    assert!(state.contains("eventsourcing-python") && state.contains("stored_snapshots"), "{state}");
    assert!(Path::new(&path).exists());
    let source = open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(source.about().layout.as_deref(), Some("eventsourcing-python"));
}

/// What is encrypted has events and no state: that is said, and not that there is nothing.
#[cfg(feature = "sqlite")]
#[test]
fn an_encrypted_store_has_no_states() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("sealed.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let create = "CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB, \
                  PRIMARY KEY (originator_id, originator_version))";
    database.execute(create, ()).unwrap();
    let id = "2f61396f567044f499d00f3cf997a501";
    for version in 1..4_u8 {
        let state = [version.wrapping_mul(73), 0xfe, 0x90, 0x11, 0xc3, 0x28, version];
        database
            .execute("INSERT INTO stored_events VALUES (?, ?, 'shop:Order.Changed', ?)", (id, version, &state[..]))
            .unwrap();
    }
    drop(database);
    let path = path.display().to_string();
    let stream = "2f61396f-5670-44f4-99d0-0f3cf997a501";
    for command in
        [&["state", &path, stream][..], &["state", &path, stream, "--json"], &["diff", &path, stream, "1", "3"]]
    {
        let output = run(&home, command);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(65), 0), "{command:?}");
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(said.matches("perhaps encrypted: its state cannot be folded").count(), 1, "{said}");
    }
    let types = run(&home, &["types", &path]);
    let table = text(&types);
    let cells: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(cells[cells.len() - 2..], ["-", "0"], "how many fields it has is not known: {table}");
    let said = String::from_utf8(types.stderr).unwrap();
    assert!(said.contains("3 payloads not looked into: binary, perhaps encrypted"), "{said}");
    let start = run(&home, &["state", &path, stream, "--at", "start"]);
    assert_eq!(start.status.code(), Some(0), "before the first event there is nothing to fold");
}
