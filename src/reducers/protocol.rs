//! The language between this program and the process that folds for it: frames over two pipes.
//!
//! ```text
//! frame  = length (u32, of what follows) kind (u8) body
//! text   = length (u32) UTF-8
//! ```
//!
//! All numbers are little-endian. The worker speaks first: `Hello` with the version of this protocol, its engine, and how
//! far it has locked itself in. Then every request is answered by exactly one final answer (`Done`, `Failed`, `Applied`,
//! `State`, `Gone`), requests in their order; in between it may say `Working` (it is at work, within its time), `At` (it now
//! begins this event, when it was asked to be careful) or `Stuck` (the event it is at has used up its time and does not
//! come back: whoever hears this kills it). A worker ends when its input does.
//!
//! Payloads cross as the JSON text they are stored as. Nothing that arrives is trusted: every length is checked against
//! what is there, and a frame larger than its limit is an error before it is read.

use std::fmt;

/// What is spoken here. A worker of another version is refused.
pub const VERSION: u32 = 1;

/// The first bytes of a `Hello`.
pub const MAGIC: &[u8; 8] = b"stepback";

/// The largest state that is taken, in bytes of JSON text.
pub const MAX_STATE: usize = 64 << 20;

/// The largest answer: a state with its numbers' places, and a margin.
pub const MAX_ANSWER: usize = 2 * MAX_STATE;

/// The largest request: one event of this size can still be folded.
pub const MAX_REQUEST: usize = 256 << 20;

/// Error messages are cut to this many bytes.
pub const MAX_MESSAGE: usize = 4 << 10;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the protocol is broken: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// What went wrong in a script, and where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The words.
    pub message: String,
    /// Line (from 1) and column (from 1; 0 when unknown).
    pub place: Option<(u32, u32)>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None }
    }
}

/// What is asked of a worker.
#[derive(Clone, PartialEq, Debug)]
pub enum Request<'a> {
    /// Take this script. Answered by `Done` or `Failed`.
    Load {
        /// The time for folding one event, in microseconds.
        event_micros: u64,
        /// The time for everything else that runs the script once, in microseconds.
        call_micros: u64,
        /// The memory of the engine, in bytes.
        memory: u64,
        /// The script.
        source: &'a str,
    },
    /// Begin with the initial state of this stream. Answered by `Done` or `Failed`.
    StartInitial {
        /// The stream.
        stream: &'a str,
    },
    /// Begin with this state. Answered by `Done` or `Failed`.
    StartResume {
        /// The stream.
        stream: &'a str,
        /// The state as JSON text; `None` when the entity does not exist.
        state: Option<&'a str>,
        /// The places (ascending, counted over all numbers of the text) of integers that are exact although small.
        exact: Vec<u32>,
    },
    /// Fold these events. Answered by `Applied` or `Gone`.
    Apply {
        /// Whether each event is to be announced by `At`.
        careful: bool,
        /// The events, see [`write_event`].
        events: &'a [u8],
    },
    /// Give the state. Answered by `State` or `Failed`.
    State,
}

/// What a worker says.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// Its first words.
    Hello {
        /// The version it speaks.
        version: u32,
        /// What runs the scripts.
        engine: String,
        /// How far it is locked in.
        sandbox: Sandbox,
    },
    /// It is done.
    Done,
    /// It could not be done; the worker can go on.
    Failed(Problem),
    /// The events are folded.
    Applied {
        /// Those that could not be, by their index.
        faults: Vec<(u32, Problem)>,
        /// What the script wrote to its console.
        console: String,
    },
    /// The state.
    State {
        /// As JSON text; `None` when the entity does not exist.
        text: Option<String>,
        /// As in `StartResume`.
        exact: Vec<u32>,
    },
    /// It is at work, within its time.
    Working,
    /// It begins this event.
    At(u32),
    /// It hangs, in this event if any.
    Stuck(Option<u32>),
    /// The state is lost, by this event: begin anew.
    Gone {
        /// The event.
        at: u32,
        /// Why.
        problem: Problem,
    },
}

/// How far a worker is locked in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// By nothing but its engine.
    None,
    /// By some of what was asked of the system.
    Partial,
    /// By all of it.
    Full,
}

