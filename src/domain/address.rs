//! Addresses as they may be shown: without the passwords in them.

use std::borrow::Cow;

/// What stands for a secret.
const MASK: &str = "***";

/// Names whose values are secrets, in a query (`?password=`) and in a connection string (`password=x host=y`).
const SECRETS: &[&str] =
    &["password", "passwd", "pwd", "pass", "secret", "token", "apikey", "api_key", "access_token", "sslpassword"];

/// The text with every password of an address in it masked: `postgres://user:***@host/db?password=***`. Text without one is
/// borrowed.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("://") && !text.contains('=') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    for word in text.split_inclusive(char::is_whitespace) {
        let user = masked_user(word);
        let query = masked_values(&user);
        changed |= query != word;
        out.push_str(&query);
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

/// `scheme://user:***@rest`. A password may hold any character, so the last `@` ends it.
fn masked_user(word: &str) -> Cow<'_, str> {
    let Some(start) = word.find("://").map(|at| at + 3) else { return Cow::Borrowed(word) };
    let Some(end) = word[start..].rfind('@').map(|at| start + at) else { return Cow::Borrowed(word) };
    match word[start..end].find(':') {
        Some(colon) => Cow::Owned(format!("{}{MASK}{}", &word[..=start + colon], &word[end..])),
        None => Cow::Borrowed(word),
    }
}

fn masked_values(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let name = before[..equals].rsplit(|c: char| !is_part(c)).next().unwrap_or("");
        out.push_str(before);
        rest = after;
        if SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            let ends = |c: char| matches!(c, '&' | ';' | '`' | '\'' | '"') || c.is_whitespace();
            let end = rest.find(ends).unwrap_or(rest.len());
            // What a message says behind an address begins with a colon.
            let end = end - usize::from(rest[..end].ends_with(':'));
            if end > 0 {
                out.push_str(MASK);
            }
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_an_address_is_shown() {
        for (text, shown) in [
            ("postgres://user:secret@host/db", "postgres://user:***@host/db"),
            ("postgres://user:se:cr@e/t@host/db", "postgres://user:***@host/db"),
            ("postgres://:secret@host/db", "postgres://:***@host/db"),
            ("postgres://user@host/db", "postgres://user@host/db"),
            ("postgres://host/db?user=u&password=secret&x=1", "postgres://host/db?user=u&password=***&x=1"),
            ("postgres://host/db?PASSWORD=secret", "postgres://host/db?PASSWORD=***"),
            ("kurrentdb://admin:changeit@a:2113,b:2113?tls=false", "kurrentdb://admin:***@a:2113,b:2113?tls=false"),
            ("`nats://u:p@h` is no file: nats://u:p@h", "`nats://u:***@h` is no file: nats://u:***@h"),
            ("host=db password=secret user=u", "host=db password=*** user=u"),
            ("pg://h?password=xx: cannot open", "pg://h?password=***: cannot open"),
            ("dump.jsonl", "dump.jsonl"),
            ("user:pass@host", "user:pass@host"),
            ("--map stream=.id,type=.kind", "--map stream=.id,type=.kind"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }
}
