//! From an address to an opened source.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::allowance::{Allowance, Limits};
use super::feed::Feed;
use super::input::Input;
use super::live::{self, Before, Parts};
use super::looking::Looking;
use super::recognise::{Recognised, recognise};
use super::steady::Steady;
use super::{Source, chunks, delimited, documents, dumps, embedded, files, jetstream, layouts, sqlite, unpack};
use crate::domain::{Failure, FailureKind, address};
use crate::regular;

/// How to open an address.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Which fields of a file hold the parts of an event, as the user wrote it: `stream=.aggregate.id,type=.kind`.
    pub map: Option<String>,
    /// The layout to read by, whatever is recognised: a name, or a file of the user's.
    pub layout: Option<OsString>,
    /// Where the user's own layouts are.
    pub layouts: Option<PathBuf>,
    /// Where indexes may be kept; none is when it is left out.
    pub cache: Option<PathBuf>,
    /// From how many bytes on a file is worth an index that is kept; 4 MiB when it is left out.
    pub keep_from: Option<u64>,
    /// How many bytes may come out of what is packed, whatever it is packed to; the usual bounds when it is left out.
    pub allow_unpacked: Option<u64>,
    /// Follows, counts and ends the finding out what it is.
    pub looking: Looking,
}

/// How often something may be packed into something packed.
const PACKED: usize = 3;

/// What an address was found to be.
pub(super) struct Opened {
    /// What answers.
    pub source: Arc<dyn Source>,
    /// Whether it is lines in a file of text, every one of which ends when it is whole.
    pub lines: bool,
    /// Whether it is a database, whose file may become shorter while every row stays.
    pub paged: bool,
    /// The bytes that come out, where it was packed.
    pub packed: Option<Arc<Feed>>,
    /// Whether what is added to it is found by the source itself.
    grows: bool,
}

impl Opened {
    /// What lies in a folder.
    fn folder(source: Arc<dyn Source>, grows: bool) -> Self {
        Self { source, lines: false, paged: false, packed: None, grows }
    }
}

/// Opens a file, a directory that is an event store, or `-` (standard input). What is opened by its name is followed when
/// it changes.
///
/// # Errors
/// When there is nothing at the address, it may not be read, or nothing in it can be understood.
pub fn open(address: impl AsRef<OsStr>, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let address = address.as_ref();
    let name = &*address::shown(address);
    if address == "-" {
        return open_pipe(std::io::stdin(), "standard input", options);
    }
    if address.is_empty() {
        return Err(Failure::new(FailureKind::Usage, "stepback", "open it", "the name is empty"));
    }
    let path = Path::new(address);
    if let Some(why) = address::no_path(&address.to_string_lossy()).filter(|_| !path.exists()) {
        let failure = Failure::new(FailureKind::Unsupported, name, "open", why);
        return Err(failure.hint("open a dump of it, or its folder"));
    }
    // Looked at before it is opened: opening a FIFO waits, and opening a device may do anything.
    let kind = std::fs::metadata(path).map_err(|e| Failure::io(name, "open", &e))?.file_type();
    if kind.is_fifo() {
        let pipe = pipe(path).map_err(|e| Failure::io(name, "open", &e))?;
        return open_pipe(pipe, name, options);
    }
    let parts = parts(path, kind.is_dir());
    let before = Before::of(address, parts);
    let opened = opened(address, options)?;
    Ok(if opened.grows { opened.source } else { live::watched(address, options, parts, &before, opened) })
}

/// What the files at an address look like now: to be asked, after an answer, whether they stood still. Nothing is known of
/// what came through a pipe: it cannot change.
pub fn steady(address: &OsStr) -> Steady {
    let path = Path::new(address);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() || metadata.is_dir() => {
            Steady::of(path, &parts(path, metadata.is_dir())(path))
        }
        _ => Steady::default(),
    }
}

/// Which files a store consists of.
fn parts(path: &Path, is_directory: bool) -> Parts {
    match is_directory {
        false => live::file,
        true if chunks::is_store(path) => chunks::files,
        true if jetstream::is_store(path) => jetstream::files,
        true if dumps::is_directory(path) => dumps::directory_files,
        true => documents::export_files,
    }
}

/// Opens a regular file or a directory as it is now.
///
/// # Errors
/// As [`open`].
pub(super) fn opened(address: &OsStr, options: &OpenOptions) -> Result<Opened, Failure> {
    let path = Path::new(address);
    let name = &*address::shown(address);
    let unsupported = |why: &str| Failure::new(FailureKind::Unsupported, name, "open", why);
    let io = |e: std::io::Error| Failure::io(name, "open", &e);
    let kind = std::fs::metadata(path).map_err(io)?.file_type();
    if kind.is_dir() {
        return open_directory(path, options);
    }
    if let Some(what) = regular::special(kind) {
        return Err(unsupported(&format!("it is {what}")));
    }
    let file = regular::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
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
    Ok(open_input(Input::of_pipe(pipe, name)?, options)?.source)
}

/// A layout that was asked for.
///
/// # Errors
/// When there is none of that name, whatever the source is.
fn asked_for(options: &OpenOptions) -> Result<(), Failure> {
    let Some(asked) = &options.layout else { return Ok(()) };
    layouts::exists(&layouts::Catalogue::read(options.layouts.as_deref()), asked)
}

