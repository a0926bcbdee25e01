//! The interface over the real engine without a terminal: whatever it wants is done at once, one thing after another.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use stepback::app::{App, Effect, Msg, Setup};
use stepback::domain::{Cancel, Scope, SearchStep};
use stepback::replay::Moment;
use stepback::runtime::{Reducers, survey as survey_of};
use stepback::session::search::{self, Case, EventFilter};
use stepback::session::{ReducerBook, ReducerPlaces, Source, StreamFilter, Walker, find};
use stepback::sources::open::OpenOptions;
use stepback::ui::{self, Theme};

use super::desk::keys_of;

/// The interface, an opened source, and a walker over it.
pub struct Live {
    /// The interface.
    pub app: App,
    /// What was handed to the clipboard last.
    pub copied: Option<String>,
    source: Arc<dyn Source>,
    walker: Walker,
}

impl Live {
    /// Opens a dump or a store; its reducers are named beside it.
    pub fn open(address: &Path, setup: Setup) -> Self {
        let source = stepback::sources::open::open(address, &OpenOptions::default()).expect("opened");
        source.complete(&Cancel::default(), &mut |_| {}).expect("read to its end");
        let places = ReducerPlaces {
            explicit: None,
            folders: address.parent().map(Path::to_path_buf).into_iter().collect(),
            host: env!("CARGO_BIN_EXE_stepback").into(),
        };
        let walker = Walker::new(source.clone(), ReducerBook::read(places).expect("reducers"));
        let mut live = Self { app: App::new(setup), copied: None, source, walker };
        live.send(Msg::SourceDescribed(live.source.about().into()));
        live.send(Msg::SourceProgressed(live.source.progress()));
        let streams = live.source.streams(0, usize::MAX).expect("streams").streams;
        live.send(Msg::StreamsListed(Arc::new(streams)));
        live
    }

    /// Types keys: characters are themselves, names stand in angle brackets.
    pub fn type_keys(&mut self, keys: &str) {
        for key in keys_of(keys) {
            self.send(Msg::KeyPressed(key));
        }
    }

    /// Where the cursor stands: stream and version (`None` before the first event).
    pub fn stands(&self) -> (String, Option<u64>) {
        let moment = self.moment();
        (moment.stream.to_string(), moment.event.as_ref().map(|event| event.version.0))
    }

    /// What is so there.
    pub fn moment(&self) -> &Moment {
        self.app.walk.moment.as_deref().expect("a moment")
    }

    /// The screen.
    pub fn drawn(&self, width: u16, height: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        let theme = Theme::named(self.app.theme());
        terminal.draw(|frame| ui::render(&self.app, &theme, frame)).expect("drawn");
        terminal.backend().buffer().clone()
    }

    fn send(&mut self, msg: Msg) {
        let mut wanted = self.app.update(msg);
        while !wanted.is_empty() {
            let effects = std::mem::take(&mut wanted);
            for effect in effects {
                for msg in self.answer(effect) {
                    wanted.extend(self.app.update(msg));
                }
            }
        }
    }

