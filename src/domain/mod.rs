//! Plain data: what every layer speaks in.
//!
//! Nothing here reads, writes, waits, or knows what time it is. Values are cheap to clone and safe to send.

pub mod address;
pub mod cancel;
pub mod caveat;
pub mod disorder;
pub mod event;
pub mod failure;
pub mod json;
pub mod names;
pub mod part;
pub mod patch;
pub mod path;
pub mod path_glob;
pub mod payload;
pub mod pick;
pub mod place;
pub mod query;
pub mod report;
pub mod shape;
pub mod shell;
pub mod stream;
pub mod text;
pub mod time;
pub mod unjudged;
pub mod words;

pub use cancel::Cancel;
pub use caveat::{Caveat, CaveatKind};
pub use disorder::{Disorder, Moved, ShownBy};
pub use event::{Event, Note, NoteKind, Position, Trouble, Version};
pub use failure::{Failure, FailureKind};
pub use json::{Json, JsonError, Number, Parser};
pub use part::Part;
pub use patch::{Patch, State};
pub use path::{Path, Step};
pub use path_glob::PathGlob;
pub use payload::{Form, Payload};
pub use pick::{Asked, Picked};
pub use place::Place;
pub use query::{
    About, Anchor, Beside, Candidate, DeclaredStream, Destination, Direction, EventPage, EventQuery, LeftOut, Pattern,
    Progress, RecordedState, RecordedStates, Scope, SearchStep, SourceChange, Spelled, StoredSnapshot, StreamKind,
    StreamPage, StreamSummary,
};
pub use stream::{OtherKey, StreamKey, StreamName, Than};
pub use time::Timestamp;
pub use unjudged::Unjudged;
