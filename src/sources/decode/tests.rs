//! The readings of payloads, by examples and by properties.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use serde_json::Value;

use super::text::{hex_text, uuid_text};
use super::*;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

fn base64_of(bytes: &[u8]) -> Vec<u8> {
    STANDARD.encode(bytes).into_bytes()
}

fn detected(bytes: impl AsRef<[u8]>) -> Payload {
    read(bytes, None)
}

fn read(bytes: impl AsRef<[u8]>, hint: Option<&str>) -> Payload {
    let payload = payload(Bytes::copy_from_slice(bytes.as_ref()), hint);
    assert_eq!(payload.stored().as_ref(), bytes.as_ref(), "what is stored stays");
    payload
}

/// What was made of it: the form, the encoding, and the text of the JSON view.
fn made(payload: &Payload) -> (Form, &str, String) {
    let json = match payload.json() {
        Ok(json) => json.to_string(),
        Err(_) => String::new(),
    };
    (payload.form(), payload.encoding().unwrap_or_default(), json)
}

const ORDER: &[u8] = br#"{"id":18446744073709551615,"a":1.10,"a":[]}"#;

#[test]
fn json_stays_as_it_is() {
    for text in
        [&b"{}"[..], b" {\n\"b\": 2, \"a\": 1E5} \n", b"[1,2]", b"12", b"-0.50", b"null", b"true", b"\"text\"", ORDER]
    {
        let payload = detected(text);
        assert_eq!((payload.form(), payload.encoding()), (Form::Json, None), "{}", String::from_utf8_lossy(text));
        assert_eq!(payload.text(), String::from_utf8_lossy(text));
        payload.json().unwrap();
    }
    let broken = detected(b"{\"a\":1,");
    assert_eq!(broken.form(), Form::Json);
    assert_eq!(broken.json().unwrap_err().offset, 7, "where it stops being JSON is said");
    for broken in [&b"{\"a\":\"\x01\"}"[..], b"{\"caf\xe9\":1}", b"{\"a\":\"\xc3"] {
        assert_eq!(detected(broken).form(), Form::Json, "{broken:?}: broken, but meant as JSON");
    }
}

#[test]
fn binary_data_that_begins_like_json_is_not_json() {
    for bytes in
        [&b"{}\0\0\0\0\0\0\0\0\0\0"[..], b"{}x", b"{\"a\":1}\0\0", b"{\"\x9a\x02\xff\x10", b"[]\0", b"1\0", b"null\0"]
    {
        assert_eq!(detected(bytes).form(), Form::Opaque, "{bytes:?}");
    }
    assert_eq!(detected(b"{ }\n").form(), Form::Json);
}

