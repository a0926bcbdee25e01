//! Logs, journals and directories beside a database: honoured, and left as they are.

use super::*;

#[test]
fn a_log_is_honoured_and_nothing_beside_changes() {
    let (directory, path) = unclean(792, 201);
    let before = listing(directory.path());
    assert_eq!(before.len(), 3);
    let database = opened(&path);
    assert_eq!(rows(&*database, "t").len(), 993, "those of the log too");
    assert!(database.reasons().iter().any(|reason| reason.contains("write-ahead log")), "{:?}", database.reasons());
    assert_eq!(database.look().unwrap(), SourceChange::Same);
    places_lead_back(&*database, "t");
    assert_eq!(listing(directory.path()), before);
    drop(database);
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn a_log_without_its_index_a_stale_index_and_an_empty_log_do_no_harm() {
    let (directory, path) = unclean(10, 5);
    fs::remove_file(directory.path().join("copied.db-shm")).unwrap();
    let before = listing(directory.path());
    assert_eq!(rows(&*opened(&path), "t").len(), 15);
    assert_eq!(listing(directory.path()), before);
    fs::write(directory.path().join("copied.db-shm"), [0xff; 32768]).unwrap();
    let before = listing(directory.path());
    assert_eq!(rows(&*opened(&path), "t").len(), 15);
    assert_eq!(listing(directory.path()), before);
    fs::write(directory.path().join("copied.db-wal"), b"").unwrap();
    let before = listing(directory.path());
    assert_eq!(rows(&*opened(&path), "t").len(), 10, "what the log had is lost, and nothing else");
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn a_journal_is_undone_in_a_copy() {
    let (origin, path) = made("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);");
    let mut writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA cache_size = 2; PRAGMA cache_spill = 1;").unwrap();
    let fill = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500)
                INSERT INTO t (v) SELECT printf('%.200c', 'x') FROM c";
    writer.execute(fill, ()).unwrap();
    let transaction = writer.transaction().unwrap();
    transaction.execute("UPDATE t SET v = 'half'", ()).unwrap();
    transaction.execute(fill, ()).unwrap();
    // As it is found when the writer was killed now.
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("hot.db");
    fs::copy(&path, &target).unwrap();
    fs::copy(origin.path().join("made.db-journal"), directory.path().join("hot.db-journal")).unwrap();
    drop(transaction);
    let before = listing(directory.path());
    assert_ne!(before[&OsString::from("hot.db-journal")].5[0], 0, "the journal is hot");
    let database = opened(&target);
    let all = rows(&*database, "t");
    assert_eq!(all.len(), 500);
    assert!(all.iter().all(|(_, row)| row.contains("xxx")), "what was not finished is undone");
    assert!(database.reasons().iter().any(|reason| reason.contains("journal")));
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn a_directory_that_must_not_be_written_is_no_hindrance() {
    for log in [true, false] {
        let (directory, path) = unclean(3, 4);
        if !log {
            fs::remove_file(directory.path().join("copied.db-wal")).unwrap();
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
        let before = listing(directory.path());
        assert_eq!(rows(&*opened(&path), "t").len(), if log { 7 } else { 3 });
        assert_eq!(listing(directory.path()), before);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_pipe_is_read_too_and_names_may_be_strange() {
    let (directory, path) = copied("emmett-sqlite/emmett.sqlite");
    let input = Input::of_pipe(File::open(&path).unwrap(), "a pipe").unwrap();
    let database = open(&input, &mut go).unwrap();
    assert_eq!(rows(&*database, "emt_messages").len(), 993);
    let strange = directory.path().join("a b?mode=rw&#%41.db");
    fs::rename(&path, &strange).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&strange, &link).unwrap();
    for path in [strange, link] {
        assert_eq!(rows(&*opened(&path), "emt_messages").len(), 993);
    }
}