/// The lock and its weak spots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sandbox {
    /// How far.
    pub level: Level,
    /// What is missing, for a person; empty when nothing is.
    pub missing: String,
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::None => "none",
            Level::Partial => "partial",
            Level::Full => "full",
        })?;
        if !self.missing.is_empty() {
            write!(f, " (missing: {})", self.missing)?;
        }
        Ok(())
    }
}

/// An event as it crosses.
#[derive(Clone, PartialEq, Debug)]
pub struct EventRecord<'a> {
    /// Its index among the events of the caller.
    pub index: u32,
    /// Its stream, where it differs from the event before it (or, first of a request, from the stream of the start).
    pub stream: Option<&'a str>,
    /// Its type.
    pub event_type: &'a str,
    /// Its version.
    pub version: u64,
    /// Its position.
    pub position: PositionRecord<'a>,
    /// Its id.
    pub id: Option<&'a str>,
    /// Its time, ISO 8601.
    pub time: Option<&'a str>,
    /// Its data.
    pub data: PayloadRecord<'a>,
    /// Its metadata.
    pub metadata: PayloadRecord<'a>,
}

/// A position as it crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PositionRecord<'a> {
    /// A number.
    Number(u64),
    /// Text.
    Text(&'a str),
}

/// A payload as it crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadRecord<'a> {
    /// Nothing.
    Absent,
    /// JSON text, not checked.
    Json(&'a [u8]),
    /// Not JSON, and why.
    Broken(&'a str),
}

const LOAD: u8 = 1;
const START_INITIAL: u8 = 2;
const START_RESUME: u8 = 3;
const APPLY: u8 = 4;
const STATE: u8 = 5;

const HELLO: u8 = 64;
const DONE: u8 = 65;
const FAILED: u8 = 66;
const APPLIED: u8 = 67;
const STATE_IS: u8 = 68;
const WORKING: u8 = 69;
const AT: u8 = 70;
const STUCK: u8 = 71;
const GONE: u8 = 72;

/// Appends one frame whose body `fill` writes; returns what `fill` does.
fn write_frame<T>(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    let filled = fill(out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    filled
}

/// Appends an `Apply` whose events `fill` writes, each by [`write_event`]; returns what `fill` does.
pub fn write_apply<T>(out: &mut Vec<u8>, careful: bool, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    write_frame(out, APPLY, |out| {
        out.push(u8::from(careful));
        fill(out)
    })
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_bytes(out, text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn write_option(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            write_text(out, text);
        }
    }
}

fn write_problem(out: &mut Vec<u8>, problem: &Problem) {
    let mut end = problem.message.len().min(MAX_MESSAGE);
    while !problem.message.is_char_boundary(end) {
        end -= 1;
    }
    write_text(out, &problem.message[..end]);
    let (line, column) = problem.place.unwrap_or_default();
    out.extend_from_slice(&line.to_le_bytes());
    out.extend_from_slice(&column.to_le_bytes());
}

fn write_places(out: &mut Vec<u8>, places: &[u32]) {
    out.extend_from_slice(&(places.len() as u32).to_le_bytes());
    places.iter().for_each(|place| out.extend_from_slice(&place.to_le_bytes()));
}

/// Appends an event to the events of an `Apply`.
pub fn write_event(out: &mut Vec<u8>, event: &EventRecord<'_>) {
    out.extend_from_slice(&event.index.to_le_bytes());
    write_option(out, event.stream);
    write_text(out, event.event_type);
    out.extend_from_slice(&event.version.to_le_bytes());
    match event.position {
        PositionRecord::Number(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        PositionRecord::Text(text) => {
            out.push(1);
            write_text(out, text);
        }
    }
    write_option(out, event.id);
    write_option(out, event.time);
    for payload in [event.data, event.metadata] {
        match payload {
            PayloadRecord::Absent => out.push(0),
            PayloadRecord::Json(text) => {
                out.push(1);
                write_bytes(out, text);
            }
            PayloadRecord::Broken(reason) => {
                out.push(2);
                write_text(out, reason);
            }
        }
    }
}

impl Request<'_> {
    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Load { event_micros, call_micros, memory, source } => write_frame(out, LOAD, |out| {
                for number in [event_micros, call_micros, memory] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
                write_text(out, source);
            }),
            Self::StartInitial { stream } => write_frame(out, START_INITIAL, |out| write_text(out, stream)),
            Self::StartResume { stream, state, exact } => write_frame(out, START_RESUME, |out| {
                write_text(out, stream);
                write_option(out, *state);
                write_places(out, exact);
            }),
            Self::Apply { careful, events } => write_apply(out, *careful, |out| out.extend_from_slice(events)),
            Self::State => write_frame(out, STATE, |_| ()),
        }
    }
}

