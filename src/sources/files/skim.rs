//! One pass over a line of JSON: proves that it is JSON and notes where the wanted values stand.
//!
//! It is not a parser: nothing is decoded and nothing is allocated per value. Lines of one file resemble each other: for
//! every key at every place the answer of the line before is tried first.
//!
//! There are two depths. [`Skimmer::skim`] checks the whole line (RFC 8259 and UTF-8). [`Skimmer::front`] stops when all
//! that is wanted was found and looks only whether the line ends as an object does: several times cheaper, and what is
//! broken in between shows when the line is skimmed whole.
//!
//! Invariant: a line ends at its line feed, and no step passes one (a raw line feed is legal nowhere in a line).

use super::plan::{Guess, Plan, Wanted};
use super::scan::{Fault, byte, colon, ended, number, space, string, unexpected, word};

/// Where a value stands in its line; empty when it is absent (a JSON value never is).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Whether nothing is there.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes there.
    pub fn of(self, line: &[u8]) -> &[u8] {
        &line[self.start as usize..self.end as usize]
    }

    /// Where a part of a line stands in it; nowhere when it is of something else.
    pub fn of_part(line: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
        match start.checked_add(part.len()) {
            Some(end) if end <= line.len() => Self::new(start, end),
            _ => Self::default(),
        }
    }

    /// Whether the other stands inside it, or at the same place.
    pub fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// How many keys of an object are remembered.
const GUESSES: usize = 64;

/// Skims lines by one plan.
#[derive(Clone, Debug)]
pub struct Skimmer {
    plan: Plan,
    guesses: Vec<Vec<Guess>>,
    slots: Vec<Span>,
    open: Vec<u8>,
    /// How many of the wanted values were not found yet.
    missing: usize,
    /// Whether a wanted value was found a second time.
    twice: bool,
    /// Whether the others are noted when a line is skimmed whole, and where they stand.
    collecting: bool,
    others: Vec<Span>,
}

impl Skimmer {
    /// A skimmer for a plan.
    pub fn new(plan: Plan) -> Self {
        Self {
            guesses: vec![Vec::new(); plan.nodes.len()],
            slots: vec![Span::default(); plan.slots],
            open: Vec::new(),
            missing: 0,
            twice: false,
            collecting: false,
            others: Vec::new(),
            plan,
        }
    }

    /// Has it note, or not, the values of [`Self::others`].
    pub fn collects(&mut self, others: bool) {
        self.collecting = others;
    }

    /// Skims the line at the start of `text`, which may go on after it. Gives where the line ends: at its line feed or
    /// at the end of the text.
    ///
    /// # Errors
    /// When it is not a JSON object. The slots mean nothing then.
    pub fn skim(&mut self, text: &[u8]) -> Result<usize, Fault> {
        let start = self.start(text);
        if byte(text, start) != b'{' {
            // What it is instead does not matter, but whether it is JSON at all does.
            let end = self.value(text, start)?;
            ended(text, end)?;
            return Err(Fault { at: start, reason: "the line is not a JSON object" });
        }
        let end = self.object::<false>(text, start, 0)?;
        for &slot in &self.plan.whole {
            self.slots[slot] = Span::new(start, end);
        }
        ended(text, end)
    }

    /// Skims as much of the line at the start of `text` as holds the wanted values; where one of them is absent, all of
    /// it. Of the rest is known only that it ends with a brace. Gives where the line ends.
    ///
    /// # Errors
    /// As [`Self::skim`], as far as it was looked at.
    #[inline]
    pub fn front(&mut self, text: &[u8]) -> Result<usize, Fault> {
        let start = self.start(text);
        if byte(text, start) != b'{' || !self.plan.whole.is_empty() || self.missing == 0 {
            return self.skim(text);
        }
        let at = self.object::<true>(text, start, 0)?;
        if self.missing > 0 {
            return ended(text, at);
        }
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
        let mut last = end;
        while last > at && matches!(text[last - 1], b' ' | b'\t' | b'\r') {
            last -= 1;
        }
        // All was found within the object, so that its brace is still to come.
        if last > at && text[last - 1] == b'}' { Ok(end) } else { self.skim(text) }
    }

