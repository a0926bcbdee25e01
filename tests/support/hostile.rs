//! Files that try to break their reader: the same bytes every time, made when they are needed, none of them stored.
//!
//! Each says what may come of it: an opened store with so many events and bad records, or a refusal in words.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

const MIB: usize = 1 << 20;

/// What may come of a hostile file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It opens, with so many events and so many records that cannot be read.
    Opens(u64, u64),
    /// It is refused with a message; nothing in it can be kept.
    Refused,
    /// Either, in order: what is in it is not decided here, only that it ends well.
    Ends,
}

/// A hostile file.
#[allow(dead_code, reason = "each test uses its part")]
pub struct Hostile {
    /// What it tries.
    pub name: &'static str,
    /// What may come of it.
    pub outcome: Outcome,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A plain good line.
fn good(number: usize) -> String {
    format!("{{\"stream\":\"a-{}\",\"type\":\"T\",\"version\":{number},\"data\":{{\"n\":{number}}}}}\n", number % 3)
}

fn goods(count: usize) -> String {
    (0..count).map(good).collect()
}

/// A line whose data is this JSON text.
fn with(data: &str) -> String {
    format!("{{\"stream\":\"a-1\",\"type\":\"T\",\"version\":1,\"data\":{data}}}\n")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// So much of one byte, packed piece after piece.
fn gzip_of_nothing(prefix: &[u8], megabytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(prefix).expect("memory");
    let piece = vec![b' '; MIB];
    (0..megabytes).for_each(|_| encoder.write_all(&piece).expect("memory"));
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).expect("memory")
}

fn cut(mut bytes: Vec<u8>, share: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() * share / 100);
    bytes
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

/// Bytes without meaning, the same every time.
pub fn noise(count: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as u8
    };
    (0..count).map(|_| next()).collect()
}

/// All of them.
pub fn files() -> Vec<Hostile> {
    let mut files = lines();
    files.extend(values());
    files.extend(packed());
    files.extend(tables());
    files.extend(binary());
    files.extend(damaged());
    files
}

/// Good stores in which one row of a hundred, no two of them neighbours, is damaged for sure: as many records cannot be
/// read, and no other.
fn damaged() -> Vec<Hostile> {
    const ROWS: usize = 2000;
    let outcome = Outcome::Opens((ROWS - ROWS / 100) as u64, (ROWS / 100) as u64);
    let is_damaged = |n: usize| n % 100 == (n / 100) * 7 % 100;
    let rows = |good: &dyn Fn(usize) -> String, bad: &dyn Fn(usize) -> String| -> Vec<String> {
        (0..ROWS).map(|n| if is_damaged(n) { bad(n) } else { good(n) }).collect()
    };
    let columns = "(global_position, \"position\", \"time\", stream_name, type, data, metadata, id)";
    let id = |n: usize| format!("00000000-0000-4000-8000-{n:012}");
    let copied =
        |n: usize| format!("{n}\t{}\t2025-03-01 12:00:00\ta-{}\tT\t{{\"n\": {n}}}\t\\N\t{}\n", n / 3, n % 3, id(n));
    let copies = rows(&copied, &|n| format!("{n}\tshort\n")).concat();
    let insert = |values: String| format!("INSERT INTO public.messages {columns} VALUES ({values});\n");
    let inserted = |n: usize| {
        let (position, stream) = (n / 3, n % 3);
        insert(format!(
            "{n}, {position}, '2025-03-01 12:00:00', 'a-{stream}', 'T', '{{\"n\": {n}}}', NULL, '{}'",
            id(n)
        ))
    };
    let inserts = rows(&inserted, &|n| insert(format!("{n}, 'short'"))).concat();
    let delimited = |n: usize| format!("{n},a-{},{},T,\"{{\"\"n\"\":{n}}}\"\n", n % 3, n / 3);
    let element = |n: usize| good(n).trim_end().to_owned();
    let cut_element = |n: usize| good(n).trim_end().replace(&format!("{{\"n\":{n}}}"), "{\"n\":}");
    let consumed = |n: usize| {
        format!(
            "{{\"topic\":\"shop\",\"partition\":0,\"offset\":{n},\"tstype\":\"create\",\"ts\":1740830400000,\"broker\":1,\
             \"headers\":[\"type\",\"T\"],\"key\":\"a-{}\",\"payload\":\"{{\\\"n\\\":{n}}}\"}}\n",
            n % 3
        )
    };
    let dump = "--\n-- PostgreSQL database dump\n--\n";
    vec![
        hostile("damaged-lines", outcome, rows(&good, &|_| "{\"stream\":\"a-1\",\"type\"\n".into()).concat()),
        hostile("damaged-copy", outcome, format!("{dump}COPY public.messages {columns} FROM stdin;\n{copies}\\.\n")),
        hostile("damaged-inserts", outcome, format!("{dump}{inserts}")),
        hostile("damaged-csv", outcome, {
            format!("id,stream,version,type,data\n{}", rows(&delimited, &|n| format!("{n},short\n")).concat())
        }),
        hostile("damaged-array", outcome, format!("[\n{}\n]\n", rows(&element, &cut_element).join(",\n"))),
        hostile("damaged-kcat", outcome, rows(&consumed, &|n| consumed(n)[..60].to_owned() + "\n").concat()),
        hostile("damaged-sqlite", outcome, {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("store");
            let connection = rusqlite::Connection::open(&path).expect("a database");
            let row = |n: usize| {
                let stream = if is_damaged(n) { "NULL".into() } else { format!("'a-{}'", n % 3) };
                format!("INSERT INTO events VALUES ({n}, {stream}, {}, 'T', '{{\"n\":{n}}}');", n / 3)
            };
            let rows: String = (0..ROWS).map(row).collect();
            let table =
                "CREATE TABLE events (id INTEGER PRIMARY KEY, stream TEXT, version INTEGER, type TEXT, data TEXT)";
            connection.execute_batch(&format!("BEGIN; {table}; {rows} COMMIT;")).expect("written");
            drop(connection);
            std::fs::read(&path).expect("read")
        }),
    ]
}

