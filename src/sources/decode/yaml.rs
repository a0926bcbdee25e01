//! YAML to JSON text, as Ruby writes it: symbols (`:amount`) lose their colon, objects keep the name of their class under
//! `$type`, decimals and times keep their digits.
//!
//! Plain words are read by the core schema of YAML 1.2 (`yes` is a word, not a truth), which all that Ruby writes obeys.

use std::collections::HashMap;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::json::Writer;
use super::{DEPTH, Reading, Refused};

/// The reading of a YAML document; `None` where it is none.
pub fn read(bytes: &Bytes) -> Option<Reading> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut walk =
        Walk { out: Writer::new(bytes.len()), open: Vec::new(), anchors: HashMap::new(), symbols: false, documents: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let Ok((event, _)) = event else { return None };
        match walk.event(event) {
            Ok(()) => {}
            Err(Refused::Other) => return None,
            Err(Refused::Because(why)) => return Some(Reading::refused("YAML", why)),
        }
    }
    if walk.documents != 1 {
        return None;
    }
    let name = if walk.symbols { "YAML (symbol keys)" } else { "YAML" };
    Some(Reading::decoded(name, walk.out.text))
}

struct Walk {
    out: Writer,
    open: Vec<Open>,
    /// Where what an anchor names was written.
    anchors: HashMap<usize, Range<usize>>,
    symbols: bool,
    documents: usize,
}

/// A collection that is not closed yet.
struct Open {
    map: bool,
    /// How many keys and values (or elements) it has so far.
    count: usize,
    anchor: usize,
    start: usize,
    /// Where the key begins that is a collection itself.
    key: Option<usize>,
}

