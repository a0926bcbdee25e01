//! Tenants and types that no first look shows: told apart where versions prove it, else said with the map that does it.

use super::*;

/// What is said of streams that are several: the caveat, and the finding with its example.
fn is_said(source: &dyn Source, path: &Path, field: &str, map: &str) {
    let about = source.about();
    let told = about.caveats.iter().find(|caveat| caveat.starts_with("several streams are shown as one"));
    let told = told.unwrap_or_else(|| panic!("{}: {:#?}", path.display(), about.caveats));
    assert!(told.contains(field), "{}: {told}", path.display());
    let report = doctor(source);
    let finding = report.findings.iter().find(|finding| finding.kind == Kind::DoubtfulKey);
    let finding = finding.unwrap_or_else(|| panic!("{}: {:?}", path.display(), found(&report)));
    let example = &finding.example.as_ref().unwrap().text;
    assert!(example.contains(field), "{}: {example}", path.display());
    if !map.is_empty() {
        let map = format!("`--map {map}`");
        assert!(told.contains(&map) && example.contains(&map), "{}: {told}; {example}", path.display());
    }
    assert!(report.is_wrong());
}

/// The same records without one of their fields.
fn without(records: Vec<Value>, field: &str) -> Vec<Value> {
    let mut records = records;
    records.iter_mut().for_each(|record| _ = record.as_object_mut().unwrap().remove(field));
    records
}

/// The same records with the tenant inside another field.
fn within(records: Vec<Value>, object: &str) -> Vec<Value> {
    let mut records = records;
    for record in &mut records {
        let tenant = record.as_object_mut().unwrap().remove("tenantId").unwrap();
        if !tenant.is_null() {
            record[object]["tenantId"] = tenant;
        }
    }
    records
}

const FOUR: [&str; 4] = ["acme/1: 1T1 2T2 3T3", "acme/2: 1T1 2T2 3T3", "zeta/1: 1T1 2T2 3T3", "zeta/2: 1T1 2T2 3T3"];

#[test]
fn a_map_that_folds_tenants_is_said_with_the_one_that_does_not() {
    let map = "stream={tenantId}/{streamId}";
    for path in Twins::of(of_tenants(&[("acme", 3), ("zeta", 3)], 2)).all() {
        let folded = Asked::map("stream=.streamId").open(&path);
        assert_eq!(listed(&*folded).len(), 2, "{}: what was said is done", path.display());
        is_said(&*folded, &path, ".tenantId", map);
        assert_eq!(streams(&*Asked::map(map).open(&path)), FOUR, "{}", path.display());
        // Whoever says that all is one stream means it.
        let one = Asked::map("stream=none").open(&path);
        assert!(!one.about().caveats.iter().any(|caveat| caveat.contains("{streamId}")), "{}", path.display());
    }
    // Nothing repeats where versions are counted.
    let counted = without(without(of_tenants(&[("acme", 3), ("zeta", 3)], 2), "version"), "seq");
    for path in Twins::of(counted).all() {
        is_said(&*Asked::map("stream=.streamId").open(&path), &path, ".tenantId", map);
        assert_eq!(listed(&*opened(&path)).len(), 4, "{}", path.display());
    }
}

#[test]
fn tenants_in_what_an_event_says_are_told_apart() {
    for object in ["data", "metadata"] {
        let records = within(of_tenants(&[("acme", 3), ("zeta", 3)], 2), object);
        for path in Twins::of(records.clone()).all() {
            let source = opened(&path);
            assert_eq!(streams(&*source), FOUR, "{object}: {}", path.display());
            caveat(&source.about(), &format!("with .{object}.tenantId it does not"));
            assert_eq!(found(&doctor(&*source)), [], "{object}: {}", path.display());
            let map = format!("stream={{{object}.tenantId}}/{{streamId}}");
            is_said(&*Asked::map("stream=.streamId").open(&path), &path, &format!(".{object}.tenantId"), &map);
        }
        for path in Twins::of(without(records, "version")).all() {
            assert_eq!(listed(&*opened(&path)).len(), 4, "{object}, counted: {}", path.display());
        }
    }
    // A company that an event is about is no tenant: here the same three events stand twice.
    let mut records = Vec::new();
    for (version, company) in [(1, "a"), (1, "b"), (2, "b"), (2, "b"), (3, "b"), (3, "c")] {
        records.push(json!({"streamId": "o-1", "version": version, "type": "T", "data": {"company": company}}));
    }
    for path in Twins::of(records).all() {
        assert_eq!(listed(&*opened(&path)).len(), 1, "{}", path.display());
    }
}

