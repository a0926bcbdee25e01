//! A source that changes while it is looked at: followed when it grows, told of when it is no longer the same.

use std::sync::Arc;

use stepback::app::{Effect, Msg};
use stepback::ask::{Ask, Told};
use stepback::domain::{Event, SourceChange};

use crate::support::desk::{Desk, event, numbered, shop};

/// The shop, and two orders more.
fn grown() -> Vec<Arc<Event>> {
    let mut events: Vec<Event> = shop().iter().map(|event| Event::clone(event)).collect();
    events.push(event("order-1001", "OrderReopened", r#"{"status":"Open"}"#));
    events.push(event("order-1004", "OrderPlaced", r#"{"status":"Open"}"#));
    numbered(events)
}

/// The source has grown, and what is new is read.
fn grow(desk: &mut Desk) {
    desk.replace(grown());
    desk.send(Msg::Told(Told::SourceChanged(SourceChange::Grown)));
    desk.read(100);
}

fn at(scope: &str, place: u64) -> (String, u64) {
    (scope.into(), place)
}

#[test]
fn what_is_new_is_counted_and_shown_and_the_cursor_stays() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    grow(&mut desk);
    assert_eq!(desk.stands(), at("order-1001", 6));
    assert_eq!(desk.lines_with("+2 new").len(), 1, "{}", desk.text());
    assert_eq!(desk.lines_with("order-1004").len(), 1, "the list of streams grows");
    assert_eq!(desk.lines_with("6 of 7").len(), 1, "{}", desk.text());
    assert_eq!(desk.lines_with("OrderReopened").len(), 1, "and so does that of events");
    desk.type_keys("2G");
    desk.type_keys("<enter>G");
    assert_eq!(desk.stands(), at("order-1001", 7));
    assert!(desk.lines_with("+2 new").is_empty(), "the newest event was gone to");
}

#[test]
fn who_follows_is_led_to_the_newest_event_while_standing_at_the_end() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>kF");
    assert_eq!(desk.stands(), at("order-1001", 6), "following begins at the end");
    assert_eq!(desk.lines_with("[following]").len(), 1, "{}", desk.text());
    grow(&mut desk);
    assert_eq!(desk.stands(), at("order-1001", 7));
    assert_eq!(desk.lines_with("+2 new").len(), 1);
    desk.type_keys("F");
    assert!(desk.lines_with("[following]").is_empty() && desk.lines_with("+2 new").is_empty(), "{}", desk.text());
}

#[test]
fn who_went_elsewhere_is_left_alone() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>Fkk");
    grow(&mut desk);
    assert_eq!(desk.stands(), at("order-1001", 4));
    desk.type_keys("/reop");
    assert_eq!(desk.stands(), at("order-1001", 7));
}

#[test]
fn the_whole_store_and_a_filter_are_followed_too() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("0&type:OrderPlaced<enter>F");
    assert_eq!(desk.stands(), at("all", 12));
    grow(&mut desk);
    assert_eq!(desk.stands(), at("all", 14));
    assert!(desk.text().contains("4 of 14 events, 10 hidden"), "{}", desk.text());
}

#[test]
fn a_changed_file_is_told_of_until_it_is_opened_again() {
    for (width, height) in [(80, 24), (120, 36), (160, 45)] {
        for (change, words) in [
            (SourceChange::Truncated, "the store changed: R reopens it, what is shown may be old"),
            (SourceChange::Replaced, "another store has its name now: R reopens it, what is shown may be old"),
            (SourceChange::Removed, "the store is gone; R opens it again once it is back, what is shown may be old"),
        ] {
            let mut desk = Desk::open_in(shop(), width, height);
            desk.type_keys("<enter>k");
            desk.send(Msg::Told(Told::SourceChanged(change)));
            let shown: String = words.chars().take(usize::from(width) - 6).collect();
            assert_eq!(desk.lines_with(&shown).len(), 1, "{}", desk.text());
            assert_eq!(desk.lines_with("[CHANGED]").len(), 1, "{}", desk.text());
            desk.type_keys("k");
            assert_eq!(desk.stands(), at("order-1001", 4), "everything still works");
            assert_eq!(desk.lines_with(&shown).len(), 1, "no key makes it go away");
            let text = desk.text();
            assert!(text.lines().last().is_some_and(|hints| hints.contains("R reopen")), "{text}");
        }
    }
}

