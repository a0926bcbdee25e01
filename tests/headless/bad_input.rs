//! Hostile and broken files: every fault is a record with its line and reason, the rest stays usable, nothing panics.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions as Options};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use stepback::domain::{Cancel, Event, EventQuery, Failure, FailureKind, Form, Json, Scope};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

use crate::support::random::Random;

const MAP: &str = "stream=.stream,type=.type,version=.version,data=.data";

fn try_open(path: &Path, map: Option<&str>) -> Result<Arc<dyn Source>, Failure> {
    open(path.to_str().unwrap(), &OpenOptions { map: map.map(String::from), ..OpenOptions::default() })
}

fn read_all(source: &dyn Source) -> Vec<Arc<Event>> {
    source.complete(&Cancel::default(), &mut |_| ()).expect("complete");
    all(source).expect("events")
}

fn all(source: &dyn Source) -> Result<Vec<Arc<Event>>, Failure> {
    source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).map(|page| page.events)
}

fn read_text(text: &[u8]) -> Result<Vec<Arc<Event>>, Failure> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    fs::write(&path, text).unwrap();
    let source = try_open(&path, Some(MAP))?;
    let events = read_all(&*source);
    let progress = source.progress();
    let troubles = events.iter().filter(|event| event.trouble.is_some()).count();
    assert_eq!((progress.events + progress.troubles, progress.troubles), (events.len() as u64, troubles as u64));
    assert_eq!(progress.done, text.len() as u64);
    Ok(events)
}

fn good(number: usize) -> String {
    format!(
        r#"{{"stream":"a-{}","type":"T","version":{number},"data":{{"n":{number},"text":"Zoë \u00e9"}}}}"#,
        number % 7
    )
}

fn is_json(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[test]
fn one_mutated_line_in_a_hundred_is_one_trouble_in_a_hundred() {
    for seed in 1..=4 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.rotate_left(seed));
        let mut text = Vec::new();
        let mut bad = Vec::new();
        for number in 0..20_000 {
            let mut line = good(number).into_bytes();
            if random.below(100) == 0 {
                // Somebody else says which mutations break a line.
                while is_json(&line) {
                    let at = random.below(line.len());
                    match random.below(4) {
                        0 => line.truncate(at.max(1)),
                        1 => line[at] = [b'"', b'\\', 0, 0xff, b'{', b']', b'\t', b' '][random.below(8)],
                        2 => drop(line.remove(at)),
                        _ => line.insert(at, [b'"', b'}', b',', 0x80, 0x1f, b'\r'][random.below(6)]),
                    }
                }
                bad.push(format!("line {}", number + 1));
            }
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        let events = read_text(&text).unwrap();
        let found: Vec<_> = events.iter().filter_map(|event| Some(event.trouble.as_ref()?.place.clone())).collect();
        assert_eq!(found, bad);
        assert!(bad.len() > 100);
        for (number, event) in events.iter().enumerate().filter(|(_, event)| event.trouble.is_none()) {
            assert_eq!(event.data.json().unwrap().get("n").and_then(Json::as_i64), Some(number as i64));
            assert_eq!(event.version.0, number as u64);
        }
    }
}

/// What the records of a text are, a letter each: `e` for an event, `t` for a trouble.
fn kinds(text: &[u8]) -> String {
    let events = read_text(text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(text)));
    events.iter().map(|event| if event.trouble.is_some() { 't' } else { 'e' }).collect()
}

