//! Projections: read models built from all events, each stored together with how far it is built.
//!
//! A model and its checkpoint change in one transaction, so that after any crash the model is that of its checkpoint and
//! going on from there neither misses an event nor applies one twice. A model that is not what was written (its entries
//! do not add up to what the checkpoint says) is rebuilt.

use std::collections::BTreeMap;

use super::codec::{Cursor, put, u64_at};
use super::error::StoreError;
use super::history::History;
use super::index::{
    Index, Trouble, get_parts, guarded, key_text, put_parts, remove_parts, sum, transact, transact_both,
};
use crate::domain::{Cancel, Event, EventQuery, Scope};

/// Events folded in one transaction.
const BATCH: usize = 512;

/// How far a projection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProjectionStatus {
    /// The position of the last event folded into its read model; 0 before the first.
    pub checkpoint: u64,
    /// The position of the last event of the store.
    pub head: u64,
    /// Whether its read model had been damaged and was rebuilt.
    pub rebuilt: bool,
}

impl ProjectionStatus {
    /// How many events it is behind.
    pub fn lag(&self) -> u64 {
        self.head.saturating_sub(self.checkpoint)
    }
}

/// What is stored beside a model.
#[derive(Clone, Copy, Default)]
struct Checkpoint {
    position: u64,
    /// Models are never emptied: rebuilding begins another one.
    generation: u64,
    entries: u64,
    /// The sums of all entries, added up.
    sum: u64,
}

impl Checkpoint {
    fn read(index: &Index, name: &str) -> Result<Option<Self>, Trouble> {
        let Some(value) = guarded(|| get_parts(&index.checkpoints, name.as_bytes()))? else { return Ok(None) };
        let mut from = Cursor(&value);
        let mut number = || from.number().ok_or_else(|| Trouble::Damaged("a checkpoint cannot be read".into()));
        let (position, generation, entries) = (number()?, number()?, number()?);
        let sum = u64_at(from.take(8).unwrap_or_default(), 0);
        Ok(Some(Self { position, generation, entries, sum }))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, self.position);
        put(&mut bytes, self.generation);
        put(&mut bytes, self.entries);
        bytes.extend_from_slice(&self.sum.to_le_bytes());
        bytes
    }

    fn write(&self, index: &Index, name: &str) -> Result<(), Trouble> {
        let bytes = self.bytes();
        guarded(|| transact(|| index.checkpoints.transaction(|tree| put_parts(tree, name.as_bytes(), &bytes))))
    }
}

fn tree_name(name: &str, generation: u64) -> String {
    format!("model {generation} {name}")
}

fn entry_key(key: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    key_text(&mut bytes, key);
    bytes
}

fn entry_sum(key: &[u8], value: &[u8]) -> u64 {
    u64::from(sum(key, value)) + 1
}

/// A read model while it is folded: entries by key. What a fold changes is stored together with its checkpoint.
pub struct ReadModel<'a> {
    tree: &'a sled::Tree,
    changed: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What the current event changed, and what was changed there before it.
    undo: Vec<Undo>,
    failed: Option<Trouble>,
}

/// A key, and what was to become of it before; the outer `None` when it was untouched.
type Undo = (Vec<u8>, Option<Option<Vec<u8>>>);

impl ReadModel<'_> {
    /// The value of an entry.
    pub fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        let key = entry_key(key);
        if let Some(changed) = self.changed.get(&key) {
            return changed.clone();
        }
        guarded(|| get_parts(self.tree, &key)).unwrap_or_else(|trouble| {
            self.failed.get_or_insert(trouble);
            None
        })
    }

    /// Sets an entry.
    pub fn put(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.change(entry_key(key), Some(value.into()));
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &str) {
        self.change(entry_key(key), None);
    }

    fn change(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let before = self.changed.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    /// Takes back what the current event changed.
    fn take_back(&mut self) {
        for (key, before) in self.undo.drain(..).rev() {
            match before {
                Some(before) => drop(self.changed.insert(key, before)),
                None => drop(self.changed.remove(&key)),
            }
        }
    }
}

/// What a projection does with an event; an error in words stops it there.
pub type Fold<'a> = dyn FnMut(&mut ReadModel<'_>, &Event) -> Result<(), String> + 'a;