fn hostile(name: &'static str, outcome: Outcome, bytes: impl Into<Vec<u8>>) -> Hostile {
    Hostile { name, outcome, bytes: bytes.into() }
}

fn lines() -> Vec<Hostile> {
    use Outcome::{Ends, Opens, Refused};
    let bom = "\u{feff}";
    vec![
        hostile("empty", Refused, ""),
        hostile("one-newline", Refused, "\n"),
        hostile("only-bom", Refused, bom),
        hostile("bom-first", Opens(20, 0), format!("{bom}{}", goods(20))),
        hostile("bom-inside", Opens(20, 1), format!("{}{bom}{}{}", goods(10), good(10), goods(10))),
        hostile("crlf", Opens(20, 0), goods(20).replace('\n', "\r\n")),
        hostile("cr-alone", Refused, goods(20).replace('\n', "\r")),
        hostile("mixed-ends", Opens(20, 0), goods(10) + &goods(10).replace('\n', "\r\n")),
        hostile("line-separator", Opens(20, 0), goods(20).replace("\"T\"", "\"T\u{2028}U\"")),
        hostile("no-final-newline", Opens(20, 0), goods(20).trim_end()),
        hostile("half-a-record", Opens(20, 1), goods(20) + "{\"stream\":\"a-1\",\"ty"),
        hostile("half-a-character", Opens(20, 1), [goods(20).as_bytes(), b"{\"stream\":\"a\xe2\x82"].concat()),
        hostile("latin-1", Opens(20, 1), [goods(20).as_bytes(), b"{\"stream\":\"\xe9\",\"type\":\"T\"}\n"].concat()),
        hostile("utf-16-little", Refused, utf16(&goods(20), true)),
        hostile("utf-16-big", Refused, utf16(&goods(20), false)),
        hostile("nul-tail", Opens(20, 1), [goods(20).as_bytes(), &[0; 4096]].concat()),
        hostile("blank-lines", Opens(20, 0), goods(20).replace('\n', "\n\n \n\t\n")),
        hostile("noise", Refused, noise(64 << 10, 0x9e37_79b9_7f4a_7c15)),
        hostile("many-streams", Opens(100_000, 0), many_streams(100_000)),
        hostile("many-types", Opens(70_000, 0), many_types(70_000)),
        hostile("names-with-escapes", Ends, with("1").replace("a-1", "\\u001b]0;title\\u0007\\u001b[2J").repeat(9)),
        hostile("a-name-of-a-megabyte", Ends, with("1").replace("a-1", &"x".repeat(MIB)).repeat(5)),
        hostile("versions-everywhere", Ends, {
            [0_u64, 1 << 63, u64::MAX, 1]
                .map(|version| with("1").replace(":1,\"data", &format!(":{version},\"data")))
                .concat()
                + &with("1").replace(":1,\"data", ":-1,\"data")
        }),
    ]
}

fn many_streams(count: usize) -> String {
    (0..count).map(|n| format!("{{\"stream\":\"s-{n}\",\"type\":\"T\",\"version\":1,\"data\":{n}}}\n")).collect()
}

