//! The bytes of an opened file, read by position: of a regular file at once (and what it grows by, when somebody looked),
//! of a pipe as they arrive.
//!
//! A pipe is copied into a temporary file without a name while it is read, so that everything above reads one way. It is
//! not a cache: it is gone with the process.
//!
//! Invariant: bytes below [`Arrived::upto`] can be read, unless somebody changed the file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::allowance::Allowance;
use super::identity::Identity;
use super::looking::Looking;
use crate::domain::{About, Cancel, Failure, SourceChange};

/// How much of the beginning is kept while it is found out what it is: it is looked at many times, and read once.
const BEGINNING: usize = 64 << 10;
/// How much is unpacked before anybody asked for it, while it is found out what it is.
pub const FIRST: u64 = 1 << 20;
/// How long unpacking rests before it looks whether more is wanted.
const REST: Duration = Duration::from_millis(2);

/// How long a wait lasts before it looks at its token.
const TICK: Duration = Duration::from_millis(50);

/// How much of the bytes is there.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// Up to where they can be read.
    pub upto: u64,
    /// Whether no more will come.
    pub finished: bool,
    /// Why no more will come, when that is not the end.
    pub failed: Option<Failure>,
}

/// What a feed and whoever fills it tell each other beside the bytes.
#[derive(Debug, Default)]
pub struct Aside {
    stop: AtomicBool,
    remarks: Mutex<Vec<Remark>>,
    /// The same of what it comes out of, where that came out of something too.
    outer: Option<Arc<Aside>>,
    /// Of what is unpacked: until it is known what it is, no more comes out than somebody asked for.
    allowance: Option<Allowance>,
    /// Up to where somebody asked for bytes.
    wanted: AtomicU64,
}

impl Aside {
    /// Of what is unpacked, and comes out of something of which this is told.
    pub fn unpacked(allowance: &Allowance, outer: &Arc<Self>) -> Self {
        Self { allowance: Some(allowance.clone()), outer: Some(outer.clone()), ..Self::default() }
    }

    fn want(&self, upto: u64) {
        self.wanted.fetch_max(upto, Ordering::Relaxed);
    }

    /// Whether what comes out goes into the file already.
    fn is_let_go(&self, upto: u64) -> bool {
        self.allowance.as_ref().is_none_or(Allowance::is_known)
            || upto < self.wanted.load(Ordering::Relaxed).saturating_add(FIRST)
            || self.stop.load(Ordering::Relaxed)
    }

    /// Set when nobody reads the feed any more.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Notes what the user must know about the bytes.
    pub fn remark(&self, remark: Remark) {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).push(remark);
    }

    /// All that was noted, of the outermost first.
    fn remarks(&self) -> Vec<Remark> {
        let mut remarks = self.outer.as_ref().map_or(Vec::new(), |outer| outer.remarks());
        remarks.extend(self.remarks.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        remarks
    }
}

/// What the user must know about bytes that came out of others.
#[derive(Clone, Debug)]
pub enum Remark {
    /// Nothing is missing.
    Harmless(String),
    /// Some are missing, or not what was packed.
    Damage(String),
}

/// An opened file.
#[derive(Debug)]
pub struct Feed {
    file: File,
    name: String,
    pipe: bool,
    arrived: Mutex<Arrived>,
    changed: Condvar,
    aside: Arc<Aside>,
    /// The file behind it, packed or not, as it was when it was opened.
    identity: OnceLock<Arc<Identity>>,
    /// Who finds out what it is.
    looking: OnceLock<Looking>,
    /// The first bytes, while that goes on.
    beginning: Mutex<Vec<u8>>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.aside.stop.store(true, Ordering::Relaxed);
    }
}

impl Feed {
    /// A regular file of this length.
    pub fn of_file(file: File, name: &str, length: u64) -> Arc<Self> {
        let arrived = Arrived { upto: length, finished: true, failed: None };
        Arc::new(Self {
            file,
            name: name.into(),
            pipe: false,
            arrived: arrived.into(),
            changed: Condvar::new(),
            aside: Arc::default(),
            identity: OnceLock::new(),
            looking: OnceLock::new(),
            beginning: Mutex::default(),
        })
    }

    /// From now on, until it is known what it is, reads are counted there, and end when nobody wants to know.
    pub fn looked_at_by(&self, looking: &Looking) {
        looking.there_are(self.arrived().upto);
        // The first one stays.
        let _ = self.looking.set(looking.clone());
    }

    /// Who finds out what it is, while that is not known.
    fn looking(&self) -> Option<&Looking> {
        self.looking.get().filter(|looking| !looking.is_over())
    }

