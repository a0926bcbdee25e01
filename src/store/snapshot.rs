//! Snapshots: states kept so that a fold need not begin at the first event. A cache: losing one costs a longer fold.

use super::codec::u64_at;
use super::error::StoreError;
use super::index::{Index, Trouble, get_parts, guarded, key_text, put_parts, transact};
use crate::domain::{StreamName, Version};

/// A state after an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The version of the last event that is folded into it.
    pub version: Version,
    /// The state, as it was given.
    pub state: Vec<u8>,
}

fn prefix(stream: &StreamName, fold: &str) -> Vec<u8> {
    let mut key = Vec::new();
    key_text(&mut key, fold);
    key_text(&mut key, stream.as_str());
    key
}

impl Index {
    pub(super) fn save_snapshot(&self, stream: &StreamName, fold: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut key = prefix(stream, fold);
        key.extend_from_slice(&snapshot.version.0.to_be_bytes());
        let packed = lz4_flex::block::compress_prepend_size(&snapshot.state);
        guarded(|| transact(|| self.snapshots.transaction(|tree| put_parts(tree, &key, &packed))))?;
        Ok(())
    }

    pub(super) fn load_snapshot(
        &self,
        stream: &StreamName,
        fold: &str,
        at_most: Option<Version>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let prefix = prefix(stream, fold);
        let end = [&prefix[..], &at_most.map_or(u64::MAX, |version| version.0).to_be_bytes(), &[0xff, 0xff]].concat();
        let found = guarded(|| {
            for entry in self.snapshots.range(prefix.clone()..end).rev() {
                let (key, _) = entry?;
                let Some(key) = key.strip_suffix(&[0, 0]).filter(|key| key.len() == prefix.len() + 8) else {
                    continue;
                };
                // One that is damaged is none: an earlier one, or none, gives the same state.
                let Ok(Some(packed)) = get_parts(&self.snapshots, key) else { continue };
                let Ok(state) = lz4_flex::block::decompress_size_prepended(&packed) else { continue };
                let mut version = [0; 8];
                version.copy_from_slice(&key[prefix.len()..]);
                let version = Version(u64_at(&version, 0).swap_bytes());
                return Ok::<_, Trouble>(Some(Snapshot { version, state }));
            }
            Ok(None)
        })?;
        Ok(found)
    }
}
