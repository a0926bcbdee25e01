//! Fields that take no role stay a part of their event, whatever it is read from: shown, searched, exported, judged,
//! given to reducers, imported.

use std::sync::Arc;

use stepback::domain::{Cancel, Event, EventQuery, NoteKind, Pattern, Scope, SearchStep};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

use super::*;

pub fn corpus(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name).display().to_string()
}

fn opened(address: &str, map: Option<&str>) -> Arc<dyn Source> {
    let options = OpenOptions { map: map.map(str::to_owned), ..OpenOptions::default() };
    let source = open(address, &options).unwrap_or_else(|failure| panic!("{failure}"));
    source.complete(&Cancel::default(), &mut |_| ()).expect("it is read");
    source
}

pub fn events(address: &str, map: Option<&str>) -> Vec<Arc<Event>> {
    opened(address, map).events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).expect("events").events
}

/// The fields of each event of a file with this content.
fn fields_of(content: &str, map: Option<&str>) -> Vec<String> {
    let (_folder, path) = written(content);
    let events = events(&path, map);
    assert!(events.iter().all(|event| event.trouble.is_none()), "{events:?}");
    events.iter().map(|event| event.fields.text().into_owned()).collect()
}

pub fn named(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    path.display().to_string()
}

#[test]
fn unmapped_fields_are_found_shown_and_exported() {
    let file = corpus("minimal/unmapped-fields.jsonl");
    let hits = lines(&run(&["search", &file, "eve", "--json"]));
    assert_eq!(hits.len(), 1);
    let text = |hit: &Json, key: &str| hit.get(key).and_then(Json::as_str).map(str::to_owned);
    assert_eq!((text(&hits[0], "where"), text(&hits[0], "text")), (Some("fields/userId".into()), Some("eve".into())));
    assert_eq!(hits[0].get("version").and_then(Json::as_i64), Some(2));

    let all = lines(&run(&["events", &file, "--json"]));
    let fields: Vec<_> = all.iter().map(|event| event.get("fields").expect("fields").to_string()).collect();
    assert_eq!(fields, [r#"{"userId":"bob","tenant":"t9"}"#, r#"{"userId":"eve","tenant":"t9"}"#]);

    let judged = lines(&run(&["events", &file, "--json", "--where", "event.fields.userId == 'eve'"]));
    assert_eq!(judged, [all[1].clone()]);
    let types = lines(&run(&["types", &file, "--fields", "--json", "Closed"]));
    assert!(types[0].to_string().contains(".userId") && types[0].to_string().contains(".tenant"), "{}", types[0]);
}

#[test]
fn an_export_opens_again_to_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = concat!(
        r#"{"streamId":"a","version":1,"type":"T","data":{"n":1},"fields":{"x":1},"price":1.50,"big":123456789012345678901234567890,"z":null}"#,
        "\n",
        r#"{"streamId":"a","version":2,"type":"T","data":"{\"n\":2}","notes":["mine"],"encoding":"utf-8"}"#,
        "\n",
        r#"{"streamId":"a","version":3,"type":"T","data":{}}"#,
        "\n",
        r#"{"streamId":"a","version":4,"type":"T","data":{},"fields":{"x":1}}"#,
        "\n",
    );
    let first = named(&folder, "first.jsonl", lines);
    let before = events(&first, None);
    let fields: Vec<_> = before.iter().map(|event| event.fields.text().into_owned()).collect();
    assert_eq!(
        fields,
        [
            r#"{"fields":{"x":1},"price":1.50,"big":123456789012345678901234567890,"z":null}"#,
            r#"{"notes":["mine"],"encoding":"utf-8"}"#,
            "",
            r#"{"fields":{"x":1}}"#,
        ]
    );
    let exported = run(&["export", &first]);
    let second = named(&folder, "second.jsonl", &exported.stdout);
    let after = events(&second, None);
    assert_eq!(after.len(), 4);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.fields, before.fields);
        assert_eq!(
            (&after.stream, after.version, &after.event_type),
            (&before.stream, before.version, &before.event_type)
        );
        assert_eq!(
            (&after.position, &after.id, &after.correlation),
            (&before.position, &before.id, &before.correlation)
        );
        assert_eq!(after.notes, before.notes);
    }
    // And what is exported from there says the same once more, but for what was undone the first time.
    let again = run(&["export", &second]);
    let plain = stdout(&exported).replace(r#","encoding":{"data":["JSON string"]}"#, "");
    assert_eq!(stdout(&again), plain);
}

