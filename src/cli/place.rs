//! A place in a stream, as it is typed: a version, a time, or a word.

use std::str::FromStr;

use crate::domain::{Cancel, Destination, Failure, Scope, StreamSummary, Timestamp, Version, text, time};
use crate::session::{self, Source};

use super::output::Ended;

/// Cells a stream's name takes in a message.
const NAME: usize = 120;

/// A place in a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Before the first event: the initial state.
    Start,
    /// After the first event.
    First,
    /// After the last event.
    Last,
    /// After the event with this version.
    Version(u64),
    /// After the last event recorded at or before this time.
    Time(Timestamp),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" => return Ok(Self::Start),
            "first" => return Ok(Self::First),
            "last" => return Ok(Self::Last),
            _ => {}
        }
        if let Ok(version) = text.parse() {
            return Ok(Self::Version(version));
        }
        time::parse(text.strip_prefix('@').unwrap_or(text)).map(Self::Time).ok_or_else(|| {
            format!("`{text}` is no place: a version (12), a time (2025-03-01T14:03Z), or first, last, start")
        })
    }
}

impl Place {
    /// Where to walk in this stream.
    ///
    /// # Errors
    /// When the stream has no such version; when the source cannot be read.
    pub fn destination(&self, source: &dyn Source, stream: &StreamSummary) -> Result<Destination, Ended> {
        Ok(match self {
            Self::Start => Destination::To(0),
            Self::First => Destination::To(1),
            Self::Last => Destination::To(stream.events),
            Self::Time(time) => Destination::AsOf(*time),
            Self::Version(version) => {
                let scope = Scope::Stream(stream.stream.clone());
                match session::version_in(source, &scope, Version(*version), &Cancel::default())? {
                    Some((ordinal, event)) if event.version.0 == *version => Destination::To(ordinal + 1),
                    // Before all versions nothing had happened yet.
                    Some((0, _)) => Destination::To(0),
                    _ => {
                        return Err(Ended::Nothing(format!(
                            "{} has no version {version}: its versions are {} to {}",
                            text::fit(stream.stream.as_str(), NAME),
                            stream.first_version,
                            stream.last_version
                        )));
                    }
                }
            }
        })
    }
}

/// A stream by name, once the source has been read.
///
/// # Errors
/// When there is none; the most similar names are told.
pub fn stream(source: &dyn Source, name: &str) -> Result<StreamSummary, Ended> {
    if let Some(summary) = source.stream(&name.into())? {
        return Ok(summary);
    }
    Err(Ended::Nothing(no_stream(source, name)?))
}

/// That there is no such stream, and which names are like it.
///
/// # Errors
/// When the source cannot be read.
pub fn no_stream(source: &dyn Source, name: &str) -> Result<String, Failure> {
    let mut why = format!("there is no stream `{}` in {}", text::fit(name, NAME), text::safe(&source.about().name));
    let similar = session::similar_streams(source, name)?;
    if !similar.is_empty() {
        let similar: Vec<String> = similar.iter().map(|name| text::fit(name, NAME)).collect();
        why.push_str(&format!("\ndid you mean {}?", similar.join(", ")));
    }
    Ok(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_times_and_words_are_places() {
        assert_eq!("12".parse(), Ok(Place::Version(12)));
        assert_eq!("start".parse(), Ok(Place::Start));
        assert!(matches!("@2025-03-01T14:03Z".parse(), Ok(Place::Time(_))));
        assert!(matches!("2025-03-01".parse(), Ok(Place::Time(_))));
        assert!("soon".parse::<Place>().is_err());
    }
}
