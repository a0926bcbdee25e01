//! Which stream, which version, which order: told right from what stands in a file, in every format alike.

mod doubts;
mod folded;
mod keys;
mod maps;
mod order;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Map, Value, json};
use stepback::domain::report::{Kind, Report};
use stepback::domain::{About, Cancel, EventQuery, FailureKind, Scope, StreamSummary};
use stepback::session::doctor::{Questions, examine};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

const A: &str = "5a1e0000-0000-4000-8000-00000000000a";
const B: &str = "5a1e0000-0000-4000-8000-00000000000b";
const C: &str = "5a1e0000-0000-4000-8000-00000000000c";

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// How a file is opened, as on the command line.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    map: Option<&'a str>,
    layout: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn map(map: &'a str) -> Self {
        Self { map: Some(map), ..Self::default() }
    }

    fn layout(layout: &'a str) -> Self {
        Self { layout: Some(layout), ..Self::default() }
    }

    fn open(self, path: &Path) -> Arc<dyn Source> {
        let options = OpenOptions {
            map: self.map.map(str::to_owned),
            layout: self.layout.map(Into::into),
            ..OpenOptions::default()
        };
        let source = open(path.to_str().unwrap(), &options).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        source
    }
}

fn opened(path: &Path) -> Arc<dyn Source> {
    Asked::default().open(path)
}

fn listed(source: &dyn Source) -> Vec<StreamSummary> {
    source.streams(0, usize::MAX).unwrap().streams
}

/// Every stream with the versions and types of its events, sorted by its name.
fn streams(source: &dyn Source) -> Vec<String> {
    let mut told: Vec<String> = listed(source)
        .iter()
        .map(|stream| {
            let query = EventQuery::first(Scope::Stream(stream.stream.clone()), usize::MAX);
            let events = source.events(&query, &Cancel::default()).unwrap().events;
            let events = events.iter().map(|event| format!("{}{}", event.version, event.event_type));
            format!("{}: {}", stream.stream, events.collect::<Vec<_>>().join(" "))
        })
        .collect();
    told.sort();
    told
}

fn categories(source: &dyn Source) -> Vec<(String, String)> {
    let category = |stream: &StreamSummary| (stream.stream.to_string(), stream.stream.category().to_owned());
    let mut categories: Vec<_> = listed(source).iter().map(category).collect();
    categories.sort();
    categories
}

fn doctor(source: &dyn Source) -> Report {
    examine(source, None, &Questions::default(), &Cancel::default(), &mut |_, _, _| ()).unwrap()
}

fn found(report: &Report) -> Vec<(Kind, u64)> {
    report.findings.iter().map(|finding| (finding.kind, finding.count)).collect()
}

fn skipped(report: &Report, what: &str) -> Option<String> {
    report.checks.iter().find(|check| check.what == what).unwrap().skipped.clone()
}

fn caveat(about: &About, part: &str) -> String {
    let found = about.caveats.iter().find(|caveat| caveat.contains(part));
    found.unwrap_or_else(|| panic!("no `{part}` in {:#?}", about.caveats)).to_string()
}

/// The same records in every format a table or a list of objects can have.
struct Twins {
    folder: tempfile::TempDir,
    records: Vec<Map<String, Value>>,
}

