//! Dumps of a real MariaDB, in the forms its `mysqldump` writes, compared row by row with what the server says.

use std::path::{Path, PathBuf};

use stepback::sources::open::{OpenOptions, open as open_source};
use stepback::sources::tables::Database;

use crate::support::mariadb::Mariadb;
use crate::support::tables::{Values, fetched, open, rows, table};

const SCHEMA: &str = r#"
CREATE DATABASE shop DEFAULT CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE kinds (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, tiny tinyint, flag boolean, small smallint unsigned,
  medium mediumint, big bigint, huge bigint unsigned, amount decimal(30,10), ratio double, f float, bits bit(12),
  `year` year, at datetime(6), d date, t time(3), ts timestamp(6) NULL, name varchar(255), note longtext, doc json,
  data longblob, code binary(16), bytes varbinary(50), kind enum('it''s','so;so'), flags set('a','b','c'),
  u uuid, ip inet6, p point,
  doubled varchar(520) GENERATED ALWAYS AS (concat(name, '-', name)) VIRTUAL,
  letters int GENERATED ALWAYS AS (char_length(name)) STORED
) COMMENT='it''s; (a) comment';
INSERT INTO kinds (tiny, flag, small, medium, big, huge, amount, ratio, f, bits, `year`, at, d, t, ts, name, note, doc,
  data, code, bytes, kind, flags, u, ip, p)
SELECT seq % 128, seq % 2, seq, -cast(seq AS signed), -9223372036854775808 + cast(seq AS signed),
  18446744073709551615 - seq, 12345678901234567890.0123456789, 0.1 + seq, 1.5e10, seq, 1999,
  '2024-02-29 23:59:59.123456', '0001-01-01', '-838:59:59.000', '2024-02-29 23:59:59.123456',
  CASE seq % 12 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'tab\there' WHEN 3 THEN 'line\nfeed\r\nand return\r'
    WHEN 4 THEN 'back\\slash \\N \\. \\t \\\\' WHEN 5 THEN 'it''s "quoted"' WHEN 6 THEN 'Zoë Çelik 日本 🎉'
    WHEN 7 THEN '\0nul\Z' WHEN 8 THEN '); INSERT INTO x VALUES (1' WHEN 9 THEN '-- /* # $$ `'
    WHEN 10 THEN '100\% \_' ELSE '\b;' END,
  repeat('long \\ '' \n', seq * 4), json_object('n', seq, 'esc', 'a\\b"c\n', 'u', 'Zoë'),
  concat(char(0 USING binary), unhex(repeat(md5(seq), seq % 7)), '\\''"\n\r\Z'), unhex(md5(seq)),
  unhex(left(md5(seq), seq % 16 * 2)), 'it''s', 'a,c',
  insert(insert(md5(seq), 13, 1, '4'), 17, 1, '8'), '::1', point(1, seq)
