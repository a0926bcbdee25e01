//! Dumps in directories and tars made from the format's description, and what tries to lead a reader astray.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::domain::{Failure, FailureKind, SourceChange};
use crate::sources::dumps::custom::tests::{Entry, Packing, Shape, USUAL, Writer};
use crate::sources::dumps::tests::{columns, rows};
use crate::sources::dumps::{directory_input, is_directory, is_tar, open_directory, open_tar};
use crate::sources::input::Input;
use crate::sources::tables::Database;

const FILES: Shape = Shape { format: 3, ..USUAL };

/// The files of a dump: their names and what is in them.
type Files = Vec<(String, Vec<u8>)>;

/// How a file is packed: what follows its name.
fn packed(name: &str, data: &[u8], packing: Packing) -> (String, Vec<u8>) {
    let (end, bytes) = match packing {
        Packing::None => ("", data.to_vec()),
        Packing::Zlib => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(data).expect("in memory");
            (".gz", encoder.finish().expect("in memory"))
        }
        Packing::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(data).expect("in memory");
            (".lz4", encoder.finish().expect("in memory"))
        }
        Packing::Zstd => (".zst", zstd::stream::encode_all(data, 3).expect("in memory")),
    };
    (format!("{name}{end}"), bytes)
}

/// A table of contents: entries, and the file of each, empty where it has none.
fn contents(shape: Shape, entries: &[(Entry<'_>, &str)]) -> Vec<u8> {
    let mut writer = Writer { shape, bytes: Vec::new() };
    writer.header();
    writer.int(entries.len() as i64);
    for (id, (entry, file)) in (1..).zip(entries) {
        writer.entry_without_place(id, *entry);
        writer.text(file);
    }
    writer.bytes
}

const TABLE: Entry<'_> = ("TABLE", "app", "t", "CREATE TABLE app.t (\n    id bigint,\n    data bytea\n);\n", "");
const DATA: Entry<'_> = ("TABLE DATA", "app", "t", "", "COPY app.t (id, data) FROM stdin;\n");
const ROWS: &[u8] = b"1\t\\\\x00ff\n2\t\\N\n\\.\n\n\n";
const OTHER: Entry<'_> = ("TABLE DATA", "app", "u", "", "COPY app.u (a) FROM stdin;\n");

/// A dump with a table, one in two parts, one written as INSERT, and two large objects.
fn dump(shape: Shape) -> Files {
    let attach = "ALTER TABLE ONLY app.m ATTACH PARTITION app.m_1 FOR VALUES IN (1);\n";
    let entries: [(Entry<'_>, &str); 9] = [
        (("ENCODING", "", "ENCODING", "SET client_encoding = 'UTF8';\n", ""), ""),
        (TABLE, ""),
        (
            ("TABLE", "app", "m", "CREATE TABLE app.m (\n    a integer,\n    b text\n)\nPARTITION BY LIST (a);\n", ""),
            "",
        ),
        (("TABLE", "app", "m_1", "CREATE TABLE app.m_1 (b text, a integer);\n", ""), ""),
        (("TABLE ATTACH", "app", "m_1", attach, ""), ""),
        (DATA, "6.dat"),
        (("TABLE DATA", "app", "m_1", "", "COPY app.m_1 (b, a) FROM stdin;\n"), "7.dat"),
        (("TABLE DATA", "app", "inserted", "", ""), "8.dat"),
        (("BLOBS", "", "BLOBS", "", ""), "blobs_9.toc"),
    ];
    let many: Vec<u8> = (0..800).flat_map(|n| format!("value {n}\t{n}\n").into_bytes()).collect();
    let inserted = b"INSERT INTO app.inserted VALUES (1, 'a;'),\n\t(2, 'b');\n\n\n";
    let mut files = vec![("toc.dat".into(), contents(shape, &entries))];
    for (name, data) in
        [("6.dat", ROWS), ("7.dat", &many), ("8.dat", inserted), ("blob_16400.dat", b"first"), ("blob_16401.dat", b"")]
    {
        files.push(packed(name, data, shape.packing));
    }
    files.push(("blobs_9.toc".into(), b"16400 blob_16400.dat\n16401 blob_16401.dat\n".to_vec()));
    files
}

fn written(files: &Files) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("room");
    }
    folder
}

fn tar(prefix: &str, files: &Files) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, format!("{prefix}{name}"), &bytes[..]).expect("in memory");
    }
    builder.into_inner().expect("in memory")
}