impl Twins {
    fn of_lines(path: &str) -> Self {
        let text = fs::read_to_string(corpus(path)).unwrap();
        Self::of(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    fn of(records: Vec<Value>) -> Self {
        let records = records.into_iter().map(|record| record.as_object().unwrap().clone()).collect();
        Self { folder: tempfile::tempdir().unwrap(), records }
    }

    fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for key in self.records.iter().flat_map(Map::keys) {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
        columns
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lines(&self) -> PathBuf {
        let lines = self.records.iter().map(|record| format!("{}\n", Value::from(record.clone())));
        fs::write(self.path("dump.jsonl"), lines.collect::<String>()).unwrap();
        self.path("dump.jsonl")
    }

    fn array(&self) -> PathBuf {
        let records: Vec<Value> = self.records.iter().cloned().map(Value::from).collect();
        fs::write(self.path("dump.json"), serde_json::to_vec_pretty(&records).unwrap()).unwrap();
        self.path("dump.json")
    }

    fn csv(&self) -> PathBuf {
        let columns = self.columns();
        let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let mut text = columns.join(",");
        for record in &self.records {
            let cells = columns.iter().map(|column| match record.get(column) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => quoted(text.clone()),
                Some(other) => quoted(other.to_string()),
            });
            let _ = write!(text, "\n{}", cells.collect::<Vec<_>>().join(","));
        }
        fs::write(self.path("dump.csv"), text).unwrap();
        self.path("dump.csv")
    }

    fn sqlite(&self, constraint: &str) -> PathBuf {
        let path = self.path("dump.sqlite");
        let _ = fs::remove_file(&path);
        let connection = Connection::open(&path).unwrap();
        let columns = self.columns();
        let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        connection.execute_batch(&format!("CREATE TABLE event_log({}{constraint})", names.join(", "))).unwrap();
        for record in &self.records {
            let cells = columns.iter().map(|column| match record.get(column) {
                None | Some(Value::Null) => "NULL".to_owned(),
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::String(text)) => format!("'{}'", text.replace('\'', "''")),
                Some(other) => format!("'{}'", other.to_string().replace('\'', "''")),
            });
            let values = cells.collect::<Vec<_>>().join(", ");
            connection.execute_batch(&format!("INSERT INTO event_log VALUES({values})")).unwrap();
        }
        path
    }

    /// A dump with this constraint behind the rows, as PostgreSQL writes it.
    fn dump(&self, constraint: &str) -> PathBuf {
        let columns = self.columns();
        let mut text = "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.event_log (\n".to_owned();
        let declared: Vec<String> = columns.iter().map(|column| format!("    \"{column}\" text")).collect();
        let _ = write!(
            text,
            "{}\n);\n\n\nCOPY public.event_log (\"{}\") FROM stdin;\n",
            declared.join(",\n"),
            columns.join("\", \"")
        );
        for record in &self.records {
            let cells = columns.iter().map(|column| match record.get(column) {
                None | Some(Value::Null) => "\\N".to_owned(),
                Some(Value::String(text)) => text.replace('\\', "\\\\"),
                Some(other) => other.to_string().replace('\\', "\\\\"),
            });
            let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("\t"));
        }
        let _ = write!(text, "\\.\n\n\n{constraint}\n\n--\n-- PostgreSQL database dump complete\n--\n");
        fs::write(self.path("dump.sql"), text).unwrap();
        self.path("dump.sql")
    }

    fn all(&self) -> Vec<PathBuf> {
        vec![self.lines(), self.array(), self.csv(), self.sqlite(""), self.dump("")]
    }
}

#[test]
fn the_type_and_the_number_of_an_aggregate_are_its_stream() {
    let twins = Twins::of_lines("minimal/type-and-id.jsonl");
    for path in twins.all().iter().chain(&[corpus("minimal/type-and-id.jsonl")]) {
        let source = opened(path);
        assert_eq!(streams(&*source), ["Account/7: 1Opened 2Closed", "Order/7: 1Placed"], "{}", path.display());
        let about = source.about();
        assert_eq!(about.key.clone().unwrap().parts, ["aggregateType", "aggregateId"]);
        assert!(caveat(&about, "aggregateType").contains("`--map stream=.aggregateId`"), "how to choose");
        let pair = |name: &str, category: &str| (name.to_owned(), category.to_owned());
        assert_eq!(categories(&*source), [pair("Account/7", "Account"), pair("Order/7", "Order")]);
        let of_category = EventQuery::first(Scope::Category("Account".into()), 9);
        assert_eq!(source.events(&of_category, &Cancel::default()).unwrap().total, 2);
        assert_eq!(found(&doctor(&*source)), []);
        // Whoever wants it otherwise gets it.
        let narrow = Asked::map("stream=.aggregateId").open(path);
        assert_eq!(streams(&*narrow), ["7: 1Opened 1Placed 2Closed"], "{}", path.display());
        assert_eq!(found(&doctor(&*narrow)), [(Kind::DuplicateVersions, 1), (Kind::DoubtfulKey, 1)]);
    }
    let twins = Twins::of_lines("field/47-type-and-number-ids.jsonl");
    for path in twins.all() {
        let source = opened(&path);
        let names: Vec<String> = categories(&*source).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Customer/1", "Customer/2", "Order/1", "Order/2", "Order/3"], "{}", path.display());
        assert_eq!(found(&doctor(&*source)), []);
    }
}

