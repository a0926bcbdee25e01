//! What a file is, told from its beginning, never from its name; and what to do about what cannot be read.

use super::unpack::Packing;
use super::{delimited, documents, dumps};

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recognised {
    /// Nothing but blanks.
    Empty,
    /// Something packed.
    Packed(Packing),
    /// An SQLite database.
    Sqlite,
    /// What `pg_dump -Fc` writes.
    PostgresCustom,
    /// What `pg_dump -Ft` writes.
    PostgresTar,
    /// A dump in SQL text.
    Sql,
    /// Rows with separators.
    Delimited,
    /// A JSON document that is not generic lines.
    Document,
    /// Anything else: lines of JSON, or nothing that is known.
    Lines,
    /// Something that holds no events, or none that can be read.
    Foreign(Foreign),
}

impl Recognised {
    /// What it is, for whoever waits.
    pub fn words(self) -> String {
        match self {
            Self::Empty => "nothing".into(),
            Self::Packed(packing) => format!("something packed by {}", packing.name()),
            Self::Sqlite => "an SQLite database".into(),
            Self::PostgresCustom | Self::PostgresTar => "a dump of PostgreSQL".into(),
            Self::Sql => "a dump in SQL".into(),
            Self::Delimited => "rows with separators".into(),
            Self::Document => "a JSON document".into(),
            Self::Lines => "lines of JSON".into(),
            Self::Foreign(foreign) => foreign.what.into(),
        }
    }

    /// Whether the beginning alone shows that it can be read.
    pub fn is_certain(self) -> bool {
        matches!(self, Self::Sqlite | Self::PostgresCustom | Self::PostgresTar | Self::Sql | Self::Delimited)
    }
}

/// Recognises a file by its beginning. `whole` tells that there is no more.
pub fn recognise(head: &[u8], whole: bool) -> Recognised {
    if let Some(packing) = Packing::of(head) {
        return Recognised::Packed(packing);
    }
    let magic: [(&[u8], Recognised); 2] =
        [(b"SQLite format 3\0", Recognised::Sqlite), (b"PGDMP", Recognised::PostgresCustom)];
    if let Some((_, recognised)) = magic.iter().find(|(magic, _)| head.starts_with(magic)) {
        return *recognised;
    }
    if is_tar(head) && dumps::is_tar(head) {
        return Recognised::PostgresTar;
    }
    if let Some(foreign) = foreign(head) {
        return Recognised::Foreign(foreign);
    }
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    match text {
        [] if whole => Recognised::Empty,
        _ if is_sql(text) => Recognised::Sql,
        _ if documents::claims(head, whole) => Recognised::Document,
        [b'{' | b'[', ..] => Recognised::Lines,
        _ if delimited::claims(head, whole) => Recognised::Delimited,
        _ => Recognised::Lines,
    }
}

/// Whether text begins as SQL dumps do: with a comment or a statement of theirs.
fn is_sql(text: &[u8]) -> bool {
    let starts = |word: &str| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    let statements =
        ["--", "/*", "\\restrict ", "\\connect ", "COPY ", "INSERT INTO ", "CREATE ", "SET ", "BEGIN", "PRAGMA "];
    statements.iter().any(|statement| starts(statement))
}

/// What was recognised: what it is, and what the user can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Foreign {
    /// What it is, with its article.
    pub what: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// Says what the file is, when its beginning shows that nothing in it can be read.
fn foreign(head: &[u8]) -> Option<Foreign> {
    let says = |what, hint| Some(Foreign { what, hint });
    let magic: [(&[u8], &'static str, &'static str); 8] = [
        (b"BZh", "a bzip2 file", "unpack it on the way: `bzcat FILE | stepback -`"),
        (b"\xfd7zXZ\0", "an xz file", "unpack it on the way: `xzcat FILE | stepback -`"),
        (b"PK\x03\x04", "a zip archive", "unpack it on the way: `unzip -p FILE | stepback -`"),
        (b"\x89PNG", "a PNG picture", "it holds no events"),
        (b"%PDF", "a PDF document", "it holds no events"),
        (b"\x7fELF", "a program", "it holds no events"),
        (b"PAR1", "a Parquet file", "export it as JSON, one row a line"),
        (b"Obj\x01", "an Avro file", "export it as JSON, one record a line"),
    ];
    if let Some((_, what, hint)) = magic.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return says(what, hint);
    }
    if is_tar(head) {
        return says("a tar archive", "unpack it on the way: `tar -xOf FILE | stepback -`");
    }
    if head.starts_with(b"\xff\xfe") || is_wide(head, 1) {
        return says("text in UTF-16 (little endian)", "convert it: `iconv -f UTF-16LE -t UTF-8 FILE | stepback -`");
    }
    if head.starts_with(b"\xfe\xff") || is_wide(head, 0) {
        return says("text in UTF-16 (big endian)", "convert it: `iconv -f UTF-16BE -t UTF-8 FILE | stepback -`");
    }
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    match text {
        [b'<', ..] if memchr::memmem::find(text, b"<mysqldump").is_some() => {
            says("a dump of MySQL or MariaDB in XML", "dump it as SQL: `mysqldump` without `--xml`")
        }
        [b'<', ..] => says("XML or HTML", "convert it to JSON, one record a line"),
        _ if !head.contains(&b'\n') && head.windows(2).any(|pair| pair == b"}\r") => {
            says("text whose lines end in CR alone", "convert it: `tr '\\r' '\\n' < FILE | stepback -`")
        }
        _ => None,
    }
}

