//! JetStream stores and backups, written by a real nats-server and compared with what was published to it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};
use stepback::domain::{
    About, Cancel, Event, EventQuery, Failure, NoteKind, Position, Scope, SourceChange, StreamKind,
};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

use crate::support::nats;
use crate::support::nats::{Client, Server};

struct Opened {
    source: Arc<dyn Source>,
    about: About,
    all: Vec<Arc<Event>>,
}

fn try_open(directory: &Path) -> Result<Opened, Failure> {
    let source = open(directory.to_str().unwrap(), &OpenOptions::default())?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let mut all = Vec::new();
    loop {
        let query = EventQuery::at(Scope::All, all.len() as u64, usize::MAX);
        let page = source.events(&query, &Cancel::default())?.events;
        if page.is_empty() {
            return Ok(Opened { about: source.about(), source, all });
        }
        all.extend(page);
    }
}

impl Opened {
    fn messages(&self) -> Vec<(u64, String, String)> {
        let message = |event: &Arc<Event>| {
            assert_eq!(event.trouble, None);
            let Position::Number(seq) = event.position else { panic!("{:?}", event.position) };
            (seq, event.stream.to_string(), event.data.text().into_owned())
        };
        self.all.iter().map(message).collect()
    }

    fn warns(&self, of: &str) -> bool {
        self.about.caveats.iter().any(|caveat| caveat.contains(of))
    }

    fn kind(&self, stream: &str) -> StreamKind {
        self.source.stream(&stream.into()).unwrap().unwrap().kind
    }
}

/// What was published and is still there, by its sequence.
#[derive(Default)]
struct Model(BTreeMap<u64, (String, String)>);

impl Model {
    fn publish(&mut self, client: &mut Client, subject: &str, headers: &[(&str, &str)], data: &str) -> u64 {
        let seq = client.publish(subject, headers, data.as_bytes());
        self.0.insert(seq, (subject.into(), data.into()));
        seq
    }

    fn delete(&mut self, client: &mut Client, stream: &str, seq: u64) {
        client.ask(&format!("$JS.API.STREAM.MSG.DELETE.{stream}"), &json!({"seq": seq}));
        self.0.remove(&seq);
    }

    /// Leaves so many of a subject.
    fn keep(&mut self, subject: &str, count: usize) {
        let of: Vec<u64> = self.0.iter().filter(|(_, (of, _))| of == subject).map(|(&seq, _)| seq).collect();
        of.iter().rev().skip(count).for_each(|seq| drop(self.0.remove(seq)));
    }

    fn messages(&self) -> Vec<(u64, String, String)> {
        self.0.iter().map(|(&seq, (subject, data))| (seq, subject.clone(), data.clone())).collect()
    }
}

fn stream(directory: &Path, name: &str) -> PathBuf {
    directory.join("jetstream/$G/streams").join(name)
}

/// Names, sizes and times of all files below a directory.
fn listing(directory: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        if metadata.is_dir() {
            found.extend(listing(&path));
        }
        found.insert(path, (metadata.len(), metadata.modified().unwrap()));
    }
    found
}