#[test]
fn tenants_are_never_one() {
    let mut expected = Vec::new();
    for tenant in ["acme", "zeta"] {
        expected.push(format!("{tenant}/{A}: 1OrderPlaced 2CouponApplied 3PaymentReceived 4OrderShipped"));
        expected.push(format!("{tenant}/{B}: 1OrderPlaced 2OrderCancelled"));
    }
    expected.push(format!("acme/{C}: 1OrderPlaced 2LineAdded 3PaymentReceived"));
    expected.sort();
    let source = opened(&corpus("field/28-tenants.pg.sql"));
    assert_eq!(streams(&*source), expected);
    assert_eq!(source.about().key.unwrap().parts, ["tenant_id", "stream_id"]);
    let report = doctor(&*source);
    assert_eq!((found(&report), skipped(&report, "versions"), skipped(&report, "positions")), (vec![], None, None));
}

/// Events of streams that tenants share, the second one from a place on; `null` is no tenant.
fn of_tenants(tenants: &[(&str, u64)], streams: u64) -> Vec<Value> {
    let mut records = Vec::new();
    for (tenant, versions) in tenants {
        for version in 1..=*versions {
            for stream in 1..=streams {
                let tenant = if tenant.is_empty() { Value::Null } else { Value::from(*tenant) };
                records.push(json!({
                    "seq": records.len() + 1, "tenantId": tenant, "streamId": stream.to_string(), "version": version,
                    "type": format!("T{version}"), "data": {"n": records.len()},
                }));
            }
        }
    }
    records
}

#[test]
fn names_are_composed_as_they_are_mapped_in_every_format() {
    let twins = Twins::of(of_tenants(&[("a/b", 2), ("a", 1), ("", 1)], 2));
    for path in twins.all() {
        let source = Asked::map("stream={tenantId}/{streamId}").open(&path);
        let all = ["/1: 1T1", "/2: 1T1", "a%2Fb/1: 1T1 2T2", "a%2Fb/2: 1T1 2T2", "a/1: 1T1", "a/2: 1T1"];
        assert_eq!(streams(&*source), all, "{}", path.display());
        let key = source.about().key.unwrap();
        assert_eq!(key.parts_of("a%2Fb/1"), Some(vec!["a/b".into(), "1".into()]));
        let dashed = Asked::map("stream={.type}-{.streamId},version=.version").open(&path);
        assert!(streams(&*dashed).contains(&"T2-1: 2T2".to_owned()), "{}", path.display());
        assert_eq!(dashed.about().key, None, "only what is joined with / comes apart again");
    }
    for (map, why) in [("stream={a", "not closed"), ("stream=a}", "closes nothing"), ("stream={}", "names no field")] {
        let options = OpenOptions { map: Some(map.into()), ..OpenOptions::default() };
        let failure = open(twins.lines().to_str().unwrap(), &options).map(|_| ()).unwrap_err();
        assert!(failure.kind == FailureKind::Usage && failure.why.contains(why), "{failure}");
    }
}

#[test]
fn a_tenant_that_comes_late_is_told_apart() {
    // The first one fills every sample.
    let twins = Twins::of(of_tenants(&[("acme", 20), ("zeta", 3)], 40));
    for path in twins.all() {
        let source = opened(&path);
        let names: BTreeSet<String> = listed(&*source).iter().map(|stream| stream.stream.to_string()).collect();
        let expected = (1..=40).flat_map(|stream| [stream.to_string(), format!("zeta/{stream}")]).collect();
        assert_eq!(names, expected, "{}", path.display());
        assert!(streams(&*source).contains(&"zeta/7: 1T1 2T2 3T3".to_owned()));
        assert_eq!(found(&doctor(&*source)), [], "{}", path.display());
        let reasons = source.about().reasons;
        assert!(reasons.iter().any(|reason| reason.contains("tenantId is not `acme`")), "{reasons:?}");
        // What is no part of all names is not lost from those events.
        let first = source.events(&EventQuery::first(Scope::All, 1), &Cancel::default()).unwrap();
        let fields = first.events[0].fields.text().into_owned();
        assert!(fields.contains("acme"), "{fields}");
        let source = Asked::map("stream={tenantId}/{streamId}").open(&path);
        assert_eq!((listed(&*source).len(), found(&doctor(&*source))), (80, vec![]));
    }
    // A constraint says it outright, however late.
    let unique =
        "ALTER TABLE ONLY public.event_log\n    ADD CONSTRAINT k UNIQUE (\"tenantId\", \"streamId\", version);";
    let index = "CREATE UNIQUE INDEX k ON public.event_log USING btree (\"streamId\", version, \"tenantId\");";
    let table = ", UNIQUE(tenantId, streamId, version)";
    for path in [twins.dump(unique), twins.dump(index), twins.sqlite(table)] {
        let source = opened(&path);
        assert_eq!((listed(&*source).len(), found(&doctor(&*source))), (80, vec![]), "{}", path.display());
        assert!(!source.about().caveats.iter().any(|caveat| caveat.contains("streams are")), "nothing to choose");
    }
}

