//! The doctor and the types in the interface: over the real engine, told by keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepback::app::ids::Pane;
use stepback::app::mode::Mode;
use stepback::app::{Effect, Msg, Setup};
use stepback::ask::{Answer, Ask, Survey, Told};
use stepback::domain::report::{Check, Example, Finding, Kind, Report, Severity};
use stepback::domain::{Failure, FailureKind, Scope};
use stepback::ui::Theme;

use crate::support::desk::{Desk, shop};
use crate::support::live::Live;

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 36), (160, 45), (40, 12)];

fn orders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/orders.jsonl")
}

/// The orders with a lost event, an event that is there twice and a line that is none, of no stream.
fn damaged() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let all = std::fs::read_to_string(orders()).expect("the sample data");
    let mut lines: Vec<&str> = all.lines().collect();
    lines.push(lines[100]);
    lines[7] = "{\"person\":\"order-1001\",";
    lines.remove(40);
    let path = folder.path().join("orders.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    (folder, path)
}

fn open(path: &Path, (width, height): (u16, u16)) -> Live {
    Live::open(path, Setup { width, height, themes: Theme::names(), ..Setup::default() })
}

fn text(live: &Live, (width, height): (u16, u16)) -> String {
    let buffer = live.drawn(width, height);
    let lines = (0..height).map(|y| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_screens_of_the_doctor() {
    let (_folder, path) = damaged();
    for size in SIZES {
        let mut live = open(&path, size);
        live.type_keys("I");
        insta::assert_snapshot!(format!("doctor_{}x{}", size.0, size.1), text(&live, size));
    }
}

#[test]
fn the_screens_of_the_types() {
    for size in SIZES {
        let mut live = open(&orders(), size);
        live.type_keys("Y");
        insta::assert_snapshot!(format!("types_{}x{}", size.0, size.1), text(&live, size));
        live.type_keys("<enter>");
        insta::assert_snapshot!(format!("type_{}x{}", size.0, size.1), text(&live, size));
    }
}

#[test]
fn enter_goes_to_the_event_and_coming_back_is_where_one_was() {
    let (_folder, path) = damaged();
    let size = (120, 36);
    let mut live = open(&path, size);
    live.type_keys("Ijj");
    let before = text(&live, size);
    live.type_keys("<enter>");
    assert!(matches!(live.app.mode, Mode::Normal) && live.app.panes.focus == Pane::Events);
    let (stream, version) = live.stands();
    assert!(
        before.contains(&format!("{stream} version {}", version.expect("an event"))),
        "{stream} {version:?} {before}"
    );
    live.type_keys("I");
    assert_eq!(
        text(&live, size).lines().skip(1).take(30).collect::<Vec<_>>(),
        before.lines().skip(1).take(30).collect::<Vec<_>>()
    );
    live.type_keys("<esc>");
    assert!(matches!(live.app.mode, Mode::Normal));
}

#[test]
fn a_field_that_changed_leads_to_the_event_that_proves_it() {
    let size = (120, 36);
    let mut live = open(&orders(), size);
    live.type_keys("Y<enter>");
    assert!(text(&live, size).contains("Types › ItemAdded"));
    // first, last, largest, .sku, .name, .unitPrice
    live.type_keys("jjjjj<enter>");
    assert_eq!(live.stands(), ("order-1020".to_owned(), Some(2)));
    live.type_keys("Y");
    assert!(text(&live, size).contains("Types › ItemAdded"), "the page is still open");
    live.type_keys("<esc>");
    assert!(text(&live, size).contains("OrderOpened"));
    live.type_keys("q");
    assert!(matches!(live.app.mode, Mode::Normal));
}

#[test]
fn a_record_that_is_no_event_is_gone_to_in_the_whole_store() {
    let (_folder, path) = damaged();
    let mut live = open(&path, (120, 36));
    live.type_keys("I<enter>");
    assert_eq!(live.scope(), Some(&Scope::All));
    assert!(live.moment().event.as_ref().is_some_and(|event| event.trouble.is_some()));
}

#[test]
fn nothing_is_cut_silently_when_it_gets_narrow() {
    let (_folder, path) = damaged();
    let whole = |size| {
        let mut live = open(&path, size);
        live.type_keys("I");
        let Mode::Survey(sheet) = &live.app.mode else { panic!("the doctor") };
        let width = usize::from(size.0) - 2;
        for row in sheet.rows() {
            let wide: usize = row.pieces.iter().map(|(text, _)| stepback::domain::text::width(text)).sum();
            assert!(wide < width, "{row:?} at {width}");
        }
        let words = sheet.rows().iter().flat_map(|row| row.pieces.iter().flat_map(|(text, _)| text.split_whitespace()));
        words.collect::<String>()
    };
    let all = whole((160, 45));
    for size in SIZES {
        assert_eq!(whole(size), all, "{size:?}");
    }
}

fn asked(desk: &mut Desk, keys: &str) -> (stepback::ask::Generation, Survey) {
    desk.type_keys(keys);
    desk.log
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::Ask(Ask::Survey { generation, survey }) => Some((*generation, *survey)),
            _ => None,
        })
        .expect("asked for")
}

