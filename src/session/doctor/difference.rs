//! Where a stored snapshot and the fold of its events differ first.
//!
//! A snapshot is somebody else's idea of a state: it may have fields the reducer does not know, and lack some it does. Unless
//! it is asked for strictly, only what both have is compared; numbers by their values, however they are written.

use crate::domain::{Json, Number, Path};

/// How two states compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    /// Equal, as far as was looked.
    Same,
    /// They have nothing in common that could be compared.
    Strangers,
    /// The first place that differs, with what the snapshot and what the fold has there.
    Differ(Path, Option<Json>, Option<Json>),
}

/// Compares a stored state with a folded one; `None` is an entity that does not exist.
pub(super) fn compare(stored: &Json, folded: Option<&Json>, strict: bool) -> Comparison {
    let Some(folded) = folded else {
        return match stored {
            Json::Null => Comparison::Same,
            _ => Comparison::Differ(Path::root(), Some(stored.clone()), None),
        };
    };
    let mut walk = Walk { strict, compared: 0 };
    match walk.differ(&Path::root(), stored, folded) {
        Some((path, stored, folded)) => Comparison::Differ(path, stored, folded),
        None if walk.compared == 0 => Comparison::Strangers,
        None => Comparison::Same,
    }
}

type Difference = (Path, Option<Json>, Option<Json>);

struct Walk {
    strict: bool,
    /// Values that were held against each other.
    compared: u64,
}

impl Walk {
    fn differ(&mut self, path: &Path, stored: &Json, folded: &Json) -> Option<Difference> {
        match (stored, folded) {
            (Json::Object(a), Json::Object(b)) => {
                if a.is_empty() && b.is_empty() {
                    self.compared += 1;
                }
                for entry in a.in_order() {
                    let here = path.key(&entry.key);
                    match b.get(&entry.key) {
                        Some(other) => {
                            if let Some(found) = self.differ(&here, &entry.value, other) {
                                return Some(found);
                            }
                        }
                        None if self.strict => return Some((here, Some(entry.value.clone()), None)),
                        None => {}
                    }
                }
                let missing = b.in_order().into_iter().find(|entry| self.strict && a.get(&entry.key).is_none());
                missing.map(|entry| (path.key(&entry.key), None, Some(entry.value.clone())))
            }
            (Json::Array(a), Json::Array(b)) => {
                self.compared += 1;
                for (index, (one, other)) in a.iter().zip(b.iter()).enumerate() {
                    if let Some(found) = self.differ(&path.index(index), one, other) {
                        return Some(found);
                    }
                }
                let shared = a.len().min(b.len());
                let differs = a.len() != b.len();
                differs.then(|| (path.index(shared), a.get(shared).cloned(), b.get(shared).cloned()))
            }
            _ => {
                self.compared += 1;
                let same = match (stored, folded) {
                    (Json::Number(a), Json::Number(b)) => a == b || same_number(a, b),
                    _ => stored == folded,
                };
                (!same).then(|| (path.clone(), Some(stored.clone()), Some(folded.clone())))
            }
        }
    }
}

/// Whether two numbers have one value: `1`, `1.0` and `1e0` have.
fn same_number(a: &Number, b: &Number) -> bool {
    match (parts(&a.to_string()), parts(&b.to_string())) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// A number as sign, digits without zeros at either end, and the power of ten behind them. `None` for an exponent nobody
/// counts with.
fn parts(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let kept = digits.trim_end_matches('0');
    let exponent = exponent.checked_add(i64::try_from(digits.len() - kept.len()).ok()?)?;
    let kept = kept.trim_start_matches('0');
    // Zero has no sign and no power.
    if kept.is_empty() { Some((false, String::new(), 0)) } else { Some((negative, kept.to_owned(), exponent)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).expect("JSON")
    }

    fn differ(a: &str, b: &str, strict: bool) -> Option<String> {
        match compare(&json(a), Some(&json(b)), strict) {
            Comparison::Differ(path, ..) => Some(path.to_string()),
            _ => None,
        }
    }

    #[test]
    fn only_what_both_have_is_compared_unless_strictly() {
        let (stored, folded) =
            (r#"{"a":1,"n":2,"c":{"d":[1,{"x":1}]}}"#, r#"{"z":0,"a":1.0,"c":{"d":[1,{"x":1,"y":2}]}}"#);
        assert_eq!(differ(stored, folded, false), None);
        assert_eq!(differ(stored, folded, true).as_deref(), Some("/n"));
        assert_eq!(differ(folded, stored, true).as_deref(), Some("/z"));
        assert_eq!(differ(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, true).as_deref(), Some("/b"));
    }

    #[test]
    fn the_first_difference_is_told() {
        for (a, b, path) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":3,"a":1}"#, "/b"),
            (r#"{"a":{"b":[1,2,3]}}"#, r#"{"a":{"b":[1,5,3]}}"#, "/a/b/1"),
            (r#"{"a":[1,2]}"#, r#"{"a":[1]}"#, "/a/1"),
            (r#"{"a":"1"}"#, r#"{"a":1}"#, "/a"),
            (r#"{"a":null}"#, r#"{"a":{}}"#, "/a"),
            ("1", "2", ""),
        ] {
            assert_eq!(differ(a, b, false).as_deref(), Some(path), "{a} {b}");
        }
    }

    #[test]
    fn states_without_a_common_field_are_not_compared() {
        assert_eq!(compare(&json(r#"{"a":1}"#), Some(&json(r#"{"b":1}"#)), false), Comparison::Strangers);
        assert_eq!(compare(&json("{}"), Some(&json("{}")), false), Comparison::Same);
        assert_eq!(compare(&Json::Null, None, false), Comparison::Same);
        assert!(matches!(compare(&json("{}"), None, false), Comparison::Differ(..)));
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (a, b, same) in [
            ("1", "1.00", true),
            ("100", "1e2", true),
            ("0.1", "1E-1", true),
            ("-0", "0.0", true),
            ("9007199254740993", "9007199254740992", false),
            ("18446744073709551615", "18446744073709551615.0", true),
            ("1e400", "1e401", false),
            ("-1", "1", false),
        ] {
            assert_eq!(differ(a, b, false).is_none(), same, "{a} {b}");
        }
    }
}
