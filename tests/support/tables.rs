//! Dumps as tables: opened by what they are, every row told.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use stepback::sources::dumps;
use stepback::sources::input::Input;
use stepback::sources::tables::{Cell, Database, Row};

/// A row: what a person would read in each column.
pub type Values = Vec<Option<String>>;

pub fn value(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Real(number) => Some(number.to_string()),
        Cell::Text(text) => Some(String::from_utf8(text.to_vec()).expect("UTF-8")),
        Cell::Bytes(bytes) => Some(format!("\\x{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())),
    }
}

/// The rows of a table: their places and values, in the order they lie.
pub fn rows(database: &dyn Database, table: usize) -> Vec<(u64, Values)> {
    let mut rows = Vec::new();
    database
        .scan(
            table,
            &mut |done, total| {
                assert!(done <= total, "{done} of {total}");
                ControlFlow::Continue(())
            },
            &mut |row| {
                match row {
                    Row::Cells(place, cells) => rows.push((place, cells.iter().map(value).collect())),
                    Row::Bad(place, why) => panic!("row at {place}: {why}"),
                }
                ControlFlow::Continue(())
            },
        )
        .expect("readable");
    rows
}

/// The rows at some places.
pub fn fetched(database: &dyn Database, table: usize, places: &[u64]) -> Vec<(u64, Values)> {
    let mut rows = Vec::new();
    database
        .fetch(table, places, &mut |row| {
            match row {
                Row::Cells(place, cells) => rows.push((place, cells.iter().map(value).collect())),
                Row::Bad(place, why) => panic!("row at {place}: {why}"),
            }
            ControlFlow::Continue(())
        })
        .expect("readable");
    rows
}

pub fn open(path: &Path) -> Box<dyn Database> {
    if path.is_dir() {
        assert!(dumps::is_directory(path), "{}", path.display());
        let input = dumps::directory_input(path).expect("a directory of a dump");
        return dumps::open_directory(&input, &mut |_, _| ControlFlow::Continue(())).expect("a dump");
    }
    let file = File::open(path).expect("a dump");
    let length = file.metadata().expect("its length").len();
    opened(Input::of_file(file, length, path.to_str().expect("a plain name")))
}

pub fn opened(input: Input) -> Box<dyn Database> {
    let (head, _) = input.head().expect("its head");
    let mut looked = |_, _| ControlFlow::Continue(());
    let database = match head.starts_with(b"PGDMP") {
        true => dumps::open_custom(&input, &mut looked),
        false if dumps::is_tar(&head) => dumps::open_tar(&input, &mut looked),
        false => dumps::open_text(&input, &mut looked),
    };
    database.expect("a dump")
}

pub fn table(database: &dyn Database, name: &str) -> Option<usize> {
    database.tables().iter().position(|table| table.full_name() == name)
}
