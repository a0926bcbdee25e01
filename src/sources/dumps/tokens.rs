//! The words of a statement that is held whole: names, types, numbers, strings, marks.

use super::values::{self, unquoted};
use super::walk::{Dialect, Syntax, is_word};

/// A piece of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// A word without quotes, as written.
    Word(&'a str),
    /// A name in quotes, without them.
    Quoted(String),
    /// A string, without quotes.
    Text(Vec<u8>),
    /// Any other byte.
    Mark(u8),
}

impl Token<'_> {
    /// Whether it is this word, however it is spelled.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// Whether it is one of these words.
    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// The name of a table.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name {
    /// The schema, as written before a dot.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

/// Walks through the tokens of a text.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    syntax: Syntax,
}

impl<'a> Tokens<'a> {
    /// The tokens of a text.
    pub fn new(text: &'a [u8], syntax: Syntax) -> Self {
        Self { text, at: 0, syntax }
    }

    /// How many bytes are passed.
    pub fn passed(&self) -> usize {
        self.at
    }

    /// The text itself between two numbers of bytes passed.
    pub fn between(&self, from: usize, to: usize) -> &'a [u8] {
        self.text.get(from..to).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0x0b).count();
            self.at += blanks;
            let rest = &rest[blanks..];
            let mysql = self.syntax.dialect == Dialect::Mysql;
            self.at += if rest.starts_with(b"--") || (mysql && rest.starts_with(b"#")) {
                memchr::memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1)
            } else if rest.starts_with(b"/*") {
                memchr::memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2)
            } else {
                return;
            };
        }
    }

    /// The next token without passing it.
    pub fn peek(&self) -> Option<Token<'a>> {
        self.clone().next()
    }

    /// Passes the next token if it is this word.
    pub fn pass(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let taken = ahead.next().is_some_and(|token| token.is(word));
        if taken {
            *self = ahead;
        }
        taken
    }

    /// Passes the next tokens if they are these words.
    pub fn pass_all(&mut self, words: &[&str]) -> bool {
        let mut ahead = self.clone();
        let taken = words.iter().all(|word| ahead.pass(word));
        if taken {
            *self = ahead;
        }
        taken
    }

    /// Passes the next token if it is this mark.
    pub fn pass_mark(&mut self, mark: u8) -> bool {
        let mut ahead = self.clone();
        let taken = ahead.next() == Some(Token::Mark(mark));
        if taken {
            *self = ahead;
        }
        taken
    }

    /// Passes a name, folded as the database folds it.
    pub fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) if self.syntax.dialect == Dialect::Postgres => Some(word.to_lowercase()),
            Token::Word(word) => Some(word.to_owned()),
            Token::Quoted(name) => Some(name),
            // MySQL with ANSI_QUOTES off and SQLite take a string for a name in places.
            Token::Text(name) if self.syntax.dialect == Dialect::Sqlite => {
                Some(String::from_utf8_lossy(&name).into_owned())
            }
            _ => None,
        }
    }

    /// Passes the name of a table. What stands before several dots is joined.
    pub fn table_name(&mut self) -> Option<Name> {
        let mut name = Name { schema: None, name: self.name()? };
        while self.text[self.at..].first() == Some(&b'.') && self.pass_mark(b'.') {
            let schema = match name.schema.take() {
                Some(schema) => format!("{schema}.{}", name.name),
                None => name.name,
            };
            name = Name { schema: Some(schema), name: self.name()? };
        }
        Some(name)
    }

    /// Passes names in parentheses; `None`, and nothing passed, when that is not what comes.
    pub fn names(&mut self) -> Option<Vec<String>> {
        let mut ahead = self.clone();
        let mut names = Vec::new();
        if !ahead.pass_mark(b'(') {
            return None;
        }
        if !ahead.pass_mark(b')') {
            loop {
                names.push(ahead.name()?);
                match ahead.next()? {
                    Token::Mark(b',') => {}
                    Token::Mark(b')') => break,
                    _ => return None,
                }
            }
        }
        *self = ahead;
        Some(names)
    }

    /// Passes everything up to the parenthesis that closes the one just passed.
    pub fn close(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some(Token::Mark(b'(')) => depth += 1,
                Some(Token::Mark(b')')) => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let first = *rest.first()?;
        let extended = matches!(first, b'E' | b'e') && rest.get(1) == Some(&b'\'');
        if extended && self.syntax.dialect == Dialect::Postgres {
            let (end, _) = values::quoted(rest, 1, b'\'', true);
            self.at += end;
            return Some(Token::Text(unquoted(&rest[..end], 1, values::Escapes::Postgres).into_owned()));
        }
        if is_word(first) {
            let end = rest.iter().position(|&b| !is_word(b) && b != b'$').unwrap_or(rest.len());
            self.at += end;
            // A word that is not UTF-8 is no word of a dump that can be read.
            return Some(std::str::from_utf8(&rest[..end]).map_or(Token::Mark(first), Token::Word));
        }
        let text = |backslash: bool| {
            let (end, _) = values::quoted(rest, 0, first, backslash);
            let escapes = values::Escapes::of(self.syntax.dialect, backslash);
            (end, unquoted(&rest[..end], 0, escapes).into_owned())
        };
        let (end, token) = match first {
            b'\'' => {
                let (end, text) = text(self.syntax.backslash);
                (end, Token::Text(text))
            }
            b'"' | b'`' => {
                let (end, text) = text(false);
                (end, Token::Quoted(String::from_utf8_lossy(&text).into_owned()))
            }
            b'[' if self.syntax.dialect == Dialect::Sqlite => {
                let end = memchr::memchr(b']', rest).map_or(rest.len(), |end| end + 1);
                let name = &rest[1..end.max(2) - 1];
                (end, Token::Quoted(String::from_utf8_lossy(name).into_owned()))
            }
            other => (1, Token::Mark(other)),
        };
        self.at += end;
        Some(token)
    }
}
