//! Custom dumps made by a writer of our own from the format's description: the versions and compressions that the
//! `pg_dump` at hand does not write, and what is broken in them.

use std::io::Write;

use crate::domain::FailureKind;
use crate::sources::dumps::tests::{columns, open, opened, rows};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    None,
    Zlib,
    Lz4,
    Zstd,
}

/// What to write, and how.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub version: u8,
    pub int_size: u8,
    pub packing: Packing,
    /// Whether the table of contents says where data is.
    pub offsets: bool,
    /// The size of the pieces.
    pub piece: usize,
    /// Which format it says it is of.
    pub format: u8,
}

pub const USUAL: Shape =
    Shape { version: 16, int_size: 4, packing: Packing::Zlib, offsets: true, piece: 4096, format: 1 };

pub struct Writer {
    pub shape: Shape,
    pub bytes: Vec<u8>,
}

/// An entry: what it is, its schema and name, its definition, its COPY.
pub type Entry<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

impl Writer {
    pub fn int(&mut self, number: i64) {
        self.bytes.push(u8::from(number < 0));
        let mut bytes = number.unsigned_abs().to_le_bytes().to_vec();
        bytes.resize(usize::from(self.shape.int_size), 0);
        self.bytes.extend(&bytes[..usize::from(self.shape.int_size)]);
    }

    pub fn text(&mut self, text: &str) {
        self.int(text.len() as i64);
        self.bytes.extend(text.as_bytes());
    }

    pub fn header(&mut self) {
        let Shape { version, int_size, packing, format, .. } = self.shape;
        self.bytes.extend(b"PGDMP");
        self.bytes.extend([1, version, 0, int_size, 8, format]);
        match (version, packing) {
            (15.., _) => self.bytes.push(packing as u8),
            (_, Packing::None) => self.int(0),
            (_, _) => self.int(-1),
        }
        (0..7).for_each(|n| self.int(n));
        ["shop", "16.2", "16.2"].into_iter().for_each(|text| self.text(text));
    }

    /// Gives where the offset of its data is written.
    fn entry(&mut self, id: i64, entry: Entry<'_>) -> usize {
        self.entry_without_place(id, entry);
        let state = self.bytes.len();
        self.bytes.push(if entry.0 == "TABLE DATA" || entry.0 == "BLOBS" { 1 } else { 3 });
        self.bytes.extend([0; 8]);
        state
    }

    pub fn entry_without_place(&mut self, id: i64, (desc, schema, tag, definition, copy): Entry<'_>) {
        let version = self.shape.version;
        self.int(id);
        self.int(1);
        self.text("1259");
        self.text("16385");
        self.text(tag);
        self.text(desc);
        if version >= 11 {
            self.int(3);
        }
        self.text(definition);
        self.text("DROP nothing;");
        match copy {
            "" => self.int(-1),
            copy => self.text(copy),
        }
        self.text(schema);
        self.int(-1);
        if version >= 14 {
            self.text("heap");
        }
        if version >= 16 {
            self.int(i64::from(b'r'));
        }
        self.text("postgres");
        self.text("false");
        self.text("12");
        self.int(-1);
    }

    fn stream(&mut self, data: &[u8]) {
        let packed = match self.shape.packing {
            Packing::None => data.to_vec(),
            Packing::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(data).expect("in memory");
                encoder.finish().expect("in memory")
            }
            Packing::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(data).expect("in memory");
                encoder.finish().expect("in memory")
            }
            Packing::Zstd => zstd::stream::encode_all(data, 3).expect("in memory"),
        };
        for piece in packed.chunks(self.shape.piece) {
            self.int(piece.len() as i64);
            self.bytes.extend(piece);
        }
        self.int(0);
    }

    fn point(&mut self, state: usize) {
        if self.shape.offsets {
            let at = (self.bytes.len() as u64).to_le_bytes();
            self.bytes[state] = 2;
            self.bytes[state + 1..state + 9].copy_from_slice(&at);
        }
    }
}

const TABLE: Entry<'_> = ("TABLE", "app", "t", "CREATE TABLE app.t (\n    id bigint,\n    data bytea\n);\n", "");
const DATA: Entry<'_> = ("TABLE DATA", "app", "t", "", "COPY app.t (id, data) FROM stdin;\n");
const ROWS: &[u8] = b"1\t\\\\x00ff\n2\t\\N\n\\.\n\n\n";

