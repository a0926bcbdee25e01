//! The beginning of PostgreSQL's custom format, which is the `toc.dat` of its directory and tar formats too: header and
//! table of contents, as `pg_dump` 8.0 to 18 write them (versions 1.10 to 1.16 of the format).
//!
//! Facts: numbers are a sign byte and `int size` bytes, little end first; strings are a number and bytes, absent when the
//! number is negative; offsets are a state byte and `offset size` bytes. An entry ends with the offset of its data, or, in
//! a `toc.dat`, with the name of the file its data is in, empty where it has none. The header of a `toc.dat` says that it
//! is of the tar format whichever of the two it is of.

use super::super::encoding::Encoding;
use super::super::window::{Halt, Window};
use crate::domain::{Failure, FailureKind};

/// The oldest and newest version that is read: the minor one, the major one is 1.
const VERSIONS: std::ops::RangeInclusive<u8> = 10..=16;
/// The longest string that is kept.
const LONGEST: u64 = 4 << 20;

/// What a table of contents is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// The file that holds the data too.
    Custom,
    /// A file beside those that hold the data: a `toc.dat`.
    Files,
}

/// How data is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1950.
    Zlib,
    /// RFC 1952: what the directory format has where the custom one has zlib.
    Gzip,
    /// LZ4 frames.
    Lz4,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// How it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "not compressed",
            Self::Zlib => "compressed with zlib",
            Self::Gzip => "compressed with gzip",
            Self::Lz4 => "compressed with LZ4",
            Self::Zstd => "compressed with Zstandard",
        }
    }
}

/// The header.
#[derive(Clone, Debug)]
pub struct Header {
    container: Container,
    /// The minor version.
    pub version: u8,
    /// How many bytes a number has.
    pub int_size: usize,
    offset_size: usize,
    /// How data is packed.
    pub compression: Compression,
    /// The database.
    pub database: String,
    /// The version of the server.
    pub server: String,
    /// The version of `pg_dump`.
    pub dumper: String,
}

/// Where the data of an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    /// Nowhere: it has none.
    None,
    /// Not said: it was written to a pipe.
    Unknown,
    /// Here.
    At(u64),
    /// In the file of this name. It is as written: no name that may be opened yet.
    In(String),
}

/// An entry of the table of contents.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// What it is called.
    pub tag: String,
    /// What it is: `TABLE`, `TABLE DATA`.
    pub desc: String,
    /// The statements that make it.
    pub definition: Vec<u8>,
    /// The COPY its data is for.
    pub copy: Vec<u8>,
    /// The schema it is in.
    pub schema: String,
    /// Where its data is.
    pub data: Data,
}

/// Reads numbers and strings from front to back.
pub struct Reader<'w, 'a> {
    window: &'w mut Window<'a>,
    source: &'w str,
    at: u64,
    int_size: usize,
    /// The encoding of names.
    pub encoding: Encoding,
}

impl<'w, 'a> Reader<'w, 'a> {
    /// Reads from an offset.
    pub fn new(window: &'w mut Window<'a>, source: &'w str, at: u64, int_size: usize) -> Self {
        window.go(at, u64::MAX);
        Self { window, source, at, int_size, encoding: Encoding::AsIs }
    }

    /// Where it is.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The failure that what is read cannot be right.
    pub fn malformed(&self, why: &str) -> Halt {
        let why = format!("{why}, at byte {}", self.at);
        Failure::new(FailureKind::Malformed, self.source, "read the dump", why).into()
    }

