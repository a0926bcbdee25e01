//! What keys do, told in the user's language: keys go in, and what one sees and what is wanted comes out.

#[path = "support/desk.rs"]
mod desk;

use std::sync::Arc;

use desk::{Desk, event, keys_of, numbered, shop, unreadable};
use proptest::prelude::*;
use stepback::app::action::{ACTIONS, Context};
use stepback::app::keymap::{Keymap, markdown};
use stepback::app::mode::Mode;
use stepback::app::panes::Pane;
use stepback::app::walk::Fact;
use stepback::app::{Effect, Generation, MouseKind, Msg, Setup};
use stepback::domain::{Anchor, Destination, Direction, Failure, FailureKind, Json, Scope};
use stepback::ui::Theme;

fn order(place: u64) -> (String, u64) {
    ("order-1001".into(), place)
}

fn goes(effects: &[Effect]) -> Vec<&Destination> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Go { to, .. } => Some(to),
            _ => None,
        })
        .collect()
}

/// A store with one stream of many events.
fn long(events: usize) -> Vec<Arc<stepback::domain::Event>> {
    numbered((0..events).map(|n| event("counter-1", "Counted", &format!("{{\"n\":{n}}}"))).collect())
}

#[test]
fn the_first_screen_is_the_end_of_the_first_stream() {
    let desk = Desk::open(shop());
    assert_eq!(desk.stands(), order(6));
    assert_eq!(desk.app.panes.focus, Pane::Streams);
    assert_eq!(desk.lines_with("\"Shipped").len(), 2, "in the event list and in the state");
}

#[test]
fn a_stream_that_is_asked_for_is_opened_where_it_is_asked() {
    let setup = |stream: &str| Setup {
        stream: Some(stream.into()),
        at: Some(Destination::Version(2)),
        themes: Theme::names(),
        ..Setup::default()
    };
    let mut desk = Desk::with(shop(), setup("order-1002"));
    desk.send(Msg::SourceDescribed(desk.about.clone()));
    desk.read(10);
    assert_eq!(desk.stands().0, "nowhere", "it is not known yet");
    desk.read(50);
    assert_eq!(desk.stands(), ("order-1002".into(), 2));

    let mut desk = Desk::with(shop(), setup("order-404"));
    desk.send(Msg::SourceDescribed(desk.about.clone()));
    desk.read(100);
    assert_eq!(desk.stands().0, "order-1001");
    assert_eq!(desk.lines_with("no stream order-404").len(), 1);
}

#[test]
fn moving_in_events_is_stepping() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>");
    assert_eq!(desk.app.panes.focus, Pane::Events);
    let steps = [
        ("k", 5),
        ("5k", 0),
        ("j", 1),
        (".", 2),
        (",", 1),
        ("<f10>", 2),
        ("g", 0),
        ("k", 0),
        ("G", 6),
        ("j", 6),
        ("20k", 0),
        ("5j", 5),
        ("<left>", 4),
        ("<right>", 5),
        ("<pgup>", 0),
        ("<pgdn>", 6),
        ("5G", 5),
        ("<home>", 0),
        ("<end>", 6),
    ];
    for (keys, place) in steps {
        desk.type_keys(keys);
        assert_eq!(desk.stands(), order(place), "after {keys}");
    }
}

#[test]
fn a_digit_of_a_pane_goes_to_it_and_only_a_digit_that_is_none_makes_a_count_of_it() {
    let mut desk = Desk::open(long(200));
    desk.type_keys("<enter>g");
    desk.type_keys("20j");
    assert_eq!((desk.app.panes.focus, desk.app.walk.place), (Pane::Events, 20));
    desk.type_keys("4");
    assert_eq!(desk.app.panes.focus, Pane::State);
    desk.type_keys("2j");
    assert_eq!((desk.app.panes.focus, desk.app.walk.place), (Pane::Events, 21));
    desk.type_keys("1");
    desk.type_keys("2");
    desk.type_keys("3");
    assert_eq!(desk.app.panes.focus, Pane::Event);
    desk.type_keys("100.");
    assert_eq!((desk.app.panes.focus, desk.app.walk.place), (Pane::Event, 121));
    desk.type_keys("50<esc>.");
    assert_eq!(desk.app.walk.place, 122, "Esc drops a count");
}

#[test]
fn every_pane_shows_the_same_moment_while_a_walk_is_under_way() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>");
    let before = desk.text();
    desk.answers = false;
    desk.type_keys("k");
    assert_eq!(desk.stands(), order(6));
    assert_eq!(desk.lines_with("»").len(), 1, "the place to come is marked");
    let changed: Vec<(&str, String)> = before
        .lines()
        .zip(desk.text().lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|(a, b)| a != b)
        .collect();
    let rows = 24 - 3;
    assert!(changed.len() <= 4, "only marks change: {changed:?} of {rows}");
    assert!(desk.text().contains("State @6"));
    desk.answer();
    assert_eq!(desk.stands(), order(5));
    assert!(desk.text().contains("State @5"));
}