#[test]
fn what_is_left_is_shown_from_the_store_and_from_its_backup() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let backup = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    client.create("ORDERS", &["orders.>"], Value::Null);
    let mut model = Model::default();
    for n in 0..40 {
        let (subject, id) = (format!("orders.{}.placed", n % 4), format!("id-{n}"));
        let headers: &[(&str, &str)] = &[("Nats-Msg-Id", &id), ("Event-Type", "Shipped"), ("Tag", "a"), ("Tag", "ö")];
        model.publish(&mut client, &subject, if n % 3 == 0 { headers } else { &[] }, &format!("{{\"n\":{n}}}"));
    }
    for seq in [1, 7, 22, 40] {
        model.delete(&mut client, "ORDERS", seq);
    }
    // Up to 2.9 what was purged by its subject stays in the block as it is.
    client.ask("$JS.API.STREAM.PURGE.ORDERS", &json!({"filter": "orders.2.placed", "keep": 3}));
    model.keep("orders.2.placed", 3);
    model.publish(&mut client, "orders.9.placed", &[], "");
    client.backup("ORDERS", backup.path());
    server.stop();

    let before = listing(directory.path());
    let found = try_open(&stream(directory.path(), "ORDERS")).unwrap();
    assert_eq!(found.messages(), model.messages());
    assert_eq!(found.about.kind, "NATS JetStream store");
    assert!(found.about.reasons[0].contains(r#"stream ORDERS, subjects ["orders.>"], retention limits"#));
    assert!(
        found.warns("no versions: counted for each subject") && found.about.caveats.len() == 1,
        "{:?}",
        found.about.caveats
    );
    let event = &found.all[found.messages().iter().position(|(seq, ..)| *seq == 4).unwrap()];
    assert_eq!((&*event.event_type, event.id.as_deref()), ("Shipped", Some("id-3")));
    assert_eq!(
        event.metadata.json().unwrap().to_string(),
        r#"{"Nats-Msg-Id":"id-3","Event-Type":"Shipped","Tag":["a","ö"]}"#
    );
    let plain = &found.all[found.messages().iter().position(|(seq, ..)| *seq == 5).unwrap()];
    assert_eq!((&*plain.event_type, plain.metadata.is_absent()), ("placed", true));
    assert!(event.time.unwrap() <= plain.time.unwrap());
    let summary = found.source.stream(&"orders.2.placed".into()).unwrap().unwrap();
    assert_eq!((summary.events, summary.first_version.0, summary.last_version.0), (3, 1, 3));

    // Every way to name it is accepted.
    for address in ["", "jetstream", "jetstream/$G", "jetstream/$G/streams"] {
        assert_eq!(try_open(&directory.path().join(address)).unwrap().messages(), model.messages(), "{address}");
    }
    assert_eq!(found.source.look().unwrap(), SourceChange::Same);
    assert_eq!(listing(directory.path()), before, "reading changes nothing");

    let restored = try_open(backup.path()).unwrap();
    assert_eq!(restored.about.kind, "NATS JetStream backup");
    assert_eq!(restored.messages(), model.messages());
    let same = |event: &Event| (event.time, event.metadata.clone(), event.id.clone(), event.event_type.clone());
    assert!(restored.all.iter().zip(&found.all).all(|(a, b)| same(a) == same(b)));
    assert_eq!(
        try_open(backup.path().parent().unwrap()).err().map(|e| e.kind),
        None.or(Some(stepback::domain::FailureKind::Unsupported))
    );
}

#[test]
fn limits_and_buckets() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    let (mut few, mut last, mut bucket) = (Model::default(), Model::default(), Model::default());
    client.create("FEW", &["few.*"], json!({"max_msgs_per_subject": 2}));
    client.create("LAST", &["last.*"], json!({"max_msgs": 5}));
    for n in 0..12 {
        few.publish(&mut client, &format!("few.{}", n % 3), &[], &n.to_string());
        last.publish(&mut client, &format!("last.{}", n % 3), &[], &n.to_string());
    }
    (0..3).for_each(|n| few.keep(&format!("few.{n}"), 2));
    last.0.retain(|&seq, _| seq > 7);
    let more = json!({"max_msgs_per_subject": 5, "allow_rollup_hdrs": true, "deny_delete": true});
    client.create("KV_people", &["$KV.people.>"], more);
    bucket.publish(&mut client, "$KV.people.ann", &[], r#"{"age":30}"#);
    bucket.publish(&mut client, "$KV.people.bob", &[], r#"{"age":40}"#);
    bucket.publish(&mut client, "$KV.people.ann", &[("KV-Operation", "DEL")], "");
    bucket.publish(&mut client, "$KV.people.bob", &[("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")], "");
    bucket.keep("$KV.people.bob", 1);
    client.create("OBJ_files", &["$O.files.C.>", "$O.files.M.>"], json!({"allow_rollup_hdrs": true}));
    client.publish("$O.files.C.x1", &[], &[0, 159, 146, 150]);
    server.stop();

    assert_eq!(try_open(&stream(directory.path(), "FEW")).unwrap().messages(), few.messages());
    assert_eq!(try_open(&stream(directory.path(), "LAST")).unwrap().messages(), last.messages());
    let found = try_open(&stream(directory.path(), "KV_people")).unwrap();
    assert_eq!(found.messages(), bucket.messages());
    let deleted: Vec<bool> = found.all.iter().map(|event| event.has(NoteKind::Deleted)).collect();
    assert_eq!(deleted, [false, true, true]);
    assert_eq!(found.kind("$KV.people.ann"), StreamKind::Domain);
    let objects = try_open(&stream(directory.path(), "OBJ_files")).unwrap();
    assert_eq!(objects.kind("$O.files.C.x1"), StreamKind::System);
    assert_eq!(objects.all[0].data.text(), "0x009f9296");

    // All of them together: by time, each in its own order.
    let found = try_open(directory.path()).unwrap();
    assert_eq!(found.all.len(), few.0.len() + last.0.len() + bucket.0.len() + 1);
    assert!(found.warns("several streams have no common order"));
    assert!(found.all.is_sorted_by_key(|event| event.time));
    let positions: Vec<String> = found.all.iter().map(|event| event.position.to_string()).collect();
    assert!(positions.contains(&"LAST/12".to_owned()) && positions.contains(&"KV_people/1".to_owned()));
    assert_eq!(found.kind("few.1"), StreamKind::Domain);
}

#[test]
fn subjects_of_several_streams_are_kept_apart() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    client.create("ONE", &["one.*"], Value::Null);
    client.publish("one.a", &[], b"1");
    client.publish("one.b", &[], b"2");
    // A copy of it: the same subjects once more. The server says when it has them.
    client.create("COPY", &[], json!({"mirror": {"name": "ONE"}}));
    while client.ask("$JS.API.STREAM.INFO.COPY", &Value::Null)["state"]["messages"] != 2 {}
    server.stop();
    let found = try_open(directory.path()).unwrap();
    assert!(found.warns("the same subjects occur in several streams"));
    let mut names: Vec<String> = found.all.iter().map(|event| event.stream.to_string()).collect();
    names.sort_unstable();
    assert_eq!(names, ["COPY/one.a", "COPY/one.b", "ONE/one.a", "ONE/one.b"]);
    let page =
        found.source.events(&EventQuery::first(Scope::Stream("COPY/one.b".into()), 9), &Cancel::default()).unwrap();
    assert_eq!(page.events[0].data.text(), "2");
}

#[test]
fn many_blocks_compressed_where_the_server_can() {
    let Some(program) = nats::program() else { return };
    let (directory, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    client.create("BIG", &["big.*"], json!({"compression": "s2"}));
    let data = |n: usize| {
        let noise: String = (0..40).map(|i| char::from(b'a' + ((n * 7919 + i * i * 31) % 26) as u8)).collect();
        format!("{{\"n\":{n},\"noise\":\"{noise}\",\"pad\":\"{}\"}}", "0123456789".repeat(n % 400))
    };
    let subjects: Vec<String> = (0..5).map(|n| format!("big.{n}")).collect();
    client.publish_all((0..9000).map(|n| (&*subjects[n % 5], data(n).into_bytes())));
    // Not overwritten: 2.10 damages a compressed block that way.
    client.ask("$JS.API.STREAM.MSG.DELETE.BIG", &json!({"seq": 4321, "no_erase": true}));
    client.backup("BIG", backup.path());
    server.stop();
    let expected: Vec<_> =
        (0..9000).filter(|n| n + 1 != 4321).map(|n| (n as u64 + 1, subjects[n % 5].clone(), data(n))).collect();
    let blocks = fs::read_dir(stream(directory.path(), "BIG").join("msgs")).unwrap().flatten();
    let blocks = blocks.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "blk")).count();
    assert!(blocks > 1, "{blocks}");
    for place in [stream(directory.path(), "BIG"), backup.path().to_path_buf()] {
        let found = try_open(&place).unwrap();
        assert!(found.messages() == expected, "{}", place.display());
        assert_eq!(found.about.caveats.len(), 1, "{:?}", found.about.caveats);
    }
}

