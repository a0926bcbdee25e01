//! The interface over the real engine without a terminal: whatever it wants is done at once, one thing after another.

use std::path::Path;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use stepback::app::{App, Effect, Msg, Setup};
use stepback::domain::{Cancel, Scope};
use stepback::replay::Moment;
use stepback::session::desk::Inline;
use stepback::session::{ReducerBook, ReducerPlaces, Walker};
use stepback::sources::open::OpenOptions;
use stepback::ui::{self, Theme};

use super::desk::keys_of;

/// The interface, an opened source, and a walker over it.
pub struct Live {
    /// The interface.
    pub app: App,
    /// What was handed to the clipboard last.
    pub copied: Option<String>,
    desk: Inline,
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
        let mut live = Self { app: App::new(setup), copied: None, desk: Inline::new(source, walker) };
        for told in live.desk.opened().expect("streams") {
            live.send(Msg::Told(told));
        }
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
        match effect {
            Effect::Ask(ask) => self.desk.ask(ask).into_iter().map(Msg::Told).collect(),
            Effect::Copy(text) => {
                let bytes = text.len();
                self.copied = Some(text);
                vec![Msg::Copied(Ok(bytes))]
            }
            Effect::Play(_) | Effect::Suspend | Effect::Repaint | Effect::Quit => Vec::new(),
        }
    }

    /// The scope that is walked.
    pub fn scope(&self) -> Option<&Scope> {
        self.app.walk.scope.as_ref()
    }
}
