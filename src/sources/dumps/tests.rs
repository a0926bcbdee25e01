//! Dumps as byte texts, one for every trap that naive readers fall into.

use std::io::{Cursor, Write};
use std::ops::ControlFlow;

use super::{open_custom, open_text, reopen_text};
use crate::domain::{Failure, FailureKind};
use crate::sources::cache::told;
use crate::sources::input::Input;
use crate::sources::tables::{Cell, Database, Row, Table};

pub(super) fn opened(bytes: &[u8]) -> Result<Box<dyn Database>, Failure> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room");
    let input = Input::of_file(file, bytes.len() as u64, "test");
    let mut looked = |_, _| ControlFlow::Continue(());
    match bytes.starts_with(b"PGDMP") {
        true => open_custom(&input, &mut looked),
        false => {
            let dump = open_text(&input, &mut looked)?;
            // What is kept of a dump is as good as the dump: all that is asked here is asked of that.
            let mut front = told(|out| dump.save(out));
            let again = reopen_text(&input, &mut front, &mut looked)?.expect("what was told");
            let about = |dump: &dyn Database| (dump.kind(), dump.reasons(), dump.caveats(), dump.tables().to_vec());
            assert_eq!(about(&*again), about(&*dump));
            Ok(again)
        }
    }
}

pub(super) fn open(bytes: impl AsRef<[u8]>) -> Box<dyn Database> {
    opened(bytes.as_ref()).expect("a dump")
}

fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "∅".into(),
        Cell::Integer(number) => format!("{number}i"),
        Cell::Real(number) => format!("{number}r"),
        Cell::Text(text) => text.iter().flat_map(|&b| std::ascii::escape_default(b)).map(char::from).collect(),
        Cell::Bytes(bytes) => format!("x{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
    }
}

fn row(row: Row<'_>) -> (u64, String) {
    match row {
        Row::Cells(place, cells) => (place, cells.iter().map(shown).collect::<Vec<_>>().join("|")),
        Row::Bad(place, why) => (place, format!("! {why}")),
    }
}

pub(super) fn number(database: &dyn Database, name: &str) -> usize {
    let names: Vec<String> = database.tables().iter().map(Table::full_name).collect();
    names.iter().position(|found| found == name).unwrap_or_else(|| panic!("{name} in {names:?}"))
}

/// The rows of a table, shown; each is fetched again from its place and must be the same.
pub(super) fn rows(database: &dyn Database, name: &str) -> Vec<String> {
    let table = number(database, name);
    let mut scanned = Vec::new();
    let mut told = |found: Row<'_>| {
        scanned.push(row(found));
        ControlFlow::Continue(())
    };
    database.scan(table, &mut |_, _| ControlFlow::Continue(()), &mut told).expect("readable");
    let places: Vec<u64> = scanned.iter().rev().map(|(place, _)| *place).collect();
    let mut fetched = Vec::new();
    let mut told = |found: Row<'_>| {
        fetched.push(row(found));
        ControlFlow::Continue(())
    };
    database.fetch(table, &places, &mut told).expect("readable");
    fetched.reverse();
    assert_eq!(fetched, scanned);
    scanned.into_iter().map(|(_, row)| row).collect()
}

pub(super) fn columns(database: &dyn Database, name: &str) -> String {
    let table = &database.tables()[number(database, name)];
    table.columns.iter().map(|c| format!("{} {}", c.name, c.declared)).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_kept_of_another_dump_is_nothing() {
    let copy = "COPY public.t (a, b) FROM stdin;\n1\tone\n2\ttwo\n\\.\nINSERT INTO public.t VALUES (3, 'three');\n\
                SELECT pg_catalog.lo_open('17', 131072);\nSELECT pg_catalog.lowrite(0, '\\x6869');\n";
    let text = format!("-- PostgreSQL database dump\nCREATE TABLE public.t (a integer, b text);\n{copy}");
    let dump = open(&text);
    assert_eq!(rows(&*dump, "t"), ["1i|one", "2i|two", "3i|three"]);
    assert_eq!(dump.large_object(17).unwrap().as_deref(), Some(&b"hi"[..]));
    let of = |text: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        Input::of_file(file, text.len() as u64, "test")
    };
    let mut looked = |_, _| ControlFlow::Continue(());
    let whole = of(text.as_bytes());
    let kept = || told(|out| open_text(&whole, &mut |_, _| ControlFlow::Continue(())).unwrap().save(out));
    assert!(reopen_text(&whole, &mut kept(), &mut looked).unwrap().is_some());
    // Where the dump is shorter, what is kept leads behind its end.
    for length in [0, 60, text.len() - 1] {
        let shorter = of(&text.as_bytes()[..length]);
        assert!(reopen_text(&shorter, &mut kept(), &mut looked).unwrap().is_none() || length == text.len() - 1);
    }
    let other = of(&vec![b'x'; text.len()]);
    let other = reopen_text(&other, &mut kept(), &mut looked).unwrap().unwrap();
    assert!(rows(&*other, "t").iter().all(|row| row.starts_with('!')), "{:?}", rows(&*other, "t"));
    assert_ne!(other.large_object(17).ok().flatten().as_deref(), Some(&b"hi"[..]));
    let (blocks, _) = kept().rest();
    let all: Vec<Vec<u8>> = (0..).map_while(|number| blocks.get(number)).collect();
    for missing in 0..all.len() {
        let mut fewer = all.clone();
        fewer.remove(missing);
        let mut front = told(|out| fewer.iter().try_for_each(|block| out.block(block)));
        assert!(reopen_text(&whole, &mut front, &mut looked).unwrap().is_none(), "block {missing} of {}", all.len());
    }
}

