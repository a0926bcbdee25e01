//! Reading frames that nobody vouches for: every length is checked against what is there.

use super::kind::*;
use super::{
    Answer, Cause, EventRecord, KeyedState, Level, MAGIC, MAX_MESSAGE, Malformed, PayloadRecord, PositionRecord,
    Problem, Request, Sandbox, VERSION, Value, ValueRecord,
};
use crate::domain::{Path, Step};
use crate::replay::StateText;

impl Answer {
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
                let count = body.count(17)?;
                let mut faults = Vec::with_capacity(count);
                for _ in 0..count {
                    faults.push((body.u32()?, body.problem()?));
                }
                let next = Some(body.u32()?).filter(|index| *index != u32::MAX);
                let console = body.text()?.to_owned();
                let count = body.count(10)?;
                let values = (0..count).map(|_| body.changed()).collect::<Result<_, _>>()?;
                Self::Applied { faults, next, console, values }
            }
            STATE_IS => Self::State { text: body.option()?.map(str::to_owned), exact: body.places()? },
            STATES_ARE => {
                let count = body.count(9)?;
                let states =
                    (0..count).map(|_| body.keyed_state()).map(|state| state.map(owned)).collect::<Result<_, _>>()?;
                Self::States { states, next: Some(body.u32()?).filter(|next| *next != u32::MAX) }
            }
            WORKING => Self::Working,
            AT => Self::At(body.u32()?),
            STUCK => Self::Stuck(Some(body.u32()?).filter(|index| *index != u32::MAX)),
            HEAVY => Self::Heavy(body.problem()?),
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
                let (batch, careful) = (body.u32()?, body.u8()? != 0);
                let events = body.take(body.left())?;
                Self::Apply { batch, careful, events }
            }
            STATE => Self::State,
            START_MANY => Self::StartMany,
            RESUME => {
                let count = body.count(9)?;
                Self::Resume { states: (0..count).map(|_| body.keyed_state()).collect::<Result<_, _>>()? }
            }
            STATE_OF => Self::StateOf { key: body.text()? },
            STATES => Self::States { from: body.u32()? },
            WATCH => {
                let count = body.count(4)?;
                Self::Watch { paths: (0..count).map(|_| body.path()).collect::<Result<_, _>>()? }
            }
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
        let cause = match self.u8()? {
            0 => Cause::Failed,
            1 => Cause::TimedOut,
            2 => Cause::TooMuch,
            _ => return Err(Malformed("no such cause")),
        };
        Ok(Problem { message, place: Some(place).filter(|(line, _)| *line > 0), cause })
    }

    fn places(&mut self) -> Result<Vec<u32>, Malformed> {
        let count = self.count(4)?;
        (0..count).map(|_| self.u32()).collect()
    }

    fn keyed_state(&mut self) -> Result<KeyedState<'a>, Malformed> {
        Ok(KeyedState { key: self.text()?, text: self.option()?, exact: self.places()? })
    }

    fn path(&mut self) -> Result<Path, Malformed> {
        let count = self.count(5)?;
        let step = |body: &mut Self| match body.u8()? {
            0 => body.text().map(|key| Step::Key(key.into())),
            1 => body.u32().map(|index| Step::Index(index as usize)),
            _ => Err(Malformed("no such step")),
        };
        (0..count).map(|_| step(self)).collect::<Result<_, _>>().map(Path)
    }

    fn changed(&mut self) -> Result<ValueRecord, Malformed> {
        Ok(ValueRecord { index: self.u32()?, path: self.u32()?, before: self.value()?, after: self.value()? })
    }

    fn value(&mut self) -> Result<Value, Malformed> {
        match self.u8()? {
            0 => Ok(Ok(None)),
            1 => self.text().map(|text| Ok(Some(text.to_owned()))),
            2 => self.problem().map(Err),
            _ => Err(Malformed("no such value")),
        }
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
            key: self.option()?,
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
            fields: self.payload()?,
        }))
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.left() == 0 { Ok(()) } else { Err(Malformed("something follows its end")) }
    }
}

fn owned(state: KeyedState<'_>) -> (String, StateText) {
    (state.key.to_owned(), StateText { text: state.text.map(str::to_owned), exact: state.exact })
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
