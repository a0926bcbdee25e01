//! The files in a tar: where each lies. They are read in place.
//!
//! Invariant: what is kept of a tar is bounded, whatever its headers say: see [`MOST_OBJECTS`] and [`MOST_TEXT`].

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tar::{EntryType, Header, PaxExtensions};

use super::{CONTENTS, Member, PACKED};
use crate::sources::dumps::window::{Halt, SIP, Window};
use crate::sources::feed::Feed;

/// The length of a header, and what the length of a file is filled up to.
const BLOCK: u64 = 512;
/// How many large objects are known by their places.
const MOST_OBJECTS: usize = 4 << 20;
/// How many bytes of names are kept.
const MOST_TEXT: usize = 32 << 20;
/// The longest name, and the longest list of attributes, that are read before a header.
const LONGEST: u64 = 64 << 10;

/// A stretch of the tar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stretch {
    start: u64,
    length: u64,
}

/// A large object: its number, how it is packed, where it lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Object {
    oid: u32,
    packed: u8,
    start: u64,
    length: u64,
}

/// The files beside the table of contents in a tar.
pub struct Archive {
    feed: Arc<Feed>,
    files: HashMap<String, Stretch>,
    /// In the order of their numbers.
    objects: Vec<Object>,
    /// What the user must know.
    pub caveats: Vec<String>,
    /// Those of the caveats that say that something is missing.
    pub losses: Vec<String>,
}

/// Whether a tar begins as one of a dump does: its first file is one of those `pg_dump` writes.
pub fn begins(head: &[u8]) -> bool {
    let mut at = 0_usize;
    while let Some(block) = head.get(at..at + BLOCK as usize) {
        let Some(header) = header(block) else { return false };
        let passed = matches!(
            header.entry_type(),
            EntryType::Directory | EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName
        );
        if !passed {
            let path = header.path_bytes();
            return split(&path).is_some_and(|(_, name)| is_of_dump(name));
        }
        let Some(length) = header.entry_size().ok().and_then(|length| usize::try_from(length).ok()) else {
            return false;
        };
        let Some(next) = length.checked_next_multiple_of(BLOCK as usize) else { return false };
        let Some(next) = next.checked_add(at + BLOCK as usize) else { return false };
        at = next;
    }
    false
}

/// Whether `pg_dump` gives files names like this.
fn is_of_dump(name: &str) -> bool {
    let name = PACKED.iter().skip(1).find_map(|(end, _)| name.strip_suffix(end)).unwrap_or(name);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    name == CONTENTS
        || name.strip_suffix(".dat").is_some_and(|name| digits(name.strip_prefix("blob_").unwrap_or(name)))
        || name == "blobs.toc"
        || name.strip_prefix("blobs_").and_then(|name| name.strip_suffix(".toc")).is_some_and(digits)
}

/// A header whose sum is right.
fn header(block: &[u8]) -> Option<&Header> {
    if block.len() != BLOCK as usize {
        return None;
    }
    let header = Header::from_byte_slice(block);
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    // The sum itself counts as blanks.
    let sum = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
    header.cksum().is_ok_and(|written| written == sum).then_some(header)
}

/// A path as the directory and the name in it; `None` for what leads out of the tar.
fn split(path: &[u8]) -> Option<(&str, &str)> {
    let mut path = std::str::from_utf8(path).ok()?;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return None;
    }
    Some(path.rsplit_once('/').unwrap_or(("", path)))
}

/// The number of a large object, and how its file is packed.
fn object(name: &str) -> Option<(u32, u8)> {
    let (oid, end) = name.strip_prefix("blob_")?.split_once(".dat")?;
    let packed = PACKED.iter().position(|(packed, _)| *packed == end)?;
    let oid: u32 = oid.parse().ok().filter(|number: &u32| number.to_string() == oid)?;
    Some((oid, u8::try_from(packed).ok()?))
}

/// How a walk over a tar ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// At its end, or where it was told to.
    Found,
    /// Where there is nothing more.
    Cut,
    /// At what is no header.
    Damaged(u64),
}

