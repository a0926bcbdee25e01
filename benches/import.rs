//! The promise about importing: against sled with one value an event, in the same run, on the same events, our store
//! takes at most 1/10 of the CPU, no more disk than the events take as JSON Lines, and at most 1/4 of the memory; and
//! reading any event back costs no more.
//!
//! `cargo bench --bench import` takes 200,000 events, `cargo bench --bench import -- 1000000` a million. Every measured
//! piece runs in a process of its own; making the events is measured alone and taken off.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use stepback::domain::{
    About, Anchor, Cancel, Event, EventPage, EventQuery, Failure, Payload, Position, Progress, Scope, StreamName,
    StreamPage, StreamSummary, Timestamp, Version,
};
use stepback::session::embedded::import;
use stepback::sources::Source;
use stepback::store::{Store, Viewer};

const ROUNDS: usize = 3;
const READS: u64 = 20_000;

/// Events made from their number: accounts and shipments, a fifth of them of one hot stream, about 620 bytes as a line.
struct Made {
    /// The stream and the version of each.
    places: Vec<(u32, u32)>,
}

fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Made {
    fn new(count: u64) -> Self {
        let mut versions = vec![0_u32; (count / 20 + 1) as usize];
        let place = |n| {
            let random = mix(n);
            let stream = if random.is_multiple_of(5) {
                0
            } else {
                // Few streams have many events.
                let uniform = (mix(random) >> 11) as f64 / (1_u64 << 53) as f64;
                (uniform.powi(3) * versions.len() as f64) as usize
            };
            versions[stream] += 1;
            (stream as u32, versions[stream])
        };
        Self { places: (0..count).map(place).collect() }
    }

    fn event(&self, n: u64) -> Event {
        const WORDS: [&str; 16] = [
            "sage", "uniform", "yarrow", "delta", "tango", "jasmine", "umber", "rowan", "lotus", "iris", "xray",
            "fern", "hazel", "mike", "oscar", "foxtrot",
        ];
        let (stream, version) = self.places[n as usize];
        let name = format!("account-{stream:06}");
        let id = |salt: u64| {
            let (high, low) = (mix(n * 5 + salt), mix(n * 7 + salt));
            uuid::Uuid::from_u64_pair(high, low).to_string()
        };
        let random = mix(n);
        let word = |k: u32| WORDS[(random >> (k * 4)) as usize % 16];
        let correlation = id(2);
        let data = format!(
            "{{\"accountId\":\"{name}\",\"amount\":{}.{:02},\"currency\":\"EUR\",\"balanceHint\":{}.{:02},\"counterparty\":{{\"iban\":\"DE{:020}\",\
             \"name\":\"{} {}\",\"bank\":{{\"bic\":\"{}DEFF\",\"city\":\"{}\"}}}},\"tags\":[\"{}\",\"{}\"],\"slot\":\"k{}\",\"note\":\"{} {} {} {} {}\"}}",
            random % 1000,
            random % 97,
            random % 777,
            random % 89,
            mix(random) % 10_000_000_000_000_000_000,
            word(0),
            word(1),
            word(2),
            word(3),
            word(4),
            word(5),
            random % 60,
            word(6),
            word(7),
            word(8),
            word(9),
            word(10),
        );
        let metadata = format!(
            "{{\"correlationId\":\"{correlation}\",\"causationId\":\"{}\",\"user\":\"u-{}\"}}",
            id(3),
            random % 3000
        );
        Event {
            id: Some(id(1).into()),
            time: Timestamp::from_millisecond(1_735_689_600_000 + n as i64 * 31).ok(),
            correlation: Some(correlation.into()),
            causation: Some(id(3).into()),
            data: Payload::json_text(data),
            metadata: Payload::json_text(metadata),
            ..Event::new(
                name.as_str(),
                Version(u64::from(version)),
                Position::Number(n + 1),
                ["AccountOpened", "MoneyDeposited", "MoneyWithdrawn", "TransferSent"][random as usize % 4],
            )
        }
    }
}

