//! What keys do, told in the user's language: keys go in, and what one sees and what is wanted comes out.

use std::sync::Arc;

use proptest::prelude::*;
use stepback::app::action::{ACTIONS, Context};
use stepback::app::ids::Pane;
use stepback::app::keymap::{Keymap, markdown};
use stepback::app::mode::Mode;
use stepback::app::walk::Fact;
use stepback::app::{Effect, MouseKind, Msg, Origin, Setup};
use stepback::ask::{Arrival, Ask, Failing, Generation, Told};
use stepback::domain::{
    Anchor, Caveat, CaveatKind, Destination, Direction, Failure, FailureKind, Json, Place, Progress, Scope,
};
use stepback::replay::{Counted, FaultCount, FoldError, ScriptPlace, Stale, Suspension};
use stepback::ui::Theme;

use crate::support::desk::{Desk, event, keys_of, numbered, shop, unreadable};

fn order(place: u64) -> (String, u64) {
    ("order-1001".into(), place)
}

fn goes(effects: &[Effect]) -> Vec<&Destination> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Ask(Ask::Go { to, .. }) => Some(to),
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
    assert_eq!(desk.lines_with("\"Shipped").len(), 3, "in the list, above the state, and in it");
}

#[test]
fn the_end_that_is_opened_first_is_that_of_all_that_is_read() {
    let mut desk = Desk::start(long(60), 80, 24);
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.answers = false;
    desk.read(50);
    let Some(Effect::Ask(Ask::Go { generation, .. })) =
        desk.wanted.iter().find(|effect| matches!(effect, Effect::Ask(Ask::Go { .. })))
    else {
        panic!("a walk")
    };
    let (generation, scope) = (*generation, Scope::Stream("counter-1".into()));
    // Meanwhile more is read than was listed.
    let arrival = Arrival { scope, scope_at: 30, event: None, stream_at: 30, total: 45 };
    desk.send(Msg::Told(Told::PlaceReached { generation, arrival }));
    let progress = Progress { events: 60, complete: true, ..Progress::default() };
    desk.send(Msg::Told(Told::SourceProgressed(progress)));
    desk.read(100);
    assert_eq!(goes(&desk.wanted).last(), Some(&&Destination::To(60)));
}

#[test]
fn a_stream_that_is_asked_for_is_opened_where_it_is_asked() {
    let setup = |stream: &str| Setup {
        stream: Some(stream.into()),
        at: Some(Destination::At(Place::Number(2))),
        themes: Theme::names(),
        ..Setup::default()
    };
    let mut desk = Desk::with(shop(), setup("order-1002"));
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(10);
    assert_eq!(desk.stands().0, "nowhere", "it is not known yet");
    desk.read(50);
    assert_eq!(desk.stands(), ("order-1002".into(), 2));

    let mut desk = Desk::with(shop(), setup("order-404"));
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
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
    assert_eq!(desk.wanted.last(), Some(&Effect::Ask(Ask::StopJobs)));
    assert!(!desk.app.is_busy());
    desk.wanted.retain(|effect| matches!(effect, Effect::Ask(Ask::Go { .. })));
    desk.answer();
    assert_eq!(desk.stands(), order(6), "a late answer is dropped");
}

#[test]
fn events_are_browsed_while_a_state_is_folded() {
    let mut desk = Desk::open_in(long(60), 160, 45);
    desk.type_keys("<enter>");
    desk.folds = false;
    desk.type_keys("10G");
    assert_eq!(desk.app.walk.place, 10);
    assert_eq!(desk.app.walk.event().map(|event| event.version.0), Some(10));
    assert_eq!(desk.app.panes.event.event.as_ref().map(|event| event.version.0), Some(10));
    assert!(desk.app.walk.here().is_none(), "the state is that of the end still");
    desk.folding(41, 100, 1);
    let text = desk.text();
    assert!(text.contains("@10/60") && text.contains("folding 41 %, Esc stops"), "{text}");
    assert!(text.contains("@60, not here"), "the old state says whose it is: {text}");
    for (keys, place) in [("jj", 12), ("5k", 7), ("G", 60), ("g", 0), ("15G", 15), ("p", 15)] {
        desk.type_keys(keys);
        assert_eq!(desk.app.walk.place, place, "{keys}");
    }
    desk.send(Msg::PlayTicked);
    assert_eq!(desk.app.walk.place, 15, "playing waits for states");
    desk.type_keys("p/n\":33<enter>");
    assert_eq!(desk.app.walk.place, 34, "so is found");
    desk.type_keys("&event.data.n > 30<enter>G");
    assert_eq!(desk.app.walk.place, 60, "and filtered");
    desk.fold();
    assert_eq!(desk.app.walk.here().map(|moment| moment.at), Some(60));
    assert!(!desk.text().contains("not here"));
}