#[test]
fn steps_made_faster_than_the_walk_add_up_and_only_the_newest_answer_counts() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>g");
    desk.answers = false;
    desk.type_keys("jjj");
    let asked = goes(&desk.wanted);
    assert_eq!(asked, [&Destination::To(1), &Destination::To(2), &Destination::To(3)]);
    let replies = std::mem::take(&mut desk.wanted);
    desk.wanted = replies.into_iter().take(2).collect();
    desk.answer();
    assert_eq!(desk.stands(), order(0), "answers to questions that were replaced change nothing");
    desk.type_keys("j");
    desk.answer();
    assert_eq!(desk.stands(), order(4));
}

#[test]
fn a_walk_that_does_not_arrive_can_be_stopped() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>");
    desk.answers = false;
    desk.type_keys("g<esc>");
    assert_eq!(desk.wanted.last(), Some(&Effect::StopJobs));
    assert!(!desk.app.is_busy());
    desk.wanted.retain(|effect| matches!(effect, Effect::Go { .. }));
    desk.answer();
    assert_eq!(desk.stands(), order(6), "a late answer is dropped");
}

#[test]
fn a_failed_walk_is_told_and_one_stays_where_one_was() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":e-9999<enter>");
    assert_eq!(desk.stands(), order(6));
    assert_eq!(desk.lines_with("no event has the id e-9999").len(), 1);
    desk.type_keys("!");
    assert!(desk.text().contains("try another place"), "the whole text is one key away");
    desk.type_keys("<esc><esc>");
    assert!(desk.lines_with("e-9999").is_empty());
}

#[test]
fn a_cancelled_job_is_no_error() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys(",");
    let Some(Effect::Go { generation, .. }) = desk.wanted.pop() else { panic!("a walk is wanted") };
    let failure = Failure::new(FailureKind::Cancelled, "shop.jsonl", "walk", "nobody wants it");
    desk.send(Msg::JobFailed { generation, failure });
    assert!(desk.app.notice.is_none() && !desk.app.is_busy());
}

#[test]
fn streams_are_seen_as_the_selection_moves_and_remembered_where_they_were_left() {
    let mut desk = Desk::open(shop());
    desk.type_keys("j");
    assert_eq!(desk.stands(), ("order-1002".into(), 3));
    desk.type_keys("k<enter>kk1j");
    assert_eq!(desk.stands(), ("order-1002".into(), 3));
    desk.type_keys("k");
    assert_eq!(desk.stands(), order(4), "where it was left");
    desk.type_keys("gj");
    assert_eq!(desk.stands(), ("order-*".into(), 10), "a category is a scope");
    desk.type_keys("g");
    assert_eq!(desk.stands(), ("all".into(), 12));
}

#[test]
fn steps_across_the_store_follow_it_from_stream_to_stream() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":1<enter>s");
    assert_eq!(desk.stands(), order(2));
    desk.type_keys("s");
    assert_eq!(desk.stands(), ("order-1002".into(), 1));
    desk.type_keys("s");
    assert_eq!(desk.stands(), ("payment-77".into(), 1));
    desk.type_keys("S");
    assert_eq!(desk.stands(), ("order-1002".into(), 1));
    desk.type_keys("10S");
    assert_eq!(desk.stands(), order(1), "as far as it goes");
    desk.type_keys("<esc>5s");
    assert_eq!(desk.stands(), order(4), "five events on in the store");
    desk.type_keys("1");
    assert_eq!(desk.lines_with("› order-1001").len(), 1, "the list of streams follows");
}

#[test]
fn store_steps_that_outrun_the_walk_are_made_one_after_the_other() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":1<enter>");
    desk.answers = false;
    desk.type_keys("sss");
    assert_eq!(goes(&desk.wanted).len(), 1, "the second starts where the first arrives");
    desk.answer();
    assert_eq!(desk.stands(), ("payment-77".into(), 1));
}

#[test]
fn the_whole_store_and_back_into_a_stream() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>kk0");
    assert_eq!(desk.stands(), ("all".into(), 6), "at the same event");
    desk.type_keys("j");
    assert_eq!(desk.stands(), ("all".into(), 7));
    desk.type_keys("<enter>");
    assert_eq!(desk.stands(), ("payment-77".into(), 2));
}

#[test]
fn go_to_takes_a_person_anywhere() {
    for (typed, stands) in [
        ("2", order(2)),
        ("+1", order(6)),
        ("-2", order(4)),
        ("50%", order(3)),
        ("first", order(1)),
        ("last", order(6)),
        ("@14:02:05", order(2)),
        ("@2026-03-01T14:02:08.5", order(4)),
        ("@2020-01-01", order(0)),
        ("payment-77", ("payment-77".into(), 2)),
        ("e-0009", ("order-1002".into(), 2)),
    ] {
        let mut desk = Desk::open(shop());
        desk.type_keys(&format!(":{typed}<enter>"));
        assert_eq!(desk.stands(), stands, ":{typed}");
        assert_eq!(desk.app.panes.focus, Pane::Events);
    }
}

