//! A place in a scope of a source, and a stream by its name, as commands are told them.

use std::ops::Range;

use super::interrupt;
use super::output::{self, Ended};
use crate::domain::{Failure, FailureKind, Place, Scope, StreamSummary, text};
use crate::session::places::{self, Located, Lookup};
use crate::session::{self, Source};

/// Cells a stream's name takes in a message.
const NAME: usize = 120;

/// A place in a scope of a source that has been read, counted in its events; what to know of it is said.
///
/// # Errors
/// When there is no such place; when the source cannot be read.
pub fn locate(source: &dyn Source, scope: &Scope, place: &Place) -> Result<u64, Ended> {
    told(places::locate(source, scope, place, &interrupt::token()))
}

fn told(located: Result<Located, Failure>) -> Result<u64, Ended> {
    match located {
        Ok(located) => {
            located.notice.iter().for_each(|notice| output::say(notice));
            Ok(located.place)
        }
        Err(failure) => Err(not_there(failure)),
    }
}

/// That there is no such place is no failure of the source.
fn not_there(failure: Failure) -> Ended {
    match failure.kind {
        FailureKind::NotFound => Ended::Nothing(failure.why),
        _ => Ended::Failed(failure),
    }
}

/// Which events of a scope lie from one place to another, both among them, counted from 0. What lies beyond the ends is cut
/// there; what lies in a gap is no place.
///
/// # Errors
/// As [`locate`].
pub fn range(
    source: &dyn Source,
    scope: &Scope,
    from: Option<&Place>,
    to: Option<&Place>,
) -> Result<Range<u64>, Ended> {
    // Of a number that stands twice is told once.
    let telling = if from == to { Telling::Silent } else { Telling::Said };
    let start = from.map_or(Ok(0), |place| begins(source, scope, place, telling))?;
    let end = to.map_or(Ok(u64::MAX), |place| ends(source, scope, place))?;
    Ok(start..end)
}

/// Whether what there is to know of a place is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Said,
    Silent,
}

fn begins(source: &dyn Source, scope: &Scope, place: &Place, telling: Telling) -> Result<u64, Ended> {
    let cancel = interrupt::token();
    let first = || {
        let found = places::locate_first(source, scope, place, &cancel)
            .map(|located| Located { notice: located.notice.filter(|_| telling == Telling::Said), ..located });
        told(found).map(|place| place.saturating_sub(1))
    };
    Ok(match place {
        Place::Time(time) => places::from_time(source, scope, *time, &cancel)?,
        Place::Clock(clock) => match places::on_the_last_day(source, scope, *clock, &cancel)? {
            Some(time) => places::from_time(source, scope, time, &cancel)?,
            None => locate(source, scope, place)?,
        },
        Place::Ago(seconds) => match places::before_last(source, scope, *seconds, &cancel)? {
            Some(time) => places::from_time(source, scope, time, &cancel)?,
            None => locate(source, scope, place)?,
        },
        Place::Number(number) => match places::numbered(source, scope, *number, &cancel)? {
            Lookup::Absent { below: None, .. } => 0,
            Lookup::Absent { above: None, .. } => u64::MAX,
            _ => first()?,
        },
        _ => first()?,
    })
}

fn ends(source: &dyn Source, scope: &Scope, place: &Place) -> Result<u64, Ended> {
    match place {
        Place::Number(number) => match places::numbered(source, scope, *number, &interrupt::token())? {
            Lookup::Absent { above: None, .. } => Ok(u64::MAX),
            Lookup::Absent { below: None, .. } => Ok(0),
            _ => locate(source, scope, place),
        },
        _ => locate(source, scope, place),
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