#[test]
fn what_needs_a_state_is_not_done_with_one_of_before() {
    let mut desk = Desk::open_in(long(60), 160, 45);
    desk.type_keys("4");
    desk.folds = false;
    desk.type_keys(",");
    for (keys, words) in [
        ("P", "no state here yet to pin"),
        ("ys", "no state here yet"),
        ("yd", "no state here yet"),
        ("yy", "no state here yet"),
        ("yp", "select one"),
    ] {
        desk.type_keys(keys);
        assert!(desk.text().contains(words), "{keys}: {}", desk.text());
    }
    assert!(desk.app.walk.pin.is_none() && desk.copied().is_none());
    desk.type_keys("yc");
    assert_eq!(desk.copied(), Some("stepback state shop.jsonl counter-1 --at 59"));
}

#[test]
fn a_fold_that_is_stopped_leaves_its_event_and_is_gone_on_with() {
    let mut desk = Desk::open_in(long(60), 160, 45);
    desk.type_keys("<enter>");
    desk.folds = false;
    desk.type_keys("20G");
    desk.folding(7, 20, 9);
    desk.type_keys("<esc>");
    assert!(!desk.app.is_busy());
    let text = desk.text();
    assert!(text.contains("folding was stopped after 7 of 20"), "{text}");
    assert!(text.contains("+ goes on with it"), "{text}");
    desk.fold();
    assert!(desk.app.walk.here().is_none(), "nobody waits for it");
    desk.type_keys("+");
    desk.fold();
    assert_eq!(desk.app.walk.here().map(|moment| moment.at), Some(20));
    desk.type_keys("+");
    assert!(desk.text().contains("nothing was stopped"));
}

#[test]
fn a_fold_that_fails_says_why_where_the_state_would_stand() {
    let mut desk = Desk::open_in(long(60), 160, 45);
    desk.type_keys("<enter>");
    desk.folds = false;
    desk.type_keys("20G");
    let Some(Effect::Ask(Ask::Go { generation, .. })) =
        desk.log.iter().rfind(|effect| matches!(effect, Effect::Ask(Ask::Go { .. })))
    else {
        panic!("a walk")
    };
    let generation = *generation;
    let failure = Failure::new(FailureKind::Io, "shop.jsonl", "read events", "the file is shorter than it was");
    desk.send(Msg::Told(Told::JobFailed { generation, failure }));
    assert_eq!((desk.app.walk.place, desk.app.is_busy()), (20, false));
    assert!(!desk.lines_with("no state here: ").is_empty(), "{}", desk.text());
}

#[test]
fn moments_that_are_passed_are_shown_as_what_they_are() {
    let mut desk = Desk::open_in(long(60), 160, 45);
    desk.type_keys("<enter>");
    desk.folds = false;
    desk.type_keys("20G");
    let (earlier, generation) = (desk.clone_unfolded(), desk.app.walk.fold.clone());
    desk.type_keys("j");
    assert_ne!(generation, desk.app.walk.fold);
    earlier.into_iter().for_each(|msg| desk.send(msg));
    assert_eq!(desk.app.walk.place, 21);
    assert!(desk.text().contains("@20, not here"), "{}", desk.text());
    desk.fold();
    assert!(desk.app.walk.here().is_some_and(|moment| moment.at == 21));
}

#[test]
fn a_first_walk_that_is_stopped_leaves_the_streams_to_choose_from() {
    let mut desk = Desk::start(shop(), 100, 30);
    desk.answers = false;
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(100);
    desk.type_keys("<esc>");
    assert!(desk.text().contains("Choose a stream"), "{}", desk.text());
    desk.wanted.clear();
    desk.answers = true;
    desk.type_keys("<enter>");
    assert_eq!(desk.stands(), order(6));
}

/// A stream of which the events at these places fail.
fn failing(events: u64, failed: &[u64]) -> Vec<Arc<stepback::domain::Event>> {
    let data = |place| match failed.contains(&place) {
        true => r#"{"fault":"total is negative"}"#.to_owned(),
        false => format!("{{\"n\":{place}}}"),
    };
    numbered((1..=events).map(|place| event("counter-1", "Counted", &data(place))).collect())
}

/// So many of the events of that stream are counted.
fn counted(events: u64, total: u64, failed: &[u64]) -> Msg {
    let failed: Vec<_> = failed.iter().filter(|place| **place <= events).map(|place| place - 1..*place).collect();
    let faults = FaultCount { before: failed.len() as u64, first: None };
    let counted = Counted { faults, events, total, suspended: None };
    Msg::Told(Told::FaultsCounted(Failing { stream: "counter-1".into(), counted, failed: failed.into(), why: None }))
}

