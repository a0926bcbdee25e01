//! The interface in a real terminal: how it starts, how it ends, and what it leaves behind.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::pty::{Pty, Setup, await_end};

/// The program on its trial screen.
fn setup() -> Setup {
    Setup::default().env("STEPBACK_PROBE", "1000")
}

fn started() -> Pty {
    start(setup())
}

fn start(setup: Setup) -> Pty {
    let mut pty = Pty::run(setup);
    pty.ready();
    pty.assert_entered();
    pty
}

#[test]
fn it_starts_and_a_key_leaves_it() {
    for keys in ["q", "Q", "<c-c>"] {
        let mut pty = Pty::run(setup());
        pty.wait_for("probe 100x30").wait_for("streams 1000").ready();
        pty.keys(keys);
        assert_eq!(pty.exit(), 0, "{keys}");
        pty.assert_restored();
        pty.close();
    }
}

#[test]
fn keys_mouse_and_pastes_arrive() {
    let mut pty = started();
    pty.keys("ab<up><tab>é").ready();
    pty.wait_for("typed ab<Up><Tab>é");
    pty.send("\x1b[<0;5;7M", 1).wait_for("told Pressed 4 6");
    pty.send("\x1b[<32;6;7M\x1b[<32;9;7M\x1b[<0;9;7m", 3).ready();
    pty.wait_for("told Released 8 6");
    pty.send("\x1b[<65;1;1M", 1).wait_for("told WheelDown 0 0");
    let paste = "word ".repeat(4_000);
    pty.send(&format!("\x1b[200~{paste}\x1b[201~"), 1).wait_for(&format!("told pasted {}", paste.len()));
    pty.close();
}

#[test]
fn thousands_of_keys_at_once_all_arrive() {
    let mut pty = started();
    // More than is read at once.
    pty.keys(&"x".repeat(3_000)).ready();
    pty.keys("q");
    assert_eq!(pty.exit(), 0);
    pty.close();
}

/// What a terminal may send unasked, or cut off, and then nobody types for a while.
const STRAY: [&str; 20] = [
    "\x1b[?997;1n",
    "\x1b[?2026;2$y",
    "\x1b[?62;22c",
    "\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
    "\x1b]52;c;Y29waWVk\x1b\\",
    "\x1bP>|tmux 3.4\x1b\\",
    "\x1b[8;24;80t",
    "\x1b[<35;10;5M",
    "\x1b[<0;0;0M",
    "\x1b[I\x1b[O",
    "\x1b[201~",
    "\x1b[",
    "\x1b[?",
    "\x1b[?997;1",
    "\x1b[<35;10",
    "\x1b[M!",
    "\x1b[1;",
    "\x1b]11;rgb:1e",
    "\x1bP>|tmux",
    "\x1b[200~half a paste",
];

#[test]
fn stray_and_half_replies_leave_the_keyboard_alive() {
    for stray in STRAY {
        let mut pty = started();
        pty.send(stray, 0);
        std::thread::sleep(Duration::from_millis(if stray.contains("200~") { 1_300 } else { 200 }));
        pty.send("q", 0);
        assert_eq!(pty.exit(), 0, "{stray:?}");
        pty.assert_restored();
        pty.close();
    }
}

#[test]
fn control_c_ends_what_a_terminal_began() {
    for stray in STRAY {
        let mut pty = started();
        pty.send(stray, 0);
        if stray.contains("200~") {
            // Read apart from the paste, as a person types it.
            std::thread::sleep(Duration::from_millis(100));
        }
        pty.send("\x03", 0);
        assert_eq!(pty.exit(), 0, "{stray:?}");
        pty.assert_restored();
        pty.close();
    }
}

#[test]
fn keys_arrive_byte_by_byte_and_after_anything() {
    let mut pty = started();
    let mut state = 0x5eed_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..60 {
        let stray = STRAY[next(STRAY.len())];
        let cut: String = stray.chars().take(1 + next(stray.len())).collect();
        match next(3) {
            0 => {
                pty.send(&cut, 0);
            }
            1 => {
                pty.send(&format!("{cut}{}", STRAY[next(11)]), 0);
            }
            _ => {
                for byte in cut.bytes() {
                    pty.send_bytes(&[byte]);
                }
            }
        }
    }
    // A quiet second, after which nothing is unfinished.
    std::thread::sleep(Duration::from_millis(1_500));
    pty.send("<keys>", 0);
    for byte in "é\x1b[A".bytes() {
        pty.send_bytes(&[byte]);
    }
    pty.wait_for("<keys>é<Up>");
    pty.send("q", 0);
    assert_eq!(pty.exit(), 0);
    pty.assert_restored();
    pty.close();
}

