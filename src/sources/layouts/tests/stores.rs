//! One store or more of every layout.

use super::*;
use crate::domain::{Form, NoteKind};

const A: &str = "2f61396f-5670-44f4-99d0-0f3cf997a501";
const B: &str = "2f61396f-5670-44f4-99d0-0f3cf997a502";
const C: &str = "2f61396f-5670-44f4-99d0-0f3cf997a503";

fn is_read_as(source: &dyn Source, layout: &str) {
    let about = source.about();
    assert_eq!(about.layout.as_deref(), Some(layout), "{:#?}", about.candidates);
}

const MESSAGES: &str = "global_position bigint, position bigint, time timestamp without time zone, \
    stream_name character varying, type character varying, data jsonb, metadata jsonb, id uuid";

fn message_db() -> Store {
    Store::default().table(
        "message_store.messages",
        MESSAGES,
        &[
            &format!(r#"3 | 1 | 2025-01-01 00:00:02.5 | account-1 | Deposited | {{"n": 18446744073709551615}} | {{"causationMessageStreamName": "account:command-1", "causationMessagePosition": 0, "correlationStreamName": "order-7"}} | {A}"#),
            &format!(r#"1 | 0 | 2025-01-01 00:00:00 | account-1 | Opened | {{}} | \N | {B}"#),
            r#"7 | 0 | 2025-01-01 00:00:03 | account:command-1 | Deposit | \N | \N | 2f61396f-5670-44f4-99d0-0f3cf997a504"#,
            r#"8 | 0 | 2025-01-01 00:00:03 | account:snapshot-1 | Recorded | {"entityData": {"balance": 5}, "entityVersion": 1} | {} | 2f61396f-5670-44f4-99d0-0f3cf997a505"#,
            r#"9 | 0 | 2025-01-01 00:00:03 | account:position-mailer | Recorded | {"position": 3} | {} | 2f61396f-5670-44f4-99d0-0f3cf997a506"#,
        ],
    )
}

#[test]
fn message_db_is_in_the_order_of_its_positions() {
    for store in [message_db(), message_db().untyped()] {
        let source = store.open();
        is_read_as(&*source, "message-db");
        assert_eq!(
            all(&*source),
            [
                "account-1/0@1 Opened {}",
                r#"account-1/1@3 Deposited {"n": 18446744073709551615}"#,
                "account:command-1/0@7 Deposit ",
                r#"account:snapshot-1/0@8 Recorded {"entityData": {"balance": 5}, "entityVersion": 1}"#,
                r#"account:position-mailer/0@9 Recorded {"position": 3}"#,
            ]
        );
        let events = events(&*source, Scope::All);
        assert_eq!(events[1].causation.as_deref(), Some("account:command-1/0"));
        assert_eq!(events[1].correlation.as_deref(), Some("order-7"));
        assert_eq!(events[1].time.unwrap().to_string(), "2025-01-01T00:00:02.5Z");
        assert_eq!((events[2].data.form(), events[0].metadata.form()), (Form::Absent, Form::Absent));
        assert_eq!(
            streams(&*source),
            [
                "account-1 domain",
                "account:command-1 commands",
                "account:snapshot-1 snapshots",
                "account:position-mailer system"
            ]
        );
        assert_eq!(snapshots(&*source), [r#"account-1/1 {"balance": 5}"#]);
        let about = source.about();
        assert_eq!(about.first_version, Some(0));
        assert!(about.normal.iter().any(|(finding, _)| finding == "position-gaps"));
        assert!(
            about.mapping.contains(&("stream".into(), "message_store.messages.stream_name".into())),
            "{:?}",
            about.mapping
        );
    }
}

#[test]
fn emmett_in_postgresql_is_in_the_order_of_its_transactions() {
    let source = Store::default()
        .table(
            "emt_messages",
            "stream_position bigint, global_position bigint, transaction_id xid8, created timestamp with time zone, \
             is_archived boolean, message_kind character varying(1), stream_id text, partition text, \
             message_schema_version text, message_id text, message_type text, message_data jsonb, message_metadata jsonb",
            &[
                &format!(r#"1 | 2 | 900 | 2025-01-01 00:00:00+00 | f | E | order-1 | emt:default | 1 | {A} | Placed | {{"total": "26000000000000000078"}} | {{"correlationId": "c1"}}"#),
                &format!(r#"2 | 1 | 901 | 2025-01-01 00:00:00+00 | f | E | order-1 | emt:default | 1 | {B} | Paid | {{}} | {{}}"#),
                &format!(r#"1 | 3 | 902 | 2025-01-01 00:00:01+00 | t | E | order-2 | emt:default | 1 | {C} | Placed | {{}} | {{}}"#),
            ],
        )
        .table(
            "emt_streams",
            "stream_id text, stream_position bigint, partition text, stream_type text, stream_metadata jsonb, is_archived boolean",
            &["order-1 | 2 | emt:default | order | {} | f", "order-2 | 1 | emt:default | order | {} | t"],
        )
        .open();
    is_read_as(&*source, "emmett-postgresql");
    assert_eq!(
        all(&*source),
        [
            r#"order-1/1@2 Placed {"total": "26000000000000000078"}"#,
            "order-1/2@1 Paid {}",
            "order-2/1@3 Placed {} [archived]"
        ]
    );
    assert_eq!(declared(&*source), ["order-1/2", "order-2/1 archived"]);
}

#[test]
fn emmett_in_sqlite_takes_no_heed_of_its_partitions() {
    let source = Store::default()
        .table(
            "emt_messages",
            "stream_id text, stream_position bigint, partition text, message_kind char(1), message_data jsonb, \
             message_metadata jsonb, message_schema_version text, message_type text, message_id text, is_archived boolean, \
             global_position integer, created datetime",
            &[&format!(r#"order-1 | #1 | emt:default | E | {{"a":1}} | {{"correlationId":"c"}} | 0 | Placed | {A} | #0 | #1 | 2025-01-01 00:00:00"#)],
        )
        .table(
            "emt_streams",
            "stream_id text, stream_position bigint, partition text, stream_type text, stream_metadata jsonb, is_archived boolean",
            &["order-1 | #1 | [object Object] | order | [] | #0"],
        )
        .table("emt_processors", "processor_id text, version integer", &[])
        .open();
    is_read_as(&*source, "emmett-sqlite");
    assert_eq!(all(&*source), [r#"order-1/1@1 Placed {"a":1}"#]);
    let beside: Vec<_> =
        source.about().beside.into_iter().map(|beside| format!("{} {}", beside.name, beside.role)).collect();
    assert_eq!(beside, ["emt_streams streams", "emt_processors book-keeping"]);
}

#[test]
fn python_eventsourcing_keeps_its_uuids_without_dashes() {
    let rows = [
        r#"2f61396f567044f499d00f3cf997a501 | #1 | shop.domain:Order.Placed | 0x7b22616d6f756e74223a20312c202274696d657374616d70223a207b225f747970655f223a20226461746574696d655f69736f222c20225f646174615f223a2022323032352d30312d30315430303a30303a30302b30303a3030227d7d"#,
        "2f61396f567044f499d00f3cf997a501 | #2 | shop.domain:Order.Paid | 0x8f3a11c0ffee00d1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6",
    ];
    let columns = "originator_id text, originator_version integer, topic text, state blob";
    let source = Store::default()
        .table("stored_events", columns, &rows)
        .table(
            "stored_snapshots",
            columns,
            &["2f61396f567044f499d00f3cf997a501 | #2 | eventsourcing.domain:Snapshot | 0x7b7d"],
        )
        .table("tracking", "application_name text, notification_id integer", &[])
        .open();
    is_read_as(&*source, "eventsourcing-python");
    let events = events(&*source, Scope::All);
    assert_eq!(events[0].stream.as_str(), A);
    assert_eq!((events[0].position.to_string(), events[1].position.to_string()), ("1".into(), "2".into()));
    assert_eq!(events[0].time.unwrap().to_string(), "2025-01-01T00:00:00Z");
    assert_eq!(events[0].data.form(), Form::Json);
    // It cannot be read, and is shown nevertheless.
    assert_eq!(events[1].data.form(), Form::Opaque);
    assert!(events[1].trouble.is_none() && events[1].data.encoding().unwrap().contains("encrypted"));
    assert_eq!(snapshots(&*source), [format!("{A}/2 {{}}")]);
    // In PostgreSQL the tables are called after the application.
    let source = Store::default()
        .table(
            "shop_snapshots",
            "originator_id uuid, originator_version bigint, topic text, state bytea",
            &[&format!(r"{A} | 1 | t | \x7b7d")],
        )
        .table(
            "shop_events",
            "originator_id uuid, originator_version bigint, topic text, state bytea, notification_id bigint",
            &[&format!(r"{A} | 2 | m:Paid | \x7b7d | 7"), &format!(r"{A} | 1 | m:Placed | \x7b7d | 5")],
        )
        .open();
    is_read_as(&*source, "eventsourcing-python");
    assert_eq!(all(&*source), [format!("{A}/1@5 m:Placed {{}}"), format!("{A}/2@7 m:Paid {{}}")]);
}

#[test]
fn tags_are_streams_where_there_are_none() {
    let source = Store::default()
        .table(
            "shop_events",
            "id bigint, type text, data bytea, tags text[]",
            &[
                r#"2 | Paid | \x7b2261223a317d | {order:1,"customer:a b"}"#,
                r"1 | Placed | \x7b7d | {order:1}",
                r"3 | Ticked | \x7b7d | {}",
            ],
        )
        .table("shop_tags", "tag text, main_id bigint", &["order:1 | 1", "order:1 | 2", "customer:a b | 2"])
        .open();
    is_read_as(&*source, "eventsourcing-python-dcb");
    assert_eq!(all(&*source), ["order:1/1@1 Placed {}", r#"order:1/2@2 Paid {"a":1}"#, "(no tags)/1@3 Ticked {}"]);
    assert_eq!(stream(&*source, "customer:a b"), [r#"customer:a b/1@2 Paid {"a":1} [link to 2 of order:1]"#]);
}

const MARTEN: &str = "seq_id bigint, id uuid, stream_id uuid, version bigint, data jsonb, type character varying(500), \
    timestamp timestamp with time zone, tenant_id character varying, mt_dotnet_type character varying, \
    correlation_id character varying, causation_id character varying, headers jsonb, is_archived boolean";

#[test]
fn marten_says_what_is_archived_and_whose_it_is() {
    let source = Store::default()
        .table(
            "shop.mt_events",
            MARTEN,
            &[
                &format!(r#"9 | {A} | {B} | 2 | {{"a": 1}} | order_paid | 2025-01-01 00:00:01.123456+01 | *DEFAULT* | Shop.OrderPaid, Shop | c | d | {{"h": 1}} | f"#),
                &format!(r#"4 | {B} | {B} | 1 | {{}} | order_placed | 2025-01-01 00:00:00+01 | *DEFAULT* | Shop.OrderPlaced, Shop | \N | \N | \N | t"#),
                &format!(r#"5 | {C} | {B} | 1 | {{}} | order_placed | 2025-01-01 00:00:00+01 | acme | Shop.OrderPlaced, Shop | \N | \N | \N | f"#),
            ],
        )
        .table(
            "shop.mt_streams",
            "id uuid, type character varying, version bigint, timestamp timestamp with time zone, snapshot jsonb, \
             snapshot_version integer, created timestamp with time zone, tenant_id character varying, is_archived boolean",
            &[&format!(r#"{B} | order | 1 | 2025-01-01 | {{"paid": true}} | 2 | 2025-01-01 | *DEFAULT* | f"#),
              &format!(r#"{B} | order | 1 | 2025-01-01 | {{"paid": false}} | 1 | 2025-01-01 | acme | f"#)],
        )
        .table("shop.mt_event_progression", "name character varying, last_seq_id bigint", &["HighWaterMark | 9"])
        .table("shop.mt_doc_invoice", "id uuid, data jsonb", &[])
        .table("wolverine_incoming_envelopes", "id uuid, status text, body bytea", &[])
        .open();
    is_read_as(&*source, "marten");
    assert_eq!(
        all(&*source),
        [
            format!("{B}/1@4 order_placed {{}} [archived]"),
            format!("acme/{B}/1@5 order_placed {{}}"),
            format!(r#"{B}/2@9 order_paid {{"a": 1}}"#)
        ]
    );
    let last = &events(&*source, Scope::All)[2];
    assert_eq!((last.correlation.as_deref(), last.causation.as_deref()), (Some("c"), Some("d")));
    assert_eq!(last.time.unwrap().to_string(), "2024-12-31T23:00:01.123456Z");
    assert_eq!(declared(&*source), [format!("{B}/1"), format!("acme/{B}/1")]);
    let (own, of_acme) = (format!(r#"{B}/2 {{"paid": true}}"#), format!(r#"acme/{B}/1 {{"paid": false}}"#));
    assert_eq!(snapshots(&*source), [own, of_acme]);
    let roles: Vec<_> = source.about().beside.into_iter().map(|beside| beside.role).collect();
    assert_eq!(roles, ["streams", "projections", "projections", "queue"]);
}

fn commanded(events: &[&str], members: &[&str], streams: &[&str]) -> Store {
    Store::default()
        .table(
            "events",
            "event_id uuid, event_type text, causation_id uuid, correlation_id uuid, data bytea, metadata bytea, \
             created_at timestamp with time zone",
            events,
        )
        .table("streams", "stream_id bigint, stream_uuid text, stream_version bigint, created_at timestamp with time zone, deleted_at timestamp with time zone", streams)
        .table(
            "stream_events",
            "event_id uuid, stream_id bigint, stream_version bigint, original_stream_id bigint, original_stream_version bigint",
            members,
        )
        .table("snapshots", "source_uuid text, source_version bigint, source_type text, data bytea, metadata bytea", &[
            r#""manager"-"x" | 1 | Elixir.M | \x7b2273223a317d | \N"#,
        ])
}

#[test]
fn commanded_loses_no_event_outside_its_global_order() {
    let source = commanded(
        &[
            &format!(r"{C} | Elixir.Shop.Paid | {A} | {B} | \x7b2261223a327d | \x7b7d | 2025-01-01 00:00:03+00"),
            &format!(r"{A} | Elixir.Shop.Placed | \N | {B} | \x7b2261223a317d | \x7b7d | 2025-01-01 00:00:01+00"),
            // In no row of stream 0, and later by the clock than what follows it in its stream.
            &format!(r"{B} | Elixir.Shop.Packed | \N | {B} | \x836400026f6b | \x7b7d | 2025-01-01 00:00:09+00"),
        ],
        &[
            &format!("{A} | 0 | 2 | 1 | 1"),
            &format!("{C} | 0 | 3 | 1 | 3"),
            &format!("{A} | 1 | 1 | 1 | 1"),
            &format!("{B} | 1 | 2 | 1 | 2"),
            &format!("{C} | 1 | 3 | 1 | 3"),
            &format!("{C} | 2 | 1 | 1 | 3"),
            "2f61396f-5670-44f4-99d0-0f3cf997a5ff | 2 | 2 | 1 | 4",
        ],
        &[
            r"0 | $all | 3 | 2025-01-01 | \N",
            r"1 | order-1-archived-17 | 3 | 2025-01-01 | 2025-02-01 00:00:00+00",
            r"2 | payments | 2 | 2025-01-01 | \N",
        ],
    )
    .open();
    is_read_as(&*source, "commanded");
    let found = events(&*source, Scope::All);
    let order = "order-1-archived-17";
    assert_eq!(
        short(&found),
        [
            format!(r#"{order}/1@2 Shop.Placed {{"a":1}} [its stream is deleted]"#),
            format!("{order}/2@2 Shop.Packed 0x836400026f6b [not in $all] [its stream is deleted]"),
            format!(r#"{order}/3@3 Shop.Paid {{"a":2}} [its stream is deleted]"#),
        ]
        .map(|line| line.replace("/2@2", &format!("/2@{}", found[1].position)))
    );
    assert!(found[1].has(NoteKind::Outside) && found[1].data.encoding().unwrap().contains("Erlang"));
    assert_eq!(found[2].causation.as_deref(), Some(A));
    let links = events(&*source, Scope::Stream("payments".into()));
    assert_eq!(short(&links)[0], format!(r#"payments/1@3 Shop.Paid {{"a":2}} [link to 3 of {order}]"#));
    assert!(links[1].has(NoteKind::BrokenLink));
    assert_eq!(streams(&*source), [format!("{order} domain"), "payments links".into()]);
    let about = source.about();
    assert!(about.caveats.iter().any(|caveat| caveat.starts_with("1 event outside `$all`")), "{:?}", about.caveats);
    assert_eq!(declared(&*source), [format!("{order}/3 deleted"), "payments/2".into()]);
    assert_eq!(snapshots(&*source), [r#""manager"-"x"/1 {"s":1}"#]);
}

#[test]
fn axon_keeps_its_payloads_anywhere() {
    let columns = "global_index bigint, event_identifier character varying(255), meta_data oid, payload oid, \
        payload_revision character varying(255), payload_type character varying(255), time_stamp character varying(255), \
        aggregate_identifier character varying(255), sequence_number bigint, type character varying(255)";
    let source = Store::default()
        .table(
            "domain_event_entry",
            columns,
            &[
                &format!(r"50 | {B} | 18 | 17 | \N | com.shop.Paid | 2025-01-01T00:00:01.5Z | order-1 | 1 | Order"),
                &format!(r"1 | {A} | 16 | 15 | \N | com.shop.Placed | 2025-01-01T00:00:00Z | order-1 | 0 | Order"),
            ],
        )
        .large_object(15, b"<com.shop.Placed/>")
        .large_object(16, b"{}")
        .large_object(17, br#"{"a":1}"#)
        .large_object(18, br#"{"traceId":"t","correlationId":"m"}"#)
        .open();
    is_read_as(&*source, "axon");
    assert_eq!(
        all(&*source),
        ["order-1/0@1 com.shop.Placed <com.shop.Placed/>", r#"order-1/1@50 com.shop.Paid {"a":1}"#]
    );
    let paid = &events(&*source, Scope::All)[1];
    assert_eq!((paid.correlation.as_deref(), paid.causation.as_deref()), (Some("t"), Some("m")));
    // JDBC writes the names in one word.
    let source = Store::default()
        .table(
            "domainevententry",
            "globalindex bigint, aggregateidentifier varchar(255), sequencenumber bigint, type varchar(255), \
             eventidentifier varchar(255), metadata bytea, payload bytea, payloadrevision varchar(255), \
             payloadtype varchar(255), timestamp varchar(255)",
            &[&format!(
                r"1 | order-1 | 0 | Order | {A} | \x7b7d | \x7b7d | \N | com.shop.Placed | 2025-01-01T00:00:00Z"
            )],
        )
        .open();
    is_read_as(&*source, "axon");
    assert_eq!(all(&*source), ["order-1/0@1 com.shop.Placed {}"]);
}

#[test]
fn axon_5_may_have_no_aggregate() {
    let source = Store::default()
        .table(
            "aggregate_event_entry",
            "global_index bigint, aggregate_type varchar(255), aggregate_identifier varchar(255), \
             aggregate_sequence_number bigint, type varchar(255), version varchar(255), timestamp varchar(255), \
             payload bytea, metadata bytea, identifier varchar(255)",
            &[
                &format!(
                    r"1 | Order | order-1 | 0 | shop.Placed | 0.0.1 | 2025-01-01T00:00:00Z | \x7b7d | \x7b7d | {A}"
                ),
                &format!(r"2 | \N | \N | \N | shop.Ticked | 0.0.1 | 2025-01-01T00:00:00Z | \x7b7d | \x7b7d | {B}"),
            ],
        )
        .open();
    is_read_as(&*source, "axon-5");
    assert_eq!(all(&*source), ["order-1/0@1 shop.Placed {}", "(no aggregate)/1@2 shop.Ticked {}"]);
    assert!(source.about().caveats.iter().any(|caveat| caveat.contains("1 event without a stream")));
}

#[test]
fn rails_event_store_has_one_event_in_many_streams() {
    let source = Store::default()
        .table(
            "event_store_events",
            "id bigint, event_id uuid, event_type varchar, metadata bytea, data bytea, created_at timestamp(6), valid_at timestamp(6)",
            &[
                &format!(r#"1 | {A} | Placed | {{"correlation_id":"c","causation_id":"d"}} | {{"a":1}} | 2025-01-01 00:00:00.000001 | \N"#),
                &format!(r#"3 | {B} | Paid | {{}} | {{}} | 2025-01-01 00:00:01 | 2024-12-01 00:00:00"#),
                &format!(r#"4 | {C} | Ticked | {{}} | {{}} | 2025-01-01 00:00:02 | \N"#),
            ],
        )
        .table(
            "event_store_events_in_streams",
            "id bigint, stream varchar, position integer, event_id uuid, created_at timestamp(6)",
            &[
                &format!(r"1 | $by_type_Placed | \N | {A} | 2025-01-01"),
                &format!(r"2 | Order$1 | \N | {A} | 2025-01-01"),
                &format!(r"3 | Order$1 | \N | {B} | 2025-01-01"),
            ],
        )
        .open();
    is_read_as(&*source, "rails-event-store");
    assert_eq!(
        all(&*source),
        [
            r#"Order$1/0@1 Placed {"a":1}"#,
            "Order$1/1@3 Paid {} [valid at another time than it was stored: 2024-12-01 00:00:00]",
            "(no stream)/0@4 Ticked {}"
        ]
    );
    assert_eq!(stream(&*source, "$by_type_Placed"), [r#"$by_type_Placed/0@1 Placed {"a":1} [link to 0 of Order$1]"#]);
    assert_eq!(events(&*source, Scope::All)[0].correlation.as_deref(), Some("c"));
    assert!(streams(&*source).contains(&"$by_type_Placed links".to_owned()));
}

#[test]
fn cqrs_es_is_ordered_by_versions_within_streams_only() {
    let source = Store::default()
        .table(
            "events",
            "aggregate_type text, aggregate_id text, sequence bigint, event_type text, event_version text, payload json, metadata json",
            &[
                r#"account | a | 2 | Closed | 1.0 | "AccountClosed" | {}"#,
                r#"account | b | 1 | Opened | 1.0 | {"Opened":{}} | {"time":"2025-01-01T00:00:00Z","correlation_id":"c"}"#,
                r#"account | a | 1 | Opened | 1.0 | {"Opened":{"n":1}} | {}"#,
            ],
        )
        .table(
            "snapshots",
            "aggregate_type text, aggregate_id text, last_sequence bigint, current_snapshot bigint, payload json",
            &[r#"account | a | 2 | 1 | {"n":1}"#],
        )
        .open();
    is_read_as(&*source, "cqrs-es");
    assert_eq!(
        all(&*source),
        [
            r#"account-a/1@1 Opened {"Opened":{"n":1}}"#,
            r#"account-b/1@2 Opened {"Opened":{}}"#,
            r#"account-a/2@3 Closed "AccountClosed""#
        ]
    );
    assert_eq!(snapshots(&*source), [r#"account-a/2 {"n":1}"#]);
    let about = source.about();
    assert!(about.caveats.iter().any(|caveat| caveat.contains("no global order")), "{:?}", about.caveats);
    assert!(about.counts_positions);
    assert!(about.caveats.iter().any(|caveat| caveat.contains("2 events without a time")), "{:?}", about.caveats);
}

#[test]
fn akka_says_by_numbers_how_payloads_are_encoded() {
    let columns = "ordering bigint, persistence_id varchar(255), sequence_number bigint, deleted boolean, writer varchar(255), \
        write_timestamp bigint, adapter_manifest varchar(255), event_ser_id integer, event_ser_manifest varchar(255), \
        event_payload bytea, meta_ser_id integer, meta_ser_manifest varchar(255), meta_payload bytea";
    let source = Store::default()
        .table(
            "event_journal",
            columns,
            &[
                r"5 | Order\x7c1 | 1 | f | w | 1735689600123 | | 31 | Placed | \x7b7d | \N | \N | \N",
                r"9 | Order\x7c1 | 2 | t | w | 1735689601123 | | 4711 | | \x0801 | \N | \N | \N",
                r"7 | Order\x7c2 | 1 | f | w | 1735689601123 | | 33 | Paid | \xbf616101ff | \N | \N | \N",
            ],
        )
        .open();
    is_read_as(&*source, "akka");
    let found = events(&*source, Scope::All);
    assert_eq!(found[0].time.unwrap().to_string(), "2025-01-01T00:00:00.123Z");
    assert_eq!(found[1].data.encoding(), Some("CBOR"));
    assert_eq!(found[1].data.text(), r#"{"a":1}"#);
    assert_eq!((&*found[2].event_type, found[2].has(NoteKind::Deleted)), ("(serializer 4711)", true));
}

#[test]
fn eventuous_and_sql_stream_store_name_their_streams_elsewhere() {
    let source = Store::default()
        .table(
            "eventuous.messages",
            "message_id uuid, message_type varchar, stream_id integer, stream_position integer, global_position bigint, \
             json_data jsonb, json_metadata jsonb, created timestamp",
            &[&format!(r#"{A} | V1.Paid | 7 | 0 | 3 | {{"a": 1}} | {{"eventuous.correlation-id": "c", "eventuous.causation-id": "d"}} | 2025-01-01"#)],
        )
        .table("eventuous.streams", "stream_name varchar, stream_id integer, version integer", &["Order-1 | 7 | 0"])
        .table("eventuous.checkpoints", "id varchar, position bigint", &[])
        .open();
    is_read_as(&*source, "eventuous");
    assert!(!source.about().counts_positions);
    assert_eq!(all(&*source), [r#"Order-1/0@3 V1.Paid {"a": 1}"#]);
    assert_eq!(events(&*source, Scope::All)[0].correlation.as_deref(), Some("c"));
    assert_eq!(declared(&*source), ["Order-1/0"]);

    // SQL Server writes its names in words without a line between.
    let source = Store::default()
        .table(
            "dbo.Messages",
            "StreamIdInternal int, StreamVersion int, Position bigint, Id uniqueidentifier, Created datetime, Type nvarchar(128), \
             JsonData nvarchar(max), JsonMetadata nvarchar(max)",
            &[
                &format!(r"1 | 1 | 1 | {B} | 2025-01-01 | Paid | {{}} | \N"),
                &format!(r"1 | 0 | 0 | {A} | 2025-01-01 | Placed | {{}} | {{}}"),
                &format!(r"2 | 0 | 2 | {C} | 2025-01-01 | $stream-metadata | {{}} | {{}}"),
            ],
        )
        .table(
            "dbo.Streams",
            "Id char(42), IdOriginal nvarchar(1000), IdInternal int, Version int, Position bigint, MaxAge int, MaxCount int",
            &[r"aaaa | order-1 | 1 | 1 | 1 | \N | 1", r"bbbb | $$order-1 | 2 | 0 | 2 | \N | \N"],
        )
        .open();
    is_read_as(&*source, "sql-stream-store");
    assert_eq!(
        all(&*source),
        [
            "order-1/0@0 Placed {} [hidden by the stream's limit of 1]",
            "order-1/1@1 Paid {}",
            "$$order-1/0@2 $stream-metadata {}"
        ]
    );
    assert_eq!(streams(&*source), ["order-1 domain", "$$order-1 system"]);
}

#[test]
fn what_sql_stream_store_shows_no_longer_is_noted_by_the_time_of_the_newest_event() {
    let message = |stream: u32, version: u32, position: u32, time: &str| {
        format!(r"{stream} | {version} | {position} | {A} | 2025-01-01 {time} | Placed | {{}} | \N")
    };
    let rows = [
        message(1, 0, 0, "10:00:00"),
        message(2, 0, 1, "10:00:00"),
        message(1, 1, 2, "10:00:30.5"),
        message(1, 2, 3, "10:00:31"),
        message(2, 1, 4, "10:01:30.7"),
    ];
    let source = Store::default()
        .table(
            "messages",
            "stream_id_internal int, stream_version int, position bigint, message_id uuid, created_utc timestamp, \
             type varchar, json_data varchar, json_metadata varchar",
            &rows.each_ref().map(String::as_str),
        )
        .table(
            "streams",
            "id char(42), id_original varchar, id_internal int, version int, position bigint, max_age int, max_count int",
            &[r"aaaa | short-1 | 1 | 2 | 3 | 60 | \N", r"bbbb | long-1 | 2 | 1 | 4 | \N | \N"],
        )
        .open();
    is_read_as(&*source, "sql-stream-store");
    let note = "[expired: its stream keeps events for 60 s]";
    assert_eq!(
        all(&*source),
        [
            format!("short-1/0@0 Placed {{}} {note}"),
            "long-1/0@1 Placed {}".into(),
            // Half a second more than what is known to have passed.
            "short-1/1@2 Placed {}".into(),
            "short-1/2@3 Placed {}".into(),
            "long-1/1@4 Placed {}".into(),
        ]
    );
    assert!(source.about().caveats.iter().any(|caveat| caveat.starts_with("1 event older than their streams keep")));
}

#[test]
fn prooph_has_a_table_for_each_of_its_streams() {
    let columns =
        "no bigint, event_id uuid, event_name varchar(100), payload json, metadata jsonb, created_at timestamp(6)";
    let source = Store::default()
        .table(
            "event_streams",
            "no bigint, real_stream_name varchar(150), stream_name char(41), metadata jsonb, category varchar(150)",
            &[r"1 | order_stream | _b1b3773a05c0ed0176787a4f1574ff0075f7521e | [] | \N"],
        )
        .table(
            "_b1b3773a05c0ed0176787a4f1574ff0075f7521e",
            columns,
            &[
                &format!(r#"2 | {B} | App\Paid | {{}} | {{"_aggregate_id": "{C}", "_aggregate_version": 2, "_causation_id": "{A}"}} | 2025-01-01 00:00:02"#),
                &format!(r#"1 | {A} | App\Placed | {{"a": 1}} | {{"_aggregate_id": "{C}", "_aggregate_version": 1}} | 2025-01-01 00:00:00"#),
            ],
        )
        .table(
            "_da39a3ee5e6b4b0d3255bfef95601890afd80709",
            columns,
            &["1 | 2f61396f-5670-44f4-99d0-0f3cf997a509 | Ticked | {} | {} | 2025-01-01 00:00:01"],
        )
        .table("projections", "no bigint, name varchar(150), position jsonb, state jsonb", &[])
        .open();
    is_read_as(&*source, "prooph");
    assert_eq!(
        all(&*source),
        [
            format!(r#"{C}/1@1 App\Placed {{"a": 1}}"#),
            "_da39a3ee5e6b4b0d3255bfef95601890afd80709/1@1 Ticked {}".into(),
            format!(r"{C}/2@2 App\Paid {{}}"),
        ]
    );
    assert_eq!(events(&*source, Scope::All)[2].causation.as_deref(), Some(A));
}

#[test]
fn eventsauce_is_told_by_the_headers_in_its_payload() {
    let payload = |kind: &str| {
        format!(
            r#"{{"headers":{{"__event_type":"app.{kind}","__time_of_recording":"2025-01-01 00:00:00.000000+0000"}},"payload":{{"kind":"{kind}"}}}}"#
        )
    };
    let source = Store::default()
        .table(
            "domain_messages",
            "id bigint unsigned, event_id binary(16), aggregate_root_id binary(16), version int unsigned, payload text",
            &[
                &format!(
                    "#2 | 0x2f61396f567044f499d00f3cf997a502 | 0x2f61396f567044f499d00f3cf997a501 | #2 | {}",
                    payload("paid")
                ),
                &format!(
                    "#1 | 0x2f61396f567044f499d00f3cf997a503 | 0x2f61396f567044f499d00f3cf997a501 | #1 | {}",
                    payload("placed")
                ),
            ],
        )
        .open();
    is_read_as(&*source, "eventsauce");
    assert_eq!(
        all(&*source),
        [format!(r#"{A}/1@1 app.placed {{"kind":"placed"}}"#), format!(r#"{A}/2@2 app.paid {{"kind":"paid"}}"#)]
    );
    let first = &events(&*source, Scope::All)[0];
    assert_eq!(first.id.as_deref(), Some(C));
    assert_eq!(first.time.unwrap().to_string(), "2025-01-01T00:00:00Z");
    assert!(first.metadata.text().contains("__event_type"));
}

#[test]
fn spatie_may_have_no_aggregate() {
    let source = Store::default()
        .table(
            "stored_events",
            "id bigint unsigned, aggregate_uuid char(36), aggregate_version bigint unsigned, event_version int, \
             event_class varchar(255), event_properties json, meta_data json, created_at timestamp",
            &[
                &format!(r#"#1 | {A} | #1 | #1 | App\Placed | {{"a":1}} | {{}} | 2025-01-01 00:00:00"#),
                r#"#2 | \N | \N | #1 | App\Ticked | {} | {} | 2025-01-01 00:00:00"#,
            ],
        )
        .table(
            "snapshots",
            "id bigint, aggregate_uuid char(36), aggregate_version bigint, state json, created_at timestamp",
            &[&format!(r#"#1 | {A} | #1 | {{"s":1}} | 2025-01-01"#)],
        )
        .open();
    is_read_as(&*source, "spatie");
    assert_eq!(all(&*source), [format!(r#"{A}/1@1 App\Placed {{"a":1}}"#), r"(no aggregate)/1@2 App\Ticked {}".into()]);
    assert_eq!(snapshots(&*source), [format!(r#"{A}/1 {{"s":1}}"#)]);
}

#[test]
fn sequent_names_its_types_elsewhere() {
    let source = Store::default()
        .table(
            "events",
            "aggregate_id uuid, partition_key text, sequence_number integer, created_at timestamp with time zone, \
             command_id bigint, event_type_id smallint, event_json jsonb, xact_id bigint",
            &[
                &format!(r#"{A} | k | 2 | 2025-01-01 00:00:01+00 | 9 | 2 | {{}} | 800"#),
                &format!(r#"{A} | k | 1 | 2025-01-01 00:00:00+00 | 9 | 1 | {{"a": 1}} | 799"#),
                &format!(r#"{B} | k | 1 | 2024-01-01 00:00:00+00 | 9 | 1 | {{}} | \N"#),
            ],
        )
        .table("event_types", "id smallint, type text", &["1 | Placed", "2 | Paid"])
        .table("aggregates", "aggregate_id uuid, aggregate_type_id smallint", &[&format!("{A} | 1")])
        .table("commands", "id bigint, command_json jsonb", &[])
        .open();
    is_read_as(&*source, "sequent");
    let short: Vec<String> = all(&*source);
    assert_eq!(short.len(), 3);
    assert!(short[0].starts_with(&format!("{B}/1@")) && short[0].ends_with("Placed {}"), "{short:?}");
    assert!(short[1].ends_with(r#"Placed {"a": 1}"#) && short[2].ends_with("Paid {}"), "{short:?}");

    let source = Store::default()
        .table(
            "event_records",
            "id bigint, aggregate_id uuid, sequence_number integer, created_at timestamp, event_type varchar, event_json text",
            &[&format!(r#"5 | {A} | 1 | 2025-01-01 | Placed | {{"a":1}}"#)],
        )
        .table("stream_records", "aggregate_id uuid, aggregate_type varchar", &[&format!("{A} | Order")])
        .open();
    is_read_as(&*source, "sequent-7");
    assert_eq!(all(&*source), [format!(r#"{A}/1@5 Placed {{"a":1}}"#)]);
}

#[test]
fn every_identifier_of_disintegrate_is_a_stream() {
    let source = Store::default()
        .table(
            "event",
            "event_id bigint, event_type varchar, payload bytea, inserted_at timestamp, cart_id varchar, user_id varchar, __epoch_id bigint",
            &[
                r"4 | ItemAdded | \x7b2261223a317d | 2025-01-01 | c1 | u1 | 1",
                r"2 | CartOpened | \x7b7d | 2025-01-01 | c1 | \N | 1",
            ],
        )
        .table("event_listener", "id varchar, last_processed_event_id bigint", &[])
        .open();
    is_read_as(&*source, "disintegrate");
    assert_eq!(all(&*source), ["cart_id-c1/1@2 CartOpened {}", r#"cart_id-c1/2@4 ItemAdded {"a":1}"#]);
    assert_eq!(stream(&*source, "user_id-u1"), [r#"user_id-u1/1@4 ItemAdded {"a":1} [link to 2 of cart_id-c1]"#]);
}

#[test]
fn castore_and_acuris_are_told_apart() {
    let source = Store::default()
        .table(
            "event",
            "id bigint, aggregate_name text, aggregate_id text, version integer, type text, data jsonb, metadata jsonb, timestamp timestamptz",
            &[r#"1 | ORDERS | o1 | 1 | PLACED | \N | \N | 2025-01-01 00:00:00+00"#],
        )
        .open();
    is_read_as(&*source, "castore");
    assert_eq!(all(&*source), ["ORDERS-o1/1@1 PLACED "]);
    let source = Store::default()
        .table(
            "eventstore.event",
            "position bigint, stream_category text, stream_id text, event_number integer, event_type text, \
             timestamp timestamptz, data jsonb, metadata jsonb",
            &[r#"1 | order | o1 | 0 | Placed | {} | {} | 2025-01-01 00:00:00+00"#],
        )
        .open();
    // The columns lie in another order there: what counts are their names.
    is_read_as(&*source, "acuris");
}
