//! From what was typed to a running interface: opens the store, chooses the colours, and says at once what is wrong.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use ratatui::Frame;

use super::run::{NO_TERMINAL, Stage, run_on};
use super::waiting::{Waited, Work};
use super::{Background, ColorDepth, Launch, Screen, background, color_depth, missing_terminal, run};
use crate::app::{App, Effect, Msg, Origin, Setup};
use crate::cli::{self, Interface};
use crate::config::{Folders, Settings, ThemeChoice};
use crate::domain::{Cancel, Destination, Failure, Place, StreamName, address};
use crate::session::desk::Reopen;
use crate::session::{Opening, Source, Walker, demo};
use crate::ui::{self, theme::Theme};

/// Opens the interface and runs it to its end.
pub fn launch(interface: Interface, folders: &Folders, settings: Result<Settings, String>) -> ExitCode {
    let settings = settings.unwrap_or_else(|problems| {
        cli::say(&problems);
        Settings::default()
    });
    if let Some(why) = missing_terminal() {
        cli::say(&why);
        return ExitCode::from(cli::USAGE);
    }
    match start(interface, folders, &settings) {
        Ok(code) => code,
        Err(failure) => {
            cli::say_failure(&failure);
            cli::exit_code(failure.kind)
        }
    }
}

fn start(interface: Interface, folders: &Folders, settings: &Settings) -> Result<ExitCode, Failure> {
    let theme = match &interface.theme {
        Some(name) => {
            ThemeChoice::named(name).map_err(|problem| cli::usage(problem, "name one of these with --theme"))?
        }
        None => settings.theme,
    };
    let at = interface.at.as_deref().map(str::parse::<Place>).transpose();
    let at = at.map_err(|problem| cli::usage(problem, "for instance: --at 12"))?;

    let named = interface.source.clone().unwrap_or_else(|| demo::NAME.into());
    let demo = if named == demo::NAME { Some(demo::demo(folders.data.as_deref())?) } else { None };
    let address = demo.as_ref().map_or_else(|| named.clone(), |demo| demo.store.clone().into_os_string());
    let option = |name: &str, value: Option<String>| value.map(|value| [name.to_owned(), value]);
    let reducer = interface.reducer.as_ref().map(|path| path.display().to_string());
    if address == "-" && std::io::stdin().is_terminal() {
        // Reading it would take the keys away from the interface.
        return Err(cli::usage("standard input is a terminal: pipe something in", ""));
    }
    let options = [
        option("--map", interface.map.clone()),
        option("--layout", interface.layout.as_ref().map(|layout| layout.to_string_lossy().into_owned())),
        option("--allow-unpacked", interface.allow_unpacked.map(|bytes| bytes.to_string())),
    ];
    let options = options.into_iter().flatten().flatten();
    let folding = option("--reducer", reducer).into_iter().flatten();
    let name = demo.as_ref().map(|_| demo::NAME.to_owned());
    // The demo has a name that every command knows, wherever it lies.
    let origin = Origin { address: named, options: options.collect(), folding: folding.collect() };
    let opening = Opening {
        address,
        map: interface.map,
        layout: interface.layout,
        cache: folders.cache.clone().filter(|_| !interface.no_cache),
        reducer: interface.reducer,
        configuration: folders.configuration.clone(),
        allow_unpacked: interface.allow_unpacked,
        looking: Default::default(),
    };
    let again = Opening { looking: Default::default(), ..opening.clone() };
    let reopen: Reopen = Arc::new(move || {
        let source = again.source()?;
        let walker = again.browser(&source)?;
        Ok((source, walker))
    });
    let reopen = (opening.address != "-").then_some(reopen);
    let looking = opening.looking.clone();
    let asked = interface.stream.clone();
    let shown = name.clone().unwrap_or_else(|| match opening.address == "-" {
        true => "standard input".to_owned(),
        false => address::shown(&origin.address),
    });
    let work = Work::begin(shown, &looking, move || found(&opening, asked.as_deref()))?;
    let (stage, found) = match work.at_once()? {
        Ok(found) => (None, found?),
        Err(work) => {
            let Some(mut stage) = Stage::enter(settings.mouse)? else { return Ok(ExitCode::from(NO_TERMINAL)) };
            match work.on(&mut stage)? {
                Waited::Left(ending) => return Ok(stage.leave(ending)),
                Waited::Done(found) => (Some(stage), found?),
            }
        }
    };
    let Found { source, walker, stream } = found;
    let mut at = at.and_then(destination);
    let stream = match stream {
        // Nothing was asked for: where the tool that wrote it stood.
        Asked::Nothing if interface.at.is_none() => source.about().stood_at.map(|(stream, version)| {
            at = Some(Destination::At(Place::Number(version.0)));
            stream
        }),
        Asked::Nothing => None,
        Asked::Found(stream) => Some(stream),
        Asked::Missing(words) => {
            drop(stage);
            cli::say(&words);
            return Ok(ExitCode::from(cli::NOTHING));
        }
    };
    let themes = Theme::names();
    let theme = themes.iter().position(|name| name == theme_name(theme)).unwrap_or(0);
    let setup = Setup { origin, name, stream, at, themes, theme, ..Setup::default() };
    let launch = Launch {
        reopen,
        source,
        walker,
        screen: Interactive::new(App::new(setup)),
        mouse: settings.mouse,
        held: demo.map(|demo| Box::new(demo) as _),
    };
    match stage {
        Some(stage) => run_on(stage, launch),
        None => run(launch),
    }
}

