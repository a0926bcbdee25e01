//! Reads keys, mouse and pastes on a thread of its own, and watches whether anybody is at the terminal at all.
//!
//! Bytes become events in crossterm; this module decides when it may read, and what its events are called here. The
//! invariant: crossterm is asked only when there are bytes and the terminal has not hung up, for on a terminal that is
//! gone it would read nothing for ever. A second thread waits for nothing but the hang-up, because crossterm may also be
//! waiting for the rest of a key that never comes.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{self, Event, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Outlet, Urgent};
use super::panics;
use super::terminal::{Tty, hung_up};
use crate::app::{Key, KeyCode, Modifiers, Mouse, MouseKind, Msg};

/// How long crossterm is asked for events it may have read already. Its reader gives up without looking into its own
/// queue when the time is over before it began, so it is asked again once: nothing may stay behind until the next key.
const DRAIN: Duration = Duration::from_millis(3);

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
        if wait(&watched, PollFlags::empty()).is_err() {
            let _ = reporter.send(Urgent::HungUp);
        }
    })?;
    Ok(())
}

/// The terminal is gone.
struct Gone;

fn wait(tty: &Tty, wanted: PollFlags) -> Result<(), Gone> {
    loop {
        let mut fds = [PollFd::new(&tty.input, wanted)];
        match poll(&mut fds, None) {
            Ok(_) if hung_up(fds[0].revents()) => return Err(Gone),
            Ok(_) if fds[0].revents().intersects(wanted) => return Ok(()),
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return Err(Gone),
        }
    }
}

fn read(tty: &Tty, outlet: &Outlet, urgent: &UnboundedSender<Urgent>) {
    while wait(tty, PollFlags::IN).is_ok() {
        let mut quiet = 0;
        while quiet < 2 {
            match event::poll(DRAIN).and_then(|ready| if ready { event::read().map(Some) } else { Ok(None) }) {
                Ok(Some(event)) => {
                    quiet = 0;
                    if let Some(msg) = meaning(event)
                        && !outlet.send(Notice::Input(msg))
                    {
                        return;
                    }
                }
                Ok(None) => quiet += 1,
                Err(_) => break,
            }
        }
    }
    let _ = urgent.send(Urgent::HungUp);
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
                MouseEventKind::ScrollUp => MouseKind::WheelUp,
                MouseEventKind::ScrollDown => MouseKind::WheelDown,
                _ => return None,
            };
            Some(Msg::MouseMoved(Mouse { kind, column: mouse.column, row: mouse.row }))
        }
        Event::Paste(text) => Some(Msg::Pasted(text)),
        _ => None,
    }
}

fn key(code: event::KeyCode, held: KeyModifiers) -> Option<Key> {
    use event::KeyCode as Code;
    let mut modifiers = Modifiers {
        control: held.contains(KeyModifiers::CONTROL),
        alt: held.intersects(KeyModifiers::ALT | KeyModifiers::META),
        shift: held.contains(KeyModifiers::SHIFT),
    };
    let code = match code {
        Code::Char(c) => KeyCode::Char(c),
        Code::F(number) => KeyCode::F(number),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab if modifiers.shift => KeyCode::BackTab,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => KeyCode::BackTab,
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
        // Control and Space arrive as the zero byte.
        Code::Null => {
            modifiers.control = true;
            KeyCode::Char(' ')
        }
        _ => return None,
    };
    if matches!(code, KeyCode::Char(_) | KeyCode::BackTab) {
        modifiers.shift = false;
    }
    Some(Key { code, modifiers })
}

/// Whether the earlier of two neighbouring inputs says nothing once the later is there.
pub(crate) fn supersedes(later: &Msg, earlier: &Msg) -> bool {
    let dragged = |msg: &Msg| matches!(msg, Msg::MouseMoved(Mouse { kind: MouseKind::Dragged, .. }));
    dragged(later) && dragged(earlier)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crossterm::event::{KeyEvent, MouseEvent};

    use super::*;

    fn pressed(code: event::KeyCode, held: KeyModifiers) -> Option<Key> {
        match meaning(Event::Key(KeyEvent::new(code, held)))? {
            Msg::KeyPressed(key) => Some(key),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_character_already_shows_its_shift() {
        let plain = Modifiers::default();
        assert_eq!(
            pressed(event::KeyCode::Char('S'), KeyModifiers::SHIFT),
            Some(Key { code: KeyCode::Char('S'), modifiers: plain })
        );
        for (code, held) in [(event::KeyCode::BackTab, KeyModifiers::SHIFT), (event::KeyCode::Tab, KeyModifiers::SHIFT)]
        {
            assert_eq!(pressed(code, held), Some(Key { code: KeyCode::BackTab, modifiers: plain }));
        }
        let shifted = Modifiers { shift: true, ..plain };
        assert_eq!(
            pressed(event::KeyCode::F(10), KeyModifiers::SHIFT),
            Some(Key { code: KeyCode::F(10), modifiers: shifted })
        );
        let control = Modifiers { control: true, ..plain };
        assert_eq!(
            pressed(event::KeyCode::Null, KeyModifiers::NONE),
            Some(Key { code: KeyCode::Char(' '), modifiers: control })
        );
    }

    #[test]
    fn releases_and_foreign_keys_mean_nothing() {
        let mut event = KeyEvent::new(event::KeyCode::Char('a'), KeyModifiers::NONE);
        event.kind = KeyEventKind::Release;
        assert!(meaning(Event::Key(event)).is_none());
        event.kind = KeyEventKind::Repeat;
        assert!(meaning(Event::Key(event)).is_some());
        assert!(meaning(Event::Key(KeyEvent::new(event::KeyCode::CapsLock, KeyModifiers::NONE))).is_none());
        assert!(meaning(Event::FocusGained).is_none());
        assert!(meaning(Event::Resize(1, 1)).is_none());
    }

    #[test]
    fn of_many_drags_only_the_last_counts() {
        let at = |kind, column| {
            meaning(Event::Mouse(MouseEvent { kind, column, row: 0, modifiers: KeyModifiers::NONE })).unwrap()
        };
        let drag = |column| at(MouseEventKind::Drag(MouseButton::Left), column);
        assert!(supersedes(&drag(2), &drag(1)));
        assert!(!supersedes(&at(MouseEventKind::Up(MouseButton::Left), 2), &drag(1)));
        assert!(!supersedes(&at(MouseEventKind::ScrollUp, 2), &at(MouseEventKind::ScrollUp, 2)));
    }
}
