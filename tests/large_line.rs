//! Lines of tens of megabytes: listed, never loaded whole for it. Alone in its process, whose peak memory is looked at.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{BufWriter, Write};

use stepback::domain::{Cancel, Direction, EventQuery, Scope};
use stepback::sources::open::{OpenOptions, open};

const MIB: usize = 1 << 20;

fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn large_lines_cost_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    let piece = [b'x'; MIB];
    // The first line is too large already: the mapping is guessed from the next.
    for (version, megabytes) in [80, 0, 20, 0, 0, 80, 0].into_iter().enumerate() {
        write!(file, r#"{{"stream":"a-1","type":"T","version":{version},"data":""#).unwrap();
        (0..megabytes).for_each(|_| file.write_all(&piece).unwrap());
        file.write_all(b"\"}\n").unwrap();
    }
    file.into_inner().unwrap();

    let before = peak();
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let progress = source.progress();
    assert_eq!((progress.events, progress.troubles, progress.streams), (5, 2, 1));
    assert!(peak() - before < 40 * MIB, "indexing took {} MiB", (peak() - before) / MIB);

    let query = EventQuery::first(Scope::All, 100);
    let events = source.events(&query, &Cancel::default()).unwrap().events;
    let told: Vec<_> = events.iter().map(|event| event.trouble.as_ref().map(|trouble| trouble.to_string())).collect();
    let too_large =
        |line: usize| Some(format!("line {line}: the line has 80.0 MiB; lines over 64 MiB are listed, not read"));
    assert_eq!(told, [too_large(1), None, None, None, None, too_large(6), None]);
    assert_eq!(events[2].data.stored().len(), 20 * MIB + 2);
    let query = EventQuery { direction: Direction::Backward, from: stepback::domain::Anchor::End, ..query };
    assert_eq!(source.events(&query, &Cancel::default()).unwrap().events.len(), 7);
    assert!(peak() - before < 120 * MIB, "reading took {} MiB", (peak() - before) / MIB);
}
