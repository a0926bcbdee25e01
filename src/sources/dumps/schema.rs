//! What the statements of a dump say of its tables. Statements are read, never run, and most of them say nothing here.

use super::tokens::{Name, Token, Tokens};
use super::values::MOST_COLUMNS;
use super::walk::{Dialect, Syntax};

/// A column as a CREATE TABLE has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its type, in lower case.
    pub declared: String,
    /// Whether the database computes it from other columns, so that dumps leave it out.
    pub generated: bool,
}

/// A CREATE TABLE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// The table.
    pub name: Name,
    /// Its own columns.
    pub columns: Vec<Declared>,
    /// The table it is a part of.
    pub part_of: Option<Name>,
    /// The tables whose columns it has too.
    pub inherits: Vec<Name>,
    /// Columns that together are different in every row; one list a constraint.
    pub unique: Vec<Vec<String>>,
}

/// The head of a COPY whose rows follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// The table.
    pub name: Name,
    /// Its columns, when they are named.
    pub columns: Option<Vec<String>>,
    /// Why its rows cannot be read.
    pub unreadable: Option<String>,
}

/// The head of an INSERT, up to VALUES.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Insert {
    /// The table.
    pub name: Name,
    /// The columns, when they are named.
    pub columns: Option<Vec<String>>,
    /// How many bytes it takes.
    pub length: usize,
}

/// What a statement says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// There is a table.
    Table(Definition),
    /// A table is a part of another: child, then parent.
    Part(Name, Name),
    /// These columns of a table together are different in every row.
    Unique(Name, Vec<String>),
    /// Rows follow.
    Copy(Copy),
    /// Names without a schema are in this one.
    SearchPath(String),
    /// The text that follows is in this encoding.
    Encoding(String),
    /// Statements that make tables are in this encoding for a while; `None`: no longer.
    Definitions(Option<String>),
    /// Whether a backslash is a plain character in strings from here on.
    PlainBackslash(bool),
    /// What follows is in this database.
    Database(String),
    /// Something else.
    Other,
}

/// Reads a statement.
pub fn statement(text: &[u8], syntax: Syntax) -> Statement {
    let mut tokens = Tokens::new(text, syntax);
    let read = match tokens.next() {
        Some(first) if first.is("create") && tokens.pass("unique") => unique_index(&mut tokens),
        Some(first) if first.is("create") => table(&mut tokens, syntax).map(Statement::Table),
        Some(first) if first.is("alter") => alter(&mut tokens),
        Some(first) if first.is("copy") => copy(&mut tokens).map(Statement::Copy),
        Some(first) if first.is("set") => set(&mut tokens),
        Some(first) if first.is("select") => search_path(&mut tokens),
        Some(first) if first.is("use") => tokens.name().map(Statement::Database),
        _ => None,
    };
    read.unwrap_or(Statement::Other)
}

fn table(tokens: &mut Tokens<'_>, syntax: Syntax) -> Option<Definition> {
    while !tokens.pass("table") {
        let allowed = ["global", "local", "temporary", "temp", "unlogged", "foreign", "or", "replace"];
        if !tokens.next()?.is_one_of(&allowed) {
            return None;
        }
    }
    tokens.pass_all(&["if", "not", "exists"]);
    let name = tokens.table_name()?;
    let mut definition =
        Definition { name, columns: Vec::new(), part_of: None, inherits: Vec::new(), unique: Vec::new() };
    if tokens.pass_all(&["partition", "of"]) {
        definition.part_of = Some(tokens.table_name()?);
        return Some(definition);
    }
    if !tokens.pass_mark(b'(') {
        return None;
    }
    columns(tokens, syntax, &mut definition);
    if tokens.pass("inherits") && tokens.pass_mark(b'(') {
        while let Some(parent) = tokens.table_name() {
            definition.inherits.push(parent);
            if !tokens.pass_mark(b',') {
                break;
            }
        }
    }
    Some(definition)
}

/// What a line of a CREATE TABLE begins with when it is no column.
fn is_constraint(token: &Token<'_>, after: Option<&Token<'_>>, dialect: Dialect) -> bool {
    let always = ["constraint", "primary", "unique", "foreign", "check"];
    // MySQL quotes the names of columns, so that these are none there.
    let mysql = ["key", "index", "fulltext", "spatial", "period"];
    match dialect {
        Dialect::Mysql => token.is_one_of(&always) || token.is_one_of(&mysql),
        Dialect::Sqlite => token.is_one_of(&always),
        Dialect::Postgres => {
            token.is_one_of(&always)
                || token.is("like")
                || (token.is("exclude") && after.is_some_and(|after| after.is("using") || *after == Token::Mark(b'(')))
        }
    }
}

