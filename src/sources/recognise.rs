//! What a file is, told from its beginning, never from its name; and what to do about what cannot be read.

use super::unpack::Packing;
use super::{delimited, documents};

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
    if head.get(257..262) == Some(b"ustar") {
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
        [b'[', ..] => says("a JSON array", "write one record a line: `jq -c '.[]' FILE | stepback -`"),
        [b'{', rest @ ..] if rest.trim_ascii_start().first() == Some(&b'"') && breaks_first(rest) => {
            says("JSON spread over several lines", "write one record a line: `jq -c . FILE | stepback -`")
        }
        [b'<', ..] => says("XML or HTML", "convert it to JSON, one record a line"),
        _ if !head.contains(&b'\n') && head.windows(2).any(|pair| pair == b"}\r") => {
            says("text whose lines end in CR alone", "convert it: `tr '\\r' '\\n' < FILE | stepback -`")
        }
        _ => None,
    }
}

/// Whether a line ends right after an opening brace.
fn breaks_first(rest: &[u8]) -> bool {
    rest.iter().take_while(|b| b.is_ascii_whitespace()).any(|&b| b == b'\n')
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
            (b"\xef\xbb\xbf [\n{}", "array"),
            (b"{\n  \"a\": 1\n}\n", "several lines"),
            (b"<?xml", "XML"),
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
