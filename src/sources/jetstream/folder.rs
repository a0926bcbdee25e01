//! Which streams a directory holds: one, those of an account, of a server, or backups of some.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::expiry::written;
use crate::domain::Json;
use crate::regular;

/// What describes a stream is never as large as this.
const DESCRIPTION: u64 = 16 << 20;

/// What of a stream was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// The server's own directory of it: the files of its blocks, by number.
    Blocks(Vec<(u64, PathBuf)>),
    /// A backup: `stream.tar.s2`.
    Backup(PathBuf),
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// The account it belongs to, where the directory says.
    pub account: Option<String>,
    /// Where it is.
    pub directory: PathBuf,
    /// What of it is there.
    pub kept: Kept,
    /// How it is configured.
    pub config: Json,
    /// Whether what is there is encrypted.
    pub encrypted: bool,
}

impl Stream {
    /// A limit of its configuration, where it has one.
    pub fn limit(&self, name: &str) -> Option<u64> {
        self.config
            .get(name)
            .and_then(Json::as_i64)
            .and_then(|limit| u64::try_from(limit).ok())
            .filter(|&limit| limit > 0)
    }

    /// What its configuration says, for a person.
    pub fn described(&self) -> String {
        let mut said = vec![format!("stream {}", self.name)];
        if let Some(account) = &self.account {
            said[0].push_str(&format!(" of account {account}"));
        }
        if let Some(subjects) = self.config.get("subjects") {
            said.push(format!("subjects {subjects}"));
        }
        for name in ["retention", "compression"] {
            said.extend(self.config.get(name).and_then(Json::as_str).map(|text| format!("{name} {text}")));
        }
        for name in ["max_msgs", "max_bytes", "max_msgs_per_subject"] {
            said.extend(self.limit(name).map(|limit| format!("{name} {limit}")));
        }
        let age = self.limit("max_age").and_then(|age| i64::try_from(age).ok());
        said.extend(age.map(|age| format!("max_age {}", written(age))));
        said.join(", ")
    }

    /// The files it is read from: what describes it, its blocks and what says which of their messages are deleted.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.kept {
            Kept::Backup(archive) => vec![self.directory.join("backup.json"), archive.clone()],
            Kept::Blocks(_) => {
                let messages = fs::read_dir(self.directory.join("msgs")).into_iter().flatten().flatten();
                let mut files: Vec<_> = messages.map(|entry| entry.path()).collect();
                files.sort_unstable();
                files.push(self.directory.join("meta.inf"));
                files
            }
        }
    }

    /// The stream whose directory this is: it has a description and blocks of messages.
    fn of_server(directory: &Path, account: Option<&str>) -> Option<Self> {
        let (description, messages) = (directory.join("meta.inf"), directory.join("msgs"));
        if !description.is_file() || !messages.is_dir() {
            return None;
        }
        let mut blocks = Vec::new();
        let mut encrypted = directory.join("meta.key").exists();
        for entry in fs::read_dir(&messages).ok()?.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let Some(name) = name.to_str() else { continue };
            encrypted |= name.ends_with(".key");
            let number = name.strip_suffix(".blk").and_then(|number| number.parse().ok());
            // What is no regular file is a block all the same: reading it refuses it and counts it.
            blocks.extend(number.map(|number| (number, path)));
        }
        blocks.sort_unstable();
        let config = read(&description).ok().and_then(|text| Json::parse(&text).ok()).unwrap_or_default();
        Some(Self::named(directory, account, Kept::Blocks(blocks), config, encrypted))
    }

    /// The stream whose backup this is.
    fn of_backup(directory: &Path) -> Option<Self> {
        let (description, stream) = (directory.join("backup.json"), directory.join("stream.tar.s2"));
        if !description.is_file() || !stream.is_file() {
            return None;
        }
        let said = read(&description).ok().and_then(|text| Json::parse(&text).ok()).unwrap_or_default();
        let config = said.get("config").cloned().unwrap_or_default();
        Some(Self::named(directory, None, Kept::Backup(stream), config, false))
    }

    fn named(directory: &Path, account: Option<&str>, kept: Kept, config: Json, encrypted: bool) -> Self {
        let directory = directory.to_path_buf();
        let named = || directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = config.get("name").and_then(Json::as_str).map_or_else(named, str::to_owned);
        Self { name, account: account.map(str::to_owned), directory, kept, config, encrypted }
    }
}

/// Reads a small file whole.
///
/// # Errors
/// Of the operating system; when it is not small.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > DESCRIPTION {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no small file"));
    }
    regular::read(path, DESCRIPTION)
}

/// The directories in a directory, by name.
fn inside(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort_unstable();
    found
}

fn streams_of(directory: &Path, account: Option<&str>) -> Vec<Stream> {
    inside(directory).iter().filter_map(|stream| Stream::of_server(stream, account)).collect()
}

fn account_of(directory: &Path) -> Vec<Stream> {
    let name = directory.file_name().and_then(|name| name.to_str());
    streams_of(&directory.join("streams"), name)
}

fn accounts_of(directory: &Path) -> Vec<Stream> {
    inside(directory).iter().flat_map(|account| account_of(account)).collect()
}

/// The streams of a directory: the directory of one, of several (`streams`), of an account, of all accounts
/// (`jetstream`), of a server; a backup, or a directory of backups. None where it is none of these.
pub fn streams(directory: &Path) -> Vec<Stream> {
    if let Some(stream) = Stream::of_backup(directory).or_else(|| Stream::of_server(directory, None)) {
        return vec![stream];
    }
    let readings: [&dyn Fn() -> Vec<Stream>; 5] = [
        &|| account_of(directory),
        &|| if directory.ends_with("streams") { streams_of(directory, None) } else { Vec::new() },
        &|| accounts_of(directory),
        &|| accounts_of(&directory.join("jetstream")),
        // A directory where a backup lies among other things is not a store.
        &|| inside(directory).iter().map(|backup| Stream::of_backup(backup)).collect::<Option<_>>().unwrap_or_default(),
    ];
    readings.iter().map(|reading| reading()).find(|streams| !streams.is_empty()).unwrap_or_default()
}
