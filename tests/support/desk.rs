//! The interface at a desk without a terminal: keys go in, what is wanted is answered from a list of events, and the
//! screen can be read. The engine answers; only the states come from a small fold of its own, whose tests say what is so at
//! a place: suspended, stale, failed, not to be given.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::HashMap;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Style};
use stepback::app::folding::Fold;
use stepback::app::notation::{parse_key, plain_key};
use stepback::app::{App, Effect, Key, KeyCode, Mouse, MouseKind, Msg, Origin, Setup};
use stepback::ask::{Arrival, Ask, FoldProgress, Told};
use stepback::domain::{
    About, Event, Patch, Payload, Position, Progress, Scope, State, StreamName, Timestamp, Trouble, Version, time,
};
use stepback::replay::{
    FaultCount, Fingerprint, FirstFault, FoldError, Moment, ReducerInfo, Stale, StateCost, Suspension,
};
use stepback::session::desk::Inline;
use stepback::session::{ReducerBook, Source, Walker};
use stepback::sources::memory::Memory;
use stepback::ui::theme::{ROLES, Role, Theme};

use super::fold::{difference, fold, streams};

/// One event to be built: stream, type, data; the rest follows from its place.
pub fn event(stream: &str, event_type: &str, data: &str) -> Event {
    Event { data: Payload::json_text(data), ..Event::new(stream, Version(0), Position::Number(0), event_type) }
}

/// A record that cannot be read.
pub fn unreadable(line: u64, reason: &str) -> Event {
    let trouble = Some(Trouble { place: format!("line {line}"), reason: reason.into() });
    Event { trouble, ..event("", "", "") }
}

/// Numbers events as a store would: versions per stream from 1, positions, ids, and a time for each.
pub fn numbered(events: Vec<Event>) -> Vec<Arc<Event>> {
    let start = time::parse("2026-03-01T14:02:00Z").expect("an instant").as_millisecond();
    let mut versions: HashMap<StreamName, u64> = HashMap::new();
    let number = |(n, mut event): (usize, Event)| {
        let n = n as u64;
        if event.trouble.is_none() {
            let version = versions.entry(event.stream.clone()).or_default();
            *version += 1;
            event.version = Version(*version);
            event.id = Some(format!("e-{:04}", n + 1).into());
            let later = (n * 1_380 + n * n % 7 * 400) as i64;
            event.time = event.time.or(Timestamp::from_millisecond(start + later).ok());
        }
        event.position = Position::Number(n + 1);
        Arc::new(event)
    };
    events.into_iter().enumerate().map(number).collect()
}

