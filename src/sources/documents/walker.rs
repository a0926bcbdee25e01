//! From the bytes of a document to its records, one after the other, whatever stands around them.
//!
//! Invariant: a fault costs the records it touches. After one, the next record is the next object that can be read as an
//! event, or that begins a line as the broken one did; the work spent on looking for it stays within a multiple of the
//! bytes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cursor::{Cursor, Value};
use super::scan::{Outcome, Scanner};
use crate::domain::Failure;
use crate::sources::feed::Feed;

/// What stands around the records of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framing {
    /// A record a line.
    Lines,
    /// JSON values one after the other, or in arrays.
    Values,
    /// The elements of the array that objects, one after the other or in an array, have under this key.
    Under(&'static str),
}

/// What comes next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A record: its offset and its text without line breaks.
    Record(u64, Vec<u8>),
    /// A line without one.
    Blank,
    /// What is no record, and why.
    Bad(u64, String),
    /// A record too large to be read, and its size.
    Large(u64, u64),
    /// Nothing.
    End,
}

/// How much of the looking for the next record is paid for by each byte walked.
const PATIENCE: u64 = 16;

/// How far back the beginning of a line is looked for.
const INDENTED: usize = 256;

/// Walks through a document.
pub struct Walker<'a> {
    cursor: Cursor<'a>,
    feed: &'a Arc<Feed>,
    framing: Framing,
    state: State,
    /// How many bytes were scanned while looking for a record after a fault.
    spent: u64,
    begun: u64,
    /// How many of them cost nothing.
    spare: u64,
    /// A piece of the file and where it begins.
    piece: (u64, Vec<u8>),
    /// Whether the last document says that there is more than it holds.
    goes_on: bool,
}

/// What a page of an answer says where more follow: DynamoDB, its command line, Temporal.
const CONTINUED: [&[u8]; 4] = [b"\"LastEvaluatedKey\"", b"\"NextToken\"", b"\"nextToken\"", b"\"nextPageToken\""];

/// How much of the file is read to see how lines begin.
const PIECE: usize = 16 << 10;

/// How much looking for the next record costs nothing when a document is read, and when it is found out what it is.
const SPARE: u64 = 64 << 20;
const SPARE_AT_FIRST: u64 = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before a document.
    Outside,
    /// In an array, before an element.
    Element,
    /// In an array, after one.
    AfterElement,
    Ended,
}

impl<'a> Walker<'a> {
    /// From an offset on.
    pub fn new(feed: &'a Arc<Feed>, stop: &'a AtomicBool, framing: Framing, start: u64) -> Self {
        let cursor = Cursor::new(feed, stop, start);
        Self {
            cursor,
            feed,
            framing,
            state: State::Outside,
            spent: 0,
            begun: start,
            spare: SPARE,
            piece: (0, Vec::new()),
            goes_on: false,
        }
    }

    /// The same, but as if the feed ended at an offset, to find out what it is.
    pub fn within(mut self, limit: u64) -> Self {
        self.cursor = self.cursor.within(limit);
        self.spare = SPARE_AT_FIRST;
        self
    }

    /// How far it has come.
    pub fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// Whether the last document says that there is more than it holds.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// The next record. `is_event` tells whether a text can be read as one; it is asked after faults.
    ///
    /// # Errors
    /// When the feed cannot be read.
    pub fn next(&mut self, is_event: &mut dyn FnMut(&[u8]) -> bool) -> Result<Step, Failure> {
        self.cursor.release();
        if self.state == State::Ended {
            return Ok(Step::End);
        }
        match self.framing {
            Framing::Lines => self.line(),
            Framing::Values => self.element(is_event),
            Framing::Under(key) => match self.state {
                State::Outside => match self.find(key)? {
                    Some(step) => Ok(step),
                    None => self.element(is_event),
                },
                _ => self.element(is_event),
            },
        }
    }

    fn line(&mut self) -> Result<Step, Failure> {
        if self.cursor.peek()?.is_none() {
            return Ok(self.end());
        }
        let start = self.cursor.offset();
        Ok(match self.cursor.line()? {
            Err(size) => Step::Large(start, size),
            Ok((range, _)) => {
                let line = self.cursor.bytes(range);
                match line.iter().all(u8::is_ascii_whitespace) {
                    true => Step::Blank,
                    false => Step::Record(start, line.to_vec()),
                }
            }
        })
    }

    fn end(&mut self) -> Step {
        self.state = State::Ended;
        Step::End
    }