#[test]
fn what_cannot_be_gone_to_stays_to_be_corrected() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":@noon<enter>");
    assert_eq!(desk.lines_with("noon is not a time").len(), 1);
    desk.type_keys("<ctrl+u>3<enter>");
    assert_eq!(desk.stands(), order(3));
    desk.type_keys(":<up><enter>");
    assert_eq!(desk.stands(), order(3), "the last one can be recalled");
}

#[test]
fn find_goes_along_while_one_types_and_esc_returns() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>/stack");
    assert_eq!(desk.stands(), order(4));
    desk.type_keys("<esc>");
    assert_eq!(desk.stands(), order(6));
    desk.type_keys("g/item<enter>");
    assert_eq!(desk.stands(), order(1), "the first one has a list of items");
    desk.type_keys("n");
    assert_eq!(desk.stands(), order(2));
    desk.type_keys("N");
    assert_eq!(desk.stands(), order(1));
    desk.type_keys("/zebra<enter>");
    assert_eq!(desk.lines_with("nothing here contains zebra: 0, then n, looks in the whole store").len(), 1);
    desk.type_keys("/<up>");
    assert!(desk.text().contains("find: zebra"), "the last text can be recalled");
}

#[test]
fn a_search_that_was_replaced_leads_nowhere() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>");
    desk.answers = false;
    desk.type_keys("/no");
    let Some(Effect::Find { generation, from, direction, .. }) = desk.wanted.first().cloned() else {
        panic!("a search")
    };
    assert_eq!((from, direction), (5, Direction::Forward));
    desk.send(Msg::Found { generation, scope_at: 1 });
    assert!(goes(&desk.wanted).is_empty());
}

#[test]
fn typing_narrows_streams_and_esc_brings_all_back() {
    let mut desk = Desk::open(shop());
    desk.type_keys("/od2");
    assert_eq!(desk.stands(), ("order-1002".into(), 3), "the best match is shown at once");
    desk.type_keys("<esc>");
    assert_eq!(desk.stands(), order(6));
    assert_eq!(desk.lines_with("payment-77").len(), 1);
    desk.type_keys("fpay<enter>");
    assert_eq!((desk.stands(), desk.app.panes.focus), (("payment-77".into(), 2), Pane::Events));
    desk.type_keys("1");
    assert!(desk.lines_with("order-1002").is_empty(), "the list stays narrow");
    desk.type_keys("<esc><esc>");
    assert!(!desk.lines_with("order-1002").is_empty());
    desk.type_keys("/zzz");
    assert!(desk.text().contains("No stream matches."));
}