impl Answer {
    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello { version, engine, sandbox } => write_frame(out, HELLO, |out| {
                out.extend_from_slice(MAGIC);
                out.extend_from_slice(&version.to_le_bytes());
                write_text(out, engine);
                out.push(sandbox.level as u8);
                write_text(out, &sandbox.missing);
            }),
            Self::Done => write_frame(out, DONE, |_| ()),
            Self::Failed(problem) => write_frame(out, FAILED, |out| write_problem(out, problem)),
            Self::Applied { faults, console } => write_frame(out, APPLIED, |out| {
                out.extend_from_slice(&(faults.len() as u32).to_le_bytes());
                for (index, problem) in faults {
                    out.extend_from_slice(&index.to_le_bytes());
                    write_problem(out, problem);
                }
                write_text(out, console);
            }),
            Self::State { text, exact } => write_frame(out, STATE_IS, |out| {
                write_option(out, text.as_deref());
                write_places(out, exact);
            }),
            Self::Working => write_frame(out, WORKING, |_| ()),
            Self::At(index) => write_frame(out, AT, |out| out.extend_from_slice(&index.to_le_bytes())),
            Self::Stuck(index) => {
                write_frame(out, STUCK, |out| out.extend_from_slice(&index.unwrap_or(u32::MAX).to_le_bytes()))
            }
            Self::Gone { at, problem } => write_frame(out, GONE, |out| {
                out.extend_from_slice(&at.to_le_bytes());
                write_problem(out, problem);
            }),
        }
    }

    /// Reads a frame without its length.
    ///
    /// # Errors
    /// When it is not one, or has something after its end.
    pub fn read(frame: &[u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(frame);
        let answer = match body.u8()? {
            HELLO => {
                if body.take(MAGIC.len())? != MAGIC {
                    return Err(Malformed("another program answers"));
                }
                let version = body.u32()?;
                if version != VERSION {
                    return Err(Malformed("the worker speaks another version"));
                }
                let engine = body.text()?.to_owned();
                let level = match body.u8()? {
                    0 => Level::None,
                    1 => Level::Partial,
                    2 => Level::Full,
                    _ => return Err(Malformed("no such level")),
                };
                Self::Hello { version, engine, sandbox: Sandbox { level, missing: body.text()?.to_owned() } }
            }
            DONE => Self::Done,
            FAILED => Self::Failed(body.problem()?),
            APPLIED => {
                let count = body.count(12)?;
                let mut faults = Vec::with_capacity(count);
                for _ in 0..count {
                    faults.push((body.u32()?, body.problem()?));
                }
                Self::Applied { faults, console: body.text()?.to_owned() }
            }
            STATE_IS => Self::State { text: body.option()?.map(str::to_owned), exact: body.places()? },
            WORKING => Self::Working,
            AT => Self::At(body.u32()?),
            STUCK => Self::Stuck(Some(body.u32()?).filter(|index| *index != u32::MAX)),
            GONE => Self::Gone { at: body.u32()?, problem: body.problem()? },
            _ => return Err(Malformed("no such answer")),
        };
        body.end()?;
        Ok(answer)
    }
}

impl<'a> Request<'a> {
    /// Reads a frame without its length. The events of an `Apply` are read by [`Body::event`].
    ///
    /// # Errors
    /// When it is not one, or has something after its end.
    pub fn read(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(frame);
        let request = match body.u8()? {
            LOAD => Self::Load {
                event_micros: body.u64()?,
                call_micros: body.u64()?,
                memory: body.u64()?,
                source: body.text()?,
            },
            START_INITIAL => Self::StartInitial { stream: body.text()? },
            START_RESUME => Self::StartResume { stream: body.text()?, state: body.option()?, exact: body.places()? },
            APPLY => {
                let careful = body.u8()? != 0;
                let events = body.take(body.left())?;
                Self::Apply { careful, events }
            }
            STATE => Self::State,
            _ => return Err(Malformed("no such request")),
        };
        body.end()?;
        Ok(request)
    }
}