#[test]
fn a_state_that_lacks_events_says_how_many() {
    let failed = [3, 7, 20];
    let mut desk = Desk::open_in(failing(30, &failed), 160, 45);
    desk.type_keys("<enter>gj");
    assert!(!desk.text().contains("failed"), "nothing is missing before the first fault");
    for (keys, header, state) in [
        ("jj", "! 1 of 3 failed", "! 1 of 3 events failed up to here"),
        ("jjj", "! 1 of 6 failed", "! 1 of 6 events failed before here"),
        ("19G", "! 2 of 19 failed", "! 2 of 19 events failed before here"),
        ("G", "! 3 of 30 failed", "! 3 of 30 events failed before here"),
    ] {
        desk.type_keys(keys);
        assert!(desk.lines_with(header).iter().any(|line| line.contains("shop.jsonl")), "{keys}: {}", desk.text());
        assert_eq!(desk.lines_with(state).len(), 1, "{keys}: {}", desk.text());
    }
    desk.type_keys("10G");
    desk.send(counted(25, 30, &failed));
    assert_eq!(desk.lines_with("! 2 of 10 events failed before here").len(), 1, "{}", desk.text());
    assert_eq!(desk.lines_with("  3 so far in the whole stream").len(), 1, "{}", desk.text());
    desk.send(counted(30, 30, &failed));
    assert_eq!(desk.lines_with("  3 in the whole stream").len(), 1, "{}", desk.text());
    desk.type_keys("!");
    let text = desk.text();
    assert!(text.contains("The first is @3 Counted") && text.contains("total is negative"), "{text}");
}

#[test]
fn what_failed_so_far_is_said_while_a_state_is_folded() {
    let failed = [3, 7, 20];
    let mut desk = Desk::open_in(failing(30, &failed), 160, 45);
    desk.type_keys("<enter>g");
    desk.folds = false;
    desk.type_keys("25G");
    desk.folding(10, 25, 1);
    desk.send(counted(10, 30, &failed));
    assert_eq!(desk.lines_with("! 2 of 10 events failed so far").len(), 1, "{}", desk.text());
    assert_eq!(desk.lines_with("folding 40 %").len(), 1, "nothing stands in its place: {}", desk.text());
    assert!(
        desk.lines_with("! 2 of 10 failed so far").iter().any(|line| line.contains("shop.jsonl")),
        "{}",
        desk.text()
    );
    // Nearer ones may be found yet.
    desk.type_keys("[e");
    assert!(desk.text().contains("the last one known so far: 33 % counted"), "{}", desk.text());
    assert_eq!(desk.app.walk.place, 7);
    // What lies before the place is counted before its state is here.
    assert_eq!(desk.lines_with("! 2 of 7 events failed up to here").len(), 1, "{}", desk.text());
    desk.type_keys("[e[e");
    assert!(desk.text().contains("no event before this one failed"), "{}", desk.text());
    // Why it is not counted on is said once, and stays where the number stands.
    let Msg::Told(Told::FaultsCounted(stuck)) = counted(10, 30, &failed) else { unreachable!("a count") };
    desk.send(Msg::Told(Told::FaultsCounted(Failing { why: Some("the file is gone".into()), ..stuck })));
    assert!(desk.text().contains("the events that fail are not counted on: the file is gone"), "{}", desk.text());
    assert_eq!(desk.lines_with("  2 so far in the whole stream, not counted on: the file").len(), 1, "{}", desk.text());
}

#[test]
fn in_the_whole_store_a_count_of_failed_events_says_of_which_stream() {
    let mut desk = Desk::open_in(failing(30, &[3]), 160, 45);
    desk.type_keys("<enter>gjjjj0");
    assert_eq!(desk.app.walk.scope, Some(Scope::All));
    assert!(
        desk.lines_with("! counter-1: 1 of 4 failed").iter().any(|line| line.contains("shop.jsonl")),
        "{}",
        desk.text()
    );
}