impl Index {
    /// Folds what is not folded yet.
    pub(super) fn project(
        &self,
        history: &History,
        name: &str,
        cancel: &Cancel,
        fold: &mut Fold<'_>,
    ) -> Result<ProjectionStatus, StoreError> {
        let (mut checkpoint, rebuilt) = match self.whole(name, history.events_known()) {
            Ok(checkpoint) => (checkpoint, false),
            Err(Trouble::Damaged(_)) => (self.start_over(name)?, true),
            Err(trouble) => return Err(trouble.into()),
        };
        let tree = self.tree(&tree_name(name, checkpoint.generation))?;
        while checkpoint.position < history.events_known() && !cancel.is_cancelled() {
            let page = history.events(&EventQuery::at(Scope::All, checkpoint.position, BATCH), cancel)?;
            let mut model = ReadModel { tree: &tree, changed: BTreeMap::new(), undo: Vec::new(), failed: None };
            let mut next = checkpoint;
            let mut failure = None;
            for event in &page.events {
                model.undo.clear();
                if let Err(why) = fold(&mut model, event) {
                    // What came before it is kept, what it did itself is not.
                    model.take_back();
                    failure = Some((next.position + 1, why));
                    break;
                }
                next.position += 1;
            }
            if let Some(trouble) = model.failed.take() {
                return Err(trouble.into());
            }
            checkpoint = self.store_model(name, &tree, next, &model.changed)?;
            if let Some((position, why)) = failure {
                return Err(StoreError::Projection { name: name.to_owned(), position, why });
            }
        }
        Ok(ProjectionStatus { checkpoint: checkpoint.position, head: history.events_known(), rebuilt })
    }

    fn store_model(
        &self,
        name: &str,
        tree: &sled::Tree,
        mut next: Checkpoint,
        changed: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Result<Checkpoint, StoreError> {
        for (key, value) in changed {
            if let Some(old) = guarded(|| get_parts(tree, key))? {
                next.entries -= 1;
                next.sum = next.sum.wrapping_sub(entry_sum(key, &old));
            }
            if let Some(new) = value {
                next.entries += 1;
                next.sum = next.sum.wrapping_add(entry_sum(key, new));
            }
        }
        let bytes = next.bytes();
        transact_both(tree, &self.checkpoints, |model, checkpoints| {
            for (key, value) in changed {
                match value {
                    Some(value) => put_parts(model, key, value)?,
                    None => remove_parts(model, key)?,
                }
            }
            put_parts(checkpoints, name.as_bytes(), &bytes)
        })?;
        Ok(next)
    }

    /// The checkpoint of a model whose entries add up to it.
    fn whole(&self, name: &str, head: u64) -> Result<Checkpoint, Trouble> {
        let checkpoint = Checkpoint::read(self, name)?.unwrap_or_default();
        let (mut entries, mut total) = (0, 0_u64);
        self.each_entry(name, checkpoint, |key, value| {
            entries += 1;
            total = total.wrapping_add(entry_sum(key, value));
        })?;
        if (entries, total) != (checkpoint.entries, checkpoint.sum) || checkpoint.position > head {
            return Err(Trouble::Damaged("a read model does not add up to its checkpoint".into()));
        }
        Ok(checkpoint)
    }

    fn each_entry(
        &self,
        name: &str,
        checkpoint: Checkpoint,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Trouble> {
        let tree = self.tree(&tree_name(name, checkpoint.generation))?;
        guarded(|| {
            for entry in tree.iter() {
                let (key, _) = entry?;
                if let Some(key) = key.strip_suffix(&[0, 0])
                    && key.ends_with(&[0, 1])
                    && let Some(value) = get_parts(&tree, key)?
                {
                    visit(key, &value);
                }
            }
            Ok(())
        })
    }

    /// Begins another model in place of the one there is.
    fn start_over(&self, name: &str) -> Result<Checkpoint, Trouble> {
        let old = Checkpoint::read(self, name).unwrap_or_default().unwrap_or_default();
        let new = Checkpoint { generation: old.generation + 1, ..Checkpoint::default() };
        // What a crash left of an earlier attempt is not built upon.
        self.drop_tree(&tree_name(name, new.generation))?;
        new.write(self, name)?;
        self.drop_tree(&tree_name(name, old.generation))?;
        Ok(new)
    }

    pub(super) fn rebuild_projection(&self, name: &str) -> Result<(), StoreError> {
        self.start_over(name)?;
        Ok(())
    }

    pub(super) fn projection_status(&self, name: &str, head: u64) -> Result<ProjectionStatus, StoreError> {
        let checkpoint = Checkpoint::read(self, name)?.unwrap_or_default();
        Ok(ProjectionStatus { checkpoint: checkpoint.position, head, rebuilt: false })
    }

    pub(super) fn model(&self, name: &str) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let checkpoint = Checkpoint::read(self, name)?.unwrap_or_default();
        let mut model = BTreeMap::new();
        self.each_entry(name, checkpoint, |key, value| {
            let mut text = Vec::with_capacity(key.len());
            let mut bytes = key[..key.len() - 2].iter();
            while let Some(&byte) = bytes.next() {
                text.push(byte);
                if byte == 0 {
                    bytes.next();
                }
            }
            model.insert(String::from_utf8_lossy(&text).into_owned(), value.to_vec());
        })?;
        Ok(model)
    }
}
