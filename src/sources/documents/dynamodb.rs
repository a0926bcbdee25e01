//! DynamoDB: exports to S3 (full and incremental) and what `aws dynamodb scan` prints.
//!
//! Attributes carry their types (`{"N":"12"}`). They are read as the plain JSON they stand for: numbers with all their
//! digits, binaries as base64. Which attribute is what is guessed as in any other file. Items lie in the order of their
//! hashes, which is none.

use bytes::Bytes;

use super::format::{Format, Parts, Reading, Skimmed, Sorting};
use super::generic::Generic;
use crate::domain::About;
use crate::sources::files::mapping::FieldPath;
use crate::sources::files::plan::Plan;
use crate::sources::files::scan;
use crate::sources::files::skim::{Skimmer, elements, members};
use crate::sources::files::value;

/// How deep attributes may be nested; DynamoDB allows 32.
const DEPTH: usize = 64;

/// How the items stand in their records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `{"Item": {…}}`.
    Full,
    /// `{"Metadata": …, "Keys": …, "NewImage": …, "OldImage": …}`.
    Incremental,
    /// The item itself.
    Scan,
}

/// Items of a table.
pub struct DynamoDb {
    /// How they stand in their records.
    pub shape: Shape,
    /// The mapping of their attributes.
    pub mapped: Generic,
}

impl Format for DynamoDb {
    fn about(&self) -> About {
        self.mapped.about()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        self.mapped.wanted()
    }

    fn sorting(&self) -> Sorting {
        Sorting::ByVersion
    }

    fn rewritten(&self, record: &[u8]) -> Option<Result<Vec<u8>, String>> {
        Some(plain(self.shape, record))
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        // A deletion in an incremental export has no new image.
        if record.text == b"{}" { Reading::Aside } else { self.mapped.read(record) }
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        self.mapped.parts(skimmed, record)
    }

    fn asides(&self, count: u64) -> String {
        format!("{count} items were deleted: the export has only their keys")
    }
}

/// The item of a record as plain JSON; `{}` when it was deleted.
///
/// # Errors
/// Why it is no item.
pub fn plain(shape: Shape, record: &[u8]) -> Result<Vec<u8>, String> {
    let (mut item, mut keys) = (None, None);
    let fault = |fault: scan::Fault| format!("{} at byte {}", fault.reason, fault.at);
    Skimmer::new(Plan::default()).skim(record).map_err(fault)?;
    match shape {
        Shape::Scan => item = Some(record),
        Shape::Full => {
            members(record, |key, value| {
                if key == b"\"Item\"" {
                    item = Some(value);
                }
            })
            .map_err(fault)?;
        }
        Shape::Incremental => {
            members(record, |key, value| match key {
                b"\"NewImage\"" => item = Some(value),
                b"\"Keys\"" => keys = Some(value),
                _ => {}
            })
            .map_err(fault)?;
        }
    }
    let mut plain = Vec::with_capacity(record.len());
    match (item, keys) {
        (Some(item), _) => attributes(item, &mut plain, 0)?,
        (None, Some(_)) => plain.extend_from_slice(b"{}"),
        (None, None) => return Err("it has no item".into()),
    }
    Ok(plain)
}

/// An object of attributes.
fn attributes(raw: &[u8], plain: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err("its attributes are nested too deep".into());
    }
    plain.push(b'{');
    let mut result = Ok(());
    let mut is_first = true;
    members(raw, |key, value| {
        if result.is_ok() {
            if !std::mem::take(&mut is_first) {
                plain.push(b',');
            }
            plain.extend_from_slice(key);
            plain.push(b':');
            result = attribute(value, plain, depth);
        }
    })
    .map_err(|fault| format!("{} at byte {}", fault.reason, fault.at))?;
    plain.push(b'}');
    result
}

/// A value with its type.
fn attribute(raw: &[u8], plain: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    let mut typed = Vec::new();
    members(raw, |key, value| typed.push((key, value))).map_err(|_| "an attribute has no type".to_owned())?;
    let [(kind, value)] = typed[..] else { return Err("an attribute does not have one type".into()) };
    match kind {
        b"\"S\"" | b"\"B\"" | b"\"BOOL\"" | b"\"SS\"" | b"\"BS\"" => plain.extend_from_slice(value),
        b"\"NULL\"" => plain.extend_from_slice(b"null"),
        b"\"N\"" => number(value, plain),
        b"\"M\"" => attributes(value, plain, depth + 1)?,
        b"\"NS\"" | b"\"L\"" => {
            let (mut result, mut is_first) = (Ok(()), true);
            if depth > DEPTH {
                return Err("its attributes are nested too deep".into());
            }
            plain.push(b'[');
            elements(value, |element| {
                if !std::mem::take(&mut is_first) {
                    plain.push(b',');
                }
                match kind {
                    b"\"NS\"" => number(element, plain),
                    _ if result.is_ok() => result = attribute(element, plain, depth + 1),
                    _ => {}
                }
            })
            .map_err(|fault| fault.reason.to_owned())?;
            plain.push(b']');
            result?;
        }
        _ => {
            let kind = value::string(kind).unwrap_or_default();
            return Err(format!(
                "an attribute has the type {}, which DynamoDB does not have",
                crate::domain::text::fit(&kind, 20)
            ));
        }
    }
    Ok(())
}

/// A number with all its digits; what is no number stays the text it is.
fn number(raw: &[u8], plain: &mut Vec<u8>) {
    let digits = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
    let is_number = !digits.is_empty() && scan::number(digits, 0) == Ok(digits.len());
    plain.extend_from_slice(if is_number { digits } else { raw });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shape: Shape, record: &str) -> Result<String, String> {
        plain(shape, record.as_bytes()).map(|plain| String::from_utf8(plain).unwrap())
    }

    #[test]
    fn types_are_taken_off() {
        let record = r#"{"Item":{"id":{"S":"a\"b"},"v":{"N":"12345678901234567890123456789012345678"},"b":{"B":"AAE="},"t":{"BOOL":true},"n":{"NULL":true},"m":{"M":{"x":{"L":[{"N":"1.50"},{"S":""}]}}},"s":{"SS":["a","b"]},"ns":{"NS":["1","-2e3"]},"e":{"M":{}}}}"#;
        assert_eq!(
            text(Shape::Full, record).unwrap(),
            r#"{"id":"a\"b","v":12345678901234567890123456789012345678,"b":"AAE=","t":true,"n":null,"m":{"x":[1.50,""]},"s":["a","b"],"ns":[1,-2e3],"e":{}}"#
        );
        let change =
            r#"{"Metadata":{"WriteTimestampMicros":{"N":"1"}},"Keys":{"id":{"S":"a"}},"OldImage":{"id":{"S":"a"}}}"#;
        assert_eq!(text(Shape::Incremental, change).unwrap(), "{}");
        for bad in
            [r#"{"Item":{"id":"a"}}"#, r#"{"Item":{"id":{"X":"a"}}}"#, r#"{"Item":{"id":{"S":"a","N":"1"}}}"#, "{}"]
        {
            assert!(text(Shape::Full, bad).is_err(), "{bad}");
        }
        let deep = format!("{{\"Item\":{{\"a\":{}{{\"S\":\"\"}}{}}}}}", "{\"L\":[".repeat(200), "]}".repeat(200));
        assert!(text(Shape::Full, &deep).unwrap_err().contains("too deep"));
    }
}
