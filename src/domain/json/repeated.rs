//! Keys that stand twice in one object of a JSON text.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;

/// Keys compared one with the other; more are looked up.
const FEW: usize = 16;

/// An object or a list that is not closed yet.
struct Level {
    is_object: bool,
    /// Where its keys begin among all.
    first: usize,
    /// Whether the next string is a key.
    expects: bool,
}

/// A key that stands twice in one object of a text, as far as that is JSON. It costs a look at each byte, and no memory
/// beyond the keys of the objects that are open.
pub fn repeated_key(text: &[u8]) -> Option<String> {
    let (mut levels, mut keys) = (Vec::<Level>::with_capacity(FEW), Vec::<Cow<'_, [u8]>>::with_capacity(FEW));
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => levels.push(Level { is_object: true, first: keys.len(), expects: true }),
            b'[' => levels.push(Level { is_object: false, first: keys.len(), expects: false }),
            b'}' | b']' => {
                let Level { first, .. } = levels.pop()?;
                if let Some(key) = twice(&keys[first..]) {
                    return Some(String::from_utf8_lossy(key).into_owned());
                }
                keys.truncate(first);
            }
            b',' => {
                if let Some(level) = levels.last_mut() {
                    level.expects = level.is_object;
                }
            }
            b'"' => {
                let (end, is_plain) = end_of_string(text, at)?;
                if let Some(level) = levels.last_mut().filter(|level| level.expects) {
                    level.expects = false;
                    keys.push(match is_plain {
                        true => Cow::Borrowed(&text[at..end]),
                        false => spelled(&text[at - 1..=end]),
                    });
                }
                at = end + 1;
            }
            _ => {}
        }
    }
    // What is cut may have one all the same.
    levels.iter().rev().find_map(|level| twice(keys.get(level.first..)?)).map(|key| String::from_utf8_lossy(key).into())
}

/// Where the string that begins at `from` ends, and whether nothing in it is escaped.
fn end_of_string(text: &[u8], from: usize) -> Option<(usize, bool)> {
    let (mut at, mut is_plain) = (from, true);
    loop {
        let found = at + memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[found] == b'"' {
            return Some((found, is_plain));
        }
        (at, is_plain) = (found + 2, false);
    }
}

/// What a string with escapes spells.
fn spelled(quoted: &[u8]) -> Cow<'_, [u8]> {
    match serde_json::from_slice::<String>(quoted) {
        Ok(text) => Cow::Owned(text.into_bytes()),
        Err(_) => Cow::Borrowed(quoted),
    }
}

fn twice<'a>(keys: &'a [Cow<'_, [u8]>]) -> Option<&'a [u8]> {
    if keys.len() <= FEW {
        return keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key)).map(|(_, key)| &**key);
    }
    let mut seen = HashSet::with_capacity(keys.len());
    keys.iter().find(|key| !seen.insert(&***key)).map(|key| &**key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_in_one_object_is_found() {
        let many = |last: &str| {
            let keys: Vec<String> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
            format!("{{{},\"{last}\":0}}", keys.join(","))
        };
        let (twice, once) = (many("k7"), many("k40"));
        for (text, key) in [
            (r#"{"amount":1,"amount":2}"#, Some("amount")),
            (r#"{"a":{"b":1,"c":2},"b":3}"#, None),
            (r#"{"a":[{"x":1},{"x":2,"y":{"z":0,"z":0}}]}"#, Some("z")),
            (r#"{"a":"a","b":["a","a"],"c":"\"a\":1"}"#, None),
            (r#"{"a":1,"\u0061":2}"#, Some("a")),
            (r#"{"":1, "" : 2}"#, Some("")),
            (r#"{"a":"{\"b\":1,\"b\":2}"}"#, None),
            (r#"{"a":1,"a":2"#, Some("a")),
            ("[]}", None),
            ("\"", None),
            ("12", None),
            (&twice, Some("k7")),
            (&once, None),
        ] {
            assert_eq!(repeated_key(text.as_bytes()).as_deref(), key, "{text}");
        }
    }
}