#[test]
fn events_that_failed_are_walked() {
    let failed = [3, 7, 20];
    let mut desk = Desk::open(failing(30, &failed));
    desk.type_keys("<enter>g]e");
    assert_eq!(desk.app.walk.place, 0);
    assert!(desk.text().contains("not counted yet"), "{}", desk.text());
    desk.send(counted(2, 30, &failed));
    assert!(desk.text().contains("no event after this one failed so far: 6 % counted"), "{}", desk.text());
    desk.send(counted(10, 30, &failed));
    assert!(desk.text().contains("an event after this one failed: ]e goes there"), "{}", desk.text());
    for (keys, place) in [("]e", 3), ("]e", 7), ("]e", 7), ("[e", 3), ("[e", 3)] {
        desk.type_keys(keys);
        assert_eq!(desk.app.walk.place, place, "{keys}");
    }
    desk.type_keys("]e]e");
    assert!(desk.text().contains("no event after this one failed so far: 33 % counted"), "{}", desk.text());
    // What was said is true only as long as the count stands there.
    desk.send(counted(15, 30, &failed));
    assert!(desk.text().contains("no event after this one failed so far: 50 % counted"), "{}", desk.text());
    desk.send(counted(30, 30, &failed));
    assert!(desk.text().contains("an event after this one failed: ]e goes there"), "{}", desk.text());
    desk.type_keys("]e]e");
    assert_eq!(desk.app.walk.place, 20);
    assert!(desk.text().contains("no event after this one failed"), "{}", desk.text());
    desk.type_keys("g5]e");
    assert_eq!(desk.app.walk.place, 20, "a count repeats, as far as there are any");
    desk.type_keys("]");
    assert!(desk.text().lines().last().is_some_and(|hints| hints.contains("e fault")), "{}", desk.text());
    desk.type_keys("<esc>g");
    assert!(desk.lines_with("├").iter().any(|line| line.matches('!').count() == 3), "the timeline: {}", desk.text());
    desk.send(Msg::Told(Told::ReducerReloaded("counter.js saved".into())));
    assert!(!desk.lines_with("├").iter().any(|line| line.contains('!')), "another reducer, other faults");
}

#[test]
fn a_state_from_before_a_save_that_does_not_compile_says_so() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("2");
    let place = Some(ScriptPlace { file: "order.js".into(), line: 41, column: 38 });
    let why = FoldError { place, ..FoldError::new("Unexpected token ')'") };
    let line = Some("  return withTotal({ ...order,)".to_owned());
    desk.stale = Some(Arc::new(Stale { why, line }));
    desk.send(Msg::Told(Told::ReducerRefused(
        "order.js:41 Unexpected token ')': this state is from before the save".into(),
    )));
    for keys in ["", "k", "k"] {
        desk.type_keys(keys);
        let text = desk.text();
        assert!(text.contains("from before the save ─"), "{text}");
        assert_eq!(desk.lines_with("│! order.js:41 Unexpected token ')'").len(), 1, "{text}");
        assert_eq!(desk.lines_with("    41 │   return withTotal({ ...order,)").len(), 1, "{text}");
        let status = desk.lines_with("this state is from before the save");
        assert_eq!(status.len(), 1, "{text}");
        assert!(desk.app.walk.here().is_some_and(|moment| moment.state.is_some()), "the state stays");
    }
    desk.stale = None;
    desk.send(Msg::Told(Told::ReducerReloaded("order.js saved: folding again …".into())));
    desk.send(Msg::Told(Told::SaveCompared("order.js saved: nothing differs here".into())));
    assert!(!desk.text().contains("before the save"));
    assert_eq!(desk.lines_with("order.js saved: nothing differs here").len(), 1);
}

#[test]
fn a_fold_that_is_suspended_says_so_and_is_gone_on_with() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>");
    let event = desk.app.walk.event().cloned();
    let error = Arc::new(FoldError::new("an event took longer than 50 ms"));
    desk.suspended = Some(Suspension { times: 3, event, error });
    desk.type_keys(",");
    let text = desk.text();
    assert!(text.contains("suspended: it timed out 3 times") && text.contains("+ goes on with it"), "{text}");
    assert!(desk.lines_with("shop.jsonl")[0].contains("suspended"), "{text}");
    let (scope, place) = (Scope::Stream("order-1001".into()), desk.app.walk.place);
    assert_eq!(desk.app.walk.facts.of(&scope, place), None, "nobody tried it");
    desk.type_keys("!");
    assert!(desk.text().contains("longer than 50 ms"), "{}", desk.text());
    desk.type_keys("<esc>yc");
    assert_eq!(desk.copied(), Some("stepback state shop.jsonl order-1001 --at 5"));
    desk.suspended = None;
    desk.folds = false;
    desk.type_keys("+");
    assert!(!desk.text().contains("No state: "), "nothing of before stands there: {}", desk.text());
    desk.type_keys("<esc>yc");
    assert!(desk.copied().is_some_and(|copied| copied.ends_with(" --keep-going")), "{:?}", desk.copied());
    desk.folds = true;
    desk.type_keys("+yc");
    assert_eq!(
        desk.copied(),
        Some("stepback state shop.jsonl order-1001 --at 5 --keep-going"),
        "or it is suspended again"
    );
    assert!(desk.log.contains(&Effect::Ask(Ask::KeepGoing("order-1001".into()))));
    assert!(desk.app.walk.here().is_some_and(|moment| moment.state.is_some()));
    assert!(!desk.text().contains("suspended"));
}

