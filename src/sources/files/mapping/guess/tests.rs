use super::*;

fn guessed(lines: &[&str], map: Option<&str>) -> Result<Guessed, Vec<String>> {
    let mut sample = Sample::default();
    for line in lines {
        assert!(sample.add(line.as_bytes()), "{line}");
    }
    guess(&sample, &map.map(|map| Overrides::parse(map).unwrap()).unwrap_or_default(), "dump")
}

fn told(path: &Option<FieldPath>) -> String {
    path.as_ref().map_or("-".into(), ToString::to_string)
}

/// stream type version time id data metadata position
fn short(mapping: &Mapping) -> String {
    let stream = match &mapping.stream {
        StreamFrom::Field(path) => path.to_string(),
        StreamFrom::Template(template) => template.to_string(),
        StreamFrom::Constant(name) => format!("={name}"),
    };
    let Mapping { version, time, id, data, metadata, position, .. } = mapping;
    let rest: Vec<_> = [version, time, id, data, metadata, position].into_iter().map(told).collect();
    format!("{stream} {} {}", mapping.event_type, rest.join(" "))
}

#[test]
fn the_usual_spellings_are_understood() {
    for (expected, lines) in [
        (
            ".repo.name .type - .created_at .id .payload - .id",
            &[
                r#"{"id":"100","type":"PushEvent","actor":{"id":1,"login":"ann"},"repo":{"id":2,"name":"a/b"},"payload":{"n":1},"created_at":"2025-01-01T00:00:00Z"}"#,
                r#"{"id":"101","type":"PushEvent","actor":{"id":1,"login":"ann"},"repo":{"id":3,"name":"a/c"},"payload":{"n":1},"created_at":"2025-01-01T00:00:01Z"}"#,
                r#"{"id":"103","type":"ForkEvent","actor":{"id":4,"login":"bob"},"repo":{"id":2,"name":"a/b"},"payload":{"n":2},"created_at":"2025-01-01T00:00:01Z"}"#,
            ][..],
        ),
        (
            ".stream .type .version .timestamp .id .data .metadata -",
            &[
                r#"{"id":"a1","stream":"a-1","version":1,"type":"Opened","timestamp":"2025-01-01T00:00:00.025Z","data":{"type":"x","version":9},"metadata":{}}"#,
                r#"{"id":"a2","stream":"a-1","version":2,"type":"Closed","timestamp":"2025-01-01T00:00:00.026Z","data":{"type":"y","version":9},"metadata":{}}"#,
            ][..],
        ),
        (
            ".stream_name .type .position .time .id .data .metadata .global_position",
            &[
                r#"{"global_position":1,"position":0,"time":"2026-11-23T03:42:50.2","stream_name":"a-1","type":"A","data":{},"metadata":null,"id":"x"}"#,
                r#"{"global_position":2,"position":0,"time":"2026-11-23T03:42:50.2","stream_name":"a-2","type":"A","data":{},"metadata":{},"id":"y"}"#,
                r#"{"global_position":4,"position":1,"time":"2026-11-23T03:42:50.2","stream_name":"a-1","type":"B","data":{},"metadata":{},"id":"z"}"#,
            ],
        ),
        (
            ".aggregate_id .event_type .sequence - - .payload .metadata -",
            &[
                r#"{"aggregate_type":"account","aggregate_id":"a","sequence":1,"event_type":"Opened","event_version":"1.0","payload":"{\"Opened\":{}}","metadata":"{}"}"#,
                r#"{"aggregate_type":"account","aggregate_id":"a","sequence":2,"event_type":"Closed","event_version":"1.0","payload":"{\"Closed\":{}}","metadata":"{}"}"#,
            ],
        ),
        (
            // Numbers are drawn for each type: that of the aggregate stands before another than `car`.
            "{aggregate.type}/{aggregate.id} .kind - .at - - - -",
            &[
                r#"{"aggregate":{"id":7,"type":"car"},"kind":"Started","at":1735721881438,"speed":3}"#,
                r#"{"aggregate":{"id":7,"type":"car"},"kind":"Stopped","at":1735721881538,"speed":0}"#,
            ],
        ),
        (
            "=dump .type .version - - .data - -",
            &[
                r#"{"type":"Deposited","version":0,"data":{"amount":1}}"#,
                r#"{"type":"Deposited","version":1,"data":{"amount":2}}"#,
            ],
        ),
        (
            // A schema's version does not grow; the number of the whole store is no version of a stream.
            ".streamId .type .streamVersion - .id .data - .sequence",
            &[
                r#"{"id":"1-a","streamId":"a","type":"T","version":1,"sequence":10,"streamVersion":1,"data":{}}"#,
                r#"{"id":"1-b","streamId":"b","type":"T","version":1,"sequence":12,"streamVersion":1,"data":{}}"#,
                r#"{"id":"1-c","streamId":"a","type":"T","version":1,"sequence":15,"streamVersion":2,"data":{}}"#,
            ],
        ),
        (
            // Who it is about is no type; the wrappers of MongoDB's numbers and dates are no fields of their own.
            ".streamId .kind .version.$numberLong .at.$date - .data - -",
            &[
                r#"{"streamId":"c-1","version":{"$numberLong":"3"},"name":"Alice","kind":"Registered","at":{"$date":"2025-03-01T08:00:00Z"},"data":{}}"#,
                r#"{"streamId":"c-1","version":{"$numberLong":"4"},"name":"Alice","kind":"Moved","at":{"$date":"2025-03-01T08:00:01Z"},"data":{}}"#,
                r#"{"streamId":"c-2","version":{"$numberLong":"1"},"name":"Bob","kind":"Registered","at":{"$date":"2025-03-01T08:00:02Z"},"data":{}}"#,
                r#"{"streamId":"c-2","version":{"$numberLong":"2"},"name":"Bob","kind":"Closed","at":{"$date":"2025-03-01T08:00:03Z"},"data":{}}"#,
            ],
        ),
        (
            // Newest first; and a table in the order of its heap.
            ".stream .type .version - - .data - .global_position",
            &[
                r#"{"stream":"a","type":"T","version":2,"global_position":9,"data":{}}"#,
                r#"{"stream":"b","type":"T","version":0,"global_position":7,"data":{}}"#,
                r#"{"stream":"a","type":"T","version":1,"global_position":4,"data":{}}"#,
                r#"{"stream":"a","type":"T","version":0,"global_position":3,"data":{}}"#,
            ],
        ),
        (
            ".event.streamId .event.type .event.version - .event.id .event.data - -",
            &[
                r#"{"event":{"id":"x","streamId":"a","type":"T","version":"0","data":{"a":1}}}"#,
                r#"{"event":{"id":"y","streamId":"a","type":"U","version":"1","data":{"a":1}}}"#,
            ],
        ),
    ] {
        let found = guessed(lines, None).unwrap();
        assert_eq!(short(&found.mapping), expected, "{:#?}", found.reasons);
    }
}

