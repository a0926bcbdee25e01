//! What to be careful about now, the most harmful first: one list for the header and for what is told of the source.

use super::{App, Severity};
use crate::domain::text;
use crate::domain::words::{count, counted};

/// One thing to be careful about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caution {
    /// How bad it is.
    pub severity: Severity,
    /// As the header says it where there is room.
    pub words: String,
    /// As it says it where there is less.
    pub brief: String,
    /// As a sentence; `None` where the sentences stand elsewhere.
    pub whole: Option<String>,
    /// How many things it stands for.
    pub things: usize,
}

impl App {
    /// What to be careful about at the cursor and in the whole source.
    pub fn cautions(&self) -> Vec<Caution> {
        let mut cautions = Vec::new();
        let mut add = |severity, words: String, brief: &str, whole: Option<String>, things| {
            let brief = if brief.is_empty() { words.clone() } else { brief.to_owned() };
            cautions.push(Caution { severity, words, brief, whole, things });
        };
        let moment = self.walk.here().filter(|_| self.walk.scope.is_some());
        if let (Some(lacks), Some(brief)) = (self.lacks(), self.lacks_briefly()) {
            let whole = format!("the state here lacks events: {lacks}");
            add(Severity::Error, format!("! {lacks}"), &format!("! {brief}"), Some(whole), 1);
        }
        if let Some(suspension) = moment.and_then(|moment| moment.suspended.as_ref()) {
            let whole = format!("there is no state here: {suspension}");
            add(Severity::Error, "suspended".into(), "", Some(whole), 1);
        }
        if let Some(why) = moment.filter(|moment| moment.suspended.is_none()).and_then(|moment| moment.unknown.as_ref())
        {
            add(Severity::Error, "! no state".into(), "", Some(format!("there is no state here: {why}")), 1);
        }
        let troubles = self.catalogue.progress.troubles;
        if troubles > 0 {
            let whole = format!("{} of the source could not be read", counted(troubles, "record"));
            add(Severity::Error, format!("! {} unreadable", count(troubles)), "", Some(whole), 1);
        }
        if let Some(moment) = moment {
            if let Some(stale) = &moment.reducer.stale {
                let whole = format!("the state is from before the save: {stale}");
                add(Severity::Warning, "before the save".into(), "", Some(whole), 1);
            }
            if let Some(sealed) = moment.sealed() {
                let what = if sealed.contains("encrypted") { "encrypted" } else { sealed };
                let whole = format!("there is no state here: the payload is {sealed}");
                add(Severity::Warning, format!("{}: no state", text::fit(what, 24)), "no state", Some(whole), 1);
            } else if moment.reducer.approximate {
                let whole = "the state is approximate: a generic fold, not the program's own reducer";
                add(Severity::Warning, "approximate".into(), "", Some(whole.into()), 1);
            }
        }
        let caveats = self.catalogue.about.as_ref().map_or(0, |about| about.caveats.len());
        if caveats > 0 {
            add(Severity::Warning, format!("! {}", counted(caveats as u64, "caveat")), "", None, caveats);
        }
        cautions
    }
}
