//! Reads keys, mouse and pastes on a thread of its own, and watches whether anybody is at the terminal at all.
//!
//! `sequences` cuts the bytes into whole pieces, terminput says what one is, and this module when to read and what it is
//! called here. The invariant: nothing is read from a terminal that has hung up, for there it would be nothing for ever,
//! and nothing waits for the rest of a piece longer than `sequences` says. A second thread waits for nothing but the
//! hang-up, because the interface must hear of it also while it takes no input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use terminput::{Event, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind, ScrollDirection};
use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Outlet, Urgent};
use super::panics;
use super::sequences::{Cutter, Piece};
use super::terminal::{Tty, hung_up};
use crate::app::{Key, KeyCode, Modifiers, Mouse, MouseKind, Msg};

/// How much is read at once.
const ROOM: usize = 4096;

/// How long a terminal that says it has bytes and gives none is left alone: in the background it refuses.
const REFUSED: Duration = Duration::from_millis(20);

/// Starts both threads.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn start(tty: &Arc<Tty>, outlet: Outlet, urgent: &UnboundedSender<Urgent>) -> std::io::Result<()> {
    let (reader, reporter) = (Arc::clone(tty), urgent.clone());
    panics::spawn("input", urgent.clone(), move || read(&reader, &outlet, &reporter))?;
    let (watched, reporter) = (Arc::clone(tty), urgent.clone());
    panics::spawn("hang-up", urgent.clone(), move || {
        // Asking for nothing hears of errors and hang-ups alone.
        if wait(&watched, PollFlags::empty(), None).is_err() {
            let _ = reporter.send(Urgent::HungUp);
        }
    })?;
    Ok(())
}

/// The terminal is gone.
struct Gone;

/// Waits for what is wanted; `false` when it did not come in time.
fn wait(tty: &Tty, wanted: PollFlags, patience: Option<Duration>) -> Result<bool, Gone> {
    let end = patience.map(|patience| Instant::now() + patience);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec::try_from(left).unwrap_or_default());
        let mut fds = [PollFd::new(&tty.input, wanted)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) if hung_up(fds[0].revents()) => return Err(Gone),
            Ok(_) if fds[0].revents().intersects(wanted) => return Ok(true),
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return Err(Gone),
        }
    }
}

fn read(tty: &Tty, outlet: &Outlet, urgent: &UnboundedSender<Urgent>) {
    let mut cutter = Cutter::new();
    let mut buffer = [0; ROOM];
    while let Ok(there) = wait(tty, PollFlags::IN, cutter.patience()) {
        let pieces = if there {
            match rustix::io::read(&tty.input, &mut buffer) {
                Ok(count @ 1..) => cutter.feed(&buffer[..count], Instant::now()),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Ok(_) | Err(_) => {
                    std::thread::sleep(REFUSED);
                    continue;
                }
            }
        } else {
            cutter.give_up()
        };
        for msg in pieces.into_iter().filter_map(told) {
            if !outlet.send(Notice::Input(msg)) {
                return;
            }
        }
    }
    let _ = urgent.send(Urgent::HungUp);
}

/// What a piece means to the interface; `None` when it means nothing.
fn told(piece: Piece) -> Option<Msg> {
    match piece {
        Piece::Pasted(bytes) => Some(Msg::Pasted(String::from_utf8_lossy(&bytes).into_owned())),
        Piece::Sequence(bytes) => meaning(event(&bytes)?),
    }
}

/// The event of a whole sequence; `None` where nobody knows one.
fn event(sequence: &[u8]) -> Option<Event> {
    match sequence {
        // Sent by Ctrl-J, and by Enter where something between turns one into the other.
        b"\n" => Event::parse_from(b"\r"),
        // A beginning of which the rest never came.
        [0x1b, b'['] => return None,
        // Alt and a key, also one that could have begun more.
        [0x1b, key] => Event::parse_from(std::slice::from_ref(key)).map(|event| event.map(with_alt)),
        // Keys with modifiers as some terminals still send them.
        [0x1b, b'O', modifiers @ .., key] if !modifiers.is_empty() => {
            Event::parse_from(&[b"\x1b[1;", modifiers, &[*key]].concat())
        }
        // As xterm reports any key with its modifiers: they stand before the key.
        [0x1b, b'[', b'2', b'7', b';', rest @ .., b'~'] => {
            let between = rest.iter().position(|&byte| byte == b';')?;
            let (modifiers, key) = rest.split_at(between);
            Event::parse_from(&[b"\x1b[", &key[1..], b";", modifiers, b"u"].concat())
        }
        // A mouse report from column or row 0: there is none.
        [0x1b, b'[', report @ .., b'M' | b'm'] if report.split(|&byte| byte == b';').any(zero_after_button) => {
            return None;
        }
        _ => Event::parse_from(sequence),
    }
    .ok()
    .flatten()
}

