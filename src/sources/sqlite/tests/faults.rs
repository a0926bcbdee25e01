//! Damage, changes meanwhile, and work nobody wants any more.

use proptest::prelude::*;

use super::*;

#[test]
fn damage_ends_no_more_than_it_must() {
    let fill = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000)
         INSERT INTO t SELECT n, printf('%.50c', 'x') FROM c;
         INSERT INTO t VALUES (4000, printf('%.20000c', 'y')), (4001, 'after');";
    let (_directory, path) = made(fill);
    let good = fs::read(&path).unwrap();
    assert_eq!(rows(&*opened(&path), "t").len(), 3002);
    // Every page but the first, one at a time.
    let pages = good.len() / 4096;
    let mut kept = Vec::new();
    for page in 1..pages {
        let mut bytes = good.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        let database = match open(&input(&path), &mut go) {
            Ok(database) => database,
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Malformed);
                continue;
            }
        };
        let found = rows(&*database, "t");
        let bad = found.iter().filter(|(_, row)| row.starts_with("bad")).count();
        kept.push(found.len() - bad);
        // A page of the long value may be damaged without anybody being able to tell.
        assert!(bad > 0 || found.len() == 3002, "page {page}: {} rows, none bad", found.len());
    }
    kept.sort_unstable();
    assert!(kept[kept.len() / 2] >= 1000, "half of all damages leave a third or more: {kept:?}");
    // Cut anywhere.
    for length in [0, 50, 100, 1000, 4096, 10_000, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..length]).unwrap();
        if let Ok(database) = open(&input(&path), &mut go) {
            for table in 0..database.tables().len() {
                let _ = database.scan(table, &mut go, &mut |_| ControlFlow::Continue(()));
            }
        }
    }
}

#[test]
fn what_happened_to_the_file_is_seen() {
    let (directory, path) = made("CREATE TABLE t (v); INSERT INTO t VALUES (1);");
    let database = opened(&path);
    assert_eq!(database.look().unwrap(), SourceChange::Same);
    File::open(&path).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(database.look().unwrap(), SourceChange::Same, "only the clock");
    Connection::open(&path).unwrap().execute_batch("INSERT INTO t VALUES (2)").unwrap();
    assert_eq!(database.look().unwrap(), SourceChange::Truncated);
    let other = directory.path().join("other");
    fs::copy(&path, &other).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(database.look().unwrap(), SourceChange::Replaced);
    fs::remove_file(&path).unwrap();
    assert_eq!(database.look().unwrap(), SourceChange::Removed);
    let (_directory, path) = unclean(5, 5);
    let database = opened(&path);
    Connection::open(&path).unwrap().execute_batch("INSERT INTO t VALUES (2000, '')").unwrap();
    assert_eq!(database.look().unwrap(), SourceChange::Truncated, "the log has grown");
}

#[test]
fn work_nobody_wants_ends() {
    let (_directory, path) = unclean(1000, 1000);
    let mut stop = |_, _| ControlFlow::Break(());
    let refused: Result<_, Failure> = open(&input(&path), &mut stop);
    assert_eq!(refused.err().map(|failure| failure.kind), Some(FailureKind::Cancelled));
    let database = opened(&path);
    let mut count = 0;
    let mut told = |_: Row<'_>| {
        count += 1;
        if count == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    database.scan(0, &mut go, &mut told).unwrap();
    assert_eq!(count, 7);
    let mut count = 0;
    let mut told = |_: Row<'_>| {
        count += 1;
        ControlFlow::Continue(())
    };
    database.scan(0, &mut stop, &mut told).unwrap();
    assert!(count < 1000, "{count}");
    let mut ends = Vec::new();
    let mut looked = |done, total| {
        ends.push((done, total));
        ControlFlow::Continue(())
    };
    database.scan(0, &mut looked, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(ends.len() > 2 && ends.is_sorted() && ends.iter().all(|(done, total)| done <= total && *total > 0));
}

#[test]
fn a_writer_at_work_is_no_hindrance() {
    let (directory, path) = made("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA wal_autocheckpoint = 20; INSERT INTO t VALUES (1, '')").unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            let mut id = 1;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                id += 1;
                writer.execute("INSERT INTO t VALUES (?1, printf('%.300c', 'x'))", [id]).unwrap();
            }
        });
        for _ in 0..30 {
            let Ok(database) = open(&input(&path), &mut go) else { continue };
            let found = rows(&*database, "t");
            let torn = database.caveats().iter().any(|caveat| caveat.contains("between two states"));
            let whole =
                found.iter().enumerate().all(|(at, (place, row))| *place == at as u64 + 1 && !row.starts_with("bad"));
            assert!(whole || torn, "{} rows, with a hole, and nothing is said", found.len());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    drop(directory);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_damage_does_harm(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = BYTES.clone();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flipped.db");
        fs::write(&path, &bytes).unwrap();
        if let Ok(database) = open(&input(&path), &mut go) {
            for table in 0..database.tables().len() {
                let mut places = Vec::new();
                let mut told = |row: Row<'_>| {
                    places.push(spelled(&row).0);
                    ControlFlow::Continue(())
                };
                let _ = database.scan(table, &mut go, &mut told);
                let _ = database.fetch(table, &places, &mut |_| ControlFlow::Continue(()));
                let distinct: BTreeSet<&u64> = places.iter().collect();
                prop_assert_eq!(distinct.len(), places.len());
            }
        }
    }
}

/// A small database with a bit of everything.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (_directory, path) = made(
        "PRAGMA page_size = 512;
         CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w AS (id * 2)); CREATE INDEX i ON t (v);
         CREATE TABLE k (a TEXT, n INTEGER, PRIMARY KEY (a, n)) WITHOUT ROWID;
         WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60)
         INSERT INTO t (id, v) SELECT n, printf('%.*c', n * 9, 'x') FROM c;
         INSERT INTO k SELECT v, id FROM t;",
    );
    fs::read(path).unwrap()
});

#[test]
fn rows_can_be_asked_for_during_a_scan() {
    let (_directory, path) = unclean(20, 20);
    let database = opened(&path);
    let mut seen = 0;
    let mut told = |row: Row<'_>| {
        let (place, text) = spelled(&row);
        assert_eq!(fetched(&*database, "t", &[place]), [(place, text)]);
        seen += 1;
        ControlFlow::Continue(())
    };
    database.scan(0, &mut go, &mut told).unwrap();
    assert_eq!(seen, 40);
}

#[test]
fn a_garbage_row_number_costs_no_rows_behind_its_page() {
    let (_directory, path) = made(
        "PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000)
         INSERT INTO t SELECT n, printf('row %.4d', n) FROM c;",
    );
    let mut bytes = fs::read(&path).unwrap();
    // Before the record lie its row number, 300 as two bytes, and its header: three bytes of one text of eight letters.
    let text = memchr::memmem::find(&bytes, b"row 0300").unwrap();
    assert_eq!(bytes[text - 5..text], [0x82, 0x2c, 3, 0, 29]);
    bytes[text - 5..text - 3].copy_from_slice(&[0xff, 0x7f]);
    fs::write(&path, bytes).unwrap();
    let found = rows(&*opened(&path), "t");
    let (bad, good): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, row)| row.starts_with("bad"));
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(
        good.iter().all(|(place, row)| row.contains(&format!("row {place:04}"))),
        "no row has a number that is not its own"
    );
    assert!(good.len() > 950, "{} rows", good.len());
    assert_eq!(good.last().map(|(place, _)| *place), Some(1000));
}