#[test]
fn the_corpus_of_bad_inputs() {
    let one = good(1);
    let event = |data: &str| format!(r#"{{"stream":"a-1","type":"T","version":1,"data":{data}}}"#);
    let keys: Vec<_> = (0..100_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no final line feed", format!("{one}\n{one}").into(), "ee"),
        ("CRLF", format!("{one}\r\n{one}\r\n").into(), "ee"),
        ("mixed line ends and blank lines", format!("\n{one}\r\n \t\r\n\n{one}\n\n").into(), "ee"),
        ("BOM", format!("\u{feff}{one}\n").into(), "e"),
        ("BOM and blank lines", format!("\u{feff}\r\n\n{one}\n").into(), "e"),
        ("BOM in the middle", format!("{one}\n\u{feff}{one}\n{one}\n").into(), "ete"),
        ("CR alone", format!("{one}\n{one}\r{one}\n").into(), "et"),
        ("U+2028 is no line end", format!("{one}\n{one}\u{2028}{one}\n").into(), "et"),
        ("half a record", format!("{one}\n{}", &one[..20]).into(), "et"),
        ("half a character", [one.as_bytes(), b"\n", &one.as_bytes()[..one.find('ë').unwrap() + 1]].concat(), "et"),
        (
            "latin-1",
            [one.as_bytes(), b"\n", event("\"Zo").as_bytes().strip_suffix(b"}").unwrap(), b"\xeb\"}\n"].concat(),
            "et",
        ),
        ("NUL-filled tail", [one.as_bytes(), b"\n", &[0; 5000]].concat(), "et"),
        ("NULs between", [one.as_bytes(), b"\n\0\0\n", one.as_bytes(), b"\n"].concat(), "ete"),
        ("nothing but brackets", format!("{one}\n{{}}\n[]\n{{\n}}\n").into(), "etttt"),
        ("no object", format!("{one}\n1\n\"a\"\nnull\n").into(), "ettt"),
        ("no stream", format!("{one}\n{}\n", one.replace("\"stream\"", "\"steam\"")).into(), "et"),
        ("empty stream", format!("{one}\n{}\n", one.replace("a-1", "")).into(), "et"),
        ("null type", format!("{one}\n{}\n", one.replace("\"T\"", "null")).into(), "et"),
        ("version that is none", format!("{one}\n{}\n", one.replace(":1,", ":-1,")).into(), "et"),
        ("version as text", format!("{one}\n{}\n", one.replace("\"version\":1", "\"version\":\"2\"")).into(), "ee"),
        ("many keys", format!("{one}\n{}\n", event(&format!("{{{}}}", keys.join(",")))).into(), "ee"),
        ("duplicate and empty keys", format!("{}\n", event(r#"{"a":1,"a":2,"":3,"\u0000":4}"#)).into(), "e"),
        ("lone surrogate", format!("{}\n", event(r#"{"\ud800":"\udfff"}"#)).into(), "e"),
        ("numbers", format!("{}\n", event("[9007199254740993,18446744073709551616,1e400,-0,1E5,0.1]")).into(), "e"),
        ("a long number", format!("{}\n", event(&"9".repeat(10_000))).into(), "e"),
        (
            "numbers that are none",
            ["01", "1.", ".5", "+1", "1e", "0x1", "NaN", "-"].map(|n| event(n) + "\n").concat().into(),
            "tttttttt",
        ),
        (
            "escapes that are none",
            [r#""\x""#, r#""\u12g4""#, r#""\""#, "\"\t\""].map(|n| event(n) + "\n").concat().into(),
            "tttt",
        ),
        (
            "commas",
            [r#"{"a":1,}"#, "[1,]", "[,1]", "{,}", r#"{"a" 1}"#, "[1 2]"].map(|n| event(n) + "\n").concat().into(),
            "tttttt",
        ),
        ("escapes in a terminal", format!("{one}\n\u{1b}]0;title\u{7}\n").into(), "et"),
    ];
    for (name, text, expected) in cases {
        // A file of bad lines alone is refused; one good line in front makes it a dump with bad lines.
        let front = if expected.contains('e') { String::new() } else { one.clone() + "\n" };
        let expected = if front.is_empty() { expected.to_owned() } else { format!("e{expected}") };
        assert_eq!(kinds(&[front.as_bytes(), &text].concat()), expected, "{name}");
    }
}

#[test]
fn reasons_say_what_and_where() {
    let one = good(1);
    let text = format!("{one}\n\n{{\"stream\":\"a\"}}\n{{\"a\":tru}}\n{}", &one[..30]);
    let events = read_text(text.as_bytes()).unwrap();
    let told: Vec<_> = events.iter().filter_map(|event| Some(event.trouble.as_ref()?.to_string())).collect();
    assert_eq!(
        told,
        [
            "line 3: the event's type cannot be read: it is missing",
            "line 4: expected a value at byte 5",
            "line 5: incomplete: the file ends within this line"
        ]
    );
    let last = events.last().unwrap();
    assert_eq!((last.data.form(), last.data.text().as_ref()), (Form::Opaque, &one[..30]));
}

#[test]
fn a_million_levels_are_an_event() {
    let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let text = format!(r#"{{"stream":"a-1","type":"T","version":1,"data":{deep}}}"#);
    let events = read_text(format!("{}\n{text}\n{}\n", good(0), &text[..text.len() / 2]).as_bytes()).unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(events[1].data.text(), deep);
    assert!(events[1].data.json().is_ok());
    assert!(events[2].trouble.is_some());
    // Also as the first line, where the mapping is guessed.
    assert_eq!(kinds(text.as_bytes()), "e");
}

#[test]
fn what_is_no_dump_is_told_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let says = |name: &str, content: &[u8], words: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        let failure = try_open(&path, None).map(|_| ()).expect_err(name);
        let told = failure.to_string();
        assert!(told.contains(words), "{name}: {told}");
        assert!(matches!(failure.kind, FailureKind::Malformed | FailureKind::Unsupported), "{failure:?}");
    };
    says("empty", b"", "nothing in it");
    says("line", b"\n", "nothing in it");
    says("bom", b"\xef\xbb\xbf\r\n \n", "nothing in it");
    says("gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0", "it ends before anything comes out");
    says("zst", b"\x28\xb5\x2f\xfd\x04\0", "it ends before anything comes out");
    says("gz of nothing", &gzip(b""), "nothing in it");
    says("gz of gz of noise", &gzip(&gzip(b"Dear diary, today\n")), "not JSON Lines");
    says("gz four times", &gzip(&gzip(&gzip(&gzip(good(1).as_bytes())))), "packed more than 3 times");
    says("zip", b"PK\x03\x04\x14\0", "zip");
    says("png", b"\x89PNG\r\n\x1a\n\0\0", "PNG");
    says("utf16", b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0\n\0", "iconv");
    says("array", b"[\n{\"a\":1},\n{\"a\":2}\n]\n", ".a  1");
    says("pretty", b"{\n  \"a\": 1\n}\n", ".a  1");
    says(
        "tar",
        &{
            let mut tar = vec![b'a'; 512];
            tar[257..262].copy_from_slice(b"ustar");
            tar
        },
        "tar -xOf",
    );
    says("parquet", b"PAR1\x15\x04", "Parquet");
    says("text", b"Dear diary, today\n", "not JSON Lines");
    says("noise", &[0xf7; 4096], "not JSON Lines");
    says("log", b"{\"level\":\"info\",\"msg\":\"hello\"}\n", ".level  \"info\"");
    says("empties", &b"{}\n".repeat(100), "have no fields");
    // Where we stopped looking is not where a line ends.
    says("deep", &b"[".repeat(100_000), "its first line holds no record");
    says("log", b"{\"level\":\"info\",\"msg\":\"hello\"}\n", "--map");

    let failure = |path: &Path| try_open(path, None).map(|_| ()).expect_err("no dump");
    assert!(failure(directory.path()).to_string().contains("directory"));
    assert_eq!(failure(&directory.path().join("missing")).kind, FailureKind::NotFound);
    assert!(failure(Path::new("/dev/zero")).to_string().contains("device"));
    let fifo = directory.path().join("fifo");
    nix_mkfifo(&fifo);
    // Whoever writes to it may come later, and may have nothing to say.
    let later = std::thread::spawn({
        let fifo = fifo.clone();
        move || drop(std::fs::OpenOptions::new().write(true).open(fifo))
    });
    let why = failure(&fifo).to_string();
    assert!(why.contains("there is nothing in it"), "{why}");
    later.join().unwrap();
    let later = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::write(fifo, "{\"streamId\":\"a-1\",\"type\":\"T\",\"data\":{}}\n")
    });
    assert!(try_open(&fifo, None).is_ok());
    later.join().unwrap().unwrap();
    let map = try_open(&directory.path().join("log"), Some("stream=.level,typ=.msg")).map(|_| ()).unwrap_err();
    assert!(map.to_string().contains("`typ=.msg`"), "{map}");
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn nix_mkfifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// A dump larger than the head, complete.
fn opened(directory: &Path) -> (std::path::PathBuf, Arc<dyn Source>, Vec<Arc<Event>>) {
    let path = directory.join("dump.jsonl");
    let lines: Vec<_> = (0..20_000).map(|number| good(number) + "\n").collect();
    fs::write(&path, lines.concat()).unwrap();
    let source = try_open(&path, None).unwrap();
    let events = read_all(&*source);
    (path, source, events)
}

#[test]
fn a_file_that_becomes_shorter_gives_troubles() {
    let directory = tempfile::tempdir().unwrap();
    let (path, source, before) = opened(directory.path());
    let length = fs::metadata(&path).unwrap().len();
    Options::new().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
    let after = all(&*source).unwrap();
    assert_eq!(after.len(), before.len());
    let lost = after.iter().filter(|event| event.trouble.is_some()).count();
    assert!((9_000..11_000).contains(&lost), "{lost}");
    for (before, after) in before.iter().zip(&after) {
        assert!(after == before || after.trouble.as_ref().is_some_and(|told| told.reason.contains("file changed")));
    }
}

#[test]
fn a_file_overwritten_in_place_gives_troubles_not_lies() {
    let directory = tempfile::tempdir().unwrap();
    let (path, source, before) = opened(directory.path());
    let mut random = Random(7);
    let file = Options::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    for _ in 0..300 {
        let garbage = [b"\n\n\n".as_slice(), b"\xff\0\"", b"}{", b"\"a-9\""][random.below(4)];
        file.write_all_at(garbage, random.below(length as usize - 8) as u64).unwrap();
    }
    let after = all(&*source).unwrap();
    assert_eq!(after.len(), before.len());
    let changed = after.iter().filter(|event| event.trouble.is_some()).count();
    assert!((100..700).contains(&changed), "{changed}");
    for (before, after) in before.iter().zip(&after) {
        assert!(after.trouble.is_some() || (&after.stream, after.version) == (&before.stream, before.version));
    }
    // A new file in its place is another file: what was opened is still read.
    let (_, source, before) = opened(directory.path());
    fs::remove_file(&path).unwrap();
    File::create(&path).unwrap().write_all(b"something else").unwrap();
    assert_eq!(all(&*source).unwrap(), before);
}

#[test]
fn a_file_that_becomes_shorter_while_it_is_indexed_fails_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, before) = opened(directory.path());
    let source = try_open(&path, None).unwrap();
    Options::new().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    let failure = source.complete(&Cancel::default(), &mut |_| ()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Io);
    assert!(failure.to_string().contains("became shorter"), "{failure}");
    assert!(!source.progress().complete);
    assert!(source.about().caveats.iter().any(|caveat| caveat.contains("became shorter")));
    let known = all(&*source).unwrap();
    assert_eq!(known[..100], before[..100]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_after_a_good_line_are_records(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        prop::collection::vec(prop::sample::select(b"{}[]\",:\\ \r\n\n0a\xc3\xa9\0".to_vec()), 0..400),
    ]) {
        let text = [good(0).as_bytes(), b"\n", &bytes].concat();
        let events = read_text(&text).unwrap();
        let blank = |line: &&[u8]| !line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
        prop_assert_eq!(events.len(), text.split(|&b| b == b'\n').filter(blank).count());
    }
}
