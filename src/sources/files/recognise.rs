//! What a file is that is not JSON Lines, told from its beginning, and what to do about it.

/// What was recognised: what it is, and what the user can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Foreign {
    /// What it is, with its article.
    pub what: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// Says what the file is, when its beginning shows that it is not JSON Lines.
pub fn foreign(head: &[u8]) -> Option<Foreign> {
    let says = |what, hint| Some(Foreign { what, hint });
    let magic: [(&[u8], &'static str, &'static str); 13] = [
        (b"\x1f\x8b", "a gzip file", "unpack it on the way: `zcat FILE | stepback -`"),
        (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it on the way: `zstdcat FILE | stepback -`"),
        (b"BZh", "a bzip2 file", "unpack it on the way: `bzcat FILE | stepback -`"),
        (b"\xfd7zXZ\0", "an xz file", "unpack it on the way: `xzcat FILE | stepback -`"),
        (b"PK\x03\x04", "a zip archive", "unpack it on the way: `unzip -p FILE | stepback -`"),
        (
            b"SQLite format 3\0",
            "an SQLite database",
            "export its events: `sqlite3 -json FILE 'select …' | jq -c '.[]' | stepback -`",
        ),
        (
            b"PGDMP",
            "a PostgreSQL dump in custom format",
            "restore it and export the table of events as JSON, one row a line",
        ),
        (b"\x89PNG", "a PNG picture", "it holds no events"),
        (b"%PDF", "a PDF document", "it holds no events"),
        (b"\x7fELF", "a program", "it holds no events"),
        (b"PAR1", "a Parquet file", "export it as JSON, one row a line"),
        (b"Obj\x01", "an Avro file", "export it as JSON, one record a line"),
        (
            b"--\n-- PostgreSQL database",
            "a PostgreSQL dump",
            "restore it and export the table of events as JSON, one row a line",
        ),
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
        [b'-', b'-', ..] if text.windows(8).any(|w| w.eq_ignore_ascii_case(b"database") || w == b"pg_dump ") => {
            says("an SQL dump", "restore it and export the table of events as JSON, one row a line")
        }
        [b'<', ..] => says("XML or HTML", "convert it to JSON, one record a line"),
        _ if !head.contains(&b'\n') && head.windows(2).any(|pair| pair == b"}\r") => {
            says("text whose lines end in CR alone", "convert it: `tr '\\r' '\\n' < FILE | stepback -`")
        }
        _ if is_table(text) => says(
            "a table in CSV or TSV",
            "convert it to JSON, one row a line: `mlr --icsv --ojsonl cat FILE | stepback -`",
        ),
        _ => None,
    }
}

/// Whether the first line is a row of names.
fn is_table(text: &[u8]) -> bool {
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
    let separators = line.iter().filter(|b| matches!(b, b',' | b';' | b'\t')).count();
    let names =
        line.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'"' | b' ' | b',' | b';' | b'\t' | b'\r'));
    separators >= 2 && names
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
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"SQLite format 3\0....", "SQLite"),
            (b"PK\x03\x04", "zip"),
            (b"\x89PNG\r\n", "PNG"),
            (&tar, "tar"),
            (&wide("{\"a\":1}\n", false), "little"),
            (&wide("{\"a\":1}\n", true), "big"),
            (&wide("\u{feff}{\"a\":1}\n", false), "little"),
            (b"\xef\xbb\xbf [\n{}", "array"),
            (b"{\n  \"a\": 1\n}\n", "several lines"),
            (b"<?xml", "XML"),
            (b"id,stream,type\n1,a,T\n", "CSV"),
            (b"-- Dumped from database version 15\nSET x;", "SQL"),
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