    /// Remembers which file is behind it.
    pub fn stands_for(&self, identity: Option<Arc<Identity>>) {
        if let Some(identity) = identity {
            // The first one stays.
            let _ = self.identity.set(identity);
        }
    }

    /// The file behind it, where there is one.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.get().cloned()
    }

    /// What became of the file behind it. For those who cannot go on reading where it grew.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn look(&self) -> Result<SourceChange, Failure> {
        self.identity.get().map_or(Ok(SourceChange::Same), |identity| identity.look())
    }

    /// What comes out of a pipe, copied by a thread of its own.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn of_pipe(pipe: impl Read + Send + 'static, name: &str) -> Result<Arc<Self>, Failure> {
        Self::of_reader(pipe, name, "stdin", Arc::default())
    }

    /// What a reader of ours gives, copied by a thread of this name. The reader looks at `aside` where it may wait, and
    /// fails with a [`Failure`] inside its error where it has one.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn of_reader(
        mut pipe: impl Read + Send + 'static,
        name: &str,
        thread: &str,
        aside: Arc<Aside>,
    ) -> Result<Arc<Self>, Failure> {
        let failed = |e: io::Error| {
            Failure::writing(name, "keep what is read", &e)
                .hint("stepback needs a directory for temporary files: see TMPDIR")
        };
        let file = tempfile::tempfile().map_err(failed)?;
        let mut spool = file.try_clone().map_err(failed)?;
        let arrived = Mutex::default();
        let feed = Arc::new(Self {
            file,
            name: name.into(),
            pipe: true,
            arrived,
            changed: Condvar::new(),
            aside,
            identity: OnceLock::new(),
            looking: OnceLock::new(),
            beginning: Mutex::default(),
        });
        let weak = Arc::downgrade(&feed);
        let waiting = feed.aside.clone();
        let name = name.to_owned();
        let copying = move || {
            let mut buffer = vec![0; 256 << 10];
            let mut upto = 0;
            loop {
                while !waiting.is_let_go(upto) {
                    thread::sleep(REST);
                }
                let (count, failed) = match pipe.read(&mut buffer) {
                    Ok(count) => match spool.write_all(&buffer[..count]) {
                        Ok(()) => (count, None),
                        Err(e) => {
                            let failure = Failure::writing(name.as_str(), "keep what is read", &e);
                            (0, Some(failure.hint("name a directory with more room for temporary files in TMPDIR")))
                        }
                    },
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => {
                        let own = e.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()).cloned();
                        (0, Some(own.unwrap_or_else(|| Failure::io(name.as_str(), "read", &e))))
                    }
                };
                // Nobody may be left to read for.
                let Some(feed) = weak.upgrade() else { return };
                let mut arrived = feed.lock();
                arrived.upto += count as u64;
                upto = arrived.upto;
                arrived.finished = count == 0;
                arrived.failed = failed;
                feed.changed.notify_all();
                if arrived.finished {
                    return;
                }
            }
        };
        thread::Builder::new().name(thread.into()).spawn(copying).map_err(failed)?;
        Ok(feed)
    }

    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is told of it beside the bytes.
    pub fn aside(&self) -> &Arc<Aside> {
        &self.aside
    }

    /// What the user must know about the bytes, as far as it is known now.
    pub fn remarks(&self) -> Vec<String> {
        let words = |remark| match remark {
            Remark::Harmless(words) | Remark::Damage(words) => words,
        };
        self.aside.remarks().into_iter().map(words).collect()
    }

    /// Those of the remarks that say that bytes are missing or wrong.
    pub fn damage(&self) -> Vec<String> {
        let damage = |remark| match remark {
            Remark::Damage(words) => Some(words),
            Remark::Harmless(_) => None,
        };
        self.aside.remarks().into_iter().filter_map(damage).collect()
    }

    /// Adds what must be known about the bytes to what is known of a source in them.
    pub fn tell(&self, about: &mut About) {
        about.caveats.extend(self.remarks().into_iter().map(crate::domain::Caveat::from));
        about.doubts.extend(self.damage());
    }

    /// Whether its length is not known before its end.
    pub fn is_pipe(&self) -> bool {
        self.pipe
    }

    /// What is open now, whatever its name has come to mean.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// A regular file has grown to this length.
    pub fn extend(&self, length: u64) {
        let mut arrived = self.lock();
        arrived.upto = arrived.upto.max(length);
        self.changed.notify_all();
    }

    /// How much is there now.
    pub fn arrived(&self) -> Arrived {
        self.lock().clone()
    }

    /// Waits until there are bytes at or after `offset`, or no more will come, or `stop` is set.
    pub fn wait_beyond(&self, offset: u64, stop: &AtomicBool) -> Arrived {
        self.aside.want(offset);
        let mut arrived = self.lock();
        while arrived.upto <= offset
            && !arrived.finished
            && !stop.load(Ordering::Relaxed)
            && !self.looking().is_some_and(|looking| looking.unwanted().is_cancelled())
        {
            arrived = self.changed.wait_timeout(arrived, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.there_are(&arrived);
        arrived.clone()
    }

    fn there_are(&self, arrived: &Arrived) {
        if let Some(looking) = self.looking() {
            looking.there_are(arrived.upto);
        }
    }

    /// Waits until there are bytes at or after `offset`, or no more will come, but not longer than a moment, so that whoever
    /// waits can look whether it still should.
    pub fn wait_a_moment(&self, offset: u64) -> Arrived {
        self.aside.want(offset);
        let mut arrived = self.lock();
        if arrived.upto <= offset && !arrived.finished {
            arrived = self.changed.wait_timeout(arrived, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.there_are(&arrived);
        arrived.clone()
    }

    /// Waits until there are `enough` bytes, or no more will come, or patience ends and there is a line.
    pub fn wait_for_beginning(&self, enough: u64, patience: Duration) -> Arrived {
        let start = Instant::now();
        let mut looked = 0;
        let mut has_line = false;
        let mut arrived = self.lock();
        loop {
            let has_enough = arrived.upto >= enough || (has_line && start.elapsed() >= patience);
            let is_unwanted = self.looking().is_some_and(|looking| looking.unwanted().is_cancelled());
            if has_enough || arrived.finished || is_unwanted {
                break;
            }
            arrived = self.changed.wait_timeout(arrived, TICK).unwrap_or_else(PoisonError::into_inner).0;
            if !has_line && arrived.upto > looked {
                let mut new = vec![0; (arrived.upto - looked) as usize];
                let count = self.read_at(looked, &mut new).unwrap_or(0);
                has_line = new[..count].contains(&b'\n');
                looked = arrived.upto;
            }
        }
        self.there_are(&arrived);
        arrived.clone()
    }

    /// Fills the buffer from an offset; gives how much there was.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.looking() {
            None => read_at(&self.file, offset, buffer),
            Some(looking) if looking.unwanted().is_cancelled() => {
                Err(io::Error::other(Failure::cancelled(self.name.as_str(), "open")))
            }
            Some(looking) => self.read_counted(looking, offset, buffer),
        }
    }

    /// The same, counted: what is known of the beginning is not read again.
    fn read_counted(&self, looking: &Looking, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= BEGINNING as u64 {
            let count = read_at(&self.file, offset, buffer)?;
            looking.count(count as u64);
            return Ok(count);
        }
        let mut beginning = self.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        let known = usize::try_from(offset).ok().and_then(|at| beginning.get(at..)).unwrap_or_default();
        let copied = known.len().min(buffer.len());
        buffer[..copied].copy_from_slice(&known[..copied]);
        if copied == buffer.len() {
            return Ok(copied);
        }
        let at = offset + copied as u64;
        let count = read_at(&self.file, at, &mut buffer[copied..])?;
        looking.count(count as u64);
        if at == beginning.len() as u64 {
            let room = BEGINNING.saturating_sub(beginning.len()).min(count);
            beginning.extend_from_slice(&buffer[copied..copied + room]);
        }
        Ok(copied + count)
    }

    /// Looks for a line feed from an offset on without keeping what is read. Gives where it is, or where the bytes end.
    /// Waits for bytes that have not arrived. `None` when stopped.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn find_line_feed(&self, mut offset: u64, stop: &AtomicBool) -> io::Result<Option<u64>> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            let arrived = self.wait_beyond(offset, stop);
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if arrived.upto <= offset {
                return Ok(Some(offset));
            }
            let wanted = (arrived.upto - offset).min(buffer.len() as u64) as usize;
            let count = self.read_at(offset, &mut buffer[..wanted])?;
            match memchr::memchr(b'\n', &buffer[..count]) {
                Some(at) => return Ok(Some(offset + at as u64)),
                None if count < wanted => return Ok(Some(offset + count as u64)),
                None => offset += count as u64,
            }
        }
    }

    /// The failure of reading what should be there.
    pub fn failure(&self, error: &io::Error) -> Failure {
        let own = error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>());
        own.cloned().unwrap_or_else(|| Failure::io(self.name.as_str(), "read", error))
    }

    /// A failure when the answer is no longer wanted.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn cancelled(&self, cancel: &Cancel) -> Result<(), Failure> {
        if cancel.is_cancelled() {
            return Err(Failure::cancelled(self.name.as_str(), "read"));
        }
        Ok(())
    }
}

/// Fills the buffer from an offset in a file; gives how much there was.
///
/// # Errors
/// Of the operating system.
pub fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
