//! Addresses as they may be shown, which is without the passwords in them, and what is an address and no path.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What stands for a secret.
const MASK: &str = "***";

/// What the names of secrets end with: `password=`, `PGPASSWORD=`, `--password=`, `SharedAccessKey=`.
const SECRETS: &[&str] =
    &["password", "passwd", "pwd", "secret", "token", "apikey", "api_key", "accesskey", "access_key", "accountkey"];

/// Names that are those of a secret only where they stand alone.
const ALONE: &[&str] = &["pass", "creds", "credentials"];

/// Names that are those of a secret only as a part of an address: behind a `?`, `&` or `;`.
const PARTS: &[&str] = &["key", "sig", "signature", "auth", "authorization", "code", "nkey", "jwt"];

/// Schemes of which the one word before the `@` is the name of a user. Elsewhere it may be a token.
const WITH_USERS: &[&str] = &[
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "sqlserver",
    "kurrentdb",
    "esdb",
    "eventstore",
    "ssh",
    "sftp",
    "pg",
];

/// Programs whose `-p` has the password behind it, without a space.
const SHORT: &[&str] = &["mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"];

/// Names that only the settings of a connection have.
const SETTINGS: &[&str] = &["host", "hostaddr", "server", "data source", "endpoint", "dbname", "user id", "uid"];

/// The text with every password of an address in it masked: `postgres://user:***@host/db?password=***`. Text without one is
/// borrowed.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("://") && !text.contains('=') && !text.contains(" -") {
        return Cow::Borrowed(text);
    }
    let users: String = text.split_inclusive(char::is_whitespace).map(masked_user).collect();
    let shown = masked_options(&masked_values(&users));
    if shown == text { Cow::Borrowed(text) } else { Cow::Owned(shown) }
}

/// The name of a source with every password in it masked. It is known to be a name, so what is written as an address
/// nearly is counts as one: `user:***@host:5432/db`.
pub fn masked_name(name: &str) -> Cow<'_, str> {
    let shown = masked_options(&masked_values(&masked_login(name)));
    if shown == name { Cow::Borrowed(name) } else { Cow::Owned(shown) }
}

/// The same of every word of a message about what somebody typed.
pub fn masked_words(text: &str) -> String {
    masked(&text.split_inclusive(char::is_whitespace).map(masked_login).collect::<String>()).into_owned()
}

/// The name of a file or a source, for a person: without passwords, and with each byte that is no text as `\xff`, so that two
/// names never look the same.
pub fn shown(name: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    masked_name(&text).into_owned()
}

/// Why a name that no file has is not the name of one either: it is the address of a server, or stands for one. Whoever
/// means a folder that is called so writes `./` before it.
pub fn no_path(name: &str) -> Option<&'static str> {
    if name.starts_with(['/', '.', '~']) {
        return None;
    }
    if name.starts_with('@') {
        return Some("it names a profile: only files and folders are read yet");
    }
    let is_port = |rest: &str| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (1..=5).contains(&digits) && matches!(rest.as_bytes().get(digits), None | Some(b'/' | b',' | b'?'))
    };
    let has_port = || name.split_once(':').is_some_and(|(host, rest)| !host.contains('/') && is_port(rest));
    let has_setting = || {
        let mut names = name.split('=').map(|before| before.rsplit([' ', ';']).next().unwrap_or("").trim());
        let first = name.split(['=', ';']).next().unwrap_or("").trim();
        let known = |word: &str| SETTINGS.iter().any(|setting| word.eq_ignore_ascii_case(setting));
        name.contains('=') && (known(first) || names.any(known))
    };
    let is_server = name.contains("://") || has_port() || has_setting() || masked_name(name) != name;
    is_server.then_some("it is the address of a server: only files and folders are read yet")
}

/// `scheme://user:***@rest`. A password may hold any character, so the last `@` ends it.
fn masked_user(word: &str) -> Cow<'_, str> {
    let Some(start) = word.find("://").map(|at| at + 3) else { return Cow::Borrowed(word) };
    let authority = word[start..].find(['/', '?', '#']).map_or(word.len(), |length| start + length);
    let end = match word[start..].rfind('@') {
        Some(at) => start + at,
        // An `@` that somebody wrote as it is written inside a password.
        None => match word[start..authority].rfind("%40") {
            Some(at) => start + at,
            None => return Cow::Borrowed(word),
        },
    };
    if let Some(colon) = word[start..end].find(':') {
        return Cow::Owned(format!("{}{MASK}{}", &word[..=start + colon], &word[end..]));
    }
    let scheme = word[..start - 3].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next().unwrap_or("");
    if end == start || end > authority || WITH_USERS.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("{}{MASK}{}", &word[..start], &word[end..]))
}

