//! The index: what can be built again from the journal, kept in sled.
//!
//! sled is outside the trust path. It may panic on a flipped bit and hide a lost tail, so: every value carries a checksum,
//! what belongs together is written in one transaction, what it says is compared with the journal, and a database that is
//! wrong is set aside and rebuilt. It is never flushed before an append is acknowledged, and it never holds one value
//! an event: the columns of the catalog lie in blocks, and long values in parts below the size that sled would put into
//! files of their own. This module and `projection` and `snapshot` are the only ones that name it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional, TransactionalTree};

use super::append::Origin;
use super::catalog::{Catalog, End};
use super::codec::{Cursor, put, u32_at, u64_at};
use super::disk::{create_private_folder, keep_private, recorded};
use super::error::StoreError;
use super::journal::Grows;

/// Events gathered before they are written to the index.
const BLOCK: u64 = 1024;
/// The longest value given to sled: it puts larger ones into files of their own, without a sync.
const PART: usize = 16 << 10;
/// The memory sled is asked to be content with, in bytes. It takes a multiple.
const CACHE: u64 = 8 << 20;
const FORMAT: u8 = 1;
const APPLIED: &[u8] = b"applied";

/// What is wrong with an index.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It does not hold what was written to it.
    Damaged(String),
    /// It cannot be used now (no space, no right), which says nothing about what it holds.
    Unavailable(String),
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Damaged(why) | Trouble::Unavailable(why) => Self::Index(why),
        }
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        use std::io::ErrorKind;
        match error {
            sled::Error::Io(error) if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) => {
                Self::Unavailable(error.to_string())
            }
            other => Self::Damaged(other.to_string()),
        }
    }
}

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does something with sled; a panic of its is damage. The panic hook keeps quiet about it, because it is no end of the
/// program and must not put a terminal back.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                before(info);
            }
        }));
    });
    let outer = CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(outer);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let first = text.as_deref().and_then(|text| text.lines().next()).unwrap_or("no reason given").to_owned();
        Err(Trouble::Damaged(format!("the database panicked: {first}")))
    })
}

/// An opened index.
#[derive(Clone)]
pub(super) struct Index {
    db: sled::Db,
    blocks: sled::Tree,
    pub(super) snapshots: sled::Tree,
    pub(super) checkpoints: sled::Tree,
}

/// What the index was given so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Applied {
    /// Events in whole and open blocks.
    pub(super) events: u64,
    /// The number of the open block, the last one, which is written again until it is full.
    block: u32,
    /// Its first event.
    first: u64,
}

/// Where the index of a store lies.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("index")
}

/// What can be told of an index without opening it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// Its database is there.
    There,
    /// There is none. An emptied folder is none.
    Missing,
    /// It has lost its database.
    Broken,
}

impl Presence {
    /// What is to be said of it, as verifying says it.
    pub(super) fn words(self) -> Option<&'static str> {
        match self {
            Self::There => None,
            Self::Missing => Some("missing; it is built by the next writer"),
            Self::Broken => Some("damaged: its database is missing; it is set aside and rebuilt by the next writer"),
        }
    }
}

/// Whether there is one.
pub(super) fn presence(directory: &Path) -> Presence {
    let path = path(directory);
    let is_there = |name: &str| path.join(name).is_file();
    match is_there("db") {
        true => Presence::There,
        false if is_there("lookup") || is_there("told") => Presence::Broken,
        false => Presence::Missing,
    }
}

/// Whether there is one, in whole or in part.
pub(super) fn is_index(directory: &Path) -> bool {
    presence(directory) != Presence::Missing
}

/// Moves an index out of the way; nothing is removed.
pub(super) fn set_aside(directory: &Path) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    loop {
        let to = directory.join(format!("index.damaged-{number}"));
        if !to.exists() {
            std::fs::rename(path(directory), &to).map_err(|error| StoreError::io("set the index aside", error))?;
            return Ok(to);
        }
        number += 1;
    }
}