/// Constraints of one table that are kept.
pub const MOST_UNIQUE: usize = 16;

fn columns(tokens: &mut Tokens<'_>, syntax: Syntax, definition: &mut Definition) {
    let Definition { columns, unique, .. } = definition;
    if tokens.pass_mark(b')') {
        return;
    }
    loop {
        let mut ahead = tokens.clone();
        let Some(first) = ahead.next() else { return };
        let constraint = is_constraint(&first, ahead.peek().as_ref(), syntax.dialect);
        if !constraint && columns.len() < MOST_COLUMNS {
            let Some(name) = tokens.name() else { return };
            let (declared, generated) = column(tokens);
            columns.push(Declared { name, declared, generated });
        } else if constraint && unique.len() < MOST_UNIQUE {
            unique.extend(unique_columns(&mut tokens.clone()));
        }
        // The rest of the line.
        loop {
            match tokens.next() {
                None | Some(Token::Mark(b')')) => return,
                Some(Token::Mark(b',')) => break,
                Some(Token::Mark(b'(')) => tokens.close(),
                Some(_) => {}
            }
        }
    }
}

/// The columns of `CONSTRAINT … UNIQUE (…)`, `PRIMARY KEY (…)`, `UNIQUE KEY name (…)`; none where it is something else.
fn unique_columns(tokens: &mut Tokens<'_>) -> Option<Vec<String>> {
    if tokens.pass("constraint") {
        tokens.name()?;
    }
    if !tokens.pass_all(&["primary", "key"]) {
        if !tokens.pass("unique") {
            return None;
        }
        let _ = tokens.pass("key") || tokens.pass("index");
    }
    // MySQL names a key here, and says what kind of tree it is; PostgreSQL says how NULL counts.
    for _ in 0..6 {
        if tokens.peek() == Some(Token::Mark(b'(')) {
            break;
        }
        tokens.next()?;
    }
    key_columns(tokens)
}

/// The names in parentheses; a length or an order behind a name says nothing here. None where one of them is computed.
fn key_columns(tokens: &mut Tokens<'_>) -> Option<Vec<String>> {
    if !tokens.pass_mark(b'(') {
        return None;
    }
    let mut names = Vec::new();
    loop {
        names.push(tokens.name()?);
        if names.len() > MOST_COLUMNS {
            return None;
        }
        loop {
            match tokens.next()? {
                Token::Mark(b',') => break,
                Token::Mark(b')') => return Some(names),
                // `name(10)` is the beginning of a column; `lower(name)` is none.
                Token::Mark(b'(') => match (tokens.next()?, tokens.next()?) {
                    (Token::Word(length), Token::Mark(b')')) if length.bytes().all(|b| b.is_ascii_digit()) => {}
                    _ => return None,
                },
                token if token.is_one_of(&["asc", "desc", "nulls", "first", "last", "collate"]) => {}
                Token::Mark(_) => return None,
                Token::Word(_) | Token::Quoted(_) | Token::Text(_) => {}
            }
        }
    }
}

/// `CREATE UNIQUE INDEX … ON … USING btree (…)`
fn unique_index(tokens: &mut Tokens<'_>) -> Option<Statement> {
    if !tokens.pass("index") {
        return None;
    }
    tokens.pass("concurrently");
    tokens.pass_all(&["if", "not", "exists"]);
    tokens.table_name()?;
    if !tokens.pass("on") {
        return None;
    }
    tokens.pass("only");
    let name = tokens.table_name()?;
    if tokens.pass("using") {
        tokens.next()?;
    }
    Some(Statement::Unique(name, key_columns(tokens)?))
}

