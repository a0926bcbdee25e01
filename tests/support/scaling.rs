//! What it costs to find out what a file is: every format and what only looks like one, at 50,000 and at 200,000 lines.
//!
//! The bytes that are read are counted, and the same in every run. Time is compared within one run: the best of a few, with
//! a floor below which it says nothing.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use stepback::domain::Cancel;
use stepback::sources::Looking;
use stepback::sources::open::{OpenOptions, open};

use super::chunks::Log;

const FEW: usize = 50_000;
const MANY: usize = 200_000;
/// Four times the lines may take so many times the time.
const TIMES: u32 = 5;
/// A shorter time says nothing on a machine with other things to do.
const FLOOR: Duration = Duration::from_millis(150);
/// How often it is tried again before it counts as too slow.
const TRIES: usize = 4;

/// A file of so many lines, or as large as one.
pub type Generated = fn(usize) -> Vec<u8>;

/// Every format, and what is hostile to its reader.
pub const TABLE: &[(&str, Generated)] = &[
    // Nothing that is known.
    ("numbers", |n| lines(n, |i| i.to_string())),
    ("words", |n| b"dear diary today\n".repeat(n)),
    ("blank lines", |n| b"\n".repeat(n)),
    ("blank lines of Windows", |n| b"\r\n".repeat(n)),
    ("byte order marks", |n| "\u{feff}\n".repeat(n).into_bytes()),
    ("no line break", |n| b"x".repeat(n * 10)),
    ("blanks", |n| b" ".repeat(n * 10)),
    ("zero bytes", |n| b"\0".repeat(n * 10)),
    ("zero bytes and line breaks", |n| b"\0\0\0\n".repeat(n)),
    ("carriage returns", |n| b"{\"a\":1}\r".repeat(n)),
    ("an open string", |n| [b"\"".to_vec(), b"x".repeat(n * 10)].concat()),
    ("brackets", |n| b"[".repeat(n)),
    ("brackets, one a line", |n| b"[\n".repeat(n)),
    ("braces", |n| b"{".repeat(n)),
    ("objects in objects", |n| b"{\"a\":".repeat(n)),
    // JSON Lines.
    ("lines of events", |n| lines(n, event)),
    ("lines of events of Windows", |n| lines(n, |i| event(i) + "\r")),
    ("half of the lines broken", |n| lines(n, |i| if i % 2 == 0 { "{\"a\":".into() } else { event(i) })),
    ("broken lines", |n| b"{\"a\":\n".repeat(n)),
    ("broken lines, then events", |n| [b"{\"a\":\n".repeat(n), lines(100, event)].concat()),
    ("blank lines, then events", |n| [b"\n".repeat(n), lines(100, event)].concat()),
    ("lines without roles", |n| b"{\"x\":1}\n".repeat(n)),
    ("empty objects", |n| b"{}\n".repeat(n)),
    ("one large line", |n| format!("{{\"stream\":\"a\",\"type\":\"{}\"}}\n", "\\u0041".repeat(n)).into_bytes()),
    ("an object with many keys", |n| format!("{{{}}}", list(n, |i| format!("\"k{i}\":1"))).into_bytes()),
    // Documents.
    ("an array", |n| format!("[{}]", list(n, event)).into_bytes()),
    ("an array, one a line", |n| format!("[\n{}\n]", list(n, |i| event(i) + "\n")).into_bytes()),
    ("half of the elements broken", |n| {
        format!("[\n{}]", list(n, |i| if i % 2 == 0 { "{\"a\":tru,}\n".into() } else { event(i) + "\n" })).into_bytes()
    }),
    ("half of the elements unclosed", |n| {
        format!("[\n{}]", list(n, |i| if i % 2 == 0 { "{\"a\":\"x\n".into() } else { event(i) + "\n" })).into_bytes()
    }),
    ("elements that are broken", |n| format!("[{}]", list(n, |_| "{\"a\":tru}".into())).into_bytes()),
    ("an array of numbers", |n| format!("[{}]", list(n, |i| i.to_string())).into_bytes()),
    ("an array that is deep", |n| b"[{\"a\":".repeat(n)),
    ("an unclosed element", |n| [b"[{\"a\":\"".to_vec(), b"x".repeat(n * 10)].concat()),
    ("objects spread over lines", |n| lines(n / 5, |i| event(i).replace(',', ",\n"))),
    ("an object spread over lines", |n| format!("{{\n{}\"b\":2}}", "\"a\":1,\n".repeat(n)).into_bytes()),
    ("broken objects spread over lines", |n| b"{\n\"a\":\n".repeat(n)),
    ("CloudEvents", |n| {
        lines(n, |i| {
            format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{i}\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"o-{}\"}}",
                i % 9
            )
        })
    }),
    ("kcat", |n| {
        lines(n, |i| {
            format!("{{\"topic\":\"t\",\"partition\":0,\"offset\":{i},\"key\":\"k\",\"payload\":\"{{}}\",\"ts\":{i}}}")
        })
    }),
    ("Debezium", |n| {
        let row = |i| format!("{{\"id\":{i},\"aggregatetype\":\"o\",\"aggregateid\":\"{}\",\"type\":\"T\"}}", i % 9);
        lines(n, |i| format!("{{\"before\":null,\"after\":{},\"op\":\"c\",\"source\":{{\"lsn\":{i}}}}}", row(i)))
    }),
    ("DynamoDB", |n| {
        let item =
            |i| format!("{{\"pk\":{{\"S\":\"o-{}\"}},\"sk\":{{\"N\":\"{i}\"}},\"type\":{{\"S\":\"T\"}}}}", i % 9);
        lines(n, |i| format!("{{\"Item\":{}}}", item(i)))
    }),
    ("EventStoreDB pages", |n| {
        let entry = |i| format!("{{\"eventType\":\"T\",\"eventNumber\":{i},\"streamId\":\"s\",\"data\":\"{{}}\"}}");
        format!("{{\"entries\":[{}]}}", list(n, entry)).into_bytes()
    }),
    ("Temporal", |n| {
        let entry =
            |i| format!("{{\"eventId\":\"{}\",\"eventTime\":\"2024-01-01T00:00:00Z\",\"eventType\":\"W\"}}", i + 1);
        format!("{{\"events\":[{}]}}", list(n, entry)).into_bytes()
    }),
    ("Temporal that is deep", |n| {
        let start = "{\"events\":[{\"eventId\":\"1\",\"eventTime\":\"x\",\"eventType\":\"W\",\"x\":";
        [start.as_bytes(), &b"[".repeat(n * 2)].concat()
    }),
    ("Redux DevTools", |n| {
        let action = |i| format!("\"{i}\":{{\"type\":\"PERFORM_ACTION\",\"action\":{{\"type\":\"A\"}}}}");
        let (actions, staged) = (list(n, action), list(n, |i| i.to_string()));
        format!("{{\"monitorState\":{{}},\"actionsById\":{{{actions}}},\"stagedActionIds\":[{staged}]}}").into_bytes()
    }),
    ("Redux DevTools, unclosed", |n| {
        [b"{\"monitorState\":{},\"actionsById\":{".to_vec(), b"\"0\":{".repeat(n)].concat()
    }),
    // Rows.
    ("CSV", |n| after("stream,type,version,data\n", lines(n, |i| format!("o-{},T,{},\"{{}}\"", i % 9, i / 9)))),
    ("TSV", |n| after("stream\ttype\tversion\n", lines(n, |i| format!("o-{}\tT\t{}", i % 9, i / 9)))),
    ("CSV with an open quote", |n| after("stream,type,version\n\"", lines(n, |i| format!("a,T,{i}")))),
    ("CSV with many quotes", |n| after("stream,type,version\n", b"a,\"".repeat(n))),
    ("CSV with a huge cell", |n| after("stream,type,version\na,T,\"", b"x\"\"".repeat(n * 3))),
    ("CSV with short rows", |n| after("stream,type,version\n", b"a\n".repeat(n))),
    ("CSV with blank lines", |n| after("stream,type,version\n", b"\n".repeat(n))),
    ("CSV of nothing", |n| after("a,b\n", b"1,2\n".repeat(n))),
    ("commas", |n| b",".repeat(n * 5)),
    ("many columns", |n| format!("{}\n{}\n", list(n, |i| format!("c{i}")), list(n, |_| "1".into())).into_bytes()),
    // Dumps.
    ("COPY", |n| postgres(&format!("{TABLE_OF_EVENTS}{COPY}{}\\.\n", text(n, copied)))),
    ("COPY that was cut", |n| postgres(&format!("{TABLE_OF_EVENTS}{COPY}{}", text(n, copied)))),
    ("COPY of blank lines", |n| postgres(&format!("{TABLE_OF_EVENTS}{COPY}{}\\.\n", "\n".repeat(n)))),
    ("heads of COPY", |n| postgres(&"COPY a FROM stdin;\n".repeat(n))),
    ("INSERT of a row", |n| {
        postgres(&format!("{TABLE_OF_EVENTS}{}", text(n, |i| format!("INSERT INTO events VALUES {};", row(i)))))
    }),
    ("INSERT of many rows", |n| postgres(&format!("{TABLE_OF_EVENTS}INSERT INTO events VALUES {};\n", list(n, row)))),
    ("open INSERTs", |n| postgres(&"INSERT INTO t VALUES (\n".repeat(n))),
    ("an open string in an INSERT", |n| postgres(&format!("INSERT INTO t VALUES ('{}", "a\n".repeat(n)))),
    ("comments", |n| postgres(&"-- x\n".repeat(n))),
    ("nothing but comments", |n| b"--\n".repeat(n)),
    ("an open comment", |n| after("/* ", b"x\n".repeat(n))),
    ("comments in comments", |n| postgres(&"/*".repeat(n))),
    ("an open string", |n| postgres(&format!("SELECT '{}", "x\n".repeat(n)))),
    ("dollars", |n| postgres(&format!("SELECT {}", "$".repeat(n)))),
    ("an open dollar quote", |n| postgres(&format!("SELECT $a${}", "x\n".repeat(n)))),
    ("open dollar quotes", |n| postgres(&format!("SELECT {}", text(n, |i| format!("$a{i} "))))),
    ("semicolons", |n| postgres(&";\n".repeat(n))),
    ("open CREATEs", |n| postgres(&"CREATE TABLE t (\n".repeat(n))),
    ("many tables", |n| postgres(&text(n / 20, |i| format!("CREATE TABLE t{i} (a int);")))),
    ("many tables with a row", |n| {
        postgres(&text(n / 40, |i| format!("CREATE TABLE t{i} (a int);\nCOPY t{i} (a) FROM stdin;\n1\n\\.")))
    }),
    ("large objects", |n| {
        postgres(&text(n / 3, |i| {
            format!("SELECT pg_catalog.lo_open('{i}', 131072);\nSELECT pg_catalog.lowrite(0, '');")
        }))
    }),
    ("DELIMITER", |n| after("-- MySQL dump 10.13\nDELIMITER ;;\n", b"x\n".repeat(n))),
    ("open conditions of MySQL", |n| after("-- MySQL dump 10.13\n", b"/*!40101 SET NAMES utf8 \n".repeat(n))),
    ("triggers", |n| {
        after("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", b"CREATE TRIGGER a BEGIN SELECT 1;\n".repeat(n))
    }),
    ("a custom dump", custom),
    // Packed.
    ("packed events", |n| gzip(&lines(n, event))),
    ("packed blank lines", |n| gzip(&b"\n".repeat(n * 20))),
    ("packed INSERTs", |n| gzip(&postgres(&format!("{TABLE_OF_EVENTS}INSERT INTO events VALUES {};\n", list(n, row))))),
];

