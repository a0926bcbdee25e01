//! The whole program in a real terminal: the demo store, dumps, reducers that are saved while one looks.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use rustix::process::Signal;

use crate::support::pty::{Pty, Setup};

/// A home of its own, so that no test sees the demo or the settings of a person.
fn at_home(home: &Path, args: &[&str], size: (u16, u16)) -> Pty {
    let mut setup = Setup { args: args.iter().map(|&arg| arg.to_owned()).collect(), size, ..Setup::default() };
    for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("HOME", ".")] {
        setup = setup.env(name, &home.join(folder).display().to_string());
    }
    let mut pty = Pty::run(setup);
    pty.ready();
    pty
}

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data").join(name).display().to_string()
}

fn unknown(pty: &Pty) -> Vec<String> {
    pty.heard().unknown.clone()
}

#[test]
fn a_project_file_that_cannot_be_parsed_keeps_nobody_from_the_events() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("stepback.toml");
    std::fs::copy(sample("orders.jsonl"), home.path().join("orders.jsonl")).unwrap();
    std::fs::write(&project, "[reducers]\norder = order.js\n").unwrap();
    let dump = home.path().join("orders.jsonl").display().to_string();
    let mut pty = at_home(home.path(), &[&dump, "--stream", "order-1002"], (140, 36));
    pty.wait_for("@23/23").wait_for("! no state").wait_for("! stepback.toml:2").wait_for("caveat");
    pty.keys("k").ready();
    pty.wait_for("@22/23").wait_for("! stepback.toml:2");
    // Mended, it folds.
    std::fs::write(&project, "[reducers]\n").unwrap();
    pty.wait_for("stepback.toml saved").wait_for("approximate");
    pty.ready();
    assert!(!pty.text().contains("nothing is folded") && !pty.text().contains("no state"), "{}", pty.text());
    pty.keys("Q");
    assert_eq!(pty.exit(), 0);
    pty.close();
}

#[test]
fn without_arguments_the_demo_opens_and_its_first_puzzle_is_solved() {
    let home = tempfile::tempdir().unwrap();
    for round in ["made", "found again"] {
        let mut pty = at_home(home.path(), &[], (120, 36));
        pty.wait_for("2,126 events").wait_for("198 streams");
        pty.keys("1/order-1002<enter>").ready();
        pty.keys(":12<enter>").ready();
        pty.wait_for("CouponApplied").wait_for("@12/23");
        let shown = pty.text();
        assert!(shown.contains("-12.5") && shown.contains("37.5"), "{round}: {shown}");
        pty.keys("Q");
        assert_eq!(pty.exit(), 0);
        pty.assert_restored();
        assert!(unknown(&pty).is_empty(), "{:?}", unknown(&pty));
        pty.close();
    }
    let demos = std::fs::read_dir(home.path().join("data/stepback")).unwrap().count();
    assert_eq!(demos, 1, "the demo is imported once");
}

#[test]
fn a_demo_that_cannot_be_kept_is_temporary() {
    let home = tempfile::tempdir().unwrap();
    // A file where the data directory should be.
    std::fs::write(home.path().join("data"), "").unwrap();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    for ending in ["Q", "signal"] {
        let setup = Setup::default()
            .env("XDG_DATA_HOME", &home.path().join("data").display().to_string())
            .env("XDG_CONFIG_HOME", &home.path().join("config").display().to_string())
            .env("TMPDIR", &temporary.display().to_string());
        let mut pty = Pty::run(setup);
        pty.ready();
        pty.wait_for("2,126 events");
        if ending == "signal" {
            pty.signal(Signal::TERM);
        } else {
            pty.keys(ending);
        }
        pty.exit();
        pty.assert_restored();
        pty.close();
        let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(left.is_empty(), "{ending} leaves {left:?}");
    }
}