#[test]
fn a_lone_escape_is_a_key_and_so_is_one_with_alt() {
    let mut pty = started();
    pty.keys("a<esc>").ready();
    pty.keys("b").ready();
    pty.wait_for("typed a<Esc>b");
    pty.send("\x1bx\x1b[1;5C", 2).ready();
    pty.wait_for("typed a<Esc>bx^<Right>");
    pty.close();
}

#[test]
fn text_reaches_the_clipboard() {
    let mut pty = started();
    pty.keys("y").ready();
    pty.wait_for("told copied Ok(6)");
    assert_eq!(pty.heard().clipboard, [b"Y29waWVk".to_vec()]);
    pty.close();
}

#[test]
fn a_slot_answers_and_the_program_is_idle_again() {
    let mut pty = start(Setup::default().env("STEPBACK_PROBE", "20000"));
    pty.keys("/").ready();
    pty.wait_for("told filtered").wait_for("matches 1");
    pty.keys("e").ready();
    pty.wait_for("told loaded");
    pty.close();
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let mut pty = started();
    for size in [(80, 24), (40, 12), (1, 1), (300, 100), (2, 50), (120, 36)] {
        pty.resize(size);
    }
    pty.wait_for("probe 120x36").keys("x").ready();
    for step in 0..200u16 {
        pty.resize((60 + step % 7, 20 + step % 5));
    }
    pty.resize((90, 25)).wait_for("probe 90x25");
    pty.resize((1, 1)).keys("x").ready();
    // No size is believed that would cost memory by the gigabyte.
    pty.resize((65_535, 1)).wait_for("probe 1024x1");
    pty.resize((70, 20)).wait_for("probe 70x20");
    pty.keys("q");
    assert_eq!(pty.exit(), 0);
    pty.assert_restored();
    pty.close();
}

#[test]
fn signals_that_end_programs_end_it_in_order() {
    let asked = [(Signal::TERM, 143), (Signal::INT, 130), (Signal::QUIT, 131), (Signal::HUP, 129)];
    let told = [(Signal::USR1, 138), (Signal::USR2, 140), (Signal::ALARM, 142), (Signal::VTALARM, 154)];
    let limits = [(Signal::PROF, 155), (Signal::XCPU, 152), (Signal::XFSZ, 153), (Signal::IO, 157)];
    let faults = [(Signal::ABORT, 134), (Signal::BUS, 135), (Signal::SYS, 159), (Signal::TRAP, 133)];
    let rare = [(Signal::POWER, 158), (Signal::STKFLT, 144)];
    for (signal, status) in [&asked[..], &told, &limits, &faults, &rare].concat() {
        let mut pty = start(Setup { before: "trap : INT; ulimit -c 0;".to_owned(), ..setup() });
        pty.signal(signal);
        assert_eq!(pty.exit(), status, "{signal:?}");
        pty.assert_restored();
        pty.close();
    }
    // Those without a meaning end it with the number a shell gives.
    for number in [35, 40, 64] {
        let mut pty = start(setup());
        pty.signal_numbered(number);
        assert_eq!(pty.exit(), 128 + number, "{number}");
        pty.assert_restored();
        pty.close();
    }
}

#[test]
fn events_are_not_read_from_the_keyboard() {
    let env = [("TERM".to_owned(), "xterm-256color".to_owned())].into();
    let mut pty = Pty::run(Setup { env, args: vec!["-".to_owned()], ..Setup::default() });
    pty.wait_for("standard input is a terminal: pipe something in");
    assert_eq!(pty.exit(), 2);
    pty.close();
}

