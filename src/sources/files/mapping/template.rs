//! A stream's name made of several fields: `{tenantId}/{streamId}`.

use std::borrow::Cow;
use std::fmt;

use super::{FieldPath, names};
use crate::domain::StreamKey;
use crate::sources::files::value;

/// A name made of fields and the text between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// Fields that stand before the pieces where they say something else than usual.
    owners: Vec<Owner>,
    pieces: Vec<Piece>,
}

/// Whose a stream is, where nearly all are one's: the others have it before their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The field that says it.
    pub path: FieldPath,
    /// What it usually says; nothing where it is usually empty.
    pub usual: Option<String>,
}

/// A piece of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// What a field says. A `/` in it is written `%2F`, as is what follows it in the template.
    Field(FieldPath, Need),
}

/// Whether a name can do without a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Without it there is no name.
    Must,
    /// Without it the part is empty: not every event has a tenant.
    May,
}

impl Template {
    /// The fields, joined with `/`.
    pub fn joined(paths: impl IntoIterator<Item = FieldPath>) -> Self {
        let mut pieces = Vec::new();
        for path in paths {
            if !pieces.is_empty() {
                pieces.push(Piece::Text("/".into()));
            }
            pieces.push(Piece::Field(path, Need::Must));
        }
        Self::new(pieces)
    }

    /// A name of these pieces. A tenant or the type of an aggregate may be missing, as long as something else is there.
    fn new(mut pieces: Vec<Piece>) -> Self {
        let may = |path: &FieldPath| names::qualifier(path).is_some();
        let any = pieces.iter().any(|piece| matches!(piece, Piece::Field(path, _) if !may(path)));
        for piece in &mut pieces {
            if let Piece::Field(path, need) = piece {
                *need = if any && may(path) { Need::May } else { Need::Must };
            }
        }
        Self { owners: Vec::new(), pieces }
    }

    /// The same behind whose a stream is, where that is somebody else than usual.
    pub fn owned(self, owners: Vec<Owner>) -> Self {
        Self { owners, ..self }
    }

    /// Reads `{tenantId}/{streamId}`; a path in braces may go without its first point.
    ///
    /// # Errors
    /// What cannot be understood.
    pub fn parse(text: &str, path: impl Fn(&str) -> Result<FieldPath, String>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            if rest[open..].starts_with('}') {
                return Err("a `}` closes nothing".into());
            }
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].into()));
            }
            let close = rest[open..].find('}').ok_or("a `{` is not closed")? + open;
            let inside = rest[open + 1..close].trim();
            let written = if inside.starts_with('.') { inside.to_owned() } else { format!(".{inside}") };
            if let Some(Piece::Field(before, _)) = pieces.last() {
                let both = format!("{{{}}}{{{}}}", bare(before), written.trim_start_matches('.'));
                let with = both.replacen("}{", "}/{", 1);
                return Err(format!("`{both}` does not say where one part ends: write `{with}`"));
            }
            let field = path(&written)?;
            if field.keys().is_empty() {
                return Err("`{}` names no field".into());
            }
            pieces.push(Piece::Field(field, Need::Must));
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self::new(pieces))
    }

    /// What stands before its pieces where it is not as usual.
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// Its pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What begins behind a piece that more fields follow: inside its part that is escaped.
    pub fn next(&self, at: usize) -> Option<char> {
        let rest = self.pieces.get(at + 1..)?;
        match rest {
            [Piece::Text(text), rest @ ..] if rest.iter().any(|piece| matches!(piece, Piece::Field(..))) => {
                text.chars().next()
            }
            _ => None,
        }
    }

    /// The fields in it, in their order: owners first.
    pub fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        self.owners.iter().map(|owner| &owner.path).chain(self.fields())
    }

    fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(path, _) => Some(path),
            Piece::Text(_) => None,
        })
    }

    /// The same with other fields.
    pub fn map(self, mut other: impl FnMut(FieldPath) -> FieldPath) -> Self {
        let owners = self.owners.into_iter().map(|owner| Owner { path: other(owner.path), ..owner }).collect();
        let pieces = self.pieces.into_iter().map(|piece| match piece {
            Piece::Field(path, need) => Piece::Field(other(path), need),
            text => text,
        });
        Self { owners, pieces: pieces.collect() }
    }

    /// Which field is the whole name as it is, if one is: the only piece, of an owner that is the usual one.
    pub fn alone<'a>(&self, at: impl Fn(usize) -> &'a [u8]) -> Option<usize> {
        let is_alone = matches!(self.pieces[..], [Piece::Field(..)]) && self.said(&at).next().is_none();
        is_alone.then_some(self.owners.len())
    }

    /// What the owners say where it is not as usual.
    fn said<'a>(&self, at: &impl Fn(usize) -> &'a [u8]) -> impl Iterator<Item = Cow<'a, str>> {
        self.owners.iter().enumerate().filter_map(|(field, owner)| {
            let said = value::name(at(field))?;
            (owner.usual.as_deref() != Some(&*said)).then_some(said)
        })
    }

    /// The name. `at` gives the value of the n-th field; `None` when one is missing that must be there.
    pub fn name<'a>(&self, at: impl Fn(usize) -> &'a [u8]) -> Option<String> {
        let (mut name, mut field) = (String::new(), self.owners.len());
        for owner in self.said(&at) {
            StreamKey::escape(&mut name, &owner);
            name.push('/');
        }
        for (place, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Field(_, need) => {
                    match (value::name(at(field)), need) {
                        (Some(part), _) => StreamKey::escape_from(&mut name, &part, self.next(place)),
                        (None, Need::May) => {}
                        (None, Need::Must) => return None,
                    }
                    field += 1;
                }
            }
        }
        Some(name)
    }

    /// The parts of its names, where nothing but a `/` stands between them.
    pub fn key(&self) -> Option<StreamKey> {
        let fields: Vec<&FieldPath> = self.fields().collect();
        let alternate = self.pieces.iter().enumerate().all(|(at, piece)| match piece {
            Piece::Field(..) => at % 2 == 0,
            Piece::Text(text) => at % 2 == 1 && text == "/",
        });
        if !alternate || fields.len() < 2 || self.pieces.len().is_multiple_of(2) {
            return None;
        }
        // Of several types the one nearest to the number: the aggregate's, not that of its context.
        let category = fields.iter().rposition(|path| names::qualifier(path) == Some(names::Qualifier::Type));
        Some(StreamKey { parts: fields.iter().map(|path| bare(path)).collect(), category })
    }
}

/// A path without its first point.
fn bare(path: &FieldPath) -> String {
    path.to_string().trim_start_matches('.').to_owned()
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owners.iter().try_for_each(|owner| write!(f, "{{{}}}/", bare(&owner.path)))?;
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Field(path, _) => write!(f, "{{{}}}", bare(path)),
        })
    }
}
