//! The real program in a real terminal: a pseudo terminal, a shell with job control in it, and the program run by that
//! shell, as a person would run it. What the terminal shows is kept by an emulator.
//!
//! Nothing here sleeps: a test waits for text, for the program's own ready mark, or for a process to end, each with a
//! deadline that only a failure meets. Nothing is read from the terminal except while a test waits: a test that does not
//! wait is a terminal that does not read.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// Long enough for a machine with much else to do.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for a line before and after, so that the test can look at the terminal, and takes commands at the end.
const SCRIPT: &str = r#"
set -m
stty erase '^H' intr '^X'
echo '<before>'; read -r _
eval "$BEFORE"' sh -c '\''echo "<pid $$>"; exec "$@"'\'' sh "$@"'
echo "<ended $?>"
while read -r line; do eval "$line"; done
"#;

/// How the program is run.
pub struct Setup {
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables of its environment.
    pub env: Vec<(String, String)>,
    /// Columns and rows.
    pub size: (u16, u16),
    /// What the shell says before the program's name: `trap '' HUP;` or `cat file |`.
    pub before: String,
}

impl Default for Setup {
    fn default() -> Self {
        let env = [("TERM", "xterm-256color"), ("STEPBACK_TEST_READY", "1"), ("RUST_BACKTRACE", "0")];
        Self {
            args: Vec::new(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            size: (100, 30),
            before: String::new(),
        }
    }
}

impl Setup {
    /// With one more variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What the terminal was asked besides showing text.
#[derive(Default)]
pub struct Heard {
    /// The window's title now.
    pub title: String,
    /// What was put into the clipboard, in base64 as it came.
    pub clipboard: Vec<Vec<u8>>,
    /// Sequences the emulator does not know.
    pub unknown: Vec<String>,
}

impl vt100::Callbacks for Heard {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).into_owned();
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.clipboard.push(data.to_vec());
    }

    fn unhandled_escape(&mut self, _: &mut vt100::Screen, i1: Option<u8>, i2: Option<u8>, b: u8) {
        if b == b'\\' {
            // The end of a title or of a text for the clipboard.
            return;
        }
        self.unknown.push(format!("escape {i1:?} {i2:?} {}", char::from(b)));
    }

    fn unhandled_csi(&mut self, _: &mut vt100::Screen, i1: Option<u8>, i2: Option<u8>, params: &[&[u16]], c: char) {
        // Known to be unknown to this emulator: synchronised output, the colour of underlines.
        if !matches!((params.first(), c), (Some([2026]), 'h' | 'l') | (Some([58, ..] | [59]), 'm')) {
            self.unknown.push(format!("csi {i1:?} {i2:?} {params:?} {c}"));
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        self.unknown.push(format!("osc {params:?}"));
    }
}

/// A terminal with the program in it.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    shell: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    reader: JoinHandle<()>,
    emulator: vt100::Parser<Heard>,
    /// What came before the program's number was known: the program may clear the screen before anybody looks.
    preface: Vec<u8>,
    pid: Pid,
    ended: OwnedFd,
    /// The line discipline before the program ran.
    discipline: String,
    inputs: u64,
}

