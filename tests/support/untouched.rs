//! Proves that looking at files changed nothing: names, sizes, contents, times, modes.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a folder was like.
pub struct Untouched {
    folder: PathBuf,
    files: BTreeMap<PathBuf, State>,
}

#[derive(PartialEq, Eq, Debug)]
struct State {
    size: u64,
    mode: u32,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    content: u64,
}

impl Untouched {
    /// Looks at a folder and everything in it.
    pub fn look(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        walk(folder, &mut files);
        Self { folder: folder.to_path_buf(), files }
    }

    /// Fails unless the folder is as it was.
    pub fn assert_same(&self, what: &str) {
        let mut now = BTreeMap::new();
        walk(&self.folder, &mut now);
        let names = |files: &BTreeMap<PathBuf, State>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&now), names(&self.files), "{what}: files came or went");
        for (path, state) in &self.files {
            assert_eq!(now.get(path), Some(state), "{what}: {} changed", path.display());
        }
    }
}

fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, State>) {
    put(folder, 0, files);
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            let mut hasher = DefaultHasher::new();
            std::fs::read(&path).expect("readable").hash(&mut hasher);
            put(&path, hasher.finish(), files);
        }
    }
}

fn put(path: &Path, content: u64, files: &mut BTreeMap<PathBuf, State>) {
    let metadata = std::fs::symlink_metadata(path).expect("there");
    let state = State {
        size: metadata.size(),
        mode: metadata.mode(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        content,
    };
    files.insert(path.to_path_buf(), state);
}
