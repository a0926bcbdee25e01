//! Dumps in SQL text: the first pass, which finds where the rows of which table lie and reads none of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::catalogue::{Catalogue, Found, Head};
use super::database::Dump;
use super::encoding::Encoding;
use super::large::{LargeObjects, Pieces};
use super::rows::{self, Form};
use super::schema::{self, Statement};
use super::tokens::{Token, Tokens};
use super::values;
use super::walk::{Dialect, Syntax, Until, after_blanks, after_quoted, walk};
use super::window::{Bytes, Halt, STRIDE, Window};
use crate::domain::{Failure, words};
use crate::sources::input::Input;

/// The longest statement that is read; of longer ones only the end is looked for.
const LONGEST: usize = 4 << 20;

/// Whose dump it is, told from its beginning; and how that is called.
fn recognise(head: &[u8]) -> (Dialect, &'static str) {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let signs = [
        ("-- PostgreSQL database", Dialect::Postgres, "PostgreSQL dump, plain text"),
        ("-- MariaDB dump", Dialect::Mysql, "MariaDB dump"),
        ("-- MySQL dump", Dialect::Mysql, "MySQL dump"),
        ("-- phpMyAdmin SQL Dump", Dialect::Mysql, "MySQL dump"),
        ("PRAGMA foreign_keys", Dialect::Sqlite, "SQLite dump"),
        ("standard_conforming_strings", Dialect::Postgres, "PostgreSQL dump, plain text"),
        ("FROM stdin", Dialect::Postgres, "PostgreSQL dump, plain text"),
        ("pg_catalog.", Dialect::Postgres, "PostgreSQL dump, plain text"),
        ("\\restrict ", Dialect::Postgres, "PostgreSQL dump, plain text"),
        ("/*!40", Dialect::Mysql, "MySQL dump"),
        ("ENGINE=", Dialect::Mysql, "MySQL dump"),
        ("`", Dialect::Mysql, "MySQL dump"),
        ("PRAGMA ", Dialect::Sqlite, "SQLite dump"),
        ("BEGIN TRANSACTION;\nCREATE TABLE", Dialect::Sqlite, "SQLite dump"),
    ];
    let found = signs.iter().find(|(sign, ..)| has(sign));
    // Rows and nothing else: only the shell of SQLite has no blank there.
    let bare = || head.trim_ascii_start().starts_with(b"INSERT INTO ") && has(" VALUES(") && !has(" VALUES (");
    match found {
        Some(&(_, dialect, kind)) => (dialect, kind),
        None if bare() => (Dialect::Sqlite, "SQLite dump"),
        None => (Dialect::Postgres, "SQL text"),
    }
}

