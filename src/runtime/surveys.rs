//! Looks at the whole store for the screen: runs the doctor or gathers the types.

use std::sync::Arc;

use crate::app::panes::survey::{Answer, Survey};
use crate::domain::{Cancel, Failure};
use crate::replay::Patience;
use crate::session::doctor::{self, Questions};
use crate::session::shapes::{self, Part};
use crate::session::{ReducerBook, Walker};
use crate::sources::Source;

/// Reads the reducers as they are now, for a walker of the doctor's own.
pub type Reducers = Arc<dyn Fn() -> Result<ReducerBook, Failure> + Send + Sync>;

/// Looks at all of a source, telling what is being done and how much of how much is.
///
/// # Errors
/// When the source or a project file of reducers cannot be read, or nobody wants it any more.
pub fn survey(
    survey: Survey,
    source: &Arc<dyn Source>,
    reducers: &Reducers,
    cancel: &Cancel,
    told: &mut dyn FnMut(&'static str, u64, u64),
) -> Result<Answer, Failure> {
    Ok(match survey {
        Survey::Doctor => {
            let walker = Walker::new(Arc::clone(source), reducers()?);
            let mut walker = walker.for_one_answer().with_patience(Patience::default());
            let report = doctor::examine(&**source, Some(&mut walker), &Questions::default(), cancel, told)?;
            Answer::Doctor(Arc::new(report))
        }
        Survey::Types => {
            let shapes = shapes::gather(&**source, Part::Data, None, cancel, told)?;
            Answer::Types(Arc::new(shapes))
        }
    })
}
