//! The first painted screen of a large dump, against `rg -c` over the same file: CPU of whole processes, in one run.
//!
//! The promise: at most 1/15. The file is `STEPBACK_BENCH_FILE` (JSON Lines, a million events); the rival is `rg` on PATH.
//! A run ends when the list of events is on the screen: the process is then killed, so that only what was spent until the
//! first screen counts.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const ROUNDS: usize = 15;
/// A screen that does not come within this time is told, not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let Ok(file) = std::env::var("STEPBACK_BENCH_FILE") else {
        println!("first_screen: skipped: set STEPBACK_BENCH_FILE to a JSON Lines file of a million events");
        return;
    };
    let words = first_words(&file);
    let mut ours = Vec::new();
    let mut rival = Vec::new();
    for round in 0..=ROUNDS {
        let first_screen = cpu_of(|| paint_first_screen(&file, &words));
        let scan = cpu_of(|| {
            let status = Command::new("rg").args(["-c", "NEEDLE", &file]).stdout(Stdio::null()).status();
            assert!(status.is_ok(), "rg is needed as the rival");
        });
        // The first round warms the page cache.
        if round > 0 {
            ours.push(first_screen);
            rival.push(scan);
        }
    }
    let (ours, rival) = (median(&mut ours), median(&mut rival));
    println!("first_screen: {:.4} s   rg -c: {:.4} s   ratio 1/{:.1}   (promise 1/15)", ours, rival, rival / ours);
}

/// Starts the interface in a terminal, waits until events are on the screen, and kills it.
/// The names of the stream and of the type of the file's first event, which the first screen shows.
fn first_words(file: &str) -> [String; 2] {
    let mut line = String::new();
    BufReader::new(std::fs::File::open(file).expect("the file")).read_line(&mut line).expect("a line");
    let event: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
    ["stream", "type"].map(|field| event[field].as_str().expect("a name").to_owned())
}

fn paint_first_screen(file: &str, words: &[String; 2]) {
    let pair = native_pty_system()
        .openpty(PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 })
        .expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_stepback"));
    command.arg(file);
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).expect("stepback starts");
    drop(pair.slave);
    let mut killer = child.clone_killer();
    let (painted, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = killer.kill();
        }
    });
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let mut screen = vt100::Parser::new(36.try_into().expect("rows"), 120.try_into().expect("columns"), 0);
    let mut buffer = [0; 64 * 1024];
    loop {
        let read = reader.read(&mut buffer).expect("output");
        assert!(read > 0, "stepback ended before it drew {words:?}");
        screen.process(&buffer[..read]);
        let text = screen.screen().contents();
        if words.iter().all(|word| text.contains(word.as_str())) {
            break;
        }
    }
    drop(painted);
    child.kill().expect("killed");
    child.wait().expect("reaped");
}

/// CPU seconds (user and system) of the child processes that end while `work` runs.
fn cpu_of(work: impl FnOnce()) -> f64 {
    let before = children();
    work();
    (children() - before).as_secs_f64()
}

fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage");
    let time = |value: nix::sys::time::TimeVal| Duration::new(value.tv_sec() as u64, value.tv_usec() as u32 * 1000);
    time(usage.user_time()) + time(usage.system_time())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
