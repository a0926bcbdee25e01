//! Dumps that keep the rows of each table in a file of its own, beside a table of contents: in a directory, what
//! `pg_dump -Fd` writes, or in a tar, what `pg_dump -Ft` writes and what becomes of such a directory that somebody packed.
//!
//! Facts: `toc.dat` is the table of contents, never packed. It names the file of each table, `N.dat`; what is there may be
//! that file, or it packed by itself, and then `.gz`, `.lz4` or `.zst` follows. A large object is `blob_OID.dat`, packed or
//! not, whatever lists it. A tar of `pg_dump` holds nothing packed, and `restore.sql`, which is not needed here.
//!
//! Invariant: a name from the table of contents is only ever the name of a file right beside it: see [`is_plain`].

mod directory;
mod tar;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::directory::{files, input, is_dump as is_directory};
pub use self::tar::begins as is_tar;

use self::directory::Folder;
use self::tar::Archive;
use super::custom::contents::{self, Contents, Lies};
use super::custom::finish;
use super::custom::format::{Compression, Container, Data};
use super::custom::unpack::{Packed, Spool, Unpacked, unpacking};
use super::database::Dump;
use super::large::{LargeBlocks, LargeObjects, failure};
use super::text::Pass;
use super::walk::Dialect;
use super::window::{Bytes, Got, Halt, STRIDE, Window};
use crate::domain::{Failure, FailureKind};
use crate::sources::feed::Feed;
use crate::sources::input::Input;

/// The table of contents.
const CONTENTS: &str = "toc.dat";
/// What follows the name of a file that is packed by itself.
const PACKED: [(&str, Compression); 4] =
    [("", Compression::None), (".gz", Compression::Gzip), (".lz4", Compression::Lz4), (".zst", Compression::Zstd)];
/// How many missing and refused files are told one by one.
const TOLD: u64 = 8;
/// How many files of a directory are looked at for changes.
const WATCHED: usize = 256;

/// Whether a name can only be that of a file in the directory it is looked for in.
fn is_plain(name: &str) -> bool {
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.bytes().all(usual)
}

/// A file of a dump.
#[derive(Clone)]
enum Member {
    /// One in a directory.
    File { folder: Arc<Folder>, name: Arc<str>, length: u64 },
    /// A stretch of a tar.
    Stretch { feed: Arc<Feed>, start: u64, length: u64 },
}

impl Member {
    fn length(&self) -> u64 {
        match self {
            Self::File { length, .. } | Self::Stretch { length, .. } => *length,
        }
    }

    /// Fills a buffer from an offset; gives how much there was.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length().saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let buffer = &mut buffer[..wanted];
        match self {
            Self::File { folder, name, .. } => folder.read_at(name, offset, buffer),
            Self::Stretch { feed, start, .. } => feed.read_at(start + offset, buffer),
        }
    }
}

/// A file of a dump that is not packed, as what rows are read from.
struct Plain {
    member: Member,
    source: String,
}

impl Bytes for Plain {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<Got, Failure> {
        let read = self.member.read_at(offset, buffer);
        match read.map_err(|e| Failure::io(self.source.as_str(), "read", &e))? {
            0 => Ok(Got::End),
            count => Ok(Got::Some(count)),
        }
    }

    fn known(&self) -> u64 {
        self.member.length()
    }

    fn length(&self) -> Option<u64> {
        Some(self.member.length())
    }
}

/// Reads a file of a dump from its beginning. Nothing is held open meanwhile.
struct Reading {
    member: Member,
    at: u64,
    taken: Arc<AtomicU64>,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.member.read_at(self.at, buffer)?;
        self.at += count as u64;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn packed(member: &Member, compression: Compression) -> io::Result<Packed> {
    let taken: Arc<AtomicU64> = Arc::default();
    let reading = Reading { member: member.clone(), at: 0, taken: taken.clone() };
    // What was opened to be written and never was is empty.
    let reader = match member.length() {
        0 => Box::new(io::empty()),
        _ => unpacking(io::BufReader::with_capacity(64 << 10, reading), compression)?,
    };
    Ok(Packed { reader, taken })
}

/// The files of a dump.
#[derive(Clone)]
enum Members {
    Directory(Arc<Folder>),
    Tar(Arc<Archive>),
}

impl Members {
    /// The file of exactly this name.
    fn exactly(&self, name: &str) -> Result<Option<Member>, String> {
        match self {
            Self::Directory(folder) => folder.member(name),
            Self::Tar(archive) => Ok(archive.member(name)),
        }
    }

