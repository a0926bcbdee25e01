//! From an address to an opened source.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::input::Input;
use super::recognise::{Recognised, recognise};
use super::tables::Database;
use super::{Source, chunks, delimited, documents, dumps, embedded, files, jetstream, layouts, sqlite, unpack};
use crate::domain::{Failure, FailureKind};

/// How to open an address.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Which fields of a file hold the parts of an event, as the user wrote it: `stream=.aggregate.id,type=.kind`.
    pub map: Option<String>,
    /// The layout to read by, whatever is recognised: a name, or a file of the user's.
    pub layout: Option<String>,
    /// Where the user's own layouts are.
    pub layouts: Option<PathBuf>,
    /// Where indexes may be kept; none is when it is left out.
    pub cache: Option<PathBuf>,
}

/// Opens the tables of an input; called in the background, and telling how much it has looked at.
pub type Opener = fn(&Input, &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure>;

/// How often something may be packed into something packed.
const PACKED: usize = 3;

/// Opens a file, a directory that is an event store, or `-` (standard input).
///
/// # Errors
/// When there is nothing at the address, it may not be read, or nothing in it can be understood.
pub fn open(address: &str, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    if address == "-" {
        return open_pipe(std::io::stdin(), "standard input", options);
    }
    if address.is_empty() {
        return Err(Failure::new(FailureKind::Usage, "stepback", "open it", "the name is empty"));
    }
    let path = Path::new(address);
    let unsupported = |why: &str| Failure::new(FailureKind::Unsupported, address, "open", why);
    let io = |e: std::io::Error| Failure::io(address, "open", &e);
    // Looked at before it is opened: opening a FIFO waits, and opening a device may do anything.
    let metadata = std::fs::metadata(path).map_err(io)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return open_directory(path, options);
    }
    if kind.is_fifo() {
        return open_pipe(pipe(path).map_err(io)?, address, options);
    }
    if kind.is_char_device() || kind.is_block_device() {
        return Err(unsupported("it is a device"));
    }
    if kind.is_socket() {
        return Err(unsupported("it is a socket"));
    }
    let file = File::open(path).map_err(io)?;
    // Asked again of what is open now: the name may have come to mean something else.
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(unsupported("it is no regular file"));
    }
    open_input(Input::of_file(file, metadata.len(), address), options)
}

/// Opens what comes out of a pipe of this name.
///
/// # Errors
/// As [`open`].
pub fn open_pipe(
    pipe: impl std::io::Read + Send + 'static,
    name: &str,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    open_input(Input::of_pipe(pipe, name)?, options)
}

/// Opens by what is in it, never by what it is called.
fn open_input(mut input: Input, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    loop {
        let (head, whole) = input.head()?;
        let failure = |kind, why: &str| Failure::new(kind, input.feed.name(), "open", why);
        return match recognise(&head, whole) {
            Recognised::Empty => Err(failure(FailureKind::Malformed, "there is nothing in it")),
            Recognised::Foreign(foreign) => {
                let why = format!("it is {}, and no event store", foreign.what);
                Err(failure(FailureKind::Unsupported, &why).hint(foreign.hint.replace("FILE", input.feed.name())))
            }
            Recognised::Packed(packing) if input.packed.len() < PACKED => {
                let inside = unpack::unpacked(&input, packing)?;
                input = inside;
                continue;
            }
            Recognised::Packed(_) => {
                Err(failure(FailureKind::Unsupported, &format!("it is packed more than {PACKED} times")))
            }
            Recognised::Sqlite => layouts::open(input, sqlite::open, options),
            Recognised::PostgresCustom => layouts::open(input, dumps::open_custom, options),
            Recognised::PostgresTar => layouts::open(input, dumps::open_tar, options),
            Recognised::Sql => layouts::open(input, dumps::open_text, options),
            Recognised::Delimited => layouts::open(input, delimited::open, options),
            Recognised::Document => documents::open(input, options),
            Recognised::Lines => files::open(input, options),
        };
    }
}

/// A pipe to read from, such as a shell's `<(zcat dump.jsonl.gz)`. Opening it never waits: one that nobody writes to is
/// empty.
fn pipe(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
    let pipe = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    fcntl_setfl(&pipe, OFlags::empty())?;
    Ok(File::from(pipe))
}

/// Opens a directory that is a store. Which stores are directories is decided here, one line each.
fn open_directory(path: &Path, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    if embedded::is_store(path) {
        return Ok(Arc::new(embedded::Embedded::open(path)?));
    }
    if chunks::is_store(path) {
        return chunks::open(path);
    }
    if jetstream::is_store(path) {
        return jetstream::open(path);
    }
    if documents::is_export(path) {
        return documents::open_export(path, options);
    }
    if dumps::is_directory(path) {
        return layouts::open(dumps::directory_input(path)?, dumps::open_directory, options);
    }
    let address = path.display().to_string();
    Err(Failure::new(FailureKind::Unsupported, address, "open", "it is a directory, and no event store")
        .hint("name a file in it"))
}
