//! A screen and a store to try the loop with: what was typed, what came back, nothing else. In builds for testing only.

use std::process::ExitCode;
use std::sync::Arc;

use ratatui::Frame;
use ratatui::widgets::Paragraph;

use super::{Launch, Screen};
use crate::app::{Effect, Key, KeyCode, Msg};
use crate::ask::{Ask, Generation, Told};
use crate::domain::{
    About, Cancel, Destination, EventPage, EventQuery, Failure, Progress, Scope, StreamName, StreamPage, StreamSummary,
    Version,
};
use crate::session::{ReducerBook, Walker};
use crate::sources::Source;

/// Runs the probe when the environment asks for it: `STEPBACK_PROBE` is how many streams its store has.
pub fn probe_from_environment() -> Option<ExitCode> {
    let streams = std::env::var("STEPBACK_PROBE").ok()?.parse().ok()?;
    if std::env::args().nth(1).as_deref() == Some("-") {
        // As a source that is read to its end before anything is shown.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok()?;
    }
    let ended = super::run(probe(streams));
    Some(ended.unwrap_or_else(|failure| crate::cli::exit_code(failure.kind)))
}

/// The probe over a store of so many streams without events.
pub fn probe(streams: usize) -> Launch<Probe> {
    let source: Arc<dyn Source> = Arc::new(Store { streams });
    Launch {
        walker: Walker::new(Arc::clone(&source), ReducerBook::empty()),
        source,
        screen: Probe::default(),
        mouse: true,
        reopen: None,
        held: None,
    }
}

/// Shows what it was told.
#[derive(Default)]
pub struct Probe {
    size: (u16, u16),
    typed: String,
    told: String,
    streams: usize,
    matches: usize,
    at: u64,
    loud: bool,
    generation: Generation,
}

impl Probe {
    fn next(&mut self) -> Generation {
        self.generation.0 += 1;
        self.generation
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        let name = match key.code {
            KeyCode::Char(c) => c.to_string(),
            other => format!("<{other:?}>"),
        };
        let control = if key.modifiers.control { "^" } else { "" };
        self.typed = format!("{}{control}{name}", self.typed);
        let tail = self.typed.chars().count().saturating_sub(40);
        self.typed = self.typed.chars().skip(tail).collect();
        match (key.code, key.modifiers.control) {
            (KeyCode::Char('q' | 'Q'), false) | (KeyCode::Char('c'), true) => vec![Effect::Quit],
            (KeyCode::Char('z'), true) => vec![Effect::Suspend],
            (KeyCode::Char('l'), true) => vec![Effect::Repaint],
            (KeyCode::Char('y'), false) => vec![Effect::Copy("copied".to_owned())],
            (KeyCode::Char('p'), false) => vec![Effect::Play(Some(std::time::Duration::from_millis(20)))],
            (KeyCode::Char('P'), false) => vec![Effect::Play(None)],
            (KeyCode::Char('!'), false) => {
                self.loud = !self.loud;
                Vec::new()
            }
            (KeyCode::Char('j'), false) => {
                self.at += 1;
                vec![Effect::Ask(Ask::Go {
                    generation: self.next(),
                    scope: Scope::All,
                    from: self.at - 1,
                    to: Destination::To(self.at),
                })]
            }
            (KeyCode::Char('e'), false) => {
                vec![Effect::Ask(Ask::LoadEvents { generation: self.next(), query: EventQuery::first(Scope::All, 10) })]
            }
            (KeyCode::Char('/'), false) => {
                vec![Effect::Ask(Ask::FilterStreams { generation: self.next(), pattern: "99".to_owned() })]
            }
            _ => Vec::new(),
        }
    }
}

impl Screen for Probe {
    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.told = match msg {
            Msg::KeyPressed(key) => return self.key(key),
            Msg::Resized { width, height } => {
                self.size = (width, height);
                return Vec::new();
            }
            Msg::Told(Told::StreamsListed(streams)) => {
                self.streams = streams.len();
                return Vec::new();
            }
            Msg::Told(Told::SourceDescribed(_)) | Msg::Told(Told::SourceProgressed(_)) => return Vec::new(),
            Msg::Told(Told::StreamsFiltered { matches, complete: true, .. }) => {
                self.matches = matches.len();
                "filtered".to_owned()
            }
            Msg::Told(Told::JobFailed { failure, .. }) => failure.to_string(),
            Msg::Told(Told::EventsLoaded { .. }) => "loaded".to_owned(),
            Msg::Copied(result) => format!("copied {result:?}"),
            Msg::Pasted(text) => format!("pasted {}", text.len()),
            Msg::MouseMoved(mouse) => format!("{:?} {} {}", mouse.kind, mouse.column, mouse.row),
            Msg::PlayTicked => "ticked".to_owned(),
            Msg::Resumed => "resumed".to_owned(),
            other => format!("{other:?}"),
        };
        Vec::new()
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let (width, height) = self.size;
        let noise =
            if self.loud { self.typed.repeat(usize::from(width) * usize::from(height) / 4) } else { String::new() };
        let text = format!(
            "probe {width}x{height}\ntyped {}\ntold {}\nat {}\nstreams {}\nmatches {}\n{noise}",
            self.typed, self.told, self.at, self.streams, self.matches
        );
        let wrap = ratatui::widgets::Wrap { trim: false };
        frame.render_widget(Paragraph::new(text).wrap(wrap), frame.area());
    }
}

struct Store {
    streams: usize,
}

impl Source for Store {
    fn about(&self) -> About {
        About { name: "probe".to_owned(), ..About::default() }
    }

    fn progress(&self) -> Progress {
        Progress { streams: self.streams as u64, complete: true, ..Progress::default() }
    }

    fn begin(&self) {}

    fn complete(&self, _cancel: &Cancel, _told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        Ok(())
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        let streams = (from..self.streams.min(from.saturating_add(limit)))
            .map(|number| StreamSummary {
                stream: StreamName::from(format!("stream-{number}").as_str()),
                events: 0,
                first_version: Version(0),
                last_version: Version(0),
                first_time: None,
                last_time: None,
                kind: crate::domain::StreamKind::Domain,
            })
            .collect();
        Ok(StreamPage { streams, total: self.streams, partial: false })
    }

    fn stream(&self, _name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        Ok(None)
    }

    fn events(&self, _query: &EventQuery, _cancel: &Cancel) -> Result<EventPage, Failure> {
        Ok(EventPage::default())
    }

    fn translate(&self, _from: &Scope, _ordinal: u64, _to: &Scope) -> Result<Option<u64>, Failure> {
        Ok(None)
    }
}
