//! From an address to an opened source.

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use super::{Source, embedded, files};
use crate::domain::{Failure, FailureKind};

/// How to open an address.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Which fields of a file hold the parts of an event, as the user wrote it: `stream=.aggregate.id,type=.kind`.
    pub map: Option<String>,
}

/// Opens a file, a directory that is an embedded store, or `-` (standard input).
///
/// # Errors
/// When there is nothing at the address, it may not be read, or nothing in it can be understood.
pub fn open(address: &str, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    if address == "-" {
        return files::open_stdin(std::io::stdin(), options);
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
        return files::open_pipe(pipe(path).map_err(io)?, address, options);
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
    files::open_file(file, metadata.len(), address, options)
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
fn open_directory(path: &Path, _options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    if embedded::is_store(path) {
        return Ok(Arc::new(embedded::Embedded::open(path)?));
    }
    let address = path.display().to_string();
    Err(Failure::new(FailureKind::Unsupported, address, "open", "it is a directory, and no event store")
        .hint("name a file in it"))
}
