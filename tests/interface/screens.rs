//! What the screen looks like: pictures of whole screens at the sizes people have.

use std::sync::Arc;

use bytes::Bytes;
use ratatui::style::Color;
use stepback::app::action::ACTIONS;
use stepback::app::ids::Pane;
use stepback::app::{Effect, Msg};
use stepback::ask::{Ask, Generation, Told};
use stepback::domain::{Event, Failure, FailureKind, Payload, SourceChange, text, time};
use stepback::replay::{FoldError, ScriptPlace, Stale};
use stepback::ui::theme::{Role, Theme};

use crate::support::desk::{Desk, event, numbered, shop, unreadable};

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 36), (160, 45), (40, 12)];

/// Takes a picture at every size of what some keys lead to.
fn pictures(name: &str, events: &dyn Fn() -> Vec<Arc<Event>>, keys: &str) {
    for (width, height) in SIZES {
        let mut desk = Desk::open_in(events(), width, height);
        desk.type_keys(keys);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), desk.picture());
    }
}

#[test]
fn first_screen() {
    pictures("first_screen", &shop, "");
}

#[test]
fn stream_opened() {
    pictures("stream_opened", &shop, "<enter>kk");
}

#[test]
fn state_focused_with_changes() {
    pictures("state_focused", &shop, "4,,,");
}

#[test]
fn initial_state() {
    pictures("initial_state", &shop, "<enter>g");
}

#[test]
fn whole_store() {
    pictures("whole_store", &shop, "<enter>kk0");
}

