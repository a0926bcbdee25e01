//! Which events, as every command that lists them takes it.

use clap::Args;

use super::interrupt;
use super::output::{self, Ended};
use crate::condition::Problem;
use crate::domain::{Scope, Unjudged, text};
use crate::session::Source;
use crate::session::search::{Bound, EventFilter, Sieve};

/// Which events.
#[derive(Args, Debug, Default)]
pub struct FilterArgs {
    /// Only events for which this holds, in CEL, with type:NAME, stream:GLOB, after:TIME, before:TIME before it:
    /// "event.type == 'PaymentFailed' && event.data.amount > 100"; `events` folds the streams for one that names state,
    /// prev, patch, fault or changed(PATH)
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// Only events of this type; * is any text; several times for any of them
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events of streams whose name matches: `*` is any text, `?` any character
    #[arg(long = "match", value_name = "GLOB")]
    streams: Vec<String>,
    /// Only events recorded at this time (2025-03-01T14:00) or later, or at most so long before the last (-2h)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    after: Option<String>,
    /// Only events recorded before this time, or longer than so long before the last
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    before: Option<String>,
}

impl FilterArgs {
    /// What was asked for of events alone, with everything wrong about it.
    ///
    /// # Errors
    /// What makes no sense, and where; that something names states, which are not folded here.
    pub fn filter(&self) -> Result<EventFilter, Ended> {
        let filter = self.any()?;
        match filter.needs().fold() {
            true => {
                let what = "--where names states, and this command folds nothing";
                Err(super::usage(what, "`stepback events --where` does; here it may ask about event only").into())
            }
            false => Ok(filter),
        }
    }

    /// What was asked for, of events or of states.
    ///
    /// # Errors
    /// What makes no sense, and where.
    pub fn any(&self) -> Result<EventFilter, Ended> {
        let usage = |what: String| Ended::from(super::usage(what, ""));
        let filter = match &self.condition {
            Some(line) => EventFilter::parse(line).map_err(|problem| refused("--where", &problem, line))?,
            None => EventFilter::default(),
        };
        let bound = |name: &str, written: &Option<String>| match written {
            Some(written) => Bound::parse(written).map(Some).map_err(|why| usage(format!("--{name}: {why}"))),
            None => Ok(None),
        };
        filter
            .with_types(&self.types)
            .and_then(|filter| filter.with_streams(&self.streams))
            .map(|filter| Ok(filter.within(bound("after", &self.after)?, bound("before", &self.before)?)))
            .map_err(usage)?
    }
}

/// That what an option says is no expression.
pub fn refused(option: &str, problem: &Problem, line: &str) -> Ended {
    super::usage(format!("{option} does not make sense at {}", problem.shown(line)), "").into()
}

/// A filter at work for a command: what could not be judged is counted.
pub struct Filtering {
    sieve: Sieve,
    /// Whether it lets everything through.
    is_empty: bool,
    /// What was written to be judged.
    condition: String,
    unjudged: Unjudged,
}

impl Filtering {
    /// Makes a filter ready for a scope.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn new(args: &FilterArgs, filter: &EventFilter, source: &dyn Source, scope: &Scope) -> Result<Self, Ended> {
        let sieve = filter.sieve(source, scope, &interrupt::token())?;
        Ok(Self {
            sieve,
            is_empty: filter.is_empty(),
            condition: args.condition.clone().unwrap_or_default(),
            unjudged: Unjudged::default(),
        })
    }

    /// Whether an event is wanted.
    pub fn wants(&mut self, event: &std::sync::Arc<crate::domain::Event>) -> bool {
        if self.is_empty {
            return true;
        }
        self.sieve.passes(event).unwrap_or_else(|reason| {
            self.unjudged.count(reason, event);
            false
        })
    }

    /// Says what could not be judged, where there is any.
    ///
    /// # Errors
    /// When the condition turned out to be none.
    pub fn end(&self) -> Result<(), Ended> {
        tell_unjudged(&self.condition, self.sieve.refused(), &self.unjudged)
    }
}

impl FilterArgs {
    /// Says what could not be judged, where there is any.
    ///
    /// # Errors
    /// When the condition turned out to be none.
    pub fn end(&self, refused: Option<Problem>, unjudged: &Unjudged) -> Result<(), Ended> {
        tell_unjudged(self.condition.as_deref().unwrap_or_default(), refused, unjudged)
    }
}

fn tell_unjudged(condition: &str, is_none: Option<Problem>, unjudged: &Unjudged) -> Result<(), Ended> {
    if let Some(problem) = is_none {
        return Err(refused("--where", &problem, condition));
    }
    let words = unjudged.words();
    if !words.is_empty() {
        output::say(&text::safe(&words));
    }
    Ok(())
}
