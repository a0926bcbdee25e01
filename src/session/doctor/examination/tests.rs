//! Every fault is found when it is there, and only then.

use proptest::prelude::*;

use super::*;
use crate::domain::report::Severity;
use crate::domain::{Note, Trouble, Version};

const START: i64 = 1_740_000_000;

/// A healthy store: `streams` streams of `events` events, one after the other in turns; times rise by a minute, and every
/// event is caused by the one before it.
fn healthy(streams: u64, events: u64) -> Vec<Event> {
    let mut all = Vec::new();
    for version in 1..=events {
        for stream in 1..=streams {
            let n = all.len() as u64 + 1;
            all.push(Event {
                id: Some(format!("id-{n}").as_str().into()),
                time: Timestamp::from_second(START + 60 * n as i64).ok(),
                data: Payload::json_text(format!("{{\"n\":{n}}}")),
                correlation: Some("never looked up".into()),
                causation: (n > 1).then(|| format!("id-{}", n - 1).as_str().into()),
                ..Event::new(format!("order-{stream}").as_str(), Version(version), Position::Number(n), "Changed")
            });
        }
    }
    all
}

fn facts() -> Facts {
    Facts {
        events: 0,
        first_version: None,
        has_positions: true,
        counted_versions: 0,
        counts_versions: false,
        one_stream: false,
    }
}

fn examine_as(events: &[Event], facts: Facts, about: &About) -> Report {
    let mut examination = Examination::new(facts);
    for (ordinal, event) in (0..).zip(events) {
        examination.event(ordinal, event);
    }
    examination.finish(about, &mut |ordinal| events.get(ordinal as usize).cloned().map(Arc::new))
}

fn examine(events: &[Event]) -> Report {
    examine_as(events, facts(), &About::default())
}

fn kinds(report: &Report) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
    kinds.sort_unstable();
    kinds
}

/// Faults, each of one kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fault {
    Unreadable,
    Lost,
    SameVersion,
    SamePosition,
    SameId,
    TimeBack,
    Outside,
    NotJson,
    Encrypted,
    Bytes,
    Dangling,
    Huge,
    Archived,
    Deleted,
    Redacted,
}

const FAULTS: &[Fault] = &[
    Fault::Unreadable,
    Fault::Lost,
    Fault::SameVersion,
    Fault::SamePosition,
    Fault::SameId,
    Fault::TimeBack,
    Fault::Outside,
    Fault::NotJson,
    Fault::Encrypted,
    Fault::Bytes,
    Fault::Dangling,
    Fault::Huge,
    Fault::Archived,
    Fault::Deleted,
    Fault::Redacted,
];