#[test]
fn fault() {
    let events = || {
        numbered(vec![
            event("order-1", "OrderPlaced", r#"{"status":"Open","total":10}"#),
            event("order-1", "OrderRepriced", r#"{"fault":"total is negative: -12.5"}"#),
            event("order-1", "OrderShipped", r#"{"status":"Shipped"}"#),
        ])
    };
    pictures("fault", &events, "<enter>k");
    pictures("fault_whole", &events, "<enter>k!");
}

#[test]
fn states_that_are_not_whole() {
    let events = || {
        numbered(vec![
            event("order-1", "OrderPlaced", r#"{"status":"Open","total":10}"#),
            event("order-1", "OrderRepriced", r#"{"fault":"total is negative: -12.5"}"#),
            event("order-1", "OrderShipped", r#"{"status":"Shipped"}"#),
        ])
    };
    pictures("faults_before", &events, "<enter>");
    for (width, height) in SIZES {
        let mut desk = Desk::open_in(shop(), width, height);
        let place = Some(ScriptPlace { file: "order.js".into(), line: 41, column: 38 });
        let why = FoldError { place, ..FoldError::new("Unexpected token ')'") };
        desk.stale = Some(Arc::new(Stale { why, line: Some("  return withTotal({ ...order,)".into()) }));
        desk.send(Msg::Told(Told::ReducerRefused(
            "order.js:41 Unexpected token ')': this state is from before the save".into(),
        )));
        insta::assert_snapshot!(format!("stale_{width}x{height}"), desk.picture());
    }
}

#[test]
fn payloads_nobody_can_fold() {
    let events = || {
        let sealed = |event_type: &str, bytes: &'static [u8]| Event {
            data: Payload::named(Bytes::from_static(bytes), "binary, perhaps encrypted"),
            ..event("account-1", event_type, "")
        };
        numbered(vec![sealed("Opened", b"\x8a\x01\xfe\x90"), sealed("Deposited", b"\xff\x00\x13\x37")])
    };
    pictures("sealed", &events, "<enter>k");
}

#[test]
fn unreadable_records() {
    let events = || {
        numbered(vec![
            event("order-1", "OrderPlaced", r#"{"status":"Open"}"#),
            unreadable(2, "expected ',' or '}' at byte 17"),
            event("order-1", "OrderShipped", r#"{"status":"Shipped"}"#),
        ])
    };
    pictures("unreadable", &events, "gl:2<enter>");
}

#[test]
fn filter_typing() {
    pictures("filter_typing", &shop, "/od2");
}

#[test]
fn find_typing() {
    pictures("find_typing", &shop, "<enter>/stack");
}

#[test]
fn find_everywhere_and_by_regex() {
    pictures("find_everywhere", &shop, "<enter>//cap.*red/<tab>");
    pictures("find_accepted", &shop, "<enter>/item<enter>n");
}

#[test]
fn filters() {
    pictures("filter_events_typing", &shop, "<enter>&");
    pictures("filter_events_refused", &shop, "<enter>&type:Item* && event.data.amount = 5<enter>");
    pictures("filter_events", &shop, "<enter>&type:Item*<enter>");
    pictures("filter_events_none", &shop, "<enter>&event.data.amount > 5<enter>");
    pictures("filter_whole_store", &shop, "0&event.type.startsWith('Payment') && event.data.amount > 10<enter>");
}

#[test]
fn sources_that_change() {
    for (width, height) in SIZES {
        let mut desk = Desk::open_in(shop(), width, height);
        desk.type_keys("<enter>F");
        desk.replace(numbered(
            shop().iter().map(|e| Event::clone(e)).chain([event("order-9", "Placed", "{}")]).collect(),
        ));
        desk.send(Msg::Told(Told::SourceChanged(SourceChange::Grown)));
        desk.read(100);
        insta::assert_snapshot!(format!("grown_{width}x{height}"), desk.picture());
        desk.send(Msg::Told(Told::SourceChanged(SourceChange::Truncated)));
        insta::assert_snapshot!(format!("changed_{width}x{height}"), desk.picture());
    }
}

#[test]
fn go_to_typing() {
    pictures("go_to_typing", &shop, ":@14:02:05");
    pictures("go_to_wrong", &shop, ":@noon<enter>");
}

#[test]
fn help() {
    pictures("help", &shop, "?");
    pictures("help_narrowed", &shop, "?copy");
}

#[test]
fn chord_begun() {
    pictures("chord_begun", &shop, "4y");
}

#[test]
fn pinned_difference() {
    pictures("pinned", &shop, "<enter>g.PG4D");
    pictures("pinned_list", &shop, "<enter>g.PG4Dv");
}

#[test]
fn about_and_quit() {
    pictures("about", &shop, "i");
    pictures("quit", &shop, "q");
}

#[test]
fn event_views() {
    pictures("metadata", &shop, "3v");
    pictures("raw", &shop, "3vv");
}

#[test]
fn ended_entity() {
    pictures("ended", &shop, ":order-1002<enter>");
}

#[test]
fn hostile_text() {
    let events = || {
        let wide = format!(r#"{{"text":"{}"}}"#, "x".repeat(100_000));
        numbered(vec![
            event("evil-\u{1b}]0;title\u{7}", "Typed\u{1b}[31mRed", r#"{"a":"\u001b[2J","b\u202e":"rtl","a":2}"#),
            event(
                "evil-山田太郎山田太郎山田太郎",
                "Wide山田太郎山田太郎山田",
                r#"{"name":"山田太郎 👩‍💻 e\u0301","z":"\u200b\u2028"}"#,
            ),
            event("evil-山田太郎山田太郎山田太郎", "Zalgo", &format!(r#"{{"z":"e{}"}}"#, "\u{301}".repeat(5_000))),
            event("evil-long", &"VeryLongTypeName".repeat(20), &wide),
            event("evil-long", "NotJson", "{broken"),
        ])
    };
    pictures("hostile_control", &events, "<enter>3");
    pictures("hostile_wide", &events, "j<enter>k");
    pictures("hostile_long", &events, "G<enter>k3");
    pictures("hostile_broken", &events, "G3");
}

#[test]
fn indexing() {
    for (width, height) in SIZES {
        let mut desk = Desk::start(shop(), width, height);
        desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
        insta::assert_snapshot!(format!("nothing_yet_{width}x{height}"), desk.picture());
        desk.read(42);
        insta::assert_snapshot!(format!("indexing_{width}x{height}"), desk.picture());
    }
}

#[test]
fn a_slow_walk_and_a_slow_search() {
    for (width, height) in SIZES {
        let mut desk = Desk::open_in(shop(), width, height);
        desk.type_keys("<enter>");
        desk.folds = false;
        desk.type_keys("k");
        desk.folding(82_000, 200_000, 2);
        insta::assert_snapshot!(format!("slow_walk_{width}x{height}"), desk.picture());
        desk.folding(250, 200_000, 11);
        desk.type_keys("1j");
        desk.folding(250, 200_000, 11);
        insta::assert_snapshot!(format!("slow_walk_elsewhere_{width}x{height}"), desk.picture());
        desk.type_keys("<esc>");
        insta::assert_snapshot!(format!("slow_walk_stopped_{width}x{height}"), desk.picture());
        desk.type_keys("2");
        desk.answers = false;
        desk.type_keys("/nee");
        let Some(Effect::Ask(Ask::Search { generation, .. })) = desk.wanted.last() else {
            panic!("a search is wanted")
        };
        desk.send(Msg::Told(Told::HitsFound { generation: *generation, ordinals: vec![2, 3, 5], percent: 12 }));
        insta::assert_snapshot!(format!("slow_search_{width}x{height}"), desk.picture());
    }
}

#[test]
fn empty_store() {
    pictures("empty", &Vec::new, "");
}

#[test]
fn failure() {
    pictures("failure", &shop, ":e-9999<enter>");
}

#[test]
fn a_theme_with_a_ground_leaves_no_cell_to_the_terminal() {
    let shown = ["<enter>kk", "?", "i", ":12", "/ite", "g.PG4D", "q", "3vv", "y", "&type:Item*<enter>"];
    for name in ["light", "dark"] {
        let theme = Theme::named(name);
        let ground = theme.ground().bg;
        assert!(ground.is_some(), "{name}");
        for (width, height) in [(160, 45), (120, 36), (80, 24), (40, 12), (30, 5)] {
            for keys in shown {
                let mut desk = Desk::open_in(shop(), width, height);
                desk.type_keys(keys);
                let buffer = desk.drawn(&theme);
                // The second half of a wide character is drawn with the first.
                let hidden = |n: usize| n > 0 && text::width(buffer.content[n - 1].symbol()) > 1;
                let bare = |n: &usize| buffer.content[*n].bg == Color::Reset || buffer.content[*n].fg == Color::Reset;
                let bare = (0..buffer.content.len()).filter(bare).filter(|n| !hidden(*n));
                assert_eq!(bare.count(), 0, "{name} {keys} at {width}x{height}");
                let grounded = buffer.content.iter().filter(|cell| Some(cell.bg) == ground).count();
                assert!(grounded * 2 > buffer.content.len(), "{name} {keys}: the ground is where nothing else is");
            }
        }
    }
}

#[test]
fn too_small() {
    for (width, height) in [(39, 12), (40, 9), (5, 3), (1, 1)] {
        let desk = Desk::open_in(shop(), width, height);
        insta::assert_snapshot!(format!("too_small_{width}x{height}"), desk.picture());
    }
}

#[test]
fn every_change_is_told_above_the_state_at_every_size() {
    for (width, height) in SIZES {
        let mut desk = Desk::open_in(shop(), width, height);
        desk.type_keys("<enter>g.PG4D");
        let told: usize = desk.lines_with(" → ").len() + desk.lines_with("┃+ /").len();
        let more = desk.lines_with(" more").iter().filter(|line| line.contains('┃')).find_map(|line| {
            let (before, _) = line.split_once(" more")?;
            before.rsplit_once('+')?.1.parse::<usize>().ok()
        });
        assert_eq!(told + more.unwrap_or(0), 7, "{width}x{height}\n{}", desk.text());
        assert!(told >= 2, "{width}x{height}\n{}", desk.text());
    }
}

#[test]
fn a_click_below_the_changes_selects_the_row_under_it() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.type_keys("<enter>G");
    let rows = desk.text();
    let row = rows.lines().position(|line| line.contains("▾ customer")).expect("the row is there");
    desk.click(90, row as u16);
    desk.type_keys("yp");
    assert_eq!(desk.copied(), Some("/customer"));
    desk.type_keys(":order-1002<enter>");
    let rows = desk.text();
    let row = rows.lines().position(|line| line.contains("▾ items")).expect("what was is shown");
    desk.click(90, row as u16);
    desk.type_keys("yp");
    assert_eq!(desk.copied(), Some("/items"), "the same where the entity has ended");
}

#[test]
fn a_long_name_of_the_source_gives_way_to_where_one_stands() {
    for (width, height) in [(40, 12), (60, 20), (80, 24), (120, 36), (160, 45)] {
        let mut desk = Desk::start(shop(), width, height);
        desk.about.name = "/var/backups/production/2026/03/01/a-very-long-directory/orders.jsonl".into();
        desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
        desk.read(100);
        let text = desk.text();
        let header = text.lines().next().expect("a header");
        for part in ["[RO]", "order-1001", "@6/6"] {
            assert!(header.contains(part), "{part} at {width}: {header}");
        }
        // In little room what one must know is worth more.
        let short = width <= 60 && (header.contains("rs.jsonl") || header.contains("more, i"));
        assert!(header.contains("/orders.jsonl") || short, "at {width}: {header}");
    }
}

#[test]
fn a_selected_row_has_one_ground_from_end_to_end() {
    for name in ["dark", "light"] {
        let theme = Theme::named(name);
        for keys in ["1jj", "1jj2", "3j", "4jj", "?", "?jj"] {
            let mut desk = Desk::open_in(shop(), 120, 36);
            desk.type_keys(keys);
            let buffer = desk.drawn(&theme);
            let grounds = [Role::Selected, Role::SelectedElsewhere].map(|role| theme.style(role).bg);
            let mut selected = 0;
            for y in 0..buffer.area.height {
                let hidden = |x: u16| x > 0 && text::width(buffer[(x - 1, y)].symbol()) > 1;
                let row: Vec<u16> = (0..buffer.area.width).filter(|x| !hidden(*x)).collect();
                for pane in row.split(|x| ["│", "┃", "█"].contains(&buffer[(*x, y)].symbol())) {
                    let is_selected = |x: &u16| grounds.contains(&Some(buffer[(*x, y)].bg));
                    let runs =
                        pane.chunk_by(|a, b| is_selected(a) == is_selected(b)).filter(|run| is_selected(&run[0]));
                    let runs = runs.count();
                    assert!(runs <= 1, "{name}, {keys}, row {y}: {}", desk.text());
                    selected += runs;
                }
            }
            assert!(selected > 0, "{name}, {keys}: {}", desk.text());
        }
    }
}

#[test]
fn what_an_event_did_is_not_told_before_somebody_stood_there() {
    let opened = r#"{"status":"Open"}"#;
    let kinds = [("Opened", opened), ("Noted", "{}"), ("Read", "{}"), ("Closed", r#"{"status":"Closed"}"#)];
    let events = || numbered(kinds.map(|(kind, data)| event("order-1", kind, data)).into());
    let mut desk = Desk::open_in(events(), 120, 36);
    desk.type_keys("<enter>");
    assert_eq!((desk.lines_with("┃ ·  ").len(), desk.lines_with("┃›~  4").len()), (3, 1), "{}", desk.text());
    // An event that changed nothing has a blank once it was seen.
    desk.type_keys(",,");
    assert_eq!(desk.lines_with("┃ ·  ").len(), 1, "{}", desk.text());
    assert_eq!((desk.lines_with("┃    3").len(), desk.lines_with("┃›   2").len()), (1, 1), "{}", desk.text());
    for (width, height) in SIZES {
        let mut desk = Desk::open_in(shop(), width, height);
        desk.type_keys("?");
        assert_eq!(desk.lines_with("events: · not looked at yet").len(), 1, "{}", desk.text());
    }
}

#[test]
fn the_whole_store_shows_times_and_cuts_its_names_for_them() {
    let long = || {
        let mut events: Vec<Event> = Vec::new();
        for (day, kind) in (1..).zip(["PaymentAuthorised", "PaymentCaptured", "MoneyWithdrawn"]) {
            let mut event = event(&format!("account-500{day}"), kind, r#"{"amount":1}"#);
            event.time = time::parse(&format!("2025-03-0{day}T12:49:3{day}Z")).or(event.time);
            events.push(event);
        }
        numbered(events)
    };
    let mut desk = Desk::open_in(long(), 80, 24);
    desk.type_keys("<enter>0");
    for row in ["03-01 12:49:31 account-5001 PaymentA…sed", "03-03 12:49:33 account-5003 MoneyWit…awn", "… data┃"]
    {
        assert!(desk.text().contains(row), "{row}\n{}", desk.text());
    }
    // What has no room is told.
    let mut desk = Desk::open_in(long(), 40, 12);
    desk.type_keys("<enter>0");
    assert!(desk.text().contains("… time, data┃"), "{}", desk.text());
    assert_eq!(desk.lines_with("position 1  2025-03-01 12:49:31").len(), 1, "{}", desk.text());
}

#[test]
fn long_names_leave_the_whole_store_its_times_beside_streams_and_state() {
    let events = numbered(
        (1..60)
            .map(|number| {
                let (stream, kind) = (number % 7, ["HostRegistered", "CapacityAdjusted"][number % 2]);
                let stream = format!("cloudinventory-host-5821ae93-89cb-4a2f-b0d1-0a9fe21{stream}c54");
                let mut event = event(&stream, &format!("CloudHostInventoryPhysical{kind}"), r#"{"cpu":42,"mem":861}"#);
                event.time =
                    time::parse(&format!("2025-03-0{}T12:49:{number:02}.250Z", 1 + number / 30)).or(event.time);
                event
            })
            .collect(),
    );
    for (width, height) in [(80, 24), (120, 36), (160, 45)] {
        for keys in ["<enter>0", "<enter>01"] {
            let mut desk = Desk::open_in(events.clone(), width, height);
            desk.type_keys(keys);
            assert!(desk.text().contains(" 57 03-02 12:49:57"), "{width} {keys}\n{}", desk.text());
            assert!(!desk.text().contains("… time"), "{width} {keys}\n{}", desk.text());
        }
    }
}

#[test]
fn the_help_tells_the_selected_action_whole_and_breaks_no_word() {
    for (width, height) in [(80, 24), (120, 36), (160, 45)] {
        let mut desk = Desk::open_in(shop(), width, height);
        desk.type_keys("?");
        let text = desk.text();
        assert!(text.contains("· not looked at yet") && text.contains("? no state to compare with"), "{text}");
        for spec in ACTIONS {
            let text = desk.text();
            let inside = text.lines().map(|line| line.split('┃').nth(1).unwrap_or_default().trim());
            let lines: Vec<&str> = inside.collect();
            let mut paragraphs = lines.windows(4).map(|lines| lines.join(" "));
            assert!(paragraphs.any(|told| told.contains(spec.doc)), "{}\n{text}", spec.doc);
            desk.type_keys("<down>");
        }
    }
}

#[test]
fn a_state_that_cannot_be_given_is_no_fault_of_its_event() {
    let mut desk = Desk::open_in(shop(), 120, 36);
    desk.ungiven = vec![2];
    desk.type_keys("<enter>:2<enter>");
    let text = desk.text();
    assert!(text.contains("There is no state here.") && text.contains("! no state here: circular reference"), "{text}");
    assert!(text.contains("›?  2") && !text.contains("could not be folded"), "{text}");
    desk.type_keys("ys");
    assert!(desk.text().contains("the state cannot be copied: there is none here"), "{}", desk.text());
    desk.type_keys("P");
    assert!(desk.text().contains("there is no state here to pin"), "{}", desk.text());
    // Behind it the state is whole again; what the event there changed is not known, which is not nothing.
    desk.type_keys("<esc>.");
    let text = desk.text();
    assert!(text.contains("no state before") && !text.contains("unchanged"), "{text}");
    assert!(text.contains(" ?  2") && text.contains("›?  3") && !text.contains("no state here"), "{text}");
    desk.type_keys("yd");
    assert!(desk.text().contains("the changes cannot be copied"), "{}", desk.text());
}

#[test]
fn notes_over_a_state_that_have_no_room_are_counted() {
    let mut desk = Desk::open_in(shop(), 40, 10);
    let place = Some(ScriptPlace { file: "order.js".into(), line: 41, column: 38 });
    let why = FoldError { place, ..FoldError::new("Unexpected token ')'") };
    desk.stale = Some(Arc::new(Stale { why, line: Some("  return withTotal({ ...order,)".into()) }));
    desk.send(Msg::Told(Told::ReducerRefused(
        "order.js:41 Unexpected token ')': this state is from before the save".into(),
    )));
    desk.type_keys("4");
    let notes = desk.lines_with("! ");
    assert!(notes.iter().any(|line| line.contains("+1 more")), "{}", desk.text());
}

#[test]
fn layouts_follow_each_other() {
    for (width, height) in [(80, 24), (120, 36), (160, 45)] {
        let mut desk = Desk::open_in(shop(), width, height);
        desk.type_keys("<enter>");
        let area = |desk: &Desk| desk.app.areas().and_then(|areas| areas.pane(Pane::State)).expect("State is shown");
        let balanced = area(&desk);
        desk.type_keys("<f2>");
        let wide = area(&desk);
        assert!(wide.width > balanced.width && desk.text().contains("layout: State wide"));
        desk.type_keys("<f2>");
        // Where Events has all it asks for there is nothing more to give.
        assert!(area(&desk).width < balanced.width || width == 160);
        desk.type_keys("<f2>");
        assert_eq!(area(&desk), balanced);
    }
}

#[test]
fn events_are_there_while_the_first_state_is_still_folded() {
    let mut desk = Desk::start(shop(), 120, 36);
    desk.answers = false;
    desk.send(Msg::Told(Told::SourceDescribed(desk.about.clone().into())));
    desk.read(100);
    // Pages come at once, the walk does not.
    let (walks, loads): (Vec<_>, Vec<_>) =
        std::mem::take(&mut desk.wanted).into_iter().partition(|effect| matches!(effect, Effect::Ask(Ask::Go { .. })));
    assert!(!walks.is_empty() && !loads.is_empty());
    desk.wanted = loads;
    desk.answer();
    let text = desk.text();
    assert!(text.contains("OrderPlaced") && text.contains("│»") && !text.contains("│›"), "{text}");
    desk.wanted.extend(walks);
    desk.answer();
    assert!(desk.text().contains("│›"), "{}", desk.text());
}

#[test]
fn the_status_line_is_never_empty() {
    for (width, height) in SIZES {
        for keys in [",", "1,", "1g,", "3,", "3v,", "3vv,", "4,", "4v,", "0,", "0g,", "<enter>g,"] {
            let mut desk = Desk::open_in(shop(), width, height);
            desk.type_keys(keys);
            let text = desk.text();
            let status = text.lines().rev().nth(1).expect("a status line");
            assert!(!status.trim().is_empty(), "after {keys} at {width}x{height}\n{text}");
        }
    }
}

#[test]
fn a_failure_goes_with_the_next_key_and_can_be_read_before() {
    let failed = || {
        let mut desk = Desk::open_in(shop(), 80, 24);
        desk.type_keys("<enter>");
        desk.send(Msg::Copied(Err("nothing takes it\nnot even tmux".into())));
        assert_eq!(desk.lines_with("nothing takes it").len(), 1);
        desk
    };
    let mut desk = failed();
    desk.type_keys("!");
    assert!(desk.text().contains("not even tmux"), "{}", desk.text());
    let mut desk = failed();
    desk.type_keys(",");
    assert!(!desk.text().contains("nothing takes it"), "{}", desk.text());
    let mut desk = failed();
    desk.type_keys("<esc>");
    assert!(!desk.text().contains("nothing takes it"), "{}", desk.text());
    assert_eq!(desk.app.panes.focus, Pane::Events, "Esc took the message away, and nothing else");
    // What failed of the source itself is said whatever is pressed.
    let failure = Failure::new(FailureKind::Io, "shop.jsonl", "read events", "the disk is gone");
    desk.send(Msg::Told(Told::JobFailed { generation: Generation::default(), failure }));
    desk.type_keys(",");
    assert_eq!(desk.lines_with("the disk is gone").len(), 1);
    desk.type_keys("<esc>");
    assert!(!desk.text().contains("the disk is gone"));
}

/// Events at whole seconds, of types that share a namespace and an assembly.
fn namespaced(seconds: &[&str]) -> Vec<Arc<Event>> {
    let kinds = ["OrderPlaced", "CouponApplied", "OrderShipped"];
    let events = seconds.iter().zip(kinds.iter().cycle()).enumerate().map(|(n, (second, kind))| {
        let kind = format!("Acme.Commerce.Ordering.Domain.Events.{kind}, Acme.Commerce.Ordering.Domain");
        let data = format!(r#"{{"amount":{n},"batch":"5a1e0000-0000-4000-8000-00000000000{n}"}}"#);
        Event { time: time::parse(&format!("2026-03-01T{second}Z")), ..event("order-1", &kind, &data) }
    });
    numbered(events.collect())
}

#[test]
fn what_a_column_shares_takes_no_room_from_the_data() {
    let mut desk = Desk::open_in(namespaced(&["14:02:00", "14:02:01", "14:02:02"]), 120, 36);
    desk.type_keys("<enter>");
    let text = desk.text();
    assert!(text.contains(" 2 14:02:01 …CouponApplied…  amount 1"), "{text}");
    assert!(text.contains("3 Event …OrderShipped…"), "{text}");
    let mut desk = Desk::open_in(namespaced(&["14:02:00", "14:02:01.250", "14:02:02"]), 120, 36);
    desk.type_keys("<enter>");
    let text = desk.text();
    assert!(text.contains(" 3 14:02:02.000 …OrderShipped…"), "one format for a column\n{text}");
}

#[test]
fn values_that_begin_alike_are_shown_where_they_differ() {
    let mut desk = Desk::open_in(namespaced(&["14:02:00", "14:02:01", "14:02:02"]), 80, 24);
    desk.type_keys("<enter>");
    let [row] = &desk.lines_with("was …")[..] else { panic!("one row\n{}", desk.text()) };
    assert!(row.contains("batch") && row.contains("…02") && row.contains("was …01"), "{row}");
}
