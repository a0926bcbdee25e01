//! Finding where statements, rows of values, strings and comments end, without reading what they say and without keeping
//! more of them than a window keeps.

use super::window::{Halt, Window};

/// Whose SQL it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// How text is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Syntax {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// Whether a backslash escapes in a plain string: always for MySQL, never for SQLite, and for PostgreSQL when
    /// `standard_conforming_strings` is off.
    pub backslash: bool,
}

impl Syntax {
    /// The usual way of a dialect.
    pub fn of(dialect: Dialect) -> Self {
        Self { dialect, backslash: dialect == Dialect::Mysql }
    }

    /// Whether a string that begins at a quote after these two bytes has backslash escapes.
    pub fn escapes(self, before: [u8; 2]) -> bool {
        let extended = matches!(before[1], b'E' | b'e') && !is_word(before[0]);
        self.backslash || (self.dialect == Dialect::Postgres && extended)
    }
}

/// Whether a byte can be part of a word.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// How far a walk goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// After the semicolon of a statement.
    Semicolon,
    /// The same for a statement that holds others between BEGIN and END.
    Routine,
    /// After the parenthesis that closes the one the walk begins at.
    Parenthesis,
}

/// Where a walk ended, and whether that is where it wanted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The position after it.
    pub at: u64,
    /// `false` when the bytes end first.
    pub found: bool,
}

/// After the string or quoted name whose first quote is just before `at`.
///
/// # Errors
/// As [`Window::more`].
pub fn after_quoted(window: &mut Window<'_>, mut at: u64, quote: u8, backslash: bool) -> Result<Ending, Halt> {
    loop {
        let rest = window.from(at);
        let hit = if backslash { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
        let Some(hit) = hit else {
            at += rest.len() as u64;
            match window.more(at)? {
                true => continue,
                false => return Ok(Ending { at, found: false }),
            }
        };
        let escape = rest[hit] == b'\\';
        at += hit as u64 + 1;
        let next = window.at_least(at, 1)?.first().copied();
        match next {
            None => return Ok(Ending { at, found: !escape }),
            Some(_) if escape => at += 1,
            Some(next) if next == quote => at += 1,
            Some(_) => return Ok(Ending { at, found: true }),
        }
    }
}

/// After the comment that begins at `at`; `None` where none begins. `seen` gets its beginning, at most 256 bytes.
///
/// # Errors
/// As [`Window::more`].
pub fn after_comment(
    window: &mut Window<'_>,
    at: u64,
    syntax: Syntax,
    seen: &mut dyn FnMut(&[u8]),
) -> Result<Option<u64>, Halt> {
    let mysql = syntax.dialect == Dialect::Mysql;
    let head = window.at_least(at, 3)?;
    let line = match head {
        [b'#', ..] => mysql,
        [b'-', b'-', after, ..] => !mysql || after.is_ascii_whitespace() || after.is_ascii_control(),
        [b'-', b'-'] => true,
        [b'/', b'*', ..] => false,
        _ => return Ok(None),
    };
    if !line && !head.starts_with(b"/*") {
        return Ok(None);
    }
    let head = window.at_least(at, 256)?;
    seen(&head[..head.len().min(256)]);
    if line {
        return Ok(Some(window.find(b'\n', at)?.map_or_else(|end| end, |feed| feed + 1)));
    }
    let mut at = at + 2;
    let mut depth = 1;
    loop {
        let rest = window.from(at);
        let Some(hit) = memchr::memchr2(b'*', b'/', rest) else {
            at += rest.len() as u64;
            match window.more(at)? {
                true => continue,
                false => return Ok(Some(at)),
            }
        };
        at += hit as u64;
        match window.at_least(at, 2)? {
            [b'*', b'/', ..] => {
                at += 2;
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at));
                }
            }
            // Only PostgreSQL nests them.
            [b'/', b'*', ..] if syntax.dialect == Dialect::Postgres => {
                at += 2;
                depth += 1;
            }
            _ => at += 1,
        }
    }
}

/// After blanks and comments. What is passed is no longer held.
///
/// # Errors
/// As [`Window::more`].
pub fn after_blanks(
    window: &mut Window<'_>,
    mut at: u64,
    syntax: Syntax,
    seen: &mut dyn FnMut(&[u8]),
) -> Result<u64, Halt> {
    loop {
        window.hold(at);
        let rest = window.from(at);
        match rest.iter().position(|b| !b.is_ascii_whitespace() && *b != 0x0b) {
            None => {
                at += rest.len() as u64;
                if !window.more(at)? {
                    return Ok(at);
                }
            }
            Some(blanks) => {
                at += blanks as u64;
                window.hold(at);
                match after_comment(window, at, syntax, seen)? {
                    Some(after) => at = after,
                    None => return Ok(at),
                }
            }
        }
    }
}