/// Whether a parameter is the number 0. The button, which may be 0, stands behind `<` in the reports asked for.
fn zero_after_button(parameter: &[u8]) -> bool {
    let digits = parameter.strip_prefix(b"+").unwrap_or(parameter);
    !digits.is_empty() && digits.iter().all(|&digit| digit == b'0')
}

fn with_alt(event: Event) -> Event {
    match event {
        Event::Key(mut key) => {
            key.modifiers |= KeyModifiers::ALT;
            Event::Key(key)
        }
        other => other,
    }
}

/// What an event of the terminal means to the interface; `None` when it means nothing. Sizes come by signal.
fn meaning(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            Some(Msg::KeyPressed(self::key(key.code, key.modifiers)?))
        }
        Event::Mouse(mouse) => {
            let kind = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => MouseKind::Pressed,
                MouseEventKind::Drag(MouseButton::Left) => MouseKind::Dragged,
                MouseEventKind::Up(MouseButton::Left) => MouseKind::Released,
                MouseEventKind::Scroll(ScrollDirection::Up) => MouseKind::WheelUp,
                MouseEventKind::Scroll(ScrollDirection::Down) => MouseKind::WheelDown,
                _ => return None,
            };
            Some(Msg::MouseMoved(Mouse { kind, column: mouse.column, row: mouse.row }))
        }
        _ => None,
    }
}

fn key(code: terminput::KeyCode, held: KeyModifiers) -> Option<Key> {
    use terminput::KeyCode as Code;
    let mut modifiers = Modifiers {
        control: held.contains(KeyModifiers::CTRL),
        alt: held.intersects(KeyModifiers::ALT | KeyModifiers::META),
        shift: held.contains(KeyModifiers::SHIFT),
    };
    let code = match code {
        // Told as the key and its shift by terminals that report keys whole.
        Code::Char(c) if modifiers.shift && !modifiers.control => KeyCode::Char(upper(c)),
        Code::Char(c) => KeyCode::Char(c),
        Code::F(number) => KeyCode::F(number),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab if modifiers.shift => KeyCode::BackTab,
        Code::Tab => KeyCode::Tab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        _ => return None,
    };
    if matches!(code, KeyCode::Char(_) | KeyCode::BackTab) {
        modifiers.shift = false;
    }
    Some(Key { code, modifiers })
}

/// The one capital of a letter that has one.
fn upper(letter: char) -> char {
    let mut capitals = letter.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => capital,
        _ => letter,
    }
}