/// Opens a dump in text.
///
/// # Errors
/// When it cannot be read, or nobody wants it any more.
pub fn open(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Dump, Failure> {
    let (head, _) = input.head()?;
    let (dialect, kind) = recognise(&head);
    let mut seen = |at: u64| looked(at, input.feed.arrived().upto.max(at));
    let start = if head.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    let mut window = Window::new(&*input.feed, start, u64::MAX, STRIDE, &mut seen);
    let mut pass = Pass::new(input.feed.clone(), dialect, input.feed.name());
    match pass.walk(&mut window, start) {
        Ok(()) => {}
        Err(Halt::Failed(failure)) => return Err(failure),
        Err(Halt::Unwanted) => {
            return Err(Failure::cancelled(input.feed.name(), "open"));
        }
    }
    let Pass { mut catalogue, mut large, versions, open_dumps, .. } = pass;
    if open_dumps > 0 && !catalogue.is_cut {
        catalogue.cut("it does not end as a dump ends: it was cut");
    }
    let stored = catalogue.finish();
    let objects = large.finish();
    if large.overflown {
        catalogue.loss("it holds more large objects than can be found again; the last of them are left out");
    }
    let rows = stored.iter().filter(|stored| !stored.sections.is_empty()).count();
    let mut dump = Dump::new(kind.into(), stored, LargeObjects::Text(large), input);
    dump.reasons = input.packed.iter().map(|packing| format!("unpacked from {packing}")).collect();
    dump.reasons.extend(versions);
    let tables = crate::sources::tables::Database::tables(&dump).len();
    let tables = words::counted(tables as u64, "table");
    dump.reasons.push(format!("{kind}: {tables}, {rows} of them with rows"));
    if objects > 0 {
        dump.reasons.push(format!("{objects} large objects"));
    }
    (dump.caveats, dump.losses) = (catalogue.caveats, catalogue.losses);
    Ok(dump)
}

/// The first pass, and what it knows of what it has passed.
pub struct Pass {
    bytes: Arc<dyn Bytes>,
    /// How text is to be read, here.
    pub syntax: Syntax,
    /// The encoding of text, here.
    pub encoding: Encoding,
    /// The encoding of rows, while that of other statements is another one.
    of_rows: Encoding,
    /// What was found.
    pub catalogue: Catalogue,
    large: Pieces,
    /// The last head of an INSERT, and its text.
    head: Option<(Arc<Head>, Vec<u8>)>,
    versions: Vec<String>,
    /// How many dumps have begun and not ended: they say so in comments.
    open_dumps: i64,
}

impl Pass {
    /// A pass over these bytes.
    pub fn new(bytes: Arc<dyn Bytes>, dialect: Dialect, source: &str) -> Self {
        let syntax = Syntax::of(dialect);
        Self {
            large: Pieces::new(bytes.clone(), syntax, source),
            catalogue: Catalogue::new(dialect),
            bytes,
            syntax,
            encoding: Encoding::AsIs,
            of_rows: Encoding::AsIs,
            head: None,
            versions: Vec::new(),
            open_dumps: 0,
        }
    }

    /// Reads statements that hold no rows.
    ///
    /// # Errors
    /// None, as what they are in is all there.
    pub fn read(&mut self, text: &[u8]) -> Result<(), Halt> {
        let text = text.to_vec();
        let mut seen = |_| ControlFlow::Continue(());
        let mut window = Window::new(&text, 0, text.len() as u64, text.len().max(1), &mut seen);
        self.walk(&mut window, 0)
    }

    fn walk(&mut self, window: &mut Window<'_>, mut at: u64) -> Result<(), Halt> {
        loop {
            at = self.blanks(window, at)?;
            window.limit(LONGEST);
            let ahead = window.at_least(at, 64)?;
            let word: Vec<u8> =
                ahead.iter().take(16).take_while(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
            at = match (ahead.first(), &word[..]) {
                (None, _) => return Ok(()),
                (Some(b'\\'), _) => self.meta(window, at)?,
                (_, b"insert" | b"replace") => self.insert(window, at)?,
                (_, b"copy") => self.copy(window, at)?,
                (_, b"select") if self.syntax.dialect == Dialect::Postgres => self.select(window, at)?,
                (_, b"create" | b"alter" | b"set" | b"use") => self.statement(window, at, &word)?,
                (_, b"begin" | b"commit" | b"rollback") if self.syntax.dialect == Dialect::Sqlite => {
                    self.transaction(&word);
                    walk(window, at, self.syntax, Until::Semicolon)?.at
                }
                (_, b"delimiter") if self.syntax.dialect == Dialect::Mysql => self.delimiter(window, at)?,
                _ => walk(window, at, self.syntax, Until::Semicolon)?.at,
            };
        }
    }

    /// The shell of SQLite writes a dump as one transaction.
    fn transaction(&mut self, word: &[u8]) {
        self.open_dumps += if word == b"begin" { 1 } else { -1 };
        if word == b"rollback" {
            let caveat = "it ends with ROLLBACK: its database was damaged when it was dumped, and rows may be missing";
            self.catalogue.loss(caveat);
        }
    }

    fn blanks(&mut self, window: &mut Window<'_>, at: u64) -> Result<u64, Halt> {
        let (versions, open_dumps, syntax) = (&mut self.versions, &mut self.open_dumps, self.syntax);
        let mut names = None;
        let at = after_blanks(window, at, syntax, &mut |comment| {
            if comment.starts_with(b"-- PostgreSQL database") || comment.starts_with(b"-- Dump completed") {
                let line = comment.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
                let ends = line.ends_with(b" complete") || line.starts_with(b"-- Dump completed");
                *open_dumps += if ends { -1 } else { 1 };
            }
            *open_dumps +=
                i64::from(comment.starts_with(b"-- MySQL dump ") || comment.starts_with(b"-- MariaDB dump "));
            let says = comment.starts_with(b"-- Dumped") || comment.starts_with(b"-- Server version");
            if says && versions.len() < 4 {
                let line = comment.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
                versions.push(String::from_utf8_lossy(&line[3..]).replace('\t', " "));
            }
            if syntax.dialect == Dialect::Mysql && comment.starts_with(b"/*!") {
                let inside = comment[3..].trim_ascii_start();
                let digits = inside.iter().take_while(|b| b.is_ascii_digit()).count();
                let said = schema::statement(&inside[digits..], syntax);
                if matches!(said, Statement::Encoding(_) | Statement::Definitions(_)) {
                    names = Some(said);
                }
            }
        })?;
        match names {
            Some(Statement::Encoding(name)) => self.encode(&name),
            Some(Statement::Definitions(name)) => self.encode_statements(name.as_deref()),
            _ => {}
        }
        Ok(at)
    }

    /// Reads a statement that is held whole.
    pub fn statement_in(&self, text: &[u8]) -> Statement {
        schema::statement(&self.encoding.decode(text.into()), self.syntax)
    }

    /// The statements that define tables are in an encoding of their own.
    fn encode_statements(&mut self, name: Option<&str>) {
        self.encoding = match name {
            Some(name) => Encoding::named(name, self.syntax.dialect == Dialect::Mysql).0,
            None => self.of_rows,
        };
    }

    fn encode(&mut self, name: &str) {
        let (encoding, right) = Encoding::named(name, self.syntax.dialect == Dialect::Mysql);
        if !right && !name.is_empty() {
            let caveat =
                format!("its text is in {name}, which is not converted: characters that are not ASCII look wrong");
            self.catalogue.caveat(caveat);
        }
        self.encoding = encoding;
        self.of_rows = encoding;
        // The same bytes may be another name now.
        self.head = None;
    }

    /// A statement of psql itself: one line.
    fn meta(&mut self, window: &mut Window<'_>, at: u64) -> Result<u64, Halt> {
        window.hold(at);
        let end = window.find(b'\n', at)?.unwrap_or_else(|end| end);
        let line = window.slice(at, end).unwrap_or_default();
        let rest = line.strip_prefix(b"\\connect ").or_else(|| line.strip_prefix(b"\\c "));
        if let Some(rest) = rest {
            let mut words = Tokens::new(rest, self.syntax);
            let database = if rest.trim_ascii_start().starts_with(b"-") {
                // `-reuse-previous=on "dbname='my database'"`
                memchr::memmem::find(rest, b"dbname=").and_then(|found| {
                    let value = &rest[found + b"dbname=".len()..];
                    let value = value.strip_suffix(b"\r").unwrap_or(value);
                    let value = value.trim_ascii_end().strip_suffix(b"\"").unwrap_or(value);
                    match Tokens::new(value, self.syntax).next() {
                        Some(Token::Text(name)) => Some(String::from_utf8_lossy(&name).into_owned()),
                        Some(_) => Some(String::from_utf8_lossy(value.trim_ascii()).into_owned()),
                        None => None,
                    }
                })
            } else {
                words.name()
            };
            if let Some(database) = database {
                self.catalogue.enter(&database);
            }
        }
        Ok(end + 1)
    }

    /// A statement that says something of tables or of the text that follows.
    fn statement(&mut self, window: &mut Window<'_>, at: u64, word: &[u8]) -> Result<u64, Halt> {
        window.hold(at);
        let until = match word {
            b"create" if self.is_routine(window, at)? => Until::Routine,
            _ => Until::Semicolon,
        };
        let end = walk(window, at, self.syntax, until)?.at;
        // CREATE TABLE with all columns there can be fits; what is longer is nothing that matters here.
        match self.statement_in(window.slice(at, end).unwrap_or_default()) {
            Statement::Table(definition) => self.catalogue.define(definition),
            Statement::Part(part, parent) => self.catalogue.attach(&part, &parent),
            Statement::Unique(table, columns) => self.catalogue.unique(&table, columns),
            Statement::SearchPath(schema) => self.catalogue.search(&schema),
            Statement::Encoding(name) => self.encode(&name),
            Statement::Definitions(name) => self.encode_statements(name.as_deref()),
            Statement::PlainBackslash(plain) => self.syntax.backslash = !plain,
            Statement::Database(name) => self.catalogue.enter(&name),
            Statement::Copy(_) | Statement::Other => {}
        }
        Ok(end)
    }

    fn is_routine(&self, window: &mut Window<'_>, at: u64) -> Result<bool, Halt> {
        let mut words = Tokens::new(window.at_least(at, 128)?, self.syntax);
        words.next();
        words.pass_all(&["or", "replace"]);
        let word = words.next();
        let sqlite = self.syntax.dialect == Dialect::Sqlite;
        Ok(word.is_some_and(|word| {
            word.is_one_of(&["function", "procedure"])
                || (sqlite && (word.is("trigger") || word.is_one_of(&["temp", "temporary"])))
        }))
    }

    fn copy(&mut self, window: &mut Window<'_>, at: u64) -> Result<u64, Halt> {
        window.hold(at);
        let after = walk(window, at, self.syntax, Until::Semicolon)?.at;
        let statement = self.statement_in(window.slice(at, after).unwrap_or_default());
        let Statement::Copy(copy) = statement else { return Ok(after) };
        window.hold(after);
        let start = window.find(b'\n', after)?.map_or_else(|end| end, |feed| feed + 1);
        let lines = lines(window, start)?;
        if !lines.ended {
            self.catalogue.cut(format!("it ends in the middle of the rows of `{}`: it was cut", copy.name.name));
        }
        match copy.unreadable {
            Some(why) => self.catalogue.loss(format!("the rows of `{}` are left out: {why}", copy.name.name)),
            None => {
                let values = match copy.columns.is_some() || self.catalogue.is_defined(&copy.name) {
                    true => 0,
                    false => lines.values,
                };
                let head = Arc::new(Head { name: copy.name, columns: copy.columns });
                self.add(head, Form::Copy, start..lines.end, values, Some(lines.rows));
            }
        }
        Ok(lines.after)
    }

    fn add(&mut self, head: Arc<Head>, form: Form, at: std::ops::Range<u64>, values: usize, rows: Option<u64>) {
        let (syntax, encoding, bytes) = (self.syntax, self.encoding, self.bytes.clone());
        let (start, end) = (at.start, at.end);
        self.catalogue.add(Found { head, bytes, own: false, start, end, form, syntax, encoding, values, rows });
    }

    fn insert(&mut self, window: &mut Window<'_>, at: u64) -> Result<u64, Halt> {
        window.hold(at);
        let known = match &self.head {
            Some((head, text)) => {
                let text_length = text.len();
                window.at_least(at, text_length)?.starts_with(text).then(|| (head.clone(), text_length))
            }
            None => None,
        };
        let found = match known {
            Some(known) => Some(known),
            None => rows::head(window, at, self.syntax, self.encoding)?.map(|found| {
                let head = Arc::new(Head { name: found.name, columns: found.columns });
                self.head = Some((head.clone(), window.from(at)[..found.length].to_vec()));
                (head, found.length)
            }),
        };
        let Some((head, length)) = found else {
            return Ok(walk(window, at, self.syntax, Until::Semicolon)?.at);
        };
        let mut walked = at + length as u64;
        let mut values = 0;
        if head.columns.is_none() && !self.catalogue.knows_values(&head.name) {
            walked = after_blanks(window, walked, self.syntax, &mut |_| ())?;
            // What is before its end may be in the window no longer.
            (values, walked) = first_row(window, walked, self.syntax)?;
        }
        window.hold(walked);
        window.limit(0);
        let ending = walk(window, walked, self.syntax, Until::Semicolon)?;
        if !ending.found {
            self.catalogue.cut(format!("it ends in the middle of the rows of `{}`: it was cut", head.name.name));
        }
        self.add(head, Form::Inserts, at..ending.at, values, None);
        Ok(ending.at)
    }

    /// A SELECT: dumps call functions by it, those that write large objects among them.
    fn select(&mut self, window: &mut Window<'_>, at: u64) -> Result<u64, Halt> {
        window.hold(at);
        let head = window.at_least(at, 256)?;
        let mut words = Tokens::new(&head[..head.len().min(256)], self.syntax);
        words.next();
        let function = words.table_name().map(|name| name.name);
        let number = |token: Option<Token<'_>>| match token {
            Some(Token::Word(number)) => number.parse::<u32>().ok(),
            Some(Token::Text(number)) => std::str::from_utf8(&number).ok().and_then(|number| number.parse().ok()),
            _ => None,
        };
        let opened = words.pass_mark(b'(').then(|| number(words.clone().next())).flatten();
        match (function.as_deref(), opened) {
            (Some("lo_create" | "lo_open"), Some(oid)) => {
                self.large.open(oid);
                Ok(walk(window, at, self.syntax, Until::Semicolon)?.at)
            }
            (Some("lowrite"), _) => self.string_of(window, at),
            (Some("lo_put" | "lo_from_bytea"), Some(oid)) => {
                self.large.open(oid);
                self.string_of(window, at)
            }
            _ => self.statement(window, at, b"select"),
        }
    }

    /// Notes the last string of a call as a piece of the open large object.
    fn string_of(&mut self, window: &mut Window<'_>, at: u64) -> Result<u64, Halt> {
        let head = window.at_least(at, 256)?;
        let head = &head[..head.len().min(256)];
        // The first string that is no number: `lo_put('16411', 0, '\x…')`.
        let mut quote = memchr::memchr(b'\'', head);
        while let Some(found) = quote {
            let (end, ended) = values::quoted(head, found, b'\'', self.syntax.backslash);
            if !ended || !head[found + 1..end - 1].iter().all(u8::is_ascii_digit) || end == found + 2 {
                break;
            }
            quote = memchr::memchr(b'\'', &head[end..]).map(|next| end + next);
        }
        if let Some(quote) = quote {
            let start = at + quote as u64;
            let ending = after_quoted(window, start + 1, b'\'', self.syntax.backslash)?;
            if ending.found {
                self.large.write(start, ending.at - start);
            }
            return Ok(walk(window, ending.at, self.syntax, Until::Semicolon)?.at);
        }
        Ok(walk(window, at, self.syntax, Until::Semicolon)?.at)
    }

    /// Skips to the end of what stands between two DELIMITER lines: bodies of triggers and procedures.
    fn delimiter(&mut self, window: &mut Window<'_>, mut at: u64) -> Result<u64, Halt> {
        loop {
            window.hold(at);
            let end = match window.find(b'\n', at)? {
                Ok(feed) => feed + 1,
                Err(end) => return Ok(end),
            };
            let line = window.slice(at, end).unwrap_or_default().trim_ascii();
            let word = line.get(..10).is_some_and(|word| word.eq_ignore_ascii_case(b"delimiter "));
            at = end;
            if word && line[10..].trim_ascii() == b";" {
                return Ok(at);
            }
        }
    }
}

/// How many values the row has that begins at `at`, and where it ends.
pub fn first_row(window: &mut Window<'_>, at: u64, syntax: Syntax) -> Result<(usize, u64), Halt> {
    window.hold(at);
    if window.at_least(at, 1)?.first() != Some(&b'(') {
        return Ok((0, at));
    }
    window.limit(super::window::LARGEST);
    let ending = walk(window, at, syntax, Until::Parenthesis)?;
    let mut values = Vec::new();
    // What is wrong with a row is told when it is read.
    let _ = values::row(window.slice(at, ending.at).unwrap_or_default(), syntax, &mut values);
    Ok((values.len(), ending.at))
}

/// The lines of a COPY.
struct Lines {
    /// Where the rows end.
    end: u64,
    /// Where what follows begins.
    after: u64,
    rows: u64,
    /// How many values the first row has.
    values: usize,
    /// Whether it has an end.
    ended: bool,
}

/// Finds the end of the rows of a COPY: a line of a backslash and a dot.
fn lines(window: &mut Window<'_>, start: u64) -> Result<Lines, Halt> {
    let finder = memchr::memmem::Finder::new(b"\n\\.");
    let mut lines = Lines { end: start, after: start, rows: 0, values: 0, ended: true };
    window.hold(start);
    let first = window.at_least(start, 4)?;
    if first.starts_with(b"\\.\n") || first.starts_with(b"\\.\r\n") || first == b"\\." {
        lines.after = window.find(b'\n', start)?.map_or_else(|end| end, |feed| feed + 1);
        return Ok(lines);
    }
    let head = &first[..memchr::memchr(b'\n', first).unwrap_or(first.len())];
    lines.values = head.iter().filter(|&&byte| byte == b'\t').count() + 1;
    lines.values = lines.values.min(values::MOST_COLUMNS);
    let mut at = start;
    let mut last = b'\n';
    loop {
        window.hold(at);
        let rest = window.from(at);
        let hit = finder.find(rest);
        // The last bytes may be the beginning of the end.
        let passed = hit.map_or(rest.len().saturating_sub(2), |hit| hit + 1);
        lines.rows += memchr::memchr_iter(b'\n', &rest[..passed]).count() as u64;
        last = rest[..passed].last().copied().unwrap_or(last);
        at += passed as u64;
        if hit.is_some() {
            window.hold(at);
            let tail = window.at_least(at, 4)?;
            if tail.starts_with(b"\\.\n") || tail.starts_with(b"\\.\r\n") || tail.trim_ascii_end() == b"\\." {
                lines.end = at;
                lines.after = window.find(b'\n', at)?.map_or_else(|end| end, |feed| feed + 1);
                return Ok(lines);
            }
        } else if !window.more(at)? {
            let rest = window.from(at);
            lines.rows += memchr::memchr_iter(b'\n', rest).count() as u64;
            lines.rows += u64::from(rest.last().copied().unwrap_or(last) != b'\n');
            lines.end = at + rest.len() as u64;
            lines.after = lines.end;
            lines.ended = false;
            return Ok(lines);
        }
    }
}
