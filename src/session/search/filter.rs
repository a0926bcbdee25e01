//! A filter of events: types, streams and times, and a condition, written in one line.
//!
//! `type:Payment* after:2025-03-01 && event.data.amount > 100`: words in front, a CEL condition after them or beside
//! them, joined by `&&`. Who writes several words of a kind means any of them; words of different kinds must all hold.
//! The words ask only what an index knows. The invariant: columns of problems are those of the line.

use std::sync::Arc;

use crate::condition::{Condition, Judge, LONGEST, Needs, Noted, Problem, Subject};
use crate::domain::{Asked, Cancel, Direction, Event, Failure, Picked, Scope, StreamName, Timestamp, time};
use crate::session::Pages;
use crate::sources::Source;

/// Events read back from the end when looking for the time of the last one.
const BACK: usize = 64;

/// A pattern for names, and whether it is one that must not match.
#[derive(Clone, Debug)]
struct Name {
    pattern: glob::Pattern,
    not: bool,
}

impl Name {
    fn read(written: &str, not: bool) -> Result<Self, String> {
        let pattern = match glob::Pattern::new(written) {
            Ok(pattern) => pattern,
            // Brackets may belong to the name: `List[Order]`.
            Err(_) if !written.contains(['*', '?']) => {
                glob::Pattern::new(&glob::Pattern::escape(written)).map_err(|error| error.to_string())?
            }
            Err(error) => {
                return Err(format!("`{written}` is no pattern: {error}; * is any text, ? any character, [ab] either"));
            }
        };
        Ok(Self { pattern, not })
    }

    fn matches(&self, name: &str) -> bool {
        self.pattern.as_str() == name || self.pattern.matches(name)
    }
}

/// An end of a range of times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// This instant.
    At(Timestamp),
    /// So many seconds before the last event of the scope.
    Back(i64),
}

impl Bound {
    /// Reads `2025-03-01T14:00`, `2025-03-01`, `-2h`.
    ///
    /// # Errors
    /// What it should be.
    pub fn parse(written: &str) -> Result<Self, String> {
        let back = time::parse_back(written);
        match (back, time::parse(written)) {
            (Some(seconds), _) => Ok(Self::Back(seconds)),
            (None, Some(time)) => Ok(Self::At(time)),
            (None, None) => Err(format!(
                "`{written}` is no time: 2025-03-01T14:00, 2025-03-01, or -2h (s, m, h, d, w) before the last event"
            )),
        }
    }

    fn resolve(self, last: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(time),
            Self::Back(seconds) => {
                let last = last?;
                Some(last.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN))
            }
        }
    }
}

/// What events are shown.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    types: Vec<Name>,
    streams: Vec<Name>,
    after: Option<Bound>,
    before: Option<Bound>,
    condition: Option<Condition>,
}

impl EventFilter {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(line: &str) -> Result<Self, Problem> {
        if line.chars().count() > LONGEST {
            return Err(Problem { column: LONGEST, why: format!("a filter has at most {LONGEST} characters") });
        }
        let mut filter = Self::default();
        // What is left for the language: the line with everything else blanked, so that places stay places.
        let mut rest = String::with_capacity(line.len());
        let mut conditions = 0;
        for (n, (column, part)) in conjuncts(line).into_iter().enumerate() {
            let words = filter.words(part, column)?;
            let (taken, condition) = part.split_at(words);
            if n > 0 {
                rest.push_str("&&");
            }
            let blank = " ".repeat(taken.chars().count());
            if condition.trim().is_empty() && words > 0 {
                // A word and its value are longer than this.
                rest.push_str(&format!("{:<width$}", "true", width = part.chars().count()));
            } else {
                conditions += 1;
                rest.push_str(&blank);
                rest.push_str(condition);
            }
        }
        if conditions > 0 && !line.trim().is_empty() {
            filter.condition = Some(Condition::parse(&rest)?);
        }
        Ok(filter)
    }