fn line(event: &Event) -> String {
    format!(
        "{{\"id\":\"{}\",\"stream\":\"{}\",\"version\":{},\"type\":\"{}\",\"timestamp\":\"{}\",\"data\":{},\"metadata\":{}}}\n",
        event.id.as_deref().unwrap_or_default(),
        event.stream,
        event.version,
        event.event_type,
        event.time.unwrap_or_default(),
        event.data.text(),
        event.metadata.text()
    )
}

impl Source for Made {
    fn about(&self) -> About {
        About { name: "made".into(), ..About::default() }
    }

    fn progress(&self) -> Progress {
        Progress { complete: true, ..Progress::default() }
    }

    fn begin(&self) {}

    fn complete(&self, _: &Cancel, _: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        Ok(())
    }

    fn streams(&self, _: usize, _: usize) -> Result<StreamPage, Failure> {
        Ok(StreamPage::default())
    }

    fn stream(&self, _: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        Ok(None)
    }

    fn events(&self, query: &EventQuery, _: &Cancel) -> Result<EventPage, Failure> {
        let total = self.places.len() as u64;
        let first = if let Anchor::Ordinal(ordinal) = query.from { ordinal.min(total) } else { 0 };
        let end = total.min(first + query.limit as u64);
        let events = (first..end).map(|n| Arc::new(self.event(n))).collect();
        Ok(EventPage { first, events, total, partial: false })
    }

    fn translate(&self, _: &Scope, _: u64, _: &Scope) -> Result<Option<u64>, Failure> {
        Ok(None)
    }
}

fn key(stream: u32, version: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[4..8].copy_from_slice(&stream.to_be_bytes());
    key[8..].copy_from_slice(&version.to_be_bytes());
    key
}

/// CPU so far in seconds, and the most memory that was resident in MiB.
fn usage() -> (f64, f64) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process has a usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    (seconds(usage.user_time()) + seconds(usage.system_time()), usage.max_rss() as f64 / 1024.0)
}

