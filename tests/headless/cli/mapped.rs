//! `--map` answers the mistake that was made, refines formats that are known, and refusals say what helps.

use super::fields::{corpus, events, named};
use super::*;

/// What is said of a map: the exit code, and the words.
fn refused(file: &str, map: &str) -> (i32, String) {
    let output = run(&["events", file, "--map", map]);
    (code(&output), stderr(&output))
}

fn short(file: &str, map: Option<&str>) -> Vec<String> {
    let told = |event: &std::sync::Arc<stepback::domain::Event>| {
        format!("{} {} {}", event.stream, event.version, event.event_type)
    };
    events(file, map).iter().map(told).collect()
}

#[test]
fn what_is_not_there_is_named_with_the_nearest() {
    let file = corpus("minimal/unmapped-fields.jsonl");
    let (code, words) = refused(&file, "stream=.streemId,type=.type");
    assert_eq!(code, 2);
    assert_eq!(words.matches("stream=.streemId").count(), 1, "{words}");
    assert!(words.contains("none of the first 2 records has it; the nearest there are: .streamId"), "{words}");
    assert!(!words.contains("no events were recognised"), "{words}");
    // A part that is optional is a mistake too, and several are told together.
    let (code, words) = refused(&file, "time=.tyme,version=.vresion,stream=.streamId,type=.type");
    assert_eq!(code, 2);
    assert!(
        words.contains("time=.tyme") && words.contains("version=.vresion: ") && words.contains(".version"),
        "{words}"
    );
    // What is optional and like nothing there is may come later in a longer file.
    let inspected = stdout(&run(&["inspect", &file, "--map", "time=.at"]));
    assert!(inspected.contains("--map time=.at: none of the first 2 records has it"), "{inspected}");
    // The same below an object, and under the same key elsewhere.
    let folder = tempfile::tempdir().expect("a folder");
    let nested = named(&folder, "n.jsonl", "{\"aggregate\":{\"id\":\"a\",\"v\":1},\"type\":\"T\",\"data\":{}}\n");
    let (_, words) = refused(&nested, "stream=.id,type=.type");
    assert!(words.contains("the record does not have it; the nearest there are: .aggregate.id"), "{words}");
    assert_eq!(short(&nested, Some("stream=.aggregate.id,type=.type")), ["a 1 T"]);
}

#[test]
fn records_that_lack_a_part_are_counted_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "{\"s\":\"a\",\"t\":\"T\",\"d\":{}}\n{\"t\":\"T\",\"d\":{}}\n{\"s\":\"a\",\"t\":\"T\",\"d\":{},\"at\":\"2025-01-01T00:00:00Z\"}\n";
    let file = named(&folder, "dump.jsonl", lines);
    let inspected = stdout(&run(&["inspect", &file, "--map", "stream=.s,type=.t,time=.at"]));
    let said = |words: &str| assert_eq!(inspected.matches(words).count(), 1, "{words}: {inspected}");
    said("--map stream=.s: 1 of the first 3 records do not have it, and cannot be read as events");
    said("--map time=.at: 2 of the first 3 records do not have it\n");
}

#[test]
fn a_file_of_one_stream_opens() {
    let file = corpus("minimal/flat-one-stream.jsonl");
    for map in ["stream=none,type=.type", "type=.type"] {
        let stream = "flat-one-stream";
        let expected =
            [format!("{stream} 1 Deposited"), format!("{stream} 2 Withdrawn"), format!("{stream} 3 Deposited")];
        assert_eq!(short(&file, Some(map)), expected, "{map}");
    }
    let refused = run(&["events", &file]);
    assert_eq!(code(&refused), 65);
    assert!(stderr(&refused).contains("--map 'stream=none,type=.type'"), "{}", stderr(&refused));
}

#[test]
fn refusals_say_what_helps() {
    let words = stderr(&run(&["events", &corpus("minimal/wrapped-events.json")]));
    assert!(words.contains("jq -c '.events[]' ") && words.contains("| stepback -"), "{words}");
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "{\"customer_key\":\"k1\",\"happening\":\"Joined\",\"at\":1740816000,\"body\":{\"n\":1}}\n{\"customer_key\":\"k1\",\"happening\":\"Left\",\"at\":1740816001,\"body\":{\"n\":1}}\n{\"customer_key\":\"k2\",\"happening\":\"Joined\",\"at\":1740816002,\"body\":{\"n\":1}}\n";
    let file = named(&folder, "own words.jsonl", lines);
    let words = stderr(&run(&["events", &file]));
    assert!(words.contains("--map 'stream=.customer_key,type=.happening,time=.at,data=.body'"), "{words}");
    // The map it names opens the file.
    assert_eq!(
        short(&file, Some("stream=.customer_key,type=.happening,time=.at,data=.body")),
        ["k1 1 Joined", "k1 2 Left", "k2 1 Joined"]
    );
}