    /// Whether there is nothing more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_at_end(&mut self) -> Result<bool, Halt> {
        self.window.hold(self.at);
        Ok(self.window.at_least(self.at, 1)?.is_empty())
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], Halt> {
        self.window.hold(self.at);
        if self.window.at_least(self.at, count)?.len() < count {
            return Err(self.malformed("it is cut"));
        }
        let from = self.at;
        self.at += count as u64;
        Ok(&self.window.from(from)[..count])
    }

    /// A byte.
    ///
    /// # Errors
    /// When there is none.
    pub fn byte(&mut self) -> Result<u8, Halt> {
        Ok(self.bytes(1)?[0])
    }

    fn little_end_first(&mut self, size: usize) -> Result<u64, Halt> {
        let bytes = self.bytes(size)?;
        let (low, high) = bytes.split_at(size.min(8));
        let number = low.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        match high.iter().all(|&byte| byte == 0) {
            true => Ok(number),
            false => Err(self.malformed("a number is too large")),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// When it is cut or too large.
    pub fn int(&mut self) -> Result<i64, Halt> {
        let negative = self.byte()? != 0;
        let size = self.int_size;
        match i64::try_from(self.little_end_first(size)?) {
            Ok(number) if negative => Ok(-number),
            Ok(number) => Ok(number),
            Err(_) => Err(self.malformed("a number is too large")),
        }
    }

    /// Passes so many bytes without reading them.
    pub fn skip(&mut self, count: u64) {
        self.at = self.at.saturating_add(count);
        self.window.go(self.at, u64::MAX);
    }

    /// A string; `None` when absent.
    ///
    /// # Errors
    /// When it is cut or too long.
    pub fn text(&mut self) -> Result<Option<Vec<u8>>, Halt> {
        match u64::try_from(self.int()?) {
            Err(_) => Ok(None),
            Ok(length) if length > LONGEST => Err(self.malformed("a string is longer than one can be")),
            Ok(length) => self.bytes(length as usize).map(|text| Some(text.to_vec())),
        }
    }

    fn string(&mut self) -> Result<String, Halt> {
        let text = self.text()?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&self.encoding.decode(text.into())).into_owned())
    }

    /// Passes a string.
    fn skip_text(&mut self) -> Result<(), Halt> {
        if let Ok(length) = u64::try_from(self.int()?) {
            self.skip(length);
        }
        Ok(())
    }

    /// A string, when it is wanted and not too long; else it is passed.
    fn text_if(&mut self, wanted: bool) -> Result<Vec<u8>, Halt> {
        match u64::try_from(self.int()?) {
            Ok(length) if wanted && length <= LONGEST => self.bytes(length as usize).map(<[u8]>::to_vec),
            Ok(length) => {
                self.skip(length);
                Ok(Vec::new())
            }
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The header.
    ///
    /// # Errors
    /// When it is none that can be read.
    pub fn header(&mut self, container: Container) -> Result<Header, Halt> {
        let unsupported = |source: &str, why: String| {
            Halt::from(
                Failure::new(FailureKind::Malformed, source, "open", why)
                    .hint("make text of it: `pg_restore -f - FILE | stepback -`".replace("FILE", source)),
            )
        };
        if self.bytes(5)? != b"PGDMP" {
            return Err(self.malformed("it does not begin as a dump in PostgreSQL's custom format"));
        }
        let (major, version) = (self.byte()?, self.byte()?);
        if major != 1 || !VERSIONS.contains(&version) {
            let (first, last) = (VERSIONS.start(), VERSIONS.end());
            let why = format!("it is a dump of format {major}.{version}; 1.{first} to 1.{last} can be read");
            return Err(unsupported(self.source, why));
        }
        let _revision = self.byte()?;
        let (int_size, offset_size, format) = (self.byte()?, self.byte()?, self.byte()?);
        if !(1..=32).contains(&int_size) || !(1..=32).contains(&offset_size) {
            return Err(self.malformed("its numbers have no size there can be"));
        }
        match (container, format) {
            (Container::Custom, 1) | (Container::Files, 3 | 5) => {}
            (Container::Custom, 3 | 5) => {
                let why = "it is the table of contents of a dump in the directory or tar format, and holds no rows";
                let failure = Failure::new(FailureKind::Malformed, self.source, "open", why);
                return Err(failure.hint("name the directory it lies in").into());
            }
            _ => return Err(unsupported(self.source, format!("it is of a format that is not known ({format})"))),
        }
        self.int_size = usize::from(int_size);
        let compression = match version {
            15.. => match self.byte()? {
                0 => Compression::None,
                1 => Compression::Zlib,
                2 => Compression::Lz4,
                3 => Compression::Zstd,
                other => {
                    return Err(unsupported(self.source, format!("it is compressed in a way ({other}) not known")));
                }
            },
            _ if self.int()? == 0 => Compression::None,
            _ => Compression::Zlib,
        };
        let compression = match (container, compression) {
            (Container::Files, Compression::Zlib) => Compression::Gzip,
            (_, compression) => compression,
        };
        // When it was made: second, minute, hour, day, month, year, daylight saving.
        for _ in 0..7 {
            self.int()?;
        }
        let (database, server, dumper) = (self.string()?, self.string()?, self.string()?);
        let (int_size, offset_size) = (usize::from(int_size), usize::from(offset_size));
        Ok(Header { container, version, int_size, offset_size, compression, database, server, dumper })
    }

    /// How many entries there are said to be.
    ///
    /// # Errors
    /// When that is not said.
    pub fn count(&mut self) -> Result<u64, Halt> {
        let count = self.int()?;
        u64::try_from(count).map_err(|_| self.malformed("its table of contents has no length there can be"))
    }

    /// The next entry. Its texts are kept only where they say something of tables.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entry(&mut self, header: &Header) -> Result<Entry, Halt> {
        let id = self.int()?;
        let id = match u64::try_from(id) {
            Ok(id) if id > 0 => id,
            _ => return Err(self.malformed("an entry of its table of contents has no number there can be")),
        };
        let _had_dumper = self.int()?;
        // The object's numbers in the server.
        self.skip_text()?;
        self.skip_text()?;
        let (tag, desc) = (self.string()?, self.string()?);
        if header.version >= 11 {
            let _section = self.int()?;
        }
        const SAY: [&str; 5] = ["TABLE", "TABLE ATTACH", "ENCODING", "STDSTRINGS", "SEARCHPATH"];
        let definition = self.text_if(SAY.contains(&desc.as_str()))?;
        // How to drop it.
        self.skip_text()?;
        let copy = self.text_if(desc == "TABLE DATA")?;
        let schema = self.string()?;
        // Its tablespace, how its table is accessed, what kind of relation it is, whose it is, whether it has oids.
        self.skip_text()?;
        if header.version >= 14 {
            self.skip_text()?;
        }
        if header.version >= 16 {
            self.int()?;
        }
        self.skip_text()?;
        self.skip_text()?;
        // What it depends on.
        while self.text()?.is_some() {}
        let data = match header.container {
            Container::Files => match self.string()? {
                name if name.is_empty() => Data::None,
                name => Data::In(name),
            },
            Container::Custom => match (self.byte()?, self.little_end_first(header.offset_size)?) {
                (1, _) => Data::Unknown,
                (2, offset) => Data::At(offset),
                (3, _) => Data::None,
                _ => return Err(self.malformed("an entry of its table of contents does not end as it should")),
            },
        };
        Ok(Entry { id, tag, desc, definition, copy, schema, data })
    }
}