impl Index {
    /// Opens it, or makes an empty one.
    pub(super) fn open(directory: &Path) -> Result<Self, Trouble> {
        let path = path(directory);
        // A clock that sled panics at says nothing about what is in the files.
        recorded(SystemTime::now()).map_err(|error| Trouble::Unavailable(error.to_string()))?;
        let linked = std::fs::read_dir(&path).into_iter().flatten().flatten().find(|entry| entry.path().is_symlink());
        if let Some(entry) = linked {
            let name = entry.file_name().to_string_lossy().into_owned();
            return Err(Trouble::Damaged(format!("its file {name} is a link, and nothing is written through links")));
        }
        // sled makes its files as open as the user's mask says; nobody else gets as far as them.
        drop(create_private_folder(&path));
        remove_half_snapshots(&path);
        let started = Instant::now();
        loop {
            let opened = guarded(|| {
                let config = sled::Config::new().path(&path).cache_capacity(CACHE).flush_every_ms(Some(500));
                let db = config.open()?;
                let tree = |name: &str| db.open_tree(name);
                let (blocks, snapshots) = (tree("blocks")?, tree("snapshots")?);
                keep_private(&path);
                Ok(Self { blocks, snapshots, checkpoints: tree("checkpoints")?, db })
            });
            match opened {
                // The threads of an instance that was just closed hold the lock for a moment longer.
                Err(Trouble::Unavailable(why))
                    if why.contains("acquire lock") && started.elapsed() < Duration::from_secs(1) =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                other => return other,
            }
        }
    }

    /// A tree of the index.
    pub(super) fn tree(&self, name: &str) -> Result<sled::Tree, Trouble> {
        guarded(|| Ok(self.db.open_tree(name)?))
    }

    /// Removes a tree.
    pub(super) fn drop_tree(&self, name: &str) -> Result<(), Trouble> {
        guarded(|| {
            self.db.drop_tree(name)?;
            Ok(())
        })
    }

    /// Waits until what was written is on disk.
    pub(super) fn flush(&self) -> Result<(), Trouble> {
        guarded(|| {
            self.db.flush()?;
            Ok(())
        })
    }

    /// Fills an empty catalog with what the blocks hold; `None` when nothing was ever applied. An error says why what is
    /// there cannot be believed; the catalog is of no use then.
    pub(super) fn load(&self, store: &[u8; 16], catalog: &mut Catalog) -> Result<Option<Applied>, Trouble> {
        let wrong = |why: &str| Trouble::Damaged(why.to_owned());
        guarded(|| {
            let Some(value) = get_parts(&self.blocks, APPLIED)? else { return Ok(None) };
            if value.len() < 17 || value[0] != FORMAT || value[1..17] != *store {
                return Err(wrong("it belongs to another store or another version"));
            }
            let mut from = Cursor(&value[17..]);
            let mut number = || from.number().ok_or_else(|| wrong("its summary cannot be read"));
            let (events, seq, segment, offset) = (number()?, number()?, number()?, number()?);
            let (block, first, origins) = (number()?, number()?, number()?);
            let segment = u32::try_from(segment).map_err(|_| wrong("its summary cannot be read"))?;
            let block = u32::try_from(block).map_err(|_| wrong("its summary cannot be read"))?;
            let origins: Option<Vec<Origin>> = (0..origins)
                .map(|_| {
                    let source = u64_at(from.take(8)?, 0);
                    let next = from.number()?;
                    Some(Origin { source, next, last: u64_at(from.take(8)?, 0) })
                })
                .collect();
            let origins = origins.ok_or_else(|| wrong("its summary cannot be read"))?;
            for number in 0..=block {
                // The open block is not there when the last one was just filled.
                match get_parts(&self.blocks, &number.to_be_bytes())? {
                    Some(bytes) => catalog.absorb(&bytes).ok_or_else(|| wrong("a block of it cannot be read"))?,
                    None if number == block && first == events => {}
                    None => return Err(wrong("a block of it is missing")),
                }
            }
            if catalog.events() != events || catalog.seq() != seq {
                return Err(wrong("its blocks do not add up to its summary"));
            }
            catalog.resume(End { segment, offset }, origins);
            Ok(Some(Applied { events, block, first }))
        })
    }

    /// Writes what the catalog has beyond `applied`, when it fills a block or when asked to `finish`; the block and what
    /// is applied then in one transaction.
    pub(super) fn advance(
        &self,
        store: &[u8; 16],
        catalog: &Catalog,
        applied: &mut Applied,
        finish: bool,
    ) -> Result<(), Trouble> {
        let events = catalog.events();
        let full = events - applied.first >= BLOCK;
        if events == applied.events || !(full || finish) {
            return Ok(());
        }
        let block = catalog.block(applied.first as u32);
        let now = if full {
            Applied { events, block: applied.block + 1, first: events }
        } else {
            Applied { events, ..*applied }
        };
        let mut value = vec![FORMAT];
        value.extend_from_slice(store);
        let End { segment, offset } = catalog.end();
        let origins = &catalog.origins;
        for number in
            [events, catalog.seq(), u64::from(segment), offset, u64::from(now.block), now.first, origins.len() as u64]
        {
            put(&mut value, number);
        }
        for origin in origins.values() {
            value.extend_from_slice(&origin.source.to_le_bytes());
            put(&mut value, origin.next);
            value.extend_from_slice(&origin.last.to_le_bytes());
        }
        let key = applied.block.to_be_bytes();
        guarded(|| {
            transact(|| {
                self.blocks.transaction(|blocks| {
                    put_parts(blocks, &key, &block)?;
                    put_parts(blocks, APPLIED, &value)
                })
            })
        })?;
        *applied = now;
        Ok(())
    }