/// Whether the earlier of two neighbouring inputs says nothing once the later is there.
pub(crate) fn supersedes(later: &Msg, earlier: &Msg) -> bool {
    let dragged = |msg: &Msg| matches!(msg, Msg::MouseMoved(Mouse { kind: MouseKind::Dragged, .. }));
    dragged(later) && dragged(earlier)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PLAIN: Modifiers = Modifiers { control: false, alt: false, shift: false };
    const CONTROL: Modifiers = Modifiers { control: true, ..PLAIN };
    const ALT: Modifiers = Modifiers { alt: true, ..PLAIN };
    const SHIFT: Modifiers = Modifiers { shift: true, ..PLAIN };

    fn means(bytes: &[u8]) -> Option<Msg> {
        told(Piece::Sequence(bytes.to_vec()))
    }

    fn shown(msg: Option<Msg>) -> String {
        format!("{msg:?}")
    }

    fn pressed(bytes: &str) -> Option<Key> {
        match means(bytes.as_bytes())? {
            Msg::KeyPressed(key) => Some(key),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_are_what_terminals_send_for_them() {
        let char = KeyCode::Char;
        for (bytes, code, modifiers) in [
            ("q", char('q'), PLAIN),
            ("S", char('S'), PLAIN),
            ("é", char('é'), PLAIN),
            ("\r", KeyCode::Enter, PLAIN),
            ("\n", KeyCode::Enter, PLAIN),
            ("\t", KeyCode::Tab, PLAIN),
            ("\x7f", KeyCode::Backspace, PLAIN),
            ("\x1b", KeyCode::Esc, PLAIN),
            ("\x03", char('c'), CONTROL),
            ("\x1a", char('z'), CONTROL),
            ("\0", char(' '), CONTROL),
            ("\x1bx", char('x'), ALT),
            ("\x1bé", char('é'), ALT),
            ("\x1bO", char('O'), ALT),
            ("\x1b]", char(']'), ALT),
            ("\x1b[A", KeyCode::Up, PLAIN),
            ("\x1bOB", KeyCode::Down, PLAIN),
            ("\x1b[1;5C", KeyCode::Right, CONTROL),
            ("\x1bO5D", KeyCode::Left, CONTROL),
            ("\x1b[1;3A", KeyCode::Up, ALT),
            ("\x1b[H", KeyCode::Home, PLAIN),
            ("\x1b[4~", KeyCode::End, PLAIN),
            ("\x1b[5~", KeyCode::PageUp, PLAIN),
            ("\x1b[6;5~", KeyCode::PageDown, CONTROL),
            ("\x1b[3~", KeyCode::Delete, PLAIN),
            ("\x1b[Z", KeyCode::BackTab, PLAIN),
            ("\x1bOP", KeyCode::F(1), PLAIN),
            ("\x1b[[E", KeyCode::F(5), PLAIN),
            ("\x1b[21;2~", KeyCode::F(10), SHIFT),
            ("\x1b[24~", KeyCode::F(12), PLAIN),
            ("\x1b[99;5u", char('c'), CONTROL),
            ("\x1b[27u", KeyCode::Esc, PLAIN),
            ("\x1b[115;2u", char('S'), PLAIN),
            ("\x1b[9;2u", KeyCode::BackTab, PLAIN),
            ("\x1b[27;5;99~", char('c'), CONTROL),
            ("\x1b[97;1:2u", char('a'), PLAIN),
        ] {
            assert_eq!(pressed(bytes), Some(Key { code, modifiers }), "{bytes:?}");
        }
    }

    #[test]
    fn releases_replies_and_foreign_keys_mean_nothing() {
        for bytes in [
            "\x1b[97;1:3u",
            "\x1b[57358u",
            "\x1b[2~",
            "\x1b[I",
            "\x1b[O",
            "\x1b[?997;1n",
            "\x1b[?2026;2$y",
            "\x1b[?62;22c",
            "\x1b[>0;276;0c",
            "\x1b[?1u",
            "\x1b[8;24;80t",
            "\x1b[201~",
            "\x1b[x",
            "\x1b[",
            "\x1b[<0;0;0M",
            "\x1b[<0;1;0M",
            "\x1b[<0;00;3m",
            "\x1b[<999;1;1M",
            "\x1b[<0;1M",
            "\x1b[<0;+0;1M",
            "\x1b[<;;M",
            "\x1b[32;0;0M",
            "\x1b[27;5~",
            "\x1b[27;;~",
            "\x1bO;;;A",
        ] {
            assert_eq!(shown(means(bytes.as_bytes())), "None", "{bytes:?}");
        }
    }

    #[test]
    fn the_mouse_is_where_it_says() {
        let at = |kind, column, row| shown(Some(Msg::MouseMoved(Mouse { kind, column, row })));
        assert_eq!(shown(means(b"\x1b[<0;5;7M")), at(MouseKind::Pressed, 4, 6));
        assert_eq!(shown(means(b"\x1b[<32;6;7M")), at(MouseKind::Dragged, 5, 6));
        assert_eq!(shown(means(b"\x1b[<0;9;7m")), at(MouseKind::Released, 8, 6));
        assert_eq!(shown(means(b"\x1b[<64;1;1M")), at(MouseKind::WheelUp, 0, 0));
        assert_eq!(shown(means(b"\x1b[<65;10;100M")), at(MouseKind::WheelDown, 9, 99));
        assert_eq!(shown(means(b"\x1b[M !!")), at(MouseKind::Pressed, 0, 0));
        assert_eq!(shown(means(b"\x1b[32;10;3M")), at(MouseKind::Pressed, 9, 2));
    }

    #[test]
    fn pastes_are_text_whatever_their_bytes() {
        assert_eq!(shown(told(Piece::Pasted(b"a\xffb".to_vec()))), shown(Some(Msg::Pasted("a\u{fffd}b".to_owned()))));
    }

    #[test]
    fn of_many_drags_only_the_last_counts() {
        let at = |bytes: &str| means(bytes.as_bytes()).unwrap();
        let (drag, next) = (at("\x1b[<32;2;1M"), at("\x1b[<32;3;1M"));
        assert!(supersedes(&next, &drag));
        assert!(!supersedes(&at("\x1b[<0;3;1m"), &drag));
        assert!(!supersedes(&at("\x1b[<64;3;1M"), &at("\x1b[<64;3;1M")));
    }

    proptest::proptest! {
        #[test]
        fn no_sequence_is_a_reason_to_panic(parameters in "[0-9;:<?$+]{0,12}", last in "[@-~]", first in "[\\[O]") {
            means(format!("\x1b{first}{parameters}{last}").as_bytes());
        }

        #[test]
        fn no_bytes_are_a_reason_to_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..20)) {
            let mut cutter = Cutter::new();
            for piece in cutter.feed(&bytes, Instant::now()) {
                told(piece);
            }
        }
    }
}