impl Walk {
    fn event(&mut self, event: Event<'_>) -> Result<(), Refused> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Refused::Because("several documents"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let key = self.before()?;
                let start = self.out.text.len();
                if key {
                    self.key(&text, style)?;
                } else {
                    self.scalar(&text, style, tag.as_deref())?;
                }
                self.after(anchor, start, key)
            }
            Event::Alias(anchor) => {
                let key = self.before()?;
                let start = self.out.text.len();
                let known = self.anchors.get(&anchor).cloned();
                self.out.again(known.ok_or(Refused::Because("it holds itself"))?)?;
                if key {
                    self.stringify(start)?;
                }
                self.after(0, start, key)
            }
            Event::SequenceStart(anchor, _) => self.start(false, anchor, None),
            Event::MappingStart(anchor, tag) => self.start(true, anchor, tag.as_deref().and_then(class)),
            Event::SequenceEnd => self.end("]"),
            Event::MappingEnd => self.end("}"),
            _ => Ok(()),
        }
    }

    /// Writes what stands between this value and the one before; tells whether it is a key.
    fn before(&mut self) -> Result<bool, Refused> {
        let Some(open) = self.open.last_mut() else { return Ok(false) };
        let key = open.map && open.count % 2 == 0;
        let between = match (open.map, key) {
            (true, false) => ":",
            _ if open.count > 0 => ",",
            _ => "",
        };
        self.out.raw(between)?;
        Ok(key)
    }

    /// A value is written.
    fn after(&mut self, anchor: usize, start: usize, _key: bool) -> Result<(), Refused> {
        if anchor > 0 {
            self.anchors.insert(anchor, start..self.out.text.len());
        }
        if let Some(open) = self.open.last_mut() {
            open.count += 1;
        }
        Ok(())
    }

    fn start(&mut self, map: bool, anchor: usize, class: Option<String>) -> Result<(), Refused> {
        if self.open.len() >= DEPTH {
            return Err(Refused::Because("nested too deep"));
        }
        let key = self.before()?;
        let start = self.out.text.len();
        self.out.raw(if map { "{" } else { "[" })?;
        let mut count = 0;
        if let Some(class) = class {
            self.out.raw("\"$type\":")?;
            self.out.string(&class)?;
            count = 2;
        }
        self.open.push(Open { map, count, anchor, start, key: key.then_some(start) });
        Ok(())
    }

    fn end(&mut self, bracket: &str) -> Result<(), Refused> {
        let open = self.open.pop().ok_or(Refused::Other)?;
        self.out.raw(bracket)?;
        if let Some(start) = open.key {
            self.stringify(start)?;
        }
        self.after(open.anchor, open.start, open.key.is_some())
    }

    /// Makes a JSON string of the JSON text written from here on, unless it is one.
    fn stringify(&mut self, start: usize) -> Result<(), Refused> {
        if !self.out.text[start..].starts_with('"') {
            let text = self.out.text.split_off(start);
            self.out.string(&text)?;
        }
        Ok(())
    }

    fn key(&mut self, text: &str, style: ScalarStyle) -> Result<(), Refused> {
        let name = symbol(text, style);
        self.symbols |= name.is_some();
        self.out.string(name.unwrap_or(text))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<(), Refused> {
        match tag.map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str())) {
            Some((_, "ruby/object:BigDecimal")) => {
                // The precision stands before the digits: `18:0.1e3`.
                let digits = text.split_once(':').map_or(text, |(_, digits)| digits);
                match decimal(digits) {
                    Some(number) => self.out.raw(&number),
                    None => self.out.string(digits),
                }
            }
            Some((_, "ruby/symbol" | "ruby/sym")) => self.out.string(text),
            Some((_, "binary")) => {
                let text: String = text.split_ascii_whitespace().collect();
                match STANDARD.decode(&text) {
                    // Ruby writes so whatever it takes for bytes, texts too.
                    Ok(bytes) => match std::str::from_utf8(&bytes) {
                        Ok(text) => self.out.string(text),
                        Err(_) => self.out.binary(&bytes),
                    },
                    Err(_) => self.out.string(&text),
                }
            }
            Some((true, "str")) => self.out.string(text),
            Some((true, _)) => self.plain(text),
            Some(_) => self.out.string(text),
            None if style == ScalarStyle::Plain => match symbol(text, style) {
                Some(name) => self.out.string(name),
                None => self.plain(text),
            },
            None => self.out.string(text),
        }
    }

    /// A word without quotes.
    fn plain(&mut self, text: &str) -> Result<(), Refused> {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => self.out.raw("null"),
            "true" | "True" | "TRUE" => self.out.raw("true"),
            "false" | "False" | "FALSE" => self.out.raw("false"),
            ".nan" | ".NaN" | ".NAN" => self.out.string("NaN"),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" => self.out.string("Infinity"),
            "-.inf" | "-.Inf" | "-.INF" => self.out.string("-Infinity"),
            _ => {
                let unsigned = text.strip_prefix('+').unwrap_or(text);
                match unsigned.strip_prefix("0x").map(|digits| u128::from_str_radix(digits, 16)) {
                    Some(Ok(number)) => self.out.raw(&number.to_string()),
                    _ if is_number(unsigned) => self.out.raw(unsigned),
                    _ => self.out.string(text),
                }
            }
        }
    }
}

/// The class of a mapping that is a Ruby object or a struct; hashes of any class are just mappings.
fn class(tag: &Tag) -> Option<String> {
    let name = tag.suffix.strip_prefix("ruby/object:").or_else(|| tag.suffix.strip_prefix("ruby/struct:"));
    name.or_else(|| tag.suffix.strip_prefix("ruby/exception:")).map(str::to_owned)
}

/// The name of a symbol (`:amount`, `:"two words"`).
fn symbol(text: &str, style: ScalarStyle) -> Option<&str> {
    let name = text.strip_prefix(':').filter(|name| style == ScalarStyle::Plain && !name.is_empty())?;
    Some(name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name))
}

/// Whether a text is a number as JSON spells them.
fn is_number(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first == b'-' || first.is_ascii_digit())
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// The usual spelling of what Ruby writes of a decimal number: `0.12345e3` is 123.45.
fn decimal(text: &str) -> Option<String> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (digits, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut exponent: i128 = exponent.parse::<i32>().ok()?.into();
    exponent -= fraction.len() as i128;
    let mut all = all.trim_start_matches('0').to_owned();
    // A whole number keeps its zeros, a fraction its point.
    while (1..=32).contains(&exponent) {
        all.push('0');
        exponent -= 1;
    }
    if all.is_empty() {
        return Some(format!("{sign}0.0"));
    }
    if exponent == 0 {
        all.push('0');
        exponent = -1;
    }
    while exponent < -1 && all.len() > 1 && all.ends_with('0') {
        all.pop();
        exponent += 1;
    }
    Some(super::cbor::scaled(&format!("{sign}{all}"), exponent))
}
