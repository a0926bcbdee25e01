//! Looking for text, by keys: where one is led, what is counted, what is said.

use stepback::app::{Effect, Msg};
use stepback::ask::{Ask, Told};

use crate::support::desk::{Desk, shop};

fn at(scope: &str, place: u64) -> (String, u64) {
    (scope.into(), place)
}

fn desk() -> Desk {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>");
    desk
}

#[test]
fn matches_are_counted_and_walked() {
    let mut desk = desk();
    desk.type_keys("g/item<enter>");
    assert_eq!(desk.stands(), at("order-1001", 1));
    assert_eq!(desk.lines_with("find: item  match 1 of 3").len(), 1, "{}", desk.text());
    desk.type_keys("nn");
    assert_eq!(desk.stands(), at("order-1001", 3));
    assert_eq!(desk.lines_with("match 3 of 3").len(), 1, "{}", desk.text());
    desk.type_keys("n");
    assert_eq!(desk.stands(), at("order-1001", 1));
    assert!(desk.text().contains("past the end: found from the beginning on"), "{}", desk.text());
    desk.type_keys("N");
    assert_eq!(desk.stands(), at("order-1001", 3));
    assert!(desk.text().contains("past the beginning: found from the end back"), "{}", desk.text());
    let finds = desk.log.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::Find { .. }))).count();
    assert_eq!(finds, "item".len(), "what is known is not looked for again");
}

#[test]
fn regular_expressions_are_written_between_slashes_or_switched_on() {
    let mut desk = desk();
    desk.type_keys("//coup.n/");
    assert_eq!(desk.stands(), at("order-1001", 4), "{}", desk.text());
    desk.type_keys("<esc>/coup.n");
    assert!(desk.text().contains("nothing here contains it"), "{}", desk.text());
    desk.type_keys("<ctrl+r>");
    assert_eq!(desk.stands(), at("order-1001", 4));
    assert_eq!(desk.lines_with("find regex: coup.n").len(), 1);
    desk.type_keys("<esc>//(");
    assert!(desk.text().contains("this is no regular expression"), "{}", desk.text());
    desk.type_keys("<enter>");
    assert!(desk.text().contains("this is no regular expression"), "{}", desk.text());
    assert!(!desk.app.is_busy());
}

#[test]
fn the_whole_store_is_searched_from_a_stream_and_a_hit_opens_its_own() {
    let mut desk = desk();
    desk.type_keys("/captured");
    assert!(desk.text().contains("nothing here contains it"), "{}", desk.text());
    desk.type_keys("<tab>");
    assert_eq!(desk.stands(), at("payment-77", 2));
    assert_eq!(desk.lines_with("find in the whole store: captured").len(), 1, "{}", desk.text());
    desk.type_keys("<esc>");
    assert_eq!(desk.stands(), at("order-1001", 6), "Esc returns");
    desk.type_keys("/test order<tab><enter>");
    assert_eq!(desk.stands(), at("order-1002", 3));
    assert_eq!(desk.lines_with("match 1 of 1").len(), 1, "{}", desk.text());
    desk.type_keys("/itemadded<tab><enter>");
    assert_eq!(desk.stands(), at("order-1001", 2), "round the end");
    desk.type_keys("n");
    assert_eq!(desk.stands(), at("order-1001", 3));
    desk.type_keys("n");
    assert_eq!(desk.stands(), at("order-1002", 2), "into the next stream");
    assert_eq!(desk.lines_with("match 3 of 3").len(), 1, "{}", desk.text());
    desk.type_keys("N");
    assert_eq!(desk.stands(), at("order-1001", 3));
}

#[test]
fn in_the_whole_store_hits_stay_there() {
    let mut desk = desk();
    desk.type_keys("0g/payment<tab>");
    assert!(desk.text().contains("find: payment"), "it is the whole store already: {}", desk.text());
    desk.type_keys("<enter>");
    assert_eq!(desk.stands(), at("all", 4));
    desk.type_keys("n");
    assert_eq!(desk.stands(), at("all", 7));
}

#[test]
fn hits_stream_in_and_can_be_stopped() {
    let mut desk = desk();
    desk.answers = false;
    desk.type_keys("/ad");
    let searches = |desk: &Desk| {
        let found = desk.wanted.iter().filter_map(|effect| match effect {
            Effect::Ask(Ask::Search { generation, .. }) => Some(*generation),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    let [first, second] = searches(&desk)[..] else { panic!("a search for each key") };
    desk.send(Msg::Told(Told::HitsFound { generation: first, ordinals: vec![0, 1], percent: 3 }));
    assert!(!desk.text().contains("2 so far"), "an older question's answer changes nothing");
    desk.send(Msg::Told(Told::HitsFound { generation: second, ordinals: vec![1], percent: 12 }));
    assert!(desk.text().contains("1 so far, 12 %"), "{}", desk.text());
    desk.type_keys("<enter>");
    desk.send(Msg::Told(Told::HitsFound { generation: second, ordinals: vec![2], percent: 40 }));
    assert_eq!(desk.lines_with("2 so far, 40 % searched  Esc stops").len(), 1, "{}", desk.text());
    assert!(desk.app.is_busy());
    desk.type_keys("<esc>");
    assert!(desk.wanted.contains(&Effect::Ask(Ask::StopJobs)) && !desk.app.is_busy());
    desk.send(Msg::Told(Told::SearchEnded { generation: second, more: true }));
    desk.type_keys("<esc>");
    assert!(desk.text().contains("2+ matches"), "what was not looked at may hold more: {}", desk.text());
}

#[test]
fn an_empty_line_looks_for_nothing() {
    let mut desk = desk();
    desk.answers = false;
    desk.type_keys("/a<ctrl+u>");
    assert_eq!(desk.wanted.last(), Some(&Effect::Ask(Ask::StopSearch)));
    assert!(!desk.app.is_busy());
    desk.type_keys("<enter>n");
    assert!(desk.text().contains("nothing has been looked for yet"), "{}", desk.text());
}

#[test]
fn hits_are_marked_in_the_list() {
    let mut desk = desk();
    desk.type_keys("//order(placed|shipped)/<enter>");
    let picture = desk.picture();
    assert!(picture.contains("match"), "{picture}");
    for place in [1, 6] {
        assert!(desk.app.is_hit(desk.app.walk.scope.as_ref().expect("a scope"), place), "{place}");
    }
}