#[test]
fn a_tenant_in_json_that_is_text_is_named() {
    let mut records = within(of_tenants(&[("acme", 3), ("zeta", 3)], 2), "data");
    records.iter_mut().for_each(|record| record["data"] = Value::from(record["data"].to_string()));
    let twins = Twins::of(records);
    for path in [twins.lines(), twins.array()] {
        is_said(&*opened(&path), &path, ".data.tenantId", "");
    }
}

#[test]
fn a_long_name_is_a_tenant_too() {
    let (a, z) = (format!("a{}", "x".repeat(300)), format!("z{}", "x".repeat(300)));
    for path in Twins::of(of_tenants(&[(&a, 3), (&z, 3)], 2)).all() {
        let source = opened(&path);
        let expected = [&a, &a, &z, &z].into_iter().zip([1, 2, 1, 2]).map(|(t, n)| format!("{t}/{n}: 1T1 2T2 3T3"));
        assert_eq!(streams(&*source), expected.collect::<Vec<_>>(), "{}", path.display());
        assert_eq!(found(&doctor(&*source)), []);
    }
    // Longer than what is kept of a value of the sample.
    let (a, z) = (format!("a{}", "x".repeat(3000)), format!("z{}", "x".repeat(3000)));
    for path in Twins::of(of_tenants(&[(&a, 3), (&z, 3)], 2)).all() {
        is_said(&*opened(&path), &path, ".tenantId", "stream={tenantId}/{streamId}");
    }
}

#[test]
fn what_comes_late_is_told_apart_or_said() {
    let late = of_tenants(&[("acme", 150), ("zeta", 3)], 2);
    for object in ["data", "metadata"] {
        for path in Twins::of(within(late.clone(), object)).all() {
            let source = opened(&path);
            let names: Vec<String> = streams(&*source).iter().map(|told| told[..6].to_owned()).collect();
            assert_eq!(names[2..], ["zeta/1", "zeta/2"], "{object}: {}", path.display());
            assert_eq!(found(&doctor(&*source)), [], "{object}: {}", path.display());
        }
    }
    // Of numbers that are drawn for each type, another type's are told apart.
    let mut types = late.clone();
    for record in &mut types {
        let tenant = record.as_object_mut().unwrap().remove("tenantId").unwrap();
        record["aggregateType"] = if tenant == "acme" { "Order".into() } else { "Invoice".into() };
    }
    for path in Twins::of(types.clone()).all() {
        let source = opened(&path);
        let names: Vec<String> = categories(&*source).into_iter().map(|(name, _)| name).collect();
        // Of a table the last rows are looked at too.
        let whole = names == ["Invoice/1", "Invoice/2", "Order/1", "Order/2"];
        assert!(whole || names == ["1", "2", "Invoice/1", "Invoice/2"], "{}: {names:?}", path.display());
        assert_eq!(found(&doctor(&*source)), [], "{}", path.display());
    }
    // Of other names nobody can know it before the end; and no sample has a field that comes later.
    for record in &mut types {
        record["streamId"] = format!("s-{}", record["streamId"].as_str().unwrap()).into();
    }
    let twins = Twins::of(types);
    for path in [twins.lines(), twins.array()] {
        is_said(&*opened(&path), &path, ".aggregateType", "stream={aggregateType}/{streamId}");
    }
    let mut fields = late;
    for record in &mut fields {
        if record["tenantId"] == "acme" {
            record.as_object_mut().unwrap().remove("tenantId");
        }
    }
    let twins = Twins::of(fields);
    for path in [twins.lines(), twins.array()] {
        is_said(&*opened(&path), &path, ".tenantId", "stream={tenantId}/{streamId}");
        assert_eq!(listed(&*Asked::map("stream={tenantId}/{streamId}").open(&path)).len(), 4, "{}", path.display());
    }
}

