//! An opened database file: a few connections to it, each used by one thread at a time.

use std::io;
use std::ops::{ControlFlow, Deref};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::places::Places;
use super::schema::{self, Key, Schema};
use super::untouched::{Untouched, immutable};
use crate::domain::{Failure, FailureKind, SourceChange};
use crate::sources::cache::{Kept, Sequence};
use crate::sources::input::Input;
use crate::sources::tables::{Database, Row, Table};

/// The largest value that is read; a row that has a larger one is a bad one.
pub const LARGEST: i32 = 64 << 20;
/// So many connections to a copy are opened, which has no name any more under which another could be.
const CONNECTIONS: usize = 16;
/// How long a use waits for one of them: longer than any use lasts that does not wait itself.
const WAIT: Duration = Duration::from_secs(30);
/// After so many steps of SQLite's machine its handler is called.
const STEPS: i32 = 10_000;
/// A row that takes so many calls of the handler is given up: it is computed by something without an end.
const PATIENCE: u32 = 20_000;
/// So many damaged parts of a table are told one by one.
const FAULTS: usize = 5;
/// What a connection keeps of the file, in KiB.
const CACHE: i64 = 4 << 10;

/// An opened SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    name: String,
    original: Option<PathBuf>,
    untouched: Untouched,
    /// Where another connection can be opened.
    address: Option<String>,
    /// The size of the file that is read, in bytes.
    pub(super) size: u64,
    pub(super) schema: Schema,
    /// For each table, what its unusual places lead to.
    pub(super) places: Vec<Mutex<Places>>,
    lanes: Mutex<Vec<Lane>>,
    returned: Condvar,
}

/// A connection, and how long its current row has taken.
#[derive(Debug)]
struct Lane {
    connection: Connection,
    steps: Arc<AtomicU32>,
}

/// A connection while it is used.
pub(super) struct Used<'a> {
    database: &'a Sqlite,
    lane: Option<Lane>,
}

impl Used<'_> {
    fn lane(&self) -> &Lane {
        self.lane.as_ref().expect("invariant: a lane is given back only when its use ends")
    }

    /// A new row is asked for: it gets its own time.
    pub fn begin_row(&self) {
        self.lane().steps.store(0, Ordering::Relaxed);
    }
}

impl Deref for Used<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.lane().connection
    }
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        let mut lanes = self.database.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() < CONNECTIONS {
            lanes.extend(self.lane.take());
        }
        drop(lanes);
        self.database.returned.notify_one();
    }
}

impl Sqlite {
    /// Opens an input that is a database file.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or there is no room for a copy that is needed.
    pub fn open(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Self, Failure> {
        let name = input.feed.name().to_owned();
        let mut untouched = Untouched::prepare(input, looked)?;
        let size = std::fs::metadata(&untouched.path).map_err(|e| Failure::io(name.as_str(), "open", &e))?.len();
        let address = immutable(&untouched.path);
        let opened = || -> rusqlite::Result<_> {
            let count = if untouched.copied.is_some() { CONNECTIONS } else { 1 };
            let lanes = (0..count).map(|_| Lane::open(&address)).collect::<rusqlite::Result<Vec<_>>>()?;
            let schema = schema::read(&lanes[0].connection, size)?;
            Ok((lanes, schema))
        };
        let (lanes, schema) = opened().map_err(|e| damaged(&name, "open", &e))?;
        let places = schema.readings.iter().map(|_| Mutex::default()).collect();
        let original = input.path.clone();
        let address = untouched.copied.is_none().then_some(address);
        // What is open stays readable without a name, and is gone with the process however that ends.
        drop(untouched.copied.take());
        Ok(Self {
            name,
            original,
            untouched,
            address,
            size,
            schema,
            places,
            lanes: Mutex::new(lanes),
            returned: Condvar::new(),
        })
    }

    /// Takes the places earlier scans gave from where `save` told them; `None` when they are not those of its tables.
    pub fn with_places(mut self, front: &mut Sequence) -> Option<Self> {
        if front.read(|read| read.number())? != self.places.len() as u64 {
            return None;
        }
        for (places, reading) in self.places.iter_mut().zip(&self.schema.readings) {
            let width = if matches!(reading.key, Key::Row(_)) { 0 } else { reading.key_width() };
            *places = Mutex::new(Places::load(front, width)?);
        }
        Some(self)
    }

    /// A connection nobody else uses: during a scan other rows may be asked for, and the rows those name.
    pub(super) fn connection(&self) -> Result<Used<'_>, Failure> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.is_empty() && self.address.is_none() {
            let waited = self.returned.wait_timeout_while(lanes, WAIT, |lanes| lanes.is_empty());
            lanes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let lane = match (lanes.pop(), &self.address) {
            (Some(lane), _) => lane,
            (None, Some(address)) => Lane::open(address).map_err(|e| self.failure(&e))?,
            (None, None) => {
                let why = format!("all {CONNECTIONS} connections to it are in use");
                return Err(Failure::new(FailureKind::TimedOut, self.name.as_str(), "read", why));
            }
        };
        Ok(Used { database: self, lane: Some(lane) })
    }