#[test]
fn the_user_knows_better() {
    let lines = [r#"{"who":"a","did":"Walked","n":1,"x":{"y":2}}"#, r#"{"who":"a","did":"Sat","n":2,"x":{"y":2}}"#];
    let fields = guessed(&lines, None).unwrap_err();
    assert_eq!(fields, [".who  \"a\"", ".did  \"Walked\"", ".n  1", ".x  {\"y\":2}", ".x.y  2"]);
    let found = guessed(&lines, Some("stream=.who,type=.did,version=.n,data=.x")).unwrap();
    assert_eq!(short(&found.mapping), ".who .did .n - - .x - -");
    assert!(found.reasons.contains(&"stream = .who: you said so".into()), "{:?}", found.reasons);
    let found = guessed(&lines, Some("stream=.who,type=.did,data=.")).unwrap();
    assert_eq!(found.mapping.data, Some(FieldPath::default()));
}

#[test]
fn what_is_the_same_throughout_a_stream_is_not_what_happened() {
    let lines = [
        r#"{"streamId":"c-1","name":"Alice","data":{}}"#,
        r#"{"streamId":"c-1","name":"Alice","data":{}}"#,
        r#"{"streamId":"c-2","name":"Bob","data":{}}"#,
    ];
    assert!(guessed(&lines, None).is_err());
    // Of one stream nothing shows what it is; and what changes within a stream happened.
    assert!(guessed(&lines[..2], None).is_ok());
    let changed = lines[1].replace("Alice", "Moved");
    assert_eq!(
        short(&guessed(&[lines[0], &changed, lines[2]], None).unwrap().mapping),
        ".streamId .name - - - .data - -"
    );
}

#[test]
fn whoever_says_what_happened_needs_no_stream() {
    let lines = [r#"{"type":"Deposited","amount":10}"#, r#"{"type":"Withdrawn","amount":5}"#];
    assert!(guessed(&lines, None).is_err());
    for map in ["type=.type", "stream=none,type=.type", "stream=none"] {
        assert_eq!(short(&guessed(&lines, Some(map)).unwrap().mapping), "=dump .type - - - - - -", "{map}");
    }
}

#[test]
fn a_log_is_no_event_store() {
    let lines = [r#"{"level":"info","msg":"started","time":"2025-01-01T00:00:00Z"}"#; 3];
    assert!(guessed(&lines, None).is_err());
}
