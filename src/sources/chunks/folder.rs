//! Which files of a database folder make up its log, and up to where they count.
//!
//! Nothing is opened that is not a regular file, and nothing is ever written, locked or created.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::header::{FRAME, Footer, Header, Transform, checkpoint, footer, header};
use crate::regular;

/// A file larger than this cannot be addressed; servers write chunks of 256 MiB.
pub const LARGEST_FILE: u64 = 1 << 36;

/// A file of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Its name in the folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// How long it is.
    pub length: u64,
    /// Its header.
    pub header: Header,
    /// Its footer, when it was completed.
    pub footer: Option<Footer>,
}

impl Chunk {
    fn look(path: PathBuf, name: &str, number: i64) -> Result<Self, String> {
        let metadata = std::fs::metadata(&path).map_err(|e| e.to_string())?;
        if !metadata.is_file() {
            return Err("it is no regular file".into());
        }
        let file = regular::open(&path).map_err(|e| e.to_string())?;
        let length = file.metadata().map_err(|e| e.to_string())?.len();
        if length >= LARGEST_FILE {
            return Err(format!("it has {length} bytes, more than any chunk"));
        }
        let header = header(&file)?;
        if header.first != number {
            return Err(format!("its header says that it is chunk {}", header.first));
        }
        // A broken footer takes nothing away but its own word: what is in front of it still reads.
        let footer = match header.transform {
            Transform::Identity => footer(&file, length).unwrap_or_default(),
            _ => None,
        };
        Ok(Self { name: name.into(), path, length, header, footer })
    }

    /// Whether records lie elsewhere than the log says.
    pub fn moved(&self) -> bool {
        self.header.scavenged || self.footer.is_some_and(|footer| footer.map > 0)
    }

    /// Up to where records may lie in the file, and whether that is certain: otherwise zeros end them.
    pub fn data(&self, writer: Option<i64>) -> (u64, bool) {
        let complete = self.footer.map(|footer| FRAME + footer.data);
        let end = complete.unwrap_or(self.length.min(FRAME.saturating_add(self.logical())));
        // In a scavenged chunk only the records' own positions tell what is before the writer's.
        match writer.filter(|&writer| !self.moved() && writer <= self.header.end()) {
            Some(writer) => {
                let written = u64::try_from(writer - self.header.start()).unwrap_or(0);
                (end.min(FRAME.saturating_add(written)), true)
            }
            None => (end, complete.is_some()),
        }
    }

    fn logical(&self) -> u64 {
        u64::try_from(self.header.end() - self.header.start()).unwrap_or(0)
    }
}

/// What a folder holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Folder {
    /// The files that make up the log, in its order.
    pub chunks: Vec<Chunk>,
    /// Up to where the log was written.
    pub writer: Option<i64>,
    /// From where on the node will cut the log when it starts next.
    pub truncate: Option<i64>,
    /// What is wrong with the folder, one sentence each.
    pub caveats: Vec<String>,
    /// Why events are missing, one sentence each.
    pub losses: Vec<String>,
}

/// The number and the version in the name of a chunk: `chunk-000001.000002`.
fn parts(name: &str) -> Option<(i64, u32)> {
    let (number, version) = name.strip_prefix("chunk-")?.split_once('.')?;
    let six = |digits: &str| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
    (six(number) && six(version)).then_some(())?;
    Some((number.parse().ok()?, version.parse().ok()?))
}

/// Whether a directory holds the chunks of a log.
pub fn is_folder(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let mut chunks =
        entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(|name| parts(name).is_some()));
    let writer = || checkpoint(&directory.join(CHECKPOINTS[0])).is_ok_and(|writer| writer.is_some());
    // A name alone is not enough: either the checkpoint or the header must say the same.
    chunks.any(|entry| {
        let path = entry.path();
        std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file())
            && (writer() || regular::open(&path).is_ok_and(|file| header(&file).is_ok()))
    })
}

/// The checkpoints that are read.
const CHECKPOINTS: [&str; 2] = ["writer.chk", "truncate.chk"];

/// The files a folder is read from: its chunks and checkpoints.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_read = |name: &str| parts(name).is_some() || CHECKPOINTS.contains(&name);
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_read));
    let mut files: Vec<_> = named.map(|entry| entry.path()).collect();
    files.sort_unstable();
    files
}