    /// Looks at every value; an error says what is wrong.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        guarded(|| {
            for name in self.db.tree_names() {
                let tree = self.db.open_tree(&name)?;
                if name.starts_with(b"__sled") {
                    continue;
                }
                for entry in tree.iter() {
                    let (key, _) = entry?;
                    if let Some(key) = key.strip_suffix(&[0, 0]) {
                        get_parts(&tree, key)?;
                    }
                }
            }
            Ok(())
        })
    }
}

/// sled takes a snapshot it had only half written for its newest one and then refuses to open, for ever; the whole ones
/// before it hold everything.
fn remove_half_snapshots(path: &Path) {
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Runs a transaction, telling its two kinds of error apart.
pub(super) fn transact<T>(run: impl FnOnce() -> Result<T, TransactionError<Trouble>>) -> Result<T, Trouble> {
    run().map_err(|error| match error {
        TransactionError::Abort(trouble) => trouble,
        TransactionError::Storage(error) => error.into(),
    })
}

/// One transaction over two trees.
pub(super) fn transact_both<T>(
    one: &sled::Tree,
    other: &sled::Tree,
    run: impl Fn(&TransactionalTree, &TransactionalTree) -> Result<T, ConflictableTransactionError<Trouble>>,
) -> Result<T, Trouble> {
    guarded(|| transact(|| (one, other).transaction(|(one, other)| run(one, other))))
}

fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    [key, &part.to_be_bytes()].concat()
}

/// How many parts a value of this length has. The first one begins with the length and the checksum of the whole.
fn parts(length: usize) -> usize {
    (length + 8).div_ceil(PART)
}

/// Writes a value in parts, and removes what an earlier, longer value leaves behind.
pub(super) fn put_parts(
    tree: &TransactionalTree,
    key: &[u8],
    value: &[u8],
) -> Result<(), ConflictableTransactionError<Trouble>> {
    let before = tree.get(part_key(key, 0))?.map_or(0, |first| parts(u32_at(&first, 0) as usize));
    let mut whole = Vec::with_capacity(value.len() + 8);
    whole.extend_from_slice(&(value.len() as u32).to_le_bytes());
    whole.extend_from_slice(&sum(key, value).to_le_bytes());
    whole.extend_from_slice(value);
    if parts(value.len()) > usize::from(u16::MAX) {
        return Err(ConflictableTransactionError::Abort(Trouble::Unavailable("a value is longer than 1 GiB".into())));
    }
    for (number, part) in whole.chunks(PART).enumerate() {
        tree.insert(part_key(key, number as u16), part)?;
    }
    for number in parts(value.len())..before {
        tree.remove(part_key(key, number as u16))?;
    }
    Ok(())
}

/// Removes a value.
pub(super) fn remove_parts(tree: &TransactionalTree, key: &[u8]) -> Result<(), ConflictableTransactionError<Trouble>> {
    let before = tree.get(part_key(key, 0))?.map_or(0, |first| parts(u32_at(&first, 0) as usize));
    for number in 0..before {
        tree.remove(part_key(key, number as u16))?;
    }
    Ok(())
}

/// Reads a value; one that is not what was written is damage.
pub(super) fn get_parts(tree: &sled::Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
    let Some(first) = tree.get(part_key(key, 0))? else { return Ok(None) };
    let (length, expected) = (u32_at(&first, 0) as usize, u32_at(&first, 4));
    let mut value = first.get(8..).unwrap_or_default().to_vec();
    for number in 1..parts(length) {
        let part = tree.get(part_key(key, number as u16))?;
        value.extend_from_slice(&part.ok_or_else(|| Trouble::Damaged("a part of a value is missing".into()))?);
    }
    if value.len() != length || sum(key, &value) != expected {
        return Err(Trouble::Damaged("the checksum of a value does not match".into()));
    }
    Ok(Some(value))
}

/// The checksum covers the key, so that no value passes for another one.
pub(super) fn sum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

/// Writes text into a key so that no two sequences of texts give the same bytes and their order is kept.
pub(super) fn key_text(key: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xff);
        }
    }
    key.extend_from_slice(&[0, 1]);
}