    /// Whether somebody wrote to the file since it was opened, so that what was read of it may be anything.
    pub(super) fn is_moved(&self) -> bool {
        self.untouched.is_moved(self.original.as_deref())
    }

    pub(super) fn failure(&self, error: &rusqlite::Error) -> Failure {
        match self.is_moved() {
            // The file is as its writer wants it; what was read of it is not.
            true => {
                let why = "somebody wrote to it while it was read";
                Failure::new(FailureKind::Io, self.name.as_str(), "read", why).hint("try again, or read a copy of it")
            }
            false => damaged(&self.name, "read", error),
        }
    }
}

impl Lane {
    fn open(address: &str) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(address, flags)?;
        harden(&connection)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.pragma_update(None, "query_only", true)?;
        let steps = Arc::new(AtomicU32::new(0));
        let taken = steps.clone();
        connection.progress_handler(STEPS, Some(move || taken.fetch_add(1, Ordering::Relaxed) >= PATIENCE))?;
        // The file itself is opened with the first page that is read.
        connection.pragma_query_value(None, "schema_version", |_| Ok(()))?;
        connection.authorizer(Some(|context: rusqlite::hooks::AuthContext<'_>| match context.action {
            // A view is the only thing that could bring in what is not asked for here.
            _ if context.accessor.is_some() => Authorization::Deny,
            AuthAction::Select | AuthAction::Read { .. } | AuthAction::Function { .. } => Authorization::Allow,
            AuthAction::Pragma { pragma_name: "table_xinfo" | "index_list" | "index_xinfo", .. } => {
                Authorization::Allow
            }
            _ => Authorization::Deny,
        }))?;
        Ok(Self { connection, steps })
    }
}

/// Settings that keep a hostile file from doing anything but being read.
pub fn harden(connection: &Connection) -> rusqlite::Result<()> {
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        // A misspelt column must not become a text of that name.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, LARGEST),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 10),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(())).or_else(none)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE)
}

/// A setting that answers nothing is set too.
fn none(error: rusqlite::Error) -> rusqlite::Result<()> {
    if error == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(error) }
}

/// What SQLite says against a file.
fn damaged(name: &str, doing: &str, error: &rusqlite::Error) -> Failure {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull) => FailureKind::Io,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => FailureKind::Denied,
        _ => FailureKind::Malformed,
    };
    let failure = Failure::new(kind, name, doing, format!("SQLite says: {error}"));
    match kind {
        FailureKind::Malformed => {
            failure.hint("`sqlite3 FILE .recover` writes out what can be saved of a damaged file")
        }
        _ => failure,
    }
}

impl Database for Sqlite {
    fn kind(&self) -> String {
        "SQLite database".into()
    }

    fn reasons(&self) -> Vec<String> {
        let tables = self.schema.tables.len();
        let found = format!("it is an SQLite database with {tables} table{}", if tables == 1 { "" } else { "s" });
        std::iter::once(found).chain(self.untouched.reasons.iter().cloned()).collect()
    }

    fn caveats(&self) -> Vec<String> {
        let untouched = self.untouched.caveats.iter().chain(&self.schema.unread).cloned();
        // What was lost before it was opened is among these already.
        untouched.chain(self.losses().split_off(self.untouched.losses.len())).collect()
    }

    fn losses(&self) -> Vec<String> {
        let mut losses = self.untouched.losses.clone();
        for (table, places) in self.schema.tables.iter().zip(&self.places) {
            let places = places.lock().unwrap_or_else(PoisonError::into_inner);
            // Of very many the first ones show what it is about; every one is an unreadable record too.
            losses.extend(places.faults().take(FAULTS).map(|why| format!("table {}: {why}", table.name)));
        }
        losses
    }

    fn tables(&self) -> &[Table] {
        &self.schema.tables
    }

    fn scan(
        &self,
        table: usize,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        super::reading::scan(self, table, looked, told)
    }

    fn fetch(
        &self,
        table: usize,
        places: &[u64],
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        super::reading::fetch(self, table, places, told)
    }

    fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        out.written(|out| out.number(self.places.len() as u64))?;
        for places in &self.places {
            places.lock().unwrap_or_else(PoisonError::into_inner).save(out)?;
        }
        Ok(())
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        self.untouched
            .change(self.original.as_deref())
            .map_err(|e| Failure::io(self.name.as_str(), "look whether it has changed", &e))
    }
}