/// A dump, and the directory it lies in.
struct Kept {
    database: Box<dyn Database>,
    folder: TempDir,
}

/// These files in a directory, opened.
fn kept(files: &Files) -> Kept {
    let folder = written(files);
    Kept { database: of_directory(folder.path()).expect("a dump"), folder }
}

fn of_directory(path: &Path) -> Result<Box<dyn Database>, Failure> {
    assert!(is_directory(path));
    open_directory(&directory_input(path)?, &mut |_, _| ControlFlow::Continue(()))
}

fn of_tar(bytes: &[u8]) -> Result<Box<dyn Database>, Failure> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room");
    open_tar(&Input::of_file(file, bytes.len() as u64, "test"), &mut |_, _| ControlFlow::Continue(()))
}

fn caveats(database: &dyn Database) -> String {
    database.caveats().join("\n")
}

fn check(database: &dyn Database, what: &str) {
    assert_eq!(rows(database, "app.t"), ["1i|x00ff", "2i|∅"], "{what}");
    assert_eq!(columns(database, "app.t"), "id bigint, data bytea", "{what}");
    let parts = rows(database, "app.m");
    assert_eq!(parts.len(), 800, "{what}");
    assert_eq!((parts[0].as_str(), parts[799].as_str()), ("0i|value 0", "799i|value 799"), "{what}");
    assert_eq!(rows(database, "app.inserted"), ["1|a;", "2|b"], "{what}");
    let object = |oid| database.large_object(oid).expect("readable");
    assert_eq!(object(16_400).as_deref(), Some(&b"first"[..]), "{what}");
    assert_eq!(object(16_401).as_deref(), Some(&b""[..]), "{what}");
    assert_eq!(object(16_402), None, "{what}");
    assert_eq!(database.tables().len(), 3, "{what}");
    let counts: Vec<Option<u64>> = (0..3).map(|table| database.rows(table)).collect();
    assert_eq!(counts, [Some(2), Some(800), Some(2)], "{what}");
}

#[test]
fn every_version_and_compression_is_read() {
    for version in 10..=16 {
        let packings: &[Packing] = match version {
            15.. => &[Packing::None, Packing::Zlib, Packing::Lz4, Packing::Zstd],
            _ => &[Packing::None, Packing::Zlib],
        };
        for &packing in packings {
            let shape = Shape { version, packing, ..FILES };
            let files = dump(shape);
            let what = format!("{shape:?}");
            let Kept { database, folder: _folder } = kept(&files);
            check(&*database, &what);
            assert!(
                database.caveats().iter().all(|caveat| caveat.contains("column1")),
                "{what}: {}",
                caveats(&*database)
            );
            for prefix in ["", "./", "a/b/"] {
                let bytes = tar(prefix, &files);
                assert!(is_tar(&bytes));
                check(&*of_tar(&bytes).expect("a dump"), &format!("{prefix} {what}"));
            }
        }
    }
    let direct = Shape { format: 5, int_size: 8, ..FILES };
    check(&*kept(&dump(direct)).database, "format 5");
}

#[test]
fn the_order_in_a_tar_does_not_matter() {
    let mut files = dump(FILES);
    files.reverse();
    let bytes = tar("shop/", &files);
    assert!(is_tar(&bytes));
    check(&*of_tar(&bytes).expect("a dump"), "reversed");
    // Another dump behind it.
    let mut both = tar::Builder::new(Vec::new());
    for prefix in ["one", "two"] {
        for (name, data) in dump(FILES) {
            let mut header = tar::Header::new_ustar();
            header.set_size(data.len() as u64);
            both.append_data(&mut header, format!("{prefix}/{name}"), &data[..]).expect("in memory");
        }
    }
    let database = of_tar(&both.into_inner().expect("in memory")).expect("a dump");
    check(&*database, "the first");
    assert!(caveats(&*database).contains("2 dumps"), "{}", caveats(&*database));
}