/// What has no tables is read by no layout.
///
/// # Errors
/// When one was asked for.
fn no_layout(options: &OpenOptions, what: &str) -> Result<(), Failure> {
    match options.layout {
        None => Ok(()),
        Some(_) => {
            let why = format!("a layout is for tables, and this is {what}: --layout has nothing to say of it");
            Err(Failure::new(FailureKind::Usage, "stepback", "use a layout", why))
        }
    }
}

/// Opens by what is in it, never by what it is called.
fn open_input(input: Input, options: &OpenOptions) -> Result<Opened, Failure> {
    asked_for(options)?;
    let allowance = Allowance::new(Limits::allowed(options.allow_unpacked));
    let mut input = input.looked_at(&options.looking, allowance);
    loop {
        let (head, whole) = input.head()?;
        let failure = |kind, why: &str| Failure::new(kind, input.feed.name(), "open", why);
        let packed = (!input.packed.is_empty()).then(|| input.feed.clone());
        let (mut lines, mut grows) = (false, false);
        let recognised = recognise(&head, whole);
        input.looking.tries(&recognised.words());
        if recognised.is_certain() {
            input.allowance.is_worth_it();
        }
        let source: Result<Arc<dyn Source>, Failure> = match recognised {
            Recognised::Empty => Err(failure(FailureKind::Malformed, "there is nothing in it")),
            Recognised::Foreign(foreign) => {
                let why = format!("it is {}, and no event store", foreign.what);
                Err(failure(FailureKind::Malformed, &why).hint(foreign.hint.replace("FILE", input.feed.name())))
            }
            Recognised::Packed(packing) if input.packed.len() < PACKED => {
                let inside = unpack::unpacked(&input, packing)?;
                input = inside;
                continue;
            }
            Recognised::Packed(_) => {
                Err(failure(FailureKind::Malformed, &format!("it is packed more than {PACKED} times"))
                    .hint("unpack it once and open what comes out"))
            }
            Recognised::Sqlite => layouts::open_kept(input, &sqlite::FILE, options),
            Recognised::PostgresCustom => layouts::open_kept(input, &dumps::CUSTOM, options),
            Recognised::PostgresTar => layouts::open_kept(input, &dumps::TAR, options),
            Recognised::Sql => {
                lines = packed.is_none();
                layouts::open_kept(input, &dumps::TEXT, options)
            }
            Recognised::Delimited => {
                lines = packed.is_none();
                layouts::open_kept(input, &delimited::FILE, options)
            }
            Recognised::Document => documents::open(input, options),
            Recognised::Lines if documents::is_mapped_into_text(&input, options)? => {
                documents::lines_in_text(input, options)
            }
            Recognised::Lines => {
                grows = input.path.is_some();
                files::open(input, options)
            }
        };
        let source = source?;
        // What can be read by its beginning alone are tables.
        if !recognised.is_certain() {
            no_layout(options, &recognised.words())?;
        }
        let paged = recognised == Recognised::Sqlite && packed.is_none();
        return Ok(Opened { source, lines, paged, packed, grows });
    }
}

/// A pipe to read from, such as a shell's `<(zcat dump.jsonl.gz)`. Opening it never waits; reading it waits for whoever
/// will write to it.
fn pipe(path: &Path) -> std::io::Result<Fifo> {
    use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
    let pipe = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    fcntl_setfl(&pipe, OFlags::empty())?;
    Ok(Fifo { pipe: pipe.into(), is_written: false })
}

/// A pipe that was opened without waiting. Before its first writer it reads as if it had ended.
struct Fifo {
    pipe: File,
    is_written: bool,
}

impl std::io::Read for Fifo {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        if !self.is_written {
            // It has something, or its writer has come and gone; until then it says neither.
            poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], None)?;
            self.is_written = true;
        }
        self.pipe.read(bytes)
    }
}

/// Opens a directory that is a store. Which stores are directories is decided here, one line each.
fn open_directory(path: &Path, options: &OpenOptions) -> Result<Opened, Failure> {
    let folder = |source| Opened::folder(source, false);
    // What may not be looked into looks like nothing at all to whoever recognises it.
    let looked = std::fs::read_dir(path).and_then(|_| std::fs::metadata(path.join(".")));
    looked.map_err(|error| Failure::io(address::shown(path), "look into it", &error))?;
    asked_for(options)?;
    if !dumps::is_directory(path) {
        no_layout(options, "a folder without any")?;
    }
    if options.map.is_some() && (embedded::is_store(path) || chunks::is_store(path) || jetstream::is_store(path)) {
        let why = "a store like this says itself what its events are: --map has nothing to say of it";
        return Err(Failure::new(FailureKind::Usage, address::shown(path), "open", why));
    }
    if embedded::is_store(path) {
        return Ok(Opened::folder(Arc::new(embedded::Embedded::open(path)?), true));
    }
    if chunks::is_store(path) {
        return chunks::open(path).map(folder);
    }
    if jetstream::is_store(path) {
        return jetstream::open(path).map(folder);
    }
    if documents::is_export(path) {
        return documents::open_export(path, options).map(folder);
    }
    if dumps::is_directory(path) {
        return layouts::open(dumps::directory_input(path)?, dumps::open_directory, options).map(folder);
    }
    let address = address::shown(path);
    Err(Failure::new(FailureKind::Unsupported, address, "open", "it is a directory, and no event store")
        .hint("name a file in it"))
}