/// What the interface begins with.
struct Found {
    source: Arc<dyn Source>,
    walker: Walker,
    stream: Asked,
}

/// What became of a stream asked for by name.
enum Asked {
    Nothing,
    Found(StreamName),
    /// The sentence that says so.
    Missing(String),
}

/// Opens what is to be shown. May take long.
fn found(opening: &Opening, stream: Option<&str>) -> Result<Found, Failure> {
    let source = opening.source()?;
    let walker = opening.browser(&source)?;
    let stream = match stream {
        None => Asked::Nothing,
        Some(name) => {
            opening.looking.tries(&format!("reading it to find the stream {name}"));
            match known_stream(&*source, name)? {
                Some(stream) => Asked::Found(stream),
                None => Asked::Missing(cli::no_stream(&*source, name)?),
            }
        }
    };
    Ok(Found { source, walker, stream })
}

/// A stream asked for by name: it must be there, so that a typing error is told before the screen is taken. Usually it
/// is among the streams known already; otherwise the source is read until it is.
fn known_stream(source: &dyn Source, name: &str) -> Result<Option<StreamName>, Failure> {
    if source.stream(&name.into())?.is_none() {
        source.complete(&Cancel::default(), &mut |_| {})?;
    }
    Ok(source.stream(&name.into())?.map(|summary| summary.stream))
}

/// Where to begin; at the last event one begins anyway, as soon as it is known.
fn destination(place: Place) -> Option<Destination> {
    match place {
        Place::Last => None,
        place => Some(Destination::At(place)),
    }
}

/// The theme that fits the user's choice and the terminal's colours.
fn theme_name(choice: ThemeChoice) -> &'static str {
    let get = |name: &str| std::env::var(name).ok();
    match (choice, color_depth(get)) {
        (ThemeChoice::Mono, _) | (_, ColorDepth::None) => "mono",
        (_, ColorDepth::Sixteen) => "base",
        (ThemeChoice::Light, _) => "light",
        (ThemeChoice::Dark, _) => "dark",
        (ThemeChoice::Auto, _) => match background(get) {
            Some(Background::Light) => "light",
            _ => "dark",
        },
    }
}

/// The interface as the loop drives it: what it knows, and the theme it is drawn with.
struct Interactive {
    app: App,
    theme: Theme,
    name: String,
    depth: ColorDepth,
}

impl Interactive {
    fn new(app: App) -> Self {
        let name = app.theme().to_owned();
        let depth = color_depth(|name| std::env::var(name).ok());
        Self { theme: themed(&name, depth), app, name, depth }
    }
}

impl Screen for Interactive {
    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = self.app.update(msg);
        if self.app.theme() != self.name {
            self.name = self.app.theme().to_owned();
            self.theme = themed(&self.name, self.depth);
        }
        effects
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        ui::render(&self.app, &self.theme, frame);
    }
}

/// A theme in the colours the terminal has.
fn themed(name: &str, depth: ColorDepth) -> Theme {
    match depth {
        ColorDepth::None => Theme::named("mono"),
        ColorDepth::Sixteen if name != "mono" => Theme::named("base"),
        ColorDepth::Indexed => Theme::named(name).indexed(),
        ColorDepth::Sixteen | ColorDepth::True => Theme::named(name),
    }
}