#[test]
fn copy_unescapes_what_copy_escapes() {
    let dump = open(
        "CREATE TABLE public.t (id bigint, data bytea, note text, tags text[]);
COPY public.t (id, data, note, tags) FROM stdin;
1\t\\\\x68656c6c6f\ta\\tb\\nc\\\\d\\re\\bf\\fg\\vh\t{\"a\\\\\\\\b\",NULL}
-9223372036854775808\t\\\\x\t\t{}
9223372036854775808\t\\N\t\\N\t\\N
007\tabc\\\\000\\\\\\\\\t\\101\\x42\\q\t\\\\N
\\.

SELECT 1;
",
    );
    assert_eq!(columns(&*dump, "t"), "id bigint, data bytea, note text, tags text[]");
    assert_eq!(dump.tables()[0].rows, Some(4));
    assert_eq!(
        rows(&*dump, "t"),
        [
            r#"1i|x68656c6c6f|a\tb\nc\\d\re\x08f\x0cg\x0bh|{\"a\\\\b\",NULL}"#,
            "-9223372036854775808i|x||{}",
            "9223372036854775808|∅|∅|∅",
            r"007|x616263005c|ABq|\\N",
        ]
    );
}

#[test]
fn only_a_line_of_its_own_ends_a_copy() {
    let dump = open(
        "COPY t (a) FROM stdin;\n\\\\.\nx\\\\.\n\\.\nCOPY u (a) FROM stdin;\n\\.\nCOPY v (a) FROM stdin;\r\n1\r\n\\.\r\n",
    );
    assert_eq!(rows(&*dump, "t"), [r"\\.", r"x\\."]);
    assert_eq!(rows(&*dump, "u"), [""; 0]);
    assert_eq!(dump.tables()[1].rows, Some(0));
    assert_eq!(rows(&*dump, "v"), ["1"]);
}

#[test]
fn a_bad_row_is_one_row() {
    let dump = open("COPY t (a, b) FROM stdin;\n1\t2\nonly\n1\t2\t3\n3\t4\n\\.\n");
    let bad = |n| format!("! it has {n} values for 2 columns");
    assert_eq!(rows(&*dump, "t"), ["1|2".into(), bad(1), bad(3), "3|4".into()]);
    let dump = open(
        "CREATE TABLE t (a int, b int);\nINSERT INTO t VALUES (1, 2), (3), (4, 5, 6), (7, 8);\nINSERT INTO t VALUES (9, 10);",
    );
    assert_eq!(rows(&*dump, "t"), ["1i|2i".into(), bad(1), bad(3), "7i|8i".into(), "9i|10i".into()]);
}

#[test]
fn a_cut_dump_ends_with_an_incomplete_row() {
    let text = "--\n-- PostgreSQL database dump\n--\n\nCOPY t (a, b) FROM stdin;\n1\t2\n3\t4";
    let dump = open(text);
    assert_eq!(rows(&*dump, "t"), ["1|2", "! incomplete: the dump ends in the middle of it"]);
    assert_eq!(dump.caveats(), ["it ends in the middle of the rows of `t`: it was cut"]);
    let dump = open("--\n-- PostgreSQL database dump\n--\n\nCOPY t (a, b) FROM stdin;\n1\t2\n");
    assert_eq!(rows(&*dump, "t"), ["1|2"]);
    assert_eq!(dump.caveats(), ["it ends in the middle of the rows of `t`: it was cut"]);
    for (text, whole) in [
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y", 1),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'", 1),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), ", 1),
        ("INSERT INTO t (a, b) VALUES (1, 'x');\nINSERT INTO t (a, b) VALUES ", 1),
    ] {
        let dump = open(text);
        let found = rows(&*dump, "t");
        assert_eq!(found.len(), whole + 1, "{text}: {found:?}");
        assert!(found[whole].starts_with("! incomplete"), "{text}: {found:?}");
        assert!(dump.caveats()[0].contains("cut"), "{text}");
    }
}