#[test]
fn a_killed_server_leaves_what_it_wrote() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    client.create("ORDERS", &["orders.>"], json!({"max_msgs_per_subject": 20}));
    let mut model = Model::default();
    for n in 0..200 {
        model.publish(&mut client, &format!("orders.{}", n % 3), &[], &format!("{{\"n\":{n}}}"));
    }
    // While it runs, what is there can be read too; it may be behind.
    let running = try_open(directory.path()).unwrap().all.len();
    server.kill();
    (0..3).for_each(|n| model.keep(&format!("orders.{n}"), 20));
    let found = try_open(directory.path()).unwrap();
    assert!(running <= 60 && found.all.len() <= 60, "{running}");
    // The server writes a moment after it acknowledged: the end may be missing, and then older ones are still allowed.
    let messages = found.messages();
    let last = messages.last().map_or(0, |(seq, ..)| *seq);
    assert!(last > 0);
    let expected: Vec<_> = model.messages().into_iter().filter(|(seq, ..)| *seq <= last).collect();
    let behind: Vec<_> = messages.into_iter().filter(|message| model.0.contains_key(&message.0)).collect();
    assert_eq!(behind, expected);
    // What it does when it starts again is what was shown.
    let shown = found.all.len();
    let server = Server::start(&program, directory.path(), &[]);
    let state = server.client().ask("$JS.API.STREAM.INFO.ORDERS", &Value::Null)["state"].clone();
    assert_eq!((state["messages"].as_u64(), state["last_seq"].as_u64()), (Some(shown as u64), Some(last)));
}