/// The same where the scheme may lack, or is written wrongly: `user:***@host`.
fn masked_login(name: &str) -> Cow<'_, str> {
    if name.contains("://") {
        return masked_user(name);
    }
    // Of a path, each of its names may have been an address.
    if name.starts_with(['/', '.', '~']) {
        let parts: String = name.split_inclusive('/').map(masked_between).collect();
        return if parts == name { Cow::Borrowed(name) } else { Cow::Owned(parts) };
    }
    masked_between(name)
}

fn masked_between(part: &str) -> Cow<'_, str> {
    let between = part.rfind('@').and_then(|end| Some((part[..end].find(':')? + 1, end)));
    match between {
        Some((start, end)) if start < end => Cow::Owned(format!("{}{MASK}{}", &part[..start], &part[end..])),
        _ => Cow::Borrowed(part),
    }
}

/// `password=***`, however it is spaced and quoted.
fn masked_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(equals) = text[from..].find('=').map(|at| from + at) {
        let behind = equals + 1;
        let before = text[..equals].trim_end_matches([' ', '\t']);
        let name = before.rsplit(|c: char| !is_part(c)).next().unwrap_or("");
        let parted = before[..before.len() - name.len()].ends_with(['?', '&', ';']);
        out.push_str(&text[from..behind]);
        from = behind;
        if is_secret(name, parted) {
            let spaces = text[behind..].len() - text[behind..].trim_start_matches([' ', '\t']).len();
            let start = behind + if parted { 0 } else { spaces };
            let (start, end) = value(text, start);
            if end > start {
                out.push_str(&text[behind..start]);
                out.push_str(MASK);
                from = end;
            }
        }
    }
    out.push_str(&text[from..]);
    out
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn is_secret(name: &str, parted: bool) -> bool {
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.ends_with(secret))
        || ALONE.contains(&name.as_str())
        || parted && PARTS.contains(&name.as_str())
}

/// Where the value that begins at `start` begins and ends, without its quotes.
fn value(text: &str, start: usize) -> (usize, usize) {
    let rest = &text[start..];
    // A quote that was opened before the name ends what is quoted; another one is a part of the value.
    let is_open = |quote: char| text[..start].rsplit('\n').next().unwrap_or("").matches(quote).count() % 2 == 1;
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"') && !is_open(*c)) {
        let mut escaped = false;
        let closes = |c: char| {
            let closes = c == '\n' || c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        };
        let length = rest[1..].find(closes).unwrap_or(rest.len() - 1);
        return (start + 1, start + 1 + length);
    }
    let ends = |(at, c): (usize, char)| match c {
        '&' | ';' => begins_another(&rest[at + 1..]),
        '`' | '\'' | '"' => is_open(c),
        _ => c.is_whitespace(),
    };
    let length = rest.char_indices().find(|&found| ends(found)).map_or(rest.len(), |(at, _)| at);
    // What a message says behind an address begins with a colon.
    let length = length - usize::from(rest[..length].ends_with(':'));
    (start, start + length)
}

/// Whether what stands behind a separator is nothing, or the next name with its value.
fn begins_another(rest: &str) -> bool {
    let name = rest.trim_start().trim_start_matches(is_part);
    name.is_empty() || name.starts_with(['=', '`', '\'', '"'])
}