#[test]
fn a_map_that_folds_tenants_of_a_known_format_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, line: &dyn Fn(u64, &str) -> String| {
        let mut lines = String::new();
        for version in 1..=3 {
            for tenant in ["acme", "zeta"] {
                let _ = writeln!(lines, "{}", line(version, tenant));
            }
        }
        fs::write(folder.path().join(name), lines).unwrap();
        folder.path().join(name)
    };
    let kcat = write("kcat.jsonl", &|n, tenant| {
        format!(
            r#"{{"topic":"o","partition":0,"offset":{n},"ts":1,"key":"k","payload":"{{\"tenantId\":\"{tenant}\",\"id\":7,\"v\":{n},\"type\":\"T\"}}"}}"#
        )
    });
    let cloud = write("ce.jsonl", &|n, tenant| {
        format!(
            r#"{{"specversion":"1.0","id":"{tenant}{n}","source":"/s","type":"T","subject":"7","tenantid":"{tenant}","data":{{"v":{n}}}}}"#
        )
    });
    let debezium = write("debezium.jsonl", &|n, tenant| {
        format!(
            r#"{{"before":null,"after":{{"stream_id":7,"version":{n},"type":"T","tenant":"{tenant}","data":{{}}}},"source":{{"lsn":{n}}},"op":"c","ts_ms":1}}"#
        )
    });
    for (path, map, field, composed) in [
        (&kcat, "stream=.payload.id,version=.payload.v", ".payload.tenantId", "stream={payload.tenantId}/{payload.id}"),
        (&cloud, "stream=.subject,version=.data.v", ".tenantid", "stream={tenantid}/{subject}"),
        (&debezium, "stream=.stream_id", ".tenant", "stream={tenant}/{stream_id}"),
    ] {
        is_said(&*Asked::map(map).open(path), path, field, composed);
        let version = map.split_once(',').map(|(_, version)| format!(",{version}")).unwrap_or_default();
        let parted = Asked::map(&format!("{composed}{version}")).open(path);
        let names = ["acme/7: 1T 2T 3T", "zeta/7: 1T 2T 3T"];
        assert_eq!(streams(&*parted), names, "{}", path.display());
    }
}

#[test]
fn a_tenant_is_known_by_the_name_of_its_object_or_header() {
    let put = |at: &str, tenant: &Value| match at {
        "data" => json!({"data": {"tenant": {"id": tenant}}}),
        "metadata" => json!({"data": {}, "metadata": {"tenant": {"id": tenant}}}),
        _ => json!({"data": {}, "metadata": {"x-tenant-id": tenant}}),
    };
    for at in ["data", "metadata", "header"] {
        let mut records = of_tenants(&[("acme", 3), ("zeta", 3)], 2);
        for record in &mut records {
            let tenant = record.as_object_mut().unwrap().remove("tenantId").unwrap();
            for (name, value) in put(at, &tenant).as_object().unwrap() {
                record[name] = value.clone();
            }
        }
        for path in Twins::of(records).all() {
            let source = opened(&path);
            assert_eq!(streams(&*source), FOUR, "{at}: {}", path.display());
            assert_eq!(found(&doctor(&*source)), [], "{at}: {}", path.display());
        }
    }
}

#[test]
fn tenants_that_share_the_versions_of_a_stream_are_said() {
    let event = |n: u64| json!({"tenantId": if n.is_multiple_of(2) { "a" } else { "b" }, "streamId": "cart", "version": n, "type": "T", "data": {}});
    for path in Twins::of((1..=8).map(event).collect()).all() {
        let source = opened(&path);
        assert_eq!(listed(&*source).len(), 1, "{}", path.display());
        is_said(&*source, &path, ".tenantId", "stream={tenantId}/{streamId}");
    }
}

#[test]
fn a_map_that_is_proposed_folds_nothing() {
    let mut records = Vec::new();
    for version in 1..=3 {
        for (kind, id) in [("order", 1), ("order", 2), ("invoice", 1), ("invoice", 2)] {
            records.push(json!({"kind": kind, "id": id, "v": version, "name": format!("E{version}"), "payload": {}}));
        }
    }
    let twins = Twins::of(records);
    let path = twins.lines();
    let failure = open(path.to_str().unwrap(), &OpenOptions::default()).map(|_| ()).unwrap_err().to_string();
    let (_, map) = failure.split_once("--map '").unwrap();
    let (map, _) = map.split_once('\'').unwrap();
    let source = Asked::map(map).open(&path);
    let names = ["invoice/1", "invoice/2", "order/1", "order/2"].map(|name| format!("{name}: 1E1 2E2 3E3"));
    assert_eq!(streams(&*source), names, "{map}");
}

#[test]
fn the_type_of_a_payload_is_what_happened() {
    let mut records = Vec::new();
    for version in 0..3 {
        for (kind, id) in [("Order", 1), ("Order", 2), ("Invoice", 1), ("Invoice", 2)] {
            records.push(json!({
                "globalIndex": records.len() + 1, "aggregateIdentifier": id, "sequenceNumber": version, "type": kind,
                "payloadType": format!("E{version}"), "payload": {},
            }));
        }
    }
    let twins = Twins::of(records);
    for path in [twins.lines(), twins.array(), twins.csv()] {
        let names = ["Invoice/1", "Invoice/2", "Order/1", "Order/2"].map(|name| format!("{name}: 0E0 1E1 2E2"));
        let source = opened(&path);
        assert_eq!(streams(&*source), names, "{}", path.display());
        // No name says that the type is a part of the stream.
        assert_eq!(found(&doctor(&*source)), [(Kind::DoubtfulKey, 1)], "{}", path.display());
    }
}
