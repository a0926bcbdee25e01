//! How much may come out of what is packed, however often it is packed and whatever unpacks it.
//!
//! Invariant: what comes out is counted over all layers, and compared with the bytes of the outermost one: a few kilobytes
//! of gzip in gzip stand for gigabytes, and neither layer alone looks like it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::domain::{Failure, FailureKind, words};

/// How many bytes may come out, unless the user allows more.
const MOST: u64 = 64 << 30;
/// How many bytes may come out for each that is packed, once there are [`SMALL`] of them. Text of real stores packs 5 to 40
/// times, and repetitions of a single record a few hundred.
const RATIO: u64 = 1000;
/// Below this the ratio says nothing.
const SMALL: u64 = 64 << 20;

/// What comes out of a packed source. Clones are the same source.
#[derive(Clone, Debug)]
pub struct Allowance(Arc<State>);

#[derive(Debug)]
struct State {
    limits: Limits,
    /// Bytes of the outermost layer that were taken.
    taken: AtomicU64,
    /// Bytes that came out, of all layers.
    out: AtomicU64,
    /// Whether it is known what is inside.
    known: AtomicBool,
}

/// How much may come out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// In all.
    pub most: u64,
    /// For each packed byte, beyond `small`.
    pub ratio: u64,
    /// So much may come out of anything.
    pub small: u64,
    /// Whether the user said so.
    pub said: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { most: MOST, ratio: RATIO, small: SMALL, said: false }
    }
}

impl Limits {
    /// What the user allows: so much, whatever it is packed to. Nothing said is the usual.
    pub fn allowed(bytes: Option<u64>) -> Self {
        bytes.map_or_else(Self::default, |most| Self { most, ratio: u64::MAX, small: most, said: true })
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Allowance {
    /// Nothing has come out yet.
    pub fn new(limits: Limits) -> Self {
        let (taken, out, known) = Default::default();
        Self(Arc::new(State { limits, taken, out, known }))
    }

    /// So many bytes of the outermost layer were taken.
    pub fn took(&self, upto: u64) {
        self.0.taken.fetch_max(upto, Ordering::Relaxed);
    }

    /// It is known what is inside: from now on as much is unpacked as is allowed.
    pub fn is_worth_it(&self) {
        self.0.known.store(true, Ordering::Relaxed);
    }

    /// Whether it is known what is inside.
    pub fn is_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed)
    }

    /// Whether the user said how much may come out.
    pub fn is_said(&self) -> bool {
        self.0.limits.said
    }

    /// How far is looked for something that is known, where what comes out does not begin with it.
    pub fn search(&self, first: u64) -> u64 {
        if self.0.limits.said { self.0.limits.most } else { first }
    }

    /// Counts what came out.
    ///
    /// # Errors
    /// When that is more than may come out; `layers` are the names of what it is packed in.
    pub fn came_out(&self, count: u64, source: &str, layers: &str) -> Result<(), Failure> {
        let State { limits, taken, out, .. } = &*self.0;
        let (out, taken) = (out.fetch_add(count, Ordering::Relaxed) + count, taken.load(Ordering::Relaxed));
        let why = if out > limits.most {
            let who = if limits.said { "you allow" } else { "are unpacked" };
            format!(
                "more than {} come out of {} of {layers}, and no more {who}",
                words::size(limits.most),
                words::size(taken)
            )
        } else if out > limits.small && out / limits.ratio > taken {
            let times = limits.ratio;
            let (taken, out) = (words::size(taken), words::size(out));
            format!("{out} came out of {taken} of {layers}, more than {times} times as much: no store packs like that")
        } else {
            return Ok(());
        };
        let why = format!("{why}; the rest was refused");
        Err(Failure::new(FailureKind::Unsupported, source, "unpack", why)
            .hint("if you trust it, say how much may come out: `--allow-unpacked 20G`"))
    }
}
