//! What of a dump there is no room for, counted, so that it can be said.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many tables are counted.
const MOST_COUNTED: usize = 1 << 20;

/// What there is no room for.
#[derive(Default)]
pub struct LeftOut {
    /// Hashes of the tables.
    tables: HashSet<u64>,
    /// Stretches of rows of tables that are kept.
    pub stretches: u64,
    /// Tables whose columns are left out.
    pub definitions: u64,
}

impl LeftOut {
    /// There is no room for this table, however often it is named.
    pub fn table(&mut self, table: &impl Hash) {
        if self.tables.len() < MOST_COUNTED {
            let mut hasher = DefaultHasher::new();
            table.hash(&mut hasher);
            self.tables.insert(hasher.finish());
        }
    }

    /// The words for what holds rows.
    pub fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        if !self.tables.is_empty() {
            let least = if self.tables.len() == MOST_COUNTED { "at least " } else { "" };
            let tables = more(self.tables.len() as u64, "table");
            losses.push(format!("it names more tables than can be kept; {least}{tables}"));
        }
        if self.stretches > 0 {
            let sections = more(self.stretches, "section");
            losses.push(format!("its rows lie in more places than can be kept; {sections}"));
        }
        losses
    }

    /// The words for the rest.
    pub fn caveats(&self) -> Vec<String> {
        if self.definitions == 0 {
            return Vec::new();
        }
        let columns = match self.definitions {
            1 => "those of 1 table are not known".to_owned(),
            count => format!("those of {count} tables are not known"),
        };
        vec![format!("it names more columns than can be kept; {columns}")]
    }
}

fn more(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what} more is not shown"),
        _ => format!("{count} {what}s more are not shown"),
    }
}