/// Whether it is a tar archive.
fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// Whether every second byte from `first` is zero, as in Latin text of two bytes a character.
fn is_wide(head: &[u8], first: usize) -> bool {
    let head = &head[..head.len().min(64)];
    head.len() >= 8
        && head.iter().skip(first).step_by(2).all(|&b| b == 0)
        && head.iter().skip(1 - first).step_by(2).all(|&b| b != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_recognised() {
        use Recognised::{Delimited, Document, Empty, Lines, Packed, Sql, Sqlite};
        for (head, whole, expected) in [
            (&b"{\"a\":1}\n{\"a\":2}\n"[..], true, Lines),
            (b"{\"a\":1}", true, Lines),
            (b"{\"a\":1,\"b", false, Lines),
            (b"{\"a\":tru}\n{\"a\":1}\n", true, Lines),
            (b"{\"a\":1,\n{\"a\":1}\n", true, Lines),
            (b"{\"a\":\"x\n{\"a\":1}\n", true, Lines),
            (b"[1,2]\n[3,4]\n", true, Lines),
            (b"\xef\xbb\xbf [\n{\"a\":1},\n", false, Document),
            (b"[{\"a\":1", false, Document),
            (b"[]", true, Document),
            (b"{\n  \"a\": 1\n}\n", true, Document),
            (b"{\n  \"a\": {\n", false, Document),
            (b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}\n", true, Document),
            (b"{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"key\":null,\"payload\":\"", false, Document),
            (b"{\"Item\":{\"id\":{\"S\":\"a\"}}}\n", false, Document),
            (b"{\"Item\":{\"id\":\"a\"},\"type\":\"t\"}\n", false, Lines),
            (b"{\"events\":[{\"eventId\":\"1\",\"eventTime\":\"x\",\"eventType\":\"W\"", false, Document),
            (b"{\"before\":null,\"after\":{\"id\":1},\"op\":\"c\",\"ts_ms\":1}\n", false, Document),
            (b"{\"monitorState\":{},\"actionsById\":{\"0\":{", false, Document),
            (b"{\"payload\":\"[{\\\"type\\\":\\\"a\\\"}]\",\"preloadedState\":\"{}\"}", true, Document),
            (b"id,stream,type\n1,a,T\n", true, Delimited),
            (b"\xef\xbb\xbfid;stream;type\r\n1;a;T\r\n", true, Delimited),
            (b"-- PostgreSQL database dump\n", false, Sql),
            (b"SQLite format 3\0\x10", false, Sqlite),
            (b"\x1f\x8b\x08", false, Packed(Packing::Gzip)),
            (b"\x51\x2a\x4d\x18\x01", false, Packed(Packing::Zstd)),
            (b" \n\t", true, Empty),
            (b"Dear diary, today\n", true, Lines),
        ] {
            assert_eq!(recognise(head, whole), expected, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn what_it_is_is_said() {
        let wide = |text: &str, be: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if be { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, what) in [
            (&b"PK\x03\x04"[..], "zip"),
            (b"\x89PNG\r\n", "PNG"),
            (&tar, "tar"),
            (&wide("{\"a\":1}\n", false), "little"),
            (&wide("{\"a\":1}\n", true), "big"),
            (&wide("\u{feff}{\"a\":1}\n", false), "little"),
            (b"<?xml", "XML"),
            (b"<?xml version=\"1.0\"?>\n<mysqldump xmlns", "dump of MySQL or MariaDB in XML"),
            (b"{\"a\":1}\r{\"a\":2}\r", "CR alone"),
        ] {
            let found = foreign(head);
            assert!(found.is_some_and(|foreign| foreign.what.contains(what)), "{what}: {found:?}");
        }
        for head in [
            &b"{\"a\":1}\n{\"a\":2}\n"[..],
            b"",
            b"\n\n{}",
            b"{\"a\":1}\r\n",
            b"{ \"a\":1}",
            b"nonsense",
            b"{}\n{\"a\":\n",
        ] {
            assert_eq!(foreign(head), None, "{}", String::from_utf8_lossy(head));
        }
    }
}
