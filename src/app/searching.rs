//! Looking for text: the next place from the cursor, and all places.
//!
//! Two questions are asked at once. `Find` looks from the cursor and leads to what is next as soon as it is met; `Search`
//! tells everything there is, counts it, and knows the neighbours of every hit once it has come by.

use super::action::{Action, Finding, Stepping};
use super::effect::Effect;
use super::ids::Pane;
use super::jobs::{Hits, Search};
use super::mode::{Asking, Mode, Prompt};
use super::{App, Severity};
use crate::ask::{Ask, Generation};

use crate::domain::words::count;
use crate::domain::{Destination, Direction, Scope};

/// What is looked for, as it was typed: `/…/` is a regular expression, and so is anything when that is switched on.
fn typed(text: &str, expression: bool) -> (String, bool) {
    match text.strip_prefix('/') {
        Some(rest) if !expression => (rest.strip_suffix('/').unwrap_or(rest).to_owned(), true),
        _ => (text.to_owned(), expression),
    }
}

impl App {
    pub(super) fn find(&mut self, finding: Finding, out: &mut Vec<Effect>) {
        match finding {
            Finding::Find => {
                let (Some(scope), place) = self.walk.target() else { return };
                let asking = Asking::Find { scope: scope.clone(), place, wide: false, expression: false };
                self.mode = Mode::Prompt(Prompt::new(asking, ""));
            }
            Finding::Filter => {
                let (scope, place) = self.walk.target();
                let asking = Asking::Filter { scope: scope.cloned(), place };
                let before = self.panes.streams.narrowing.as_ref().map_or(String::new(), |n| n.pattern.clone());
                self.panes.focus = Pane::Streams;
                self.mode = Mode::Prompt(Prompt::new(asking, &before));
            }
            Finding::Sift => self.ask_for_filter(),
            Finding::GoTo => self.mode = Mode::Prompt(Prompt::new(Asking::GoTo, "")),
            Finding::Next => self.find_again(Direction::Forward, out),
            Finding::Previous => self.find_again(Direction::Backward, out),
            Finding::Wider | Finding::Expression => self.find_otherwise(finding, out),
        }
    }

    /// Looks for what is typed elsewhere, or takes it otherwise.
    fn find_otherwise(&mut self, finding: Finding, out: &mut Vec<Effect>) {
        let Mode::Prompt(Prompt { asking: Asking::Find { scope, wide, expression, .. }, .. }) = &mut self.mode else {
            return;
        };
        match finding {
            Finding::Wider if *scope == Scope::All => {
                return self.say(Severity::Info, "this is the whole store already");
            }
            Finding::Wider => *wide = !*wide,
            _ => *expression = !*expression,
        }
        self.find_typed(out);
    }

    /// Looks for what is typed while it is typed.
    pub(super) fn find_typed(&mut self, out: &mut Vec<Effect>) {
        let Mode::Prompt(prompt) = &self.mode else { return };
        let Asking::Find { scope, place, wide, expression } = &prompt.asking else { return };
        let (pattern, expression) = typed(prompt.line.value(), *expression);
        let (scope, place, wide) = (scope.clone(), *place, *wide);
        if pattern.is_empty() {
            if self.jobs.is_searching() {
                out.push(Effect::Ask(Ask::StopSearch));
            }
            self.jobs.drop_search();
            return;
        }
        let generation = self.jobs.number();
        let everywhere = if wide { Scope::All } else { scope.clone() };
        self.jobs.hits = Some(Hits {
            generation,
            scope: everywhere.clone(),
            places: Vec::new(),
            percent: 0,
            running: true,
            more: false,
        });
        // The event one stands on may be the first match.
        let from = (scope, place.saturating_sub(1));
        let text = pattern.clone();
        self.search(Wanted { pattern, expression, scope: everywhere.clone(), wide }, from, Direction::Forward, out);
        out.push(Effect::Ask(Ask::Search { generation, pattern: text, expression, scope: everywhere }));
    }

