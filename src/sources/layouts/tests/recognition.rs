//! What is refused, and why.

use super::*;
use crate::domain::FailureKind;
use crate::sources::layouts::Catalogue;
use crate::sources::layouts::spec::Layout;

fn refused(store: Store) -> String {
    let failure = store.try_open(&OpenOptions::default()).err().expect("no event store");
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.hint.contains("--layout"), "{failure}");
    failure.why
}

#[test]
fn a_chat_a_ticket_shop_a_calendar_and_a_ledger_are_no_event_stores() {
    for (store, said) in [
        (
            Store::default().table(
                "messages",
                "id bigint, conversation_id bigint, sender_id bigint, body text, created_at timestamp",
                &["1 | 1 | 7 | hello | 2025-01-01", "2 | 1 | 8 | hi | 2025-01-02"],
            ),
            "messages (id, conversation_id, sender_id, body, created_at)",
        ),
        (
            Store::default().table(
                "mt_events",
                "id integer, title varchar, venue_id integer, starts_at timestamp, price numeric, type varchar",
                &["1 | Concert | 5 | 2025-01-01 | 10 | music"],
            ),
            "mt_events (id, title",
        ),
        (
            Store::default().table(
                "events",
                "id integer, calendar_id integer, subject varchar, type varchar, start_at timestamp, end_at timestamp",
                &[
                    "1 | 1 | Dentist | private | 2025-01-01 | 2025-01-01",
                    "2 | 1 | Lunch | private | 2025-01-02 | 2025-01-02",
                ],
            ),
            "events (id, calendar_id",
        ),
        (
            Store::default().table(
                "journal",
                "id integer, account varchar, debit numeric, credit numeric, booked date",
                &["1 | 4711 | 10 | 0 | 2025-01-01"],
            ),
            "journal (id, account",
        ),
        (
            // All the columns of the old Akka journal, but what is in them is none of its envelopes.
            Store::default().table(
                "journal",
                "ordering bigint, persistence_id varchar, sequence_number bigint, message bytea",
                &[r"1 | a | 1 | \x68656c6c6f"],
            ),
            "`message` an envelope",
        ),
    ] {
        let why = refused(store);
        assert!(why.contains(said), "{why}");
    }
}

#[test]
fn types_that_cannot_hold_what_a_layout_says_refuse_it() {
    let why = refused(Store::default().table(
        "messages",
        "global_position character varying, position bigint, time timestamp, stream_name text, type text, data jsonb, \
         metadata jsonb, id uuid",
        &[],
    ));
    assert!(why.contains("its column `global_position` is character varying, and should hold integer"), "{why}");
}