    /// The i-th wanted value of the line skimmed last.
    pub fn slot(&self, slot: usize) -> Span {
        self.slots[slot]
    }

    /// Of a text that was cut, forgets the number or word that reaches to its end: more of it may follow.
    pub fn forget_cut(&mut self, text: &[u8]) {
        for slot in &mut self.slots {
            if slot.end as usize == text.len() && !matches!(text.last(), Some(b'"' | b'}' | b']')) {
                *slot = Span::default();
            }
        }
    }

    /// All wanted values of the line skimmed last.
    pub fn slots(&self) -> &[Span] {
        &self.slots
    }

    /// The values nobody wants beside those that are wanted, of the line that was skimmed whole last, if they are noted.
    pub fn others(&self) -> &[Span] {
        &self.others
    }

    /// Whether, as far as the line was skimmed, some wanted value stands in it more than once.
    pub fn twice(&self) -> bool {
        self.twice
    }

    fn start(&mut self, text: &[u8]) -> usize {
        self.slots.fill(Span::default());
        self.missing = self.plan.wanted;
        self.twice = false;
        self.others.clear();
        space(text, 0)
    }

    /// An object of the plan, `at` its brace; gives where it ends. With `FRONT` it is left when nothing is missing.
    fn object<const FRONT: bool>(&mut self, text: &[u8], at: usize, node: usize) -> Result<usize, Fault> {
        let mut at = space(text, at + 1);
        if byte(text, at) == b'}' {
            return Ok(at + 1);
        }
        let mut place = 0;
        loop {
            let wanted;
            (wanted, at) = self.wanted_key(text, at, node, place)?;
            place += 1;
            match wanted {
                None => {
                    let end = if byte(text, at) == b'"' { string(text, at + 1)? } else { self.value(text, at)? };
                    if !FRONT && self.collecting {
                        self.others.push(Span::new(at, end));
                    }
                    at = end;
                }
                Some(wanted) => {
                    at = self.wanted_value::<FRONT>(text, at, node, wanted)?;
                    if FRONT && self.missing == 0 {
                        return Ok(at);
                    }
                }
            }
            at = space(text, at);
            match byte(text, at) {
                b',' => at = space(text, at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(unexpected(text, at, "expected ',' or '}'")),
            }
        }
    }

    #[inline]
    fn wanted_value<const FRONT: bool>(
        &mut self,
        text: &[u8],
        at: usize,
        node: usize,
        wanted: usize,
    ) -> Result<usize, Fault> {
        let Wanted { inside, below, .. } = &self.plan.nodes[node][wanted];
        // Of duplicate keys the last counts, whole.
        for &slot in below {
            if !std::mem::take(&mut self.slots[slot]).is_empty() {
                self.missing += 1;
                self.twice = true;
            }
        }
        let end = match (inside, byte(text, at)) {
            (Some(inside), b'{') => {
                let inside = *inside;
                self.object::<FRONT>(text, at, inside)?
            }
            (_, b'"') => string(text, at + 1)?,
            _ => self.value(text, at)?,
        };
        for &slot in &self.plan.nodes[node][wanted].slots {
            match std::mem::replace(&mut self.slots[slot], Span::new(at, end)).is_empty() {
                true => self.missing -= 1,
                false => self.twice = true,
            }
        }
        Ok(end)
    }

    /// A key of an object that is looked into: which of the wanted it is, if any, and where its value begins.
    #[inline]
    fn wanted_key(
        &mut self,
        text: &[u8],
        at: usize,
        node: usize,
        place: usize,
    ) -> Result<(Option<usize>, usize), Fault> {
        if let Some(guess) = self.guesses[node].get(place)
            && let Some(end) = guess.holds(text, at)
        {
            return Ok((guess.wanted, colon(text, end)?));
        }
        let value = self.key(text, at)?;
        Ok((self.look_up(text, at + 1, node, place), value))
    }

    /// Which wanted key, if any, begins at `start` (after its quote); it is guessed at this place from now on.
    #[cold]
    fn look_up(&mut self, text: &[u8], start: usize, node: usize, place: usize) -> Option<usize> {
        // The key was checked: it ends at the first quote that is not escaped.
        let mut end = start;
        let mut escaped = false;
        loop {
            match byte(text, end) {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        let key = &text[start..end];
        let find = |key: &[u8]| self.plan.nodes[node].iter().position(|wanted| *wanted.key == *key);
        if escaped {
            return super::value::string(&text[start - 1..end + 1]).and_then(|key| find(key.as_bytes()));
        }
        let wanted = find(key);
        let guesses = &mut self.guesses[node];
        if place < GUESSES && key.len() <= GUESSES {
            if place >= guesses.len() {
                guesses.resize_with(place + 1, Guess::default);
            }
            guesses[place].remember(&text[start - 1..=end], wanted);
        }
        wanted
    }

    /// A key and its colon; gives where the value begins.
    #[inline]
    fn key(&mut self, text: &[u8], at: usize) -> Result<usize, Fault> {
        if byte(text, at) != b'"' {
            return Err(unexpected(text, at, "expected a key"));
        }
        let end = string(text, at + 1)?;
        colon(text, end)
    }

    /// A value that is not looked into, however deep; gives where it ends.
    fn value(&mut self, text: &[u8], mut at: usize) -> Result<usize, Fault> {
        self.open.clear();
        loop {
            // Here a value begins.
            match byte(text, at) {
                b'"' => at = string(text, at + 1)?,
                b'{' => {
                    at = space(text, at + 1);
                    if byte(text, at) == b'}' {
                        at += 1;
                    } else {
                        self.open.push(b'}');
                        at = self.key(text, at)?;
                        continue;
                    }
                }
                b'[' => {
                    at = space(text, at + 1);
                    if byte(text, at) == b']' {
                        at += 1;
                    } else {
                        self.open.push(b']');
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => at = number(text, at)?,
                b't' => at = word(text, at, b"true")?,
                b'f' => at = word(text, at, b"false")?,
                b'n' => at = word(text, at, b"null")?,
                _ => return Err(unexpected(text, at, "expected a value")),
            }
            // Here one has ended.
            loop {
                let Some(&close) = self.open.last() else { return Ok(at) };
                at = space(text, at);
                match byte(text, at) {
                    b',' => {
                        at = space(text, at + 1);
                        if close == b'}' {
                            at = self.key(text, at)?;
                        }
                        break;
                    }
                    found if found == close => {
                        at += 1;
                        self.open.pop();
                    }
                    _ => return Err(unexpected(text, at, "expected ',' or a closing bracket")),
                }
            }
        }
    }
}

/// Calls `told` for every member of the object at the start of `text` with its key and value, in order.
///
/// # Errors
/// When there is no complete JSON object.
pub fn members<'a>(text: &'a [u8], mut told: impl FnMut(&'a [u8], &'a [u8])) -> Result<(), Fault> {
    let mut skimmer = Skimmer::new(Plan::default());
    let mut at = space(text, 0);
    if byte(text, at) != b'{' {
        return Err(unexpected(text, at, "expected an object"));
    }
    at = space(text, at + 1);
    if byte(text, at) == b'}' {
        return Ok(());
    }
    loop {
        let key = at;
        if byte(text, at) != b'"' {
            return Err(unexpected(text, at, "expected a key"));
        }
        let key_end = string(text, at + 1)?;
        at = skimmer.key(text, at)?;
        let end = skimmer.value(text, at)?;
        told(&text[key..key_end], &text[at..end]);
        at = space(text, end);
        match byte(text, at) {
            b',' => at = space(text, at + 1),
            b'}' => return Ok(()),
            _ => return Err(unexpected(text, at, "expected ',' or '}'")),
        }
    }
}

/// Calls `told` for every element of the array at the start of `text`, in order.
///
/// # Errors
/// When there is no complete JSON array.
pub fn elements<'a>(text: &'a [u8], mut told: impl FnMut(&'a [u8])) -> Result<(), Fault> {
    let mut skimmer = Skimmer::new(Plan::default());
    let mut at = space(text, 0);
    if byte(text, at) != b'[' {
        return Err(unexpected(text, at, "expected an array"));
    }
    at = space(text, at + 1);
    if byte(text, at) == b']' {
        return Ok(());
    }
    loop {
        let end = skimmer.value(text, at)?;
        told(&text[at..end]);
        at = space(text, end);
        match byte(text, at) {
            b',' => at = space(text, at + 1),
            b']' => return Ok(()),
            _ => return Err(unexpected(text, at, "expected ',' or ']'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Json;
    use crate::sources::files::mapping::FieldPath;

    fn skim(paths: &[&[&str]], line: &[u8]) -> Result<Vec<String>, Fault> {
        let paths: Vec<_> = paths.iter().map(|keys| Some(FieldPath::new(keys.iter().copied()))).collect();
        let mut skimmer = Skimmer::new(Plan::new(&paths));
        skimmer.skim(line)?;
        Ok((0..paths.len()).map(|i| String::from_utf8_lossy(skimmer.slot(i).of(line)).into_owned()).collect())
    }

    #[test]
    fn wanted_values_are_found_wherever_they_stand() {
        let line = br#" {"a":1 , "n":{"b":"x","a":2,"deep":{"c":[1,{"a":9}]}},"s":"q\"}","t":null}"#;
        let found =
            skim(&[&["a"], &["n", "a"], &["n", "deep", "c"], &["s"], &["t"], &["u"], &[], &["n"]], line).unwrap();
        assert_eq!(found[..6], ["1", "2", r#"[1,{"a":9}]"#, r#""q\"}""#, "null", ""]);
        assert_eq!(found[6].as_bytes(), &line[1..]);
        assert_eq!(found[7], r#"{"b":"x","a":2,"deep":{"c":[1,{"a":9}]}}"#);
    }

    #[test]
    fn of_duplicate_keys_the_last_counts() {
        assert_eq!(skim(&[&["a"]], br#"{"a":1,"a":2}"#).unwrap(), ["2"]);
        assert_eq!(skim(&[&["m", "a"], &["m"]], br#"{"m":{"a":1},"m":{"b":2}}"#).unwrap(), ["", r#"{"b":2}"#]);
        assert_eq!(skim(&[&["a"]], br#"{"\u0061":7}"#).unwrap(), ["7"], "an escaped key is the same key");
    }

    #[test]
    fn a_guess_that_fails_does_no_harm() {
        let mut skimmer = Skimmer::new(Plan::new(&[Some(FieldPath::new(["type"])), Some(FieldPath::new(["id"]))]));
        for (line, kind, id) in [
            (r#"{"id":1,"type":2}"#, "2", "1"),
            (r#"{"id":1,"type":2}"#, "2", "1"),
            (r#"{"type":3,"id":4}"#, "3", "4"),
            (r#"{"typ":3,"i":4,"idx":5,"id":6}"#, "", "6"),
            (r#"{"id":{"type":1}}"#, "", r#"{"type":1}"#),
        ] {
            let end = skimmer.skim(line.as_bytes()).unwrap();
            assert_eq!(end, line.len());
            assert_eq!(skimmer.slot(0).of(line.as_bytes()), kind.as_bytes(), "{line}");
            assert_eq!(skimmer.slot(1).of(line.as_bytes()), id.as_bytes(), "{line}");
        }
    }

    #[test]
    fn a_line_ends_at_its_line_feed() {
        let text = b"{\"a\":1}\r\n{\"a\":2}\n";
        assert_eq!(Skimmer::new(Plan::new(&[])).skim(text), Ok(8));
        for broken in
            [&b"{\"a\":\n1}"[..], b"{\"a\n\":1}", b"{\"a\\\n\":1}", b"{\n}", b"[\n]", b"{\"a\":1\n}", b"tru\ne"]
        {
            let fault = Skimmer::new(Plan::new(&[])).skim(broken).unwrap_err();
            assert!(fault.at <= memchr::memchr(b'\n', broken).unwrap(), "{}", String::from_utf8_lossy(broken));
        }
    }

    #[test]
    fn the_front_is_what_holds_the_wanted_values() {
        let paths = [Some(FieldPath::new(["m", "s"])), Some(FieldPath::new(["t"])), None];
        let mut skimmer = Skimmer::new(Plan::new(&paths));
        let mut front = |text: &[u8]| {
            let end = skimmer.front(text)?;
            let found: Vec<_> =
                (0..2).map(|slot| String::from_utf8_lossy(skimmer.slot(slot).of(text)).into_owned()).collect();
            Ok::<_, Fault>((end, found.join(" "), skimmer.twice()))
        };
        let said = |end, found: &str, twice| Ok((end, found.to_owned(), twice));
        assert_eq!(front(br#"{"t":1,"m":{"x":[],"s":2},"d":[}"#), said(32, "2 1", false), "the tail is not looked at");
        assert_eq!(front(b"{\"m\":{\"s\":2},\"t\":1}\r\n{}"), said(20, "2 1", false));
        assert_eq!(front(br#"{"m":{"s":2},"m":{"s":3},"t":1,"t":4}"#), said(37, "3 1", true));
        assert_eq!(front(br#"{"m":{"s":2},"m":{},"t":1}"#), said(26, " 1", true), "what is missing is looked for");
        for broken in [&br#"{"t":1,"m":{"s":2},"d":[}]"#[..], br#"{"t":1,"m":{"s":2"#, br#"{"t":1,"d":[},"m":{"s":2}}"#]
        {
            assert!(front(broken).is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(skim(&[&["b"]], deep.as_bytes()).unwrap(), [""]);
        let cut = &deep[..deep.len() - 1];
        assert_eq!(skim(&[], cut.as_bytes()).unwrap_err().at, cut.len());
    }

    /// Texts that are nearly JSON: pieces of it in any order.
    fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\\",
            "\"a\"",
            "\"key\":",
            "1",
            "-0",
            "0.5",
            "1e9",
            "true",
            "null",
            " ",
            "\t",
            "\r",
            "é",
            "\\u00e9",
            "\\ud800",
            "01",
            "-",
            "\u{1}",
            "{\"a\":1}",
            "[1,2]",
            "\"long string of text\"",
        ]);
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn it_accepts_exactly_the_objects_the_parser_accepts(text in prop_oneof![
            nearly_json(),
            nearly_json().prop_map(|inner| [b"{\"k\":", &inner[..], b"}"].concat()),
            prop::collection::vec(any::<u8>(), 0..40),
        ]) {
            prop_assume!(!text.contains(&b'\n'));
            let parsed = Json::parse(&text);
            let skimmed = Skimmer::new(Plan::new(&[])).skim(&text);
            prop_assert_eq!(skimmed.is_ok(), matches!(parsed, Ok(Json::Object(_))), "{:?} {:?}", parsed, skimmed);
        }

        #[test]
        fn what_is_whole_has_a_front(text in nearly_json().prop_map(|inner| [b"{\"k\":", &inner[..], b"}"].concat())) {
            let plan = Plan::new(&[Some(FieldPath::new(["k"]))]);
            let (mut whole, mut front) = (Skimmer::new(plan.clone()), Skimmer::new(plan));
            if let Ok(end) = whole.skim(&text) {
                prop_assert_eq!(front.front(&text), Ok(end));
                prop_assert!(whole.twice() || whole.slot(0) == front.slot(0));
            }
        }
    }
}