    /// Takes the words in front of a part of the line; how many bytes they are.
    fn words(&mut self, part: &str, column: usize) -> Result<usize, Problem> {
        let mut at = 0;
        loop {
            let blanks = part[at..].len() - part[at..].trim_start().len();
            let start = at + blanks;
            let (not, word) = match part[start..].strip_prefix('!') {
                Some(word) => (true, word),
                None => (false, &part[start..]),
            };
            let Some(kind) =
                KINDS.into_iter().find(|kind| word.strip_prefix(kind).is_some_and(|rest| rest.starts_with(':')))
            else {
                return Ok(if at == 0 { 0 } else { start });
            };
            let value_at = start + usize::from(not) + kind.len() + 1;
            let (value, end) = value(&part[value_at..]);
            let place = column + part[..value_at].chars().count();
            let problem = |why: String| Problem { column: place, why };
            if value.is_empty() {
                return Err(problem(format!("`{kind}:` needs a value, as in {}", example(kind))));
            }
            match kind {
                "type" | "stream" => {
                    let names = if kind == "type" { &mut self.types } else { &mut self.streams };
                    for one in value.split(',').filter(|one| !one.is_empty()) {
                        names.push(Name::read(one, not).map_err(problem)?);
                    }
                }
                _ if not => {
                    return Err(problem(format!("`!{kind}:` means nothing: use the other of after: and before:")));
                }
                "after" => self.after = Some(Bound::parse(value).map_err(problem)?),
                _ => self.before = Some(Bound::parse(value).map_err(problem)?),
            }
            at = value_at + end;
        }
    }

    /// The same, and of these types too.
    ///
    /// # Errors
    /// When one is no pattern.
    pub fn with_types(mut self, types: &[String]) -> Result<Self, String> {
        for name in types {
            self.types.push(Name::read(name, false)?);
        }
        Ok(self)
    }

    /// The same, and in these streams too.
    ///
    /// # Errors
    /// When one is no pattern.
    pub fn with_streams(mut self, streams: &[String]) -> Result<Self, String> {
        for name in streams {
            self.streams.push(Name::read(name, false)?);
        }
        Ok(self)
    }

    /// The same, within these times: from the first on, before the second.
    pub fn within(mut self, after: Option<Bound>, before: Option<Bound>) -> Self {
        self.after = after.or(self.after);
        self.before = before.or(self.before);
        self
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
            && self.streams.is_empty()
            && self.after.is_none()
            && self.before.is_none()
            && self.condition.is_none()
    }

    /// What its condition names.
    pub fn needs(&self) -> Needs {
        self.condition.as_ref().map(Condition::needs).unwrap_or_default()
    }

    /// Whether it judges records that could not be read: they are places of a fold, and their trouble can be asked about.
    fn judges_troubles(&self) -> bool {
        self.needs().fold() || self.needs().trouble
    }

    /// Whether it can let events of this stream through.
    pub fn lets_stream(&self, stream: &StreamName) -> bool {
        any(&self.streams, stream.as_str())
    }

    /// Whether what it says depends on the last event.
    pub fn is_relative(&self) -> bool {
        [self.after, self.before].into_iter().flatten().any(|bound| matches!(bound, Bound::Back(_)))
    }

    /// Makes it ready for the events of a scope. A relative time is measured back from the last event that has one; the
    /// source is read to its end for that.
    ///
    /// # Errors
    /// When the source cannot be read, or nobody wants the answer any more.
    pub fn sieve(&self, source: &dyn Source, scope: &Scope, cancel: &Cancel) -> Result<Sieve, Failure> {
        let mut last = None;
        if self.is_relative() {
            source.complete(cancel, &mut |_| {})?;
            last = last_time(source, scope, cancel)?;
        }
        let nothing = Some(Timestamp::MAX);
        let resolve = |bound: Bound| bound.resolve(last).or(nothing);
        Ok(Sieve {
            filter: self.clone(),
            after: self.after.and_then(resolve),
            before: self.before.and_then(resolve),
            judge: self.condition.as_ref().map(|condition| condition.judge(cancel)),
        })
    }
}

/// The kinds of words.
const KINDS: [&str; 4] = ["type", "stream", "after", "before"];

fn example(kind: &str) -> &'static str {
    match kind {
        "type" => "type:Payment*",
        "stream" => "stream:order-*",
        "after" => "after:2025-03-01T14:00",
        _ => "before:-2h",
    }
}

/// The value at the beginning of a text, quoted or up to the next blank, and where it ends.
fn value(text: &str) -> (&str, usize) {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = &text[1..];
        return match inner.find(quote) {
            Some(end) => (&inner[..end], end + 2),
            None => (inner, text.len()),
        };
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], end)
}

/// The parts of a line between `&&`s that stand in no bracket and no quotes, with their columns.
fn conjuncts(line: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut start_column) = (0_usize, 0, 1);
    let mut quote = None;
    let mut characters = line.char_indices().zip(1..).peekable();
    while let Some(((at, c), column)) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => _ = characters.next(),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '&') if depth == 0 && line[at + 1..].starts_with('&') => {
                parts.push((start_column, &line[start..at]));
                characters.next();
                (start, start_column) = (at + 2, column + 2);
            }
            _ => {}
        }
    }
    parts.push((start_column, &line[start..]));
    parts
}