#[test]
fn no_command_is_copied_for_a_store_that_cannot_be_read_a_second_time() {
    let origin = Origin { address: "-".into(), ..Origin::default() };
    let mut desk =
        Desk::with(shop(), Setup { width: 160, height: 36, origin, themes: Theme::names(), ..Setup::default() });
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(100);
    for keys in ["<enter>yc", "0yc"] {
        desk.type_keys(keys);
        assert_eq!(desk.copied(), None, "{}", desk.text());
        assert_eq!(desk.lines_with("standard input, which can be read only once").len(), 1, "{}", desk.text());
    }
}

#[test]
fn a_failed_walk_is_told_and_one_stays_where_one_was() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":e-9999<enter>");
    assert_eq!(desk.stands(), order(6));
    assert_eq!(desk.lines_with("no event has the id e-9999").len(), 1);
    desk.type_keys("<esc>");
    assert!(desk.lines_with("e-9999").is_empty());
    let failure =
        Failure::new(FailureKind::NotFound, "shop.jsonl", "walk", "it is not there").hint("try another place");
    desk.send(Msg::Told(Told::JobFailed { generation: Generation::default(), failure }));
    assert!(!desk.text().contains("try another place"));
    desk.type_keys("!");
    assert!(desk.text().contains("try another place"), "the whole text is one key away");
    desk.type_keys("<esc><esc>");
    assert!(desk.lines_with("not there").is_empty());
}

#[test]
fn a_cancelled_job_is_no_error() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys(",");
    let Some(Effect::Ask(Ask::Go { generation, .. })) = desk.wanted.pop() else { panic!("a walk is wanted") };
    let failure = Failure::new(FailureKind::Cancelled, "shop.jsonl", "walk", "nobody wants it");
    desk.send(Msg::Told(Told::JobFailed { generation, failure }));
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
    let Some(Effect::Ask(Ask::Find { generation, from, direction, .. })) = desk.wanted.first().cloned() else {
        panic!("a search")
    };
    assert_eq!((from, direction), (5, Direction::Forward));
    desk.send(Msg::Told(Told::Found { generation, scope_at: 1 }));
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
            Effect::Ask(Ask::FilterStreams { pattern, .. }) => Some(pattern.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(asked, ["p", "pa", "pay"]);
    let Some(Effect::Ask(Ask::FilterStreams { generation: first, .. })) = desk.wanted.first().cloned() else {
        panic!("a filter")
    };
    desk.send(Msg::Told(Told::StreamsFiltered {
        generation: first,
        matches: Arc::new(vec![0, 1, 2, 3]),
        complete: true,
    }));
    assert_eq!(desk.lines_with("0 streams match so far").len(), 1, "the answer to p is of no use any more");
    let beyond = Arc::new(vec![2, 4_000_000_000]);
    let last = Generation(first.0 + 2);
    desk.send(Msg::Told(Told::StreamsFiltered { generation: last, matches: beyond, complete: true }));
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
fn what_is_left_out_is_told_before_what_many_good_stores_lack() {
    let mut desk = Desk::start(shop(), 120, 24);
    desk.about.caveats = vec![
        Caveat::new(CaveatKind::NoPosition, "no position: shown in file order"),
        Caveat::new(CaveatKind::NoTimes, "no times"),
        "`journal` holds events too and is not shown (3 rows)".into(),
    ];
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(100);
    assert!(desk.text().contains("note: `journal` holds events too and is not shown (3 rows) (2 more: i)"));
}

#[test]
fn a_growing_source_keeps_the_cursor_and_counts_so_far() {
    let mut desk = Desk::start(shop(), 80, 24);
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    assert!(desk.text().contains("Reading"));
    desk.read(42);
    assert_eq!(desk.stands(), order(3));
    assert!(desk.text().contains("so far (42 %)"));
    let mut untouched = Desk::start(shop(), 80, 24);
    untouched.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
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
        if let Effect::Ask(Ask::LoadEvents { query, .. }) = effect {
            assert!(query.limit <= 400, "{query:?}");
            assert!(matches!(query.from, Anchor::Ordinal(_)));
        }
    }
    let reads = desk.log.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::LoadEvents { .. }))).count();
    assert!(reads <= 8, "{reads} reads");
    desk.type_keys("g");
    let before = desk.log.len();
    desk.type_keys(&"j".repeat(100));
    let reads =
        desk.log[before..].iter().filter(|effect| matches!(effect, Effect::Ask(Ask::LoadEvents { .. }))).count();
    assert!(reads <= 2, "reading ahead: {reads} reads for a hundred steps");
}