    /// The file of a name in the table of contents, and how it is packed.
    fn find(&self, name: &str) -> Result<Option<(Member, Compression)>, String> {
        if !is_plain(name) {
            return Err("that is no name of a file beside the table of contents".into());
        }
        // The name itself says it in dumps that were written when tars could be packed so.
        let named =
            PACKED.iter().skip(1).find(|(end, _)| name.ends_with(end)).map_or(Compression::None, |found| found.1);
        for (end, compression) in PACKED {
            if let Some(member) = self.exactly(&format!("{name}{end}"))? {
                return Ok(Some((member, if end.is_empty() { named } else { compression })));
            }
        }
        Ok(None)
    }
}

/// The large objects of a dump.
struct Objects {
    members: Members,
    source: String,
}

impl LargeBlocks for Objects {
    fn read(&self, oid: u64, most: usize) -> Result<Option<Vec<u8>>, Failure> {
        let fail = |why: &str| failure(&self.source, oid, why);
        let found = self.members.find(&format!("blob_{oid}.dat")).map_err(|why| fail(&why))?;
        let Some((member, compression)) = found else { return Ok(None) };
        let mut object = Vec::new();
        let read = |packed: Packed, object: &mut Vec<u8>| packed.reader.take(most as u64 + 1).read_to_end(object);
        packed(&member, compression).and_then(|packed| read(packed, &mut object)).map_err(|e| fail(&e.to_string()))?;
        match object.len() > most {
            true => Err(fail(&format!("it has more than {most} bytes"))),
            false => Ok(Some(object)),
        }
    }
}

/// Opens a dump in a directory: an input that [`input`] made.
///
/// # Errors
/// When its table of contents cannot be read.
pub fn open_directory(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Dump, Failure> {
    let Some(path) = &input.path else {
        let why = "it has no path";
        return Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", why));
    };
    let folder = Folder::open(path).map_err(|e| Failure::io(input.feed.name(), "open", &e))?;
    let members = Members::Directory(Arc::new(folder));
    let mut seen = |at: u64| looked(at, input.feed.arrived().upto.max(at));
    let mut window = Window::new(&*input.feed, 0, u64::MAX, STRIDE / 4, &mut seen);
    let opened = opened(input, &mut window, members, "PostgreSQL dump, directory format", None);
    let (mut dump, files) = opened.map_err(|halt| halt.failure(input.feed.name()))?;
    let files = files.into_iter().take(WATCHED).map(|name| path.join(name));
    dump.lies_in(std::iter::once(path.join(CONTENTS)).chain(files));
    Ok(dump)
}

/// Opens a dump in a tar.
///
/// # Errors
/// When it holds no table of contents, or that cannot be read.
pub fn open_tar(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Dump, Failure> {
    let source = input.feed.name();
    let mut seen = |at: u64| looked(at, input.feed.arrived().upto.max(at));
    let archive = Archive::read(&input.feed, &mut seen).map_err(|halt| halt.failure(source))?;
    let Some(contents) = archive.member(CONTENTS) else {
        let why = "it is a tar archive without the table of contents of a dump (`toc.dat`)";
        let hint = "if a store is in it, unpack it and name that";
        return Err(Failure::new(FailureKind::Malformed, source, "open", why).hint(hint));
    };
    let archive = Arc::new(archive);
    let contents = Plain { member: contents, source: source.to_owned() };
    let mut go_on = |_| ControlFlow::Continue(());
    let mut window = Window::new(&contents, 0, u64::MAX, STRIDE / 4, &mut go_on);
    let feed = Some(&input.feed);
    let members = Members::Tar(archive.clone());
    let opened = opened(input, &mut window, members, "PostgreSQL dump, tar format", feed);
    let (mut dump, _) = opened.map_err(|halt| halt.failure(source))?;
    dump.caveats.extend(archive.caveats.iter().cloned());
    dump.losses.extend(archive.losses.iter().cloned());
    Ok(dump)
}

/// A dump, and the files its rows are in. `tar` is what they lie in one behind the other.
fn opened(
    input: &Input,
    window: &mut Window<'_>,
    members: Members,
    kind: &str,
    tar: Option<&Arc<Feed>>,
) -> Result<(Dump, Vec<PathBuf>), Halt> {
    let source = input.feed.name();
    let mut pass = Pass::new(input.feed.clone(), Dialect::Postgres, source);
    let contents = Contents::read(window, source, Container::Files, &mut pass)?;
    let mut missing = 0_u64;
    let mut found = Vec::new();
    let mut files = Vec::new();
    // Two entries of one file would have its rows twice.
    let mut used = HashSet::new();
    for entry in contents.with_data.iter().filter(|entry| entry.desc == "TABLE DATA") {
        let Data::In(name) = &entry.data else { continue };
        let member = match used.insert(name) {
            true => members.find(name),
            false => Err("another table has that file".into()),
        };
        let why = match member {
            Ok(Some((member, compression))) => {
                if let Member::File { name, .. } = &member {
                    files.push(PathBuf::from(&**name));
                }
                found.push((entry, member, compression));
                continue;
            }
            Ok(None) => "it is missing".to_owned(),
            Err(why) => why,
        };
        missing += 1;
        if missing <= TOLD {
            let mut name: String = name.chars().take(64).collect();
            name.retain(|c| c != '`');
            pass.catalogue.loss(format!("the rows of `{}` are not shown: their file is `{name}`: {why}", entry.tag));
        }
    }
    if missing > TOLD {
        pass.catalogue
            .loss(format!("the rows of {} tables more are not shown: their files are not there", missing - TOLD));
    }
    // In a tar where nothing is packed rows lie as they do in text.
    let in_place = tar.filter(|_| found.iter().all(|(.., compression)| *compression == Compression::None));
    let packed_bytes = found.iter().map(|(_, member, _)| member.length()).sum();
    let spool = Arc::new(Spool::of(input, packed_bytes));
    for (entry, member, compression) in found {
        let lies = match (in_place, &member, compression) {
            (Some(feed), &Member::Stretch { start, length, .. }, _) => {
                Lies { bytes: feed.clone(), own: false, start, end: start + length }
            }
            (_, _, Compression::None) => Lies::own(Arc::new(Plain { member, source: source.to_owned() })),
            _ => {
                let open = move || packed(&member, compression);
                Lies::own(Arc::new(Unpacked::new(source, spool.clone(), open)))
            }
        };
        contents::add(&mut pass, entry, lies)?;
    }
    let objects = Objects { members, source: source.to_owned() };
    let large = LargeObjects::Blocks(Box::new(objects));
    Ok((finish(input, &contents, pass, kind, large), files))
}