#[test]
fn it_suspends_and_comes_back() {
    let mut pty = started();
    pty.keys("<c-z>");
    // 128 and the number of a stop signal: SIGSTOP 19, SIGTSTP 20.
    let status = pty.exit();
    assert!(matches!(status, 147 | 148), "{status}");
    pty.assert_restored();
    pty.line("clear; echo '<shell>'").wait_for("<shell>");
    // The size changes while nobody looks.
    pty.resize((80, 20));
    pty.line("fg; echo \"<ended $?>\"").wait_for("told resumed").wait_for("probe 80x20");
    pty.ready();
    pty.assert_entered();
    pty.keys("abc").ready();
    pty.wait_for("abc");
    pty.keys("q");
    assert_eq!(pty.exit(), 0);
    pty.assert_restored();
    pty.close();
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_too() {
    let mut pty = started();
    pty.signal(Signal::TSTP);
    assert!(matches!(pty.exit(), 147 | 148));
    pty.assert_restored();
    pty.line("fg; echo \"<ended $?>\"").wait_for("told resumed");
    pty.keys("<c-z>");
    assert!(matches!(pty.exit(), 147 | 148));
    pty.assert_restored();
    pty.line("clear; fg; echo \"<ended $?>\"").wait_for("told resumed");
    pty.keys("q");
    pty.wait_for("<ended 0>");
    pty.assert_restored();
    pty.close();
}

#[test]
fn after_a_stop_that_cannot_be_caught_everything_is_drawn_again() {
    let mut pty = started();
    pty.signal(Signal::STOP);
    assert!(matches!(pty.exit(), 147));
    // The shell used the terminal as it was left.
    pty.line("stty sane; printf '\\033[?1049l\\033[2J'; fg; echo \"<ended $?>\"").wait_for("told resumed");
    pty.ready();
    pty.assert_entered();
    pty.keys("q");
    assert_eq!(pty.exit(), 0);
    pty.assert_restored();
    pty.close();
}

#[cfg(debug_assertions)]
#[test]
fn a_bug_in_any_thread_gives_the_terminal_back() {
    for (place, keys) in [("ui", "x"), ("replay", "j"), ("task", "e"), ("foreign", "e"), ("source", "")] {
        let mut pty = Pty::run(setup().env("STEPBACK_PANIC", place));
        if !keys.is_empty() {
            pty.wait_until("the alternate screen", |pty| pty.screen().alternate_screen().then_some(()));
        }
        pty.keys(keys);
        assert_eq!(pty.exit(), 70, "{place}");
        pty.assert_restored();
        let line = format!("this is a bug: injected into {place} (src/runtime/panics.rs");
        assert!(pty.text().contains(&line), "{}", pty.text());
        pty.close();
    }
}

#[test]
fn it_ends_when_the_terminal_goes_away_although_hang_up_signals_are_ignored() {
    let pty = start(Setup { before: "trap '' HUP;".to_owned(), ..setup() });
    await_end(&pty.hang_up("x"));
    // Keys from /dev/tty.
    let before = "trap '' HUP; echo |".to_owned();
    let pty = start(Setup { args: vec!["-".to_owned()], before, ..setup() });
    await_end(&pty.hang_up("x"));
}

#[test]
fn it_ends_when_the_terminal_goes_away_in_the_middle_of_a_key() {
    let mut pty = start(Setup { before: "trap '' HUP;".to_owned(), ..setup() });
    // Shown, so that the reader lets go; then a key of which only the beginning comes.
    pty.keys("w").ready();
    await_end(&pty.hang_up("x\x1b["));
}

#[test]
fn a_terminal_that_does_not_read_does_not_keep_it() {
    // Each key changes every cell of a large screen; nobody reads.
    for keys in ["q", "<c-c>"] {
        let mut pty = start(Setup { size: (250, 80), ..setup() });
        pty.keys("!abcdfghikmn");
        pty.keys(keys);
        pty.gone();
        assert_eq!(pty.exit(), 0);
        pty.assert_restored();
        pty.close();
    }
    let mut pty = start(Setup { size: (250, 80), ..setup() });
    pty.keys("!abcdfghikmn").signal(Signal::TERM);
    pty.gone();
    assert_eq!(pty.exit(), 143);
    pty.assert_restored();
    pty.close();
    // Suspending gives the terminal back in the middle of a frame, and coming back draws a whole one.
    let mut pty = start(Setup { size: (250, 80), ..setup() });
    for _ in 0..5 {
        pty.keys("!abcdfghikmn<c-z>");
        assert!(matches!(pty.exit(), 147 | 148));
        pty.assert_restored();
        pty.line("clear; fg; echo \"<ended $?>\"").wait_for("told resumed").ready();
        pty.assert_entered();
    }
    pty.keys("q");
    assert_eq!(pty.exit(), 0);
    pty.assert_restored();
    pty.close();
}

#[test]
fn an_idle_program_draws_nothing_and_a_key_that_changes_nothing_does_not_either() {
    let mut pty = started();
    pty.keys("a").ready();
    let frames = pty.keys("<c-l>").ready();
    let sleeps = pty.sleeps();
    pty.quiet(Duration::from_millis(1_500));
    // One look at the reducer files a second, and nothing else.
    let woken = pty.sleeps() - sleeps;
    assert!(woken <= 8, "woken {woken} times while nothing happened");
    let again = pty.keys("x").ready();
    assert_eq!(again, frames + 1, "one key, one frame");
    pty.close();
}

#[test]
fn time_passes_while_it_plays() {
    let mut pty = started();
    pty.keys("p").wait_for("told ticked");
    pty.keys("P").ready();
    pty.quiet(Duration::from_millis(300));
    pty.close();
}

#[test]
fn keys_come_from_the_terminal_when_the_dump_comes_through_a_pipe() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{}\n").unwrap();
    let before = format!("cat {} |", file.path().display());
    let mut pty = start(Setup { args: vec!["-".to_owned()], before, ..setup() });
    pty.keys("abc").ready();
    pty.wait_for("typed abc");
    // The whole pipeline stops and comes back.
    pty.keys("<c-z>");
    assert!(matches!(pty.exit(), 147 | 148));
    pty.assert_restored();
    pty.line("fg; echo \"<ended $?>\"").wait_for("told resumed");
    pty.keys("q");
    assert_eq!(pty.exit(), 0);
    pty.assert_restored();
    pty.close();
}