    /// Looks for the last text once more, from the cursor.
    pub(super) fn find_again(&mut self, direction: Direction, out: &mut Vec<Effect>) {
        let (Some(here), place) = self.walk.target() else { return };
        let here = here.clone();
        let Some(search) = &self.jobs.search else {
            self.say(Severity::Info, "nothing has been looked for yet");
            return;
        };
        let wide = search.wide || search.scope == Scope::All && here != Scope::All;
        let scope = if wide { Scope::All } else { here.clone() };
        let wanted = Wanted { pattern: search.pattern.clone(), expression: search.expression, scope, wide };
        let known = self.jobs.hits.as_ref().filter(|hits| hits.scope == here && !wide);
        if let Some((place, around)) = known.and_then(|hits| hits.next(place, direction)) {
            if around {
                self.say(Severity::Info, past(direction));
            }
            if let Some(search) = &mut self.jobs.search {
                (search.at, search.running, search.failed) = (Some(place), None, false);
            }
            return self.go_to_place(here, place, out);
        }
        if self.jobs.hits.as_ref().is_some_and(|hits| hits.scope != wanted.scope) {
            // Another scope holds other hits.
            let generation = self.jobs.number();
            self.jobs.hits = Some(Hits {
                generation,
                scope: wanted.scope.clone(),
                places: Vec::new(),
                percent: 0,
                running: true,
                more: false,
            });
            let (pattern, expression) = (wanted.pattern.clone(), wanted.expression);
            out.push(Effect::Ask(Ask::Search { generation, pattern, expression, scope: wanted.scope.clone() }));
        }
        self.search(wanted, (here, place), direction, out);
    }

    /// Looks for the next match from a place, counted in a scope that need not be the one that is searched.
    fn search(&mut self, wanted: Wanted, from: (Scope, u64), direction: Direction, out: &mut Vec<Effect>) {
        let generation = self.jobs.number();
        let total = self.total(&wanted.scope);
        let Wanted { pattern, expression, scope, wide } = wanted;
        let (counted_in, from) = from;
        self.jobs.search = Some(Search {
            generation,
            pattern: pattern.clone(),
            expression,
            scope: scope.clone(),
            wide,
            problem: None,
            at: None,
            from,
            direction,
            running: Some((0, total)),
            failed: false,
        });
        out.push(Effect::Ask(Ask::Find { generation, pattern, expression, scope, from, counted_in, direction }));
    }

    pub(super) fn found(&mut self, generation: Generation, place: u64, out: &mut Vec<Effect>) {
        let Some(search) = self.jobs.search(generation) else { return };
        search.running = None;
        search.at = Some(place);
        let scope = search.scope.clone();
        if search.wide {
            let here = self.walk.scope.clone().filter(|here| *here != Scope::All);
            // The scope that is left is a stream's: the hit opens its own.
            let from = here.or_else(|| match &self.mode {
                Mode::Prompt(Prompt { asking: Asking::Find { scope, .. }, .. }) => Some(scope.clone()),
                _ => None,
            });
            self.walk.queued = None;
            return self.go(from.unwrap_or(scope), Destination::InStore(place), None, out);
        }
        let around = match search.direction {
            Direction::Forward => place <= search.from,
            Direction::Backward => place >= search.from,
        };
        if around {
            let words = past(search.direction);
            self.say(Severity::Info, words);
        }
        self.go_to_place(scope, place, out);
    }

    pub(super) fn not_found(&mut self, generation: Generation) {
        let Some(search) = self.jobs.search(generation) else { return };
        search.running = None;
        search.failed = true;
        let Some(search) = &self.jobs.search else { return };
        let text = self.nothing(search, &search.pattern);
        if matches!(self.mode, Mode::Normal) {
            self.say(Severity::Warning, text);
        }
    }

    pub(super) fn hits_found(&mut self, generation: Generation, ordinals: &[u64], percent: u64) {
        let Some(hits) = self.jobs.hits(generation) else { return };
        let last = hits.places.last().copied().unwrap_or(0);
        hits.places.extend(ordinals.iter().map(|ordinal| ordinal + 1).filter(|place| *place > last));
        hits.percent = percent.min(100);
    }

    pub(super) fn search_ended(&mut self, generation: Generation, more: bool) {
        if let Some(hits) = self.jobs.hits(generation) {
            hits.running = false;
            hits.more = more;
        }
    }