#[test]
fn an_export_keeps_what_the_store_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let export = concat!(
        r#"{"position":"0/17","stream":"a","version":7,"id":"x","type":"T","time":"2025-01-01T00:00:00Z","data":{"n":1},"metadata":null,"correlation":"c","causation":"d","encoding":{"data":["zlib"]},"notes":[{"kind":"deleted","text":"hidden"}]}"#,
        "\n",
        r#"{"position":"0/18","stream":"a","version":9,"id":null,"type":"T","time":null,"data":{"n":1},"metadata":{"correlationId":"m"},"fields":{"by":"u"}}"#,
        "\n",
    );
    let file = named(&folder, "export.jsonl", export);
    let events = events(&file, None);
    assert_eq!(events[0].version.0, 7);
    assert_eq!(events[0].position.to_string(), "0/17");
    assert_eq!((events[0].correlation.as_deref(), events[0].causation.as_deref()), (Some("c"), Some("d")));
    assert_eq!(
        events[0].notes.iter().map(|note| (note.kind, &*note.text)).collect::<Vec<_>>(),
        [(NoteKind::Deleted, "hidden")]
    );
    assert!(events[0].fields.is_absent());
    assert_eq!((events[1].correlation.as_deref(), &*events[1].fields.text()), (Some("m"), r#"{"by":"u"}"#));
}

#[test]
fn the_whole_record_is_no_field() {
    let flat = "{\"streamId\":\"a\",\"type\":\"T\",\"amount\":1}\n{\"streamId\":\"a\",\"type\":\"U\",\"amount\":2}\n";
    assert_eq!(fields_of(flat, None), ["", ""]);
    let beside = flat.replace("\"amount\"", "\"x\":1,\"data\"");
    assert_eq!(fields_of(&beside, Some("stream=.streamId,type=.type,data=.")), ["", ""]);
    assert_eq!(fields_of(&beside, Some("stream=.streamId,type=.type,data=.data")), [r#"{"x":1}"#, r#"{"x":1}"#]);
}

#[test]
fn what_cannot_be_read_as_its_part_is_kept() {
    let lines = concat!(
        r#"{"s":"a","t":"T","d":{},"when":"yesterday","id":{"x":1},"m":{"correlationId":"c","by":"u"}}"#,
        "\n",
        r#"{"s":"a","t":"T","d":{},"when":"2025-01-01T00:00:00Z","id":"i","m":null}"#,
        "\n",
    );
    assert_eq!(
        fields_of(lines, Some("stream=.s,type=.t,data=.d,time=.when,id=.id,metadata=.m")),
        [r#"{"when":"yesterday","id":{"x":1}}"#, ""]
    );
    // Of an object around a part the rest stays.
    assert_eq!(
        fields_of(lines, Some("stream=.s,type=.t,data=.d,correlation=.m.correlationId")),
        [r#"{"when":"yesterday","id":{"x":1},"m":{"by":"u"}}"#, r#"{"when":"2025-01-01T00:00:00Z","id":"i","m":null}"#]
    );
}

#[test]
fn every_way_of_searching_finds_the_same_in_fields() {
    let lines = concat!(
        r#"{"streamId":"a","version":1,"type":"T","user":"needle","x":1,"tag":"y","data":{}}"#,
        "\n",
        r#"{"streamId":"a","version":2,"type":"T","needle":{"deep":[1,"two"]},"data":{}}"#,
        "\n",
        r#"{"streamId":"a","version":3,"type":"T","user":"Zo\u00eb","data":{}}"#,
        "\n",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = named(&folder, "dump.jsonl", lines);
    let array = named(&folder, "dump.json", format!("[{}]", lines.trim().replace('\n', ",\n")));
    for (pattern, expected) in
        [("needle", &[0_u64, 1][..]), ("two", &[1]), ("Zoë", &[2]), (r#"needle","x"#, &[]), ("y\",\"data", &[])]
    {
        for address in [&file, &array] {
            let source = opened(address, None);
            let mut hits = Vec::new();
            let mut told = |step: SearchStep| {
                if let SearchStep::Hit(ordinal) = step {
                    hits.push(ordinal);
                }
                std::ops::ControlFlow::Continue(())
            };
            source
                .search(&Pattern::Text(pattern.into()), &Scope::All, &Cancel::default(), &mut told)
                .expect("searched");
            assert_eq!(hits, expected, "{pattern} in {address}");
        }
    }
}

#[test]
fn numbers_in_fields_are_exact_in_conditions_and_reducers() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = concat!(
        r#"{"streamId":"a","version":1,"type":"T","big":9007199254740993,"n":2,"data":{}}"#,
        "\n",
        r#"{"streamId":"a","version":2,"type":"T","data":{}}"#,
        "\n",
    );
    let file = named(&folder, "dump.jsonl", lines);
    let found = |condition: &str| super::lines(&run(&["events", &file, "--json", "--where", condition])).len();
    assert_eq!(found("event.fields.big == 9007199254740993"), 1);
    assert_eq!(found("has(event.fields.big)"), 1);
    assert_eq!(found("!has(event.fields.big)"), 1);
    let reducer = named(
        &folder,
        "fold.js",
        "export const initialState = {sum: 0n, seen: []};\n\
         export const evolve = (state, event) => ({\n\
           sum: state.sum + (event.fields?.big ?? 0n),\n\
           seen: [...state.seen, 'fields' in event ? event.fields.n : 'none'],\n\
         });\n",
    );
    let state = super::lines(&run(&["state", &file, "a", "--reducer", &reducer, "--json"]));
    let state = state[0].get("state").expect("a state").to_string();
    assert_eq!(state, r#"{"sum":9007199254740993,"seen":[2,"none"]}"#);
}

#[test]
fn columns_without_a_role_are_fields() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.db");
    let connection = rusqlite::Connection::open(&database).expect("a database");
    connection
        .execute_batch(
            "CREATE TABLE events(stream_id TEXT, version INTEGER, type TEXT, payload TEXT, tenant_id INTEGER, price NUMERIC, by TEXT, extra TEXT);
             INSERT INTO events VALUES('a', 1, 'T', '{\"n\":1}', 9007199254740993, 1.5, '007', '{\"x\": 1.50}');
             INSERT INTO events VALUES('a', 2, 'T', '{\"n\":2}', NULL, NULL, 'u', '');",
        )
        .expect("filled");
    drop(connection);
    let address = database.display().to_string();
    let fields: Vec<_> = events(&address, None).iter().map(|event| event.fields.text().into_owned()).collect();
    assert_eq!(
        fields,
        [
            r#"{"tenant_id":9007199254740993,"price":1.5,"by":"007","extra":{"x": 1.50}}"#,
            r#"{"tenant_id":null,"price":null,"by":"u","extra":""}"#,
        ]
    );
    let csv = named(
        &folder,
        "dump.csv",
        "stream_id,version,type,payload,tenant,code\na,1,T,\"{\"\"n\"\":1}\",t9,007\na,2,T,\"{\"\"n\"\":2}\",t9,8\n",
    );
    let fields: Vec<_> = events(&csv, None).iter().map(|event| event.fields.text().into_owned()).collect();
    assert_eq!(fields, [r#"{"tenant":"t9","code":"007"}"#, r#"{"tenant":"t9","code":"8"}"#]);
    let dump = named(
        &folder,
        "dump.sql",
        "--\n-- PostgreSQL database dump\n--\nCREATE TABLE public.events (stream_id text, version bigint, type text, payload jsonb, tenant_id bigint, price numeric(10,2), ok boolean, code text);\n\
         COPY public.events (stream_id, version, type, payload, tenant_id, price, ok, code) FROM stdin;\n\
         a\t1\tT\t{\"n\": 1}\t9007199254740993\t1.50\tt\t007\na\t2\tT\t{\"n\": 2}\t\\N\t\\N\tf\tx\n\\.\n",
    );
    let fields: Vec<_> = events(&dump, None).iter().map(|event| event.fields.text().into_owned()).collect();
    assert_eq!(
        fields,
        [
            r#"{"tenant_id":9007199254740993,"price":1.50,"ok":true,"code":"007"}"#,
            r#"{"tenant_id":null,"price":null,"ok":false,"code":"x"}"#,
        ]
    );
}

#[test]
fn exports_of_known_tools_keep_what_their_readers_do_not_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str, text: &str| -> Vec<String> {
        let file = named(&folder, name, text);
        events(&file, None).iter().map(|event| event.fields.text().into_owned()).collect()
    };
    let kcat = r#"{"topic":"orders","partition":0,"offset":5,"tstype":"create","ts":1740816000000,"broker":1,"headers":["eventType","Placed"],"key":"order-1","payload":"{\"n\":1}"}"#;
    assert_eq!(of("kcat.jsonl", &format!("{kcat}\n")), [r#"{"topic":"orders","tstype":"create","broker":1}"#]);
    let change = r#"{"before":null,"after":{"aggregatetype":"order","aggregateid":"1","id":"e1","type":"Placed","payload":"{\"n\":1}","tenant":"t9"},"source":{"lsn":7,"db":"shop"},"op":"c","ts_ms":1740816000000}"#;
    assert_eq!(
        of("debezium.jsonl", &format!("{change}\n")),
        [r#"{"before":null,"after":{"tenant":"t9"},"source":{"db":"shop"},"op":"c","ts_ms":1740816000000}"#]
    );
    let item = r#"{"Item":{"streamId":{"S":"a"},"version":{"N":"1"},"type":{"S":"Placed"},"data":{"M":{"n":{"N":"1"}}},"ttl":{"N":"12345678901234567890"},"by":{"S":"Zo\u00eb"}}}"#;
    assert_eq!(of("dynamo.json", &format!("{item}\n")), [r#"{"ttl":12345678901234567890,"by":"Zo\u00eb"}"#]);
}

#[test]
fn an_import_takes_the_fields_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store").display().to_string();
    let file = corpus("minimal/unmapped-fields.jsonl");
    let imported = run(&["import", &file, &store]);
    assert_eq!(code(&imported), 0, "{}", stderr(&imported));
    let fields = |address: &str| -> Vec<String> {
        events(address, None).iter().map(|event| event.fields.text().into_owned()).collect()
    };
    assert_eq!(fields(&store), fields(&file));
    assert_eq!(lines(&run(&["search", &store, "eve", "--json"])).len(), 1);
    assert_eq!(code(&run(&["verify", &store])), 0);
}