#[test]
fn every_pane_follows_the_cursor_at_every_size() {
    let home = tempfile::tempdir().unwrap();
    for size in [(80, 24), (120, 36), (160, 45), (60, 18)] {
        let mut pty =
            at_home(home.path(), &[&sample("accounts.jsonl"), "--stream", "account-5008", "--at", "11"], size);
        pty.wait_for("11/18").wait_for("MoneyWithdrawn");
        pty.keys("4").ready();
        pty.wait_for("-85.5");
        pty.keys(",").ready();
        pty.wait_for("10/18").wait_for("164.5");
        pty.keys("..").ready();
        pty.wait_for("12/18");
        pty.resize((100, 30)).ready();
        pty.wait_for("12/18");
        pty.resize((20, 5)).ready();
        pty.wait_for("stepback needs");
        pty.resize(size).ready();
        pty.wait_for("12/18");
        pty.keys("Q");
        assert_eq!(pty.exit(), 0);
        pty.assert_restored();
        pty.close();
    }
}

#[test]
fn a_reducer_that_is_saved_is_folded_again_where_one_stands() {
    let home = tempfile::tempdir().unwrap();
    let dump = home.path().join("dump.jsonl");
    std::fs::copy(sample("accounts.jsonl"), &dump).unwrap();
    std::fs::write(home.path().join("stepback.toml"), "[reducers]\naccount = \"mine.js\"\n").unwrap();
    let reducer = home.path().join("mine.js");
    let counting = |word: &str| {
        format!(
            "export const initialState = {{ {word}: 0 }};\nexport const evolve = (s) => ({{ {word}: s.{word} + 1 }});\n"
        )
    };
    std::fs::write(&reducer, counting("first")).unwrap();
    let mut pty =
        at_home(home.path(), &[&dump.display().to_string(), "--stream", "account-5008", "--at", "7"], (120, 36));
    pty.wait_for("first 7");
    std::fs::write(&reducer, counting("second_one")).unwrap();
    pty.wait_for("second_one 7").wait_for("mine.js saved: 2 paths differ here");
    // What does not compile changes nothing, and every state says so.
    let broken = "export const initialState = {};\nexport function evolve(s) {\n  oops(;\n}\n";
    std::fs::write(&reducer, broken).unwrap();
    pty.wait_for("! mine.js:3").wait_for("3 │   oops(;").wait_for("from before the save").wait_for("second_one 7");
    pty.keys("..").ready();
    pty.wait_for("9/18").wait_for("! mine.js:3").wait_for("second_one 9");
    // Nor does one that is away for a moment, and another stream of the kind is folded with the last good one too.
    std::fs::remove_file(&reducer).unwrap();
    pty.wait_for("! mine.js cannot be read").wait_for("second_one 9");
    pty.keys("1j").ready();
    pty.wait_for("! mine.js cannot be read").wait_for("second_one");
    pty.keys("k").ready();
    pty.wait_for("second_one 9");
    std::fs::write(&reducer, counting("second_one") + "// as before\n").unwrap();
    pty.wait_for("mine.js saved: nothing differs here");
    std::fs::write(&reducer, counting("third")).unwrap();
    pty.wait_for("third 9");
    let project = home.path().join("stepback.toml");
    std::fs::write(&project, "[reducers]\naccount = mine.js\n").unwrap();
    pty.wait_for("! stepback.toml:2").wait_for("2 │ account = mine.js").wait_for("third 9");
    std::fs::write(&project, "[reducers]\n").unwrap();
    pty.wait_for("stepback.toml saved: ").wait_for("paths differ here").wait_for("approximate");
    std::fs::remove_file(&project).unwrap();
    pty.wait_for("stepback.toml deleted: nothing differs here");
    pty.keys("Q");
    assert_eq!(pty.exit(), 0);
    pty.close();
}