FROM seq_1_to_300;
INSERT INTO kinds (name) VALUES (NULL);
CREATE TABLE `odd ``name; (x)` (`a,b` int, `select` text, `é "q"` varchar(10));
INSERT INTO `odd ``name; (x)` VALUES (1, 'x', 'y'), (NULL, NULL, NULL), (3, '(', ''',;'), (4, ')', '`');
CREATE TABLE empty (a int);
CREATE TABLE `Zoë` (`ä` varchar(20) CHARACTER SET latin1) DEFAULT CHARACTER SET latin1;
INSERT INTO `Zoë` VALUES ('Ångström €'), ('é');
CREATE TABLE hidden (a int, b int INVISIBLE DEFAULT 7, c int AS (a + 1) STORED);
INSERT INTO hidden (a) VALUES (1), (2);
CREATE TABLE parts (id int, payload text) PARTITION BY RANGE (id)
  (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts SELECT seq, repeat('x', seq) FROM seq_1_to_20;
CREATE VIEW seen AS SELECT id, name FROM kinds;
DELIMITER //
CREATE TRIGGER watch BEFORE INSERT ON empty FOR EACH ROW
BEGIN INSERT INTO `Zoë` VALUES ('no row; it''s a body'); SET NEW.a = 1; END//
CREATE PROCEDURE run() BEGIN INSERT INTO empty VALUES (1); SELECT ';'; END//
CREATE FUNCTION one() RETURNS int DETERMINISTIC BEGIN INSERT INTO empty VALUES (2); RETURN 1; END//
DELIMITER ;
CREATE DATABASE `other db`;
CREATE TABLE `other db`.kinds (x int, y blob);
INSERT INTO `other db`.kinds VALUES (1, 'ab\0c'), (2, '');
"#;

/// A table: how dumps have it, how SQL has it, its columns, and those that are bytes.
struct Expected {
    table: &'static str,
    from: &'static str,
    columns: &'static [&'static str],
    bytes: &'static [&'static str],
}

const EXPECTED: &[Expected] = &[
    Expected {
        table: "kinds",
        from: "shop.kinds",
        columns: &[
            "id", "tiny", "flag", "small", "medium", "big", "huge", "amount", "ratio", "f", "bits", "year", "at", "d",
            "t", "ts", "name", "note", "doc", "data", "code", "bytes", "kind", "flags", "u", "ip", "p", "doubled",
            "letters",
        ],
        bytes: &["bits", "data", "code", "bytes", "p"],
    },
    Expected {
        table: "odd `name; (x)",
        from: "shop.`odd ``name; (x)`",
        columns: &["a,b", "select", "é \"q\""],
        bytes: &[],
    },
    Expected { table: "empty", from: "shop.empty", columns: &["a"], bytes: &[] },
    Expected { table: "Zoë", from: "shop.`Zoë`", columns: &["ä"], bytes: &[] },
    Expected { table: "hidden", from: "shop.hidden", columns: &["a", "b", "c"], bytes: &[] },
    Expected { table: "parts", from: "shop.parts", columns: &["id", "payload"], bytes: &[] },
];
const OTHER: Expected =
    Expected { table: "other db.kinds", from: "`other db`.kinds", columns: &["x", "y"], bytes: &["y"] };

fn unhex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("digits"))
        .collect()
}

/// What the server says is in a table: each value in hexadecimal, so that no client changes it on the way.
fn truth(server: &Mariadb, expected: &Expected) -> Vec<Values> {
    let cells: Vec<String> = expected
        .columns
        .iter()
        .map(|&name| {
            let column = format!("`{name}`");
            match expected.bytes.contains(&name) {
                true => format!("ifnull(concat('x', hex(cast({column} AS binary))), 'N')"),
                false => format!("ifnull(concat('t', hex(convert(cast({column} AS char) USING utf8mb4))), 'N')"),
            }
        })
        .collect();
    let rows = server.ask(&format!("SELECT concat_ws(',', {}) FROM {}", cells.join(", "), expected.from));
    let value = |cell: &str| match cell.split_at(1) {
        ("N", _) => None,
        ("x", digits) => Some(format!("\\x{}", digits.to_lowercase())),
        (_, digits) => Some(String::from_utf8(unhex(digits)).expect("UTF-8")),
    };
    let mut rows: Vec<Values> = rows.iter().map(|row| row.split(',').map(value).collect()).collect();
    rows.sort();
    rows
}

/// Compares a table with what the server says. `named` tells whether the dump names its columns.
fn compare(server: &Mariadb, form: &str, database: &dyn Database, expected: &Expected, named: bool) {
    let what = format!("{} in {form}", expected.table);
    let truth = truth(server, expected);
    let Some(number) = table(database, expected.table) else {
        assert!(truth.is_empty(), "{what}: missing; {:?}", database.tables());
        return;
    };
    let found = rows(database, number);
    let names: Vec<&str> = database.tables()[number].columns.iter().map(|column| column.name.as_str()).collect();
    if named {
        assert_eq!(names, expected.columns, "{what}");
    }
    assert_eq!(database.rows(number), Some(truth.len() as u64), "{what}");
    let mut values: Vec<Values> = found.iter().map(|(_, values)| values.clone()).collect();
    values.sort();
    for (found, truth) in values.iter().zip(&truth) {
        let same = found.iter().zip(truth).position(|(found, truth)| found != truth);
        let differ = same.map(|at| (expected.columns[at], &found[at], &truth[at]));
        assert!(found == truth, "{what}: {differ:?}");
    }
    let mut again = found.clone();
    again.reverse();
    let places: Vec<u64> = again.iter().map(|(place, _)| *place).collect();
    assert!(fetched(database, number, &places) == again, "{what}: other rows at the same places");
}

/// How a form is called, what `mysqldump` is told, and whether the dump names the columns.
const FORMS: &[(&str, &[&str], bool)] = &[
    ("usual", &[], true),
    ("hexadecimal", &["--hex-blob"], true),
    ("a row a statement", &["--skip-extended-insert"], true),
    ("named columns", &["--complete-insert"], true),
    ("named columns, hexadecimal, a row a statement", &["-c", "--hex-blob", "--skip-extended-insert"], true),
    ("compact", &["--compact"], true),
    ("without options", &["--skip-opt", "--skip-comments"], true),
    ("routines", &["--routines", "--triggers", "--events"], true),
    ("replace", &["--replace"], true),
    ("ignore", &["--insert-ignore", "--no-autocommit", "--single-transaction"], true),
    ("delayed", &["--delayed-insert", "--add-locks=0"], true),
    // It would be in Latin 1 and not say so.
    ("ANSI", &["--compatible=ansi", "--hex-blob", "--default-character-set=utf8mb4"], true),
    ("rows alone", &["--no-create-info"], false),
    ("short statements", &["--net-buffer-length=4096"], true),
    ("with its database", &["--databases"], true),
];

fn dump(server: &Mariadb, form: &str, arguments: &[&str]) -> PathBuf {
    let path = server.directory().join(form.replace([' ', ','], "-"));
    let file = format!("--result-file={}", path.display());
    let mut all = vec![file.as_str()];
    all.extend(arguments);
    server.run("mariadb-dump", &all);
    path
}

#[test]
fn every_form_of_dump_holds_what_the_server_says() {
    let Some(server) = Mariadb::start() else { return };
    server.execute(SCHEMA);
    let kinds = truth(&server, &EXPECTED[0]).len();
    assert_eq!(kinds, 301);

    for (form, arguments, named) in FORMS {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["shop"]).collect();
        let database = open(&dump(&server, form, &arguments));
        for expected in EXPECTED {
            // Where no types are named, nothing tells bytes from text.
            if *named || expected.bytes.is_empty() {
                compare(&server, form, &*database, expected, *named);
            }
        }
        assert_eq!(database.tables().len(), if *named { EXPECTED.len() } else { 5 }, "{form}: {:?}", database.tables());
        let told = database.caveats().join("\n");
        assert!(!told.contains("cut") && !told.contains("computed") && !told.contains("converted"), "{form}: {told}");
        assert!(database.kind().contains("MariaDB") || database.kind().contains("MySQL"), "{}", database.kind());
    }
    several(&server);
    other_encodings(&server);
    in_xml(&server);
    cut(&server);
}

fn several(server: &Mariadb) {
    let database = open(&dump(server, "several", &["--databases", "shop", "other db"]));
    for expected in EXPECTED.iter().chain([&OTHER]) {
        compare(server, "several databases", &*database, expected, true);
    }
    // The other way round.
    let database = open(&dump(server, "several reversed", &["--databases", "other db", "shop"]));
    let names: Vec<String> = database.tables().iter().map(stepback::sources::tables::Table::full_name).collect();
    assert!(names.contains(&"kinds".to_owned()) && names.contains(&"shop.kinds".to_owned()), "{names:?}");
    let database = open(&dump(server, "all", &["--all-databases", "--hex-blob"]));
    let is_ours = |number: &usize| database.tables()[*number].columns.iter().any(|column| column.name == "letters");
    let number = (0..database.tables().len()).find(is_ours);
    assert_eq!(rows(&*database, number.expect("a table")).len(), 301);
}

/// Names and text in another encoding than that of the statements that make tables.
fn other_encodings(server: &Mariadb) {
    let database = open(&dump(server, "latin1", &["--default-character-set=latin1", "shop"]));
    compare(server, "latin1", &*database, &EXPECTED[3], true);
    let number = table(&*database, "kinds").expect("a table");
    assert_eq!(rows(&*database, number).len(), 301);
    // What that encoding has no letters for was replaced by the server.
    let truth = truth(server, &EXPECTED[0]);
    let bytes = |values: &Values| values[19..22].to_vec();
    let mut found: Vec<_> = rows(&*database, number).iter().map(|(_, values)| bytes(values)).collect();
    let mut expected: Vec<_> = truth.iter().map(bytes).collect();
    found.sort();
    expected.sort();
    assert!(found == expected);
}

fn in_xml(server: &Mariadb) {
    let path = dump(server, "xml", &["--xml", "shop"]);
    let failure = open_source(path.to_str().expect("a plain name"), &OpenOptions::default()).err().expect("refused");
    assert!(failure.why.contains("XML") && failure.hint.contains("without `--xml`"), "{failure}");
}

/// A dump that is cut has the rows before the cut and says so.
fn cut(server: &Mariadb) {
    for arguments in [&["shop", "parts"][..], &["--skip-extended-insert", "shop", "parts"]] {
        let path = dump(server, "to cut", arguments);
        let bytes = std::fs::read(&path).expect("a dump");
        let from = memchr::memmem::find(&bytes, b"INSERT INTO").expect("rows");
        for at in (from..bytes.len() - 30).step_by(37) {
            std::fs::write(&path, &bytes[..at]).expect("room");
            let database = open(Path::new(&path));
            assert!(database.caveats().iter().any(|caveat| caveat.contains("cut")), "{at}");
            let number = table(&*database, "parts").expect("a table");
            let mut good = 0;
            let mut bad = 0;
            let mut count = |row: stepback::sources::tables::Row<'_>| {
                match row {
                    stepback::sources::tables::Row::Cells(..) => good += 1,
                    stepback::sources::tables::Row::Bad(..) => bad += 1,
                }
                std::ops::ControlFlow::Continue(())
            };
            database.scan(number, &mut |_, _| std::ops::ControlFlow::Continue(()), &mut count).expect("readable");
            assert!(good <= 20 && bad <= 1, "{at}: {good} {bad}");
        }
    }
}
