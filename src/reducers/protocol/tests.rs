//! Whatever is written is read again, and nothing that is read can harm.

use proptest::prelude::*;

use super::*;
use crate::domain::Step;

fn answers() -> Vec<Answer> {
    let problem = Problem { message: "no such account: ä".into(), place: Some((3, 7)), cause: Cause::TimedOut };
    vec![
        Answer::Hello {
            version: VERSION,
            engine: "engine".into(),
            sandbox: Sandbox { level: Level::Partial, missing: "network".into() },
        },
        Answer::Done,
        Answer::Failed(problem.clone()),
        Answer::Applied {
            faults: vec![(0, problem.clone()), (9, Problem::new("x"))],
            next: Some(10),
            console: "hi\n".into(),
            values: vec![
                ValueRecord { index: 3, path: 0, before: Ok(None), after: Ok(Some("[1]".into())) },
                ValueRecord { index: 4, path: 1, before: Ok(Some("0".into())), after: Err(Problem::new("a cycle")) },
            ],
        },
        Answer::Applied { faults: vec![], next: None, console: String::new(), values: vec![] },
        Answer::States {
            states: vec![
                ("a-1".into(), StateText { text: Some("5".into()), exact: vec![0] }),
                ("a-2".into(), StateText::default()),
            ],
            next: Some(2),
        },
        Answer::State { text: Some("{}".into()), exact: vec![1, 5] },
        Answer::State { text: None, exact: vec![] },
        Answer::Working,
        Answer::At(7),
        Answer::Stuck(None),
        Answer::Heavy(problem.clone()),
        Answer::Stuck(Some(3)),
        Answer::Gone { at: 2, problem },
    ]
}

fn events() -> Vec<u8> {
    let mut events = Vec::new();
    for index in 0..3 {
        write_event(
            &mut events,
            &EventRecord {
                index,
                key: (index == 2).then_some("account-2"),
                stream: (index == 1).then_some("account-1"),
                event_type: "Deposited",
                version: u64::MAX,
                position: if index == 0 { PositionRecord::Number(4) } else { PositionRecord::Text("2@17") },
                id: None,
                time: Some("2025-01-01T00:00:00Z"),
                data: PayloadRecord::Json(br#"{"amount":1}"#),
                metadata: if index == 0 { PayloadRecord::Absent } else { PayloadRecord::Broken("bytes") },
                fields: if index == 2 { PayloadRecord::Json(b"{\"user\":1}") } else { PayloadRecord::Absent },
            },
        );
    }
    events
}

fn requests(events: &[u8]) -> Vec<Request<'_>> {
    vec![
        Request::Load { event_micros: 1, call_micros: 2, memory: 3, source: "export {}" },
        Request::StartInitial { stream: "a-1" },
        Request::StartResume { stream: "a-1", state: Some("[5]"), exact: vec![0] },
        Request::StartResume { stream: "a-1", state: None, exact: vec![] },
        Request::Apply { batch: 7, careful: true, events },
        Request::State,
        Request::StartMany,
        Request::Resume {
            states: vec![
                KeyedState { key: "a-1", text: Some("[5]"), exact: vec![0] },
                KeyedState { key: "", text: None, exact: vec![] },
            ],
        },
        Request::StateOf { key: "a-1" },
        Request::States { from: 7 },
        Request::Watch { paths: vec![Path::root(), Path(vec![Step::Key("a".into()), Step::Index(3)])] },
    ]
}

#[test]
fn what_is_written_is_read() {
    let events = events();
    for request in requests(&events) {
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        let (frame, size) = first_frame(&bytes, MAX_REQUEST).expect("sound").expect("whole");
        assert_eq!(size, bytes.len());
        assert_eq!(Request::read(frame), Ok(request));
    }
    for answer in answers() {
        let mut bytes = Vec::new();
        answer.write(&mut bytes);
        let (frame, _) = first_frame(&bytes, MAX_ANSWER).expect("sound").expect("whole");
        assert_eq!(Answer::read(frame), Ok(answer));
    }
    let mut body = Body::new(&events);
    let read: Vec<_> = std::iter::from_fn(|| body.event().expect("an event")).collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[1].stream, Some("account-1"));
    assert_eq!((read[1].key, read[2].key), (None, Some("account-2")));
    assert_eq!(read[1].fields, PayloadRecord::Absent);
    assert_eq!(read[2].fields, PayloadRecord::Json(b"{\"user\":1}"));
    assert_eq!(read[2].metadata, PayloadRecord::Broken("bytes"));
}

#[test]
fn what_is_cut_off_or_too_long_is_refused() {
    let events = events();
    for request in requests(&events) {
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        for end in 4..bytes.len() {
            let cut = &bytes[4..end];
            // Only the events of an `Apply` have no end of their own.
            if !matches!(request, Request::Apply { .. }) {
                assert!(Request::read(cut).is_err(), "{request:?} cut to {end}");
            }
            assert_eq!(first_frame(&bytes[..end], MAX_REQUEST), Ok(None));
        }
        bytes.push(0);
        if !matches!(request, Request::Apply { .. }) {
            assert!(Request::read(&bytes[4..]).is_err());
        }
    }
    for answer in answers() {
        let mut bytes = Vec::new();
        answer.write(&mut bytes);
        for end in 4..bytes.len() {
            assert!(Answer::read(&bytes[4..end]).is_err(), "{answer:?} cut to {end}");
        }
    }
    for end in 1..events.len() {
        let mut body = Body::new(&events[..end]);
        let mut whole = 0;
        while let Ok(Some(_)) = body.event() {
            whole += 1;
        }
        assert!(whole < 3);
    }
    assert!(first_frame(&[0, 0, 0, 0, 1], 100).is_err());
    assert!(first_frame(&[255, 255, 255, 255, 1], MAX_ANSWER).is_err());
    assert!(Answer::read(b"\x43\xff\xff\xff\xff").is_err());
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let mut bytes = Vec::new();
    Answer::Failed(Problem::new("ä".repeat(MAX_MESSAGE))).write(&mut bytes);
    let Ok(Answer::Failed(problem)) = Answer::read(&bytes[4..]) else { panic!("a failure") };
    assert_eq!(problem.message.len(), MAX_MESSAGE);
}

proptest! {
    #[test]
    fn garbage_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::read(&bytes);
        let _ = Answer::read(&bytes);
        let _ = first_frame(&bytes, MAX_ANSWER);
        let mut body = Body::new(&bytes);
        while let Ok(Some(_)) = body.event() {}
    }

    #[test]
    fn one_wrong_byte_is_taken(which in 0usize..14, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = Vec::new();
        answers()[which].write(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Some((frame, _))) = first_frame(&bytes, MAX_ANSWER) {
            let _ = Answer::read(frame);
        }
    }
}