#[test]
fn a_read_that_fails_is_told_once_and_not_repeated() {
    let mut desk = Desk::start(long(10), 80, 24);
    desk.answers = false;
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(100);
    let reads =
        |desk: &Desk| desk.log.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::LoadEvents { .. }))).count();
    let Some(Effect::Ask(Ask::LoadEvents { generation, .. })) =
        desk.wanted.iter().find(|effect| matches!(effect, Effect::Ask(Ask::LoadEvents { .. }))).cloned()
    else {
        panic!("a read")
    };
    let failure = Failure::new(FailureKind::Io, "shop.jsonl", "read events", "the disk is gone");
    desk.send(Msg::Told(Told::JobFailed { generation, failure }));
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
    desk.send(Msg::Told(Told::ReducerReloaded("order.js was loaded again".into())));
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
fn before_the_first_event_of_the_store_there_is_no_record() {
    let mut desk = Desk::open_in(numbered(vec![event("a-1", "A", "{}"), event("b-1", "A", "{}")]), 160, 45);
    desk.type_keys("02g");
    assert!(desk.text().contains("No state: this is before the first event, and in no stream."), "{}", desk.text());
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
    assert_eq!(
        desk.log.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::Pin(_)) | Effect::Ask(Ask::Unpin))).count(),
        2
    );
}

#[test]
fn a_pin_is_compared_with_another_stream_only_when_asked_twice() {
    let mut desk = Desk::open(shop());
    desk.type_keys(":order-1002<enter>P:order-1001<enter>4");
    let own = desk.app.panes.state.patch.clone();
    desk.type_keys("D");
    assert!(desk.text().contains("the pin is of order-1002: D again compares all the same"), "{}", desk.text());
    assert_eq!(desk.app.panes.state.patch, own, "what the event changed is still shown");
    desk.type_keys("v");
    assert!(desk.text().contains("pinned order-1002@3: of another stream"), "{}", desk.text());
    desk.type_keys("vD");
    assert!(desk.text().contains("vs order-1002@3"), "{}", desk.text());
    desk.type_keys("yc");
    assert_eq!(desk.copied(), None, "no command compares two streams");
    assert!(desk.text().contains("no command compares two streams"), "{}", desk.text());

    // Asked for in one stream is not asked for in the next.
    desk.type_keys(":payment-77<enter>4");
    assert!(!desk.text().contains("vs order-1002@3"), "{}", desk.text());
    desk.type_keys(":order-1002<enter>4,");
    assert!(desk.text().contains("vs order-1002@3"), "{}", desk.text());
    desk.type_keys("D");
    assert!(!desk.text().contains("vs order-1002@3"), "{}", desk.text());
}

#[test]
fn the_command_that_is_copied_shows_what_is_on_the_screen() {
    let mut desk = Desk::open(shop());
    desk.app.origin.options = vec!["--map".into(), "stream=.a b".into()];
    desk.app.origin.folding = vec!["--reducer".into(), "order.js".into()];
    for (keys, command) in [
        ("<enter>:2<enter>yc", "state shop.jsonl order-1001 --at 2 --map 'stream=.a b' --reducer order.js"),
        ("PG4Dyc", "diff shop.jsonl order-1001 2 6 --map 'stream=.a b' --reducer order.js"),
        ("gyc", "diff shop.jsonl order-1001 2 6 --map 'stream=.a b' --reducer order.js"),
        ("2gyc", "diff shop.jsonl order-1001 2 start --map 'stream=.a b' --reducer order.js"),
        ("GDyc", "state shop.jsonl order-1001 --at 6 --map 'stream=.a b' --reducer order.js"),
        ("&type:Item*<enter>yc", "events shop.jsonl order-1001 --where 'type:Item*' --map 'stream=.a b'"),
        ("4yc", "state shop.jsonl order-1001 --at 3 --map 'stream=.a b' --reducer order.js"),
        ("0yc2yc", "events shop.jsonl --where 'type:Item*' --map 'stream=.a b'"),
        ("&<ctrl+u><enter>2yc", "events shop.jsonl --map 'stream=.a b'"),
    ] {
        desk.type_keys(keys);
        assert_eq!(desk.copied(), Some(format!("stepback {command}").as_str()), "{keys}\n{}", desk.text());
    }
}