impl Folder {
    /// Looks at the files of a directory.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn look(directory: &Path) -> io::Result<Self> {
        let mut folder = Self::default();
        let mut versions: BTreeMap<i64, Vec<(u32, String)>> = BTreeMap::new();
        for entry in std::fs::read_dir(directory)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some((number, version)) = parts(name) {
                versions.entry(number).or_default().push((version, name.to_owned()));
            }
        }
        folder.checkpoints(directory);
        let mut next = versions.keys().next().copied().unwrap_or(0);
        if next > 0 {
            folder.caveats.push(format!("the log begins with chunk {next}: what was before it is not here"));
        }
        for (number, mut names) in versions {
            // Merged into the one before, whatever still lies there.
            if number < next {
                continue;
            }
            names.sort_unstable();
            let Some(chunk) = folder.newest(directory, number, &names) else { continue };
            if number > next {
                folder.missing(next, number - 1);
            }
            next = chunk.header.last + 1;
            folder.chunks.push(chunk);
        }
        folder.beyond();
        Ok(folder)
    }

    /// The newest version of a chunk that is one. An older one stands in for it when it is not.
    fn newest(&mut self, directory: &Path, number: i64, names: &[(u32, String)]) -> Option<Chunk> {
        for (_, name) in names.iter().rev() {
            match Chunk::look(directory.join(name), name, number) {
                Ok(mut chunk) => {
                    // Only a scavenge merges: without one, the header is damaged, and would hide the chunks behind it.
                    if chunk.header.last > number && !chunk.header.scavenged {
                        let last = std::mem::replace(&mut chunk.header.last, number);
                        self.caveats
                            .push(format!("{name} says that it goes on to chunk {last}, without a scavenge: ignored"));
                    }
                    return Some(chunk);
                }
                Err(why) => self.losses.push(format!("{name} cannot be read: {why}")),
            }
        }
        None
    }

    fn missing(&mut self, first: i64, last: i64) {
        let which = if first == last { format!("chunk {first} is") } else { format!("chunks {first} to {last} are") };
        self.losses.push(format!("{which} missing: the events in between are not here"));
    }

    fn checkpoints(&mut self, directory: &Path) {
        match checkpoint(&directory.join(CHECKPOINTS[0])) {
            Ok(Some(writer)) if writer >= 0 => self.writer = Some(writer),
            Ok(Some(writer)) => {
                self.caveats.push(format!("writer.chk says {writer}: read as far as records are whole"))
            }
            Ok(None) => self.caveats.push("there is no writer.chk: read as far as records are whole".into()),
            Err(why) => {
                self.caveats.push(format!("writer.chk cannot be read ({why}): read as far as records are whole"))
            }
        }
        match checkpoint(&directory.join(CHECKPOINTS[1])) {
            Ok(truncate) => self.truncate = truncate.filter(|&at| at >= 0),
            Err(why) => self.caveats.push(format!("truncate.chk cannot be read: {why}")),
        }
    }

    /// Says what lies behind the writer, and what should be there and is not.
    fn beyond(&mut self) {
        let Some(writer) = self.writer else { return };
        let behind = self.chunks.partition_point(|chunk| chunk.header.start() < writer);
        for chunk in self.chunks.drain(behind..) {
            // A chunk begun and not written to is nothing to speak of.
            if chunk.footer.is_some() || chunk.header.start() > writer {
                let name = &chunk.name;
                self.caveats.push(format!("{name} lies behind the end of the log by writer.chk ({writer}): not read"));
            }
        }
        let Some(chunk) = self.chunks.last() else { return };
        if chunk.header.end() < writer {
            self.losses.push(format!("the log ends with {}, before the end by writer.chk ({writer})", chunk.name));
        } else if chunk.footer.is_none() && !chunk.moved() {
            let written = u64::try_from(writer - chunk.header.start()).unwrap_or(0).saturating_add(FRAME);
            if written > chunk.length {
                self.losses.push(format!("{} ends before the end of the log by writer.chk ({writer})", chunk.name));
            }
        }
        let open = self.chunks.iter().rev().skip(1);
        let open: Vec<_> =
            open.filter(|chunk| chunk.footer.is_none() && chunk.header.transform == Transform::Identity).collect();
        let caveats: Vec<_> = open
            .iter()
            .rev()
            .map(|chunk| format!("{} has no footer that can be read: read as far as its records are whole", chunk.name))
            .collect();
        self.caveats.extend(caveats);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_chunks() {
        assert_eq!(parts("chunk-000012.000003"), Some((12, 3)));
        for name in
            ["chunk-000012.000003.tmp", "chunk-12.3", "chunk-0000012.000003", "chunk-00001a.000003", "writer.chk"]
        {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