#[test]
fn what_is_encrypted_is_refused_by_name() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("server.conf");
    fs::write(&config, "jetstream { key: \"a secret\" }\n").unwrap();
    let server = Server::start(&program, directory.path(), &["-c", config.to_str().unwrap()]);
    let mut client = server.client();
    client.create("SECRET", &["secret"], Value::Null);
    client.publish("secret", &[], b"hidden");
    server.stop();
    let failure = try_open(directory.path()).err().unwrap();
    assert!(failure.why.starts_with("encrypted at rest: "), "{failure}");
    assert!(failure.hint.contains("backup"));
}

#[test]
fn damage_costs_only_what_it_hits() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    client.create("S", &["s"], Value::Null);
    for n in 0..6 {
        client.publish("s", &[("A", "b")], format!("{{\"n\":{n}}}").as_bytes());
    }
    server.stop();
    let block = stream(directory.path(), "S").join("msgs/1.blk");
    let sound = fs::read(&block).unwrap();
    let size = sound.len() / 6;
    for at in 2 * size..3 * size {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x81;
        fs::write(&block, bytes).unwrap();
        let found = try_open(directory.path()).unwrap();
        let troubles: Vec<_> = found.all.iter().filter_map(|event| event.trouble.clone()).collect();
        // The highest byte of a sequence has the mark of what was overwritten: it is gone without a word.
        let expected = usize::from(at != 2 * size + 11);
        assert_eq!(troubles.len(), expected, "byte {}", at - 2 * size);
        for trouble in troubles {
            assert!(trouble.place.starts_with("stream S, block 1, byte "), "{trouble}");
        }
        let left: Vec<_> =
            found.all.iter().filter(|event| event.trouble.is_none()).map(|event| event.data.text()).collect();
        assert_eq!(left, [0, 1, 3, 4, 5].map(|n| format!("{{\"n\":{n}}}")), "byte {}", at - 2 * size);
    }
    fs::write(&block, &sound[..sound.len() - 5]).unwrap();
    let found = try_open(directory.path()).unwrap();
    assert_eq!((found.all.len(), found.all.iter().filter(|event| event.trouble.is_some()).count()), (6, 1));
    // Copied away while it is open, or cut: not a crash, and not another's bytes.
    fs::write(&block, &sound[..size]).unwrap();
    let page = found.source.events(&EventQuery::first(Scope::All, 9), &Cancel::default()).unwrap().events;
    assert_eq!(page.len(), 6);
}