/// A dump with a table, one that has two parts, one written as INSERT, and two large objects.
fn dump(shape: Shape, count: i64) -> Vec<u8> {
    let mut writer = Writer { shape, bytes: Vec::new() };
    writer.header();
    let attach = "ALTER TABLE ONLY app.m ATTACH PARTITION app.m_1 FOR VALUES IN (1);\n";
    let entries: [Entry<'_>; 12] = [
        ("ENCODING", "", "ENCODING", "SET client_encoding = 'UTF8';\n", ""),
        TABLE,
        ("TABLE", "app", "m", "CREATE TABLE app.m (\n    a integer,\n    b text\n)\nPARTITION BY LIST (a);\n", ""),
        ("TABLE", "app", "m_1", "CREATE TABLE app.m_1 (b text, a integer);\n", ""),
        (
            "TABLE",
            "app",
            "m_2",
            "CREATE TABLE app.m_2 (a integer, b text);\nALTER TABLE ONLY app.m ATTACH PARTITION app.m_2 DEFAULT;\n",
            "",
        ),
        ("TABLE ATTACH", "app", "m_1", attach, ""),
        (
            "FUNCTION",
            "app",
            "f()",
            "CREATE FUNCTION app.f() RETURNS void LANGUAGE sql AS $$ COPY app.t (id) FROM stdin; $$;\n",
            "",
        ),
        DATA,
        ("TABLE DATA", "app", "m_1", "", "COPY app.m_1 (b, a) FROM stdin;\n"),
        ("TABLE DATA", "app", "m_2", "", "COPY app.m_2 (a, b) FROM stdin;\n"),
        ("TABLE DATA", "app", "inserted", "", ""),
        ("BLOBS", "", "BLOBS", "", ""),
    ];
    writer.int(count);
    let states: Vec<usize> = entries.iter().zip(1..).map(|(entry, id)| writer.entry(id, *entry)).collect();
    let many: Vec<u8> = (0..4_000).flat_map(|n| format!("{n}\tvalue {n}\n").into_bytes()).collect();
    let data: [(usize, &[u8]); 4] = [
        (7, ROWS),
        (8, b"one\t1\n\\.\n"),
        (9, &many),
        (10, b"INSERT INTO app.inserted VALUES (1, 'a;'),\n\t(2, 'b');\n\n\n"),
    ];
    for (entry, data) in data {
        writer.point(states[entry]);
        writer.bytes.push(1);
        writer.int(entry as i64 + 1);
        writer.stream(data);
    }
    writer.point(states[11]);
    writer.bytes.push(3);
    writer.int(12);
    for (oid, object) in [(16_400, &b"first"[..]), (16_401, b"")] {
        writer.int(oid);
        writer.stream(object);
    }
    writer.int(0);
    writer.bytes
}

fn check(shape: Shape) {
    let database = open(dump(shape, 12));
    assert_eq!(rows(&*database, "app.t"), ["1i|x00ff", "2i|∅"], "{shape:?}");
    assert_eq!(columns(&*database, "app.t"), "id bigint, data bytea");
    let parts = rows(&*database, "app.m");
    assert_eq!(parts.len(), 4_001, "{shape:?}");
    assert_eq!((parts[0].as_str(), parts[4_000].as_str()), ("1i|one", "3999i|value 3999"), "{shape:?}");
    assert_eq!(rows(&*database, "app.inserted"), ["1|a;", "2|b"], "{shape:?}");
    let object = |oid| database.large_object(oid).expect("readable");
    assert_eq!(object(16_400).as_deref(), Some(&b"first"[..]), "{shape:?}");
    assert_eq!(object(16_401).as_deref(), Some(&b""[..]), "{shape:?}");
    assert_eq!(object(16_402), None, "{shape:?}");
    assert_eq!(database.tables().len(), 3, "{shape:?}");
}

#[test]
fn every_version_and_compression_is_read() {
    for version in 10..=16 {
        let packings: &[Packing] = match version {
            15.. => &[Packing::None, Packing::Zlib, Packing::Lz4, Packing::Zstd],
            _ => &[Packing::None, Packing::Zlib],
        };
        for &packing in packings {
            check(Shape { version, packing, ..USUAL });
            check(Shape { version, packing, offsets: false, int_size: 8, piece: 37, format: 1 });
        }
    }
}