impl Pty {
    /// Starts the program.
    pub fn run(setup: Setup) -> Self {
        let (cols, rows) = setup.size;
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", SCRIPT, "sh", env!("CARGO_BIN_EXE_stepback")]);
        command.args(&setup.args);
        for name in ["TMUX", "NO_COLOR", "COLORTERM", "COLORFGBG"] {
            command.env_remove(name);
        }
        command.env("BEFORE", &setup.before);
        for (name, value) in &setup.env {
            command.env(name, value);
        }
        command.cwd(std::env::current_dir().unwrap());
        let shell = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut source = pair.master.try_clone_reader().unwrap();
        let (sink, output) = sync_channel(0);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                if sink.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        let size = |cells: u16| std::num::NonZeroU16::new(cells).unwrap();
        let emulator = vt100::Parser::new_with_callbacks(size(rows), size(cols), 0, Heard::default());
        let mut pty = Self {
            discipline: String::new(),
            // Replaced as soon as it is known.
            pid: rustix::process::getpid(),
            ended: pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).unwrap(),
            master: pair.master,
            keyboard,
            shell,
            output,
            reader,
            emulator,
            preface: Vec::new(),
            inputs: 0,
        };
        pty.wait_for("<before>");
        pty.discipline = pty.discipline_now();
        pty.type_raw("\n");
        let pid = pty.wait_until("the program's number", |pty| {
            let text = String::from_utf8_lossy(&pty.preface);
            let (_, rest) = text.split_once("<pid ")?;
            rest.split_once('>')?.0.parse().ok().and_then(Pid::from_raw)
        });
        pty.pid = pid;
        if let Ok(ended) = pidfd_open(pid, PidfdFlags::empty()) {
            pty.ended = ended;
        }
        pty
    }

    /// What the terminal shows.
    pub fn text(&self) -> String {
        self.emulator.screen().contents()
    }

    /// The terminal's screen.
    pub fn screen(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// What it was asked besides.
    pub fn heard(&self) -> &Heard {
        self.emulator.callbacks()
    }

    /// Reads until `look` finds what it looks for.
    pub fn wait_until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => {
                    if self.preface.len() < 4096 {
                        self.preface.extend_from_slice(&bytes);
                    }
                    self.emulator.process(&bytes);
                }
                Err(why) => panic!(
                    "waited for {what} in vain ({why}); title {:?}; screen:\n{}",
                    self.heard().title,
                    self.text()
                ),
            }
        }
    }

    /// Waits until the terminal shows a text.
    pub fn wait_for(&mut self, text: &str) -> &mut Self {
        self.wait_until(&format!("{text:?}"), |pty| pty.text().contains(text).then_some(()));
        self
    }

    /// Types keys: characters, and `<enter>`, `<esc>`, `<tab>`, `<up>`, `<down>`, `<left>`, `<right>`, `<c-x>`.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        let mut bytes = String::new();
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            let (key, after) = match named {
                Some(("enter", after)) => ("\r".to_owned(), after),
                Some(("esc", after)) => ("\x1b".to_owned(), after),
                Some(("tab", after)) => ("\t".to_owned(), after),
                Some(("up", after)) => ("\x1b[A".to_owned(), after),
                Some(("down", after)) => ("\x1b[B".to_owned(), after),
                Some(("right", after)) => ("\x1b[C".to_owned(), after),
                Some(("left", after)) => ("\x1b[D".to_owned(), after),
                Some((name, after)) if name.starts_with("c-") => {
                    (char::from(name.as_bytes()[2] & 0x1f).to_string(), after)
                }
                _ => (first.to_string(), &rest[first.len_utf8()..]),
            };
            bytes.push_str(&key);
            rest = after;
            self.inputs += 1;
        }
        self.type_raw(&bytes);
        self
    }

    /// Sends bytes that are so many inputs to the program.
    pub fn send(&mut self, bytes: &str, inputs: u64) -> &mut Self {
        self.inputs += inputs;
        self.type_raw(bytes);
        self
    }

    /// Sends bytes that need not be text and are counted by nobody.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.keyboard.write_all(bytes).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Types a line for the shell.
    pub fn line(&mut self, line: &str) -> &mut Self {
        self.type_raw(&format!("{line}\n"));
        self
    }

    fn type_raw(&mut self, bytes: &str) {
        self.keyboard.write_all(bytes.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the program says that it took all that was typed and is idle. Gives the number of frames drawn.
    pub fn ready(&mut self) -> u64 {
        let mark = format!("stepback ready inputs={} frames=", self.inputs);
        self.wait_until(&mark, |pty| pty.heard().title.strip_prefix(&mark)?.parse().ok())
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, (cols, rows): (u16, u16)) -> &mut Self {
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let size = |cells: u16| std::num::NonZeroU16::new(cells).unwrap();
        self.emulator.screen_mut().set_size(size(rows), size(cols));
        self
    }

    /// Sends the program a signal.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        // One that ended meanwhile needs none.
        let _ = kill_process(self.pid, signal);
        self
    }

    /// Sends the program one of the signals that have no name.
    pub fn signal_numbered(&mut self, number: i32) -> &mut Self {
        let kill = format!("kill -{number} {}", self.pid.as_raw_nonzero());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
        self
    }

    /// Fails when the terminal gets anything within this time.
    pub fn quiet(&mut self, time: Duration) {
        match self.output.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("expected silence, got {other:?}"),
        }
    }

    /// How often the threads of the program have gone to sleep so far: each time something woke them before.
    pub fn sleeps(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid.as_raw_nonzero())).unwrap();
        let sleeps = |status: String| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?.to_owned();
            line.split_whitespace().last()?.parse::<u64>().ok()
        };
        let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
        statuses.filter_map(sleeps).sum()
    }

    /// Waits until the shell has the terminal again, and gives what it says of the program: its exit code, or 128 and
    /// the number of the signal that ended or stopped it.
    pub fn exit(&mut self) -> i32 {
        self.wait_until("the shell", |pty| {
            let text = pty.text();
            let (_, rest) = text.rsplit_once("<ended ")?;
            rest.split_once('>')?.0.parse().ok()
        })
    }

    fn discipline_now(&self) -> String {
        format!("{:?}", self.master.get_termios().unwrap())
    }

    /// Fails unless the terminal is as it was before the program ran.
    pub fn assert_restored(&self) {
        let screen = self.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is still shown");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "pastes are bracketed");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is told");
        assert_eq!(screen.mouse_protocol_encoding(), vt100::MouseProtocolEncoding::Default);
        assert_eq!(screen.fgcolor(), vt100::Color::Default, "text is coloured");
        assert_eq!(self.discipline_now(), self.discipline, "the line discipline is another");
        assert_eq!(self.heard().unknown, [""; 0], "the terminal got what it does not know");
    }

    /// Fails unless the terminal is the program's: drawn on, raw, keys unechoed.
    pub fn assert_entered(&self) {
        assert!(self.screen().alternate_screen(), "the alternate screen is not shown");
        assert!(self.screen().bracketed_paste(), "pastes are not bracketed");
        assert_ne!(self.discipline_now(), self.discipline, "the line discipline is the shell's");
    }

    /// Waits until the program's process has ended, reading nothing from the terminal.
    pub fn gone(&self) {
        let mut fds = [PollFd::new(&self.ended, PollFlags::IN)];
        let timeout = Timespec::try_from(DEADLINE).unwrap();
        assert_eq!(poll(&mut fds, Some(&timeout)), Ok(1), "the program is still there");
    }

    /// Takes the terminal away. What is given back hears when the program has ended.
    pub fn hang_up(self, wake: &str) -> OwnedFd {
        let Self { master, mut keyboard, output, reader, ended, .. } = self;
        // The reader has the terminal open too: it lets go when it has something to hand over and nobody takes it.
        drop(output);
        keyboard.write_all(wake.as_bytes()).unwrap();
        keyboard.flush().unwrap();
        reader.join().unwrap();
        drop(keyboard);
        drop(master);
        ended
    }
}

/// Waits until the process behind this has ended.
pub fn await_end(process: &OwnedFd) {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    let timeout = Timespec::try_from(DEADLINE).unwrap();
    assert_eq!(poll(&mut fds, Some(&timeout)), Ok(1), "the program is still there");
}

/// Ends what is left of a terminal: the shell, and the program if it is still there.
impl Pty {
    /// Ends the shell.
    pub fn close(mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