/// The type of a column, and whether the database computes it. Stops before the comma or parenthesis that ends it.
fn column(tokens: &mut Tokens<'_>) -> (String, bool) {
    const ENDS: &[&str] = &[
        "constraint",
        "not",
        "null",
        "default",
        "generated",
        "primary",
        "unique",
        "references",
        "check",
        "collate",
        "comment",
        "auto_increment",
        "storage",
        "compression",
        "on",
        "visible",
        "invisible",
        "as",
        "key",
        "options",
        "charset",
        "autoincrement",
        "virtual",
        "stored",
        "persistent",
        "srid",
    ];
    let from = tokens.passed();
    let mut to = from;
    loop {
        match tokens.peek() {
            None | Some(Token::Mark(b',' | b')')) => break,
            Some(token) if token.is_one_of(ENDS) => break,
            // `character varying` is a type; `character set` ends one.
            Some(token) if token.is("character") => {
                let mut ahead = tokens.clone();
                ahead.next();
                if ahead.pass("set") {
                    break;
                }
                tokens.next();
            }
            Some(Token::Mark(b'(')) => {
                tokens.next();
                tokens.close();
            }
            Some(_) => {
                tokens.next();
            }
        }
        to = tokens.passed();
    }
    let written = String::from_utf8_lossy(tokens.between(from, to)).to_lowercase();
    let declared = written.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let mut generated = false;
    loop {
        match tokens.peek() {
            None | Some(Token::Mark(b',' | b')')) => return (declared, generated),
            // `GENERATED … AS IDENTITY` is a column like any other, `GENERATED ALWAYS AS (…)` is not.
            Some(token) if token.is("as") => {
                tokens.next();
                generated |= tokens.peek() == Some(Token::Mark(b'('));
            }
            Some(Token::Mark(b'(')) => {
                tokens.next();
                tokens.close();
            }
            Some(_) => {
                tokens.next();
            }
        }
    }
}

fn alter(tokens: &mut Tokens<'_>) -> Option<Statement> {
    if !tokens.pass("table") {
        return None;
    }
    tokens.pass_all(&["if", "exists"]);
    tokens.pass("only");
    let name = tokens.table_name()?;
    if tokens.pass_all(&["attach", "partition"]) {
        return Some(Statement::Part(tokens.table_name()?, name));
    }
    if tokens.pass("add") {
        return Some(Statement::Unique(name, unique_columns(tokens)?));
    }
    tokens.pass("inherit").then(|| Some(Statement::Part(name, tokens.table_name()?)))?
}

fn copy(tokens: &mut Tokens<'_>) -> Option<Copy> {
    let name = tokens.table_name()?;
    let columns = tokens.names();
    if !tokens.pass_all(&["from", "stdin"]) {
        return None;
    }
    tokens.pass("with");
    let mut unreadable = None;
    for token in tokens.by_ref() {
        match token {
            Token::Mark(b';') => break,
            Token::Mark(_) => {}
            // `WITH NULL AS '\N'` and the like say what is usual.
            token if token.is_one_of(&["format", "text", "with", "as", "null", "delimiter", "delimiters"]) => {}
            Token::Text(text) if text == b"\\N" || text == b"\t" => {}
            other => unreadable = Some(format!("{other:?}")),
        }
    }
    let unreadable = unreadable.map(|option| format!("its COPY has an option that is not usual in dumps ({option})"));
    Some(Copy { name, columns, unreadable })
}

fn set(tokens: &mut Tokens<'_>) -> Option<Statement> {
    let (session, local) = (tokens.pass("session"), tokens.pass("local"));
    let name = tokens.name()?;
    if name.eq_ignore_ascii_case("names") && !session && !local {
        return text(tokens).map(Statement::Encoding);
    }
    if !tokens.pass("to") && !tokens.pass_mark(b'=') {
        return None;
    }
    match name.to_ascii_lowercase().as_str() {
        "client_encoding" => text(tokens).map(Statement::Encoding),
        // What a variable has is what was before.
        "character_set_client" if tokens.peek() == Some(Token::Mark(b'@')) => Some(Statement::Definitions(None)),
        "character_set_client" => text(tokens).map(|name| Statement::Definitions(Some(name))),
        "standard_conforming_strings" => {
            Some(Statement::PlainBackslash(!matches!(text(tokens)?.to_lowercase().as_str(), "off" | "false" | "0")))
        }
        "search_path" => text(tokens).map(Statement::SearchPath),
        _ => None,
    }
}

fn text(tokens: &mut Tokens<'_>) -> Option<String> {
    match tokens.next()? {
        Token::Word(word) => Some(word.to_owned()),
        Token::Quoted(name) => Some(name),
        Token::Text(text) => Some(String::from_utf8_lossy(&text).into_owned()),
        Token::Mark(_) => None,
    }
}

