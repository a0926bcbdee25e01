//! Keys of several parts: what tells streams apart, what only looks as if it did, and names that no two keys share.

use super::*;

/// Events of two streams with three versions each. `more` are the other fields of the n-th event, from 1.
fn of_two_streams(more: impl Fn(usize) -> Value) -> Vec<Value> {
    let mut records = Vec::new();
    for version in 1..=3 {
        for stream in ["o-1", "o-2"] {
            let at = records.len() + 1;
            let mut record = json!({
                "position": at, "stream_id": stream, "version": version, "event_type": format!("T{version}"),
                "created_at": format!("2025-03-01T10:00:{at:02}Z"), "id": format!("e{at}"), "data": {"n": at},
            });
            for (name, value) in more(at).as_object().unwrap() {
                record[name] = value.clone();
            }
            records.push(record);
        }
    }
    records
}

/// A store in which each event of two streams was written twice, and only this field tells the two apart.
fn written_twice(field: &str, values: [Value; 2]) -> Vec<Value> {
    let mut records = Vec::new();
    for (version, stream) in [1, 2, 3].iter().flat_map(|version| [(version, "o-1"), (version, "o-2")]) {
        for value in &values {
            let at = records.len() + 1;
            records.push(json!({
                "position": at, "stream_id": stream, "version": version, "event_type": format!("T{version}"),
                field: value, "data": {"n": at},
            }));
        }
    }
    records
}

#[test]
fn what_partitions_demand_in_a_key_is_no_part_of_a_stream() {
    let twins = Twins::of(of_two_streams(
        |at| json!({"user_id": format!("u{}", at % 3), "writer": format!("w{at}"), "tag": format!("t{}", at % 4)}),
    ));
    let expected = ["o-1: 1T1 2T2 3T3", "o-2: 1T1 2T2 3T3"];
    for more in ["created_at", "event_type", "position", "user_id", "writer", "tag", "id", "created_at, user_id"] {
        let dump = format!(
            "ALTER TABLE ONLY public.event_log\n    ADD CONSTRAINT k PRIMARY KEY (stream_id, version, {more});"
        );
        for path in [twins.sqlite(&format!(", PRIMARY KEY({more}, stream_id, version)")), twins.dump(&dump)] {
            let source = opened(&path);
            assert_eq!(streams(&*source), expected, "{more}: {:#?}", source.about().reasons);
            assert_eq!((source.about().key, found(&doctor(&*source))), (None, vec![]), "{more}");
        }
    }
    // The tenant stays where the time goes.
    let twins = Twins::of(of_two_streams(|_| json!({"tenant_id": "acme"})));
    let source = opened(&twins.sqlite(", PRIMARY KEY(tenant_id, stream_id, version, created_at)"));
    assert_eq!(streams(&*source), ["acme/o-1: 1T1 2T2 3T3", "acme/o-2: 1T1 2T2 3T3"]);
}

#[test]
fn a_constraint_with_an_unknown_field_is_believed_where_the_rows_agree_and_said() {
    let mut records = Vec::new();
    for (number, book) in [1, 2, 3].iter().flat_map(|number| [(number, "x"), (number, "y")]) {
        records.push(json!({"book": book, "stream_id": 7, "version": number, "event_type": "T", "data": {}}));
    }
    let source = opened(&Twins::of(records).sqlite(", UNIQUE(book, stream_id, version)"));
    assert_eq!(streams(&*source), ["x/7: 1T 2T 3T", "y/7: 1T 2T 3T"]);
    caveat(&source.about(), "the store says that .book, .stream_id and the version are unique together");
    assert_eq!(found(&doctor(&*source)), []);
}

#[test]
fn writing_twice_makes_no_streams() {
    for (field, values) in [
        ("user_id", [json!("u1"), json!("u2")]),
        ("created_by", [json!("u1"), json!("u2")]),
        ("createdBy", [json!("u1"), json!("u2")]),
        ("host", [json!("h1"), json!("h2")]),
        ("correlation_id", [json!("c1"), json!("c2")]),
        ("published", [json!(0), json!(1)]),
        ("mirrored", [json!(0), json!(1)]),
        ("schema_version", [json!(1), json!(2)]),
        ("batch", [json!(1), json!(2)]),
        ("import_id", [json!("i1"), json!("i2")]),
    ] {
        let twins = Twins::of(written_twice(field, values));
        for path in twins.all() {
            let source = opened(&path);
            let names: Vec<String> = categories(&*source).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["o-1", "o-2"], "{field}: {}", path.display());
            assert_eq!(found(&doctor(&*source)), [(Kind::DuplicateVersions, 6)], "{field}: {}", path.display());
        }
    }
}