#[test]
fn a_store_that_is_back_and_goes_on_is_no_longer_told_of() {
    for (change, is_over) in
        [(SourceChange::Removed, true), (SourceChange::Replaced, true), (SourceChange::Truncated, false)]
    {
        let mut desk = Desk::open_in(shop(), 120, 36);
        desk.type_keys("<enter>F");
        desk.send(Msg::Told(Told::SourceChanged(change)));
        assert_eq!(desk.lines_with("[CHANGED]").len(), 1, "{}", desk.text());
        grow(&mut desk);
        assert_eq!(desk.stands(), at("order-1001", 7), "it is followed all the same");
        // What was cut where it lay may have been read while it was: that goes only by opening it again.
        assert_eq!(desk.lines_with("[CHANGED]").is_empty(), is_over, "{change:?}: {}", desk.text());
    }
}

#[test]
fn reopening_keeps_stream_version_and_filter() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>&type:Item*<enter>kk");
    desk.type_keys(":4<enter>");
    desk.send(Msg::Told(Told::SourceChanged(SourceChange::Truncated)));
    desk.type_keys("R");
    assert!(matches!(desk.log.last(), Some(Effect::Ask(Ask::Reopen { .. }))));
    desk.replace(grown());
    desk.reopened();
    assert_eq!(desk.stands(), at("order-1001", 4));
    assert!(desk.lines_with("[CHANGED]").is_empty(), "{}", desk.text());
    assert!(desk.text().contains("& type:Item*") && desk.text().contains("2 of 7 events, 5 hidden"), "{}", desk.text());
}

#[test]
fn reopening_what_no_longer_holds_the_place_shows_what_there_is() {
    let short = || numbered(vec![event("order-1001", "OrderPlaced", "{}"), event("other-1", "OrderPlaced", "{}")]);
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>");
    desk.replace(short());
    desk.type_keys("R");
    desk.reopened();
    assert_eq!(desk.stands(), at("order-1001", 1), "{}", desk.text());
    assert!(desk.text().contains("this is the end of order-1001"), "{}", desk.text());

    // The end is where it is once all is read, not where it was when the place was found to be missing.
    let long = || numbered((0..4).map(|_| event("order-1001", "OrderPlaced", "{}")).collect());
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>");
    desk.replace(long());
    desk.type_keys("R");
    desk.send(Msg::Told(Told::Reopened));
    desk.read(50);
    assert!(desk.text().contains("this is the end of order-1001 so far"), "{}", desk.text());
    desk.read(100);
    assert_eq!(desk.stands(), at("order-1001", 4), "{}", desk.text());
    assert_eq!(desk.lines_with("this is the end of order-1001 ").len(), 1, "{}", desk.text());
    assert!(!desk.text().contains("so far"), "{}", desk.text());

    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys(":payment-77<enter>");
    desk.replace(short());
    desk.type_keys("R");
    desk.reopened();
    assert_eq!(desk.stands(), at("order-1001", 1), "{}", desk.text());
    assert!(desk.text().contains("there is no stream payment-77 here"), "{}", desk.text());

    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("0");
    desk.replace(short());
    desk.type_keys("R");
    desk.reopened();
    assert_eq!(desk.stands().0, "all", "{}", desk.text());
}

#[test]
fn a_source_that_cannot_be_opened_again_stays_open() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>R");
    let Some(Effect::Ask(Ask::Reopen { generation })) = desk.log.last().cloned() else { panic!("a wish") };
    let failure = stepback::domain::Failure::new(
        stepback::domain::FailureKind::NotFound,
        "shop.jsonl",
        "open it",
        "there is no such file",
    );
    desk.send(Msg::Told(Told::JobFailed { generation, failure }));
    assert!(desk.text().contains("there is no such file"), "{}", desk.text());
    desk.type_keys("<esc>k");
    assert_eq!(desk.stands(), at("order-1001", 5));
}