/// Walks from `at` to where a statement or a row of values ends.
///
/// # Errors
/// As [`Window::more`].
pub fn walk(window: &mut Window<'_>, mut at: u64, syntax: Syntax, until: Until) -> Result<Ending, Halt> {
    let mut depth = 0_u64;
    let mut begun = 0_u64;
    let mut before = [b' '; 2];
    loop {
        let rest = window.from(at);
        let mut special = None;
        for (passed, &byte) in rest.iter().enumerate() {
            match byte {
                b'\'' | b'"' | b'`' | b';' | b'(' | b')' | b'-' | b'/' | b'#' | b'$' => {
                    special = Some((passed, byte));
                    break;
                }
                b'a'..=b'e' | b'A'..=b'E' if until == Until::Routine && !is_word(before[1]) => {
                    special = Some((passed, byte));
                    break;
                }
                _ => before = [before[1], byte],
            }
        }
        let Some((passed, byte)) = special else {
            at += rest.len() as u64;
            match window.more(at)? {
                true => continue,
                false => return Ok(Ending { at, found: false }),
            }
        };
        at += passed as u64;
        let mut after = at + 1;
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && until == Until::Parenthesis {
                    return Ok(Ending { at: after, found: true });
                }
            }
            b';' if until != Until::Parenthesis && depth == 0 && begun == 0 => {
                return Ok(Ending { at: after, found: true });
            }
            b'\'' | b'"' | b'`' if byte != b'`' || syntax.dialect != Dialect::Postgres => {
                let backslash = match byte {
                    b'\'' => syntax.escapes(before),
                    b'"' => syntax.dialect == Dialect::Mysql,
                    _ => false,
                };
                let ending = after_quoted(window, after, byte, backslash)?;
                if !ending.found {
                    return Ok(ending);
                }
                after = ending.at;
            }
            b'-' | b'/' | b'#' => {
                if let Some(end) = after_comment(window, at, syntax, &mut |_| ())? {
                    after = end;
                }
            }
            b'$' if syntax.dialect == Dialect::Postgres && !is_word(before[1]) => {
                if let Some(ending) = after_dollars(window, at)? {
                    if !ending.found {
                        return Ok(ending);
                    }
                    after = ending.at;
                }
            }
            b'a'..=b'e' | b'A'..=b'E' => {
                let head = window.at_least(at, 6)?;
                let length = head.iter().take_while(|&&b| is_word(b)).count();
                match &head[..length.min(6)].to_ascii_lowercase()[..] {
                    b"begin" => begun += 1,
                    b"case" if begun > 0 => begun += 1,
                    b"end" => begun = begun.saturating_sub(1),
                    _ => {}
                }
                after = at + length.max(1) as u64;
            }
            _ => {}
        }
        before = [before[1], if matches!(byte, b'\'' | b'"' | b'`') { b' ' } else { byte }];
        at = after;
    }
}

/// The longest tag of a dollar-quoted string that is looked for.
const TAG: usize = 128;

/// After the dollar-quoted string that begins at `at`; `None` when none does.
fn after_dollars(window: &mut Window<'_>, at: u64) -> Result<Option<Ending>, Halt> {
    let head = window.at_least(at, TAG)?;
    let word = head[1..].iter().take(TAG).take_while(|&&b| is_word(b)).count();
    if head.get(1 + word) != Some(&b'$') || head[1].is_ascii_digit() {
        return Ok(None);
    }
    let tag = head[..word + 2].to_vec();
    let finder = memchr::memmem::Finder::new(&tag);
    let mut at = at + tag.len() as u64;
    loop {
        let rest = window.from(at);
        if let Some(hit) = finder.find(rest) {
            return Ok(Some(Ending { at: at + (hit + tag.len()) as u64, found: true }));
        }
        let passed = rest.len().saturating_sub(tag.len() - 1) as u64;
        at += passed;
        if !window.more(at)? {
            let at = at + window.from(at).len() as u64;
            return Ok(Some(Ending { at, found: false }));
        }
    }
}