/// What is written to a path: files of other tools, and folders.
pub type Written = fn(&Path, usize);

/// What is no text that could be made here.
pub const WRITTEN: &[(&str, Written)] = &[
    #[cfg(feature = "sqlite")]
    ("SQLite", |path, n| {
        let database = rusqlite::Connection::open(path).unwrap();
        database.execute_batch("PRAGMA journal_mode = OFF; CREATE TABLE events (id INTEGER PRIMARY KEY, stream_id TEXT, version INTEGER, type TEXT, data TEXT, created TEXT)").unwrap();
        let writing = database.unchecked_transaction().unwrap();
        for row in (0..n).collect::<Vec<_>>().chunks(500).map(|some| some.iter().map(|&i| row(i)).collect::<Vec<_>>()) {
            database.execute(&format!("INSERT INTO events VALUES {}", row.join(",")), []).unwrap();
        }
        writing.commit().unwrap();
    }),
    ("a folder of KurrentDB", |path, n| {
        std::fs::create_dir_all(path).unwrap();
        let mut log = Log::new(64 << 20);
        (0..n).for_each(|i| _ = log.event(&format!("order-{}", i % 97), (i / 97) as i64, "Placed", "{\"a\":1}"));
        log.write(path);
    }),
    ("a folder of a DynamoDB export", |path, n| {
        let data = path.join("data");
        std::fs::create_dir_all(&data).unwrap();
        for (part, from) in ["a", "b"].into_iter().zip([0, n / 2]) {
            let item = |i| {
                format!(
                    "{{\"Item\":{{\"streamId\":{{\"S\":\"o-{}\"}},\"version\":{{\"N\":\"{}\"}},\"type\":{{\"S\":\"T\"}}}}}}",
                    (i + from) % 9,
                    i + from
                )
            };
            std::fs::write(data.join(format!("{part}.json.gz")), gzip(&lines(n / 2, item))).unwrap();
        }
    }),
];