/// Damages the event at `at`, which is neither among the first nor the last of its stream; gives what must be found.
fn damage(events: &mut Vec<Event>, at: usize, fault: Fault, streams: usize) -> Vec<Kind> {
    let before = events[at - streams].clone();
    let event = &mut events[at];
    let noted = |event: &mut Event, kind, text: &str| event.notes.push(Note::new(kind, text));
    match fault {
        Fault::Unreadable => {
            event.trouble = Some(Trouble { place: "line 7".into(), reason: "no JSON".into() });
            event.stream = "".into();
            // What it was is missing where it belonged, and where it was a cause.
            vec![Kind::UnreadableRecords, Kind::VersionGaps, Kind::PositionGaps, Kind::DanglingCausation]
        }
        Fault::Lost => {
            events.remove(at);
            vec![Kind::VersionGaps, Kind::PositionGaps, Kind::DanglingCausation]
        }
        Fault::SameVersion => {
            event.version = before.version;
            vec![Kind::DuplicateVersions, Kind::VersionGaps]
        }
        Fault::SamePosition => {
            event.position = before.position;
            vec![Kind::DuplicatePositions, Kind::PositionGaps]
        }
        Fault::SameId => {
            event.id = before.id;
            vec![Kind::DuplicateIds, Kind::DanglingCausation]
        }
        Fault::TimeBack => {
            event.time = before.time.and_then(|time| Timestamp::from_second(time.as_second() - 90).ok());
            vec![Kind::TimeBack, Kind::StreamTimeBack]
        }
        Fault::Outside => {
            noted(event, NoteKind::Outside, "in no $all");
            vec![Kind::OutsideOrder, Kind::PositionGaps]
        }
        Fault::NotJson => {
            event.data = Payload::json_text("{\"n\":}");
            vec![Kind::UnparsablePayloads]
        }
        Fault::Encrypted => {
            event.data = Payload::named(vec![1, 2, 3].into(), "encrypted");
            vec![Kind::UnknownEncodings]
        }
        Fault::Bytes => {
            event.metadata = Payload::new(Form::Opaque, vec![1, 2, 3].into());
            vec![Kind::UnknownEncodings]
        }
        Fault::Dangling => {
            event.causation = Some("nobody".into());
            vec![Kind::DanglingCausation]
        }
        Fault::Huge => {
            event.data = Payload::json_text(format!("\"{}\"", "x".repeat(70_000)));
            vec![Kind::PayloadOutliers]
        }
        Fault::Archived => {
            noted(event, NoteKind::Archived, "is_archived");
            vec![Kind::ArchivedStreams]
        }
        Fault::Deleted => {
            noted(event, NoteKind::Deleted, "skipped");
            vec![Kind::DeletedStreams]
        }
        Fault::Redacted => {
            noted(event, NoteKind::Redacted, "redacted");
            vec![Kind::RedactedPayloads]
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_healthy_store_has_nothing_out_of_order(streams in 1u64..12, events in 1u64..12) {
        let report = examine(&healthy(streams, events));
        prop_assert!(report.findings.is_empty(), "{:?}", report.findings);
        prop_assert_eq!((report.events, report.streams), (streams * events, streams));
        prop_assert!(!report.is_wrong());
    }

    #[test]
    fn faults_are_found_and_nothing_else(
        streams in 4usize..9,
        events in 8usize..14,
        faults in prop::sample::subsequence(FAULTS, 0..4),
        seed in 0usize..1000,
    ) {
        let mut all = healthy(streams as u64, events as u64);
        // From behind, so that what is removed moves nothing that is still to be damaged; apart, so that no fault touches
        // what another one is seen by.
        let room = (events - 4) / faults.len().max(1);
        prop_assume!(room >= 2 || faults.len() < 2);
        let mut expected = Vec::new();
        let mut first = Vec::new();
        for (n, fault) in faults.iter().enumerate().rev() {
            let at = (2 + n * room) * streams + (seed + n) % streams;
            let wanted = damage(&mut all, at, *fault, streams);
            first.push((at, wanted[0]));
            expected.extend(wanted);
        }
        expected.sort_unstable();
        expected.dedup();
        let report = examine(&all);
        prop_assert_eq!(kinds(&report), expected, "{:?}", faults);
        for finding in &report.findings {
            prop_assert!(finding.count >= 1 && finding.example.is_some(), "{finding:?}");
            prop_assert_eq!(finding.is_wrong(), finding.severity != Severity::Note);
        }
    }
}

#[test]
fn each_fault_is_told_where_it_is() {
    for fault in FAULTS {
        let mut all = healthy(5, 10);
        let at = 5 * 4 + 2;
        let expected = damage(&mut all, at, *fault, 5);
        let report = examine(&all);
        let finding = report.finding(expected[0]).unwrap_or_else(|| panic!("{fault:?}: {report:?}"));
        let example = finding.example.as_ref().expect("an example");
        // What is gone is seen at the next event of its stream.
        let (place, version) = match fault {
            Fault::Lost => (at + 5, 6),
            Fault::SameVersion => (at + 1, 4),
            _ => (at + 1, 5),
        };
        assert_eq!((example.place, finding.count), (Some(place as u64), 1), "{fault:?} {finding:?}");
        match fault {
            Fault::Unreadable => assert_eq!((&example.stream, example.version), (&None, None)),
            _ => assert_eq!(
                (example.stream.as_ref().map(StreamName::as_str), example.version),
                (Some("order-3"), Some(Version(version))),
                "{fault:?}"
            ),
        }
    }
}

#[test]
fn what_is_normal_for_a_layout_is_a_note_with_the_reason() {
    let mut all = healthy(3, 6);
    damage(&mut all, 9, Fault::Lost, 3);
    let normal = vec![
        ("version-gaps".to_owned(), "events are purged here".to_owned()),
        ("position-gaps".to_owned(), "rolled-back transactions burn numbers".to_owned()),
        ("dangling-causation".to_owned(), "causes are purged too".to_owned()),
    ];
    let about = About { normal, ..About::default() };
    let report = examine_as(&all, facts(), &about);
    assert_eq!(kinds(&report), [Kind::VersionGaps, Kind::PositionGaps, Kind::DanglingCausation]);
    assert!(!report.is_wrong());
    assert!(report.findings.iter().all(|finding| finding.normal.is_some() && finding.severity == Severity::Note));
    assert!(examine(&all).is_wrong());
}

#[test]
fn gaps_in_positions_alone_are_a_note() {
    let mut all = healthy(3, 6);
    all[10].position = Position::Number(100);
    (11..18).for_each(|n| all[n].position = Position::Number(90 + n as u64));
    let report = examine(&all);
    assert!(report.finding(Kind::PositionGaps).is_some_and(|gaps| gaps.severity == Severity::Note));
    all.iter_mut().zip(0..).for_each(|(event, n)| event.position = Position::Number(n * 817));
    let report = examine(&all);
    assert!(report.findings.is_empty(), "offsets are no sequence: {report:?}");
    assert!(report.checks.iter().any(|check| check.what == "positions" && check.skipped.is_some()));
}

#[test]
fn partitions_are_sequences_of_their_own() {
    let mut all = healthy(2, 10);
    all.iter_mut()
        .zip(0..)
        .for_each(|(event, n)| event.position = Position::Text(format!("{}:{}", n % 2, n / 2).as_str().into()));
    assert!(examine(&all).findings.is_empty());
    all[7].position = Position::Text("1:2".into());
    assert_eq!(kinds(&examine(&all)), [Kind::PositionGaps, Kind::DuplicatePositions]);
    all[3].position = Position::Text("somewhere".into());
    assert_eq!(kinds(&examine(&all)), []);
}

#[test]
fn streams_begin_where_the_layout_says_or_where_most_do() {
    let mut all = healthy(6, 3);
    all.retain(|event| event.stream.as_str() != "order-4" || event.version.0 > 1);
    let cut = examine(&all);
    let finding = cut.finding(Kind::FirstVersion).expect("found");
    assert!(finding.example.as_ref().is_some_and(|example| example.text.contains("is 2, streams begin with 1")));
    assert_eq!(finding.count, 1);
    let zero = examine_as(&healthy(4, 3), Facts { first_version: Some(0), ..facts() }, &About::default());
    assert_eq!(zero.finding(Kind::FirstVersion).map(|finding| finding.count), Some(4));
    let mut zero = healthy(4, 3);
    zero.iter_mut().for_each(|event| event.version.0 -= 1);
    assert!(examine(&zero).findings.is_empty());
    zero.iter_mut().for_each(|event| event.version.0 += 7);
    assert!(examine(&zero).finding(Kind::FirstVersion).is_some_and(|finding| finding.count == 4));
}

#[test]
fn causes_that_are_places_are_looked_up_and_commands_are_no_alarm() {
    let mut all = healthy(3, 6);
    all[9].causation = Some("order-2/2".into());
    all[10].causation = Some("3@order-1".into());
    assert!(examine(&all).findings.is_empty());
    all[11].causation = Some("order-2/99".into());
    let report = examine(&all);
    let finding = report.finding(Kind::DanglingCausation).expect("found");
    assert_eq!((finding.count, finding.severity), (1, Severity::Warning));
    assert!(finding.example.as_ref().is_some_and(|example| example.text == "its cause is order-2/99"));
    all.iter_mut().zip(0..).for_each(|(event, n)| event.causation = Some(format!("command-{n}").as_str().into()));
    assert!(!examine(&all).is_wrong(), "commands are kept elsewhere");
}

#[test]
fn writers_that_overlap_a_little_are_a_note() {
    let mut all = healthy(3, 4);
    all[5].time = all[4].time.and_then(|time| Timestamp::from_millisecond(time.as_millisecond() - 20).ok());
    let report = examine(&all);
    assert_eq!(kinds(&report), [Kind::TimeBack]);
    assert!(!report.is_wrong() && report.findings[0].text.contains("20 ms"), "{report:?}");
}

#[test]
fn renamed_streams_are_known_by_their_names() {
    for (name, renamed) in [
        ("0193-archived-2025-03-04T10:00:00.000Z", true),
        ("order-7-archived-1740000000", true),
        ("order-archived-by-me", false),
        ("-archived-20250304", false),
        ("archived-20250304", false),
    ] {
        assert_eq!(is_renamed(name), renamed, "{name}");
    }
}

#[test]
fn what_the_store_declares_is_held_against_its_events() {
    let declared = |stream: &str, version| DeclaredStream {
        stream: stream.into(),
        version: Some(version),
        archived: false,
        deleted: false,
        place: "mt_streams, row 1".into(),
    };
    let look = |list: &[DeclaredStream]| {
        let all = healthy(3, 6);
        let mut examination = Examination::new(facts());
        (0..).zip(&all).for_each(|(ordinal, event)| examination.event(ordinal, event));
        list.iter().for_each(|declared| examination.declared(declared));
        examination.finish(&About::default(), &mut |ordinal| all.get(ordinal as usize).cloned().map(Arc::new))
    };
    let right = [declared("order-1", 6), declared("order-2", 6), declared("order-3", 6)];
    assert!(look(&right).findings.is_empty());
    for (wrong, count, text) in [
        (
            vec![declared("order-1", 6), declared("order-2", 9), declared("order-3", 6)],
            1,
            "says version 9, its last event is version 6",
        ),
        (vec![declared("order-1", 4), declared("order-2", 5), declared("order-3", 6)], 2, "says version 4"),
        (vec![declared("order-1", 6), declared("order-2", 6)], 1, "does not have it"),
        ([&right[..], &[declared("order-4", 2)]].concat(), 1, "there is no event of it"),
    ] {
        let report = look(&wrong);
        assert_eq!(kinds(&report), [Kind::DeclaredVersions]);
        assert_eq!(report.findings[0].count, count);
        let example = report.findings[0].example.as_ref().expect("an example");
        assert!(example.text.contains(text), "{example:?}");
    }
    let gone = DeclaredStream { archived: true, ..declared("order-1", 6) };
    let deleted = DeclaredStream { deleted: true, ..declared("order-9", 2) };
    let report = look(&[gone, declared("order-2", 6), declared("order-3", 6), deleted]);
    assert_eq!(kinds(&report), [Kind::ArchivedStreams, Kind::DeletedStreams]);
    assert!(!report.is_wrong());
}

#[test]
fn what_is_too_much_to_remember_is_said() {
    let all = healthy(3, 6);
    let mut examination = Examination::with_room(facts(), 10);
    (0..).zip(&all).for_each(|(ordinal, event)| examination.event(ordinal, event));
    let report = examination.finish(&About::default(), &mut |ordinal| all.get(ordinal as usize).cloned().map(Arc::new));
    let skipped =
        |what| report.checks.iter().find(|check| check.what == what).and_then(|check| check.skipped.as_deref());
    assert_eq!(skipped("ids"), Some("checked the first 10 of them"));
    assert!(skipped("causation").is_some() && report.findings.is_empty());
}

#[test]
fn the_mark_of_a_deleted_stream_leaves_no_gap() {
    let mut all = healthy(3, 6);
    all[17].version = Version(i64::MAX as u64);
    assert_eq!(kinds(&examine(&all)), [Kind::DeletedStreams]);
}

#[test]
fn one_record_without_a_version_leaves_the_others_checked() {
    let mut all = healthy(3, 8);
    // Version 3 of the second stream, which loses version 6; the third loses version 7.
    all[7].notes.push(Note::new(NoteKind::Counted, "it has no version of its own"));
    all.retain(|event| !matches!((event.stream.as_str(), event.version.0), ("order-2", 6) | ("order-3", 7)));
    all.iter_mut().for_each(|event| event.causation = None);
    let report = examine(&all);
    assert_eq!(kinds(&report), [Kind::CountedVersions, Kind::VersionGaps, Kind::PositionGaps]);
    let gaps = report.finding(Kind::VersionGaps).expect("found");
    assert_eq!(gaps.count, 1, "what is missing beside a version that is not said is not told: {gaps:?}");
    let positions = report.finding(Kind::PositionGaps).expect("found");
    assert!(positions.is_wrong() && !positions.text.contains("rolled back"), "{positions:?}");
    let check = report.checks.iter().find(|check| check.what == "versions").expect("a check");
    assert_eq!((check.extent.as_str(), check.partly), ("2 of 3 streams", true));
    assert!(check.skipped.as_deref().is_some_and(|why| why.starts_with("1 stream with versions")), "{check:?}");
    // Where none has one, nothing is found, and nothing is said to be checked.
    all.iter_mut().for_each(|event| event.notes = vec![Note::new(NoteKind::Counted, "none")]);
    let report = examine_as(&all, Facts { counts_versions: true, ..facts() }, &About::default());
    assert!(report.finding(Kind::CountedVersions).is_none(), "{report:?}");
    let check = report.checks.iter().find(|check| check.what == "versions").expect("a check");
    assert!(!check.partly && check.skipped.is_some());
    let positions = report.finding(Kind::PositionGaps).expect("found");
    assert!(positions.is_wrong() && !positions.text.contains("rolled back"), "{positions:?}");
}

#[test]
fn what_cannot_be_read_may_be_what_is_missing() {
    let mut all = healthy(3, 8);
    all[9].trouble = Some(Trouble { place: "line 10".into(), reason: "no JSON".into() });
    (all[9].stream, all[9].causation) = ("".into(), None);
    let report = examine(&all);
    for kind in [Kind::VersionGaps, Kind::PositionGaps] {
        let finding = report.finding(kind).expect("found");
        assert!(finding.is_wrong() && !finding.text.contains("never used"), "{finding:?}");
        assert!(finding.text.ends_with("1 record that could not be read may have it"), "{finding:?}");
    }
    // The last event of its stream leaves no gap in the versions.
    let mut all = healthy(3, 8);
    all[21].trouble = Some(Trouble { place: "line 22".into(), reason: "no JSON".into() });
    let report = examine(&all);
    assert!(report.finding(Kind::VersionGaps).is_none());
    assert!(report.finding(Kind::PositionGaps).is_some_and(|gaps| gaps.is_wrong()), "{report:?}");
}

#[test]
fn positions_that_step_back_and_times_that_are_none_are_found() {
    let mut all = healthy(3, 4);
    let (before, after) = (all[4].position.clone(), all[5].position.clone());
    (all[4].position, all[5].position) = (after, before);
    all[7].time = None;
    all[7].notes.push(Note::new(NoteKind::UnreadableTime, "its time cannot be read: soon is no time"));
    let report = examine(&all);
    assert_eq!(kinds(&report), [Kind::PositionsBack, Kind::UnreadableTimes]);
    let example = |kind| report.finding(kind).and_then(|finding| finding.example.clone()).expect("an example");
    assert_eq!(example(Kind::PositionsBack).text, "position 5 comes after position 6");
    assert!(example(Kind::UnreadableTimes).text.contains("soon"));
    let check = report.checks.iter().find(|check| check.what == "times").expect("a check");
    assert_eq!((check.extent.as_str(), check.skipped.as_deref()), ("11 of 12 times", Some("1 event has no time")));
}
