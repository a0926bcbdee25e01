//! Words of a shell command, for a person to copy.

/// A word as it is typed into a shell. What a terminal cannot show or a clipboard not hold (control characters, bytes that
/// are no UTF-8) stands as `$'…'`, which bash, zsh and ksh read.
pub fn word(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(bytes),
    }
}

/// The same, in quotes also where it needs none: an expression of another language.
pub fn quoted(text: &str) -> String {
    match word(text.as_bytes()) {
        word if word == text => format!("'{text}'"),
        word => word,
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut word = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => word.extend(['\\', c]),
                c if c.is_control() => c.to_string().bytes().for_each(|byte| word.push_str(&format!("\\x{byte:02x}"))),
                c => word.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| word.push_str(&format!("\\x{byte:02x}")));
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_are_quoted_as_a_shell_reads_them() {
        for (bytes, typed) in [
            (&b"dump.jsonl"[..], "dump.jsonl"),
            (b"", "''"),
            (b"my dump", "'my dump'"),
            (b"it's", r"'it'\''s'"),
            ("h\u{e4}user".as_bytes(), "'h\u{e4}user'"),
            (b"a\xffb'c\\", r"$'a\xffb\'c\\'"),
            (b"a\nb\x1b", r"$'a\x0ab\x1b'"),
        ] {
            assert_eq!(word(bytes), typed);
        }
    }
}