/// A dump as `pg_dump -Fc` writes it, of one table.
fn custom(rows: usize) -> Vec<u8> {
    use std::io::Write;
    fn int(out: &mut Vec<u8>, number: i64) {
        out.push(u8::from(number < 0));
        out.extend((number.unsigned_abs() as u32).to_le_bytes());
    }
    fn word(out: &mut Vec<u8>, text: &str) {
        int(out, text.len() as i64);
        out.extend(text.as_bytes());
    }
    let mut out = b"PGDMP\x01\x10\x00\x04\x08\x01\x01".to_vec();
    (0..7).for_each(|n| int(&mut out, n));
    ["shop", "16.2", "16.2"].into_iter().for_each(|text| word(&mut out, text));
    int(&mut out, 2);
    let mut state = 0;
    for (id, (kind, definition, copy)) in [("TABLE", TABLE_OF_EVENTS, ""), ("TABLE DATA", "", COPY)].iter().enumerate()
    {
        int(&mut out, id as i64 + 1);
        int(&mut out, 1);
        ["1259", "16385", "events", kind].into_iter().for_each(|text| word(&mut out, text));
        int(&mut out, 3);
        [definition, "DROP nothing;"].into_iter().for_each(|text| word(&mut out, text));
        if copy.is_empty() {
            int(&mut out, -1)
        } else {
            word(&mut out, copy)
        }
        word(&mut out, "public");
        int(&mut out, -1);
        word(&mut out, "heap");
        int(&mut out, i64::from(b'r'));
        ["postgres", "false", "1"].into_iter().for_each(|text| word(&mut out, text));
        int(&mut out, -1);
        state = out.len();
        out.push(if id == 1 { 1 } else { 3 });
        out.extend([0; 8]);
    }
    let at = (out.len() as u64).to_le_bytes();
    out[state] = 2;
    out[state + 1..state + 9].copy_from_slice(&at);
    out.push(1);
    int(&mut out, 2);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(format!("{}\\.\n\n\n", text(rows, copied)).as_bytes()).unwrap();
    for piece in encoder.finish().unwrap().chunks(4096) {
        int(&mut out, piece.len() as i64);
        out.extend(piece);
    }
    int(&mut out, 0);
    out
}