/// A dump of one stream, and a reducer for it.
fn metered(home: &Path, events: u32, reducer: &str) -> [String; 4] {
    let event = |n: u32| format!(r#"{{"stream":"meter-1","version":{n},"type":"Read","data":{{"n":{n}}}}}"#) + "\n";
    let (dump, script) = (home.join("dump.jsonl"), home.join("meter.js"));
    std::fs::write(&dump, (1..=events).map(event).collect::<String>()).unwrap();
    std::fs::write(&script, reducer).unwrap();
    [dump.display().to_string(), "--reducer".into(), script.display().to_string(), "--stream=meter-1".into()]
}

#[test]
fn events_that_fail_are_counted_behind_what_is_typed_and_walked() {
    let home = tempfile::tempdir().unwrap();
    let text = "export const initialState = { sum: 0 };
export function evolve(s, e) {
  if (e.data.n % 1000 === 7) throw new Error('bad reading');
  return { sum: s.sum + 1 };
}
";
    let args = metered(home.path(), 3_000, text);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(["--at", "100"]);
    let mut pty = at_home(home.path(), &args, (120, 36));
    pty.wait_for("! 1 of 100 events failed before here")
        .wait_for("  3 in the whole stream")
        .wait_for("! 1 of 100 failed")
        .wait_for("sum 99");
    pty.keys("]e").ready();
    pty.wait_for("@1007/3000").wait_for("! 2 of 1,007 events failed up to here").wait_for("bad reading");
    pty.keys("]e]e").ready();
    pty.wait_for("no event after this one failed").wait_for("@2007/3000").wait_for("! 3 of 2,007 events failed");
    pty.keys("[e[e").ready();
    pty.wait_for("@7/3000");
    // A repaired reducer takes the faults away.
    std::fs::write(home.path().join("meter.js"), text.replace("=== 7", "=== -1")).unwrap();
    pty.wait_for("meter.js saved: 1 path differs here").wait_for("sum 7");
    assert!(!pty.text().contains("failed"), "{}", pty.text());
    pty.keys("Q");
    assert_eq!(pty.exit(), 0);
    pty.close();
}

#[test]
fn events_are_read_while_a_reducer_hardly_gets_on() {
    let home = tempfile::tempdir().unwrap();
    // Some milliseconds an event: minutes for all of them.
    let text = "export const initialState = { sum: 0 };
export function evolve(s) {
  let n = 0;
  for (let i = 0; i < 200000; i++) n += i;
  return { sum: s.sum + 1 };
}
";
    let args = metered(home.path(), 20_000, text).to_vec();
    let setup = Setup { args, size: (120, 36), ..Setup::default() };
    let mut pty = Pty::run(setup.env("HOME", &home.path().display().to_string()));
    pty.wait_for("@20000/20000").wait_for("folding").wait_for("Esc stops");
    pty.keys("g").wait_for("sum 0").wait_for("@start");
    pty.keys("G").wait_for("@20000/20000").wait_for("folding");
    pty.keys("kkkkk").wait_for("@19995/20000");
    pty.keys("/:12345<enter>").wait_for("@12345/20000");
    pty.keys("<esc>").wait_for("folding was stopped").wait_for("+ goes on with it");
    pty.keys("+").wait_for("Esc stops");
    // A repaired reducer is not waited for either.
    std::fs::write(home.path().join("meter.js"), text.replace("200000", "0")).unwrap();
    pty.wait_for("sum 12345");
    pty.keys("Q");
    assert_eq!(pty.exit(), 0);
    pty.close();
}

#[test]
fn hostile_text_reaches_neither_title_nor_clipboard_nor_terminal() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = at_home(home.path(), &[&sample("users.jsonl"), "--stream", "user-113", "--at", "3"], (160, 45));
    pty.wait_for("Mallory");
    for keys in ["2", "3", "4", "v", "v", "v", "1", "?", "<esc>", "i", "<esc>"] {
        pty.keys(keys).ready();
        assert!(unknown(&pty).is_empty(), "{:?}", unknown(&pty));
        assert!(pty.heard().title.starts_with("stepback"), "{}", pty.heard().title);
        assert!(pty.heard().clipboard.is_empty());
    }
    assert!(pty.text().contains(r"\u001b[2J"), "{}", pty.text());
    pty.close();
}

#[test]
fn a_dump_comes_through_a_pipe_and_keys_from_the_terminal() {
    let home = tempfile::tempdir().unwrap();
    let setup =
        Setup { args: vec!["-".to_owned()], before: format!("cat '{}' |", sample("orders.jsonl")), ..Setup::default() };
    let setup = setup.env("XDG_CONFIG_HOME", &home.path().display().to_string());
    let mut pty = Pty::run(setup);
    pty.ready();
    pty.wait_for("532 events");
    pty.keys("/1014<enter>").ready();
    pty.wait_for("order-1014").wait_for("approximate");
    pty.keys("Q");
    pty.exit();
    pty.assert_restored();
    pty.close();
}