#[test]
fn without_a_terminal_it_says_so_and_touches_nothing() {
    for term in ["xterm", "dumb", ""] {
        let program = std::process::Command::new(env!("CARGO_BIN_EXE_stepback"))
            .envs([("STEPBACK_PROBE", "1"), ("TERM", term)])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(program.status.code(), Some(2));
        assert!(program.stdout.is_empty());
        assert_eq!(String::from_utf8(program.stderr).unwrap(), "stepback: standard output is not a terminal\n");
    }
}

#[test]
fn a_dumb_terminal_is_told_so() {
    for term in ["dumb", ""] {
        let mut pty = Pty::run(setup().env("TERM", term));
        assert_eq!(pty.exit(), 2, "{term}");
        pty.assert_restored();
        pty.wait_for("stepback: this terminal cannot be drawn on");
        pty.close();
    }
}

/// Signals and sizes at moments nobody chose; whatever ends it, the terminal is given back.
#[test]
fn signals_at_any_moment_leave_the_terminal_as_it_was() {
    let mut state = 0x5eed_u64;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for round in 0..rounds() {
        let mut pty = Pty::run(Setup { before: "trap : INT; ulimit -c 0;".to_owned(), ..setup() });
        // Before the terminal is touched there is nothing to give back, and a signal that falls between the steps of
        // registering its handler is lost in signal-hook.
        pty.wait_until("the alternate screen", |pty| pty.screen().alternate_screen().then_some(()));
        if next(3) > 0 {
            pty.ready();
        }
        for _ in 0..next(6) {
            match next(7) {
                // What was typed and not taken would be the shell's.
                6 => {
                    pty.ready();
                    if next(2) == 0 {
                        pty.keys("<c-z>")
                    } else {
                        pty.signal(Signal::TSTP)
                    };
                    assert!(matches!(pty.exit(), 147 | 148), "round {round}");
                    pty.assert_restored();
                    pty.line("clear; fg; echo \"<ended $?>\"");
                    pty.wait_until("the program again", |pty| pty.screen().alternate_screen().then_some(()));
                }
                0 => drop(pty.signal(Signal::WINCH)),
                1 => drop(pty.resize((1 + next(120) as u16, 1 + next(40) as u16))),
                2 => drop(pty.signal(Signal::CONT)),
                3 => drop(pty.signal(Signal::PIPE)),
                _ => drop(pty.keys("!x")),
            }
        }
        pty.resize((100, 30));
        let signals = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP];
        let signal = signals[next(4) as usize];
        pty.signal(signal);
        let status = pty.exit();
        assert_eq!(status, 128 + signal.as_raw(), "round {round}");
        pty.assert_restored();
        pty.close();
    }
}