#[test]
fn a_difference_that_belongs_to_another_walk_is_never_shown() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>g.PG4D");
    let shown = desk.app.walk.shown;
    desk.send(Msg::Told(Told::DiffMade { generation: Generation(shown.0 - 1), patch: Arc::default() }));
    assert!(desk.text().contains("0 → -12.50"), "a late one is dropped");
    desk.send(Msg::Told(Told::DiffMade { generation: Generation(shown.0 + 7), patch: Arc::default() }));
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
    let mut line = String::new();
    let event = desk.app.walk.event().expect("an event").clone();
    stepback::wire::push_event(&mut line, &event, None, Default::default());
    assert_eq!(desk.copied(), Some(line.as_str()), "as `events --json` gives it");
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
    desk.type_keys("q");
    assert!(desk.text().lines().last().is_some_and(|hints| hints.contains("q quit")), "{}", desk.text());
    desk.type_keys("q");
    assert_eq!(desk.log.last(), Some(&Effect::Quit), "the key that asks is the key that quits");

    let mut desk = Desk::open(shop());
    desk.type_keys("Q");
    assert_eq!(desk.log.last(), Some(&Effect::Quit));
}

#[test]
fn control_c_stops_first_and_quits_when_nothing_runs() {
    let mut desk = Desk::open(shop());
    desk.answers = false;
    desk.type_keys(",<ctrl+c>");
    assert_eq!(desk.wanted.last(), Some(&Effect::Ask(Ask::StopJobs)));
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
    let told = desk.lines_with("Step back to the previous").len();
    assert_eq!(told, 3, "the entry, its whole text below the list, and in the status line");
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
fn the_theme_is_the_next_one_and_everything_is_drawn_again() {
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
        Effect::Ask(Ask::LoadEvents { query, .. }) if query.scope == Scope::Stream("order-1002".into())
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
        desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
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

/// An entity with sixty fields, of which each later event changes one.
fn wide() -> Vec<Arc<stepback::domain::Event>> {
    let all: Vec<String> = (0..60).map(|n| format!("\"path{n:02}\":0")).collect();
    let mut events = vec![event("host-1", "HostRegistered", &format!("{{{}}}", all.join(",")))];
    for (turn, n) in [55, 54, 2, 3, 30].into_iter().enumerate() {
        events.push(event("host-1", "HostChanged", &format!("{{\"path{n:02}\":{}}}", turn + 1)));
    }
    numbered(events)
}

#[test]
fn state_keeps_its_place_and_what_changed_in_sight() {
    for (width, height) in [(80, 24), (120, 36), (160, 45)] {
        let mut desk = Desk::open_in(wide(), width, height);
        desk.type_keys("<enter>g.");
        let changed = |desk: &Desk, n: usize, before: usize| {
            let row = format!("path{n:02} ");
            let lines = desk.lines_with(&format!("was {before}"));
            assert!(lines.iter().any(|line| line.contains(&row)), "{n} at {width}x{height}\n{}", desk.text());
        };
        let top = |desk: &Desk| desk.app.panes.state.tree.top();
        desk.type_keys(".");
        changed(&desk, 55, 0);
        let at = top(&desk);
        desk.type_keys(".");
        changed(&desk, 54, 0);
        assert_eq!(top(&desk), at, "the next one is in sight already");
        for keys in ["P", "D", "D", "v", "v"] {
            desk.type_keys(keys);
            assert_eq!(top(&desk), at, "{keys} at {width}x{height}");
        }
        desk.send(Msg::Told(Told::ReducerReloaded("host.js was loaded again".into())));
        assert_eq!(top(&desk), at, "a save at {width}x{height}");
        desk.type_keys(".");
        changed(&desk, 2, 0);
        desk.type_keys(",");
        changed(&desk, 54, 0);
        // What somebody selected stays in sight, and the change is told above.
        desk.type_keys("4G2g......");
        let text = desk.text();
        assert!(text.contains("path59") && text.contains("/path30 0 → 5"), "{text}");
        desk.type_keys("4");
        assert_eq!(desk.app.panes.state.tree.selected_path().to_string(), "/path59");
    }
}

#[test]
fn panes_keep_their_size_while_a_key_is_held_down() {
    for (width, height) in [(80, 24), (120, 36), (160, 45)] {
        for scope in ["<enter>", "0"] {
            let mut desk = Desk::open_in(shop(), width, height);
            desk.type_keys(scope);
            desk.type_keys("2g............");
            let areas = desk.app.areas();
            let told = desk.app.panes.state.told(20);
            for step in [",", ",", ",", ",", ",", ",", ".", ".", "."] {
                desk.type_keys(step);
                assert_eq!(desk.app.areas(), areas, "{scope} {width}x{height}");
                assert_eq!(desk.app.panes.state.told(20), told, "the tree begins where it did");
            }
        }
    }
}

#[test]
fn times_of_a_column_are_written_alike_wherever_one_stands() {
    let days = || {
        let mut events: Vec<_> = ["2026-02-27T23:59:59.9Z", "2026-03-01T14:02:00Z", "2026-03-01T14:02:07.25Z"]
            .into_iter()
            .zip(["a-1", "a-1", "b-2"])
            .map(|(time, stream)| {
                let mut event = event(stream, "Made", "{\"n\":1}");
                event.time = stepback::domain::time::parse(time);
                event
            })
            .collect();
        events.push(event("b-2", "Made", "{}"));
        if let Some(last) = events.last_mut() {
            last.time = stepback::domain::time::parse("2026-03-02T00:00:00Z");
        }
        numbered(events)
    };
    for (width, height) in [(40, 12), (80, 24), (120, 36), (160, 45)] {
        let mut desk = Desk::open_in(days(), width, height);
        desk.type_keys("02g");
        for _ in 0..4 {
            desk.type_keys(".");
            let text = desk.text();
            for time in ["02-27 23:59:59", "03-01 14:02:00", "03-01 14:02:07", "03-02 00:00:00"] {
                assert!(text.contains(time), "{time} at {width}x{height}\n{text}");
            }
        }
    }
    // Within one day the clock is enough.
    let mut desk = Desk::open(shop());
    desk.type_keys("02gg");
    assert!(desk.text().contains(" 14:02:08 ") && !desk.text().contains("03-01 14:02:08"), "{}", desk.text());
}

#[test]
fn the_timeline_tells_the_pace_of_the_whole_scope_and_when_it_begins_and_ends() {
    for scope in ["<enter>", "0"] {
        let mut desk = Desk::open_in(long(5_000), 120, 36);
        desk.type_keys(scope);
        let text = desk.text();
        let lines: Vec<&str> = text.lines().collect();
        let track = lines.iter().position(|line| line.contains(" ├")).expect("a track");
        let paces = lines[track - 1].chars().skip(3).take(100).filter(|c| ('▁'..='█').contains(c)).count();
        assert!(paces >= 98, "{scope}: {}", lines[track - 1]);
        let events = long(5_000);
        for end in [events.first(), events.last()] {
            let time = end.and_then(|event| event.time).expect("a time");
            let time = time.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string();
            assert!(lines[track + 1].contains(&time), "{scope}: {time} in {}", lines[track + 1]);
        }
        let sampled = desk.log.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::SampleTimes { .. }))).count();
        assert!(sampled <= 2, "asked once for each scope: {sampled}");
    }
}

