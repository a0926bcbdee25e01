//! The stream the benchmarks fold: account events in the shape of a real dump, the same every time.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use stepback::domain::{Event, Payload, Position, StreamName, Version};

const TYPES: [&str; 6] =
    ["AccountOpened", "MoneyDeposited", "MoneyWithdrawn", "LimitChanged", "HolderRenamed", "AccountFrozen"];
const WORDS: [&str; 24] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima",
    "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey", "zulu",
];
const CITIES: [&str; 8] = ["Berlin", "Kraków", "München", "São Paulo", "Tokyo", "Oslo", "Łódź", "Quito"];

/// A small generator of numbers (splitmix64), so that every run folds the same.
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }

    fn words(&mut self, count: u64) -> String {
        (0..count).map(|_| self.of(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn money(&mut self) -> String {
        format!("{}.{:02}", self.below(1000), self.below(100))
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}

/// A stream, as events and as the lines of a file.
pub struct Stream {
    /// The events.
    pub events: Vec<Arc<Event>>,
    /// The same as JSON lines.
    pub file: tempfile::NamedTempFile,
    /// The size of that file.
    pub line_bytes: usize,
}

/// So many events of one account.
pub fn accounts(count: usize) -> Stream {
    let mut random = Random(42);
    let name = StreamName::from("account-hot");
    let types: Vec<Arc<str>> = TYPES.iter().map(|name| Arc::from(*name)).collect();
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    let (mut events, mut line_bytes) = (Vec::with_capacity(count), 0);
    let mut line = String::new();
    for n in 0..count {
        let event_type = if n == 0 { &types[0] } else { &types[1 + random.below(5) as usize] };
        let note = 3 + random.below(14);
        let data = format!(
            concat!(
                r#"{{"accountId":"{}","amount":{},"currency":"{}","balanceHint":{},"counterparty":{{"iban":"DE{:020}","#,
                r#""name":"{}","bank":{{"bic":"{}DEFF","city":"{}"}}}},"tags":["{}","{}"],"slot":"k{}","note":"{}"}}"#
            ),
            name,
            random.money(),
            random.of(&["EUR", "EUR", "USD"]),
            random.money(),
            random.next() >> 4,
            random.words(2),
            random.of(&WORDS).to_uppercase(),
            random.of(&CITIES),
            random.of(&WORDS),
            random.of(&WORDS),
            random.below(64),
            random.words(note),
        );
        let metadata = format!(
            r#"{{"correlationId":"{}","causationId":"{}","user":"u-{}"}}"#,
            random.uuid(),
            random.uuid(),
            random.below(5000)
        );
        let id = random.uuid();
        line.clear();
        let _ = writeln!(
            line,
            r#"{{"id":"{id}","stream":"{name}","version":{},"type":"{event_type}","timestamp":"2025-01-01T00:00:00.025Z","data":{data},"metadata":{metadata}}}"#,
            n + 1
        );
        line_bytes += line.len();
        out.write_all(line.as_bytes()).expect("the temporary file takes it");
        events.push(Arc::new(Event {
            id: Some(id.into()),
            data: Payload::json_text(data),
            metadata: Payload::json_text(metadata),
            ..Event::new(name.clone(), Version(n as u64 + 1), Position::Number(n as u64 + 1), event_type.clone())
        }));
    }
    out.flush().expect("the temporary file takes it");
    drop(out);
    Stream { events, file, line_bytes }
}

/// A state of one object with so many entries, about 290 bytes each.
pub fn wide_state(entries: usize) -> String {
    let mut random = Random(1);
    let entry = |n: usize| {
        format!(
            concat!(
                r#""entry-{:05}":{{"amount":{},"currency":"EUR","counterparty":{{"iban":"DE{:020}","name":"{}","#,
                r#""bank":{{"bic":"ECHODEFF","city":"Oslo"}}}},"tags":["{}","{}"],"note":"{}"}}"#
            ),
            n,
            random.money(),
            random.next() >> 4,
            random.words(2),
            random.of(&WORDS),
            random.of(&WORDS),
            random.words(16),
        )
    };
    let entries: Vec<String> = (0..entries).map(entry).collect();
    format!(r#"{{"count":{},"entries":{{{}}}}}"#, entries.len(), entries.join(","))
}