    fn element(&mut self, is_event: &mut dyn FnMut(&[u8]) -> bool) -> Result<Step, Failure> {
        loop {
            let byte = self.cursor.space()?;
            let start = self.cursor.offset();
            match (self.state, byte) {
                (State::Outside, None) => return Ok(self.end()),
                (_, None) => {
                    self.state = State::Ended;
                    return Ok(Step::Bad(start, "incomplete: the file ends within the array".into()));
                }
                (State::Outside, Some(b'[')) => self.enter(State::Element),
                (State::Element | State::AfterElement, Some(b']')) => {
                    self.enter(State::Outside);
                    if let Framing::Under(key) = self.framing
                        && let Some(step) = self.rest(key)?
                    {
                        return Ok(step);
                    }
                    if matches!(self.framing, Framing::Under(_)) && self.state == State::Ended {
                        return Ok(Step::End);
                    }
                }
                (State::AfterElement, Some(b',')) => self.enter(State::Element),
                (State::AfterElement, Some(_)) => return self.lost(start, start, "expected ',' or ']'", is_event),
                (_, Some(_)) => return self.record(start, is_event),
            }
        }
    }

    fn enter(&mut self, state: State) {
        self.cursor.step();
        self.state = state;
    }

    fn record(&mut self, start: u64, is_event: &mut dyn FnMut(&[u8]) -> bool) -> Result<Step, Failure> {
        match self.cursor.value()? {
            Value::Whole(range, _) => {
                self.passed();
                Ok(Step::Record(start, self.cursor.bytes(range).to_vec()))
            }
            Value::Large(size) => {
                self.passed();
                Ok(Step::Large(start, size))
            }
            Value::Fault(at, reason) => self.lost(start, at, reason, is_event),
            Value::Cut => {
                let at = self.cursor.offset();
                self.lost(start, at, "incomplete: the file ends within this record", is_event)
            }
        }
    }

    fn passed(&mut self) {
        if self.state == State::Element {
            self.state = State::AfterElement;
        }
    }

    /// So many bytes from an offset on, as they are in the file: in the cursor's memory line breaks may be blanks.
    fn before(&mut self, from: u64, wanted: usize) -> Option<&[u8]> {
        let is_there = |piece: &(u64, Vec<u8>)| {
            from.checked_sub(piece.0).is_some_and(|ahead| ahead + wanted as u64 <= piece.1.len() as u64)
        };
        if !is_there(&self.piece) {
            // The next ones lie behind it.
            self.piece.1.resize(PIECE, 0);
            let count = self.feed.read_at(from, &mut self.piece.1).ok()?;
            self.piece.1.truncate(count);
            self.piece.0 = from;
        }
        let at = usize::try_from(from.checked_sub(self.piece.0)?).ok()?;
        self.piece.1.get(at..at + wanted)
    }

    /// What stands before an offset in its line, when that is blank; and the last byte before that which is not.
    fn indentation(&mut self, at: u64) -> Option<(Vec<u8>, u8)> {
        let from = at.saturating_sub(INDENTED as u64);
        let before = self.before(from, usize::try_from(at - from).ok()?)?;
        let solid = before.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
        let line = memchr::memrchr(b'\n', before).filter(|line| *line > solid);
        match (line, before[solid]) {
            (Some(line), last) => Some((before[line + 1..].to_vec(), last)),
            // The first element may stand in the line of its bracket, and the others under that.
            (None, b'[') => Some((Vec::new(), b'[')),
            (None, _) => None,
        }
    }

