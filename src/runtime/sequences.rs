//! Cuts the bytes a terminal sends into whole pieces: a key, a mouse report, a paste, a reply to a question.
//!
//! What a piece means is told elsewhere (`input`). The invariant: no bytes, however they are cut or stray, keep what is
//! typed after them from arriving. An unfinished piece ends at the next escape, at Ctrl-C, at a byte that cannot belong
//! to it, and otherwise when nothing follows for a while; a whole piece nobody knows is passed over by its end.

use std::time::{Duration, Instant};

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CTRL_C: u8 = 0x03;

/// How long an escape byte alone may yet become the beginning of something; then it was the key.
const ALONE: Duration = Duration::from_millis(30);

/// How long the rest of a piece may take.
const QUIET: Duration = Duration::from_millis(100);

/// How long the rest of a paste may take.
const PASTE: Duration = Duration::from_secs(1);

/// How long a reply in words (a colour, the clipboard) may take in all: its end is a byte that may never come, and until
/// then it would swallow a key that is held down.
const REPLY: Duration = Duration::from_secs(1);

/// The longest sequence of parameters that is looked at. No key has as many.
const LONGEST: usize = 64;

/// What of a paste is kept, in bytes; it is meant for a line to type in.
const LONGEST_PASTE: usize = 4 << 20;

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// A whole piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// The bytes of a key, of a mouse report, or of something nobody asked for.
    Sequence(Vec<u8>),
    /// What was pasted.
    Pasted(Vec<u8>),
}

/// In the middle of what the bytes so far end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing: the next byte begins a piece.
    Ground,
    /// A character, of which so many bytes are missing.
    Text(usize),
    /// An escape byte.
    Escape,
    /// `ESC [` and parameters.
    Control,
    /// `ESC [ [`, as the Linux console begins its first function keys.
    Console,
    /// `ESC [ M` and up to three bytes: a mouse report of the oldest kind.
    OldMouse,
    /// `ESC O`: a key of the keypad or a function key.
    Single,
    /// A reply in words, which ends with BEL or `ESC \`.
    Reply {
        /// When it began.
        since: Instant,
        /// Whether the last byte was an escape.
        escape: bool,
    },
    /// A paste.
    Paste,
}

/// Cuts bytes into pieces.
#[derive(Debug)]
pub(crate) struct Cutter {
    state: State,
    bytes: Vec<u8>,
    whole: Vec<Piece>,
}

impl Cutter {
    pub(crate) fn new() -> Self {
        Self { state: State::Ground, bytes: Vec::new(), whole: Vec::new() }
    }

    /// Takes what was read at once, and gives the pieces that are whole now.
    pub(crate) fn feed(&mut self, read: &[u8], now: Instant) -> Vec<Piece> {
        match self.state {
            // Pastes do not come as this single byte, a person who wants to get out does.
            State::Paste if read == [CTRL_C] => self.give_up_paste(),
            State::Reply { since, .. } if now.saturating_duration_since(since) > REPLY => self.forget(),
            State::Ground
            | State::Text(_)
            | State::Escape
            | State::Control
            | State::Console
            | State::OldMouse
            | State::Single
            | State::Reply { .. }
            | State::Paste => {}
        }
        for &byte in read {
            self.take(byte, now);
        }
        std::mem::take(&mut self.whole)
    }