/// `--password ***`, and `-p***` of programs that have it so.
fn masked_options(text: &str) -> String {
    if !text.contains(" -") && !text.starts_with('-') {
        return text.into();
    }
    let (mut out, mut short, mut next) = (String::with_capacity(text.len()), false, false);
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let space = &word[bare.len()..];
        let hidden = next && !bare.is_empty() && !bare.starts_with('-');
        next = bare.starts_with("--") && is_secret(bare, false) || next && bare.is_empty();
        short |= bare.rsplit(['/', '\'', '`', '"']).next().is_some_and(|program| SHORT.contains(&program));
        match bare.strip_prefix("-p") {
            _ if hidden => out.extend([MASK, space]),
            Some(secret) if short && !secret.is_empty() => out.extend(["-p", MASK, space]),
            _ => out.push_str(word),
        }
    }
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
            ("postgres://u:sekrit%40h/db", "postgres://u:***%40h/db"),
            ("postgres://host/db?user=u&password=secret&x=1", "postgres://host/db?user=u&password=***&x=1"),
            ("postgres://host/db?PASSWORD=secret", "postgres://host/db?PASSWORD=***"),
            ("kurrentdb://admin:changeit@a:2113,b:2113?tls=false", "kurrentdb://admin:***@a:2113,b:2113?tls=false"),
            ("`nats://u:p@h` is no file: nats://u:p@h", "`nats://u:***@h` is no file: nats://u:***@h"),
            ("nats://sekrit@h", "nats://***@h"),
            ("nats://h --creds sekrit", "nats://h --creds ***"),
            ("redis://h?auth=sekrit", "redis://h?auth=***"),
            ("https://h/x?sig=sekrit", "https://h/x?sig=***"),
            ("https://h/x?mail=me@home", "https://h/x?mail=me@home"),
            ("eventstore://h?userPassword=sekrit", "eventstore://h?userPassword=***"),
            ("file:///x?key=sekrit", "file:///x?key=***"),
            ("file:x.db?key=sekrit", "file:x.db?key=***"),
            ("host=db password=secret user=u", "host=db password=*** user=u"),
            ("host=h password = sekrit", "host=h password = ***"),
            ("host=h password='sekrit two' user=u", "host=h password='***' user=u"),
            ("host=h password='sek\\'rit two' user=u", "host=h password='***' user=u"),
            ("host=h password=sek'r;it user=u", "host=h password=*** user=u"),
            ("PGPASSWORD=sekrit", "PGPASSWORD=***"),
            ("x --password=sekrit", "x --password=***"),
            ("x --password sekrit y", "x --password *** y"),
            ("mysql -u root -psekrit", "mysql -u root -p***"),
            (
                "Endpoint=sb://h/;SharedAccessKeyName=k;SharedAccessKey=sekrit",
                "Endpoint=sb://h/;SharedAccessKeyName=k;SharedAccessKey=***",
            ),
            ("AccountName=n;AccountKey=sekrit==;X=y", "AccountName=n;AccountKey=***;X=y"),
            ("pg://h?password=xx: cannot open", "pg://h?password=***: cannot open"),
            ("unexpected argument 'pg://h?password=xx' found", "unexpected argument 'pg://h?password=***' found"),
            ("unexpected argument 'pg://h?password=' found", "unexpected argument 'pg://h?password=' found"),
            ("unexpected argument '--password' found", "unexpected argument '--password' found"),
            ("dump.jsonl", "dump.jsonl"),
            ("there is no stream user:joe@home", "there is no stream user:joe@home"),
            ("--map stream=.id,type=.kind,key=.key", "--map stream=.id,type=.kind,key=.key"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_an_address_shows_no_password_either() {
        for (name, expected) in [
            ("u:sekrit@h:5432/db", "u:***@h:5432/db"),
            ("postgres:u:sekrit@h", "postgres:***@h"),
            ("postgres:/u:sekrit@h/db", "postgres:***@h/db"),
            ("postgres//u:sekrit@h/db", "postgres//u:***@h/db"),
            ("/tmp/q/postgres:/u:sekrit@h/db", "/tmp/q/postgres:/u:***@h/db"),
            ("postgres://u:se krit@h/db", "postgres://u:***@h/db"),
            ("nats://h --creds sekrit", "nats://h --creds ***"),
            ("/home/a:b/me@home/dump.jsonl", "/home/a:b/me@home/dump.jsonl"),
            ("dump 12:30.jsonl", "dump 12:30.jsonl"),
        ] {
            assert_eq!(masked_name(name), expected, "{name}");
        }
        assert_eq!(masked_words("unexpected argument 'u:sekrit@h' found"), "unexpected argument 'u:***@h' found");
        assert_eq!(shown(OsStr::from_bytes(b"l\xff\xe9.jsonl")), "l\\xff\\xe9.jsonl");
    }

    #[test]
    fn an_address_of_a_server_is_no_path() {
        for name in [
            "postgres://u:sekrit@h/db",
            "postgres:/u:sekrit@h/db",
            "host=h user=u",
            "user=u host=h",
            "Data Source=h;Initial Catalog=x",
            "host:5432/db",
            "a:2113,b:2113",
            "u:p@h",
            "@prod",
            "x password=y",
        ] {
            assert!(no_path(name).is_some(), "{name}");
        }
        for name in
            ["store", "a/b", "./host:5432", "/x/host:5432/db", "a=b", "day=1/host", "12:30:15 run", "ns:store", ""]
        {
            assert_eq!(no_path(name), None, "{name}");
        }
    }
}