/// The time of the last event of a scope that has one.
fn last_time(source: &dyn Source, scope: &Scope, cancel: &Cancel) -> Result<Option<Timestamp>, Failure> {
    let mut pages = Pages::within(scope.clone(), Direction::Backward, 0..u64::MAX, BACK);
    while let Some(page) = pages.next(|query| source.events(query, cancel))? {
        if let Some(time) = page.events.iter().find_map(|event| event.time) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}

/// A filter at work.
#[derive(Debug)]
pub struct Sieve {
    filter: EventFilter,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    judge: Option<Judge>,
}

impl Sieve {
    /// Whether an event passes. A record that could not be read does so only when nothing is asked.
    ///
    /// # Errors
    /// Why the condition cannot judge it.
    pub fn passes(&mut self, event: &Arc<Event>) -> Result<bool, String> {
        self.passes_at(event, &mut || Subject::event(event))
    }

    /// The same of an event whose place `subject` gives, once it is asked about.
    ///
    /// # Errors
    /// As [`passes`](Self::passes).
    pub fn passes_at(&mut self, event: &Arc<Event>, subject: &mut dyn FnMut() -> Subject) -> Result<bool, String> {
        if event.trouble.is_some() && !self.filter.judges_troubles() {
            return Ok(self.filter.is_empty());
        }
        if !any(&self.filter.types, &event.event_type) || !any(&self.filter.streams, event.stream.as_str()) {
            return Ok(false);
        }
        let is_within =
            |time| self.after.is_none_or(|after| time >= after) && self.before.is_none_or(|before| time < before);
        // Of what has no time nobody knows when it was: it may lie within.
        let within = match event.time {
            _ if self.after.is_none() && self.before.is_none() => Some(true),
            time => time.map(is_within),
        };
        if within == Some(false) {
            return Ok(false);
        }
        let holds = self.judge.as_mut().map_or(Ok(true), |judge| judge.holds(&subject()))?;
        match within {
            None if holds => Err("it has no time".into()),
            _ => Ok(holds),
        }
    }

    /// That the condition is none: it was neither true nor false of any event it was asked about.
    pub fn refused(&self) -> Option<Problem> {
        self.judge.as_ref()?.refused()
    }

    /// The same of events that others looked at.
    pub fn refused_after(&self, noted: &Noted) -> Option<Problem> {
        self.filter.condition.as_ref()?.refused_after(noted)
    }

    /// What is noted of the events it was asked about since it was asked this.
    pub fn noted(&mut self) -> Noted {
        self.judge.as_mut().map(Judge::noted).unwrap_or_default()
    }

    /// Another one that says the same, for another thread.
    pub fn again(&self, cancel: &Cancel) -> Self {
        let judge = self.filter.condition.as_ref().map(|condition| condition.judge(cancel));
        Self { filter: self.filter.clone(), judge, ..*self }
    }

    /// Whether everything it lets through, or cannot judge, is among what [`pick`](Self::pick) gives: records that cannot be
    /// read are not.
    pub fn picks_all(&self) -> bool {
        !self.filter.judges_troubles()
    }
}

impl Sieve {
    /// Asks the index of a source which events the words of the filter let through, from an ordinal on; `None` where there
    /// are no words, or no index. What the condition says of them is not asked, so that nothing is certain where there is
    /// one.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn pick(&self, source: &dyn Source, scope: &Scope, from: u64, limit: usize) -> Result<Option<Picked>, Failure> {
        let (types, streams) = (&self.filter.types, &self.filter.streams);
        if types.is_empty() && streams.is_empty() && self.after.is_none() && self.before.is_none() {
            return Ok(None);
        }
        let (of_type, in_stream) = (|name: &str| any(types, name), |name: &str| any(streams, name));
        let asked = Asked {
            types: (!types.is_empty()).then_some(&of_type),
            streams: (!streams.is_empty()).then_some(&in_stream),
            after: self.after,
            before: self.before,
        };
        let mut picked = source.pick(scope, from, limit, &asked)?;
        if let (Some(picked), true) = (&mut picked, self.judge.is_some()) {
            picked.ordinals.iter_mut().for_each(|(_, certain)| *certain = false);
        }
        Ok(picked)
    }
}

