//! What the screen looks like: pictures of whole screens at the sizes people have.

#[path = "support/desk.rs"]
mod desk;

use std::sync::Arc;

use desk::{Desk, event, numbered, shop, unreadable};
use stepback::app::{Effect, Msg};
use stepback::domain::Event;

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
        desk.send(Msg::SourceDescribed(desk.about.clone()));
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
        desk.answers = false;
        desk.type_keys("g");
        let Some(Effect::Go { generation, .. }) = desk.wanted.last() else { panic!("a walk is wanted") };
        desk.send(Msg::WalkProgressed { generation: *generation, folded: 120_000, total: 200_000 });
        insta::assert_snapshot!(format!("slow_walk_{width}x{height}"), desk.picture());
        desk.type_keys("<esc>/nee");
        let Some(Effect::Find { generation, .. }) = desk.wanted.last() else { panic!("a search is wanted") };
        desk.send(Msg::FindProgressed { generation: *generation, looked: 120_000, total: 1_000_000 });
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
fn too_small() {
    for (width, height) in [(39, 12), (40, 9), (5, 3), (1, 1)] {
        let desk = Desk::open_in(shop(), width, height);
        insta::assert_snapshot!(format!("too_small_{width}x{height}"), desk.picture());
    }
}