    /// How long to wait for the rest of what has begun; `None` when nothing has.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Ground => None,
            State::Escape => Some(ALONE),
            State::Paste => Some(PASTE),
            _ => Some(QUIET),
        }
    }

    /// Nothing came for so long: gives what the unfinished piece was all the same, or drops it.
    pub(crate) fn give_up(&mut self) -> Vec<Piece> {
        match self.state {
            // The key itself.
            State::Escape => self.finish(),
            // Alt and a letter that could have begun more.
            State::Single | State::Reply { .. } if self.bytes.len() == 2 => self.finish(),
            State::Paste => self.give_up_paste(),
            _ => self.forget(),
        }
        std::mem::take(&mut self.whole)
    }

    fn take(&mut self, byte: u8, now: Instant) {
        if byte == CTRL_C && self.state != State::Paste {
            self.forget();
        }
        match self.state {
            State::Ground => self.begin(byte),
            State::Text(missing) => self.text(byte, missing),
            State::Escape => self.escape(byte, now),
            State::Reply { since, escape } => self.reply(byte, since, escape, now),
            State::Paste => self.paste(byte),
            _ if byte == ESC => self.start_over(byte),
            State::Control => self.control(byte),
            State::Console | State::Single => match byte {
                b'0'..=b'9' | b';' if self.state == State::Single && self.bytes.len() < LONGEST => {
                    self.bytes.push(byte)
                }
                0x40..=0x7e => self.end_with(byte),
                _ => self.start_over(byte),
            },
            State::OldMouse => match byte {
                0x20.. => {
                    self.bytes.push(byte);
                    if self.bytes.len() == 6 {
                        self.finish();
                    }
                }
                _ => self.start_over(byte),
            },
        }
    }

    /// The first byte of a piece.
    fn begin(&mut self, byte: u8) {
        self.bytes.push(byte);
        match byte {
            ESC => self.state = State::Escape,
            0..=0x7f => self.finish(),
            _ => self.lead(byte),
        }
    }

    /// The first byte of a character beyond ASCII.
    fn lead(&mut self, byte: u8) {
        self.state = State::Text(match byte {
            0xc2..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf4 => 3,
            // No character begins so.
            _ => return self.forget(),
        });
    }

    /// Drops what has begun: this byte does not belong to it.
    fn start_over(&mut self, byte: u8) {
        self.forget();
        self.begin(byte);
    }

    fn text(&mut self, byte: u8, missing: usize) {
        if byte & 0xc0 != 0x80 {
            return self.start_over(byte);
        }
        self.bytes.push(byte);
        match missing {
            1 => self.finish(),
            _ => self.state = State::Text(missing - 1),
        }
    }

    fn escape(&mut self, byte: u8, now: Instant) {
        if byte == ESC {
            // The one before was a key.
            self.finish();
            return self.begin(byte);
        }
        self.bytes.push(byte);
        match byte {
            b'[' => self.state = State::Control,
            b'O' => self.state = State::Single,
            b'P' | b'X' | b']' | b'^' | b'_' => self.state = State::Reply { since: now, escape: false },
            0..=0x7f => self.finish(),
            _ => self.lead(byte),
        }
    }

    fn control(&mut self, byte: u8) {
        let empty = self.bytes.len() == 2;
        match byte {
            0x20..=0x3f => {
                if self.bytes.len() <= LONGEST {
                    self.bytes.push(byte);
                }
            }
            b'[' if empty => {
                self.bytes.push(byte);
                self.state = State::Console;
            }
            b'M' if empty => {
                self.bytes.push(byte);
                self.state = State::OldMouse;
            }
            0x40..=0x7e if self.bytes.get(2) == Some(&b'<') && !matches!(byte, b'M' | b'm') => {
                // A mouse report that was cut; this is a key.
                self.start_over(byte);
            }
            0x40..=0x7e => self.end_with(byte),
            _ => self.start_over(byte),
        }
    }

    fn end_with(&mut self, byte: u8) {
        if self.bytes.len() > LONGEST {
            return self.forget();
        }
        self.bytes.push(byte);
        if self.bytes == PASTE_BEGINS {
            self.bytes.clear();
            self.state = State::Paste;
        } else {
            self.finish();
        }
    }

    fn reply(&mut self, byte: u8, since: Instant, escape: bool, now: Instant) {
        match (escape, byte) {
            (true, b'\\') | (false, BEL) => self.forget(),
            // The first escape ended nothing.
            (true, ESC) => self.start_over(ESC),
            (true, _) => {
                self.start_over(ESC);
                self.take(byte, now);
            }
            (false, ESC) => self.state = State::Reply { since, escape: true },
            (false, 0..=0x1f) => self.start_over(byte),
            // What it says is of no interest; that it says something is.
            (false, _) => {
                self.bytes.truncate(2);
                self.bytes.push(byte);
            }
        }
    }

    fn paste(&mut self, byte: u8) {
        self.bytes.push(byte);
        if self.bytes.ends_with(PASTE_ENDS) {
            let end = self.bytes.len() - PASTE_ENDS.len();
            self.bytes.truncate(end.min(LONGEST_PASTE));
            self.give_up_paste();
        } else if self.bytes.len() >= LONGEST_PASTE + 4096 {
            // What is beyond the limit goes, but for what may be the beginning of the end.
            let tail = self.bytes.len() + 1 - PASTE_ENDS.len();
            self.bytes.drain(LONGEST_PASTE..tail);
        }
    }

    fn give_up_paste(&mut self) {
        let pasted = std::mem::take(&mut self.bytes);
        self.whole.push(Piece::Pasted(pasted));
        self.state = State::Ground;
    }

    fn finish(&mut self) {
        let sequence = std::mem::take(&mut self.bytes);
        self.whole.push(Piece::Sequence(sequence));
        self.state = State::Ground;
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.state = State::Ground;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pieces of bytes that are read at once; nothing follows.
    fn cut(read: &[u8]) -> Vec<Piece> {
        let mut cutter = Cutter::new();
        let mut pieces = cutter.feed(read, Instant::now());
        pieces.extend(cutter.give_up());
        pieces
    }

    fn sequences(texts: &[&str]) -> Vec<Piece> {
        texts.iter().map(|text| Piece::Sequence(text.as_bytes().to_vec())).collect()
    }

    /// Bytes, and the pieces they are.
    const WHOLE: [(&str, &[&str]); 17] = [
        ("qé日𝄞", &["q", "é", "日", "𝄞"]),
        ("\x1b[A\x1b[1;5C\x1b[3~", &["\x1b[A", "\x1b[1;5C", "\x1b[3~"]),
        ("\x1bOP\x1bO5A\x1b[[Eq", &["\x1bOP", "\x1bO5A", "\x1b[[E", "q"]),
        ("\x1bx\x1bé\x1b\r", &["\x1bx", "\x1bé", "\x1b\r"]),
        ("\x1b[<0;5;7M\x1b[<0;5;7m", &["\x1b[<0;5;7M", "\x1b[<0;5;7m"]),
        ("\x1b[M !!q", &["\x1b[M !!", "q"]),
        ("\x1b[I\x1b[O", &["\x1b[I", "\x1b[O"]),
        ("\x1b[99;5u", &["\x1b[99;5u"]),
        ("\x1b", &["\x1b"]),
        ("\x1b\x1b[A", &["\x1b", "\x1b[A"]),
        ("\x1bO", &["\x1bO"]),
        ("\x1bP", &["\x1bP"]),
        ("\x1b[?997;1nq", &["\x1b[?997;1n", "q"]),
        ("\x1b[?2026;2$yq", &["\x1b[?2026;2$y", "q"]),
        ("\x1b]11;rgb:ffff/ffff/ffff\x07q", &["q"]),
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\q", &["q"]),
        ("\x1bP1+r524742=38\x1b\\\x1bP>|tmux 3.4\x1b\\q", &["q"]),
    ];

    #[test]
    fn what_is_whole_is_cut_out_however_it_is_read() {
        for (bytes, pieces) in WHOLE {
            assert_eq!(cut(bytes.as_bytes()), sequences(pieces), "{bytes:?}");
            let mut cutter = Cutter::new();
            let now = Instant::now();
            let mut single: Vec<_> = bytes.bytes().flat_map(|byte| cutter.feed(&[byte], now)).collect();
            single.extend(cutter.give_up());
            assert_eq!(single, sequences(pieces), "{bytes:?} byte by byte");
        }
    }

    /// Beginnings without an end.
    const CUT: [&[u8]; 14] = [
        b"\x1b[",
        b"\x1b[?997;1",
        b"\x1b[?2026;2$",
        b"\x1b[<35;10",
        b"\x1b[<",
        b"\x1b[M !",
        b"\x1b[[",
        b"\x1bO5",
        b"\x1b]11;rgb:ff",
        b"\x1b]11;rgb:ff\x1b",
        b"\x1bP1+r",
        b"\xe6\x97",
        b"\x1b\xe6",
        b"\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24;25;26;27;28;29;30",
    ];

    #[test]
    fn what_is_cut_is_dropped_after_quiet_or_at_an_escape_or_at_control_c() {
        for begun in CUT {
            let mut cutter = Cutter::new();
            assert_eq!(cutter.feed(begun, Instant::now()), [], "{begun:?}");
            assert_eq!(cutter.patience(), Some(QUIET), "{begun:?}");
            assert_eq!(cutter.give_up(), [], "{begun:?}");
            assert_eq!(cutter.patience(), None);
            assert_eq!(cutter.feed(b"q", Instant::now()), sequences(&["q"]), "{begun:?}");
            assert_eq!(cut(&[begun, b"\x1b[Aq"].concat()), sequences(&["\x1b[A", "q"]), "{begun:?}");
            assert_eq!(cut(&[begun, b"\x03"].concat()), sequences(&["\x03"]), "{begun:?}");
        }
        // A byte that cannot belong to a cut mouse report is a key.
        assert_eq!(cut(b"\x1b[<35;10q"), sequences(&["q"]));
    }

    #[test]
    fn a_paste_is_what_stands_between_its_marks() {
        let pasted = |text: &str| Piece::Pasted(text.as_bytes().to_vec());
        let text = "one\r\x1b[A \x1b[201 two é \x03 end";
        let mut cutter = Cutter::new();
        let pieces = cutter.feed(format!("{}{text}{}q", "\x1b[200~", "\x1b[201~").as_bytes(), Instant::now());
        assert_eq!(pieces, [pasted(text), sequences(&["q"]).remove(0)]);
        // One without an end ends after a second, with what there is.
        assert_eq!(cutter.feed(b"\x1b[200~half", Instant::now()), []);
        assert_eq!(cutter.patience(), Some(PASTE));
        assert_eq!(cutter.give_up(), [pasted("half")]);
        // Or at Ctrl-C.
        cutter.feed(b"\x1b[200~half", Instant::now());
        assert_eq!(cutter.feed(b"\x03", Instant::now()), [pasted("half"), sequences(&["\x03"]).remove(0)]);
        // An end without a beginning is nothing anybody knows.
        assert_eq!(cutter.feed(b"\x1b[201~q", Instant::now()), sequences(&["\x1b[201~", "q"]));
    }

    #[test]
    fn a_paste_without_measure_is_cut_and_ends_where_it_ends() {
        let mut cutter = Cutter::new();
        let now = Instant::now();
        let mut long = PASTE_BEGINS.to_vec();
        long.resize(3 * LONGEST_PASTE, b'x');
        assert_eq!(cutter.feed(&long, now), []);
        assert!(cutter.bytes.len() <= LONGEST_PASTE + 4096);
        let pieces = cutter.feed(b"\x1b[201~q", now);
        assert!(matches!(&pieces[0], Piece::Pasted(text) if text.len() == LONGEST_PASTE));
        assert_eq!(pieces[1..], sequences(&["q"]));
    }

    #[test]
    fn a_reply_that_does_not_end_does_not_swallow_a_key_that_is_held() {
        let mut cutter = Cutter::new();
        let now = Instant::now();
        assert_eq!(cutter.feed(b"\x1b]11;rgb", now), []);
        assert_eq!(cutter.feed(b"j", now + Duration::from_millis(500)), []);
        assert_eq!(cutter.feed(b"j", now + Duration::from_millis(1_001)), sequences(&["j"]));
    }

    proptest! {
        /// Whatever came before, and however it was cut, a key that comes after a quiet second arrives.
        #[test]
        fn keys_arrive_after_anything(
            parts in proptest::collection::vec(
                prop_oneof![
                    (0..WHOLE.len()).prop_map(|n| WHOLE[n].0.as_bytes().to_vec()),
                    (0..CUT.len()).prop_map(|n| CUT[n].to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..12),
                    Just(PASTE_BEGINS.to_vec()),
                    Just(PASTE_ENDS.to_vec()),
                ],
                0..8,
            ),
            step in 1_usize..9,
            quiet in proptest::collection::vec(any::<bool>(), 1..9),
        ) {
            let mut cutter = Cutter::new();
            let now = Instant::now();
            for (read, quiet) in parts.concat().chunks(step).zip(quiet.into_iter().cycle()) {
                cutter.feed(read, now);
                if quiet {
                    cutter.give_up();
                }
            }
            cutter.give_up();
            prop_assert_eq!(cutter.patience(), None);
            prop_assert_eq!(cutter.feed(b"q\x03\x1b[A", now), sequences(&["q", "\x03", "\x1b[A"]));
        }
    }
}
