//! How long a frame takes: our screen at 160x45 with every pane full, beside ratatui drawing three plain panes of the
//! same size. The goal is half a millisecond of CPU at most. Run with `cargo bench --bench frame`.

#[path = "../tests/support"]
mod support {
    pub mod desk;
    mod fold;
}

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout};
use ratatui::widgets::{Block, List, Paragraph, Row, Table, Wrap};
use stepback::ui::{Theme, render};
use support::desk::{Desk, event, numbered};

const FRAMES: usize = 5_000;

fn main() {
    let (width, height) = (160, 45);
    large_states(width, height);
    let mut desk = full(width, height);
    let theme = Theme::named("dark");
    println!("{width}x{height}, {FRAMES} frames each, the CPU time of drawing into the buffer");
    for (name, keys) in [("events in focus", ""), ("a search marked everywhere", "/item<enter>"), ("help", "?")] {
        desk.type_keys(keys);
        measure(&format!("stepback, {name}"), width, height, |frame| render(&desk.app, &theme, frame));
        desk.type_keys("<esc>");
    }
    let items: Vec<String> = (0..40).map(|n| format!("  order-{n:04}                {n:>5}")).collect();
    let rows: Vec<[String; 4]> = (0..40)
        .map(|n| [n.to_string(), "14:02:11.204".into(), "OrderRepriced".into(), "total {amount: -12.50}".repeat(2)])
        .collect();
    let text = (0..40).map(|n| format!("    field{n:02}   \"some value of a state\"\n")).collect::<String>();
    measure("ratatui: List, Table, Paragraph", width, height, |frame| {
        let thirds = [Constraint::Percentage(21), Constraint::Percentage(41), Constraint::Fill(1)];
        let [left, middle, right] = frame.area().layout(&Layout::horizontal(thirds));
        frame.render_widget(List::new(items.iter().map(String::as_str)).block(Block::bordered()), left);
        let table = Table::new(
            rows.iter().map(|row| Row::new(row.iter().map(String::as_str))),
            [Constraint::Length(5), Constraint::Length(12), Constraint::Length(16), Constraint::Fill(1)],
        );
        frame.render_widget(table.block(Block::bordered()), middle);
        let paragraph = Paragraph::new(text.as_str()).wrap(Wrap { trim: false });
        frame.render_widget(paragraph.block(Block::bordered()), right);
    });
}

/// Every pane full: 60 streams, 400 events in the one that is open, a state and an event of many fields.
fn full(width: u16, height: u16) -> Desk {
    let mut events = Vec::new();
    for n in 0..60 {
        events.push(event(&format!("order-{:04}", 1000 + n), "OrderPlaced", r#"{"status":"Open"}"#));
    }
    for n in 0..400 {
        let fields: Vec<String> = (0..14).map(|k| format!(r#""field{k}":"value {} of {n}""#, k * n)).collect();
        let data = format!(
            r#"{{"qty":{n},"items":[{{"sku":"A-{n}","qty":{}}},{{"sku":"B-{n}","qty":1}}],"total":{{"amount":{n}.50,"currency":"EUR"}},{}}}"#,
            n % 7,
            fields.join(",")
        );
        events.push(event("order-1000", if n % 3 == 0 { "ItemAdded" } else { "OrderRepriced" }, &data));
    }
    let mut desk = Desk::open_in(numbered(events), width, height);
    desk.type_keys("<enter>:200<enter>....,,,,");
    desk
}

/// A step in a stream with a large state: taking the moment in, the panes laid out by it, and the frame. A frame of a screen
/// that is drawn sixty times a second has 16 ms.
fn large_states(width: u16, height: u16) {
    const STEPS: usize = 40;
    let keys = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!(r#""field{n:06}":"value {n}""#)).collect();
        format!("{{{}}}", fields.join(","))
    };
    let list = |count: usize| {
        let items: Vec<String> = (0..count).map(|n| format!(r#"{{"sku":"A-{n}","qty":{n},"note":"-"}}"#)).collect();
        format!(r#"{{"items":[{}]}}"#, items.join(","))
    };
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    for (name, data) in [
        ("20 KB of fields", keys(700)),
        ("1 MB of fields", keys(33_000)),
        ("5 MB of fields", keys(165_000)),
        ("5 MB of items", list(125_000)),
        ("a text of 5 MB", format!(r#"{{"text":"{}"}}"#, "long ".repeat(1 << 20))),
        ("a name of 5 MB", format!(r#"{{"{}":1}}"#, "long ".repeat(1 << 20))),
        ("nested 100 deep", deep),
    ] {
        let mut events = vec![event("order-1", "Imported", &data)];
        events.extend((0..10).map(|n| event("order-1", "Changed", &format!(r#"{{"changed":{n}}}"#))));
        let mut desk = Desk::open_in(numbered(events), width, height);
        desk.type_keys("<enter>");
        desk.folds = false;
        let theme = Theme::named("dark");
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
        let mut times: Vec<Duration> = Vec::with_capacity(STEPS);
        for step in 0..STEPS {
            desk.type_keys(if step % 20 < 10 { "," } else { "." });
            let start = cpu();
            desk.fold();
            terminal.draw(|frame| render(&desk.app, &theme, frame)).expect("drawing");
            times.push(cpu().saturating_sub(start));
        }
        told(&format!("a step, {name}"), times);
    }
}

/// The CPU time of this thread: other programs on the machine do not count.
fn cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).expect("the clock of the thread").into()
}

fn measure(name: &str, width: u16, height: u16, mut draw: impl FnMut(&mut ratatui::Frame<'_>)) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    let mut times: Vec<Duration> = Vec::with_capacity(FRAMES);
    for _ in 0..FRAMES {
        terminal
            .draw(|frame| {
                let start = cpu();
                draw(frame);
                times.push(cpu().saturating_sub(start));
            })
            .expect("drawing");
    }
    told(name, times);
}

fn told(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    println!("{name:<46} p50 {:>7.1} us   p99 {:>7.1} us", at(0.5), at(0.99));
}