    fn answer(&mut self, effect: Effect) -> Vec<Msg> {
        let cancel = Cancel::default();
        match effect {
            Effect::LoadEvents { generation, query } => {
                let scope = query.scope.clone();
                let page = self.source.events(&query, &cancel).expect("events");
                vec![Msg::EventsLoaded { generation, scope, page }]
            }
            Effect::Go { generation, scope, from, to } => {
                match self.walker.go(&scope, from, &to, &cancel, &mut |_| {}) {
                    Ok(reached) => {
                        let mut msgs = vec![Msg::MomentReached {
                            generation,
                            scope: reached.scope,
                            scope_at: reached.scope_at,
                            moment: Box::new(reached.moment),
                        }];
                        let patch = self.walker.difference().map(Arc::new);
                        msgs.extend(patch.map(|patch| Msg::DiffMade { generation, patch }));
                        msgs.extend(reached.notice.map(Msg::PlaceNoticed));
                        msgs
                    }
                    Err(failure) => vec![Msg::JobFailed { generation, failure }],
                }
            }
            Effect::FilterStreams { generation, pattern } => {
                let streams = Arc::new(self.source.streams(0, usize::MAX).expect("streams").streams);
                let matches =
                    StreamFilter::default().search(&streams, &pattern, &cancel, &mut |_| {}).expect("not cancelled");
                vec![Msg::StreamsFiltered { generation, matches: Arc::new(matches), complete: true }]
            }
            Effect::SampleTimes { generation, scope, ordinals } => {
                let events = search::some(&*self.source, &scope, &ordinals, &cancel).expect("events");
                let times = events.into_iter().map(|(ordinal, event)| (ordinal, event.time)).collect();
                vec![Msg::TimesSampled { generation, times }]
            }
            Effect::LoadSome { generation, scope, ordinals } => {
                let events = search::some(&*self.source, &scope, &ordinals, &cancel).expect("events");
                vec![Msg::SomeLoaded { generation, events }]
            }
            Effect::Sift { generation, scope, filter, from } => {
                let filter = match EventFilter::parse(&filter) {
                    Ok(filter) => filter,
                    Err(problem) => {
                        return vec![Msg::SiftRefused { generation, column: problem.column, why: problem.why }];
                    }
                };
                let mut msgs = vec![Msg::SiftBegan { generation }];
                let unjudged = search::sift(&*self.source, &scope, &filter, from, &cancel, &mut |part| {
                    let (ordinals, looked, total) = (part.passing, part.looked, part.total);
                    msgs.push(Msg::Sifted { generation, ordinals, looked, total });
                    ControlFlow::Continue(())
                });
                msgs.push(Msg::SiftEnded { generation, unjudged: unjudged.expect("sifted") });
                msgs
            }
            Effect::Search { generation, pattern, expression, scope } => {
                let pattern = match search::pattern(&pattern, expression, Case::Smart) {
                    Ok(pattern) => pattern,
                    Err(problem) => return vec![Msg::PatternRefused { generation, why: problem.why }],
                };
                let mut ordinals = Vec::new();
                let searched = self.source.search(&pattern, &scope, &cancel, &mut |step| {
                    if let SearchStep::Hit(ordinal) = step {
                        ordinals.push(ordinal);
                    }
                    ControlFlow::Continue(())
                });
                searched.expect("searched");
                vec![
                    Msg::HitsFound { generation, ordinals, percent: 100 },
                    Msg::SearchEnded { generation, more: false },
                ]
            }
            Effect::Find { generation, pattern, expression, scope, from, counted_in, direction } => {
                let pattern = match search::pattern(&pattern, expression, Case::Smart) {
                    Ok(pattern) => pattern,
                    Err(problem) => return vec![Msg::PatternRefused { generation, why: problem.why }],
                };
                let from = search::place_in(&*self.source, &counted_in, from, &scope).expect("a place");
                let found =
                    find(&*self.source, &scope, &pattern, from, direction, &cancel, &mut |_, _| {}).expect("searched");
                vec![match found {
                    Some(scope_at) => Msg::Found { generation, scope_at },
                    None => Msg::NotFound { generation },
                }]
            }
            Effect::NamePlaces { generation, stream, places } => {
                let name = |at: &u64| stepback::session::places::named(&*self.source, &stream, *at, &cancel);
                let names = places.iter().map(name).collect::<Result<_, _>>().expect("named");
                vec![Msg::PlacesNamed { generation, names }]
            }
            Effect::KeepGoing(stream) => {
                self.walker.keep_going(&stream);
                Vec::new()
            }
            Effect::Pin(state) => {
                self.walker.pin(state);
                Vec::new()
            }
            Effect::Unpin => {
                self.walker.unpin();
                Vec::new()
            }
            Effect::Copy(text) => {
                let bytes = text.len();
                self.copied = Some(text);
                vec![Msg::Copied(Ok(bytes))]
            }
            Effect::Survey { generation, survey } => {
                let reducers: Reducers = Arc::new(self.walker.reducers());
                let mut progress = Vec::new();
                let answer = survey_of(survey, &self.source, &reducers, &cancel, &mut |what, done, total| {
                    progress.push(Msg::SurveyProgressed { generation, what, done, total });
                });
                progress.push(Msg::Surveyed { generation, answer: answer.expect("looked through") });
                progress
            }
            Effect::StopSearch
            | Effect::StopSift
            | Effect::Reopen { .. }
            | Effect::StopJobs
            | Effect::StopSurvey
            | Effect::Play(_)
            | Effect::Suspend
            | Effect::Repaint
            | Effect::Quit => Vec::new(),
        }
    }

    /// The scope that is walked.
    pub fn scope(&self) -> Option<&Scope> {
        self.app.walk.scope.as_ref()
    }
}