/// Bytes that are read piece by piece.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Body<'a> {
    /// From the beginning of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// From a place in these bytes.
    pub fn from(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    /// Where reading stands.
    pub fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or(Malformed("it is cut off"))?;
        self.at += length;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed("it is cut off"))
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count of things of which each takes at least `size` bytes, so that no count can ask for memory that is not there.
    fn count(&mut self, size: usize) -> Result<usize, Malformed> {
        let count = self.u32()? as usize;
        if count > self.left() / size { Err(Malformed("it is cut off")) } else { Ok(count) }
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    fn option(&mut self) -> Result<Option<&'a str>, Malformed> {
        match self.u8()? {
            0 => Ok(None),
            1 => self.text().map(Some),
            _ => Err(Malformed("no such option")),
        }
    }

    fn problem(&mut self) -> Result<Problem, Malformed> {
        let message = self.text()?.to_owned();
        if message.len() > MAX_MESSAGE {
            return Err(Malformed("a message is too long"));
        }
        let place = (self.u32()?, self.u32()?);
        Ok(Problem { message, place: Some(place).filter(|(line, _)| *line > 0) })
    }

    fn places(&mut self) -> Result<Vec<u32>, Malformed> {
        let count = self.count(4)?;
        (0..count).map(|_| self.u32()).collect()
    }

    fn payload(&mut self) -> Result<PayloadRecord<'a>, Malformed> {
        match self.u8()? {
            0 => Ok(PayloadRecord::Absent),
            1 => self.bytes().map(PayloadRecord::Json),
            2 => self.text().map(PayloadRecord::Broken),
            _ => Err(Malformed("no such payload")),
        }
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// When the bytes are not an event.
    pub fn event(&mut self) -> Result<Option<EventRecord<'a>>, Malformed> {
        if self.left() == 0 {
            return Ok(None);
        }
        Ok(Some(EventRecord {
            index: self.u32()?,
            stream: self.option()?,
            event_type: self.text()?,
            version: self.u64()?,
            position: match self.u8()? {
                0 => PositionRecord::Number(self.u64()?),
                1 => PositionRecord::Text(self.text()?),
                _ => return Err(Malformed("no such position")),
            },
            id: self.option()?,
            time: self.option()?,
            data: self.payload()?,
            metadata: self.payload()?,
        }))
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.left() == 0 { Ok(()) } else { Err(Malformed("something follows its end")) }
    }
}