#[test]
fn what_had_expired_when_the_server_was_killed_is_noted() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    client.create("SHORT", &["short.*"], Value::Null);
    client.create("LATER", &["later.*"], Value::Null);
    let mut model = Model::default();
    for n in 0..4 {
        model.publish(&mut client, &format!("short.{n}"), &[], &n.to_string());
    }
    client.publish("later.1", &[], b"");
    server.stop();
    // As if it had been told to keep them no longer than that, and was killed before it came to it.
    let description = stream(directory.path(), "SHORT").join("meta.inf");
    let mut said: Value = serde_json::from_slice(&fs::read(&description).unwrap()).unwrap();
    said["max_age"] = 1.into();
    fs::write(&description, said.to_string()).unwrap();
    let expired = |found: &Opened| found.all.iter().filter(|event| event.has(NoteKind::Deleted)).count();
    let alone = try_open(&stream(directory.path(), "SHORT")).unwrap();
    assert_eq!(alone.messages(), model.messages());
    assert_eq!(expired(&alone), 3, "all but the newest, which says what time it was");
    let note = "expired: its stream keeps messages for 1ns (max_age)";
    assert_eq!(&*alone.all[0].notes[0].text, note);
    assert!(alone.warns("stream SHORT: 3 messages that still lie in its blocks had expired at "));
    // The server wrote the other stream later.
    assert_eq!(expired(&try_open(directory.path()).unwrap()), 4);
}

#[test]
fn messages_that_say_how_long_they_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let second = |n: i64| (1_700_000_000 + n) * 1_000_000_000;
    let header = |ttl: &str| format!("NATS/1.0\r\nNats-TTL: {ttl}\r\n\r\n");
    let (never, short, long) = (header("never"), header("5s"), header("3600"));
    let marker = "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: 1h\r\n\r\n";
    let entries = [
        ("o.1", second(0), 1, &*never, "{}"),
        ("o.2", second(0), 2, "", "{}"),
        ("o.3", second(70), 3, &*short, "{}"),
        ("o.4", second(70), 4, &*long, "{}"),
        ("o.5", second(100), 5, marker, ""),
    ];
    let noted = |config: Value| {
        archive(directory.path(), &entries);
        fs::write(directory.path().join("backup.json"), json!({"config": config}).to_string()).unwrap();
        let found = try_open(directory.path()).unwrap();
        let notes = |event: &Arc<Event>| event.notes.iter().map(|note| note.text.to_string()).collect::<Vec<_>>();
        (found.all.iter().map(notes).collect::<Vec<_>>(), found.about.caveats.len())
    };
    let marked = vec!["the server's marker that the subject's last message was removed (MaxAge)".to_owned()];
    let age = "expired: its stream keeps messages for 1m (max_age)".to_owned();
    let own = "expired: it was to be kept for 5s (Nats-TTL)".to_owned();
    let minute = 60_000_000_000_i64;
    let with = |config: Value| noted(config).0;
    assert_eq!(
        noted(json!({"name": "O", "max_age": minute, "allow_msg_ttl": true})),
        (vec![vec![], vec![age.clone()], vec![own.clone()], vec![], marked.clone()], 2)
    );
    assert_eq!(with(json!({"name": "O", "max_age": minute})), [vec![], vec![age], vec![], vec![], marked.clone()]);
    assert_eq!(with(json!({"name": "O", "allow_msg_ttl": true})), [vec![], vec![], vec![own], vec![], marked.clone()]);
    assert_eq!(noted(json!({"name": "O"})), (vec![vec![], vec![], vec![], vec![], marked], 1));
}