fn many_types(count: usize) -> String {
    (0..count).map(|n| format!("{{\"stream\":\"s-1\",\"type\":\"T{n}\",\"version\":{n},\"data\":{n}}}\n")).collect()
}

fn values() -> Vec<Hostile> {
    use Outcome::{Ends, Opens};
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let keys = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let numbers = [
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "-0",
        "1E5",
        "0.30000000000000004",
    ];
    let few = goods(9);
    let line = |data: &str| few.clone() + &with(data);
    vec![
        hostile("a-million-arrays-deep", Opens(10, 0), line(&nested("[", "]", 1_000_000))),
        hostile("a-million-objects-deep", Opens(10, 0), line(&nested("{\"a\":", "}", 1_000_000))),
        hostile("deep-and-cut", Opens(9, 1), line(&"[".repeat(1_000_000))),
        hostile("a-million-keys", Opens(10, 0), line(&keys(1_000_000))),
        hostile("duplicate-keys", Opens(10, 0), line("{\"a\":1,\"a\":2,\"\":3,\"\":4}")),
        hostile(
            "a-duplicate-stream",
            Opens(10, 0),
            few.clone() + "{\"stream\":\"a-1\",\"stream\":\"b-1\",\"type\":\"T\"}\n",
        ),
        hostile("escaped-keys", Opens(10, 0), line("{\"\\u0061\\n\\u0000\":1}")),
        hostile("lone-surrogates", Opens(10, 0), line("\"\\ud800 \\udc00\"")),
        hostile("numbers", Opens(10, 0), line(&format!("[{}]", numbers.join(",")))),
        hostile("ten-thousand-digits", Opens(10, 0), line(&"7".repeat(10_000))),
        hostile("control-characters", Ends, line("\"\\u0000\\u001b]52;c;aGk=\\u0007\\u009b31m\\u202e\"")),
        hostile("combining-marks", Opens(10, 0), line(&format!("\"e{}\"", "\u{301}".repeat(20_000)))),
        hostile("a-long-string", Opens(10, 0), line(&format!("\"{}\"", "x".repeat(30 * MIB)))),
        hostile("times", Ends, {
            [
                "0000-00-00",
                "9999-12-31T23:59:60Z",
                "-377705116800",
                "253402300800000",
                "\\u0000",
                "2025-03-01T25:00:00Z",
            ]
            .map(|time| with("1").replace("\"data\"", &format!("\"time\":\"{time}\",\"data\"")))
            .concat()
        }),
    ]
}

fn packed() -> Vec<Hostile> {
    use Outcome::{Ends, Opens, Refused};
    let plain = goods(2000);
    let plain = plain.as_bytes();
    let zipped = gzip(plain);
    let mut wrong_sum = zipped.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 0xff;
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4][..], &zstd(plain)].concat();
    // Magic, then a frame header that asks for a window of 2 GiB.
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8][..], &[0; 64]].concat();
    vec![
        hostile("gzip", Opens(2000, 0), zipped.clone()),
        hostile("gzip-of-gzip", Opens(2000, 0), gzip(&zipped)),
        hostile("gzip-five-times", Refused, (0..5).fold(plain.to_vec(), |bytes, _| gzip(&bytes))),
        hostile("gzip-members", Opens(4000, 0), [&zipped[..], &zipped].concat()),
        hostile("gzip-cut", Ends, cut(zipped.clone(), 60)),
        hostile("gzip-header-only", Refused, &zipped[..10]),
        hostile("gzip-wrong-sum", Ends, wrong_sum),
        hostile("gzip-and-noise", Ends, [&zipped[..], &noise(500, 7)].concat()),
        hostile("gzip-and-zeros", Ends, [&zipped[..], &[0; 512]].concat()),
        hostile("gzip-bomb", Ends, gzip_of_nothing(plain, 300)),
        hostile("gzip-bomb-of-one-line", Ends, gzip_of_nothing(b"{\"stream\":\"a\",\"type\":\"", 300)),
        hostile("zstd", Opens(2000, 0), zstd(plain)),
        hostile("zstd-frames", Opens(4000, 0), [zstd(plain), zstd(plain)].concat()),
        hostile("zstd-skippable", Ends, skippable),
        hostile("zstd-window", Refused, window),
        hostile("zstd-cut", Ends, cut(zstd(plain), 60)),
        hostile("zstd-bomb", Ends, zstd(&vec![b' '; 200 * MIB])),
    ]
}

