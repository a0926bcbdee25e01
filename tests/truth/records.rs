//! The history that is written down in every kind of store: a few streams, woven into each other.

/// Numbers that look drawn by chance and are the same in every run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }
}

/// An event as a writer of a store puts it down. Texts, so that a break can put anything in.
#[derive(Clone, Debug)]
pub struct Record {
    pub position: String,
    /// Part of the stream's key where a store has more than one.
    pub tenant: Option<String>,
    pub stream: String,
    pub version: String,
    /// Whether it does not say its version: it is that one all the same.
    pub says_no_version: bool,
    pub id: String,
    pub kind: String,
    pub time: String,
    pub data: String,
    pub causation: Option<String>,
    /// Whether it is no event as it stands: a record that must be counted as unreadable.
    pub is_broken: bool,
}

impl Record {
    /// What the stream is called: the parts of its key joined.
    pub fn stream_name(&self) -> String {
        match &self.tenant {
            Some(tenant) => format!("{tenant}/{}", self.stream),
            None => self.stream.clone(),
        }
    }
}

const STREAMS: usize = 9;
const EVENTS: usize = 11;

/// So many events has the history of one tenant.
pub const LENGTH: usize = STREAMS * EVENTS;

fn id(number: usize) -> String {
    format!("0195d3a0-0000-7000-8000-{number:012x}")
}

/// A history without a fault. With more than one tenant every one has the same streams.
pub fn history(tenants: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut random = Random::new(1);
    let names: Vec<(Option<String>, String)> = (0..tenants.max(1))
        .flat_map(|tenant| (0..STREAMS).map(move |n| (tenant, n)))
        .map(|(tenant, n)| {
            let name = format!("{}-{}", ["order", "payment", "parcel"][n % 3], 100 + n);
            ((tenants > 1).then(|| ["acme", "zeta", "mona"][tenant].to_owned()), name)
        })
        .collect();
    let mut versions = vec![0_usize; names.len()];
    let mut last: Vec<Option<String>> = vec![None; names.len()];
    while records.len() < names.len() * EVENTS {
        let at = random.below(names.len());
        if versions[at] == EVENTS {
            continue;
        }
        versions[at] += 1;
        let number = records.len() + 1;
        let (tenant, stream) = names[at].clone();
        let kind = match versions[at] {
            1 => "Opened",
            EVENTS => "Closed",
            _ => ["AmountChanged", "NoteWritten", "Paid"][random.below(3)],
        };
        let (minute, second) = (number / 60, number % 60);
        records.push(Record {
            position: number.to_string(),
            tenant,
            stream,
            version: versions[at].to_string(),
            says_no_version: false,
            id: id(number),
            kind: kind.to_owned(),
            time: format!("2025-03-04T08:{minute:02}:{second:02}.250Z"),
            data: format!("{{\"amount\":{}.50,\"step\":{}}}", random.below(900), versions[at]),
            causation: last[at].replace(id(number)),
            is_broken: false,
        });
    }
    records
}