#[test]
fn names_and_wrapped_values_are_not_taken_for_what_they_are_not() {
    assert_eq!(
        short(&corpus("minimal/name-as-type.jsonl"), None),
        ["c-1 1 Registered", "c-1 2 Moved", "c-2 1 Registered", "c-2 2 Closed"]
    );
    let read = |name: &str| -> Vec<String> {
        let events = events(&corpus(name), None);
        events.iter().map(|event| format!("{} {}", event.version, event.time.expect("a time"))).collect()
    };
    assert_eq!(read("minimal/mongo-extended.jsonl"), ["3 2025-03-01T08:00:00Z", "4 2025-03-01T08:00:01Z"]);
    assert_eq!(read("minimal/unixtime.jsonl"), ["1 2025-03-01T08:00:00Z", "2 2025-03-01T08:00:01Z"]);
}

#[test]
fn a_map_refines_dynamo_db() {
    let file = corpus("minimal/dynamo-pk-sk.json.gz");
    let words = stderr(&run(&["events", &file]));
    assert!(words.contains("--map 'stream=.PK,type=.kind,time=.at,data=.body'"), "{words}");
    let events = events(&file, Some("stream=.PK,type=.kind"));
    assert_eq!(events.len(), 8);
    let mut streams: Vec<_> = events.iter().map(|event| event.stream.to_string()).collect();
    streams.sort();
    streams.dedup();
    assert_eq!(streams, ["ORDER#0", "ORDER#1"]);
    assert!(events[0].data.text().contains("9007199254740993"), "{}", events[0].data.text());
    assert_eq!(events[0].fields.text(), r#"{"SK":"EVENT#000000"}"#);
    let (code, words) = refused(&file, "stream=.pk1,type=.kind");
    assert!(code == 2 && words.contains(".PK"), "{words}");
}

#[test]
fn a_map_refines_kcat() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = |n: u64, key: &str, order: &str| {
        format!(
            r#"{{"topic":"orders","partition":0,"offset":{n},"ts":1740816000000,"headers":["eventType","Placed"],"key":"{key}","payload":"{{\"order\":{{\"id\":\"{order}\",\"v\":{n}}},\"kind\":\"K{n}\"}}"}}"#
        )
    };
    let file = named(&folder, "kcat.jsonl", format!("{}\n{}\n", line(5, "k1", "o-1"), line(6, "k2", "o-1")));
    assert_eq!(short(&file, None), ["k1 1 Placed", "k2 1 Placed"]);
    assert_eq!(
        short(&file, Some("stream=.payload.order.id,version=.payload.order.v")),
        ["o-1 5 Placed", "o-1 6 Placed"]
    );
    assert_eq!(short(&file, Some("type=.payload.kind")), ["k1 1 K5", "k2 1 K6"]);
    let refined = events(&file, Some("stream=.payload.order.id"));
    // The reader goes on: positions, times and headers are those of the format; the key takes no role any more.
    assert_eq!(refined[0].position.to_string(), "0/5");
    assert!(refined[0].time.is_some() && !refined[0].metadata.is_absent());
    assert_eq!(refined[0].fields.text(), r#"{"topic":"orders","key":"k1"}"#);
    let (code, words) = refused(&file, "stream=.payload.order.ID,type=.topic");
    assert!(code == 2 && words.contains(".payload.order.id"), "{words}");
}

#[test]
fn a_map_refines_debezium_and_cloud_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let change = |lsn: u64, id: &str| {
        format!(
            r#"{{"before":null,"after":{{"aggregatetype":"order","aggregateid":"{id}","id":"e{lsn}","type":"Placed","payload":"{{\"n\":1}}","tenant":"t9","v":{lsn}}},"source":{{"lsn":{lsn},"txId":9}},"op":"c","ts_ms":1740816000000}}"#
        )
    };
    let file = named(&folder, "debezium.jsonl", format!("{}\n{}\n", change(8, "2"), change(7, "1")));
    assert_eq!(short(&file, None), ["order-1 1 Placed", "order-2 1 Placed"]);
    for map in ["stream=.tenant,version=.v", "stream=.after.tenant,version=.after.v"] {
        assert_eq!(short(&file, Some(map)), ["t9 7 Placed", "t9 8 Placed"], "{map}");
    }
    let (code, words) = refused(&file, "stream=.tenent");
    assert!(code == 2 && words.contains(".tenant"), "{words}");
    let event = |n: u64| {
        format!(
            r#"{{"specversion":"1.0","id":"e{n}","source":"/shop","type":"Placed","subject":"order-1","time":"2025-03-01T08:00:0{n}Z","tenantid":"t{n}","data":{{"v":{n}}}}}"#
        )
    };
    let file = named(&folder, "ce.jsonl", format!("{}\n{}\n", event(1), event(2)));
    assert_eq!(short(&file, Some("stream=.tenantid,version=.data.v")), ["t1 1 Placed", "t2 2 Placed"]);
    assert_eq!(&*events(&file, Some("stream=.tenantid"))[1].id.clone().expect("an id"), "e2");
}