/// `SELECT pg_catalog.set_config('search_path', …)`
fn search_path(tokens: &mut Tokens<'_>) -> Option<Statement> {
    if tokens.table_name()?.name != "set_config" || !tokens.pass_mark(b'(') || text(tokens)? != "search_path" {
        return None;
    }
    tokens.pass_mark(b',').then(|| text(tokens).map(Statement::SearchPath))?
}

/// Reads the head of an INSERT or REPLACE, up to VALUES. `Err` when the text ends before that is clear.
pub fn insert(text: &[u8], syntax: Syntax) -> Result<Option<Insert>, ()> {
    let mut tokens = Tokens::new(text, syntax);
    let read = insert_head(&mut tokens);
    match read {
        // What was the last token may go on behind the text.
        _ if tokens.passed() >= text.len() => Err(()),
        Some((name, columns)) => Ok(Some(Insert { name, columns, length: tokens.passed() })),
        None => Ok(None),
    }
}

fn insert_head(tokens: &mut Tokens<'_>) -> Option<(Name, Option<Vec<String>>)> {
    if !tokens.next()?.is_one_of(&["insert", "replace"]) {
        return None;
    }
    while !tokens.pass("into") {
        let allowed =
            ["or", "ignore", "replace", "low_priority", "high_priority", "delayed", "abort", "fail", "rollback"];
        if !tokens.next()?.is_one_of(&allowed) {
            return None;
        }
    }
    let name = tokens.table_name()?;
    let columns = match tokens.peek()? {
        Token::Mark(b'(') => {
            let columns = tokens.names();
            if columns.is_none() {
                // So that what is missing counts as missing.
                tokens.next();
                tokens.close();
                return None;
            }
            columns
        }
        _ => None,
    };
    if tokens.pass("overriding") {
        tokens.next()?;
        tokens.pass("value");
    }
    let word = tokens.next()?;
    word.is_one_of(&["values", "value"]).then_some((name, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dialect: Dialect) -> Statement {
        statement(text.as_bytes(), Syntax::of(dialect))
    }

    fn name(schema: Option<&str>, name: &str) -> Name {
        Name { schema: schema.map(str::to_owned), name: name.into() }
    }

    #[test]
    fn columns_have_their_types() {
        let text = "CREATE UNLOGGED TABLE \"My Schema\".\"Ev\"\"ents\" (
    global_position bigint DEFAULT nextval('x'::regclass) NOT NULL,
    \"position\" integer GENERATED BY DEFAULT AS IDENTITY,
    tags text[] DEFAULT '{}'::text[],
    name character varying(255) COLLATE \"C\" NOT NULL,
    amount numeric(10,2), at timestamp with time zone,
    category text GENERATED ALWAYS AS (split_part(name, '-'::text, 1)) STORED,
    key text, data jsonb, kind public.\"Kind\",
    CONSTRAINT c CHECK ((amount > (0)::numeric)),
    EXCLUDE USING gist (name WITH =), PRIMARY KEY (key)
) PARTITION BY LIST (kind);";
        let Statement::Table(table) = read(text, Dialect::Postgres) else { panic!("no table") };
        assert_eq!(table.name, name(Some("My Schema"), "Ev\"ents"));
        let columns: Vec<(&str, &str)> = table.columns.iter().map(|c| (c.name.as_str(), c.declared.as_str())).collect();
        assert_eq!(
            columns,
            [
                ("global_position", "bigint"),
                ("position", "integer"),
                ("tags", "text[]"),
                ("name", "character varying(255)"),
                ("amount", "numeric(10,2)"),
                ("at", "timestamp with time zone"),
                ("category", "text"),
                ("key", "text"),
                ("data", "jsonb"),
                ("kind", "public.\"kind\""),
            ]
        );
        let generated: Vec<&str> = table.columns.iter().filter(|c| c.generated).map(|c| c.name.as_str()).collect();
        assert_eq!(generated, ["category"]);
    }

    #[test]
    fn tables_of_mysql_and_sqlite() {
        let text = "CREATE TABLE `events` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT COMMENT 'it''s (a, b',
  `name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `payload` longblob /*!80023 INVISIBLE */,
  `full` varchar(10) GENERATED ALWAYS AS (concat(`name`,'x')) VIRTUAL,
  `kind` enum('A','b') NOT NULL,
  PRIMARY KEY (`id`),
  KEY `k` (`name`(10)), UNIQUE KEY `u` (`id`)
) ENGINE=InnoDB;";
        let Statement::Table(table) = read(text, Dialect::Mysql) else { panic!("no table") };
        let columns: Vec<(&str, &str, bool)> =
            table.columns.iter().map(|c| (c.name.as_str(), c.declared.as_str(), c.generated)).collect();
        assert_eq!(
            columns,
            [
                ("id", "bigint(20) unsigned", false),
                ("name", "varchar(255)", false),
                ("payload", "longblob", false),
                ("full", "varchar(10)", true),
                ("kind", "enum('a','b')", false),
            ]
        );
        let Statement::Table(table) =
            read("CREATE TABLE IF NOT EXISTS 'e v'(a, [b c] INTEGER PRIMARY KEY, \"d\" , key text);", Dialect::Sqlite)
        else {
            panic!("no table")
        };
        assert_eq!(table.name, name(None, "e v"));
        let columns: Vec<(&str, &str)> = table.columns.iter().map(|c| (c.name.as_str(), c.declared.as_str())).collect();
        assert_eq!(columns, [("a", ""), ("b c", "integer"), ("d", ""), ("key", "text")]);
    }

    #[test]
    fn parts_and_settings() {
        let attach = "ALTER TABLE ONLY public.m ATTACH PARTITION public.m_a FOR VALUES IN ('a');";
        let part = Statement::Part(name(Some("public"), "m_a"), name(Some("public"), "m"));
        assert_eq!(read(attach, Dialect::Postgres), part);
        let Statement::Table(table) =
            read("CREATE TABLE p PARTITION OF public.m FOR VALUES IN (1);", Dialect::Postgres)
        else {
            panic!("no table")
        };
        assert_eq!(table.part_of, Some(name(Some("public"), "m")));
        let Statement::Table(table) = read("CREATE TABLE c (x int)\nINHERITS (a, s.b);", Dialect::Postgres) else {
            panic!("no table")
        };
        assert_eq!(table.inherits, [name(None, "a"), name(Some("s"), "b")]);
        for (text, says) in [
            ("SET client_encoding = 'LATIN1';", Statement::Encoding("LATIN1".into())),
            ("SET standard_conforming_strings = off;", Statement::PlainBackslash(false)),
            ("SET search_path = app, pg_catalog;", Statement::SearchPath("app".into())),
            ("SELECT pg_catalog.set_config('search_path', '', false);", Statement::SearchPath(String::new())),
            ("SELECT pg_catalog.setval('x', 1, true);", Statement::Other),
            ("COPY t (a) TO stdout;", Statement::Other),
        ] {
            assert_eq!(read(text, Dialect::Postgres), says, "{text}");
        }
    }

    #[test]
    fn heads_of_inserts() {
        let read = |text: &str, dialect| insert(text.as_bytes(), Syntax::of(dialect));
        let head = read("INSERT INTO s.t (a, \"B\") OVERRIDING SYSTEM VALUE VALUES (1", Dialect::Postgres);
        let head = head.expect("whole").expect("a head");
        assert_eq!((head.name, head.columns), (name(Some("s"), "t"), Some(vec!["a".into(), "B".into()])));
        assert_eq!(head.length, "INSERT INTO s.t (a, \"B\") OVERRIDING SYSTEM VALUE VALUES".len());
        let head = read("INSERT  IGNORE INTO `a`.`t` VALUES (1", Dialect::Mysql).expect("whole").expect("a head");
        assert_eq!((head.name, head.columns), (name(Some("a"), "t"), None));
        assert!(read("REPLACE INTO t VALUES(", Dialect::Sqlite).is_ok_and(|head| head.is_some()));
        assert_eq!(read("INSERT INTO t SELECT 1;", Dialect::Postgres), Ok(None));
        assert_eq!(read("INSERT INTO t DEFAULT VALUES; ", Dialect::Postgres), Ok(None));
        for short in ["INSERT INTO t (a, b", "INSERT INTO t VALU", "INSERT", "INSERT INTO t (\"a"] {
            assert_eq!(read(short, Dialect::Postgres), Err(()), "{short}");
        }
    }
}