    pub(super) fn pattern_refused(&mut self, generation: Generation, why: String) {
        if let Some(hits) = self.jobs.hits(generation) {
            hits.running = false;
        }
        if let Some(search) = self.jobs.search(generation) {
            search.running = None;
            search.problem = Some(why);
        }
    }

    /// Whether an event is known to match what is looked for.
    pub fn is_hit(&self, scope: &Scope, place: u64) -> bool {
        let hits = self.jobs.hits.as_ref().filter(|hits| hits.scope == *scope);
        hits.is_some_and(|hits| hits.places.binary_search(&place).is_ok())
    }

    /// What the prompt says of what is typed to be found.
    pub(super) fn find_words(&self, text: &str) -> Option<(Severity, String)> {
        if text.is_empty() {
            let wider = "text, or /a regular expression/, in types, streams, ids and payloads";
            return Some((Severity::Info, wider.into()));
        }
        let search = self.jobs.search.as_ref()?;
        if let Some(problem) = &search.problem {
            return Some((Severity::Warning, problem.clone()));
        }
        if search.failed {
            return Some((Severity::Warning, self.nothing(search, "it")));
        }
        self.hits_words().map(|words| (Severity::Info, words))
    }

    /// How many hits there are, and which of them one stands at.
    pub fn hits_words(&self) -> Option<String> {
        let hits = self.jobs.hits.as_ref()?;
        let at = self.jobs.search.as_ref().and_then(|search| search.at);
        let here = at.filter(|at| self.walk.scope.as_ref() != Some(&hits.scope) || *at == self.walk.place);
        let number = here.and_then(|at| hits.places.binary_search(&at).ok());
        let in_all = hits.count();
        let percent = if hits.running { format!(", {} %", hits.percent) } else { String::new() };
        Some(match number {
            Some(number) => format!("match {} of {in_all}{percent}", count(number as u64 + 1)),
            None if hits.places.len() == 1 && !hits.running => "1 match".into(),
            None if hits.running => format!("{in_all}{percent}"),
            None => format!("{in_all} matches"),
        })
    }

    /// That nothing was found, and the keys that look further.
    fn nothing(&self, search: &Search, what: &str) -> String {
        let here = if search.wide { "in the whole store" } else { "here" };
        let does = if search.expression { "matches" } else { "contains" };
        let mut text = format!("nothing {here} {does} {what}");
        if search.scope == Scope::All {
            return text;
        }
        let contexts = self.contexts();
        let key = |action| self.keys.map.keys_of(&contexts, action).into_iter().next();
        let further = match self.mode {
            Mode::Prompt(_) => key(Action::Find(Finding::Wider)),
            _ => key(Action::Step(Stepping::WholeStore))
                .zip(key(Action::Find(Finding::Next)))
                .map(|(wider, again)| format!("{wider}, then {again},")),
        };
        if let Some(further) = further {
            text.push_str(&format!(": {further} looks in the whole store"));
        }
        text
    }

    /// What is said when a search that was accepted found nothing, or could not be made.
    pub(super) fn say_what_was_not_found(&mut self) {
        let Some(search) = &self.jobs.search else { return };
        match &search.problem {
            Some(problem) => self.say(Severity::Warning, problem.clone()),
            None if search.failed => self.say(Severity::Warning, self.nothing(search, &search.pattern)),
            None => {}
        }
    }
}

/// What is to be looked for, and where.
struct Wanted {
    pattern: String,
    expression: bool,
    scope: Scope,
    wide: bool,
}

fn past(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "past the end: found from the beginning on",
        Direction::Backward => "past the beginning: found from the end back",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_make_a_regular_expression() {
        for (text, switched, pattern, expression) in [
            ("paid", false, "paid", false),
            ("/pa.d/", false, "pa.d", true),
            ("/pa.d", false, "pa.d", true),
            ("a/b", false, "a/b", false),
            ("pa.d", true, "pa.d", true),
            ("/pa.d/", true, "/pa.d/", true),
            ("/", false, "", true),
        ] {
            assert_eq!(typed(text, switched), (pattern.to_owned(), expression), "{text}");
        }
    }
}
