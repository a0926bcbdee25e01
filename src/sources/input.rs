//! What is opened: a file's bytes and how it is called, before anybody knows what is in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::allowance::Allowance;
use super::feed::Feed;
use super::identity::Identity;
use super::looking::Looking;
use crate::domain::{Failure, address};

/// How much is read to tell what it is.
pub const HEAD: u64 = 64 << 10;
/// How long a pipe may take to fill the head once it has given a line.
const PATIENCE: Duration = Duration::from_millis(300);

/// An opened file or pipe.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its bytes, unpacked.
    pub feed: Arc<Feed>,
    /// How it is shown: the file's name without its directories.
    pub name: String,
    /// The name without its last extension; what a stream without a name is called.
    pub stem: String,
    /// Where the file lies, when its bytes are those of the feed: not for pipes and unpacked files.
    pub path: Option<PathBuf>,
    /// What it was packed in, outermost first: `gzip`.
    pub packed: Vec<&'static str>,
    /// Who finds out what it is.
    pub looking: Looking,
    /// How much may come out of it where it is packed.
    pub allowance: Allowance,
}

impl Input {
    /// A regular file of this length.
    pub fn of_file(file: File, length: u64, address: impl AsRef<Path>) -> Self {
        let path = address.as_ref();
        let address = &*address::shown(path);
        let name = path.file_name().map_or_else(|| address.into(), address::shown);
        // Streams may be named after it: it says what it says.
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_else(|| name.clone());
        let feed = Feed::of_file(file, address, length);
        feed.stands_for(Identity::of(path.to_path_buf()).map(Arc::new));
        Self::of_feed(feed, name, stem, Some(path.to_path_buf()))
    }

    /// What comes out of a pipe; it is kept in an unlinked temporary file while it is read.
    ///
    /// # Errors
    /// When there is no room for that.
    pub fn of_pipe(pipe: impl std::io::Read + Send + 'static, name: &str) -> Result<Self, Failure> {
        let feed = Feed::of_pipe(pipe, name)?;
        Ok(Self::of_feed(feed, name.into(), "stdin".into(), None))
    }

    /// What is in a feed.
    pub fn of_feed(feed: Arc<Feed>, name: String, stem: String, path: Option<PathBuf>) -> Self {
        let (looking, allowance) = (Looking::default(), Allowance::default());
        Self { feed, name, stem, path, packed: Vec::new(), looking, allowance }
    }

    /// The same, looked at by this one, and with as much to come out as is allowed.
    pub fn looked_at(mut self, looking: &Looking, allowance: Allowance) -> Self {
        self.looking = looking.clone();
        self.allowance = allowance;
        self.feed.looked_at_by(looking);
        self
    }

    /// It is known what it is: from now on it is read and unpacked as far as it goes.
    pub fn recognised(&self) {
        self.looking.end();
        self.allowance.is_worth_it();
    }

    /// Its beginning, at most [`HEAD`] bytes, and whether that is all of it. A pipe is not waited for longer than a person
    /// likes to wait, once it has given a line.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<(Vec<u8>, bool), Failure> {
        let arrived = self.feed.wait_for_beginning(HEAD, PATIENCE);
        if let (0, Some(failed)) = (arrived.upto, &arrived.failed) {
            return Err(failed.clone());
        }
        let mut head = vec![0; arrived.upto.min(HEAD) as usize];
        let count = self.feed.read_at(0, &mut head).map_err(|e| self.feed.failure(&e))?;
        head.truncate(count);
        Ok((head, arrived.finished && arrived.upto <= HEAD))
    }
}