fn tables() -> Vec<Hostile> {
    use Outcome::{Ends, Opens, Refused};
    let header = "id,stream,version,type,data\n";
    let row = |n: usize| format!("{n},a-{},{n},T,\"{{\"\"n\"\":{n}}}\"\n", n % 3);
    let rows: String = (1..=50).map(row).collect();
    let copy = "COPY public.messages (global_position, \"position\", \"time\", stream_name, type, data, metadata, id) FROM stdin;\n";
    let copied = |n: usize| {
        format!(
            "{n}\t{}\t2025-03-01 12:00:00\ta-{}\tT\t{{\"n\": {n}}}\t\\N\t00000000-0000-4000-8000-{n:012}\n",
            (n - 1) / 3,
            n % 3
        )
    };
    let copies: String = (1..=30).map(copied).collect();
    let dump = format!("--\n-- PostgreSQL database dump\n--\n{copy}{copies}\\.\n");
    vec![
        hostile("csv", Opens(50, 0), format!("{header}{rows}")),
        hostile("csv-formulas", Opens(51, 0), format!("{header}{rows}99,a-1,99,=cmd|' /C calc'!A0,\"{{}}\"\n")),
        hostile("csv-unbalanced-quote", Ends, format!("{header}{rows}51,\"a-1,51,T,x\n{rows}")),
        hostile("csv-many-columns", Ends, format!("{}\n{}\n", "c,".repeat(100_000), "1,".repeat(100_000))),
        hostile("csv-only-commas", Ends, ",".repeat(MIB)),
        hostile("csv-of-bad-rows", Refused, format!("{header}{rows}{}", "1,2\n".repeat(3_000_000))),
        hostile("csv-nul", Ends, format!("{header}{rows}\0,\0,\0\n")),
        hostile("pg-dump", Opens(30, 0), dump.clone()),
        hostile("pg-dump-bad-row", Opens(30, 1), dump.replace("\\.\n", "99\tshort\n\\.\n")),
        hostile("pg-dump-cut", Ends, cut(dump.clone().into_bytes(), 90)),
        hostile("pg-dump-no-end", Ends, dump.replace("\\.\n", "")),
        hostile("pg-dump-open-string", Ends, "INSERT INTO t VALUES ('".to_owned() + &"x".repeat(8 * MIB)),
        hostile("pg-dump-open-dollar", Ends, "CREATE FUNCTION f() AS $$".to_owned() + &"x".repeat(MIB)),
        hostile(
            "pg-dump-many-columns",
            Ends,
            format!("COPY t ({}) FROM stdin;\n1\n\\.\n", "c, ".repeat(300_000) + "c"),
        ),
        hostile("chat", Refused, {
            let rows: String = (1..40).map(|n| format!("{n}\t{}\ttext\thello\n", n % 5)).collect();
            format!("COPY public.messages (id, user_id, type, data) FROM stdin;\n{rows}\\.\n")
        }),
        hostile("array", Opens(20, 0), format!("[{}]", goods(20).trim_end().replace('\n', ",\n"))),
        hostile("array-cut", Ends, format!("[{}", goods(20).trim_end().replace('\n', ",\n"))),
        hostile("array-of-arrays", Refused, "[".repeat(500_000)),
        hostile("array-of-numbers", Refused, format!("[{}1]", "1,".repeat(MIB))),
        hostile(
            "actions-of-nothing",
            Opens(0, 2),
            "{\"actionsById\":{},\"stagedActionIds\":[1,2],\"computedStates\":[]}",
        ),
        hostile("history-of-nothing", Refused, "{\"events\":[]}"),
    ]
}

fn binary() -> Vec<Hostile> {
    use Outcome::{Ends, Refused};
    let magic = |magic: &[u8], count: usize| [magic, &noise(count, 99)].concat();
    let mut files = vec![
        hostile("png", Refused, magic(b"\x89PNG\r\n\x1a\n", 5000)),
        hostile("zip", Refused, magic(b"PK\x03\x04", 5000)),
        hostile("parquet", Refused, magic(b"PAR1", 5000)),
        hostile("pdf", Refused, magic(b"%PDF-1.7", 5000)),
        hostile("sqlite-noise", Refused, magic(b"SQLite format 3\0", 8192)),
        hostile("sqlite-header-only", Refused, b"SQLite format 3\0".to_vec()),
        hostile("custom-noise", Refused, magic(b"PGDMP", 8192)),
        hostile("custom-header-only", Refused, b"PGDMP\x01\x0e\x00".to_vec()),
        // Version 1.14, four-byte integers; then a count of entries that no file could hold.
        hostile("custom-huge-count", Ends, [b"PGDMP\x01\x0e\x00\x04\x08\x01".as_slice(), &[0xff; 64]].concat()),
    ];
    files.extend([3_usize, 64, 500].map(|count| hostile("short-noise", Ends, noise(count, count as u64))));
    files
}