#[test]
fn what_has_no_tenant_is_none_of_a_tenants() {
    for tenants in [&[("", 20), ("zeta", 3)][..], &[("", 2), ("zeta", 3)]] {
        let twins = Twins::of(of_tenants(tenants, 20));
        for path in twins.all() {
            let source = opened(&path);
            assert_eq!((listed(&*source).len(), found(&doctor(&*source))), (40, vec![]), "{}", path.display());
            assert!(streams(&*source).contains(&"zeta/7: 1T1 2T2 3T3".to_owned()), "{}", path.display());
        }
    }
}

/// A faultless history of nine streams that are woven into each other.
fn woven() -> Vec<Value> {
    let kinds = ["Opened", "Paid", "Closed"];
    (0..99)
        .map(|number| {
            json!({
                "position": number + 1, "stream_id": format!("order-{}", number % 9), "version": number / 9 + 1,
                "event_id": format!("e{number:03}"), "event_type": kinds[number / 9 % 3],
                "recorded_at": format!("2025-03-04T08:{:02}:{:02}Z", number / 60, number % 60), "data": {"n": number},
            })
        })
        .collect()
}

#[test]
fn one_position_or_id_that_stands_twice_is_the_stores_own() {
    let mut records = woven();
    records[50]["position"] = records[49]["position"].clone();
    for path in Twins::of(records).all() {
        let source = opened(&path);
        assert!(!source.about().counts_positions, "{}: {:?}", path.display(), source.about().caveats);
        let found = found(&doctor(&*source));
        assert!(found.contains(&(Kind::DuplicatePositions, 1)), "{}: {found:?}", path.display());
    }
    let mut records = woven();
    records[50]["event_id"] = records[4]["event_id"].clone();
    for path in Twins::of(records).all() {
        let found = found(&doctor(&*opened(&path)));
        assert_eq!(found, [(Kind::DuplicateIds, 1)], "{}", path.display());
    }
    // A number of the whole store is none of a stream, whether one stands twice or not.
    let mut records = woven();
    for record in &mut records {
        record.as_object_mut().unwrap().remove("version");
    }
    records[50]["position"] = records[49]["position"].clone();
    for path in Twins::of(records).all() {
        let source = opened(&path);
        assert!(!source.about().counts_positions, "{}: {:?}", path.display(), source.about().reasons);
        let found = found(&doctor(&*source));
        let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
        assert!(kinds.contains(&Kind::DuplicatePositions) && !kinds.contains(&Kind::VersionGaps), "{found:?}");
    }
}

#[test]
fn a_file_that_is_there_twice_is_told_as_it_is() {
    let mut records = woven();
    records.extend(woven());
    for path in Twins::of(records).all() {
        let source = opened(&path);
        let all = source.events(&EventQuery::first(Scope::All, 1000), &Cancel::default()).unwrap().events;
        let mut ids: Vec<String> = all.iter().map(|event| event.id.as_deref().unwrap_or_default().into()).collect();
        ids.sort();
        let expected: Vec<String> = (0..198).map(|at| format!("e{:03}", at / 2)).collect();
        assert_eq!(ids, expected, "{}", path.display());
        let found = found(&doctor(&*source));
        for kind in [Kind::DuplicateVersions, Kind::DuplicatePositions, Kind::DuplicateIds] {
            assert!(found.contains(&(kind, 99)), "{}: {found:?}", path.display());
        }
    }
}

#[test]
fn a_constraint_can_say_that_a_stream_is_one_field() {
    let records: Vec<Value> = (1..=6)
        .map(|n| json!({"tenantId": format!("t{}", n % 2), "streamId": n % 3, "version": n, "type": "T", "data": {}}))
        .collect();
    let twins = Twins::of(records);
    let source = opened(&twins.sqlite(", UNIQUE(streamId, version)"));
    assert_eq!(listed(&*source).len(), 3, "{:#?}", source.about().reasons);
}

