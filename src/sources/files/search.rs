//! Searching a file of lines: its raw blocks are searched, and only lines with a hit are read as events.
//!
//! A line holds more than what is searched (keys, ids, other fields), so a raw hit is only a candidate; the event decides,
//! by the same [`Matcher`] as everywhere. Names of streams and types come from the index, where they are decoded, so that
//! no spelling of them is missed. What an index still grows by is waited for.
//!
//! Invariant: hits are told in the order of the scope, each once; a line without a raw hit whose names do not match cannot
//! match, because what is searched of it are pieces of it: as they stand there, or, where it has escapes, as these spell
//! them; only of a cause made of two pieces each line that has one is a candidate. A line with escapes that may hide what is looked for is a candidate for that alone.

use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::build::Build;
use super::mapping::{Mapping, Reference};
use super::records::Records;
use super::stretch::MAX_LINE;
use crate::domain::{Cancel, Failure, Pattern, Scope, SearchStep};
use crate::sources::index::Index;
use crate::sources::search::Matcher;

/// How much is read at a time.
const BLOCK: u64 = 256 << 10;
/// Lines of a stream are read together when no more than this lies between them.
const APART: u64 = 4 << 10;
/// How many lines of a stream are looked up at a time.
const BATCH: usize = 4096;
/// After how much the progress is told.
const TOLD: u64 = 4 << 20;

/// What is told, and whether more is wanted.
type Told<'a> = dyn FnMut(SearchStep) -> ControlFlow<()> + 'a;

/// Whether lines can be searched raw: not by an expression that looks at what is around a match, for a payload ends where
/// its line goes on.
pub fn can_search(pattern: &Pattern) -> bool {
    let Pattern::Expression(expression) = pattern else { return true };
    let text = expression.as_str().as_bytes();
    // A class that excludes (`[^`) is no anchor; whatever else has these marks is searched event by event.
    let anchor = |at: usize| match text[at] {
        b'$' => true,
        b'^' => at == 0 || text[at - 1] != b'[',
        b'\\' => text.get(at + 1).is_some_and(|next| matches!(next, b'b' | b'B' | b'A' | b'z' | b'<' | b'>')),
        _ => false,
    };
    !(0..text.len()).any(anchor)
}

/// What all lines have that may say what is looked for only in a cause made of a stream and a version: across them it does
/// not stand in the line.
pub fn joints(pattern: &Pattern, mapping: &Mapping) -> Vec<Finder<'static>> {
    let references = mapping.correlation.iter().chain(&mapping.causation).filter(|_| may_hold_slash(pattern));
    let keys = references.filter_map(|reference| match reference {
        Reference::Place(stream, _) => stream.keys().last(),
        Reference::Field(_) => None,
    });
    keys.map(|key| Finder::new(key.as_bytes()).into_owned()).collect()
}

/// Whether what matches may have a slash in it. Only a no is certain.
fn may_hold_slash(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Text(text) => text.contains('/'),
        // A class may hold one, whether it is a point, in brackets or behind a backslash.
        Pattern::Expression(expression) => {
            let text = expression.as_str();
            let class = |pair: &[u8]| pair[0] == b'\\' && pair[1].is_ascii_alphanumeric();
            text.contains(['/', '[']) || text.replace("\\.", "").contains('.') || text.as_bytes().windows(2).any(class)
        }
    }
}

/// A search that is under way.
pub struct Search<'a> {
    /// The file.
    pub build: &'a Arc<Build>,
    /// What reads its events.
    pub records: Records<'a>,
    /// What is looked for.
    pub matcher: Matcher<'a>,
    /// The same, as it was asked for.
    pub pattern: &'a Pattern,
    /// Whether anybody still wants it.
    pub cancel: &'a Cancel,
    /// Which names match.
    pub names: Names,
    /// What lines have that must be read to know; see [`joints`].
    pub joints: Vec<Finder<'static>>,
}

/// Which streams and types have names that match, by their numbers in the index.
#[derive(Default)]
pub struct Names {
    streams: Vec<bool>,
    types: Vec<bool>,
    any: bool,
}

impl Names {
    /// Looks at the names that are new in the index.
    fn extend(&mut self, index: &Index, matcher: &Matcher<'_>) {
        let Self { streams, any, .. } = self;
        let known = streams.len();
        streams.resize(index.stream_count(), false);
        // What a name holds, the bytes it lies in hold too.
        index.stream_names(known, &|bytes| matcher.plain(bytes), &mut |number, name| {
            if let Some(matches) = streams.get_mut(number) {
                *matches = matcher.names(name);
                *any |= *matches;
            }
        });
        for (name, _) in &index.types()[self.types.len()..] {
            self.types.push(matcher.names(name));
            self.any |= self.types.last() == Some(&true);
        }
    }