#[test]
fn what_is_no_such_dump_is_refused_with_a_hint() {
    let whole = dump(USUAL, 12);
    let failure = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        opened(&bytes).err().expect("refused")
    };
    for (at, byte, says) in
        [(5, 2, "format 2.16"), (6, 17, "format 1.17"), (6, 9, "format 1.9"), (10, 4, "not known (4)")]
    {
        let failure = failure(at, byte);
        assert_eq!(failure.kind, FailureKind::Malformed, "{failure}");
        assert!(failure.why.contains(says) && failure.hint.contains("pg_restore"), "{failure}");
    }
    for format in [3, 5] {
        let failure = failure(10, format);
        assert!(failure.why.contains("table of contents") && failure.hint.contains("directory"), "{failure}");
    }
    assert!(failure(11, 9).why.contains("compressed in a way"));
    assert!(failure(8, 0).why.contains("size"));
}

#[test]
fn counts_and_lengths_that_cannot_be_are_refused() {
    let failure = opened(&dump(USUAL, i64::from(i32::MAX))).err().expect("refused");
    assert_eq!(failure.kind, FailureKind::Malformed, "{failure}");
    let failure = opened(&dump(USUAL, -1)).err().expect("refused");
    assert_eq!(failure.kind, FailureKind::Malformed, "{failure}");
    // A name of 2 GB.
    let mut writer = Writer { shape: USUAL, bytes: Vec::new() };
    writer.header();
    writer.int(1);
    writer.int(1);
    writer.int(1);
    writer.int(i64::from(i32::MAX));
    writer.int(0);
    assert_eq!(opened(&writer.bytes).err().expect("refused").kind, FailureKind::Malformed);
}

#[test]
fn damaged_data_is_a_bad_row_behind_the_good_ones() {
    for packing in [Packing::Zlib, Packing::Lz4, Packing::Zstd] {
        let shape = Shape { packing, ..USUAL };
        let whole = dump(shape, 12);
        let mut hurt = 0;
        // Somewhere in the pieces of the largest table.
        for at in (whole.len() - 6_000..whole.len() - 1000).step_by(999) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            bytes[at + 1] ^= 0xaa;
            let Ok(database) = opened(&bytes) else { continue };
            let found = rows(&*database, "app.m");
            hurt += usize::from(found.iter().any(|row| row.starts_with("! its packed data is damaged")));
            assert!(found.iter().filter(|row| row.starts_with('!')).count() < 4_000, "{packing:?}");
            assert_eq!(rows(&*database, "app.t"), ["1i|x00ff", "2i|∅"], "{packing:?}");
        }
        // LZ4 frames as they are written here have no checksum: there damage may pass for other values.
        assert!(hurt > 0 || packing == Packing::Lz4, "{packing:?}");
    }
}

#[test]
fn every_cut_ends_in_order() {
    for shape in [USUAL, Shape { packing: Packing::None, offsets: false, ..USUAL }] {
        let whole = dump(shape, 12);
        for at in (0..whole.len()).step_by(whole.len() / 23) {
            match opened(&whole[..at]) {
                Ok(database) => {
                    for table in database.tables() {
                        rows(&*database, &table.full_name());
                    }
                    let _ = database.large_object(16_400);
                }
                Err(failure) => assert_eq!(failure.kind, FailureKind::Malformed, "{at}: {failure}"),
            }
        }
    }
}

#[test]
fn every_byte_may_be_wrong() {
    // The header, the table of contents and the small tables.
    let whole = dump(USUAL, 12);
    for at in (0..1200).step_by(3) {
        for byte in [0, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if let Ok(database) = opened(&bytes) {
                for table in database.tables() {
                    let _ = table.full_name();
                }
                let _ = database.large_object(16_400);
            }
        }
    }
}

#[test]
fn what_grows_without_end_is_not_unpacked() {
    let shape = Shape { packing: Packing::Zstd, ..USUAL };
    let mut writer = Writer { shape, bytes: Vec::new() };
    writer.header();
    writer.int(2);
    writer.entry(1, TABLE);
    let state = writer.entry(2, DATA);
    writer.point(state);
    writer.bytes.push(1);
    writer.int(2);
    let mut data = vec![b'0'; 200 << 20];
    data[0] = b'\n';
    writer.stream(&data);
    let database = open(&writer.bytes);
    let found = rows(&*database, "app.t");
    assert_eq!(found.len(), 2);
    assert!(found[1].contains("more than 1000 times"), "{}", found[1]);
}