    /// Looks for the next event after a fault; everything before it is one bad record. What follows a comma and begins a
    /// line as the broken one does is the next element, whatever it is: nothing inside an element does.
    fn lost(
        &mut self,
        start: u64,
        fault: u64,
        reason: &str,
        is_event: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Step, Failure> {
        let told = match reason.starts_with("incomplete") {
            true => reason.to_owned(),
            false => format!("{reason} at byte {fault}"),
        };
        let within = self.state != State::Outside;
        let indentation = self.indentation(start).filter(|_| within).map(|(indentation, _)| indentation);
        self.cursor.seek(start)?;
        self.cursor.step();
        loop {
            // Objects begin with a brace; what stands before one is passed.
            loop {
                match self.cursor.peek()? {
                    None => {
                        self.state = State::Ended;
                        return Ok(Step::Bad(start, told));
                    }
                    Some(b'{') => break,
                    Some(_) => self.cursor.step(),
                }
                self.cursor.release();
            }
            let at = self.cursor.offset();
            let budget = (at - self.begun).saturating_mul(PATIENCE).saturating_add(self.spare);
            if self.spent > budget {
                self.state = State::Ended;
                let why = format!("{told}; what follows is too broken to find records in it");
                return Ok(Step::Bad(start, why));
            }
            if let Some(indentation) = &indentation
                && self.indentation(at).is_some_and(|(other, last)| other == *indentation && last == b',')
            {
                self.state = State::Element;
                return Ok(Step::Bad(start, told));
            }
            match self.cursor.value()? {
                Value::Whole(range, _) => {
                    self.spent += range.len() as u64 + 64;
                    if is_event(self.cursor.bytes(range)) {
                        let after = self.cursor.space()?;
                        if !within || matches!(after, None | Some(b',' | b']')) {
                            self.cursor.seek(at)?;
                            if within {
                                self.state = State::Element;
                            }
                            return Ok(Step::Bad(start, told));
                        }
                    }
                }
                Value::Fault(fault, _) => self.spent += fault.saturating_sub(at) + 64,
                Value::Large(size) => self.spent += size,
                Value::Cut => self.spent += self.feed.arrived().upto.saturating_sub(at),
            }
            self.cursor.seek(at)?;
            self.cursor.step();
        }
    }

    /// From before a document to the array under a key.
    fn find(&mut self, key: &str) -> Result<Option<Step>, Failure> {
        loop {
            // Pages may stand in an array.
            match self.cursor.space()? {
                None => return Ok(Some(self.end())),
                Some(b'[' | b',' | b']') => self.cursor.step(),
                Some(b'{') => {
                    self.cursor.step();
                    self.goes_on = false;
                    if let Some(step) = self.members(key)? {
                        return Ok(Some(step));
                    }
                    if self.state == State::Element {
                        return Ok(None);
                    }
                }
                Some(_) => {
                    let at = self.cursor.offset();
                    self.state = State::Ended;
                    return Ok(Some(Step::Bad(at, format!("expected an object at byte {at}"))));
                }
            }
        }
    }

    /// After the array: to the end of its object, and to the next one.
    fn rest(&mut self, key: &str) -> Result<Option<Step>, Failure> {
        if let Some(step) = self.members(key)? {
            return Ok(Some(step));
        }
        match self.state {
            State::Element => Ok(None),
            _ => self.find(key),
        }
    }

    /// Past the members of an object, into the array under a key, or past the closing brace.
    fn members(&mut self, key: &str) -> Result<Option<Step>, Failure> {
        loop {
            let byte = self.cursor.space()?;
            let at = self.cursor.offset();
            match byte {
                Some(b'}') => {
                    self.cursor.step();
                    return Ok(None);
                }
                Some(b',') => {
                    self.cursor.step();
                    continue;
                }
                Some(b'"') => {}
                _ => return Ok(Some(self.broken(at))),
            }
            let Value::Whole(range, _) = self.cursor.value()? else { return Ok(Some(self.broken(at))) };
            let name = self.cursor.bytes(range);
            let continued = CONTINUED.contains(&name);
            let wanted = name.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) == Some(key.as_bytes());
            if self.cursor.space()? != Some(b':') {
                return Ok(Some(self.broken(at)));
            }
            self.cursor.step();
            if self.cursor.space()? == Some(b'[') && wanted {
                self.enter(State::Element);
                return Ok(None);
            }
            match self.cursor.value()? {
                Value::Whole(range, _) => {
                    self.goes_on |= continued && !matches!(self.cursor.bytes(range), b"null" | b"\"\"" | b"{}");
                }
                Value::Large(_) => {}
                Value::Fault(at, _) => return Ok(Some(self.broken(at))),
                Value::Cut => {
                    let at = self.feed.arrived().upto;
                    return Ok(Some(self.broken(at)));
                }
            }
            self.cursor.release();
        }
    }

    fn broken(&mut self, at: u64) -> Step {
        self.state = State::Ended;
        let ends = self.feed.arrived();
        Step::Bad(
            at,
            match ends.finished && at >= ends.upto {
                true => "incomplete: the file ends within the document".into(),
                false => format!("the document is broken at byte {at}"),
            },
        )
    }
}

/// Where a JSON value at the start of a text ends; `None` when it is none, or not complete.
pub fn value_end(text: &[u8]) -> Option<usize> {
    let mut bytes = text.to_vec();
    let mut scanner = Scanner::default();
    match scanner.scan(&mut bytes, 0) {
        Outcome::End(end) => Some(end),
        Outcome::More if scanner.may_end() => Some(text.len()),
        _ => None,
    }
}