#[test]
fn it_suspends_and_comes_back_where_it_was() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = at_home(home.path(), &[&sample("orders.jsonl"), "--stream", "order-1002", "--at", "12"], (100, 30));
    pty.wait_for("@12/23");
    pty.keys("<c-z>");
    assert!(matches!(pty.exit(), 147 | 148));
    pty.assert_restored();
    pty.line("clear; echo '<shell>'").wait_for("<shell>");
    pty.line("fg; echo \"<ended $?>\"").wait_for("@12/23");
    pty.keys(".").wait_for("@13/23");
    pty.signal(Signal::TERM);
    pty.exit();
    pty.assert_restored();
    pty.close();
}

#[test]
fn what_cannot_be_opened_is_said_before_the_screen_is_taken() {
    let home = tempfile::tempdir().unwrap();
    for (args, words, code) in [
        (vec!["/nonexistent.jsonl"], "No such file", 69),
        (vec![sample("orders.jsonl").as_str(), "--stream", "order-9999"], "did you mean", 1),
        (vec![sample("orders.jsonl").as_str(), "--stream", "order-1002", "--at", "soon"], "no place", 2),
        (vec![sample("orders.jsonl").as_str(), "--theme", "pink"], "no theme", 2),
    ] {
        let mut setup = Setup { args: args.iter().map(|&arg| arg.to_owned()).collect(), ..Setup::default() };
        setup = setup.env("XDG_CONFIG_HOME", &home.path().display().to_string());
        let mut pty = Pty::run(setup);
        assert_eq!(pty.exit(), code, "{args:?}: {}", pty.text());
        assert!(pty.text().contains(words), "{args:?}: {}", pty.text());
        pty.assert_restored();
        pty.close();
    }
}

#[test]
fn a_place_without_a_stream_is_one_of_the_whole_store() {
    let home = tempfile::tempdir().unwrap();
    for (at, stands) in [("2025-03-04T14:03:30", "order-1002"), ("18", "18/532")] {
        let mut pty = at_home(home.path(), &[&sample("orders.jsonl"), "--at", at], (120, 36));
        pty.wait_for("whole store").wait_for(stands).wait_for("CouponApplied");
        pty.keys("Q");
        assert_eq!(pty.exit(), 0);
        pty.close();
    }
}

/// A database that is written to while one looks: what is new appears, who follows is led to it, what was changed is told
/// until it is opened again; and nothing is left behind.
#[cfg(feature = "sqlite")]
#[test]
fn a_database_is_followed_while_it_is_written() {
    for mode in ["DELETE", "WAL"] {
        let home = tempfile::tempdir().unwrap();
        let temporary = home.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let path = home.path().join("shop.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode};
                 CREATE TABLE events (position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, version INTEGER NOT NULL,
                 type TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT NOT NULL)"
            ))
            .unwrap();
        let insert = |version: u64, event_type: &str| {
            let statement = "INSERT INTO events (stream_id, version, type, data, created_at)
                             VALUES ('order-1', ?1, ?2, '{\"n\":1}', '2025-01-01T00:00:00Z')";
            writer.execute(statement, (version as i64, event_type)).unwrap();
        };
        (0..3).for_each(|version| insert(version, "OrderPlaced"));
        let args = [path.to_str().unwrap().to_owned()].into();
        let mut setup = Setup { args, size: (120, 36), ..Setup::default() };
        for (name, folder) in
            [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("HOME", "."), ("TMPDIR", "tmp")]
        {
            setup = setup.env(name, &home.path().join(folder).display().to_string());
        }
        let mut pty = Pty::run(setup);
        pty.ready();
        pty.wait_for("3 events").keys("<enter>gg");
        insert(3, "OrderPaid");
        pty.wait_for("+1 new").wait_for("4 events").wait_for("OrderPaid");
        pty.keys("F").ready();
        pty.wait_for("[following]").wait_for("@3/3");
        insert(4, "OrderShipped");
        pty.wait_for("OrderShipped").wait_for("@4/4").wait_for("+1 new");
        writer.execute("DELETE FROM events WHERE version = 1", ()).unwrap();
        pty.wait_for("the store changed: R reopens it");
        pty.keys("R").wait_for("opened again").wait_for("4 events");
        assert!(!pty.text().contains("[CHANGED]"), "{}", pty.text());
        pty.keys("Q");
        assert_eq!(pty.exit(), 0);
        pty.close();
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "no copy is left");
    }
}