fn disk(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// One measured piece; prints its CPU, its memory, and a number of its own.
fn piece(kind: &str, count: u64, directory: &Path) {
    let made = Made::new(count);
    let random = |n: u64| mix(n ^ 0xabcd) % count;
    let mut extra = 0.0;
    match kind {
        "make" => extra = (0..count).map(|n| line(&made.event(n)).len()).sum::<usize>() as f64,
        "make events" => (0..count).for_each(|n| drop(std::hint::black_box(made.event(n)))),
        "import" => {
            let done = import(&made, directory, &Cancel::default(), &mut |_| {}).expect("imported");
            assert_eq!(done.taken.appended, count);
        }
        "plain" => {
            let db = sled::Config::new().path(directory).cache_capacity(256 << 20).open().expect("opens");
            let mut n = 0;
            while n < count {
                let mut batch = sled::Batch::default();
                for n in n..count.min(n + 10_000) {
                    let event = made.event(n);
                    batch.insert(&key(made.places[n as usize].0, event.version.0), line(&event).into_bytes());
                }
                db.apply_batch(batch).expect("inserted");
                n += 10_000;
            }
            db.flush().expect("flushed");
        }
        "read" => {
            let store = Store::open(directory).expect("opens");
            let before = usage().0;
            for n in 0..READS {
                std::hint::black_box(store.history().event(random(n) + 1).expect("readable"));
            }
            extra = (usage().0 - before) / READS as f64 * 1e6;
        }
        "plain read" => {
            let db = sled::Config::new().path(directory).cache_capacity(256 << 20).open().expect("opens");
            let before = usage().0;
            for n in 0..READS {
                let (stream, version) = made.places[random(n) as usize];
                std::hint::black_box(db.get(key(stream, u64::from(version))).expect("readable"));
            }
            extra = (usage().0 - before) / READS as f64 * 1e6;
        }
        "view" => {
            let before = usage().0;
            let viewer = Viewer::open(directory).expect("opens");
            viewer.read_all(&Cancel::default(), &mut |_| {}).expect("readable");
            assert_eq!(viewer.history().events_known(), count);
            extra = (usage().0 - before) * 1e3;
        }
        other => panic!("no such piece: {other}"),
    }
    let (cpu, memory) = usage();
    println!("{cpu} {memory} {extra}");
}

fn measure(kind: &str, count: u64, directory: &Path) -> (f64, f64, f64) {
    let started = Instant::now();
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--piece", kind, &count.to_string()])
        .arg(directory)
        .output()
        .expect("this program again");
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    let result = (next(), next(), next());
    eprintln!(
        "{kind:12} {:6.2} s CPU, {:6.0} MiB resident, {:6.2} s in all",
        result.0,
        result.1,
        started.elapsed().as_secs_f64()
    );
    result
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, kind, count, directory] = &arguments[..]
        && flag == "--piece"
    {
        return piece(kind, count.parse().expect("a number"), Path::new(directory));
    }
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(200_000);
    let directory = tempfile::tempdir().expect("a directory");
    let (lines, _, _) = measure("make", count, directory.path());
    let bytes = measure("make", count, directory.path()).2;
    println!("{count} events, {:.0} MB as JSON Lines, made in {lines:.2} s CPU", bytes / 1e6);
    let mut results: Vec<[f64; 7]> = Vec::new();
    for round in 0..ROUNDS {
        let ours = directory.path().join(format!("ours-{round}"));
        let plain = directory.path().join(format!("plain-{round}"));
        let (making_lines, _, _) = measure("make", count, directory.path());
        let (making, _, _) = measure("make events", count, directory.path());
        let (our_cpu, our_memory, _) = measure("import", count, &ours);
        let (plain_cpu, plain_memory, _) = measure("plain", count, &plain);
        let (our_disk, plain_disk) = (disk(&ours) as f64, disk(&plain) as f64);
        let our_read = measure("read", count, &ours).2;
        let plain_read = measure("plain read", count, &plain).2;
        let view = measure("view", count, &ours).2;
        let (our_cpu, plain_cpu) = (our_cpu - making, plain_cpu - making_lines);
        println!(
            "round {round}: CPU {:.2} against {:.2} us an event; disk {:.0} against {:.0} MB; memory {our_memory:.0} against \
             {plain_memory:.0} MiB; a read {our_read:.1} against {plain_read:.1} us; a viewer knows all after {view:.0} ms CPU",
            our_cpu / count as f64 * 1e6,
            plain_cpu / count as f64 * 1e6,
            our_disk / 1e6,
            plain_disk / 1e6
        );
        results.push([
            our_cpu / plain_cpu,
            our_disk / bytes,
            our_memory / plain_memory,
            our_read / plain_read,
            our_disk / plain_disk,
            our_cpu / count as f64 * 1e6,
            view,
        ]);
        std::fs::remove_dir_all(ours).expect("removed");
        std::fs::remove_dir_all(plain).expect("removed");
    }
    let of = |n: usize| median(results.iter().map(|result| result[n]).collect());
    println!("medians of {ROUNDS} rounds, {count} events:");
    for (n, what, goal) in [
        (0, "CPU of importing to that of plain sled", 0.1),
        (1, "disk to JSON Lines", 1.0),
        (2, "memory to plain sled's", 0.25),
        (3, "reading one event to plain sled's", 1.0),
    ] {
        let met = if of(n) <= goal { "met" } else { "MISSED" };
        println!("  {:8.3}  {what} (goal {goal}, {met})", of(n));
    }
    println!("  {:8.3}  disk to plain sled's", of(4));
    println!("  {:8.3}  us of CPU an event", of(5));
}