/// A small shop: three orders with a category of their own, two payments, nested data.
pub fn shop() -> Vec<Arc<Event>> {
    let placed = |id: &str, customer: &str| {
        event(
            id,
            "OrderPlaced",
            &format!(
                r#"{{"orderId":"{id}","status":"Open","customer":{{"name":"{customer}","tier":"gold"}},"items":[],"total":{{"amount":0,"currency":"EUR"}}}}"#
            ),
        )
    };
    let mut events = vec![
        placed("order-1001", "Zoë 山田"),
        event(
            "order-1001",
            "ItemAdded",
            r#"{"items":[{"sku":"A-19","qty":2}],"total":{"amount":37.50,"currency":"EUR"}}"#,
        ),
        placed("order-1002", "Ann"),
        event(
            "payment-77",
            "PaymentRequested",
            r#"{"paymentId":"payment-77","amount":37.50,"reference":9007199254740993}"#,
        ),
        event(
            "order-1001",
            "ItemAdded",
            r#"{"items":[{"sku":"A-19","qty":2},{"sku":"B-02","qty":1}],"total":{"amount":61.00,"currency":"EUR"}}"#,
        ),
        event(
            "order-1001",
            "CouponApplied",
            r#"{"discounts":[{"code":"STACK20","pct":20}],"total":{"amount":-12.50,"currency":"EUR"}}"#,
        ),
        event("payment-77", "PaymentCaptured", r#"{"captured":true,"note":"first try"}"#),
        event("order-1001", "NoteTaken", r#"{"note":"line one\nline two"}"#),
        event(
            "order-1002",
            "ItemAdded",
            r#"{"items":[{"sku":"C-77","qty":3}],"total":{"amount":9.99,"currency":"EUR"}}"#,
        ),
        event("order-1001", "OrderShipped", r#"{"status":"Shipped","shippedAt":"2026-03-02"}"#),
        event("order-1002", "OrderDeleted", r#"{"reason":"test order"}"#),
        placed("order-1003", "Bob"),
    ];
    for event in &mut events {
        event.metadata = Payload::json_text(r#"{"user":"u-17","source":"web"}"#);
        event.correlation = Some("9f2c-77".into());
    }
    numbered(events)
}

/// The interface with a store in front of it.
pub struct Desk {
    /// The interface.
    pub app: App,
    /// What it wanted and nobody has answered yet.
    pub wanted: Vec<Effect>,
    /// Everything it ever wanted.
    pub log: Vec<Effect>,
    /// What the source says of itself.
    pub about: About,
    /// Whether wishes are answered at once.
    pub answers: bool,
    /// Whether a state is there with its place; otherwise the place comes alone and the state when it is folded.
    pub folds: bool,
    /// Why the reducer is not the one that was saved last.
    pub stale: Option<Arc<Stale>>,
    /// Why no state is folded.
    pub suspended: Option<Suspension>,
    /// After which versions the state cannot be given, though their events were folded.
    pub ungiven: Vec<u64>,
    /// Whether somebody said to go on with it.
    urged: bool,
    unfolded: Vec<Msg>,
    events: Vec<Arc<Event>>,
    engine: Inline,
    approximate: bool,
    pinned: Option<State>,
    state: State,
}

impl Desk {
    /// Opens a store of these events, completely read.
    pub fn open(events: Vec<Arc<Event>>) -> Self {
        Self::open_in(events, 80, 24)
    }

    /// Opens it in a window of this size.
    pub fn open_in(events: Vec<Arc<Event>>, width: u16, height: u16) -> Self {
        let mut desk = Self::start(events, width, height);
        desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
        desk.read(100);
        desk
    }

    /// The interface before anything has come.
    pub fn start(events: Vec<Arc<Event>>, width: u16, height: u16) -> Self {
        let origin = Origin { address: "shop.jsonl".into(), ..Origin::default() };
        Self::with(events, Setup { width, height, origin, themes: Theme::names(), ..Setup::default() })
    }

    /// The same, started otherwise.
    pub fn with(events: Vec<Arc<Event>>, setup: Setup) -> Self {
        let about = About {
            name: "shop.jsonl".into(),
            kind: "JSON Lines".into(),
            reasons: vec!["stream, version, type and data under their usual names".into()],
            caveats: vec!["no position: shown in file order".into()],
            ..About::default()
        };
        Self {
            app: App::new(setup),
            wanted: Vec::new(),
            log: Vec::new(),
            about,
            answers: true,
            folds: true,
            stale: None,
            suspended: None,
            urged: false,
            ungiven: Vec::new(),
            unfolded: Vec::new(),
            engine: engine(&events),
            events,
            approximate: true,
            pinned: None,
            state: None,
        }
    }

    /// The source has been read so far: in percent, and 100 is all.
    pub fn read(&mut self, percent: u64) {
        let known = (self.events.len() as u64 * percent / 100) as usize;
        let streams = streams(&self.events[..known]);
        let troubles = self.events[..known].iter().filter(|event| event.trouble.is_some()).count() as u64;
        self.send(Msg::Told(Told::SourceProgressed(Progress {
            done: percent * 1_000,
            total: 100_000,
            events: known as u64 - troubles,
            troubles,
            streams: streams.len() as u64,
            complete: percent == 100,
        })));
        self.send(Msg::Told(Told::StreamsListed(Arc::new(streams))));
    }

    /// The store holds other events from now on; the interface is told nothing.
    pub fn replace(&mut self, events: Vec<Arc<Event>>) {
        self.engine = engine(&events);
        self.events = events;
    }

    /// The source has been opened again.
    pub fn reopened(&mut self) {
        self.send(Msg::Told(Told::Reopened));
        self.send(Msg::Told(Told::SourceDescribed(self.about.clone().into())));
        self.read(100);
    }

    /// Something happens; what is wanted is answered, unless that was switched off.
    pub fn send(&mut self, msg: Msg) {
        let effects = self.app.update(msg);
        self.log.extend(effects.iter().cloned());
        self.wanted.extend(effects);
        if self.answers {
            self.answer();
        }
    }

    /// Answers everything that is wanted, and what is wanted because of the answers.
    pub fn answer(&mut self) {
        for _ in 0..10_000 {
            if self.wanted.is_empty() {
                return;
            }
            for effect in std::mem::take(&mut self.wanted) {
                for msg in self.reply(effect) {
                    let effects = self.app.update(msg);
                    self.log.extend(effects.iter().cloned());
                    self.wanted.extend(effects);
                }
            }
        }
        panic!("the interface never stops wanting: {:?}", self.wanted);
    }

    /// The state that was held back is folded.
    pub fn fold(&mut self) {
        for msg in std::mem::take(&mut self.unfolded) {
            self.send(msg);
        }
    }

    /// The answers that are held back.
    pub fn clone_unfolded(&self) -> Vec<Msg> {
        self.unfolded.clone()
    }

    /// The fold under way says how far it is.
    pub fn folding(&mut self, folded: u64, to_fold: u64, seconds: u64) {
        let Fold::Running { generation, .. } = self.app.walk.fold else { panic!("nothing is folded") };
        let progress = FoldProgress { folded, to_fold, seconds };
        self.send(Msg::Told(Told::WalkProgressed { generation, progress }));
    }

    /// Types keys: characters are themselves, names stand in angle brackets (`<enter>`, `<ctrl+d>`).
    pub fn type_keys(&mut self, keys: &str) {
        for key in keys_of(keys) {
            self.send(Msg::KeyPressed(key));
        }
    }

    /// Presses the left button.
    pub fn click(&mut self, column: u16, row: u16) {
        self.mouse(MouseKind::Pressed, column, row);
        self.mouse(MouseKind::Released, column, row);
    }

    /// Does something with the mouse.
    pub fn mouse(&mut self, kind: MouseKind, column: u16, row: u16) {
        self.send(Msg::MouseMoved(Mouse { kind, column, row }));
    }

    /// Where the cursor stands: the name of the scope and the place in it.
    pub fn stands(&self) -> (String, u64) {
        let scope = match &self.app.walk.scope {
            Some(Scope::Stream(name)) => name.to_string(),
            Some(Scope::Category(name)) => format!("{name}-*"),
            Some(Scope::Correlation(id)) => format!("correlation {id}"),
            Some(Scope::All) => "all".into(),
            None => "nowhere".into(),
        };
        (scope, self.app.walk.place)
    }

    /// What was copied last.
    pub fn copied(&self) -> Option<&str> {
        self.log.iter().rev().find_map(|effect| match effect {
            Effect::Copy(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        let buffer = self.drawn(&Theme::named(self.app.theme()));
        lines(&buffer).join("\n")
    }

    /// The lines of the screen that contain a text.
    pub fn lines_with(&self, part: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    /// The screen as text, and below it which columns of which line have which role.
    pub fn picture(&self) -> String {
        let buffer = self.drawn(&roles_theme());
        let mut out = String::new();
        for line in lines(&buffer) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push_str("---\n");
        for y in 0..buffer.area.height {
            let mut runs: Vec<(u16, u16, String)> = Vec::new();
            for x in 0..buffer.area.width {
                let cell = &buffer[(x, y)];
                let name = role_of(cell.style(), cell.symbol());
                match runs.last_mut() {
                    Some((_, end, role)) if *role == name => *end = x,
                    _ => runs.push((x, x, name)),
                }
            }
            let runs: Vec<String> = runs
                .into_iter()
                .filter(|(.., role)| !role.is_empty())
                .map(
                    |(from, to, role)| {
                        if from == to { format!("{from} {role}") } else { format!("{from}-{to} {role}") }
                    },
                )
                .collect();
            if !runs.is_empty() {
                out.push_str(&format!("{y:>2}: {}\n", runs.join(", ")));
            }
        }
        out
    }

    /// The cells of the screen.
    pub fn drawn(&self, theme: &Theme) -> ratatui::buffer::Buffer {
        let size = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).expect("a test terminal");
        terminal.draw(|frame| stepback::ui::render(&self.app, theme, frame)).expect("drawing");
        terminal.backend().buffer().clone()
    }

    // The store

    fn reply(&mut self, effect: Effect) -> Vec<Msg> {
        let told = match effect {
            Effect::Copy(text) => return vec![Msg::Copied(Ok(text.len()))],
            Effect::Play(_) | Effect::Suspend | Effect::Repaint | Effect::Quit => return Vec::new(),
            Effect::Ask(Ask::KeepGoing(_)) => {
                self.urged = true;
                Vec::new()
            }
            Effect::Ask(Ask::Pin(state)) => {
                self.pinned = Some(state);
                Vec::new()
            }
            Effect::Ask(Ask::Unpin) => {
                self.pinned = None;
                Vec::new()
            }
            Effect::Ask(ask @ Ask::Go { generation, .. }) => {
                let told = self.engine.ask(ask).into_iter();
                let mut told: Vec<Told> = told.map(|told| self.refolded(told)).collect();
                if let (Some(pinned), Some(Told::MomentReached { .. })) = (&self.pinned, told.first()) {
                    let patch = Arc::new(difference(pinned, &self.state));
                    told.push(Told::DiffMade { generation, patch });
                }
                match told.first().and_then(arrival).filter(|_| !self.folds) {
                    Some(arrival) => {
                        self.unfolded = told.into_iter().map(Msg::Told).collect();
                        vec![Told::PlaceReached { generation, arrival }]
                    }
                    None => told,
                }
            }
            // Tests answer these themselves: what is found is another matter than how it is shown.
            Effect::Ask(Ask::Survey { .. }) => Vec::new(),
            Effect::Ask(ask) => self.engine.ask(ask),
        };
        told.into_iter().map(Msg::Told).collect()
    }

    /// An answer with what the small fold makes of the place.
    fn refolded(&mut self, told: Told) -> Told {
        let Told::MomentReached { generation, scope, scope_at, moment } = told else { return told };
        let moment = self.moment(moment.stream, moment.event);
        self.state = moment.state.clone();
        Told::MomentReached { generation, scope, scope_at, moment: Box::new(moment) }
    }

    fn moment(&self, stream: StreamName, event: Option<Arc<Event>>) -> Moment {
        let of_stream: Vec<&Arc<Event>> =
            self.events.iter().filter(|e| e.stream == stream && e.trouble.is_none()).collect();
        let at = event.as_ref().filter(|event| event.trouble.is_none()).map_or(0, |event| event.version.0);
        let mut state: State = None;
        let mut before: State = None;
        let mut fault = None;
        let mut faults = FaultCount::default();
        for event in &of_stream[..at as usize] {
            before = state.clone();
            fault = None;
            let event = *event;
            match fold(&state, event) {
                Ok(next) => state = next,
                Err(error) => {
                    faults.before += 1;
                    let first =
                        || FirstFault { event: event.clone(), at: event.version.0, error: Arc::new(error.clone()) };
                    faults.first.get_or_insert_with(first);
                    fault = Some(error);
                }
            }
        }
        let suspended = self.suspended.is_some();
        let unknown = (suspended || self.ungiven.contains(&at)).then(|| FoldError::new("circular reference"));
        let uncompared = at > 0 && (unknown.is_some() || self.ungiven.contains(&(at - 1)));
        let patch = if at == 0 || uncompared { Patch::default() } else { difference(&before, &state) };
        Moment {
            stream,
            at,
            total: of_stream.len() as u64,
            event,
            state: state.filter(|_| unknown.is_none()),
            patch: Arc::new(patch),
            uncompared,
            unknown,
            suspended: self.suspended.clone(),
            urged: self.urged,
            fault,
            faults,
            reducer: Arc::new(ReducerInfo {
                name: if self.approximate { "merge".into() } else { "order.js".into() },
                approximate: self.approximate,
                fingerprint: Fingerprint(1),
                cost: StateCost::Pointer,
                stale: self.stale.clone(),
            }),
        }
    }
}

/// Where a moment lies.
fn arrival(told: &Told) -> Option<Arrival> {
    let Told::MomentReached { scope, scope_at, moment, .. } = told else { return None };
    let (event, stream_at) = (moment.event.clone(), moment.at);
    Some(Arrival { scope: scope.clone(), scope_at: *scope_at, event, stream_at, total: moment.total.max(*scope_at) })
}

/// What answers about these events.
fn engine(events: &[Arc<Event>]) -> Inline {
    let events = events.iter().map(|event| Event::clone(event)).collect();
    let source: Arc<dyn Source> = Arc::new(Memory::new("shop.jsonl", events));
    let engine = Inline::new(Arc::clone(&source), Walker::new(source, ReducerBook::empty()));
    engine.opened().expect("a source in memory");
    engine
}

/// The keys of a text, as `type_keys` reads it.
pub fn keys_of(text: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            keys.push(parse_key(name).unwrap_or_else(|| panic!("there is no key <{name}>")));
            rest = after;
        } else {
            keys.push(plain_key(KeyCode::Char(c)));
            rest = &rest[c.len_utf8()..];
        }
    }
    keys
}

// Pictures

/// A theme in which every role has a colour of its own, so that a picture can name roles.
fn roles_theme() -> Theme {
    let style = |n: usize| match ROLES[n].0 {
        Role::Text => Style::new(),
        Role::Selected | Role::SelectedElsewhere | Role::Pending => Style::new().bg(Color::Indexed(n as u8)),
        _ => Style::new().fg(Color::Indexed(n as u8)),
    };
    Theme::of("roles", std::array::from_fn(style))
}

fn role_of(style: Style, symbol: &str) -> String {
    let name = |colour: Option<Color>| match colour {
        Some(Color::Indexed(n)) => ROLES[usize::from(n)].1,
        _ => "",
    };
    // The colour of a blank cannot be seen.
    let fg = if symbol == " " { "" } else { name(style.fg) };
    let bg = name(style.bg);
    match (fg, bg) {
        (fg, "") => fg.into(),
        ("", bg) => format!("*{bg}"),
        (fg, bg) => format!("{fg}*{bg}"),
    }
}

fn lines(buffer: &ratatui::buffer::Buffer) -> Vec<String> {
    (0..buffer.area.height)
        .map(|y| {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                skip = stepback::domain::text::width(symbol).saturating_sub(1);
                line.push_str(symbol);
            }
            line
        })
        .collect()
}