impl Archive {
    /// Reads where the files lie. Waits until all of the tar has arrived.
    ///
    /// # Errors
    /// When it cannot be read, or nobody wants it any more.
    pub fn read(feed: &Arc<Feed>, seen: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<Self, Halt> {
        let mut window = Window::new(&**feed, 0, u64::MAX, SIP, seen);
        let mut archive = Self {
            feed: feed.clone(),
            files: HashMap::new(),
            objects: Vec::new(),
            caveats: Vec::new(),
            losses: Vec::new(),
        };
        // First where the table of contents is: in a tar of `pg_dump` at the very beginning.
        let mut directory = None;
        walk(&mut window, &mut |path, _| {
            directory = split(path).filter(|(_, name)| *name == CONTENTS).map(|(directory, _)| directory.to_owned());
            directory.is_none()
        })?;
        let Some(directory) = directory else { return Ok(archive) };
        let (mut text, mut left_out, mut others) = (0_usize, 0_u64, 0_u64);
        let end = walk(&mut window, &mut |path, stretch| {
            let Some((lies_in, name)) = split(path) else { return true };
            if lies_in != directory {
                others += u64::from(name == CONTENTS);
                return true;
            }
            match object(name) {
                Some((oid, packed)) if archive.objects.len() < MOST_OBJECTS => {
                    archive.objects.push(Object { oid, packed, start: stretch.start, length: stretch.length });
                }
                None if text + name.len() + 96 <= MOST_TEXT => {
                    text += name.len() + 96;
                    // As `pg_restore` has it, which reads from the front.
                    archive.files.entry(name.to_owned()).or_insert(stretch);
                }
                _ => left_out += 1,
            }
            true
        })?;
        archive.objects.sort_unstable();
        archive.trim();
        match end {
            End::Found => {}
            End::Cut => archive.losses.push("the tar was cut: what is behind the cut is missing".into()),
            End::Damaged(at) => {
                archive.losses.push(format!("the tar is damaged at byte {at}: what is behind that is missing"));
            }
        }
        if left_out > 0 {
            archive
                .losses
                .push(format!("the tar holds more files than can be found again; {left_out} files more are not shown"));
        }
        archive.caveats.extend(archive.losses.iter().cloned());
        if others > 0 {
            archive.caveats.push(format!("the tar holds {} dumps; the first of them is shown", others + 1));
        }
        Ok(archive)
    }

    /// Lets no file be longer than what is there.
    fn trim(&mut self) {
        let upto = self.feed.arrived().upto;
        let there = |start: u64, length: u64| length.min(upto.saturating_sub(start));
        self.files.values_mut().for_each(|file| file.length = there(file.start, file.length));
        self.objects.iter_mut().for_each(|object| object.length = there(object.start, object.length));
    }

    /// The file of this name.
    pub fn member(&self, name: &str) -> Option<Member> {
        let Stretch { start, length } = match object(name) {
            Some((oid, packed)) => {
                let at = self.objects.partition_point(|object| (object.oid, object.packed) < (oid, packed));
                let found = self.objects.get(at).filter(|object| (object.oid, object.packed) == (oid, packed))?;
                Stretch { start: found.start, length: found.length }
            }
            None => *self.files.get(name)?,
        };
        Some(Member::Stretch { feed: self.feed.clone(), start, length })
    }
}

/// Walks over the files of a tar until `told`, which gets the path and place of each, wants no more.
fn walk(window: &mut Window<'_>, told: &mut dyn FnMut(&[u8], Stretch) -> bool) -> Result<End, Halt> {
    let mut at = 0_u64;
    // What stands before a header and says more than it can.
    let (mut long_name, mut long_size): (Option<Vec<u8>>, Option<u64>) = (None, None);
    loop {
        window.go(at, u64::MAX);
        let block = window.at_least(at, BLOCK as usize)?;
        let block = &block[..block.len().min(BLOCK as usize)];
        if block.len() < BLOCK as usize {
            return Ok(End::Cut);
        }
        if block.iter().all(|&byte| byte == 0) {
            return Ok(End::Found);
        }
        let Some(header) = header(block) else { return Ok(End::Damaged(at)) };
        let Some(length) = long_size.take().or_else(|| header.entry_size().ok()) else { return Ok(End::Damaged(at)) };
        let start = at + BLOCK;
        let next = length.checked_next_multiple_of(BLOCK).and_then(|length| start.checked_add(length));
        let Some(next) = next.filter(|&next| next < 1 << 62) else { return Ok(End::Damaged(at)) };
        let kind = header.entry_type();
        match kind {
            EntryType::GNULongName | EntryType::XHeader if length <= LONGEST => {
                let text = window.at_least(start, length as usize)?;
                let text = &text[..text.len().min(length as usize)];
                if kind == EntryType::GNULongName {
                    let end = memchr::memchr(0, text).unwrap_or(text.len());
                    long_name = Some(text[..end].to_vec());
                } else {
                    for attribute in PaxExtensions::new(text).flatten() {
                        match attribute.key_bytes() {
                            b"path" => long_name = Some(attribute.value_bytes().to_vec()),
                            b"size" => long_size = attribute.value().ok().and_then(|size| size.parse().ok()),
                            _ => {}
                        }
                    }
                }
            }
            EntryType::Regular | EntryType::Continuous => {
                let path = long_name.take().unwrap_or_else(|| header.path_bytes().into_owned());
                if !told(&path, Stretch { start, length }) {
                    return Ok(End::Found);
                }
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            _ => long_name = None,
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    #[test]
    fn a_tar_of_a_dump_is_known_by_its_first_file() {
        for name in ["toc.dat", "./toc.dat", "shop/toc.dat", "a/b/3012.dat.gz", "blob_1.dat.zst", "blobs_12.toc"] {
            assert!(begins(&tar(&[(name, b"")])), "{name}");
        }
        for name in ["events.jsonl", "toc.dat/x", "x.dat", "blob_.dat", "3012.dat.xz", "stream.dat"] {
            assert!(!begins(&tar(&[(name, b"")])), "{name}");
        }
        let mut damaged = tar(&[("toc.dat", b"")]);
        damaged[0] ^= 1;
        assert!(!begins(&damaged));
        assert!(!begins(b"") && !begins(&[0; 512]));
    }

    #[test]
    fn paths_do_not_lead_out() {
        assert_eq!(split(b"toc.dat"), Some(("", "toc.dat")));
        assert_eq!(split(b"././a/toc.dat"), Some(("a", "toc.dat")));
        for path in [&b"/toc.dat"[..], b"../toc.dat", b"a/../../toc.dat", b"a\xff"] {
            assert_eq!(split(path), None);
        }
    }

    #[test]
    fn large_objects_are_known_by_their_numbers() {
        assert_eq!(object("blob_16400.dat"), Some((16400, 0)));
        assert_eq!(object("blob_0.dat.zst"), Some((0, 3)));
        for name in ["blob_01.dat", "blob_+1.dat", "blob_4294967296.dat", "blob_1.dat.xz", "blobs.toc", "1.dat"] {
            assert_eq!(object(name), None, "{name}");
        }
    }
}