#[test]
fn one_duplicated_or_missing_version_is_the_stores_own() {
    let twins = Twins::of_lines("field/46-one-duplicate-version.jsonl");
    let expected = [
        format!("{A}: 1OrderPlaced 2CouponApplied 3PaymentReceived 3PaymentReceived 4OrderShipped"),
        format!("{B}: 1OrderPlaced 2OrderCancelled"),
        format!("{C}: 1OrderPlaced 2LineAdded 3PaymentReceived"),
    ];
    for path in twins.all() {
        let source = opened(&path);
        assert_eq!(streams(&*source), expected, "{}", path.display());
        let report = doctor(&*source);
        assert_eq!((found(&report), skipped(&report, "versions")), (vec![(Kind::DuplicateVersions, 1)], None));
    }
    let event = |stream: &str, version: u64| json!({"streamId": stream, "version": version, "type": "T", "data": {}});
    for (versions, finding) in [(&[1, 2, 2][..], Kind::DuplicateVersions), (&[1, 2, 4], Kind::VersionGaps)] {
        let mut records: Vec<Value> = versions.iter().map(|&version| event("a", version)).collect();
        records.extend((1..=3).map(|version| event("b", version)));
        for path in Twins::of(records).all() {
            let source = opened(&path);
            let kept: Vec<String> = versions.iter().map(|version| format!("{version}T")).collect();
            assert_eq!(streams(&*source)[0], format!("a: {}", kept.join(" ")), "{}", path.display());
            assert_eq!(found(&doctor(&*source)), [(finding, 1)], "{}", path.display());
        }
    }
}

#[test]
fn the_version_of_a_schema_is_none_of_a_stream() {
    let source = opened(&corpus("field/60-related-entity-id.pg.sql"));
    let expected = [
        format!("{A}: 1OrderPlaced 2CouponApplied 3PaymentReceived 4OrderShipped"),
        format!("{B}: 1OrderPlaced 2OrderCancelled"),
        format!("{C}: 1OrderPlaced 2LineAdded 3PaymentReceived"),
    ];
    assert_eq!(streams(&*source), expected);
    let report = doctor(&*source);
    assert_eq!(found(&report), []);
    assert!(skipped(&report, "versions").unwrap().contains("counted here"), "what stepback counts proves nothing");
}

#[test]
fn a_number_that_never_repeats_is_a_position() {
    for path in Twins::of_lines("minimal/global-seq-as-version.jsonl").all() {
        let source = opened(&path);
        assert_eq!(streams(&*source), ["a: 1T 2T 3T 4T", "b: 1T 2T"], "{}", path.display());
        let page = source.events(&EventQuery::first(Scope::All, 9), &Cancel::default()).unwrap();
        let positions: Vec<String> = page.events.iter().map(|event| event.position.to_string()).collect();
        assert_eq!(positions, ["1", "2", "3", "4", "5", "6"]);
        let about = source.about();
        assert_eq!((about.counted_versions, about.counts_positions), (6, false));
        let report = doctor(&*source);
        assert_eq!((found(&report), skipped(&report, "positions")), (vec![], None), "{}", path.display());
        assert!(skipped(&report, "versions").is_some());
    }
    // Whatever it is called.
    let event = |n: u64| json!({"streamId": format!("s{}", n % 3), "eventNumber": n + 40, "type": "T", "data": {}});
    let source = opened(&Twins::of((1..=30).map(event).collect()).lines());
    assert_eq!(listed(&*source)[0].last_version.0, 10);
    assert!(source.about().reasons.iter().any(|reason| reason.starts_with("position = .eventNumber")));
}