#[test]
fn a_map_of_columns_is_judged_by_the_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv =
        named(&folder, "dump.csv", "who,what,n,body\na,Opened,1,\"{\"\"x\"\":1}\"\na,Closed,2,\"{\"\"x\"\":2}\"\n");
    assert_eq!(short(&csv, Some("stream=.who,type=.what,version=.n,data=.body")), ["a 1 Opened", "a 2 Closed"]);
    let (code, words) = refused(&csv, "stream=.whom,type=.what");
    assert_eq!(code, 2);
    assert!(words.contains("--map stream=.whom: `dump` has no such column; the nearest there are: .who"), "{words}");
    // One stream, and all of a row.
    assert_eq!(short(&csv, Some("stream=none,type=.what,version=.n")), ["dump 1 Opened", "dump 2 Closed"]);
    let whole = events(&csv, Some("stream=.who,type=.what,data=."));
    assert_eq!(whole[0].data.text(), r#"{"who":"a","what":"Opened","n":"1","body":{"x":1}}"#);
    assert!(whole[0].fields.is_absent());

    // A known layout is refined, and judged by its own table.
    let database = folder.path().join("store.db");
    let connection = rusqlite::Connection::open(&database).expect("a database");
    connection
        .execute_batch(
            "CREATE TABLE messages(id TEXT, stream_name TEXT, type TEXT, position INTEGER, global_position INTEGER PRIMARY KEY, data TEXT, metadata TEXT, time TEXT, tenant TEXT);
             INSERT INTO messages VALUES('5f0c8f1e-0000-4000-8000-000000000001', 'a-1', 'T', 0, 1, '{\"k\":\"x\"}', '{}', '2025-01-01 00:00:00', 't9');
             INSERT INTO messages VALUES('5f0c8f1e-0000-4000-8000-000000000002', 'a-1', 'T', 1, 2, '{\"k\":\"y\"}', '{}', '2025-01-01 00:00:00', 't8');
             CREATE TABLE other(tennant TEXT);",
        )
        .expect("filled");
    drop(connection);
    let address = database.display().to_string();
    assert_eq!(short(&address, None), ["a-1 0 T", "a-1 1 T"]);
    assert_eq!(short(&address, Some("type=.data.k")), ["a-1 0 x", "a-1 1 y"]);
    assert_eq!(short(&address, Some("stream=.tenant")), ["t9 0 T", "t8 1 T"]);
    assert_eq!(short(&address, Some("stream=none")), ["store 0 T", "store 1 T"]);
    let whole = events(&address, Some("data=."));
    assert!(whole[0].data.text().contains(r#""tenant":"t9""#) && whole[0].fields.is_absent());
    for column in [".tennant", ".tenat"] {
        let (code, words) = refused(&address, &format!("stream={column}"));
        assert!(code == 2 && words.contains(".tenant"), "{words}");
    }
}

#[test]
fn what_says_itself_what_its_events_are_takes_no_map() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store").display().to_string();
    assert_eq!(code(&run(&["import", &corpus("minimal/unmapped-fields.jsonl"), &store])), 0);
    let (code, words) = refused(&store, "type=.x");
    assert!(code == 2 && words.contains("--map has nothing to say of it"), "{words}");
}

#[test]
fn inspect_names_what_takes_no_role() {
    let inspected = stdout(&run(&["inspect", &corpus("minimal/unmapped-fields.jsonl")]));
    assert!(inspected.contains("fields = .userId: they take no role, and stay with their event"), "{inspected}");
}