#[test]
fn a_survey_says_how_far_it_is_and_can_be_stopped() {
    let mut desk = Desk::open(shop());
    let (generation, survey) = asked(&mut desk, "I");
    assert_eq!(survey, Survey::Doctor);
    assert!(desk.app.is_busy());
    desk.send(Msg::Told(Told::SurveyProgressed { generation, what: "events", done: 5, total: 10 }));
    assert_eq!(desk.lines_with("events, 5 of 10, 50 %").len(), 1);
    desk.type_keys("<esc>");
    assert!(desk.log.iter().any(|effect| matches!(effect, Effect::Ask(Ask::StopSurvey))));
    assert!(matches!(desk.app.mode, Mode::Normal) && !desk.app.is_busy());
    // What comes too late changes nothing.
    let finding = Finding {
        kind: Kind::TimeBack,
        severity: Severity::Warning,
        count: 1,
        text: "late".into(),
        example: None,
        normal: None,
    };
    let late = Answer::Doctor(Arc::new(Report { findings: vec![finding], ..Report::default() }));
    desk.send(Msg::Told(Told::Surveyed { generation, answer: late }));
    assert!(matches!(desk.app.mode, Mode::Normal) && desk.lines_with("late").is_empty());

    let (again, _) = asked(&mut desk, "I");
    assert!(again > generation, "it is asked again");
    desk.type_keys("<ctrl+c>");
    assert!(desk.log.iter().any(|effect| matches!(effect, Effect::Ask(Ask::StopJobs))));
    let failure = Failure::new(FailureKind::Cancelled, "shop", "look", "stopped");
    desk.send(Msg::Told(Told::JobFailed { generation: again, failure }));
    assert_eq!(desk.lines_with("stopped").len(), 2, "in the list and in the status line");
    desk.type_keys("<esc>");
    assert!(matches!(desk.app.mode, Mode::Normal));
}

#[test]
fn what_was_found_is_kept_until_the_source_grows_or_a_reducer_changes() {
    let mut desk = Desk::open(shop());
    let answer = || {
        let example = Example {
            stream: Some("order-1002".into()),
            version: Some(stepback::domain::Version(2)),
            place: Some(9),
            ..Example::default()
        };
        let finding = Finding {
            kind: Kind::TimeBack,
            severity: Severity::Warning,
            count: 1,
            text: "1 event".into(),
            normal: Some("clocks".into()),
            example: Some(example),
        };
        let checks = vec![Check::whole("ids", "12".into())];
        Answer::Doctor(Arc::new(Report { findings: vec![finding], checks, ..Report::default() }))
    };
    let (generation, _) = asked(&mut desk, "I");
    desk.send(Msg::Told(Told::Surveyed { generation, answer: answer() }));
    for part in ["~ warning", "time-back", "normal here: clocks", "ids: 12", "1 warning"] {
        assert_eq!(desk.lines_with(part).len(), 1, "{part}");
    }
    desk.type_keys("<enter>");
    assert_eq!(desk.stands(), ("order-1002".into(), 2));
    let questions =
        |desk: &Desk| desk.log.iter().filter(|effect| matches!(effect, Effect::Ask(Ask::Survey { .. }))).count();
    desk.type_keys("I");
    assert_eq!((questions(&desk), desk.lines_with("time-back").len()), (1, 1));
    desk.type_keys("<esc>");
    desk.send(Msg::Told(Told::ReducerReloaded("order.js changed: folded again".into())));
    desk.type_keys("I");
    assert_eq!(questions(&desk), 2, "snapshots may differ now");
}