#[test]
fn names_never_lead_out_of_the_directory() {
    let around = tempfile::tempdir().expect("a folder");
    let secret = b"secret\n\\.\n";
    fs::write(around.path().join("secret.dat"), secret).expect("room");
    let folder = around.path().join("dump");
    fs::create_dir(&folder).expect("a folder");
    fs::create_dir(folder.join("below")).expect("a folder");
    fs::write(folder.join("below/secret.dat"), secret).expect("room");
    fs::write(folder.join(".secret"), secret).expect("room");
    let absolute = around.path().join("secret.dat");
    let absolute = absolute.to_str().expect("a plain name");
    let names = [
        "../secret.dat",
        absolute,
        "below/secret.dat",
        "..",
        ".",
        ".secret",
        "below",
        "a\0b",
        "/dev/zero",
        "a b",
        "\u{202e}",
    ];
    for name in names {
        fs::write(folder.join("toc.dat"), contents(FILES, &[(OTHER, name)])).expect("room");
        let database = of_directory(&folder).expect("a dump");
        assert!(database.tables().is_empty(), "{name}");
        let told = caveats(&*database);
        assert!(told.contains("the rows of `u` are not shown"), "{name}: {told}");
    }
    // A tar with such paths: they are no files of the dump.
    for path in ["../6.dat", "/6.dat"] {
        let mut bytes = tar("", &vec![("toc.dat".into(), contents(FILES, &[(OTHER, "6.dat")]))]);
        bytes.truncate(bytes.len() - 1024);
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(secret.len() as u64);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend(secret);
        bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
        let told = caveats(&*of_tar(&bytes).expect("a dump"));
        assert!(told.contains("missing") && !told.contains("cut"), "{told}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let around = tempfile::tempdir().expect("a folder");
    fs::write(around.path().join("secret"), b"secret\n\\.\n").expect("room");
    let folder = around.path().join("dump");
    fs::create_dir(&folder).expect("a folder");
    let entries = [(OTHER, "1.dat"), (("TABLE DATA", "app", "v", "", "COPY app.v (a) FROM stdin;\n"), "2.dat")];
    let third = (("TABLE DATA", "app", "w", "", "COPY app.w (a) FROM stdin;\n"), "3.dat");
    fs::write(folder.join("toc.dat"), contents(FILES, &[entries[0], entries[1], third])).expect("room");
    symlink("../secret", folder.join("1.dat")).expect("a link");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("2.dat.gz"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("a FIFO");
    fs::create_dir(folder.join("3.dat")).expect("a folder");
    symlink("../secret", folder.join("blob_7.dat")).expect("a link");
    let database = of_directory(&folder).expect("a dump");
    let told = caveats(&*database);
    assert!(told.contains("`u` are not shown: their file is `1.dat`: it is a symbolic link"), "{told}");
    assert!(
        told.contains("`2.dat`: it is no regular file") && told.contains("`3.dat`: it is no regular file"),
        "{told}"
    );
    assert!(database.tables().is_empty());
    assert!(database.large_object(7).expect_err("refused").why.contains("symbolic link"));
    // Nor is a table of contents that is none, and looking never waits.
    let other = around.path().join("other");
    fs::create_dir(&other).expect("a folder");
    assert!(!is_directory(&other));
    symlink("../dump/toc.dat", other.join("toc.dat")).expect("a link");
    assert!(!is_directory(&other));
    fs::remove_file(other.join("toc.dat")).expect("removed");
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, other.join("toc.dat"), fifo, rustix::fs::Mode::RWXU, 0).expect("a FIFO");
    assert!(!is_directory(&other));
}

#[test]
fn missing_files_are_told_and_the_rest_is_there() {
    let files = dump(FILES);
    for missing in 1..files.len() {
        let mut files = files.clone();
        let (name, _) = files.remove(missing);
        let folder = written(&files);
        for database in [of_directory(folder.path()), of_tar(&tar("", &files))] {
            let database = database.expect("a dump");
            let told = caveats(&*database);
            let has_rows = name.starts_with(|c: char| c.is_ascii_digit());
            assert_eq!(told.contains("it is missing"), has_rows, "{name}: {told}");
            if name != "6.dat.gz" {
                assert_eq!(rows(&*database, "app.t").len(), 2);
            }
        }
    }
    // Very many of them are counted.
    let entries: Vec<(Entry<'_>, &str)> = (0..50).map(|_| (OTHER, "1.dat")).collect();
    let database = of_tar(&tar("", &vec![("toc.dat".into(), contents(FILES, &entries))])).expect("a dump");
    assert!(caveats(&*database).contains("42 tables more"), "{}", caveats(&*database));
}

#[test]
fn a_file_is_the_rows_of_one_table() {
    let again: Entry<'_> = ("TABLE DATA", "app", "v", "", "COPY app.v (a) FROM stdin;\n");
    let mut files: Files = vec![("toc.dat".into(), contents(FILES, &[(OTHER, "1.dat"), (again, "1.dat")]))];
    files.push(("1.dat".into(), b"x\n\\.\n".to_vec()));
    let Kept { database, folder: _folder } = kept(&files);
    assert_eq!(rows(&*database, "app.u"), ["x"]);
    assert!(caveats(&*database).contains("another table has that file"));
}

/// Fifteen hundred parts, more than files may be open: none of their files is held open, and every row is found again.
#[test]
fn a_table_in_very_many_parts() {
    const PARTS: usize = 1_500;
    for (packing, copied) in [(Packing::Zstd, false), (Packing::None, true), (Packing::Zlib, true)] {
        let mut texts = Vec::new();
        for part in 0..PARTS {
            let copy = if copied { format!("COPY app.m_{part} (a) FROM stdin;\n") } else { String::new() };
            let attach = format!(
                "CREATE TABLE app.m_{part} (a integer);\nALTER TABLE app.m ATTACH PARTITION app.m_{part} DEFAULT;\n"
            );
            texts.push((format!("m_{part}"), copy, attach, format!("{part}.dat")));
        }
        let whole: Entry<'_> = ("TABLE", "app", "m", "CREATE TABLE app.m (a integer) PARTITION BY LIST (a);\n", "");
        let mut entries = vec![(whole, "")];
        for (name, copy, attach, file) in &texts {
            entries.push((("TABLE", "app", name, attach, ""), ""));
            entries.push((("TABLE DATA", "app", name, "", copy), file));
        }
        let shape = Shape { packing, ..FILES };
        let mut files: Files = vec![("toc.dat".into(), contents(shape, &entries))];
        for (part, (name, _, _, file)) in texts.iter().enumerate() {
            let data = match copied {
                true => format!("{part}\n\\.\n\n\n"),
                false => format!("INSERT INTO app.{name} VALUES ({part});\n\n\n"),
            };
            files.push(packed(file, data.as_bytes(), packing));
        }
        let expected: Vec<String> = (0..PARTS).map(|part| format!("{part}i")).collect();
        // `rows` fetches them in reverse.
        assert!(rows(&*kept(&files).database, "app.m") == expected, "{packing:?}");
        assert!(rows(&*of_tar(&tar("", &files)).expect("a dump"), "app.m") == expected, "{packing:?}");
    }
}

#[test]
fn every_cut_ends_in_order() {
    for packing in [Packing::None, Packing::Zlib] {
        let whole = tar("", &dump(Shape { packing, ..FILES }));
        let mut cut = 0;
        for at in (0..whole.len() - 1024).step_by(whole.len() / 47) {
            match of_tar(&whole[..at]) {
                Ok(database) => {
                    for table in database.tables() {
                        rows(&*database, &table.full_name());
                    }
                    let _ = database.large_object(16_400);
                    cut += usize::from(caveats(&*database).contains("the tar was cut"));
                }
                Err(failure) => {
                    assert!(matches!(failure.kind, FailureKind::Malformed | FailureKind::Unsupported), "{failure}");
                }
            }
        }
        assert!(cut > 25, "{cut}");
    }
    let files = dump(FILES);
    for at in (5..files[0].1.len()).step_by(7) {
        let mut files = files.clone();
        files[0].1.truncate(at);
        let failure = of_directory(written(&files).path()).err().expect("refused");
        assert_eq!(failure.kind, FailureKind::Malformed, "{failure}");
    }
}

#[test]
fn every_byte_may_be_wrong() {
    let files = dump(FILES);
    let whole = tar("", &files);
    let headers = (0..512).step_by(3).chain(512..512 + files[0].1.len());
    for at in headers {
        for byte in [0, 0xff, b'7'] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            let Ok(database) = of_tar(&bytes) else { continue };
            for table in database.tables() {
                let _ = table.full_name();
            }
            let _ = database.large_object(16_400);
        }
    }
    // A size that cannot be, in a header whose sum is right.
    for size in [u64::MAX, u64::MAX - 511, 1 << 62, 1 << 40] {
        let mut header = tar::Header::new_gnu();
        header.set_path("toc.dat").expect("a name");
        header.set_size(size);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(contents(FILES, &[]));
        let _ = of_tar(&bytes);
    }
    // A long name that goes on for ever, and one that is longer than is read.
    for size in [1 << 40, 1 << 20] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(size);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.resize(2 << 20, b'x');
        assert_eq!(of_tar(&bytes).err().expect("refused").kind, FailureKind::Malformed);
    }
}

#[test]
fn damaged_data_is_a_bad_row_behind_the_good_ones() {
    for packing in [Packing::Zlib, Packing::Zstd] {
        let mut files = dump(Shape { packing, ..FILES });
        let middle = files[2].1.len() / 2;
        files[2].1[middle] ^= 0x55;
        files[2].1[middle + 1] ^= 0xaa;
        let Kept { database, folder: _folder } = kept(&files);
        let found = rows(&*database, "app.m");
        let told = found.last().is_some_and(|row| row.starts_with("! its packed data is damaged"));
        // These Zstandard frames have no checksum: there damage may pass for other values.
        assert!(told || packing == Packing::Zstd);
        assert_eq!(rows(&*database, "app.t").len(), 2);
        // Of the wrong size: shorter than it was.
        let mut files = dump(Shape { packing, ..FILES });
        files[2].1.truncate(middle);
        let found = rows(&*kept(&files).database, "app.m");
        assert!(found.last().is_some_and(|row| row.starts_with('!')), "{packing:?}");
        // Packed in another way than its name says.
        let mut files = dump(Shape { packing, ..FILES });
        files[2].1 = b"value\t1\n\\.\n".to_vec();
        let found = rows(&*kept(&files).database, "app.m");
        assert!(found.len() == 1 && found[0].starts_with("! its packed data"), "{packing:?}: {found:?}");
    }
}

#[test]
fn what_grows_without_end_is_not_unpacked() {
    let mut data = vec![b'0'; 200 << 20];
    data[0] = b'\n';
    let files = vec![
        ("toc.dat".into(), contents(FILES, &[(TABLE, ""), (DATA, "1.dat")])),
        packed("1.dat", &data, Packing::Zstd),
        packed("blob_1.dat", &data, Packing::Zstd),
    ];
    let Kept { database, folder: _folder } = kept(&files);
    let found = rows(&*database, "app.t");
    assert_eq!(found.len(), 2);
    assert!(found[1].contains("more than 1000 times"), "{}", found[1]);
    assert!(database.large_object(1).expect_err("refused").why.contains("bytes"));
}

#[test]
fn changes_are_seen() {
    let files = dump(FILES);
    let Kept { database, folder } = kept(&files);
    assert_eq!(database.look(), Ok(SourceChange::Same));
    fs::write(folder.path().join("notes.txt"), b"mine").expect("room");
    assert_eq!(database.look(), Ok(SourceChange::Same), "a file that is none of the dump's");
    fs::write(folder.path().join("7.dat.gz"), b"other").expect("room");
    assert_ne!(database.look(), Ok(SourceChange::Same));
    let database = of_directory(folder.path()).expect("a dump");
    fs::remove_file(folder.path().join("toc.dat")).expect("removed");
    assert_ne!(database.look(), Ok(SourceChange::Same));
}

#[test]
fn the_files_that_cannot_be_kept_apart_are_counted() {
    // Entries beyond the room for names: each has one of four megabytes in its COPY.
    let long = format!("COPY app.u (a) FROM stdin; -- {}", "x".repeat(3 << 20));
    let names: Vec<String> = (0..14).map(|n| format!("{n}.dat")).collect();
    let entry: Entry<'_> = ("TABLE DATA", "app", "u", "", &long);
    let entries: Vec<(Entry<'_>, &str)> = names.iter().map(|name| (entry, name.as_str())).collect();
    let mut files: Files = vec![("toc.dat".into(), contents(FILES, &entries))];
    files.extend(names.iter().map(|name| (name.clone(), b"x\n\\.\n".to_vec())));
    let Kept { database, folder: _folder } = kept(&files);
    assert_eq!(rows(&*database, "app.u").len(), 10);
    assert!(caveats(&*database).contains("those of 4 tables more are not shown"), "{}", caveats(&*database));
}