/// Whether a name is among those wanted and not among those unwanted.
fn any(names: &[Name], name: &str) -> bool {
    let mut wanted = names.iter().filter(|wanted| !wanted.not).peekable();
    let unwanted = names.iter().any(|unwanted| unwanted.not && unwanted.matches(name));
    !unwanted && (wanted.peek().is_none() || wanted.any(|wanted| wanted.matches(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Payload, Position, Version};
    use crate::sources::memory::Memory;

    fn events() -> Vec<Event> {
        let event = |n: u64, stream: &str, kind: &str, at: &str, data: &str| Event {
            time: time::parse(at),
            data: Payload::json_text(data),
            ..Event::new(stream, Version(n), Position::Number(n), kind)
        };
        vec![
            event(1, "order-1", "OrderPlaced", "2025-03-01T10:00:00Z", r#"{"amount":10,"note":"a && b"}"#),
            event(2, "order-1", "PaymentFailed", "2025-03-01T12:00:00Z", r#"{"amount":120}"#),
            event(3, "payment-1", "PaymentFailed", "2025-03-01T13:00:00Z", r#"{"amount":7}"#),
            event(4, "payment-1", "PaymentMade", "2025-03-01T14:00:00Z", r#"{"amount":300}"#),
            event(5, "order-2", "Order Placed", "nothing", r#"{}"#),
        ]
    }

    fn passing(line: &str) -> Vec<u64> {
        let filter = EventFilter::parse(line).unwrap_or_else(|problem| panic!("{}", problem.shown(line)));
        let source = Memory::new("memory", events());
        let mut sieve = filter.sieve(&source, &Scope::All, &Cancel::default()).expect("a source that can be read");
        let events = events().into_iter().map(Arc::new);
        events.filter(|event| sieve.passes(event) == Ok(true)).map(|event| event.version.0).collect()
    }

    #[test]
    fn words_and_conditions_go_together() {
        for (line, numbers) in [
            ("", vec![1, 2, 3, 4, 5]),
            ("type:PaymentFailed", vec![2, 3]),
            ("type:Payment*", vec![2, 3, 4]),
            ("type:PaymentMade,OrderPlaced", vec![1, 4]),
            ("type:PaymentMade type:OrderPlaced", vec![1, 4]),
            ("!type:Payment*", vec![1, 5]),
            ("type:\"Order Placed\"", vec![5]),
            ("type:* !type:Payment*", vec![1, 5]),
            ("stream:order-*", vec![1, 2, 5]),
            ("stream:order-* type:Payment*", vec![2]),
            ("stream:order-* && type:Payment*", vec![2]),
            ("after:2025-03-01T12:00", vec![2, 3, 4]),
            ("before:2025-03-01T12:00", vec![1]),
            ("after:2025-03-01T12:00 before:2025-03-01T14:00Z", vec![2, 3]),
            ("after:-2h", vec![2, 3, 4]),
            ("before:-90m", vec![1, 2]),
            ("!type:Pay* after:2025-03-01T12:00", vec![]),
            ("event.data.amount > 100", vec![2, 4]),
            ("type:Payment* event.data.amount > 100", vec![2, 4]),
            ("event.data.amount > 5 && type:PaymentFailed && event.data.amount < 100", vec![3]),
            ("event.data.note == 'a && b'", vec![1]),
            ("(event.data.amount > 100 && event.type == 'PaymentFailed') && stream:order*", vec![2]),
            ("event.data.note == 'type:x'", vec![]),
        ] {
            assert_eq!(passing(line), numbers, "{line}");
        }
    }

    #[test]
    fn what_has_no_time_cannot_be_judged_by_its_time() {
        let undated = Arc::new(events().pop().expect("five"));
        for (line, judged) in [
            ("after:2025-03-01", None),
            ("before:-2h", None),
            ("stream:order-* before:2025-03-01 event.version == 5", None),
            ("type:Payment* after:2025-03-01", Some(false)),
            ("after:2025-03-01 event.version == 4", Some(false)),
            ("stream:order-*", Some(true)),
        ] {
            let filter = EventFilter::parse(line).expect("a filter");
            let source = Memory::new("memory", events());
            let mut sieve = filter.sieve(&source, &Scope::All, &Cancel::default()).expect("it can be read");
            assert_eq!(sieve.passes(&undated).ok(), judged, "{line}");
        }
    }

    #[test]
    fn problems_stand_at_their_place_in_the_line() {
        for (line, column, part) in [
            ("type:", 6, "needs a value"),
            ("type:[*", 6, "no pattern"),
            ("stream:a after:soon", 16, "no time"),
            ("é:1 == 1", 1, ""),
            ("type:Ä* && event.typ == 1", 17, "no `typ`"),
            ("type:A event.typ == 1", 13, "no `typ`"),
            ("!after:-1h", 8, "means nothing"),
            ("event.version == 1 && after:-2x", 29, "no time"),
            ("event.version == 1 &&", 22, ""),
        ] {
            let problem = EventFilter::parse(line).map(|_| ()).expect_err(line);
            assert!(problem.why.contains(part) && problem.column == column, "{}", problem.shown(line));
        }
    }
}