#[test]
fn inserts_of_postgresql() {
    let dump = open(
        "SET standard_conforming_strings = on;
CREATE TABLE s.\"T;'(\" (id integer, b bytea, t text, ok boolean, n numeric, v bit(3), x text);
INSERT INTO s.\"T;'(\" VALUES (1, '\\x00ff', 'it''s; \\n (', true, 1.50, B'101', E'a\\nb\\'c\\u00e9\\\\') ON CONFLICT DO NOTHING;
-- (2, 'comment')
INSERT INTO s.\"T;'(\" OVERRIDING SYSTEM VALUE VALUES
\t(2, NULL, '', false, 'NaN', NULL, 'x'::text),
\t(-3, '\\x', 'tab\there
line', NULL, -1e10, '1', 'a' || 'b');
INSERT INTO s.\"T;'(\" DEFAULT VALUES;
INSERT INTO s.\"T;'(\" (t, id) VALUES ($$a$b$$, 4);
",
    );
    assert_eq!(
        rows(&*dump, "s.T;'("),
        [
            r"1i|x00ff|it\'s; \\n (|t|1.50|101|a\nb\'c\xc3\xa9\\",
            "2i|∅||f|NaN|∅|x",
            r"-3i|x|tab\there\nline|∅|-1e10|1|\'a\' || \'b\'",
            "4i|∅|$$a$b$$|∅|∅|∅|∅",
        ]
    );
}

#[test]
fn backslashes_escape_where_strings_do_not_conform() {
    let dump = open(
        "SET standard_conforming_strings = off;\nINSERT INTO t (a, b) VALUES ('a\\'); (', '\\\\x41');\nSET standard_conforming_strings = on;\nINSERT INTO t (a, b) VALUES ('c\\', 'd');\n",
    );
    assert_eq!(rows(&*dump, "t"), [r"a\'); (|\\x41", r"c\\|d"]);
}

#[test]
fn bodies_are_no_statements() {
    let dump = open(
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $body$\nINSERT INTO t VALUES (1);\nCOPY t FROM stdin;\n$body$;
CREATE FUNCTION g() RETURNS void LANGUAGE sql BEGIN ATOMIC\n INSERT INTO t VALUES (CASE WHEN true THEN 2 END);\n INSERT INTO t VALUES (3);\nEND;
CREATE RULE r AS ON DELETE TO t DO ALSO (INSERT INTO t VALUES (4); INSERT INTO t VALUES (5););
/* INSERT INTO t VALUES (6); /* nested */ INSERT INTO t VALUES (7); */
-- INSERT INTO t VALUES (8);
COMMENT ON TABLE t IS 'x; INSERT INTO t VALUES (9);';
\\echo INSERT INTO t VALUES (10);
INSERT INTO t SELECT 11;
CREATE TABLE t (a int DEFAULT 1);
INSERT INTO t VALUES (12);
",
    );
    assert_eq!(rows(&*dump, "t"), ["12i"]);
}

#[test]
fn parts_are_their_roots() {
    let dump = open(
        "CREATE TABLE public.m (a int, p text, doc text) PARTITION BY LIST (p);
CREATE TABLE public.m_x (a int, p text, doc text) PARTITION BY LIST (a);
CREATE TABLE public.m_x_1 (doc text, p text, a int);
CREATE TABLE public.m_y PARTITION OF public.m FOR VALUES IN ('y');
CREATE TABLE public.kid (own text)\nINHERITS (public.m);
ALTER TABLE ONLY public.m ATTACH PARTITION public.m_x FOR VALUES IN ('x');
ALTER TABLE ONLY public.m_x ATTACH PARTITION public.m_x_1 FOR VALUES IN (1);
COPY public.m_x_1 (doc, p, a) FROM stdin;\nd1\tx\t1\n\\.\n
INSERT INTO public.m_x_1 VALUES ('d2', 'x', 1);
INSERT INTO public.m_y VALUES (2, 'y', 'd3');
COPY public.kid (a, p, doc, own) FROM stdin;\n3\tk\td4\to\n\\.\n
COPY public.m (a, p, doc) FROM stdin;\n\\.\n",
    );
    assert_eq!(dump.tables().len(), 1);
    assert_eq!(columns(&*dump, "m"), "a int, p text, doc text, own text");
    assert_eq!(rows(&*dump, "m"), ["1i|x|d1|∅", "1i|x|d2|∅", "2i|y|d3|∅", "3i|k|d4|o"]);
}

#[test]
fn parts_in_a_circle_end() {
    let dump = open(
        "ALTER TABLE a ATTACH PARTITION b DEFAULT;\nALTER TABLE b ATTACH PARTITION a DEFAULT;\nCOPY a (x) FROM stdin;\n1\n\\.\nCREATE TABLE c (x int) INHERITS (c);\nINSERT INTO c VALUES (1);\n",
    );
    assert!(dump.tables().iter().any(|table| table.name == "c"));
}

#[test]
fn parts_known_by_name() {
    let dump = open(
        "COPY public.emt_messages_emt_default_active (stream_id, n) FROM stdin;\ns\t1\n\\.\n
COPY public.emt_messages_emt_default_archived (n, stream_id) FROM stdin;\n2\ts\n\\.\n
COPY public.emt_streams_other_active (stream_id) FROM stdin;\ns\n\\.\n
COPY public.emt_processors (id) FROM stdin;\n\\.\n
COPY app.mt_events_archived (id) FROM stdin;\n1\n\\.\n",
    );
    assert_eq!(rows(&*dump, "emt_messages"), ["s|1", "s|2"]);
    assert_eq!(rows(&*dump, "emt_streams"), ["s"]);
    assert_eq!(rows(&*dump, "app.mt_events"), ["1"]);
    assert_eq!(rows(&*dump, "emt_processors"), [""; 0]);
    assert_eq!(dump.tables().len(), 4);
    assert!(dump.caveats().iter().any(|caveat| caveat.contains("emt_messages_…")), "{:?}", dump.caveats());
}

#[test]
fn columns_without_names_are_numbered() {
    let dump = open(
        "INSERT INTO t VALUES (1, 'a', NULL);\nINSERT INTO t VALUES (2, 'b', 3);\nCOPY u FROM stdin;\nx\ty\n\\.\n",
    );
    assert_eq!(columns(&*dump, "t"), "column1 , column2 , column3 ");
    assert_eq!(rows(&*dump, "t"), ["1|a|∅", "2|b|3"]);
    assert_eq!(rows(&*dump, "u"), ["x|y"]);
    assert!(dump.caveats()[0].contains("column1"));
}

#[test]
fn databases_after_the_first_are_named() {
    let dump = open(
        "\\connect template1\nSET x = 1;\n\\connect one\nCREATE TABLE public.t (a int);\nINSERT INTO public.t VALUES (1);
\\connect -reuse-previous=on \"dbname='it''s two'\"\nCREATE TABLE public.t (a int);\nINSERT INTO public.t VALUES (2);\n",
    );
    assert_eq!(rows(&*dump, "t"), ["1i"]);
    assert_eq!(rows(&*dump, "it's two.public.t"), ["2i"]);
    let dump = open(
        "-- MySQL dump 10.13\nUSE `a`;\nINSERT INTO `t` (`x`) VALUES (1);\nUSE `b`;\nINSERT INTO `t` (`x`) VALUES (2);\n-- Dump completed\n",
    );
    assert_eq!(rows(&*dump, "t"), ["1i"]);
    assert_eq!(rows(&*dump, "b.t"), ["2i"]);
    assert_eq!(dump.caveats(), [""; 0]);
}

#[test]
fn large_objects_are_put_together() {
    let dump = open(
        "SELECT pg_catalog.lo_create('16411');
ALTER LARGE OBJECT 16411 OWNER TO postgres;
SELECT pg_catalog.lo_create('16412');
BEGIN;
SELECT pg_catalog.lo_open('16411', 131072);
SELECT pg_catalog.lowrite(0, '\\x6869');
SELECT pg_catalog.lowrite(0, '\\x2074686572');
SELECT pg_catalog.lowrite(0, '\\x65');
SELECT pg_catalog.lo_close(0);
COMMIT;
SELECT pg_catalog.lo_put('7', 0, '\\x07');
SELECT lo_from_bytea(8, '\\x08');
SELECT pg_catalog.lo_put('16411', 8, 'broken",
    );
    assert_eq!(dump.large_object(16411).expect("readable").as_deref(), Some(&b"hi there"[..]));
    assert_eq!(dump.large_object(16412).expect("readable").as_deref(), Some(&b""[..]));
    assert_eq!(dump.large_object(7).expect("readable").as_deref(), Some(&b"\x07"[..]));
    assert_eq!(dump.large_object(8).expect("readable").as_deref(), Some(&b"\x08"[..]));
    assert_eq!(dump.large_object(9).expect("readable"), None);
    assert_eq!(dump.large_object(u64::MAX).expect("readable"), None);
}

#[test]
fn rows_of_mysql() {
    let mut text = b"-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n/*!40101 SET NAMES utf8mb4 */;
/*M!999999\\- enable the sandbox mode */
DROP TABLE IF EXISTS `events`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `events` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `payload` longblob DEFAULT NULL,
  `note` varchar(255) DEFAULT NULL COMMENT 'a; ''b'' (c',
  `n` decimal(10,2), `flag` tinyint(1), `bits` bit(3),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB;
LOCK TABLES `events` WRITE;
/*!40000 ALTER TABLE `events` DISABLE KEYS */;
INSERT INTO `events` VALUES (1,0x00FF,'it\\'s \\\"q\\\" \\\\ \\n\\r\\t\\0\\Z \\% \\_ ''x''',1.50,1,b'101'),(2,_binary '"
        .to_vec();
    // As `mysqldump` writes them: only what would end or break the string is escaped.
    text.extend(b"\xff\\0\xfe\\'");
    text.extend(
        b"',NULL,-2,0,_binary '\\0'),(18446744073709551615,'raw','); --',NULL,NULL,NULL);
INSERT INTO `events` VALUES (4,'','',0,0,0x05);
/*!40000 ALTER TABLE `events` ENABLE KEYS */;
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON events FOR EACH ROW BEGIN
INSERT INTO `events` VALUES (99,'no row');
END */;;
DELIMITER ;
REPLACE INTO `events` (`note`, `id`) VALUES (\"dou\\\"ble\", 5);
# comment; INSERT INTO `events` VALUES (98,'no row');
INSERT  IGNORE INTO `events` (`id`) VALUES (6) ON DUPLICATE KEY UPDATE `id`=`id`;
-- Dump completed on 2024-01-01  0:00:00
",
    );
    let dump = open(&text);
    assert_eq!(dump.kind(), "MariaDB dump");
    assert_eq!(
        rows(&*dump, "events"),
        [
            r#"1i|x00ff|it\'s \"q\" \\ \n\r\t\x00\x1a \\% \\_ \'x\'|1.50|1i|x05"#,
            "2i|xff00fe27|∅|-2i|0i|x00",
            "18446744073709551615|x726177|); --|∅|∅|∅",
            "4i|x||0i|0i|x05",
            r#"5i|∅|dou\"ble|∅|∅|∅"#,
            "6i|∅|∅|∅|∅|∅",
        ]
    );
    assert_eq!(dump.caveats(), [""; 0]);
}

#[test]
fn rows_of_the_shell_of_sqlite() {
    let dump = open(
        "PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE events (id INTEGER PRIMARY KEY, data, \"odd name\" TEXT);
INSERT INTO events VALUES(1,X'00ff','it''s \\ \"');
INSERT INTO events VALUES(-2,1.5,replace(replace('a\\nb\\rc','\\n',char(10)),'\\r',char(13)));
INSERT INTO events VALUES(3,NULL,unistr('\\u0001\\\\x'));
INSERT INTO events VALUES(4,9.0e+999,other('x', 1));
CREATE TABLE sqlite_x(a);
CREATE TRIGGER t AFTER INSERT ON events BEGIN INSERT INTO sqlite_x VALUES(1); SELECT CASE WHEN 1 THEN 2 END; END;
CREATE TABLE \"we\"\"ird;\" (a);
INSERT INTO \"we\"\"ird;\" VALUES('(');
COMMIT;
",
    );
    assert_eq!(dump.kind(), "SQLite dump");
    assert_eq!(
        rows(&*dump, "events"),
        [r#"1i|x00ff|it\'s \\ \""#, r"-2i|1.5r|a\nb\rc", r"3i|∅|\x01\\x", r"4i|infr|other(\'x\', 1)",]
    );
    assert_eq!(rows(&*dump, "we\"ird;"), ["("]);
    assert_eq!(rows(&*dump, "sqlite_x"), [""; 0]);
}

#[test]
fn encodings_are_decoded_or_named() {
    let dump = open(b"SET client_encoding = 'LATIN1';\nCOPY t (a) FROM stdin;\nZo\xeb\n\\.\n");
    assert_eq!(rows(&*dump, "t"), [r"Zo\xc3\xab"]);
    let dump = open(b"SET client_encoding = 'EUC_JP';\nCOPY t (a) FROM stdin;\n\xc6\xfc\n\\.\n");
    assert_eq!(rows(&*dump, "t"), [r"\xc6\xfc"]);
    assert!(dump.caveats()[0].contains("EUC_JP"));
}

#[test]
fn older_dumps_find_their_schema_by_a_path() {
    let dump = open(
        "SET search_path = app, pg_catalog;\nCREATE TABLE t (a int);\nCOPY t (a) FROM stdin;\n1\n\\.\nSET search_path = public, pg_catalog;\nCOPY t (a) FROM stdin;\n2\n\\.\n",
    );
    assert_eq!(rows(&*dump, "app.t"), ["1i"]);
    assert_eq!(rows(&*dump, "t"), ["2"]);
}

#[test]
fn rows_in_another_form_are_left_out_and_said() {
    let dump = open(
        "COPY t (a, b) FROM stdin WITH (FORMAT csv);\n1,2\n\\.\nCOPY u (a) FROM stdin WITH NULL AS '\\N';\n\\N\n\\.\nCOPY (SELECT 1) TO stdout;\nCOPY t FROM '/etc/passwd';\n",
    );
    assert_eq!(rows(&*dump, "u"), ["∅"]);
    assert!(dump.caveats()[0].contains("`t` are left out"), "{:?}", dump.caveats());
}

#[test]
fn interleaved_statements_keep_their_rows() {
    let mut text = String::from("CREATE TABLE a (x int);\nCREATE TABLE b (x int);\n");
    for n in 0..50 {
        text.push_str(&format!("INSERT INTO a VALUES ({n});\nINSERT INTO b (x) VALUES ({n}), ({n});\n"));
    }
    let dump = open(&text);
    assert_eq!(rows(&*dump, "a").len(), 50);
    assert_eq!(rows(&*dump, "b").len(), 100);
}

#[test]
fn large_statements_and_rows_are_streamed() {
    // One statement of 96 MB on one line, and in it a row that is larger than rows that are read.
    let mut text = b"-- MySQL dump 10.13\nCREATE TABLE `t` (`a` longblob, `b` int);\nINSERT INTO `t` VALUES ".to_vec();
    for n in 0..1000 {
        text.extend(format!("('{}',{n}),", "x;(\\'".repeat(4000)).bytes());
    }
    text.extend(b"('");
    text.resize(text.len() + (70 << 20), b'y');
    text.extend(b"',1),('z',2);\nINSERT INTO `t` VALUES ('after',3);\n-- Dump completed\n");
    let dump = open(&text);
    let mut found = Vec::new();
    let mut told = |found_row: Row<'_>| {
        found.push(match found_row {
            Row::Cells(_, cells) => cells[1].clone() == Cell::Integer(2) || cells[1].clone() == Cell::Integer(3),
            Row::Bad(_, why) => {
                assert!(why.contains("bytes"), "{why}");
                false
            }
        });
        ControlFlow::Continue(())
    };
    dump.scan(0, &mut |_, _| ControlFlow::Continue(()), &mut told).expect("readable");
    assert_eq!(found.len(), 1003);
    assert_eq!(found[1000..], [false, true, true]);
}

#[test]
fn who_no_longer_wants_it_is_obeyed() {
    let mut text = b"COPY t (a) FROM stdin;\n".to_vec();
    for n in 0..1_000_000 {
        text.extend(format!("{n}\n").bytes());
    }
    let input = Input::of_pipe(Cursor::new(text.clone()), "test").expect("a pipe");
    let failure = open_text(&input, &mut |_, _| ControlFlow::Break(())).err().expect("cancelled");
    assert_eq!(failure.kind, FailureKind::Cancelled);
    let dump = open(&text);
    let mut told = 0;
    let mut count = |_: Row<'_>| {
        told += 1;
        if told == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    dump.scan(0, &mut |_, _| ControlFlow::Continue(()), &mut count).expect("no failure");
    assert_eq!(told, 3);
    let mut told = 0;
    let mut count = |_: Row<'_>| {
        told += 1;
        ControlFlow::Continue(())
    };
    let mut asked = 0;
    let mut looked = |done, total| {
        assert!(done <= total);
        asked += 1;
        if asked == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    dump.scan(0, &mut looked, &mut count).expect("no failure");
    assert!(told > 0 && told < 1_000_000, "{told}");
}

#[test]
fn places_where_no_row_begins_are_told() {
    let dump = open("COPY t (a) FROM stdin;\nabc\ndef\n\\.\nINSERT INTO u (a) VALUES (1);\n");
    for (table, place) in [(0, 0), (0, 24), (0, 31), (0, 1 << 46), (1, 24), (7, 1)] {
        let mut told = Vec::new();
        dump.fetch(table, &[place], &mut |found| {
            told.push(row(found));
            ControlFlow::Continue(())
        })
        .expect("readable");
        assert_eq!(told, [(place, "! no row begins here: the dump was changed".into())], "{table} {place}");
    }
}

#[test]
fn dumps_that_want_too_much_get_no_more_than_there_is() {
    // More columns than any database has.
    let names: Vec<String> = (0..100_000).map(|n| format!("c{n}")).collect();
    let dump = open(format!("COPY t ({}) FROM stdin;\nx\n1\t2\n\\.\n", names.join(", ")));
    assert!(rows(&*dump, "t").iter().all(|row| row.starts_with("! it has")));
    let declared: Vec<String> = (0..100_000).map(|n| format!("c{n} int")).collect();
    let dump = open(format!("CREATE TABLE t ({});\nINSERT INTO t VALUES (1);\n", declared.join(", ")));
    assert!(dump.tables()[0].columns.len() <= 32_767);
    assert_eq!(rows(&*dump, "t").len(), 1);
    // More values than any table has columns.
    let values = vec!["1"; 100_000].join(",");
    let dump = open(format!("INSERT INTO t VALUES ({values}), (1);\n"));
    assert!(rows(&*dump, "t").iter().any(|row| row.contains("more than 32767 values")));
    // Names, parentheses and strings without end.
    let long = "x".repeat(5 << 20);
    for text in [
        format!("CREATE TABLE \"{long}\" (a int);\nINSERT INTO \"{long}\" VALUES (1);"),
        format!("INSERT INTO t (a) VALUES {};", "(".repeat(1 << 20)),
        format!("INSERT INTO t (a) VALUES ('{long}"),
        format!("CREATE TABLE t ({}", "(".repeat(1 << 20)),
        format!("CREATE FUNCTION f() BEGIN ATOMIC {}", "case begin ".repeat(1 << 18)),
        format!("/*{}", "/*".repeat(1 << 20)),
        format!("SELECT $a${long}"),
        format!("SELECT ${long}"),
        format!("\\connect \"{long}"),
        format!("-- PostgreSQL database dump\nINSERT INTO {}", "a.".repeat(1 << 18)),
        ";".repeat(1 << 20),
        format!("PRAGMA foreign_keys=OFF;\nINSERT INTO t VALUES({}1", "replace(".repeat(1 << 18)),
        format!("PRAGMA foreign_keys=OFF;\nINSERT INTO t VALUES({}1{});", "replace(".repeat(100), ")".repeat(100)),
    ] {
        let dump = open(&text);
        for table in dump.tables() {
            rows(&*dump, &table.full_name());
        }
    }
}

#[test]
fn tables_that_have_their_columns_from_many_end() {
    // Each from the two before it: as many ways as there are, but each table once.
    let mut text = String::from("CREATE TABLE t0 (c0 int);\nCREATE TABLE t1 (c1 int);\n");
    for n in 2..200 {
        text.push_str(&format!("CREATE TABLE t{n} (c{n} int) INHERITS (t{}, t{});\n", n - 1, n - 2));
    }
    let dump = open(&text);
    assert_eq!(dump.tables().len(), 200);
    assert_eq!(dump.tables()[10].columns.len(), 11);
    assert!(dump.tables()[199].columns.len() > 10);
}

#[test]
fn any_byte_may_be_anything() {
    let text = "SET client_encoding = 'UTF8';\nCREATE TABLE public.\"t\" (a int, b text DEFAULT 'x''y', c bytea);
ALTER TABLE ONLY p ATTACH PARTITION public.t DEFAULT;\nCOPY public.\"t\" (a, b) FROM stdin;\n1\t\\N\n2\ta\\tb\n\\.\n
INSERT INTO public.\"t\" VALUES (1, E'\\x41', '\\x00'), (2, $$x$$, NULL);\nSELECT pg_catalog.lowrite(0, '\\x00');\n";
    for head in ["", "-- MySQL dump\n", "PRAGMA foreign_keys=OFF;\n"] {
        for at in (0..text.len()).step_by(5) {
            for byte in [0, b'\'', b'\\', b'\n', b'(', b';', b'$', 0xff] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                let dump = open([head.as_bytes(), &bytes].concat());
                for table in dump.tables() {
                    rows(&*dump, &table.full_name());
                }
            }
        }
    }
}

/// The first row of a statement lies where one reading ends and the next begins: it is looked at for its number of values,
/// and the statement is walked all the same.
#[test]
fn a_first_row_may_lie_across_readings() {
    let row = "x".repeat(3_000);
    for before in [1_048_000_usize, 1_048_540, 1_048_576] {
        let filler = format!("-- {}\n", "f".repeat(before - 4));
        let text =
            format!("{filler}INSERT INTO `t` VALUES\n(1,'{row}'),\n(2,'b');\nINSERT INTO `t` VALUES\n(3,'c');\n-- `\n");
        let dump = open(format!("-- MySQL dump 10.13\n{text}-- Dump completed\n"));
        assert_eq!(rows(&*dump, "t"), [format!("1i|{row}"), "2i|b".into(), "3i|c".into()], "{before}");
        assert_eq!(dump.caveats().len(), 1, "{:?}", dump.caveats());
    }
}

#[test]
fn computed_columns_are_where_a_dump_has_them() {
    let table =
        "-- MySQL dump 10.13\nCREATE TABLE `t` (`a` int, `b` int GENERATED ALWAYS AS (`a` + 1) STORED, `c` text);\n";
    let end = "-- Dump completed\n";
    // MariaDB has their values.
    let dump = open(format!("{table}INSERT INTO `t` VALUES (1,2,'x'),(2,3,'y');\n{end}"));
    assert_eq!(rows(&*dump, "t"), ["1i|2i|x", "2i|3i|y"]);
    assert_eq!(dump.caveats(), [""; 0]);
    // MySQL names the others.
    let dump = open(format!("{table}INSERT INTO `t` (`a`, `c`) VALUES (1,'x'),(2,'y');\n{end}"));
    assert_eq!(rows(&*dump, "t"), ["1i|x", "2i|y"]);
    assert!(dump.caveats()[0].contains("column `b` of `t` is computed"), "{:?}", dump.caveats());
    // Others leave them out without a word.
    let dump = open(format!("{table}INSERT INTO `t` VALUES (1,'x');\n{end}"));
    assert_eq!(rows(&*dump, "t"), ["1i|x"]);
}

#[test]
fn names_are_in_the_encoding_of_the_text() {
    let mut text = b"-- MySQL dump 10.13\n/*!40101 SET NAMES latin1 */;\n".to_vec();
    text.extend(
        "/*!40101 SET character_set_client = utf8mb4 */;\nCREATE TABLE `Zo\u{eb}` (`\u{e4}` text);\n".as_bytes(),
    );
    text.extend(b"/*!40101 SET character_set_client = @saved_cs_client */;\n");
    text.extend(
        b"INSERT INTO `Zo\xeb` (`\xe4`) VALUES ('\xc5ngstr\xf6m \x80'),('b');\nINSERT INTO `Zo\xeb` VALUES ('c');\n",
    );
    text.extend(b"-- Dump completed\n");
    let dump = open(&text);
    assert_eq!(columns(&*dump, "Zo\u{eb}"), "\u{e4} text");
    let shown = |text: &str| text.bytes().flat_map(std::ascii::escape_default).map(char::from).collect::<String>();
    assert_eq!(rows(&*dump, "Zo\u{eb}"), [shown("\u{c5}ngstr\u{f6}m \u{20ac}"), "b".into(), "c".into()]);
    assert_eq!(dump.tables().len(), 1);
    let mut text = b"SET client_encoding = 'LATIN1';\nCREATE TABLE public.\"Zo\xeb\" (a text);\n".to_vec();
    text.extend(b"COPY public.\"Zo\xeb\" (a) FROM stdin;\n\xe9\n\\.\n");
    assert_eq!(rows(&*open(&text), "Zo\u{eb}"), [shown("\u{e9}")]);
}

#[test]
fn what_is_beyond_the_room_is_counted() {
    let mut text = "COPY public.t (a) FROM stdin;\n1\n\\.\n".repeat(200_007);
    text.push_str("COPY public.u (a) FROM stdin;\n1\n\\.\n");
    let dump = open(&text);
    assert_eq!(dump.tables()[0].rows, Some(200_000));
    assert_eq!(dump.caveats()[0], "its rows lie in more places than can be kept; 8 sections more are not shown");
    // Names of two megabytes each.
    let mut text = String::new();
    for table in 0..12 {
        let name = format!("t{table}{}", "x".repeat(2 << 20));
        text.push_str(&format!("CREATE TABLE {name} (a int);\nALTER TABLE {name} ADD PRIMARY KEY (a);\n"));
    }
    text.push_str("COPY small (a) FROM stdin;\n1\n\\.\n");
    let dump = open(&text);
    assert_eq!(dump.tables().len(), 8);
    assert_eq!(dump.caveats()[0], "it names more tables than can be kept; 5 tables more are not shown");
}

#[test]
fn the_shell_of_sqlite_says_how_a_dump_ends() {
    let begin = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n";
    let caveats = |end: &str| open(format!("{begin}{end}")).caveats();
    assert_eq!(caveats("COMMIT;\n"), [""; 0]);
    assert!(caveats("")[0].contains("cut"));
    assert!(caveats("ROLLBACK; -- due to errors\n")[0].contains("ROLLBACK"));
    let trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO t VALUES(2); END;\nCOMMIT;\n";
    assert_eq!(caveats(trigger), [""; 0]);
}