#[test]
fn data_without_room_leaves_a_sign() {
    for (width, height) in [(40, 12), (80, 24), (120, 36), (160, 45)] {
        for keys in ["02", "<enter>2", "<enter>2<f2>", "<enter>2<f2><f2>", "<enter>2\\"] {
            let mut desk = Desk::open_in(shop(), width, height);
            desk.type_keys(keys);
            let head = desk.lines_with(" type ").into_iter().next().expect("a head");
            let head: String = head.chars().take_while(|c| *c != '4').collect();
            let column =
                head.find(" data ").map(|at| head[at..].split(['┃', '│', '█']).next().unwrap_or("").chars().count());
            assert!(head.contains('…') || column.is_some_and(|cells| cells > 12), "{keys} at {width}x{height}: {head}");
        }
    }
}

#[test]
fn keys_typed_on_the_way_to_another_scope_are_done_there() {
    let mut desk = Desk::open(shop());
    desk.type_keys("<enter>");
    let (here, last) = (desk.stands(), shop().len() as u64);
    for keys in ["0G", "0gG", "0kG"] {
        desk.answers = false;
        desk.type_keys(keys);
        desk.answers = true;
        desk.answer();
        assert_eq!(desk.stands(), ("all".into(), last), "{keys}");
        desk.type_keys(":order-1001<enter>");
        assert_eq!(desk.stands(), here, "{keys}");
    }
    desk.answers = false;
    desk.type_keys("0G<esc>");
    desk.answers = true;
    desk.answer();
    assert_eq!(desk.stands(), here, "Esc stops, and what waited is not done elsewhere");
    desk.answers = false;
    desk.type_keys("0qq");
    assert!(desk.log.iter().any(|effect| matches!(effect, Effect::Quit)), "leaving waits for nothing");
}
