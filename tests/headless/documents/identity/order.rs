//! What lies in another order than it is shown in is told alike in every format.

use super::*;

/// Two streams side by side, whose events lie in this order of their versions, without positions.
fn lying(versions: &[u64]) -> Twins {
    let mut records = Vec::new();
    for version in versions {
        for stream in ["o-1", "o-2"] {
            // Only the first stream is out of order.
            let version = if stream == "o-1" { *version } else { records.len() as u64 / 2 + 1 };
            records.push(json!({"stream_id": stream, "version": version, "event_type": "T", "data": {"n": version}}));
        }
    }
    Twins::of(records)
}

#[test]
fn versions_that_lie_in_another_order_are_told_in_every_format() {
    for path in lying(&[1, 2, 4, 3, 5, 6, 8, 7]).all() {
        let name = path.display().to_string();
        let source = opened(&path);
        let report = doctor(&*source);
        assert_eq!(found(&report), [(Kind::VersionsBack, 2)], "{name}");
        assert!(report.is_wrong(), "{name}");
        let example = report.findings[0].example.as_ref().unwrap();
        assert_eq!(example.stream.as_ref().map(|stream| stream.as_str()), Some("o-1"), "{name}");
        assert_eq!(example.version.map(|version| version.0), Some(3), "{name}");
        let shown = streams(&*source);
        let is_sorted = shown[0].ends_with("1T 2T 3T 4T 5T 6T 7T 8T");
        match is_sorted {
            true => {
                _ = caveat(&source.about(), "2 events of 1 stream have a lower version than the one that lies before")
            }
            false => {
                _ = caveat(&source.about(), "in one stream versions go back or repeat: it is shown as the store has it")
            }
        }
        for (stream, expected) in [("o-1", &[(Kind::VersionsBack, 2)][..]), ("o-2", &[])] {
            let questions = Questions { stream: Some(stream.into()), ..Questions::default() };
            let report = examine(&*source, None, &questions, &Cancel::default(), &mut |_, _, _| ()).unwrap();
            assert_eq!(found(&report), expected, "{name} {stream}");
        }
    }
}

#[test]
fn what_lies_in_order_is_not_told_of() {
    for path in lying(&[1, 2, 3, 4, 5]).all() {
        let source = opened(&path);
        assert_eq!(found(&doctor(&*source)), [], "{}", path.display());
        assert!(!source.about().caveats.iter().any(|caveat| caveat.contains("lies before")), "{}", path.display());
    }
}

#[test]
fn positions_that_lie_in_another_order_are_told_and_usual_in_tables() {
    let mut positions: Vec<u64> = (101..=120).collect();
    positions.swap(8, 9);
    let event = |(at, position): (usize, &u64)| {
        let stream = if at % 2 == 0 { "o-1" } else { "o-2" };
        json!({"position": position, "stream_id": stream, "version": at / 2 + 1, "event_type": "T", "data": {}})
    };
    let lying: Vec<Value> = positions.iter().enumerate().map(event).collect();
    for path in Twins::of(lying).all() {
        let name = path.display().to_string();
        let source = opened(&path);
        let report = doctor(&*source);
        let back = report.finding(Kind::PositionsBack).unwrap_or_else(|| panic!("{name}: {:?}", found(&report)));
        assert_eq!(back.count, 1, "{name}");
        assert_eq!(back.example.as_ref().unwrap().version.map(|version| version.0), Some(5), "{name}");
        let is_table = !["jsonl", "json", "csv"].iter().any(|ext| name.ends_with(ext));
        assert_eq!(back.is_wrong(), !is_table, "{name}");
        assert_eq!(back.normal.is_some(), is_table, "{name}");
        let told = source
            .about()
            .reasons
            .iter()
            .any(|reason| reason.contains("1 event lies behind one with a higher position"));
        assert_eq!(told, is_table, "{name}");
    }
}

/// Rows in no order at all, as of a table that is kept by a random key.
#[test]
fn rows_in_no_order_are_a_note() {
    let versions: Vec<u64> = (0..40).map(|n| n * 23 % 41 + 1).collect();
    let records: Vec<Value> = versions
        .iter()
        .map(|version| json!({"stream_id": "o-1", "version": version, "event_type": "T", "data": {}}))
        .collect();
    let twins = Twins::of(records);
    for path in [twins.sqlite(""), twins.dump("")] {
        let report = doctor(&*opened(&path));
        let back = report.finding(Kind::VersionsBack).unwrap();
        assert!(!back.is_wrong() && back.normal.is_some() && back.count > 10, "{}", path.display());
    }
}
