//! The table of contents of a dump, whatever form its data is in: what it says of tables, and which entries have rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::format::{Container, Data, Entry, Header, Reader};
use crate::sources::dumps::catalogue::{Found, Head};
use crate::sources::dumps::rows::{self, Form};
use crate::sources::dumps::schema::Statement;
use crate::sources::dumps::text::{Pass, first_row};
use crate::sources::dumps::tokens::Name;
use crate::sources::dumps::walk::after_blanks;
use crate::sources::dumps::window::{Bytes, Halt, Window};

/// What the names and statements of entries with data may take together.
const MOST_TEXT: usize = 32 << 20;

/// A table of contents.
pub struct Contents {
    /// Its header.
    pub header: Header,
    /// The entries with data; without their definitions, which the pass has read.
    pub with_data: Vec<Entry>,
    /// Where it ends.
    pub end: u64,
}

impl Contents {
    /// Reads the table of contents a file begins with. What it says of tables goes to `pass`.
    ///
    /// # Errors
    /// When it is none, or is cut.
    pub fn read(
        window: &mut Window<'_>,
        source: &str,
        container: Container,
        pass: &mut Pass,
    ) -> Result<Contents, Halt> {
        let mut reader = Reader::new(window, source, 0, 4);
        let header = reader.header(container)?;
        let mut with_data = Vec::new();
        let (mut text, mut left_out) = (0, 0_u64);
        for _ in 0..reader.count()? {
            reader.encoding = pass.encoding;
            let entry = reader.entry(&header)?;
            pass.catalogue.search(&entry.schema);
            if !entry.definition.is_empty() {
                pass.read(&entry.definition)?;
            }
            let is_data = matches!(entry.desc.as_str(), "TABLE DATA" | "BLOBS");
            if is_data && entry.data != Data::None {
                let length = entry.tag.len() + entry.schema.len() + entry.copy.len() + 256;
                if text + length > MOST_TEXT {
                    left_out += 1;
                    continue;
                }
                text += length;
                with_data.push(Entry { definition: Vec::new(), ..entry });
            }
        }
        if left_out > 0 {
            pass.catalogue.caveat(format!(
                "it holds the rows of more tables than can be kept apart; those of {left_out} tables more are not shown"
            ));
        }
        Ok(Contents { header, with_data, end: reader.at() })
    }

    /// What is to be told of the dump.
    pub fn reasons(&self) -> [String; 2] {
        let Header { database, server, dumper, version, compression, .. } = &self.header;
        [
            format!("database {database} of PostgreSQL {server}"),
            format!("dumped by pg_dump {dumper}, format 1.{version}, {}", compression.name()),
        ]
    }
}

/// Where the data of an entry is.
pub struct Lies {
    /// What it lies in.
    pub bytes: Arc<dyn Bytes>,
    /// Whether nothing else lies in there.
    pub own: bool,
    /// Where it begins.
    pub start: u64,
    /// Where it ends; at most.
    pub end: u64,
}

impl Lies {
    /// All of these bytes.
    pub fn own(bytes: Arc<dyn Bytes>) -> Self {
        Self { bytes, own: true, start: 0, end: u64::MAX }
    }
}

/// Adds the rows of an entry.
///
/// # Errors
/// When they cannot be read.
pub fn add(pass: &mut Pass, entry: &Entry, lies: Lies) -> Result<(), Halt> {
    let Lies { bytes, own, start, end } = lies;
    pass.catalogue.search(&entry.schema);
    let syntax = pass.syntax;
    let mut values = 0;
    let (head, form) = match pass.statement_in(&entry.copy) {
        Statement::Copy(copy) => {
            if let Some(why) = copy.unreadable {
                pass.catalogue.loss(format!("the rows of `{}` are left out: {why}", entry.tag));
                return Ok(());
            }
            (Head { name: copy.name, columns: copy.columns }, Form::Copy)
        }
        _ => {
            let mut seen = |_| ControlFlow::Continue(());
            let mut window = Window::new(&*bytes, start, end, rows::LONGEST_HEAD / 16, &mut seen);
            let at = after_blanks(&mut window, start, syntax, &mut |_| ())?;
            let found = rows::head(&mut window, at, syntax, pass.encoding)?;
            if let Some(found) = &found {
                let begins = after_blanks(&mut window, at + found.length as u64, syntax, &mut |_| ())?;
                (values, _) = first_row(&mut window, begins, syntax)?;
            }
            bytes.rest();
            let Some(found) = found else {
                // No rows: what was dumped as INSERT has none to begin with.
                return Ok(());
            };
            (Head { name: found.name, columns: found.columns }, Form::Inserts)
        }
    };
    let name = Name { schema: Some(entry.schema.clone()), name: entry.tag.clone() };
    let named =
        if head.name.schema.is_some() { head.name.clone() } else { Name { name: head.name.name.clone(), ..name } };
    let head = Arc::new(Head { name: head.name, columns: head.columns });
    if head.columns.is_some() || pass.catalogue.is_defined(&named) {
        values = 0;
    }
    let encoding = pass.encoding;
    pass.catalogue.add(Found { head, bytes, own, start, end, form, syntax, encoding, values, rows: None });
    Ok(())
}
