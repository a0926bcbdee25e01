//! Expressions over what a walk finds: a place of a fold, as an expression sees it, and a probe that judges by one.

use std::sync::{Arc, Mutex, PoisonError};

use crate::condition::{Condition, Judge, Needs, Problem, States, Subject};
use crate::domain::Cancel;
use crate::replay::{self, Moment, Probe, Verdict};

/// A moment as an expression sees it.
pub fn subject_of(moment: &Moment) -> Subject {
    let fault = moment.fault.as_ref().map(ToString::to_string);
    let state = match &moment.unknown {
        Some(why) => Err(why.to_string()),
        None => Ok(moment.state.clone()),
    };
    let prev = match (&state, moment.uncompared) {
        (Ok(_), true) if moment.event.is_some() => Err("the state before it is not known".to_owned()),
        (Ok(state), _) => moment.patch.invert().apply(state).ok_or_else(|| "the state before it is not known".into()),
        (Err(why), _) => Err(why.clone()),
    };
    Subject::at(moment.event.clone(), States::new(prev, state, fault).with_patch(moment.patch.clone()))
}

/// A place that is searched as an expression sees it, as far as it names that.
pub fn subject_at(place: &replay::Subject<'_>, needs: Needs) -> Subject {
    let event = place.event().cloned();
    if !needs.fold() {
        return event.map_or_else(Subject::default, |event| Subject::event(&event));
    }
    let state = |state: Result<&_, &replay::FoldError>| state.cloned().map_err(ToString::to_string);
    let fault = place.fault().map(ToString::to_string);
    let states = States::new(state(place.prev()), state(place.state()), fault);
    Subject::at(event, if needs.patch { states.with_patch(place.patch()) } else { states })
}

/// Holds where a condition does.
#[derive(Debug)]
pub struct Holds {
    condition: Condition,
    cancel: Cancel,
    /// Those that judge nothing just now.
    idle: Mutex<Vec<Judge>>,
}

impl Holds {
    /// Where this condition holds. `cancel` ends a judgement under way.
    pub fn new(condition: Condition, cancel: &Cancel) -> Self {
        Self { condition, cancel: cancel.clone(), idle: Mutex::default() }
    }

    /// That it is no condition: at every place judged it was neither true nor false.
    pub fn refused(&self) -> Option<Problem> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.iter().any(Judge::has_judged) {
            return None;
        }
        idle.iter().find_map(Judge::refused)
    }
}

impl Probe for Holds {
    fn judge(&self, subject: &replay::Subject<'_>) -> Verdict {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let judge = idle().pop();
        let mut judge = judge.unwrap_or_else(|| self.condition.judge(&self.cancel));
        let holds = judge.holds(&subject_at(subject, self.condition.needs()));
        idle().push(judge);
        match holds {
            Ok(holds) => holds.into(),
            Err(why) => Verdict::Unjudged(why),
        }
    }
}

impl<P: Probe> Probe for Arc<P> {
    fn judge(&self, subject: &replay::Subject<'_>) -> Verdict {
        P::judge(self, subject)
    }
}
