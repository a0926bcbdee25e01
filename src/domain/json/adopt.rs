//! Re-sharing: a value read again from text takes over the parts of an older one that are equal.
//!
//! A script or a program answers with a whole state. Adopted, it costs what differs from the state before it, and
//! comparing the two is pointers again. Invariant: the result equals the new value exactly, order of keys included.

use std::sync::Arc;

use super::object::{Entry, Object};
use super::{Array, Json, MAX_DEPTH};

/// `new`, made of the parts of `old` wherever they are equal; `old` itself when all of it is. One walk over both.
pub fn adopt(old: &Json, new: Json) -> Json {
    value(old, new, 0).0
}

/// The adopted value, and whether it is `old`.
fn value(old: &Json, new: Json, depth: usize) -> (Json, bool) {
    if depth > MAX_DEPTH {
        return (new, false);
    }
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let (object, same) = object(old, new, depth);
            (Json::Object(object), same)
        }
        (Json::Array(old), Json::Array(new)) => {
            let (array, same) = array(old, new, depth);
            (Json::Array(array), same)
        }
        (old, new) if *old == new => (old.clone(), true),
        (_, new) => (new, false),
    }
}

/// An entry of the new object on its way, and the entry of the old one it is paired with.
struct Paired {
    entry: Entry,
    old: Option<usize>,
    same: bool,
}

fn object(old: &Object, new: Object, depth: usize) -> (Object, bool) {
    if old.same(&new) {
        return (new, true);
    }
    let before: Vec<&Entry> = old.sorted().collect();
    let mut entries: Vec<Paired> = Vec::with_capacity(new.len());
    let mut at = 0;
    for mut entry in new.into_sorted() {
        while before.get(at).is_some_and(|old| old.key < entry.key) {
            at += 1;
        }
        match before.get(at).filter(|old| old.key == entry.key) {
            Some(old) => {
                let (value, same) = value(&old.value, std::mem::take(&mut entry.value), depth + 1);
                entries.push(Paired {
                    entry: Entry { key: old.key.clone(), order: entry.order, value },
                    old: Some(at),
                    same,
                });
                at += 1;
            }
            None => entries.push(Paired { entry, old: None, same: false }),
        }
    }
    let Some(next) = take_over_order(&before, &mut entries) else {
        // Keys moved: the chunks cannot be shared, the values still are.
        return (Object::from_sorted(entries.into_iter().map(|paired| paired.entry).collect()), false);
    };
    if entries.len() == before.len() && entries.iter().all(|paired| paired.same) {
        return (old.clone(), true);
    }
    (Object::from_chunks(chunks(old, entries), next.max(old.next_order())), false)
}

/// Numbers the entries so that those paired keep the number of their old entry and all spell the new order. `None`, and
/// nothing done, when no such numbers exist. Otherwise the next free number.
fn take_over_order(before: &[&Entry], entries: &mut [Paired]) -> Option<u32> {
    let mut written: Vec<usize> = (0..entries.len()).collect();
    written.sort_unstable_by_key(|&n| entries[n].entry.order);
    let mut next = 0;
    let mut numbers = Vec::with_capacity(entries.len());
    for &n in &written {
        let number = entries[n].old.map_or(next, |old| before[old].order);
        if number < next {
            return None;
        }
        numbers.push(number);
        next = number.checked_add(1)?;
    }
    for (&n, number) in written.iter().zip(numbers) {
        entries[n].entry.order = number;
    }
    Some(next)
}

/// Lays the entries out along the chunks of the old object, sharing each chunk that did not change.
fn chunks(old: &Object, entries: Vec<Paired>) -> Vec<Arc<Vec<Entry>>> {
    let mut chunks = Vec::with_capacity(old.chunks().len() + 1);
    let mut entries = entries.into_iter().peekable();
    let mut end = 0;
    for (n, chunk) in old.chunks().iter().enumerate() {
        end += chunk.len();
        let last = n + 1 == old.chunks().len();
        let mut part: Vec<Paired> = Vec::with_capacity(chunk.len());
        while let Some(paired) = entries.next_if(|paired| last || paired.old.is_none_or(|at| at < end)) {
            part.push(paired);
        }
        if part.len() == chunk.len() && part.iter().all(|paired| paired.same) {
            chunks.push(chunk.clone());
        } else {
            Object::split_into(&mut chunks, part.into_iter().map(|paired| paired.entry).collect());
        }
    }
    Object::split_into(&mut chunks, entries.map(|paired| paired.entry).collect());
    chunks
}