#[test]
fn versions_that_repeat_refuse_a_layout() {
    let row = |id: u8| {
        format!(r#"{id} | 5 | 2025-01-01 | room-1 | text | {{}} | {{}} | 2f61396f-5670-44f4-99d0-0f3cf997a5{id:02}"#)
    };
    let rows: Vec<String> = (1..9).map(row).collect();
    let source = Store::default().table(
        "messages",
        "global_position bigint, position bigint, time timestamp, stream_name text, type text, data jsonb, metadata jsonb, id uuid",
        &rows.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .open();
    let about = source.about();
    assert_ne!(about.layout.as_deref(), Some("message-db"));
    let refused = about.candidates.iter().find(|candidate| candidate.layout == "message-db").unwrap();
    assert_eq!(refused.reasons, ["`messages`: versions repeat: 7 of 8 do, first 5 of `room-1`"]);
}

#[test]
fn a_table_of_nobodys_is_read_by_its_names() {
    let store = || {
        Store::default()
            .table(
                "journal_entries",
                "seq bigint, aggregate_id text, aggregate_version integer, event_name text, occurred_at timestamp, payload jsonb",
                &[
                    r#"1 | a | 1 | Opened | 2025-01-01 00:00:00 | {"n": 1}"#,
                    r#"2 | b | 1 | Opened | 2025-01-01 00:00:01 | {}"#,
                    r#"4 | a | 2 | Closed | 2025-01-01 00:00:02 | {}"#,
                ],
            )
            .table("people", "id integer, name text", &["1 | x"])
    };
    let source = store().open();
    assert_eq!(source.about().layout.as_deref(), Some("generic table"));
    assert_eq!(all(&*source), [r#"a/1@1 Opened {"n": 1}"#, "b/1@2 Opened {}", "a/2@4 Closed {}"]);
    let options = OpenOptions { map: Some("stream=.event_name,type=.aggregate_id".into()), ..OpenOptions::default() };
    let source = store().try_open(&options).unwrap();
    assert!(all(&*source)[0].starts_with("Opened/") && all(&*source)[0].contains(" a "), "{:?}", all(&*source));
}

#[test]
fn what_the_user_says_of_a_known_layout_counts() {
    let options = OpenOptions { map: Some("stream=.aggregate_type,version=none".into()), ..OpenOptions::default() };
    let source = Store::default()
        .table(
            "events",
            "aggregate_type text, aggregate_id text, sequence bigint, event_type text, event_version text, payload json, metadata json",
            &["account | a | 1 | Opened | 1 | {} | {}", "account | b | 1 | Opened | 1 | {} | {}"],
        )
        .try_open(&options)
        .unwrap();
    assert_eq!(all(&*source), ["account/1@1 Opened {}", "account/2@2 Opened {}"]);
}

#[test]
fn a_layout_can_be_asked_for_and_a_table_named() {
    let columns = "originator_id uuid, originator_version bigint, topic text, state bytea, notification_id bigint";
    let row = r"2f61396f-5670-44f4-99d0-0f3cf997a501 | 1 | shop:Placed | \x7b7d | 1";
    let other = r"2f61396f-5670-44f4-99d0-0f3cf997a502 | 1 | bank:Opened | \x7b7d | 1";
    let store = || {
        Store::default().table("shop_events", columns, &[row, &row.replace("| 1", "| 2")]).table(
            "bank_events",
            columns,
            &[other],
        )
    };
    let source = store().open();
    assert!(all(&*source)[0].contains("shop:Placed"));
    let caveats = source.about().caveats;
    assert!(caveats.iter().any(|caveat| caveat.contains("--layout eventsourcing-python:bank_events")), "{caveats:?}");
    let asked = |layout: &str| OpenOptions { layout: Some(layout.into()), ..OpenOptions::default() };
    let source = store().try_open(&asked("eventsourcing-python:bank_events")).unwrap();
    assert!(all(&*source)[0].contains("bank:Opened"));
    let failure = store().try_open(&asked("marten")).err().unwrap();
    assert!(failure.kind == FailureKind::Malformed && failure.why.contains("seq_id"), "{failure}");
    let failure = store().try_open(&asked("nonsense")).err().unwrap();
    assert!(failure.kind == FailureKind::Usage && failure.hint.contains("message-db"), "{failure}");
}

#[test]
fn a_layout_of_the_users_own_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let own = r#"
name = "till"
title = "The till"
stores = "our shop"

[events]
names = ["till_log"]
must = ["shop: text", "till: integer", "n: integer", "what: text", "body: json"]
stream = "till-{shop}-{till}"
type = "what"
version = "n"
order = "rows"
data = "body.inner"
"#;
    std::fs::write(folder.path().join("till.toml"), own).unwrap();
    std::fs::write(folder.path().join("wrong.toml"), "name = \"x\"\ncolour = 1\n").unwrap();
    let options = OpenOptions { layouts: Some(folder.path().to_owned()), ..OpenOptions::default() };
    let source = Store::default()
        .table(
            "till_log",
            "shop text, till integer, n integer, what text, body json",
            &[r#"A | 1 | 1 | Sold | {"inner":{"x":1}}"#],
        )
        .try_open(&options)
        .unwrap();
    assert_eq!(all(&*source), [r#"till-A-1/1@1 Sold {"x":1}"#]);
    let caveats = source.about().caveats;
    assert!(caveats.iter().any(|caveat| caveat.contains("wrong.toml") && caveat.contains("colour")), "{caveats:?}");
}

#[test]
fn mistakes_in_a_layout_are_told_with_their_lines() {
    let good = Catalogue::read(None).find("message-db").unwrap().text.clone();
    for (wrong, said) in [
        (good.replacen("first_version = 0", "first_version = 0\ncolour = 1", 1), "unknown field `colour`"),
        (good.replacen("stream = \"stream_name\"", "stream = \"a{b\"", 1), "is not closed"),
        (good.replacen("\"position: integer\"", "\"position: number\"", 1), "there is no class `number`"),
        (good.replacen("is = \"uuid\"", "is = \"blue\"", 1), "blue"),
    ] {
        let why = Layout::parse(&wrong).unwrap_err();
        assert!(why.contains(said) && why.contains("line "), "{why}");
    }
    assert!(
        Layout::parse(&good.replacen("stream = \"stream_name\"", "", 1)).unwrap_err().contains("`stream` is missing")
    );
}

#[test]
fn bad_rows_are_troubles_in_their_places() {
    let source = Store::default()
        .table(
            "events",
            "aggregate_type text, aggregate_id text, sequence bigint, event_type text, event_version text, payload json, metadata json",
            &[
                "account | a | 1 | Opened | 1 | {} | {}",
                r"account | a | two | Paid | 1 | {} | {}",
                r"account | \N | 3 | Paid | 1 | {} | {}",
                "account | a | 2 | Closed | 1 | {} | {}",
            ],
        )
        .open();
    let found = all(&*source);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found[1].starts_with("! events, record 2: the event's version cannot be read: two is no version"),
        "{found:?}"
    );
    assert!(found[2].contains("stream cannot be read"), "{found:?}");
    assert_eq!(source.progress().troubles, 2);
}

#[test]
fn an_empty_store_is_one() {
    let source = Store::default()
        .table(
            "mt_events",
            "seq_id bigint, id uuid, stream_id uuid, version bigint, data jsonb, type text, timestamp timestamptz, mt_dotnet_type text",
            &[],
        )
        .open();
    assert_eq!(source.about().layout.as_deref(), Some("marten"));
    assert!(all(&*source).is_empty());
}

/// The example of the documentation works.
#[test]
fn the_documented_layout_reads_the_documented_table() {
    let guide = include_str!("../../../../docs/layouts.md");
    let example = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("till.toml"), example).unwrap();
    let options = OpenOptions { layouts: Some(folder.path().to_owned()), ..OpenOptions::default() };
    let source = Store::default()
        .table(
            "till_log",
            "nr bigint, shop text, till integer, n integer, what text, at bigint, body jsonb, void boolean",
            &[
                r#"2 | Bonn | 99 | 1 | Sold | 1735689600123 | {"said": {"sum": 2}, "by": {"request": "r"}} | t"#,
                r#"1 | Bonn | 1 | 1 | Sold | 1735689600000 | {"said": {"sum": 1}, "by": {"request": "r"}} | f"#,
            ],
        )
        .table("till_balance", "shop text, till integer, upto integer, state jsonb", &[r#"Bonn | 1 | 1 | {"sum": 1}"#])
        .try_open(&options)
        .unwrap();
    assert_eq!(all(&*source), [r#"till-Bonn-1/1@1 Sold {"sum": 1}"#, r#"till-Bonn-99/1@2 Sold {"sum": 2} [void]"#]);
    assert_eq!(streams(&*source), ["till-Bonn-1 domain", "till-Bonn-99 system"]);
    assert_eq!(snapshots(&*source), [r#"till-Bonn-1/1 {"sum": 1}"#]);
    let last = &events(&*source, Scope::All)[1];
    assert_eq!((last.correlation.as_deref(), last.time.unwrap().as_millisecond()), (Some("r"), 1_735_689_600_123));
}