const TABLE_OF_EVENTS: &str =
    "CREATE TABLE events (id bigint NOT NULL, stream_id text, version bigint, type text, data jsonb, created text);\n";
const COPY: &str = "COPY events (id, stream_id, version, type, data, created) FROM stdin;\n";

fn text(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, i| {
        writeln!(text, "{}", line(i)).unwrap();
        text
    })
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    text(count, line).into_bytes()
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn after(beginning: &str, rest: Vec<u8>) -> Vec<u8> {
    [beginning.as_bytes(), &rest].concat()
}

fn event(i: usize) -> String {
    let (stream, version) = (i % 97, i / 97 + 1);
    format!("{{\"streamId\":\"order-{stream}\",\"type\":\"Placed\",\"version\":{version},\"data\":{{\"a\":{i}}}}}")
}

fn copied(i: usize) -> String {
    format!("{i}\ts{}\t{}\tT\t{{}}\t2024-01-01", i % 9, i / 9)
}

fn row(i: usize) -> String {
    format!("({i},'s{}',{},'T','{{}}','2024-01-01')", i % 9, i / 9)
}

fn postgres(text: &str) -> Vec<u8> {
    after("--\n-- PostgreSQL database dump\n--\n\nSET x = 1;\n", text.as_bytes().to_vec())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Opens a file until it is known what it is, or that it is nothing. Gives how many bytes that read of how many, and how
/// long it took.
fn looked_at(path: &Path) -> (u64, u64, Duration) {
    let looking = Looking::default();
    let options = OpenOptions { looking: looking.clone(), ..OpenOptions::default() };
    let start = Instant::now();
    if let Ok(source) = open(path.to_str().unwrap(), &options) {
        let cancel = Cancel::default();
        // Tables are looked at in the background.
        let _ = source.complete(&cancel, &mut |_| {
            if looking.is_over() {
                cancel.cancel();
            }
        });
    }
    (looking.read(), looking.length(), start.elapsed())
}

/// Holds every line of the table to its budget; gives what is wrong.
pub fn offences(folder: &Path) -> Vec<String> {
    let mut offences = Vec::new();
    let file = |name, write: &dyn Fn(&Path, usize)| {
        let paths = [FEW, MANY].map(|count| folder.join(format!("{name} {count}")));
        paths.iter().zip([FEW, MANY]).for_each(|(path, count)| write(path, count));
        (name, paths)
    };
    let texts = TABLE
        .iter()
        .map(|(name, generated)| file(*name, &|path, count| std::fs::write(path, generated(count)).unwrap()));
    let others = WRITTEN.iter().map(|(name, written)| {
        let found = file(*name, written);
        for path in &found.1 {
            let source =
                open(path.to_str().unwrap(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
            source.complete(&Cancel::default(), &mut |_| ()).unwrap();
            assert!(source.progress().events >= FEW as u64 / 2, "{name} is read: {:?}", source.progress());
        }
        found
    });
    for (name, [few, many]) in texts.chain(others) {
        let mut best = [Duration::MAX; 2];
        for _ in 0..TRIES {
            for (path, best) in [&few, &many].into_iter().zip(&mut best) {
                let (read, length, took) = looked_at(path);
                *best = took.min(*best);
                if read > 2 * length {
                    offences.push(format!("{name}: {read} of {length} bytes were read"));
                }
            }
            if best[1] <= best[0].max(FLOOR) * TIMES {
                break;
            }
        }
        if best[1] > best[0].max(FLOOR) * TIMES {
            offences.push(format!("{name}: {FEW} lines take {:?}, {MANY} take {:?}", best[0], best[1]));
        }
        for path in [few, many] {
            drop(std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path)));
        }
    }
    offences
}