fn array(old: &Array, new: Array, depth: usize) -> (Array, bool) {
    if old.same(&new) {
        return (new, true);
    }
    let len = new.len();
    let shorter = len.min(old.len());
    // Elements keep their index from the front; where lengths differ, those behind the change are found from the end.
    let suffix = if len == old.len() {
        0
    } else {
        old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count()
    };
    let mut elements = Vec::with_capacity(len);
    let mut same = Vec::with_capacity(len);
    let mut front = true;
    for (n, element) in new.into_elements().enumerate() {
        let behind = len - n;
        let (element, is_old) = match () {
            () if n < shorter && (front || behind > suffix) => match old.get(n) {
                Some(old) => value(old, element, depth + 1),
                None => (element, false),
            },
            () if behind <= suffix => (old.get(old.len() - behind).cloned().unwrap_or(element), false),
            () => (element, false),
        };
        front &= is_old;
        elements.push(element);
        same.push(is_old);
    }
    if len == old.len() && same.iter().all(|same| *same) {
        return (old.clone(), true);
    }
    let mut array = Array::from_iter(elements);
    array.share_chunks(old, &same);
    (array, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn adopted(old: &Json, text: &str) -> Json {
        let new = adopt(old, json(text));
        assert_eq!(new.to_string(), text);
        new
    }

    #[test]
    fn what_is_equal_is_shared_and_the_rest_is_new() {
        let old = json(r#"{"a":{"x":[1,2]},"b":"text","c":{"y":"z"}}"#);
        assert!(adopted(&old, &old.to_string()).same(&old));
        let new = adopted(&old, r#"{"a":{"x":[1,2]},"b":"other","c":{"y":"z"},"d":null}"#);
        for key in ["a", "c"] {
            assert!(new.get(key).zip(old.get(key)).is_some_and(|(new, old)| new.same(old)), "{key}");
        }
    }

    #[test]
    fn the_new_order_of_keys_wins() {
        let old = json(r#"{"a":[1],"b":[2],"c":[3]}"#);
        for text in [
            r#"{"c":[3],"b":[2],"a":[1]}"#,
            r#"{"a":[1],"n":0,"b":[2],"c":[3]}"#,
            r#"{"b":[2],"c":[3]}"#,
            r#"{"a":[1],"n":0,"c":[3]}"#,
            r#"{"a":[1],"a":[9],"b":[2],"c":[3]}"#,
            r#"{}"#,
        ] {
            let new = adopted(&old, text);
            assert!(adopted(&new, &old.to_string()) == old);
        }
    }

    #[test]
    fn chunks_that_did_not_change_are_shared() {
        let text = |changed: usize| {
            let pairs: Vec<String> =
                (0..5000).map(|n| format!("\"key{n}\":{}", if n == changed { -1 } else { n as i64 })).collect();
            format!("{{{}}}", pairs.join(","))
        };
        let (old, new) = (json(&text(9999)), adopt(&json(&text(9999)), json(&text(77))));
        assert_eq!(new, json(&text(77)));
        let (Json::Object(first), Json::Object(second)) = (&old, &adopt(&old, json(&text(77)))) else { panic!() };
        let shared = second.chunks().iter().filter(|new| first.chunks().iter().any(|old| Arc::ptr_eq(old, new)));
        assert_eq!(shared.count(), first.chunks().len() - 1);
    }

    #[test]
    fn arrays_share_both_ends() {
        let numbers = |range: std::ops::Range<i64>| range.map(|n| format!("[{n}]")).collect::<Vec<_>>();
        let mut elements = numbers(0..300);
        let old = json(&format!("[{}]", elements.join(",")));
        elements.remove(100);
        let new = adopted(&old, &format!("[{}]", elements.join(",")));
        let (Json::Array(old), Json::Array(new)) = (&old, &new) else { panic!() };
        assert!(Arc::ptr_eq(&old.chunks()[0], &new.chunks()[0]));
        assert!(old.get(200).zip(new.get(199)).is_some_and(|(old, new)| old.same(new)));
        elements.push("null".into());
        adopted(&Json::Array(new.clone()), &format!("[{}]", elements.join(",")));
        adopted(&Json::Array(new.clone()), "[]");
    }
}