#[test]
fn a_key_that_only_the_versions_speak_for_is_a_doubt() {
    for path in Twins::of(written_twice("ledger_code", [json!("a"), json!("b")])).all() {
        let source = opened(&path);
        assert_eq!(listed(&*source).len(), 4, "{}", path.display());
        assert!(caveat(&source.about(), "written twice").contains("`--map stream=.stream_id`"));
        let report = doctor(&*source);
        assert_eq!(found(&report), [(Kind::DoubtfulKey, 1)], "{}", path.display());
        let example = &report.findings[0].example.as_ref().unwrap().text;
        assert!(example.contains("`--map stream=.stream_id`") && example.contains(".ledger_code"), "{example}");
        assert!(report.is_wrong(), "it never looks healthy");
        let narrow = Asked::map("stream=.stream_id").open(&path);
        assert_eq!(found(&doctor(&*narrow)), [(Kind::DuplicateVersions, 6)], "{}", path.display());
    }
}

#[test]
fn a_field_that_would_tell_most_apart_is_named() {
    // One gap, so that the versions do not prove it.
    let mut records = Vec::new();
    for (customer, version) in [("a", 1), ("a", 2), ("a", 4), ("a", 5), ("b", 1), ("b", 2), ("b", 3)] {
        records.push(json!({
            "customer": customer, "stream_id": "o-1", "version": version, "event_type": "T", "data": {},
        }));
    }
    for path in Twins::of(records).all() {
        let source = opened(&path);
        let report = doctor(&*source);
        assert_eq!(found(&report), [(Kind::DuplicateVersions, 2)], "{}", path.display());
        assert!(report.findings[0].text.contains("`--map stream={customer}/{stream_id}`"), "{}", path.display());
        caveat(&source.about(), "`--map stream={customer}/{stream_id}`");
    }
}

#[test]
fn a_position_beside_a_version_is_never_the_version() {
    for (versions, finding) in [(&[1, 2, 3, 3, 4][..], Kind::DuplicateVersions), (&[1, 2, 4, 3, 5], Kind::VersionsBack)]
    {
        for (name, first) in [("position", 1), ("position", 501), ("sequence", 1), ("global_sequence", 501)] {
            let event = |(at, version): (usize, &u64)| json!({name: at + first, "stream_id": "o-1", "version": version, "event_type": "T", "data": {"n": at}});
            for path in Twins::of(versions.iter().enumerate().map(event).collect()).all() {
                let source = opened(&path);
                let page = source.events(&EventQuery::first(Scope::All, 9), &Cancel::default()).unwrap();
                let mut kept: Vec<u64> = page.events.iter().map(|event| event.version.0).collect();
                assert_eq!(page.events[0].position.to_string(), first.to_string(), "{name}: {}", path.display());
                kept.sort_unstable();
                let mut sorted = versions.to_vec();
                sorted.sort_unstable();
                assert_eq!(kept, sorted, "{name} {first}: {}", path.display());
                assert_eq!(found(&doctor(&*source)), [(finding, 1)], "{name} {first}: {}", path.display());
            }
        }
    }
}

#[test]
fn events_without_a_tenant_are_of_streams_of_their_own() {
    let twins = Twins::of(of_tenants(&[("acme", 3), ("", 3)], 2));
    for path in twins.all() {
        let source = opened(&path);
        let expected = ["/1: 1T1 2T2 3T3", "/2: 1T1 2T2 3T3", "acme/1: 1T1 2T2 3T3", "acme/2: 1T1 2T2 3T3"];
        assert_eq!(streams(&*source), expected, "{}", path.display());
        assert_eq!(found(&doctor(&*source)), [], "{}", path.display());
    }
}

#[test]
fn a_context_and_a_name_are_a_stream() {
    let mut records = Vec::new();
    for version in 1..=3 {
        for (context, name) in [("sales", "foo"), ("sales", "bar"), ("billing", "foo"), ("billing", "bar")] {
            records.push(json!({
                "context": context, "name": name, "version": version, "event_type": format!("T{version}"), "data": {},
            }));
        }
    }
    for path in Twins::of(records).all() {
        let source = opened(&path);
        let names = ["billing/bar", "billing/foo", "sales/bar", "sales/foo"].map(|name| format!("{name}: 1T1 2T2 3T3"));
        assert_eq!(streams(&*source), names, "{}", path.display());
        assert_eq!(categories(&*source)[0].1, "billing");
    }
}

#[test]
fn two_keys_never_make_one_name() {
    let event = |org: &str, sid: &str| json!({"org": org, "sid": sid, "version": 1, "event_type": "T", "data": {}});
    let twins = Twins::of(vec![event("a-b", "c"), event("a", "b-c"), event("a%2Db", "c"), event("a/b", "c")]);
    for path in twins.all() {
        let map = |template: &str| format!("stream={template},type=.event_type,version=.version");
        let source = Asked::map(&map("{org}-{sid}")).open(&path);
        let expected = ["a%252Db-c: 1T", "a%2Db-c: 1T", "a%2Fb-c: 1T", "a-b-c: 1T"];
        assert_eq!(streams(&*source), expected, "{}", path.display());
        let source = Asked::map(&map("{org}::{sid}")).open(&path);
        assert_eq!(listed(&*source).len(), 4, "{}", path.display());
        let options = OpenOptions { map: Some(map("{org}{sid}")), ..OpenOptions::default() };
        let failure = open(path.to_str().unwrap(), &options).map(|_| ()).unwrap_err();
        assert!(failure.kind == FailureKind::Usage && failure.why.contains("write `{org}/{sid}`"), "{failure}");
    }
}