#[test]
fn typing_never_waits_for_the_filter() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys("/pay");
    let asked: Vec<String> = desk
        .wanted
        .iter()
        .filter_map(|effect| match effect {
            Effect::FilterStreams { pattern, .. } => Some(pattern.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(asked, ["p", "pa", "pay"]);
    let Some(Effect::FilterStreams { generation: first, .. }) = desk.wanted.first().cloned() else {
        panic!("a filter")
    };
    desk.send(Msg::StreamsFiltered { generation: first, matches: Arc::new(vec![0, 1, 2, 3]), complete: true });
    assert_eq!(desk.lines_with("0 streams match so far").len(), 1, "the answer to p is of no use any more");
    let beyond = Arc::new(vec![2, 4_000_000_000]);
    let last = Generation(first.0 + 2);
    desk.send(Msg::StreamsFiltered { generation: last, matches: beyond, complete: true });
    assert_eq!(desk.lines_with("1 stream match").len(), 1, "and streams that are not listed yet are left out");
}

#[test]
fn streams_come_in_the_order_one_likes() {
    let mut desk = Desk::open(shop());
    let names = |desk: &Desk| -> Vec<String> {
        let name = |line: &String| {
            line.split_whitespace().find(|word| word.contains("-1") || word.contains("-7")).map(str::to_owned)
        };
        desk.text()
            .lines()
            .skip(1)
            .map(|line| line.chars().take(34).collect::<String>())
            .filter_map(|line| name(&line))
            .collect()
    };
    assert_eq!(names(&desk), ["order-1001", "order-1002", "payment-77", "order-1003"]);
    desk.type_keys("v");
    assert_eq!(names(&desk), ["order-1001", "order-1002", "order-1003", "payment-77"]);
    desk.type_keys("v");
    assert_eq!(names(&desk), ["order-1001", "order-1002", "payment-77", "order-1003"]);
    desk.type_keys("v");
    assert_eq!(names(&desk), ["order-1003", "order-1002", "order-1001", "payment-77"]);
    assert_eq!(desk.lines_with("› order-1001").len(), 1, "the selection stays at its stream");
}

#[test]
fn a_growing_source_keeps_the_cursor_and_counts_so_far() {
    let mut desk = Desk::start(shop(), 80, 24);
    desk.send(Msg::SourceDescribed(desk.about.clone()));
    assert!(desk.text().contains("Reading"));
    desk.read(42);
    assert_eq!(desk.stands(), order(3));
    assert!(desk.text().contains("so far (42 %)"));
    let mut untouched = Desk::start(shop(), 80, 24);
    untouched.send(Msg::SourceDescribed(desk.about.clone()));
    untouched.read(42);
    untouched.read(100);
    assert_eq!(untouched.stands(), order(6), "nobody chose a place: the end is where one stands in the end");
    desk.type_keys(",.");
    desk.read(100);
    assert_eq!(desk.stands(), order(3));
    assert!(desk.text().contains("@3/6") && !desk.text().contains("so far"));
    assert_eq!(desk.lines_with("› order-1001").len(), 1, "a category came in above it");
    desk.type_keys("2G");
    assert_eq!(desk.stands(), order(6));
}

#[test]
fn only_a_window_of_a_long_stream_is_read() {
    let mut desk = Desk::open(long(5_000));
    desk.type_keys("<enter>");
    for keys in ["g", "50%", ":2500<enter>", "G", "<pgup><pgup>", "k"] {
        desk.type_keys(keys);
        assert!(desk.lines_with(" … ").is_empty() && desk.lines_with("Counted").len() >= 5, "after {keys}");
    }
    for effect in &desk.log {
        if let Effect::LoadEvents { query, .. } = effect {
            assert!(query.limit <= 400, "{query:?}");
            assert!(matches!(query.from, Anchor::Ordinal(_)));
        }
    }
    let reads = desk.log.iter().filter(|effect| matches!(effect, Effect::LoadEvents { .. })).count();
    assert!(reads <= 8, "{reads} reads");
    desk.type_keys("g");
    let before = desk.log.len();
    desk.type_keys(&"j".repeat(100));
    let reads = desk.log[before..].iter().filter(|effect| matches!(effect, Effect::LoadEvents { .. })).count();
    assert!(reads <= 2, "reading ahead: {reads} reads for a hundred steps");
}

#[test]
fn a_read_that_fails_is_told_once_and_not_repeated() {
    let mut desk = Desk::start(long(10), 80, 24);
    desk.answers = false;
    desk.send(Msg::SourceDescribed(desk.about.clone()));
    desk.read(100);
    let reads = |desk: &Desk| desk.log.iter().filter(|effect| matches!(effect, Effect::LoadEvents { .. })).count();
    let Some(Effect::LoadEvents { generation, .. }) =
        desk.wanted.iter().find(|effect| matches!(effect, Effect::LoadEvents { .. })).cloned()
    else {
        panic!("a read")
    };
    let failure = Failure::new(FailureKind::Io, "shop.jsonl", "read events", "the disk is gone");
    desk.send(Msg::JobFailed { generation, failure });
    assert_eq!(desk.lines_with("the disk is gone").len(), 1);
    let before = reads(&desk);
    desk.send(Msg::Resized { width: 80, height: 24 });
    assert_eq!(reads(&desk), before);
}

#[test]
fn what_events_did_is_remembered_as_marks() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>g......");
    let window = desk.app.panes.events.window.as_ref().expect("a window");
    let facts: Vec<Option<Fact>> = (1..=6).map(|place| window.row(place).and_then(|row| row.fact)).collect();
    assert_eq!(facts[0], Some(Fact::Began));
    assert!(facts[1..].iter().all(|fact| *fact == Some(Fact::Changed)));
    desk.send(Msg::ReducerReloaded("order.js was loaded anew".into()));
    let window = desk.app.panes.events.window.as_ref().expect("a window");
    assert_eq!(window.row(1).and_then(|row| row.fact), None, "another reducer may say something else");
    assert_eq!(window.row(6).and_then(|row| row.fact), Some(Fact::Changed), "where one stands it was asked again");
}

#[test]
fn a_fault_is_shown_in_place_and_the_walk_goes_on() {
    let mut desk = Desk::open(numbered(vec![
        event("order-1", "OrderPlaced", r#"{"n":1}"#),
        event("order-1", "OrderRepriced", r#"{"fault":"total is negative"}"#),
        event("order-1", "OrderShipped", r#"{"n":3}"#),
    ]));
    desk.type_keys("<enter>k");
    assert_eq!(desk.lines_with("order.js:14").len(), 2, "beside the state and in the status line");
    desk.type_keys("!");
    assert!(desk.text().contains("reducers/order.js:14:9"));
    desk.type_keys("<esc>j");
    assert!(desk.text().contains("was 1"));
}

#[test]
fn a_record_that_cannot_be_read_is_a_row_at_its_place() {
    let mut desk =
        Desk::open(numbered(vec![event("a-1", "A", "{}"), unreadable(2, "no JSON"), event("a-1", "B", "{}")]));
    desk.type_keys("gl:2<enter>");
    assert_eq!(desk.stands(), ("all".into(), 2));
    assert!(desk.text().contains("line 2: no JSON") && desk.text().contains("1 unreadable"));
    desk.type_keys("<enter>");
    assert_eq!(desk.stands(), ("all".into(), 2));
}

#[test]
fn only_broken_records_are_still_something_to_look_at() {
    let desk = Desk::open(numbered(vec![unreadable(1, "no JSON"), unreadable(2, "no JSON")]));
    assert_eq!(desk.stands(), ("all".into(), 1));
}

#[test]
fn pinned_states_are_compared_with() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>g.P");
    assert!(desk.text().contains("pinned order-1001@1"));
    desk.type_keys("G4D");
    assert!(desk.text().contains("vs order-1001@1") && desk.text().contains("0 → -12.50"));
    desk.type_keys("yd");
    let copied = desk.copied().expect("the difference").to_owned();
    assert!(copied.contains(r#"{"path":"/total/amount","before":0,"after":-12.50}"#), "{copied}");
    desk.type_keys("D");
    assert!(!desk.text().contains("vs order-1001@1"));
    desk.type_keys(":1<enter>P");
    assert!(desk.text().contains("unpinned"));
    assert_eq!(desk.log.iter().filter(|effect| matches!(effect, Effect::Pin | Effect::Unpin)).count(), 2);
}

#[test]
fn a_difference_that_belongs_to_another_walk_is_never_shown() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>g.PG4D");
    let shown = desk.app.walk.shown;
    desk.send(Msg::DiffMade { generation: Generation(shown.0 - 1), patch: Arc::default() });
    assert!(desk.text().contains("0 → -12.50"), "a late one is dropped");
    desk.send(Msg::DiffMade { generation: Generation(shown.0 + 7), patch: Arc::default() });
    assert!(
        !desk.text().contains("0 → -12.50") && desk.text().contains("comparing"),
        "one for a walk to come waits for it"
    );
}

#[test]
fn copying_takes_exactly_the_thing() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":4<enter>");
    for (keys, text) in [
        ("yi", "e-0006"),
        ("yc", "stepback state shop.jsonl order-1001 --at 4"),
        ("yy", r#"{"discounts":[{"code":"STACK20","pct":20}],"total":{"amount":-12.50,"currency":"EUR"}}"#),
        ("4G<up>k", ""),
        ("yp", "/discounts/0"),
        ("yq", ".discounts[0]"),
        ("yy", r#"{"code":"STACK20","pct":20}"#),
        ("jyy", "STACK20"),
        ("1yy", "order-1001"),
    ] {
        desk.type_keys(keys);
        if !text.is_empty() {
            assert_eq!(desk.copied(), Some(text), "{keys}");
        }
    }
    desk.type_keys("ye");
    let copied = Json::parse(desk.copied().expect("the event").as_bytes()).expect("JSON");
    assert_eq!(copied.get("type").and_then(Json::as_str), Some("CouponApplied"));
    assert_eq!(copied.get("metadata").map(ToString::to_string).as_deref(), Some(r#"{"user":"u-17","source":"web"}"#));
    desk.type_keys("ys");
    assert!(
        desk.copied().is_some_and(|text| text.starts_with(r#"{"orderId":"order-1001""#) && text.contains("-12.50"))
    );
    assert!(desk.lines_with("copied the state: ").len() == 1);
}

#[test]
fn numbers_and_duplicate_keys_are_shown_as_they_are_stored() {
    let desk = |data: &str| {
        let mut desk = Desk::open(numbered(vec![event("a-1", "A", data)]));
        desk.type_keys("3");
        desk.text()
    };
    for number in ["9007199254740993", "1E400", "-0", "0.10", "123456789012345678901234567890"] {
        assert!(desk(&format!(r#"{{"n":{number}}}"#)).contains(number), "{number}");
    }
    assert_eq!(desk(r#"{"a":1,"a":2}"#).matches("duplicate key").count(), 2);
}

#[test]
fn folds_stay_while_one_steps() {
    let mut desk = Desk::open(shop());
    desk.type_keys("4zM");
    assert!(!desk.text().contains("\"gold\""));
    desk.type_keys(",");
    assert!(!desk.lines_with("customer").is_empty() && !desk.text().contains("\"gold\""));
    desk.type_keys("zR");
    assert!(desk.text().contains("\"gold\""));
    desk.type_keys("g<down><down>h");
    assert!(!desk.text().contains("\"gold\""), "closed");
    desk.type_keys("l");
    assert!(desk.text().contains("\"gold\""));
    desk.type_keys("jH");
    desk.type_keys("yp");
    assert_eq!(desk.copied(), Some("/customer"));
}

#[test]
fn a_value_that_is_cut_is_shown_whole_on_demand() {
    let long = format!("{}the end", "long text ".repeat(40));
    let mut desk = Desk::open(numbered(vec![event("a-1", "A", &format!(r#"{{"text":"{long}"}}"#))]));
    desk.type_keys("4");
    assert!(!desk.text().contains("the end"));
    desk.type_keys("<enter>");
    assert!(desk.text().contains("the end") && desk.text().contains("/text"));
    desk.type_keys("<esc>");
    assert!(!desk.text().contains("the end"));
}

#[test]
fn the_next_change_is_one_chord_away() {
    let mut desk = Desk::open(shop());
    desk.type_keys("4g]d");
    desk.type_keys("yp");
    assert_eq!(desk.copied(), Some("/status"));
    desk.type_keys("]dyp");
    assert_eq!(desk.copied(), Some("/shippedAt"));
    desk.type_keys("[dyp");
    assert_eq!(desk.copied(), Some("/status"));
}

#[test]
fn playing_steps_by_itself_until_the_end() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>gp");
    let played = |desk: &Desk| {
        desk.log.iter().rev().find_map(|effect| match effect {
            Effect::Play(every) => Some(*every),
            _ => None,
        })
    };
    let usual = played(&desk).flatten().expect("a timer");
    desk.type_keys("}");
    assert_eq!(played(&desk).flatten(), Some(usual / 2));
    desk.type_keys("{{");
    assert_eq!(played(&desk).flatten(), Some(usual * 2));
    for _ in 0..6 {
        desk.send(Msg::PlayTicked);
    }
    assert_eq!(desk.stands(), order(6));
    desk.send(Msg::PlayTicked);
    assert_eq!(played(&desk), Some(None), "the timer is stopped at the end");
    desk.send(Msg::PlayTicked);
    assert!(desk.text().contains("played to the end"));
    desk.type_keys("gp<esc>");
    assert_eq!(played(&desk), Some(None));
}

#[test]
fn a_tick_waits_for_a_slow_walk() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>gp");
    desk.answers = false;
    desk.send(Msg::PlayTicked);
    desk.send(Msg::PlayTicked);
    assert_eq!(goes(&desk.wanted).len(), 1);
}

#[test]
fn esc_goes_back_one_thing_at_a_time() {
    let mut desk = Desk::open(shop());
    desk.type_keys("4\\");
    assert!(desk.app.panes.zoomed);
    desk.type_keys("<esc>");
    assert!(!desk.app.panes.zoomed);
    desk.type_keys("<esc>");
    assert_eq!(desk.app.panes.focus, Pane::Events);
    desk.type_keys("<esc>");
    assert_eq!(desk.app.panes.focus, Pane::Streams);
    desk.type_keys("<esc><esc><esc>");
    assert!(!desk.log.contains(&Effect::Quit), "Esc never quits");
}

#[test]
fn quitting_is_asked_for_and_forced() {
    let mut desk = Desk::open(shop());
    desk.type_keys("\\q");
    assert!(!desk.app.panes.zoomed && matches!(desk.app.mode, Mode::Normal), "q closes what is open first");
    desk.type_keys("q");
    assert!(desk.text().contains("Quit stepback?"));
    desk.type_keys("n");
    assert!(matches!(desk.app.mode, Mode::Normal) && !desk.log.contains(&Effect::Quit));
    desk.type_keys("qy");
    assert_eq!(desk.log.last(), Some(&Effect::Quit));

    let mut desk = Desk::open(shop());
    desk.type_keys("Q");
    assert_eq!(desk.log.last(), Some(&Effect::Quit));
}

#[test]
fn control_c_stops_first_and_quits_when_nothing_runs() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys(",<ctrl+c>");
    assert_eq!(desk.wanted.last(), Some(&Effect::StopJobs));
    desk.type_keys("<ctrl+c>j<ctrl+c>");
    assert!(!desk.log.contains(&Effect::Quit), "not twice in a row");
    desk.type_keys("<ctrl+c>");
    assert!(!desk.log.contains(&Effect::Quit), "the second stopped the walk that j began");
    desk.type_keys("<ctrl+c>");
    assert_eq!(desk.log.last(), Some(&Effect::Quit));

    let mut desk = Desk::open(shop());
    desk.type_keys("/abc<ctrl+c><ctrl+c>");
    assert_eq!(desk.log.last(), Some(&Effect::Quit), "also while typing");
}

#[test]
fn the_help_is_typed_into_and_does_what_is_selected() {
    let mut desk = Desk::open(shop());
    desk.type_keys("?back to the previous event of the scope");
    assert_eq!(desk.lines_with("Step back to the previous").len(), 2, "the entry, and its whole text below");
    desk.type_keys("<enter>");
    assert_eq!(desk.stands(), order(5));
    desk.type_keys("?");
    desk.type_keys("F10");
    assert!(!desk.lines_with("Step to the next event of the scope").is_empty());
    desk.type_keys("<ctrl+u>qqq");
    assert!(desk.text().contains("no action matches"));
    desk.type_keys("<esc>");
    assert!(matches!(desk.app.mode, Mode::Normal));
}

#[test]
fn an_unknown_key_says_how_to_find_the_right_one() {
    let mut desk = Desk::open(shop());
    desk.type_keys("x");
    assert_eq!(desk.lines_with("x does nothing here: ? lists the keys").len(), 1);
    desk.type_keys("yx");
    assert_eq!(desk.lines_with("yx does nothing here").len(), 1);
}

#[test]
fn the_mouse_selects_scrolls_scrubs_and_presses_hints() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.click(30, 5);
    assert_eq!((desk.app.panes.focus, desk.stands()), (Pane::Events, order(2)));
    desk.click(5, 6);
    assert_eq!((desk.app.panes.focus, desk.stands().0.as_str()), (Pane::Streams, "order-1002"));
    desk.click(5, 6);
    assert_eq!(desk.app.panes.focus, Pane::Events, "a click on what is selected opens it");
    desk.type_keys(":order-1001<enter>");
    desk.mouse(MouseKind::Pressed, 2, 32);
    assert_eq!(desk.stands(), order(0));
    desk.mouse(MouseKind::Dragged, 107, 2);
    assert_eq!(desk.stands(), order(6), "dragging goes on outside the timeline");
    desk.mouse(MouseKind::Released, 107, 2);
    desk.mouse(MouseKind::Dragged, 2, 32);
    assert_eq!(desk.stands(), order(6), "and ends with the button");
    let hints = desk.text().lines().last().expect("hints").to_owned();
    let back = hints.find(", back").expect("a hint") as u16;
    desk.click(back + 3, 35);
    assert_eq!(desk.stands(), order(5));
}

#[test]
fn the_wheel_looks_around_without_moving_time() {
    let mut desk = Desk::open(long(500));
    desk.type_keys("<enter>g");
    desk.mouse(MouseKind::WheelDown, 5, 5);
    desk.mouse(MouseKind::WheelDown, 5, 5);
    assert_eq!(desk.app.walk.place, 0);
    assert!(desk.lines_with("initial state").is_empty());
    desk.type_keys("j");
    assert_eq!(desk.app.walk.place, 1);
    assert!(!desk.lines_with("initial state").is_empty(), "the next step brings the cursor back into sight");
}

#[test]
fn times_are_instants_or_gaps() {
    let mut desk = Desk::open(shop());
    desk.type_keys("t");
    assert_eq!(desk.lines_with("+1.7s").len(), 1);
    desk.type_keys("t");
    assert!(desk.text().contains("14:02:01.780"));
}

#[test]
fn the_theme_is_the_next_one_and_everything_is_drawn_anew() {
    let mut desk = Desk::open(shop());
    assert_eq!(desk.app.theme(), "base");
    desk.type_keys("T");
    assert_eq!(desk.app.theme(), "dark");
    assert_eq!(desk.log.last(), Some(&Effect::Repaint));
    desk.type_keys("TTT");
    assert_eq!(desk.app.theme(), "base");
}

#[test]
fn pasting_into_a_prompt_keeps_to_one_line() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":");
    desk.send(Msg::Pasted("\x1b[31mpayment\n-77\x07".into()));
    assert_eq!(desk.lines_with("go to: [31mpayment-77").len(), 1);
    desk.send(Msg::Pasted("x".repeat(1_000_000)));
    assert!(desk.text().len() < 100_000);
}

#[test]
fn the_rest_goes_to_whoever_holds_the_terminal() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<ctrl+z><ctrl+l>");
    assert_eq!(desk.log[desk.log.len() - 2..], [Effect::Suspend, Effect::Repaint]);
    desk.send(Msg::Resumed);
    assert_eq!(desk.log.last(), Some(&Effect::Repaint));
    desk.type_keys("yi");
    desk.send(Msg::Copied(Err("the terminal has no clipboard".into())));
    assert_eq!(desk.lines_with("the terminal has no clipboard").len(), 1);
}

#[test]
fn a_scope_that_arrives_brings_its_events_with_it() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys("j");
    assert!(desk.wanted.iter().any(|effect| matches!(
        effect,
        Effect::LoadEvents { query, .. } if query.scope == Scope::Stream("order-1002".into())
    )));
    assert!(desk.text().contains("2 Events order-1001"), "nothing is shown before the walk has arrived");
    desk.answer();
    assert!(desk.text().contains("2 Events order-1002") && !desk.lines_with("OrderDeleted").is_empty());
}

#[test]
fn the_documentation_of_the_keys_is_the_keymap() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
    let generated = markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &generated).expect("docs/keys.md can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == generated, "docs/keys.md is stale: run the tests once with UPDATE_DOCS=1");
}

#[test]
fn every_key_of_the_keymap_can_be_typed_and_every_hint_is_a_key() {
    let keymap = Keymap::built_in();
    for binding in keymap.bindings() {
        let mut desk = Desk::open(shop());
        let mode = match binding.context {
            Context::Always | Context::Everywhere | Context::Streams => "",
            Context::Events => "2",
            Context::Tree => "4",
            Context::Prompt => ":",
            Context::Help => "?",
            Context::Popup => "i",
            Context::Survey => "I",
            Context::Confirm => "q",
        };
        desk.type_keys(mode);
        for key in &binding.keys {
            desk.send(Msg::KeyPressed(*key));
        }
        assert!(!desk.text().contains("does nothing here"), "{binding:?}");
        assert!(desk.app.keys.begun.is_empty(), "{binding:?}");
    }
    assert!(ACTIONS.len() > 60);
}

// Anything may be pressed at any time in a window of any size

fn any_key() -> impl Strategy<Value = String> {
    let named = [
        "enter",
        "esc",
        "tab",
        "shift+tab",
        "backspace",
        "delete",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pgup",
        "pgdn",
        "f1",
        "f10",
        "f11",
        "ctrl+d",
        "ctrl+u",
        "ctrl+c",
        "ctrl+l",
        "ctrl+w",
        "space",
    ];
    prop_oneof![
        4 => proptest::sample::select(named.to_vec()).prop_map(|name| format!("<{name}>")),
        8 => proptest::sample::select("jkhlgGHnNsSpPDdvtTiy0123456789/:?!.,{}[]zRMqfe\\%@+-é山".chars().collect::<Vec<_>>())
            .prop_map(|c| c.to_string()),
    ]
}

#[derive(Clone, Debug)]
enum Deed {
    Keys(String),
    Size(u16, u16),
    Mouse(u8, u16, u16),
    Hold,
    Answer,
    Read(u64),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => any_key().prop_map(Deed::Keys),
        2 => (1_u16..=300, 1_u16..=100).prop_map(|(width, height)| Deed::Size(width, height)),
        2 => (0_u8..5, 0_u16..300, 0_u16..100).prop_map(|(kind, x, y)| Deed::Mouse(kind, x, y)),
        1 => Just(Deed::Hold),
        2 => Just(Deed::Answer),
        1 => (0_u64..=100).prop_map(Deed::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn nothing_one_can_do_panics_or_changes_while_it_is_drawn(deeds in prop::collection::vec(any_deed(), 1..40)) {
        let mut events: Vec<_> = shop().iter().map(|event| (**event).clone()).collect();
        events.insert(3, unreadable(4, "\u{1b}[2J"));
        events.push(event("evil-\u{202e}山", "Odd\u{7}", r#"{"a":[1,[2,{"b":null}]],"a":2,"fault":"x"}"#));
        let mut desk = Desk::start(numbered(events), 80, 24);
        desk.send(Msg::SourceDescribed(desk.about.clone()));
        desk.read(40);
        let mut read = 40;
        for deed in deeds {
            match deed {
                Deed::Keys(keys) => keys_of(&keys).into_iter().for_each(|key| desk.send(Msg::KeyPressed(key))),
                Deed::Size(width, height) => desk.send(Msg::Resized { width, height }),
                Deed::Mouse(kind, x, y) => {
                    let kinds = [MouseKind::Pressed, MouseKind::Dragged, MouseKind::Released, MouseKind::WheelUp, MouseKind::WheelDown];
                    desk.mouse(kinds[usize::from(kind)], x, y);
                }
                Deed::Hold => desk.answers = false,
                Deed::Answer => { desk.answers = true; desk.answer(); }
                Deed::Read(percent) => { read = read.max(percent); desk.read(read); }
            }
            let before = format!("{:?}", desk.app);
            let text = desk.text();
            prop_assert_eq!(before, format!("{:?}", desk.app));
            let harmless = !text.contains(['\u{1b}', '\u{202e}', '\u{7}']);
            prop_assert!(harmless);
        }
        desk.answers = true;
        desk.answer();
        prop_assert!(desk.app.walk.wanted.is_none(), "every walk arrives or fails");
        if let (Some(moment), Some(Scope::Stream(name))) = (&desk.app.walk.moment, &desk.app.walk.scope) {
            prop_assert_eq!(&moment.stream, name);
            prop_assert_eq!(moment.at, desk.app.walk.place);
        }
    }
}

#[test]
fn keys_typed_before_the_filter_has_answered_are_meant_for_what_it_finds() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys("1/1002<enter>:1<enter>.");
    assert_ne!(desk.stands().0, "order-1002", "nothing is opened on a guess");
    desk.answers = true;
    desk.answer();
    assert_eq!(desk.stands(), ("order-1002".to_owned(), 2));

    desk.answers = false;
    desk.type_keys("1/1003<enter>..<esc>");
    desk.answers = true;
    desk.answer();
    assert_eq!(desk.stands().0, "order-1002", "Esc takes it back");
}