/// The first frame in the bytes, and how many bytes it takes with its length; `None` when it is not all there.
///
/// # Errors
/// When it is larger than `limit` or has no kind.
pub fn first_frame(bytes: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, Malformed> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > limit {
        return Err(Malformed("a frame has an impossible length"));
    }
    Ok(rest.get(..length).map(|frame| (frame, length + 4)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answers() -> Vec<Answer> {
        let problem = Problem { message: "no such account: ä".into(), place: Some((3, 7)) };
        vec![
            Answer::Hello {
                version: VERSION,
                engine: "engine".into(),
                sandbox: Sandbox { level: Level::Partial, missing: "network".into() },
            },
            Answer::Done,
            Answer::Failed(problem.clone()),
            Answer::Applied { faults: vec![(0, problem.clone()), (9, Problem::new("x"))], console: "hi\n".into() },
            Answer::State { text: Some("{}".into()), exact: vec![1, 5] },
            Answer::State { text: None, exact: vec![] },
            Answer::Working,
            Answer::At(7),
            Answer::Stuck(None),
            Answer::Stuck(Some(3)),
            Answer::Gone { at: 2, problem },
        ]
    }

    fn events() -> Vec<u8> {
        let mut events = Vec::new();
        for index in 0..3 {
            write_event(
                &mut events,
                &EventRecord {
                    index,
                    stream: (index == 1).then_some("account-1"),
                    event_type: "Deposited",
                    version: u64::MAX,
                    position: if index == 0 { PositionRecord::Number(4) } else { PositionRecord::Text("2@17") },
                    id: None,
                    time: Some("2025-01-01T00:00:00Z"),
                    data: PayloadRecord::Json(br#"{"amount":1}"#),
                    metadata: if index == 0 { PayloadRecord::Absent } else { PayloadRecord::Broken("bytes") },
                },
            );
        }
        events
    }

    fn requests(events: &[u8]) -> Vec<Request<'_>> {
        vec![
            Request::Load { event_micros: 1, call_micros: 2, memory: 3, source: "export {}" },
            Request::StartInitial { stream: "a-1" },
            Request::StartResume { stream: "a-1", state: Some("[5]"), exact: vec![0] },
            Request::StartResume { stream: "a-1", state: None, exact: vec![] },
            Request::Apply { careful: true, events },
            Request::State,
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let events = events();
        for request in requests(&events) {
            let mut bytes = Vec::new();
            request.write(&mut bytes);
            let (frame, size) = first_frame(&bytes, MAX_REQUEST).expect("sound").expect("whole");
            assert_eq!(size, bytes.len());
            assert_eq!(Request::read(frame), Ok(request));
        }
        for answer in answers() {
            let mut bytes = Vec::new();
            answer.write(&mut bytes);
            let (frame, _) = first_frame(&bytes, MAX_ANSWER).expect("sound").expect("whole");
            assert_eq!(Answer::read(frame), Ok(answer));
        }
        let mut body = Body::new(&events);
        let read: Vec<_> = std::iter::from_fn(|| body.event().expect("an event")).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[1].stream, Some("account-1"));
        assert_eq!(read[2].metadata, PayloadRecord::Broken("bytes"));
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        let events = events();
        for request in requests(&events) {
            let mut bytes = Vec::new();
            request.write(&mut bytes);
            for end in 4..bytes.len() {
                let cut = &bytes[4..end];
                // Only the events of an `Apply` have no end of their own.
                if !matches!(request, Request::Apply { .. }) {
                    assert!(Request::read(cut).is_err(), "{request:?} cut to {end}");
                }
                assert_eq!(first_frame(&bytes[..end], MAX_REQUEST), Ok(None));
            }
            bytes.push(0);
            if !matches!(request, Request::Apply { .. }) {
                assert!(Request::read(&bytes[4..]).is_err());
            }
        }
        for answer in answers() {
            let mut bytes = Vec::new();
            answer.write(&mut bytes);
            for end in 4..bytes.len() {
                assert!(Answer::read(&bytes[4..end]).is_err(), "{answer:?} cut to {end}");
            }
        }
        for end in 1..events.len() {
            let mut body = Body::new(&events[..end]);
            let mut whole = 0;
            while let Ok(Some(_)) = body.event() {
                whole += 1;
            }
            assert!(whole < 3);
        }
        assert!(first_frame(&[0, 0, 0, 0, 1], 100).is_err());
        assert!(first_frame(&[255, 255, 255, 255, 1], MAX_ANSWER).is_err());
        assert!(Answer::read(b"\x43\xff\xff\xff\xff").is_err());
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let mut bytes = Vec::new();
        Answer::Failed(Problem::new("ä".repeat(MAX_MESSAGE))).write(&mut bytes);
        let Ok(Answer::Failed(problem)) = Answer::read(&bytes[4..]) else { panic!("a failure") };
        assert_eq!(problem.message.len(), MAX_MESSAGE);
    }

    proptest! {
        #[test]
        fn garbage_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::read(&bytes);
            let _ = Answer::read(&bytes);
            let _ = first_frame(&bytes, MAX_ANSWER);
            let mut body = Body::new(&bytes);
            while let Ok(Some(_)) = body.event() {}
        }

        #[test]
        fn one_wrong_byte_is_taken(which in 0usize..11, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = Vec::new();
            answers()[which].write(&mut bytes);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(Some((frame, _))) = first_frame(&bytes, MAX_ANSWER) {
                let _ = Answer::read(frame);
            }
        }
    }
}
