//! How much memory a value holds that another one does not hold already: an estimate, for budgets.

use std::mem::size_of;

use super::object::Entry;
use super::{Array, Json, MAX_DEPTH, Object, Pair};

/// Reference counts, capacity and the allocator's own words, per allocation.
const ALLOCATION: usize = 32;

impl Json {
    /// About how many bytes of memory this value holds beyond what it shares with `old`. Parts that are equal but not
    /// shared count. Costs what differs, not what is there.
    pub fn unshared_bytes(&self, old: Option<&Json>) -> usize {
        value(old, self, 0)
    }
}

fn value(old: Option<&Json>, new: &Json, depth: usize) -> usize {
    if depth > MAX_DEPTH || old.is_some_and(|old| old.same(new)) {
        return 0;
    }
    match (old, new) {
        (_, Json::Null | Json::Bool(_) | Json::Number(_)) => 0,
        (_, Json::String(text) | Json::Verbatim(text)) => text.len() + ALLOCATION,
        (Some(Json::Object(old)), Json::Object(new)) => object(old, new, depth),
        (_, Json::Object(new)) => object(&Object::default(), new, depth),
        (Some(Json::Array(old)), Json::Array(new)) => array(old, new, depth),
        (_, Json::Array(new)) => array(&Array::default(), new, depth),
    }
}

fn object(old: &Object, new: &Object, depth: usize) -> usize {
    let mut bytes = ALLOCATION + size_of::<usize>() * new.chunks().len();
    for pair in old.pairs(new) {
        bytes += match pair {
            Pair::Left(_) => 0,
            Pair::Right(entry) => size_of::<Entry>() + value(None, &entry.value, depth + 1),
            Pair::Both(old, new) => size_of::<Entry>() + value(Some(&old.value), &new.value, depth + 1),
        };
    }
    bytes
}

fn array(old: &Array, new: &Array, depth: usize) -> usize {
    let mut bytes = ALLOCATION + size_of::<usize>() * new.chunks().len();
    for (n, chunk) in new.chunks().iter().enumerate() {
        let before = old.chunks().get(n);
        if before.is_some_and(|before| std::sync::Arc::ptr_eq(before, chunk)) {
            continue;
        }
        for (m, element) in chunk.iter().enumerate() {
            bytes += size_of::<Json>() + value(before.and_then(|before| before.get(m)), element, depth + 1);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_shared_weighs() {
        let text = format!(r#"{{"wide":{{{}}},"list":[{}]}}"#, wide(1000), vec!["\"element\""; 500].join(","));
        let old = Json::parse(text.as_bytes()).expect("JSON");
        let whole = old.unshared_bytes(None);
        assert!(whole > text.len(), "{whole}");
        let mut new = old.clone();
        assert_eq!(new.unshared_bytes(Some(&old)), 0);
        let Json::Object(root) = &mut new else { panic!("an object") };
        let Some(Json::Object(wide)) = root.get_mut("wide") else { panic!("an object") };
        wide.insert("key7".into(), Json::string("changed"));
        let changed = new.unshared_bytes(Some(&old));
        assert!(changed > 0 && changed < whole / 20, "{changed} of {whole}");
    }

    fn wide(keys: usize) -> String {
        (0..keys).map(|n| format!(r#""key{n}":"value {n}""#)).collect::<Vec<_>>().join(",")
    }
}