/// How often chance is tried: more before a release.
fn rounds() -> u64 {
    std::env::var("STEPBACK_PTY_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(25)
}

#[test]
fn whoever_waits_for_a_source_is_told_and_can_leave() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let plain = || {
        let variables =
            [("TERM", "xterm-256color"), ("XDG_CONFIG_HOME", "/nonexistent"), ("XDG_CACHE_HOME", "/nonexistent")];
        let env = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        // The shell keeps the pipe open, and never writes to it.
        let before = format!("exec 9<>{};", pipe.display());
        Setup { env, args: vec![pipe.display().to_string()], before, ..Setup::default() }
    };
    for keys in ["q", "\x1b", "\x03"] {
        let mut pty = Pty::run(plain());
        // Nothing comes out of the pipe, and nobody knows what it will be.
        pty.wait_for("looking at what this is").wait_for("nothing has come yet");
        pty.assert_entered();
        let pressed = std::time::Instant::now();
        pty.send_bytes(keys.as_bytes());
        assert_eq!(pty.exit(), 0, "{keys:?}");
        assert!(pressed.elapsed() < Duration::from_secs(3), "{keys:?} after {:?}", pressed.elapsed());
        pty.assert_restored();
        pty.close();
    }
    // What ends a program ends it there too.
    let mut pty = Pty::run(plain());
    pty.wait_for("looking at what this is");
    pty.signal(Signal::TERM);
    assert_eq!(pty.exit(), 128 + 15);
    pty.assert_restored();
    pty.close();
}

/// On a terminal JSON cannot command it: the same value leaves as escapes. Into a pipe it is what is stored.
#[test]
fn json_on_a_terminal_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.jsonl");
    let text = "x\u{9b}2J\u{7f}\u{202e}y\u{200b}z\u{e0041}";
    let line = format!("{{\"stream\":\"a-1\",\"version\":1,\"type\":\"Made\",\"data\":{{\"t\":\"{text}\"}}}}\n");
    std::fs::write(&path, line).unwrap();
    let path = path.display().to_string();
    for arguments in [
        vec!["events", &path, "--json"],
        vec!["export", &path],
        vec!["state", &path, "a-1", "--json"],
        vec!["search", &path, "y", "--json"],
        vec!["diff", &path, "a-1", "start", "last", "--json"],
    ] {
        let args = arguments.iter().map(|&word| word.to_owned()).collect();
        let mut pty = Pty::run(Setup { args, size: (200, 30), ..Setup::default() });
        assert_eq!(pty.exit(), 0, "{arguments:?}");
        let shown = pty.text().replace('\n', "");
        let escaped = "x\\u009b2J\\u007f\\u202ey\\u200bz\\udb40\\udc41";
        assert!(shown.contains(escaped), "{arguments:?}: {shown}");
        pty.close();
        let piped = std::process::Command::new(env!("CARGO_BIN_EXE_stepback")).args(&arguments).output().unwrap();
        assert!(String::from_utf8(piped.stdout).unwrap().contains(text), "{arguments:?}");
    }
    // What the doctor says of this machine has names in it that others chose.
    let mut setup = Setup { args: ["doctor", "--self", "--json"].map(str::to_owned).into(), ..Setup::default() };
    let cache = folder.path().join("a\u{9b}2J\u{202e}b");
    std::fs::create_dir_all(cache.join("stepback")).unwrap();
    setup.env.push(("XDG_CACHE_HOME".into(), cache.display().to_string()));
    setup.size = (300, 60);
    let mut pty = Pty::run(setup);
    pty.exit();
    let shown = pty.text().replace('\n', "");
    assert!(shown.contains("a\\u009b2J\\u202eb"), "{shown}");
    pty.close();
}
