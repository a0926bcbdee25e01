//! The values of a row of an INSERT: literals as the dialects write them.

use std::borrow::Cow;

use super::walk::{Dialect, Syntax, is_word};

/// No database has more columns; SQLite allows the most.
pub const MOST_COLUMNS: usize = 32_767;
/// How deep calls may be nested: `replace(replace(…))`.
const DEEPEST: usize = 16;

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// `NULL`.
    Null,
    /// `DEFAULT`: what the database computes.
    Default,
    /// A number, as written.
    Number(&'a [u8]),
    /// `true` or `false`.
    Boolean(bool),
    /// A string, or bits.
    Text(Cow<'a, [u8]>),
    /// Bytes that are written as such.
    Bytes(Cow<'a, [u8]>),
    /// What is not understood, as written.
    Raw(&'a [u8]),
}

/// What a backslash means in a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Escapes {
    /// Nothing.
    None,
    /// As in `E''` of PostgreSQL.
    Postgres,
    /// As MySQL has it.
    Mysql,
}

impl Escapes {
    /// What it means in this dialect, when it means something.
    pub fn of(dialect: Dialect, backslash: bool) -> Self {
        match (backslash, dialect) {
            (false, _) => Self::None,
            (true, Dialect::Mysql) => Self::Mysql,
            (true, _) => Self::Postgres,
        }
    }
}

/// Where the string ends whose quote is at `at`, and whether it ends.
pub fn quoted(text: &[u8], at: usize, quote: u8, backslash: bool) -> (usize, bool) {
    let mut at = at + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let hit = if backslash { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
        match hit {
            None => return (text.len(), false),
            Some(hit) if rest[hit] == b'\\' => at += hit + 2,
            Some(hit) if rest.get(hit + 1) == Some(&quote) => at += hit + 2,
            Some(hit) => return (at + hit + 1, true),
        }
    }
}

/// What is in a string with its quotes, the first of which is at `at`.
pub fn unquoted(text: &[u8], at: usize, escapes: Escapes) -> Cow<'_, [u8]> {
    let Some(&quote) = text.get(at) else { return Cow::Borrowed(&[]) };
    let inside = &text[at + 1..];
    let inside = inside.strip_suffix(&[quote]).unwrap_or(inside);
    let special = |text: &[u8]| match escapes {
        Escapes::None => memchr::memchr(quote, text),
        _ => memchr::memchr2(quote, b'\\', text),
    };
    let Some(mut next) = special(inside) else { return Cow::Borrowed(inside) };
    let mut plain = Vec::with_capacity(inside.len());
    let mut rest = inside;
    loop {
        plain.extend_from_slice(&rest[..next]);
        rest = &rest[next..];
        let used = match (rest, escapes) {
            ([b'\\'], _) => {
                plain.push(b'\\');
                1
            }
            ([b'\\', escaped, ..], Escapes::Mysql) => {
                match escaped {
                    b'0' => plain.push(0),
                    b'b' => plain.push(8),
                    b'n' => plain.push(b'\n'),
                    b'r' => plain.push(b'\r'),
                    b't' => plain.push(b'\t'),
                    b'Z' => plain.push(0x1a),
                    b'%' | b'_' => plain.extend([b'\\', *escaped]),
                    other => plain.push(*other),
                }
                2
            }
            ([b'\\', ..], _) => escaped(rest, true, &mut plain),
            // A doubled quote.
            _ => {
                plain.push(quote);
                2
            }
        };
        rest = rest.get(used..).unwrap_or_default();
        match special(rest) {
            Some(hit) => next = hit,
            None => {
                plain.extend_from_slice(rest);
                return Cow::Owned(plain);
            }
        }
    }
}

/// What PostgreSQL means by the backslash the text begins with; gives how many bytes it takes. `\u` is one in strings and
/// `\v` one in COPY.
pub fn escaped(text: &[u8], string: bool, plain: &mut Vec<u8>) -> usize {
    let digits = |from: usize, most: usize, radix: u32| {
        text[from..].iter().take(most).take_while(|&&b| (b as char).is_digit(radix)).count()
    };
    let number = |from: usize, count: usize, radix: u32| {
        text[from..from + count].iter().fold(0, |n, &b| n * radix + (b as char).to_digit(radix).unwrap_or(0))
    };
    let Some(&letter) = text.get(1) else {
        plain.push(b'\\');
        return 1;
    };
    match letter {
        b'b' => plain.push(8),
        b'f' => plain.push(12),
        b'n' => plain.push(b'\n'),
        b'r' => plain.push(b'\r'),
        b't' => plain.push(b'\t'),
        b'v' if !string => plain.push(11),
        b'0'..=b'7' => {
            let count = digits(1, 3, 8);
            plain.push(number(1, count, 8) as u8);
            return 1 + count;
        }
        b'x' if digits(2, 2, 16) > 0 => {
            let count = digits(2, 2, 16);
            plain.push(number(2, count, 16) as u8);
            return 2 + count;
        }
        b'u' | b'U' if string => {
            let count = if letter == b'u' { 4 } else { 8 };
            if digits(2, count, 16) == count
                && let Some(character) = char::from_u32(number(2, count, 16))
            {
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return 2 + count;
            }
            plain.push(letter);
        }
        other => plain.push(other),
    }
    2
}

/// Bytes written as hexadecimal digits; `None` when they are not.
pub fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

/// Bits written as digits, as bytes, the last of which are the last bits; `None` when they are not.
fn bits(digits: &[u8]) -> Option<Vec<u8>> {
    let byte = |digits: &[u8]| {
        digits.iter().try_fold(0_u8, |byte, digit| match digit {
            b'0' | b'1' => Some(byte << 1 | (digit - b'0')),
            _ => None,
        })
    };
    let (first, rest) = digits.split_at(digits.len() % 8);
    let first = if first.is_empty() { None } else { Some(byte(first)?) };
    first.map(Some).into_iter().chain(rest.chunks_exact(8).map(byte)).collect()
}

/// Bytes as PostgreSQL writes them in text: `\x68` or, by the old way, `a\000\\`. `None` when it is neither.
pub fn bytea(text: &[u8]) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix(b"\\x") {
        return hexadecimal(digits);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return None,
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    Some(bytes)
}

/// The values of a row, from its opening to its closing parenthesis.
///
/// # Errors
/// What is wrong with it.
pub fn row<'a>(text: &'a [u8], syntax: Syntax, values: &mut Vec<Value<'a>>) -> Result<(), String> {
    let mut reader = Reader { text, at: 1, syntax };
    reader.blanks();
    if reader.next() == Some(b')') {
        return Ok(());
    }
    loop {
        if values.len() == MOST_COLUMNS {
            return Err(format!("it has more than {MOST_COLUMNS} values"));
        }
        values.push(reader.value(0)?);
        reader.blanks();
        match reader.next() {
            Some(b',') => reader.at += 1,
            Some(b')') => return Ok(()),
            Some(_) => return Err(format!("value {} is followed by something else than a comma", values.len())),
            None => return Err("it ends in the middle".into()),
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    syntax: Syntax,
}

impl<'a> Reader<'a> {
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|b| b.is_ascii_whitespace()).count();
    }

    /// A value with what may follow it: a cast, or an operator that makes it something that is not understood.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, String> {
        self.blanks();
        let start = self.at;
        let value = self.plain(depth)?;
        self.blanks();
        if matches!(self.next(), Some(b',' | b')') | None) {
            return Ok(value);
        }
        let cast = self.rest().starts_with(b"::");
        self.rest_of_expression();
        Ok(if cast { value } else { Value::Raw(self.text[start..self.at].trim_ascii_end()) })
    }

    /// Passes what stands before the comma or parenthesis that ends a value.
    fn rest_of_expression(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.next() {
            match byte {
                b',' if depth == 0 => return,
                b')' | b']' if depth == 0 => return,
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth -= 1,
                b'\'' | b'"' | b'`' => {
                    let before = [self.before(2), self.before(1)];
                    let backslash = match byte {
                        b'\'' => self.syntax.escapes(before),
                        b'"' => self.syntax.dialect == Dialect::Mysql,
                        _ => false,
                    };
                    self.at = quoted(self.text, self.at, byte, backslash).0;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn before(&self, count: usize) -> u8 {
        self.at.checked_sub(count).and_then(|at| self.text.get(at)).copied().unwrap_or(b' ')
    }

    fn string(&mut self, prefix: usize, escapes: Escapes) -> Result<Cow<'a, [u8]>, String> {
        let start = self.at + prefix;
        let quote = self.text[start];
        let (end, ended) = quoted(self.text, start, quote, escapes != Escapes::None);
        self.at = end;
        if !ended {
            return Err("a string in it does not end".into());
        }
        Ok(unquoted(&self.text[..end], start, escapes))
    }

    fn plain(&mut self, depth: usize) -> Result<Value<'a>, String> {
        let rest = self.rest();
        let dialect = self.syntax.dialect;
        let usual = Escapes::of(dialect, self.syntax.backslash);
        match rest {
            [b'\'', ..] => self.string(0, usual).map(Value::Text),
            [b'"', ..] if dialect == Dialect::Mysql => self.string(0, usual).map(Value::Text),
            [b'E' | b'e', b'\'', ..] if dialect == Dialect::Postgres => {
                self.string(1, Escapes::Postgres).map(Value::Text)
            }
            [b'N' | b'n', b'\'', ..] => self.string(1, usual).map(Value::Text),
            [b'X' | b'x', b'\'', ..] => {
                let digits = self.string(1, Escapes::None)?;
                match (dialect, hexadecimal(&digits)) {
                    (Dialect::Postgres, _) => Ok(Value::Text(digits)),
                    (_, Some(bytes)) => Ok(Value::Bytes(bytes.into())),
                    (_, None) => Err("bytes in it are not hexadecimal".into()),
                }
            }
            [b'B' | b'b', b'\'', ..] => {
                let digits = self.string(1, Escapes::None)?;
                Ok(match (dialect, bits(&digits)) {
                    // As it writes them in its own dumps.
                    (Dialect::Mysql, Some(bytes)) => Value::Bytes(bytes.into()),
                    _ => Value::Text(digits),
                })
            }
            [b'0', b'x', digits @ ..] if dialect == Dialect::Mysql => {
                let count = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
                self.at += 2 + count;
                match hexadecimal(&digits[..count]) {
                    Some(bytes) => Ok(Value::Bytes(bytes.into())),
                    None => Err("bytes in it are not hexadecimal".into()),
                }
            }
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => {
                let mut length = 1;
                while let Some(&next) = rest.get(length) {
                    let exponent = matches!(rest[length - 1], b'e' | b'E');
                    let digit = next.is_ascii_digit() || matches!(next, b'.' | b'e' | b'E');
                    let sign = exponent && matches!(next, b'+' | b'-');
                    if !(digit || sign) {
                        break;
                    }
                    length += 1;
                }
                self.at += length;
                Ok(Value::Number(&rest[..length]))
            }
            [first, ..] if is_word(*first) => self.word(depth),
            _ => {
                let start = self.at;
                self.rest_of_expression();
                match &self.text[start..self.at] {
                    [] => Err("a value is missing in it".into()),
                    raw => Ok(Value::Raw(raw.trim_ascii_end())),
                }
            }
        }
    }

    /// A word, the call of a function, or a string with the name of its character set before it.
    fn word(&mut self, depth: usize) -> Result<Value<'a>, String> {
        let start = self.at;
        let length = self.rest().iter().take_while(|&&b| is_word(b)).count();
        let word = &self.rest()[..length];
        self.at += length;
        self.blanks();
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match self.next() {
            Some(b',' | b')' | b':') | None => {
                return Ok(match () {
                    () if is("null") => Value::Null,
                    () if is("default") => Value::Default,
                    () if is("true") => Value::Boolean(true),
                    () if is("false") => Value::Boolean(false),
                    () => Value::Raw(word),
                });
            }
            Some(b'\'' | b'"') if word[0] == b'_' && self.syntax.dialect == Dialect::Mysql => {
                let text = self.string(0, Escapes::Mysql)?;
                return Ok(if is("_binary") { Value::Bytes(text) } else { Value::Text(text) });
            }
            // `_binary 0x…`, `_utf8mb4 X'…'`, `DATE '…'`
            Some(b'0' | b'x' | b'X') if word[0] == b'_' && self.syntax.dialect == Dialect::Mysql => {
                return match self.plain(depth)? {
                    Value::Bytes(bytes) if !is("_binary") => Ok(Value::Text(bytes)),
                    other => Ok(other),
                };
            }
            Some(b'\'') if self.syntax.dialect == Dialect::Postgres => {
                return self.string(0, Escapes::of(Dialect::Postgres, self.syntax.backslash)).map(Value::Text);
            }
            Some(b'(') if self.syntax.dialect == Dialect::Sqlite && depth < DEEPEST => {
                self.at += 1;
                if let Some(value) = self.call(word, depth)? {
                    return Ok(value);
                }
            }
            _ => {}
        }
        self.at = start;
        self.rest_of_expression();
        Ok(Value::Raw(self.text[start..self.at].trim_ascii_end()))
    }

    /// What the functions give that SQLite's shell writes around text it cannot write as a literal.
    fn call(&mut self, name: &[u8], depth: usize) -> Result<Option<Value<'a>>, String> {
        let mut given = Vec::new();
        loop {
            self.blanks();
            if self.next() == Some(b')') {
                self.at += 1;
                break;
            }
            given.push(self.value(depth + 1)?);
            match self.next() {
                Some(b',') => self.at += 1,
                Some(b')') => {}
                _ => return Err("a call in it does not end".into()),
            }
            if given.len() > 8 {
                return Ok(None);
            }
        }
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        Ok(match &given[..] {
            [Value::Text(text), Value::Text(from), Value::Text(to)] if is("replace") && !from.is_empty() => {
                Some(Value::Text(replace(text, from, to).into()))
            }
            [Value::Number(number)] if is("char") => {
                let code = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
                code.and_then(char::from_u32).map(|c| Value::Text(c.to_string().into_bytes().into()))
            }
            [Value::Text(text)] if is("unistr") => unistr(text).map(|text| Value::Text(text.into())),
            _ => None,
        })
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut last = 0;
    for hit in memchr::memmem::find_iter(text, from) {
        replaced.extend_from_slice(&text[last..hit]);
        replaced.extend_from_slice(to);
        last = hit + from.len();
    }
    replaced.extend_from_slice(&text[last..]);
    replaced
}

/// `\XXXX`, `\uXXXX`, `\+XXXXXX`, `\UXXXXXXXX` and `\\`, as `unistr` of SQLite has them.
fn unistr(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(hit) = memchr::memchr(b'\\', rest) {
        plain.extend_from_slice(&rest[..hit]);
        rest = &rest[hit + 1..];
        let (skipped, count) = match rest.first()? {
            b'\\' => {
                plain.push(b'\\');
                rest = &rest[1..];
                continue;
            }
            b'u' => (1, 4),
            b'+' => (1, 6),
            b'U' => (1, 8),
            _ => (0, 4),
        };
        let digits = std::str::from_utf8(rest.get(skipped..skipped + count)?).ok()?;
        let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[skipped + count..];
    }
    plain.extend_from_slice(rest);
    Some(plain)
}