#[test]
fn rows_whose_versions_repeat_stay_as_the_store_gives_them() {
    let by_version = Asked::map("version=.version");
    let source = by_version.open(&corpus("minimal/repeated-versions-order.sqlite"));
    assert_eq!(streams(&*source), ["a: 1A1 2A2 1X1 2X2"]);
    let event = |version: u64, event_type: &str| json!({"stream_id": "a", "version": version, "event_type": event_type, "payload": {}});
    let records = vec![event(1, "A1"), event(2, "A2"), event(1, "X1"), event(2, "X2")];
    for path in Twins::of(records).all() {
        let source = by_version.open(&path);
        assert_eq!(streams(&*source), ["a: 1A1 2A2 1X1 2X2"], "{}", path.display());
        caveat(&source.about(), "versions go back or repeat: it is shown as the store has it");
    }
    // Rows that only lie in another order have one of their own.
    let records = vec![event(2, "A2"), event(1, "A1"), event(3, "A3")];
    let source = opened(&Twins::of(records).sqlite(""));
    assert_eq!(streams(&*source), ["a: 1A1 2A2 3A3"]);
    caveat(&source.about(), "each stream by its versions");
}

#[test]
fn a_range_of_times_is_from_the_earliest_to_the_latest() {
    let event = |version: u64, time: Option<&str>| json!({"streamId": "a", "version": version, "type": "T", "timestamp": time, "data": {}});
    let (eight, nine) = ("2025-03-01T08:00:00Z", "2025-03-01T09:00:00Z");
    let first_missing = [None, Some(eight), Some(nine)];
    let turned = [Some(nine), Some(eight), None];
    for times in [first_missing, turned] {
        let records = times.iter().zip(1..).map(|(time, version)| event(version, *time)).collect();
        for path in Twins::of(records).all() {
            let stream = &listed(&*opened(&path))[0];
            let range = [stream.first_time, stream.last_time].map(|time| time.unwrap().to_string());
            assert_eq!(range, [eight, nine], "{}", path.display());
        }
    }
    let stream = &listed(&*opened(&corpus("minimal/first-time-missing.jsonl")))[0];
    let range = [stream.first_time, stream.last_time].map(|time| time.unwrap().to_string());
    assert_eq!(range, [eight, nine]);
}

#[test]
fn tables_of_one_shape_are_one_store() {
    let path = corpus("field/29-table-per-aggregate.pg.sql");
    let source = opened(&path);
    let expected = [
        format!("order_events/{A}: 1OrderPlaced 2CouponApplied 3OrderShipped"),
        format!("order_events/{B}: 1OrderPlaced 2OrderCancelled"),
        format!("order_events/{C}: 1OrderPlaced 2LineAdded"),
        format!("payment_events/{A}: 1PaymentReceived"),
        format!("payment_events/{C}: 1PaymentReceived"),
    ];
    assert_eq!(streams(&*source), expected);
    assert_eq!(categories(&*source)[0].1, "order_events");
    assert_eq!(found(&doctor(&*source)), []);
    // Across tables the times tell the order.
    let page = source.events(&EventQuery::first(Scope::All, 99), &Cancel::default()).unwrap();
    assert!(page.events.is_sorted_by_key(|event| event.time));
    let one = Asked::layout("generic:payment_events").open(&path);
    assert_eq!(streams(&*one), [format!("{A}: 1PaymentReceived"), format!("{C}: 1PaymentReceived")]);
}

#[test]
fn a_table_of_events_that_is_left_out_is_told_of_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE order_events(stream_id text, version int, event_type text, payload text);
             INSERT INTO order_events VALUES('a', 1, 'T', '{}'), ('a', 2, 'T', '{}'), ('b', 1, 'T', '{}');
             CREATE TABLE payment_events(aggregate_id text, revision int, kind text, body text);
             INSERT INTO payment_events VALUES('p', 1, 'Paid', '{}'), ('p', 2, 'Paid', '{}');
             CREATE TABLE order_events_backup AS SELECT * FROM order_events;",
        )
        .unwrap();
    drop(connection);
    let source = opened(&path);
    assert_eq!(streams(&*source), ["a: 1T 2T", "b: 1T"], "a copy is no part of the store");
    let about = source.about();
    let left_out: Vec<_> =
        about.left_out.iter().map(|left| (left.name.as_str(), left.rows, left.choose.as_str())).collect();
    assert_eq!(
        left_out,
        [
            ("payment_events", Some(2), "--layout generic:payment_events"),
            ("order_events_backup", Some(3), "--layout generic:order_events_backup")
        ]
    );
    assert!(caveat(&about, "`payment_events`").contains("2 rows"));
    let report = doctor(&*source);
    assert_eq!(found(&report), [(Kind::LeftOut, 2)]);
    assert!(report.is_wrong());
    let other = Asked::layout("generic:payment_events").open(&path);
    assert_eq!(streams(&*other), ["p: 1Paid 2Paid"]);
}