    fn matches(&self, index: &Index, row: u32) -> bool {
        let known = |names: &[bool], number: Option<usize>| number.is_some_and(|n| names.get(n) == Some(&true));
        self.any && (known(&self.streams, index.stream_number(row)) || known(&self.types, index.type_number(row)))
    }
}

/// A line to be searched.
#[derive(Clone, Copy)]
struct Line {
    row: u32,
    offset: u64,
    limit: u64,
    /// Its names match.
    named: bool,
    /// Its type is not in the index: the event must be read to know it.
    unknown: bool,
}

impl Search<'_> {
    /// Searches the scope.
    ///
    /// # Errors
    /// When the file cannot be read, or nobody wants the rest.
    pub fn run(mut self, scope: &Scope, told: &mut Told<'_>) -> Result<(), Failure> {
        match scope {
            Scope::All => self.all(told),
            scope => self.some(scope, told),
        }
        .map(drop)
    }

    /// Searches the whole file, block after block.
    fn all(&mut self, told: &mut Told<'_>) -> Result<ControlFlow<()>, Failure> {
        let mut buffer = Vec::new();
        let (mut row, mut said) = (0_u32, 0);
        loop {
            let complete = self.build.is_complete();
            let block = self.block(row);
            if self.renewed()? {
                continue;
            }
            let Some((lines, start, end)) = block else {
                if complete {
                    let total = self.build.feed().arrived().upto;
                    return Ok(told(SearchStep::Searched(total, total)));
                }
                self.build.wait_for_more(row as usize, self.cancel)?;
                continue;
            };
            self.build.feed().cancelled(self.cancel)?;
            row += lines.len() as u32;
            if end - start <= MAX_LINE {
                self.fill(&mut buffer, start, end)?;
            } else {
                buffer.clear();
            }
            if self.lines(&lines, start, &buffer, told)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if end - said >= TOLD {
                said = end;
                let total = self.build.feed().arrived().upto.max(end);
                if told(SearchStep::Searched(end, total)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }

    /// The lines of the next block, from where to where it reaches.
    fn block(&mut self, row: u32) -> Option<(Lines<'static>, u64, u64)> {
        let index = self.build.index();
        let (start, first_limit) = index.bounds(row)?;
        self.names.extend(&index, &self.matcher);
        let last = index.row_at(start + BLOCK).filter(|&last| last > row);
        // The last one may reach beyond the block: it is left to the next, unless it is the only one.
        let next = match last {
            Some(last) if index.bounds(last).is_some_and(|(_, limit)| limit > start + BLOCK) => last,
            Some(last) => last + 1,
            None => row + 1,
        };
        let end = if next == row + 1 { first_limit } else { index.bounds(next - 1)?.1 };
        Some((Lines::Rows(row, next), start, end))
    }

    /// Searches a stream or a category: only its lines.
    fn some(&mut self, scope: &Scope, told: &mut Told<'_>) -> Result<ControlFlow<()>, Failure> {
        let mut buffer = Vec::new();
        let (mut rows, mut seen, mut done, mut said) = (Vec::new(), 0, 0, 0_u64);
        loop {
            self.build.feed().cancelled(self.cancel)?;
            let complete = self.build.is_complete();
            let (batch, known, total) = self.batch(scope, &mut rows, &mut seen, done);
            if self.renewed()? {
                (rows, seen) = (Vec::new(), 0);
                continue;
            }
            if batch.is_empty() {
                if complete {
                    return Ok(told(SearchStep::Searched(total, total)));
                }
                self.build.wait_for_more(known, self.cancel)?;
                continue;
            }
            let mut rest = &batch[..];
            while let Some(first) = rest.first() {
                let count = together(rest);
                let (group, others) = rest.split_at(count);
                rest = others;
                let (start, end) = (first.offset, group[count - 1].limit);
                let needed = group.iter().any(|line| !line.named) && end - start <= MAX_LINE;
                if needed {
                    self.fill(&mut buffer, start, end)?;
                } else {
                    buffer.clear();
                }
                let lines = Lines::Some(group, done as u64);
                if self.lines(&lines, start, &buffer, told)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                done += count;
                said += end - start;
            }
            if said >= TOLD {
                said = 0;
                if told(SearchStep::Searched(done as u64, total)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }

    /// The next lines of a scope; how many rows the index has, and how many the scope.
    fn batch(&mut self, scope: &Scope, rows: &mut Vec<u32>, seen: &mut usize, done: usize) -> (Vec<Line>, usize, u64) {
        let index = self.build.index();
        self.names.extend(&index, &self.matcher);
        let all: &[u32] = match scope {
            Scope::Stream(name) => index.stream(name.as_str()).map_or(&[], |stream| stream.rows()),
            Scope::Category(name) => {
                if let Some(category) = index.category(name) {
                    index.extend_category(category, *seen, rows);
                    *seen = index.len();
                }
                rows
            }
            // These are searched another way.
            Scope::All | Scope::Correlation(_) => &[],
        };
        let line = |&row: &u32| Some(self.line(&index, row, index.bounds(row)?));
        let batch = all.iter().skip(done).take(BATCH).filter_map(line).collect();
        (batch, index.len(), all.len() as u64)
    }

    fn line(&self, index: &Index, row: u32, (offset, limit): (u64, u64)) -> Line {
        let unknown = index.type_number(row).is_none() && index.stream_number(row).is_some();
        Line { row, offset, limit, named: self.names.matches(index, row), unknown }
    }

    /// Tells the hits among lines that lie in the buffer, which begins at `start`.
    fn lines(
        &mut self,
        lines: &Lines<'_>,
        start: u64,
        buffer: &[u8],
        told: &mut Told<'_>,
    ) -> Result<ControlFlow<()>, Failure> {
        let candidates = loop {
            let candidates = match *lines {
                Lines::Rows(from, to) => self.candidates((from, to), start, buffer),
                Lines::Some(group, first) => self.candidates_among(group, first, start, buffer),
            };
            if !self.renewed()? {
                break candidates;
            }
        };
        for (line, ordinal) in &candidates {
            if self.hit(line, start, buffer)? && told(SearchStep::Hit(*ordinal)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Has the index filled again if it turned out broken, and gives whether it did: what was asked of it must be asked again
    /// then. Its rows are the same afterwards.
    fn renewed(&mut self) -> Result<bool, Failure> {
        if !self.build.index().is_broken() {
            return Ok(false);
        }
        self.build.renew()?;
        self.names = Names::default();
        self.names.extend(&self.build.index(), &self.matcher);
        Ok(true)
    }

    /// Whether a block cannot be searched as one piece.
    fn one_by_one(&self) -> bool {
        self.names.any
            || matches!(self.pattern, Pattern::Expression(_))
            || self.build.index().types().len() >= Index::MAX_TYPES
    }

    /// The lines of a block that may match, with their ordinals.
    fn candidates(&self, (from, to): (u32, u32), start: u64, buffer: &[u8]) -> Vec<(Line, u64)> {
        let one_by_one = self.one_by_one();
        let index = self.build.index();
        let line = |row| Some((self.line(&index, row, index.bounds(row)?), u64::from(row)));
        if one_by_one {
            return (from..to).filter_map(line).collect();
        }
        let mut candidates = Vec::new();
        for finder in self.matcher.signs(buffer).chain(&self.joints) {
            let mut at = 0;
            while let Some(found) = buffer.get(at..).and_then(|rest| finder.find(rest)) {
                let Some(row) = index.row_at(start + (at + found) as u64) else { break };
                let Some(found) = line(row) else { break };
                at = (found.0.limit - start) as usize;
                candidates.push(found);
            }
        }
        self.in_order(candidates)
    }

    /// The same of some lines only, the first of which has this ordinal: what lies between them is searched along with
    /// them, which takes less than to start over with each.
    fn candidates_among(&self, group: &[Line], first: u64, start: u64, buffer: &[u8]) -> Vec<(Line, u64)> {
        let numbered = |at: usize| (group[at], first + at as u64);
        if self.one_by_one() || group.iter().any(|line| line.named || line.unknown) || buffer.is_empty() {
            return (0..group.len()).map(numbered).collect();
        }
        let mut candidates = Vec::new();
        for finder in self.matcher.signs(buffer).chain(&self.joints) {
            let mut at = 0;
            while let Some(found) = buffer.get(at..).and_then(|rest| finder.find(rest)) {
                let place = start + (at + found) as u64;
                let after = group.partition_point(|line| line.offset <= place);
                let within = after.checked_sub(1).filter(|&line| place < group[line].limit);
                candidates.extend(within.map(numbered));
                let Some(next) = group.get(after) else { break };
                at = (next.offset - start) as usize;
            }
        }
        self.in_order(candidates)
    }

    /// What several signs led to: in order, each line once.
    fn in_order(&self, mut candidates: Vec<(Line, u64)>) -> Vec<(Line, u64)> {
        candidates.sort_unstable_by_key(|(line, _)| line.row);
        candidates.dedup_by_key(|(line, _)| line.row);
        candidates
    }

    /// Whether a line matches; `buffer` begins at `start` and holds it, unless it is too large to be read.
    fn hit(&mut self, line: &Line, start: u64, buffer: &[u8]) -> Result<bool, Failure> {
        // Of a line that is broken or has changed its names are not what the index says: only a quick no is certain.
        let text = buffer.get((line.offset - start) as usize..).unwrap_or_default();
        let text = &text[..text.len().min((line.limit - line.offset) as usize)];
        let joined = || self.joints.iter().any(|joint| joint.find(text).is_some());
        if !line.named && !line.unknown && !self.matcher.may_be_in(text) && !joined() {
            return Ok(false);
        }
        let Some(place) = self.build.index().place(line.row) else { return Ok(false) };
        if place.oversize.is_none() && !text.is_empty() {
            return Ok(self.matcher.matches(&self.records.event_in(&place, text)));
        }
        let events = self.records.events(&[place], u64::MAX, self.cancel)?;
        Ok(events.first().is_some_and(|event| self.matcher.matches(event)))
    }

    fn fill(&self, buffer: &mut Vec<u8>, start: u64, end: u64) -> Result<(), Failure> {
        let feed = self.build.feed();
        buffer.resize((end - start) as usize, 0);
        let count = feed.read_at(start, buffer).map_err(|e| feed.failure(&e))?;
        buffer.truncate(count);
        Ok(())
    }
}

/// Lines that lie in one buffer.
enum Lines<'a> {
    /// All from this row to before that one.
    Rows(u32, u32),
    /// These, the first of which has this ordinal.
    Some(&'a [Line], u64),
}

impl Lines<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Rows(from, to) => (to - from) as usize,
            Self::Some(lines, _) => lines.len(),
        }
    }
}

/// How many of the first lines are read at once.
fn together(lines: &[Line]) -> usize {
    let start = lines[0].offset;
    let near = |pair: &[Line]| pair[1].offset - pair[0].limit <= APART && pair[1].limit - start <= BLOCK;
    1 + lines.windows(2).take_while(|pair| near(pair)).count()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::sources::Source;
    use crate::sources::open::{OpenOptions, open};
    use crate::sources::search::by_pages;

    fn hits(run: impl FnOnce(&mut Told<'_>) -> Result<(), Failure>) -> (Vec<u64>, Option<(u64, u64)>) {
        let (mut hits, mut searched) = (Vec::new(), None);
        run(&mut |step| {
            match step {
                SearchStep::Hit(ordinal) => hits.push(ordinal),
                SearchStep::Searched(done, total) => searched = Some((done, total)),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        (hits, searched)
    }

    /// Searches both ways, over every scope, and in a source that is not read yet.
    fn agrees(text: &[u8], patterns: &[Pattern]) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text).unwrap();
        let options = OpenOptions {
            map: Some("stream=.s,type=.t,version=.v,data=.d,metadata=.m,id=.id".into()),
            ..OpenOptions::default()
        };
        let opened = || -> Arc<dyn Source> { open(file.path().to_str().unwrap(), &options).unwrap() };
        let source = opened();
        let scopes =
            [Scope::All, Scope::Stream("a-1".into()), Scope::Category("a".into()), Scope::Stream("é-\"".into())];
        let never = Cancel::default();
        for pattern in patterns {
            for scope in &scopes {
                let expected = hits(|told| by_pages(&*source, pattern, scope, &never, told)).0;
                let (found, searched) = hits(|told| source.search(pattern, scope, &never, told));
                assert_eq!(found, expected, "{pattern:?} {scope:?} in {}", String::from_utf8_lossy(text));
                assert!(searched.is_none_or(|(done, total)| done == total));
                assert_eq!(
                    hits(|told| opened().search(pattern, scope, &never, told)).0,
                    expected,
                    "{pattern:?} unread"
                );
            }
        }
    }

    fn text(text: &str) -> Pattern {
        Pattern::Text(text.into())
    }

    fn expression(text: &str) -> Pattern {
        Pattern::Expression(regex::bytes::Regex::new(text).unwrap())
    }

    #[test]
    fn only_what_is_searched_is_found() {
        let lines = [
            r#"{"s":"a-1","t":"Needle","v":1,"d":{"x":"plain"},"id":"needle"}"#,
            r#"{"s":"a-1","t":"T","v":2,"d":{"needle":1}}"#,
            r#"{"s":"a-2","t":"T","v":1,"d":{"x":"Zo\u00eb \"needle\""},"m":{"by":"a/b"}}"#,
            "  ",
            r#"{"s":"b-needle","t":"T","v":1,"d":{"x":"Zoë"},"m":"needle"}"#,
            r#"{"s":"a-1","t":"T","v":3,"d":{"x":"a\/b"},"other":"needle"}"#,
            r#"{"s":"a-1","t":"T","v":4,"d":[,"other":"needle"}"#,
            "no JSON, but a needle",
            r#"{"s":"\u00e9-\"","t":"\u0054","v":1,"d":"needle","d":"none"}"#,
            r#"{"s":"a-1","t":"T","v":5,"s":"a-2","d":"needle"}"#,
            r#"{"s":"a-1","t":"T","v":6,"d":"needle"}"#,
            r#"{"s":"a-1","t":"T","v":7,"id":"n\u0065edle-7","correlationId":"Zo\u00eb"}"#,
            r#"{"s":"a-1","t":"T","v":8,"m":{"causationMessageStreamName":"b-1","causationMessagePosition":12}}"#,
        ];
        let patterns = [
            text("needle"),
            text("Needle"),
            text("\"needle\""),
            text("Zoë"),
            text("é"),
            text("a/b"),
            text("T"),
            text("a-1"),
            text(""),
            text("nowhere"),
            text("\\u"),
            expression("(?i)needle"),
            text("b-1/1"),
            expression("b-1/1"),
            expression("b-1.12"),
            expression("need[^x]e"),
            expression("needle$"),
            expression("^\\{"),
            expression(r"\bZo"),
            expression("o\"?,\"v"),
            expression(""),
        ];
        agrees(lines.join("\n").as_bytes(), &patterns);
        agrees((lines.join("\r\n") + "\r\n").as_bytes(), &patterns);
    }

    #[test]
    fn what_lies_across_blocks_is_found_once() {
        let filling = "x".repeat(3000);
        let line = |n: usize| {
            let needle = if n.is_multiple_of(37) { "needle needle" } else { "" };
            format!(r#"{{"s":"a-{}","t":"T{}","v":{n},"d":"{filling}{needle}"}}"#, n % 3, n % 5) + "\n"
        };
        let mut lines: String = (0..400).map(line).collect();
        lines
            .insert_str(0, &format!("{{\"s\":\"a-1\",\"t\":\"T\",\"v\":1,\"d\":\"{}needle\"}}\n", filling.repeat(300)));
        agrees(lines.as_bytes(), &[text("needle"), text("T3"), text("a-1"), expression("n[e]+dle")]);
    }

    #[test]
    fn nobody_is_told_more_than_they_want() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for n in 0..100 {
            std::io::Write::write_all(
                &mut file,
                format!("{{\"stream\":\"a-1\",\"type\":\"T\",\"version\":{n}}}\n").as_bytes(),
            )
            .unwrap();
        }
        let source = open(file.path().to_str().unwrap(), &OpenOptions::default()).unwrap();
        let cancel = Cancel::default();
        for scope in [Scope::All, Scope::Stream("a-1".into())] {
            let mut told = 0;
            let stop_at_third = &mut |_| {
                told += 1;
                if told == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            source.search(&text("T"), &scope, &cancel, stop_at_third).unwrap();
            assert_eq!(told, 3);
        }
        cancel.cancel();
        let failure = source.search(&text("T"), &Scope::All, &cancel, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(failure.kind, crate::domain::FailureKind::Cancelled);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_lines_are_searched_as_their_events_are(
            lines in prop::collection::vec((0..3_usize, 0..3_usize, "[a\"é/{}\\\\n]{0,6}", 0..8_usize), 1..20),
            needle in "[a\"é/{}\\\\n]{1,2}",
        ) {
            let line = |(stream, kind, data, broken): &(usize, usize, String, usize)| {
                let mut json = serde_json::json!({"s": format!("a-{stream}"), "t": format!("{kind}a"), "d": data}).to_string();
                match broken {
                    0 => json.insert(json.len() / 2, '{'),
                    1 => json = json.replace('é', "\\u00e9"),
                    2 => json = json.replace('/', "\\/"),
                    _ => {}
                }
                json + "\n"
            };
            let whole: String = std::iter::once("{\"s\":\"a-1\",\"t\":\"T\",\"v\":1}\n".to_owned()).chain(lines.iter().map(line)).collect();
            agrees(whole.as_bytes(), &[text(&needle), expression(&regex::escape(&needle))]);
        }
    }
}