#[test]
fn json_in_a_string_is_read_as_json() {
    let payload = detected(br#""{\"a\":1.10}""#);
    assert_eq!(made(&payload), (Form::JsonText, "", r#"{"a":1.10}"#.into()));
    // What holds a scalar, or no JSON, is a string.
    for text in [r#""123""#, r#""{a}""#, r#""[x""#] {
        assert_eq!(detected(text).form(), Form::Json, "{text}");
    }
}

#[test]
fn empty_is_not_absent() {
    let empty = detected(b"");
    assert!(!empty.is_absent());
    assert_eq!(made(&empty), (Form::Encoded, "empty", "null".into()));
    assert_eq!(made(&detected(zlib(b""))), (Form::Encoded, "zlib, empty", "null".into()));
    assert_eq!(read(b"", Some("json")).encoding(), Some("empty"));
}

#[test]
fn packed_payloads_are_unpacked() {
    let json = String::from_utf8_lossy(ORDER).into_owned();
    for (bytes, encoding) in [
        (zlib(ORDER), "zlib, JSON"),
        (gzip(ORDER), "gzip, JSON"),
        (zstd(ORDER), "zstd, JSON"),
        (base64_of(ORDER), "base64, JSON"),
        (base64_of(&gzip(&zstd(ORDER))), "base64, gzip, zstd, JSON"),
        ([&gzip(&ORDER[..5])[..], &gzip(&ORDER[5..])].concat(), "gzip, JSON"),
        ([b"\xef\xbb\xbf", ORDER].concat(), "byte order mark, JSON"),
        (format!("\\x{}", ORDER.iter().map(|b| format!("{b:02x}")).collect::<String>()).into(), "hexadecimal, JSON"),
    ] {
        assert_eq!(made(&detected(bytes)), (Form::Encoded, encoding, json.clone()));
    }
    let words = base64_of(br#"{"a":1}"#);
    let quoted = format!("\"{}\"", String::from_utf8_lossy(&words));
    assert_eq!(made(&read(quoted, Some("base64"))), (Form::Encoded, "base64, JSON", r#"{"a":1}"#.into()));
    assert_eq!(made(&detected(zlib(b"a\x1b[1m"))), (Form::Encoded, "zlib, text", r#""a\u001b[1m""#.into()));
    assert_eq!(made(&detected(zlib(b"just words"))), (Form::Encoded, "zlib, text", "\"just words\"".into()));
    assert_eq!(made(&detected(gzip(&[0xff, 0xfe, 1]))), (Form::Opaque, "gzip, binary", String::new()));
    let strict = [b"\x78\x9c".as_slice(), b"not packed at all \xff"].concat();
    assert_eq!(made(&detected(strict)), (Form::Opaque, "", String::new()));
    let cut = gzip(ORDER);
    assert_eq!(detected(&cut[..cut.len() - 3]).encoding(), Some("gzip, damaged"));
    let mut behind = zlib(ORDER);
    behind.push(7);
    assert_eq!(detected(behind).form(), Form::Opaque, "what is left over speaks against zlib");
}

#[test]
fn what_unpacks_to_too_much_is_named() {
    let huge = vec![b' '; 3 << 20];
    assert_eq!(detected(zstd(&huge)).encoding(), Some("zstd, too large to be unpacked"));
    let ordinary: Vec<u8> = [b"[", "7,".repeat(400_000).as_bytes(), b"7]"].concat();
    assert_eq!(detected(zlib(&ordinary)).encoding(), Some("zlib, JSON"), "below a MiB any ratio is harmless");
    let mut nested = ORDER.to_vec();
    for _ in 0..4 {
        nested = gzip(&nested);
    }
    assert_eq!(detected(&nested).form(), Form::Encoded);
    let encoding = detected(gzip(&nested)).encoding().map(str::to_owned);
    assert_eq!(encoding.as_deref(), Some("gzip, gzip, gzip, gzip, gzip, packed more than 4 times"));
}

#[test]
fn binary_json_keeps_every_digit() {
    // {"big": 2^64-1, "low": -2^63, "real": 0.1, "short": 0.1f32, "time": ..., "raw": bytes, 7: nil}
    let message = [
        &b"\x87\xa3big\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa3low\xd3\x80\0\0\0\0\0\0\0"[..],
        b"\xa4real\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a\xa5short\xca\x3d\xcc\xcc\xcd",
        b"\xa4time\xd6\xff\x67\x74\x85\x80\xa3raw\xc4\x02\x00\xff\x07\xc0",
    ]
    .concat();
    let json = concat!(
        r#"{"big":18446744073709551615,"low":-9223372036854775808,"real":0.1,"short":0.1,"#,
        r#""time":"2025-01-01T00:00:00Z","raw":{"$binary":"AP8="},"7":null}"#
    );
    assert_eq!(made(&read(&message, Some("msgpack"))), (Form::Encoded, "MessagePack", json.into()));
    assert_eq!(detected(&message).form(), Form::Opaque, "a key that is no text is not believed without a hint");
    // {_ "n": -2^64, "big": 2^64, "low": -2^64-1, "price": 273.15, "t": 1(1735689600), "s": (_ "ab" "c"), "h": 1.5 half}
    let message = [
        &b"\xd9\xd9\xf7\xbf\x61n\x3b\xff\xff\xff\xff\xff\xff\xff\xff\x63big\xc2\x49\x01\0\0\0\0\0\0\0\0"[..],
        b"\x63low\xc3\x49\x01\0\0\0\0\0\0\0\0\x65price\xc4\x82\x21\x19\x6a\xb3\x61t\xc1\x1a\x67\x74\x85\x80",
        b"\x61s\x7f\x62ab\x61c\xff\x61h\xf9\x3e\x00\x61u\xf7\xff",
    ]
    .concat();
    let json = concat!(
        r#"{"n":-18446744073709551616,"big":18446744073709551616,"low":-18446744073709551617,"price":273.15,"#,
        r#""t":"2025-01-01T00:00:00Z","s":"abc","h":1.5,"u":null}"#
    );
    for hint in [None, Some("cbor"), Some("jackson-cbor")] {
        assert_eq!(made(&read(&message, hint)), (Form::Encoded, "CBOR", json.into()));
    }
    assert_eq!(made(&detected(&message[3..])), (Form::Encoded, "CBOR", json.into()), "the mark may be left out");
    assert_eq!(made(&detected(gzip(&message))), (Form::Encoded, "gzip, CBOR", json.into()));
    for (bytes, json) in [
        (&b"\xf9\x7c\x00"[..], "\"Infinity\""),
        (b"\xfb\x7f\xf8\0\0\0\0\0\0", "\"NaN\""),
        (b"\xf9\x00\x01", "5.9604645e-8"),
    ] {
        assert_eq!(made(&read(bytes, Some("cbor"))).2, json);
    }
    assert_eq!(made(&read(b"{\"a\":1}", Some("jackson-cbor"))), (Form::Json, "", "{\"a\":1}".into()));
}

#[cfg(feature = "sqlite")]
#[test]
fn binary_json_of_sqlite_is_read_as_sqlite_reads_it() {
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    let long = format!(r#"{{"long":"{}","list":[{}0]}}"#, "x".repeat(70_000), "1.5,".repeat(300));
    for text in [
        r#"{"a":1}"#,
        r#"{"ab":12}"#,
        r#"{"id":18446744073709551616,"price":1.10,"e":1E5,"n":null,"t":true,"f":false,"o":{},"l":[[],"ü\n\u00e9\"",-0.5]}"#,
        r#"{hex: 0xFF, 'single': 'it\'s \x41', plus: +1.5, half: .5, five: 5., neg: -0x10,}"#,
        r#"[1,"two",{"three":[3]}]"#,
        &long,
    ] {
        let stored: Vec<u8> = sqlite.query_row("SELECT jsonb(?1)", [text], |row| row.get(0)).unwrap();
        let expected: String = sqlite.query_row("SELECT json(?1)", [&stored], |row| row.get(0)).unwrap();
        let payload = detected(&stored);
        assert_eq!((payload.form(), payload.encoding()), (Form::Encoded, Some("SQLite JSONB")), "{text}");
        assert_eq!(String::from_utf8_lossy(&payload.json_bytes().unwrap()), expected);
        for cut in 0..stored.len().min(100) {
            assert_ne!(detected(&stored[..cut]).encoding(), Some("SQLite JSONB"));
        }
    }
    let empty = read(b"\x0c", Some("sqlite-jsonb"));
    assert_eq!(made(&empty), (Form::Encoded, "SQLite JSONB", "{}".into()));
    let deep = [0xfb; 64];
    assert_eq!(read(deep, Some("sqlite-jsonb")).form(), Form::Opaque);
}

#[test]
fn hostile_lengths_cost_nothing() {
    for bytes in [
        &b"\xdf\xff\xff\xff\xff"[..],
        b"\xdd\xff\xff\xff\xff\xc0",
        b"\xc6\xff\xff\xff\xff",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        for hint in [None, Some("msgpack"), Some("cbor"), Some("erlang")] {
            assert_eq!(read(bytes, hint).form(), Form::Opaque);
        }
    }
    assert_eq!(detected(b"\x83\x6c\xff\xff\xff\xff\x6a").encoding(), None);
    let deep = vec![0x91; 100_000];
    assert_eq!(read(&deep, Some("msgpack")).encoding(), Some("MessagePack, nested too deep"));
    let deep = vec![0x81; 100_000];
    assert_eq!(read(&deep, Some("cbor")).encoding(), Some("CBOR, nested too deep"));
    read(vec![b'['; 1_000_000], None);
    let mut yaml = b"---\n".to_vec();
    yaml.extend(std::iter::repeat_n(b'[', 100_000));
    read(yaml, None);
}

#[test]
fn yaml_as_ruby_writes_it() {
    let text = concat!(
        "---\n:order_id: 42\n:amount: !ruby/object:BigDecimal 18:0.12345e3\n:status: :paid\n\"name\": 'yes'\n",
        ":at: 2024-01-01 12:00:00.123456789 Z\n:lines:\n- :sku: A\n  :count: 2\n:none: \n:big: 18446744073709551616\n",
        ":address: !ruby/object:Address\n  city: Köln\n:two: !ruby/hash:ActiveSupport::HashWithIndifferentAccess\n  x: 1.50\n",
        ":raw: !binary |-\n  /wA=\n:\"a b\": .inf\n",
    );
    let json = concat!(
        r#"{"order_id":42,"amount":123.45,"status":"paid","name":"yes","at":"2024-01-01 12:00:00.123456789 Z","#,
        r#""lines":[{"sku":"A","count":2}],"none":null,"big":18446744073709551616,"#,
        r#""address":{"$type":"Address","city":"Köln"},"two":{"x":1.50},"raw":{"$binary":"/wA="},"a b":"Infinity"}"#,
    );
    assert_eq!(made(&detected(text)), (Form::Encoded, "YAML (symbol keys)", json.into()));
    assert_eq!(made(&detected("--- {}\n")), (Form::Encoded, "YAML", "{}".into()));
    assert_eq!(made(&read("a: &x [1]\nb: *x\n? [1, 2]\n: c\n", Some("yaml"))).2, r#"{"a":[1],"b":[1],"[1,2]":"c"}"#);
    for (digits, number) in
        [("0.1e1", "1.0"), ("0.0", "0.0"), ("-0.5e-2", "-0.005"), ("0.1e4", "1000.0"), ("NaN", "\"NaN\"")]
    {
        let text = format!("--- !ruby/object:BigDecimal 9:{digits}\n");
        assert_eq!(made(&detected(text)).2, number);
    }
    let long = format!("--- {}", "a ".repeat(3 << 20));
    assert_eq!(detected(long).encoding(), Some("YAML, too large to be decoded"));
    assert_eq!(detected("--- a\n--- b\n").encoding(), Some("YAML, several documents"));
    assert_eq!(detected("--- &a [*a]\n").encoding(), Some("YAML, it holds itself"));
    let mut laughs = String::from("---\n- &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        laughs += &format!("- &a{level} [{}]\n", vec![before; 10].join(","));
    }
    assert_eq!(detected(laughs).encoding(), Some("YAML, too large to be decoded"));
}

#[test]
fn what_is_not_decoded_has_a_name() {
    let erlang = b"\x83\x74\x00\x00\x00\x01\x77\x06amount\x61\x64";
    for (bytes, hint, name) in [
        (&erlang[..], None, "Erlang term"),
        (b"\x83\x6b\x00\x03abc", None, "Erlang term"),
        (b"\xac\xed\x00\x05sr\x00\x03Foo", None, "Java serialisation"),
        (b"\x00\x00\x00\x00\x11\x02\xfe\x06", None, "Confluent schema 17 (Avro or Protobuf)"),
        (b"\x00\x00\x00\x00\x11\x02\xfe\x06", Some("avro"), "Avro, Confluent schema 17"),
        (b"\x0a\x03abc", Some("protobuf"), "Protobuf"),
        (b"<com.foo.Paid><amount>1</amount></com.foo.Paid>", None, "XML"),
        (b"<?xml version=\"1.0\"?><a/>\n", None, "XML"),
        (b"\x01\x02\xfe\xff\x80", Some("eventsourcing"), "binary, perhaps encrypted"),
        (b":)\n\x03\xfa\x80a\xc0\xfb", None, "Smile"),
    ] {
        let payload = read(bytes, hint);
        assert_eq!((payload.form(), payload.encoding()), (Form::Opaque, Some(name)));
    }
    let json = [b"\0\0\0\0\x11".as_slice(), ORDER].concat();
    assert_eq!(detected(json).encoding(), Some("Confluent schema 17, JSON"));
    for (bytes, hint) in [
        (&b"hello"[..], None),
        (b"OrderPlaced", None),
        (b"deadbeefdeadbeef", None),
        (b"\\xzz", None),
        (b"\xff\xfe\xfd", None),
        (b"<not closed", None),
        (b"0001", None),
        (b"\x83\x74\x00\x00", None),
    ] {
        let payload = read(bytes, hint);
        assert_eq!((payload.form(), payload.encoding()), (Form::Opaque, None), "{bytes:?}");
    }
    assert_eq!(made(&read(b"hello", Some("text"))), (Form::Encoded, "text", "\"hello\"".into()));
    assert_eq!(read(zlib(ORDER), Some("eventsourcing")).encoding(), Some("zlib, JSON"));
    assert_eq!(read(gzip(ORDER), Some("json")).encoding(), Some("gzip, JSON"), "a hint that does not fit is no law");
}

#[test]
fn an_envelope_of_akka_is_opened() {
    let inner = b"\x08\x21\x12\x05hello\x1a\x03Foo";
    let mut message = vec![0x0a, inner.len() as u8];
    message.extend_from_slice(inner);
    message.extend_from_slice(
        b"\x10\x96\x01\x1a\x06Cart|1\x20\x01\x5a\x00\x62\x01v\x6a\x02ab\x70\x80\xf0\xcb\xf2\x83\x65",
    );
    let envelope = akka_envelope(&message).unwrap();
    assert_eq!((envelope.serializer, envelope.manifest.as_str(), envelope.payload), (33, "Foo", &b"hello"[..]));
    assert_eq!((envelope.sequence, envelope.persistence_id.as_deref()), (Some(150), Some("Cart|1")));
    assert_eq!((envelope.deleted, envelope.adapter.as_str(), envelope.writer.as_deref()), (true, "v", Some("ab")));
    assert_eq!(envelope.timestamp, Some(1_735_689_600_000));
    for cut in 1..message.len() {
        let _ = akka_envelope(&message[..cut]);
    }
    assert_eq!(akka_envelope(b""), None);
    assert_eq!(akka_envelope(b"{\"a\":1}"), None);
}

#[test]
fn a_struct_of_protobuf_is_json() {
    // {"n": 42.0, "s": "x", "l": [true, null], "o": {}}
    let entry = |key: &str, value: &[u8]| {
        let mut entry = vec![0x0a, key.len() as u8];
        entry.extend_from_slice(key.as_bytes());
        entry.extend_from_slice(&[0x12, value.len() as u8]);
        entry.extend_from_slice(value);
        let mut field = vec![0x0a, entry.len() as u8];
        field.extend_from_slice(&entry);
        field
    };
    let number = [&[0x11][..], &42f64.to_le_bytes()].concat();
    let message = [
        entry("n", &number),
        entry("s", b"\x1a\x01x"),
        entry("l", b"\x32\x08\x0a\x02\x20\x01\x0a\x02\x08\x00"),
        entry("o", b"\x2a\x00"),
    ]
    .concat();
    let json = protobuf_struct(&message).unwrap();
    assert_eq!(String::from_utf8_lossy(&json), r#"{"n":42,"s":"x","l":[true,null],"o":{}}"#);
    assert_eq!(protobuf_struct(b"").as_deref(), Some(&b"{}"[..]));
    assert_eq!(protobuf_struct(b"{\"a\":1}"), None);
}

#[test]
fn bytes_as_text() {
    assert_eq!(hex_text(b"\\x00FFa0"), Some(vec![0, 255, 0xa0]));
    assert_eq!(hex_text(b"\\x"), Some(Vec::new()));
    assert_eq!((hex_text(b"\\x0"), hex_text(b"\\x0g"), hex_text(b"00")), (None, None, None));
    assert_eq!(uuid_text(&[0x11; 16]).as_deref(), Some("11111111-1111-1111-1111-111111111111"));
    assert_eq!(uuid_text(&[0x11; 15]), None);
}

/// Any JSON of moderate size; numbers as JSON's own readers keep them.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn to_msgpack(value: &Value) -> rmpv::Value {
    match value {
        Value::Null => rmpv::Value::Nil,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => number.as_f64().unwrap().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(values) => rmpv::Value::Array(values.iter().map(to_msgpack).collect()),
        Value::Object(map) => {
            rmpv::Value::Map(map.iter().map(|(key, value)| (key.as_str().into(), to_msgpack(value))).collect())
        }
    }
}

/// JSON text whose numbers are spelt as ours are.
fn spelled(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap()),
        Value::Array(values) => format!("[{}]", values.iter().map(spelled).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}:{}", json::string(key), spelled(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(","))
        }
        Value::String(text) => json::string(text),
        _ => value.to_string(),
    }
}

fn back(payload: &Payload) -> String {
    assert!(payload.json().is_ok());
    String::from_utf8(payload.json_bytes().unwrap().into_owned()).unwrap()
}

/// Whether an object is on top that has a word among its keys: what is believed without a hint.
fn speaks(value: &Value) -> bool {
    fn plain(value: &Value) -> bool {
        match value {
            Value::Array(values) => values.iter().all(plain),
            Value::Object(map) => map.iter().all(|(key, value)| !key.bytes().any(|b| b < 0x20) && plain(value)),
            _ => true,
        }
    }
    matches!(value, Value::Object(map) if map.keys().any(|key| !key.is_empty())) && plain(value)
}

proptest! {
    #[test]
    fn whatever_was_encoded_is_decoded(value in any_json()) {
        let json = spelled(&value);
        let mut msgpack = Vec::new();
        rmpv::encode::write_value(&mut msgpack, &to_msgpack(&value)).unwrap();
        let mut cbor = Vec::new();
        ciborium::into_writer(&value, &mut cbor).unwrap();
        prop_assert_eq!(&back(&read(&msgpack, Some("msgpack"))), &json);
        prop_assert_eq!(&back(&read(&cbor, Some("cbor"))), &json);
        if speaks(&value) {
            for bytes in [json.as_bytes(), &msgpack, &cbor] {
                for packed in [bytes.to_vec(), zlib(bytes), gzip(bytes), zstd(bytes), base64_of(bytes), base64_of(&zlib(bytes))] {
                    let payload = detected(&packed);
                    prop_assert_eq!(&back(&payload), &json, "{:?}", payload.encoding());
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_not_decoded(bytes in prop::collection::vec(any::<u8>(), 12..200)) {
        let payload = detected(&bytes);
        // Zero, and the number of a schema below 2^20, may come by chance: that is a name only.
        prop_assert_eq!(payload.form(), Form::Opaque, "{:?}", payload.encoding());
    }

    #[test]
    fn no_bytes_and_no_hint_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), hint in prop::sample::select(vec![
        "json", "text", "base64", "zlib", "gzip", "zstd", "msgpack", "cbor", "jackson-cbor", "yaml", "erlang", "java",
        "protobuf", "avro", "xml", "eventsourcing", "sqlite-jsonb", "nonsense",
    ])) {
        let payload = read(&bytes, Some(hint));
        let decoded = payload.form() == Form::Encoded;
        prop_assert!(!decoded || payload.json().is_ok());
        let _ = (akka_envelope(&bytes), protobuf_struct(&bytes));
    }

    #[test]
    fn no_yaml_does_harm(text in "(---)?[ \n:&*!a-c\\[\\]{},|>'\"#%?\t0-9.-]{0,80}") {
        let payload = read(&text, Some("yaml"));
        prop_assert!(payload.form() != Form::Encoded || payload.json().is_ok(), "{}", payload.text());
    }
}
