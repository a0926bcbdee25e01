//! The filter of events, by keys: what is shown, what is hidden, and that states are those of all events.

use stepback::app::{Effect, Msg};
use stepback::ask::{Ask, Told};

use crate::support::desk::{Desk, shop};

fn order(place: u64) -> (String, u64) {
    ("order-1001".into(), place)
}

#[test]
fn a_filter_hides_rows_and_keeps_states() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>");
    let state = |desk: &Desk| desk.app.walk.moment.as_ref().and_then(|moment| moment.state.clone());
    desk.type_keys("5G");
    assert_eq!(desk.stands(), order(5));
    desk.type_keys("&type:ItemAdded<enter>");
    assert!(desk.text().contains(" 2 of 6 events, 4 hidden ━"), "{}", desk.text());
    assert_eq!(desk.lines_with("& type:ItemAdded").len(), 1);
    assert_eq!(desk.stands(), order(3), "the nearest event that is shown");
    let there = state(&desk);
    desk.type_keys("&<ctrl+u><enter>");
    assert_eq!((desk.stands(), state(&desk)), (order(3), there), "the state there is the fold over all events");
    assert!(desk.text().contains("all 6 events are shown"));
}

#[test]
fn steps_go_over_shown_events_only() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>&event.data.items.size() > 0<enter>");
    assert_eq!(desk.stands(), order(3), "{}", desk.text());
    assert!(desk.text().contains("could not be judged: no such key items"), "{}", desk.text());
    desk.type_keys("k");
    assert_eq!(desk.stands(), order(2));
    desk.type_keys("k");
    assert_eq!(desk.stands(), order(0));
    desk.type_keys("50.");
    assert_eq!(desk.stands(), order(3));
    desk.type_keys("j");
    assert!(desk.text().contains("this is the last the filter shows"), "{}", desk.text());
    desk.type_keys("g");
    assert_eq!(desk.stands(), order(0));
    desk.type_keys("G");
    assert_eq!(desk.stands(), order(3));
    desk.type_keys(":5<enter>");
    assert_eq!(desk.stands(), order(5), "who asks for an event gets it");
    assert!(desk.text().contains("2 of 6 events, 4 hidden, 3 not judged, this one too"), "{}", desk.text());
    desk.type_keys(",");
    assert_eq!(desk.stands(), order(3));
}

#[test]
fn a_click_selects_the_shown_event() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>&type:ItemAdded<enter>");
    let row = desk.text().lines().position(|line| line.contains(" ItemAdded")).expect("a row") as u16;
    desk.click(40, row);
    assert_eq!(desk.stands(), order(2));
}

#[test]
fn a_filter_that_makes_no_sense_is_told_where_and_the_line_stays() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>&event.typ == 1<enter>");
    assert_eq!(desk.lines_with("an event has no `typ`").len(), 1, "{}", desk.text());
    assert_eq!(desk.stands(), order(6));
    desk.type_keys("<end><ctrl+u>type:Item*<enter>");
    assert!(desk.text().contains(" 2 of 6 events, 4 hidden ━"), "{}", desk.text());
    desk.type_keys("&<ctrl+u><up>");
    assert!(desk.text().contains("filter: type:Item*"), "the last text can be recalled");
    desk.type_keys("<esc>");
    assert!(desk.text().contains(" 2 of 6 events, 4 hidden ━"), "leaving the line leaves the filter");
    desk.type_keys("q");
    assert!(desk.text().contains("all 6 events are shown"), "closing what is open closes the filter");
}

#[test]
fn nothing_that_passes_is_said() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>&event.data.nothing == 1<enter>");
    assert!(desk.text().contains("No event here passes the filter"), "{}", desk.text());
    assert!(desk.text().contains("6 events could not be judged: no such key nothing"), "{}", desk.text());
    assert_eq!(desk.stands(), order(6), "there is nowhere to go");
}

#[test]
fn a_filter_stays_when_another_scope_is_opened() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>&type:*Added<enter>0");
    assert_eq!(desk.stands(), ("all".into(), 5));
    assert!(desk.text().contains(" 3 of 12 events, 9 hidden "), "{}", desk.text());
    desk.type_keys("j");
    assert_eq!(desk.stands(), ("all".into(), 9));
}

#[test]
fn results_come_as_they_are_found_and_can_be_stopped() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>");
    desk.answers = false;
    desk.type_keys("&type:*<enter>k");
    let Some(Effect::Ask(Ask::Sift { generation, from: 0, .. })) = desk.wanted.last().cloned() else {
        panic!("a filter")
    };
    desk.wanted.clear();
    desk.send(Msg::Told(Told::SiftBegan { generation }));
    assert!(desk.text().contains("the filter has not come here yet"), "keys typed meanwhile were meant for the list");
    desk.wanted.clear();
    desk.type_keys("<esc>");
    assert!(!desk.app.is_busy());
    desk.type_keys("&<enter>");
    let Some(Effect::Ask(Ask::Sift { generation, .. })) = desk.wanted.last().cloned() else { panic!("a filter") };
    desk.send(Msg::Told(Told::SiftBegan { generation }));
    desk.send(Msg::Told(Told::Sifted { generation, ordinals: vec![0, 2], looked: 3, total: 6 }));
    assert!(desk.text().contains("2 of 3 events, 1 hidden so far, this on"), "{}", desk.text());
    assert_eq!(desk.lines_with("filtering 3 of 6, 50 %  Esc stops").len(), 1, "{}", desk.text());
    desk.type_keys("<esc>");
    assert!(desk.wanted.contains(&Effect::Ask(Ask::StopJobs)) && !desk.app.is_busy());
    desk.type_keys("<esc>k");
    let again = desk.wanted.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::Sift { .. }))).count();
    assert_eq!(again, 1, "what was stopped does not begin again by itself");
    assert!(desk.text().contains("2 of 3 events, 1 hidden, stopped"), "{}", desk.text());
    assert!(
        desk.wanted
            .iter()
            .any(|effect| matches!(effect, Effect::Ask(Ask::LoadSome { ordinals, .. }) if *ordinals == [0, 2]))
    );
}

#[test]
fn a_store_that_grows_is_filtered_on() {
    let mut desk = Desk::start(shop(), 120, 36);
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(50);
    desk.type_keys("0");
    desk.type_keys("&type:OrderPlaced<enter>");
    let asked = |desk: &Desk| {
        let sifts = desk.log.iter().filter_map(|effect| match effect {
            Effect::Ask(Ask::Sift { from, .. }) => Some(*from),
            _ => None,
        });
        sifts.collect::<Vec<u64>>()
    };
    assert_eq!(asked(&desk), [0]);
    desk.read(100);
    assert_eq!(asked(&desk), [0], "it has seen everything already");
    assert!(desk.text().contains(" 3 of 12 events, 9 hidden "), "{}", desk.text());
}