/// A backup as servers from 2.15 on write it, without compression: generated from the description of the format.
fn archive(directory: &Path, entries: &[(&str, i64, u64, &str, &str)]) {
    let uvarint = |bytes: &mut Vec<u8>, mut number: u64| {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    };
    let mut text = b"NATSARC1".to_vec();
    for (name, time, seq, headers, payload) in entries {
        uvarint(&mut text, name.len() as u64);
        uvarint(&mut text, ((time << 1) ^ (time >> 63)) as u64);
        for number in [*seq, headers.len() as u64, payload.len() as u64] {
            uvarint(&mut text, number);
        }
        [name, headers, payload].iter().for_each(|part| text.extend(part.as_bytes()));
    }
    text.extend([0; 5]);
    let mut packed = b"\xff\x06\0\0S2sTwO\x01".to_vec();
    packed.extend(&(text.len() as u32 + 4).to_le_bytes()[..3]);
    packed.extend(crc32c::crc32c(&text).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
    packed.extend(text);
    fs::write(directory.join("stream.tar.s2"), packed).unwrap();
    fs::write(directory.join("backup.json"), r#"{"config":{"name":"ORDERS","subjects":["o.>"]}}"#).unwrap();
}

#[test]
fn an_archive_holds_messages_and_other_things() {
    let directory = tempfile::tempdir().unwrap();
    let headers = "NATS/1.0\r\nNats-Msg-Id: x\r\n\r\n";
    let entries = [
        ("state.json", 5, 0, "", r#"{"messages":2}"#),
        ("consumers/reader", 5, 0, "", "{}"),
        ("o.1.placed", 1_700_000_000_000_000_000, 3, headers, r#"{"n":1}"#),
        ("o.1.paid", 1_700_000_000_000_000_001, 9, "", ""),
    ];
    archive(directory.path(), &entries);
    let found = try_open(directory.path()).unwrap();
    let expected = [(3, "o.1.placed", r#"{"n":1}"#), (9, "o.1.paid", "")];
    assert_eq!(found.messages(), expected.map(|(seq, subject, data)| (seq, subject.to_owned(), data.to_owned())));
    assert_eq!(found.all[0].id.as_deref(), Some("x"));
    assert_eq!(found.all[1].time.unwrap().as_nanosecond(), 1_700_000_000_000_000_001);
    // Cut anywhere: what is whole is there, and nothing is made up.
    let whole = fs::read(directory.path().join("stream.tar.s2")).unwrap();
    for end in 0..whole.len() {
        fs::write(directory.path().join("stream.tar.s2"), &whole[..end]).unwrap();
        if let Ok(found) = try_open(directory.path()) {
            assert!(found.all.len() <= 2 && found.about.caveats.len() > 1, "{end}");
        }
    }
}

#[test]
fn a_block_that_is_no_file_is_told_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("jetstream/A/streams/S");
    let messages = kept.join("msgs");
    fs::create_dir_all(messages.join("3.blk")).unwrap();
    fs::write(kept.join("meta.inf"), r#"{"config":{"name":"S","subjects":["a.*"]}}"#).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, messages.join("1.blk"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", messages.join("2.blk")).unwrap();
    let found = try_open(directory.path()).unwrap();
    let troubles: Vec<_> = found.all.iter().filter_map(|event| event.trouble.clone()).collect();
    assert_eq!(troubles.len(), 3, "{troubles:?}");
}
