//! What the benchmarks against other programs share: running both sides as processes of their own, one after the other,
//! and comparing the medians of their CPU time (user and system, with their children).

#![allow(dead_code)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

/// What may go wrong.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How often each side is run.
pub const ROUNDS: usize = 5;

/// The dumps: of a million events, and, where it is named, of five million.
pub fn dumps() -> Vec<PathBuf> {
    let named = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from).filter(|path| path.exists());
        if path.is_none() {
            println!("skipped: {name} names no JSON Lines dump");
        }
        path
    };
    [named("STEPBACK_BENCH_FILE"), named("STEPBACK_BENCH_LARGE")].into_iter().flatten().collect()
}

/// One side of a comparison.
pub struct Side {
    /// What it is called.
    pub name: String,
    command: Box<dyn Fn() -> Command>,
    rounds: usize,
    seconds: Vec<f64>,
    /// What its last run wrote.
    pub said: String,
}

/// A side that runs this command.
pub fn side(name: &str, command: impl Fn() -> Command + 'static) -> Side {
    Side { name: name.into(), command: Box::new(command), rounds: ROUNDS, seconds: Vec::new(), said: String::new() }
}

impl Side {
    /// So slow that a few runs must do.
    pub fn seldom(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// The same result, for another comparison.
    pub fn again(&self) -> Self {
        let nothing = Box::new(|| Command::new("true"));
        Self {
            name: self.name.clone(),
            command: nothing,
            rounds: 0,
            seconds: self.seconds.clone(),
            said: String::new(),
        }
    }

    /// The median of its CPU seconds.
    pub fn seconds(&self) -> f64 {
        median(self.seconds.clone())
    }
}

/// Runs the sides in turn, after one round that only warms what it reads. A side whose program is not there is left out, by
/// name.
pub fn interleaved(sides: Vec<Side>) -> Result<Vec<Side>> {
    let mut present = Vec::new();
    for side in sides {
        let program = (side.command)().get_program().to_owned();
        let there = Path::new(&program).is_absolute()
            || std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .any(|folder| folder.join(&program).exists());
        if there {
            present.push(side);
        } else {
            println!("skipped: {}: there is no `{}` on the PATH", side.name, program.to_string_lossy());
        }
    }
    for round in 0..=ROUNDS {
        for side in &mut present {
            if round > 0 && round > side.rounds || (round == 0 && side.rounds < ROUNDS) {
                continue;
            }
            let (seconds, said) = child(&mut (side.command)()).map_err(|e| format!("{}: {e}", side.name))?;
            if round > 0 {
                side.seconds.push(seconds);
            }
            side.said = said;
        }
    }
    Ok(present)
}

/// Prints the first side against each of the others; the goal is by name of the rival: at most so many times its CPU.
pub fn compare(what: &str, sides: &[Side], goals: &[(&str, f64)]) {
    let Some((ours, rivals)) = sides.split_first() else { return };
    println!("{what}: {:.1} ms CPU", ours.seconds() * 1e3);
    for rival in rivals {
        let ratio = ours.seconds() / rival.seconds();
        let goal = goals.iter().find(|(name, _)| *name == rival.name).map(|(_, goal)| *goal);
        let goal = goal.map_or_else(String::new, |goal| {
            format!("   goal {}: {}", times(goal), if ratio <= goal { "met" } else { "MISSED" })
        });
        println!("  {:>8} of {:<24} {:9.1} ms CPU{goal}", times(ratio), rival.name, rival.seconds() * 1e3);
    }
}

/// A ratio as people say it.
pub fn times(ratio: f64) -> String {
    if ratio < 0.8 { format!("1/{:.1}", 1.0 / ratio) } else { format!("{ratio:.2} x") }
}

/// The middle one.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The CPU seconds of this process, or of its children.
pub fn cpu(who: UsageWho) -> Result<f64> {
    let usage = getrusage(who)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Runs a program; gives its CPU seconds and what it wrote.
pub fn child(command: &mut Command) -> Result<(f64, String)> {
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    Ok((cpu(UsageWho::RUSAGE_CHILDREN)? - before, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// A number one of our own runs wrote after this word.
pub fn said(text: &str, word: &str) -> Option<f64> {
    text.split_whitespace().skip_while(|found| *found != word).nth(1)?.parse().ok()
}

/// The most memory this process has had, in MiB.
pub fn peak() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// `rg -c` for a rare word.
pub fn rg(path: &Path) -> Side {
    let path = path.to_owned();
    side("rg -c", move || {
        let mut command = Command::new("rg");
        command.args(["-c", "NEEDLE"]).arg(&path);
        command
    })
}

/// A query of DuckDB over the dump, which it calls `dump`.
pub fn duckdb(name: &str, path: &Path, query: &str) -> Side {
    let script = format!(
        "import duckdb; dump = duckdb.read_json('{}', format='newline_delimited', columns={{'stream': 'VARCHAR', \
         'type': 'VARCHAR', 'version': 'BIGINT', 'timestamp': 'VARCHAR', 'data': 'JSON'}}); print(len(duckdb.sql(\"{query}\").fetchall()))",
        path.display()
    );
    let has = Command::new("python3").args(["-c", "import duckdb"]).stderr(Stdio::null()).status();
    let program = if has.is_ok_and(|status| status.success()) { "python3" } else { "python3-duckdb" };
    side(name, move || {
        let mut command = Command::new(program);
        command.args(["-c", &script]);
        command
    })
}

/// A filter of jq over the dump.
pub fn jq(name: &str, path: &Path, filter: &str) -> Side {
    let (path, filter) = (path.to_owned(), filter.to_owned());
    side(name, move || {
        let mut command = Command::new("jq");
        command.args(["-r", &filter]).arg(&path);
        command
    })
    .seldom(1)
}

/// This benchmark again, as a process of its own that does only one thing.
pub fn ourselves(name: &str, arguments: &[&Path]) -> Side {
    let arguments: Vec<PathBuf> = arguments.iter().map(|argument| argument.to_path_buf()).collect();
    let myself = std::env::current_exe();
    side(name, move || {
        let mut command = Command::new(myself.as_deref().unwrap_or(Path::new("/proc/self/exe")));
        command.args(&arguments);
        command
    })
}

/// The arguments of this process, without Cargo's own.
pub fn arguments() -> Vec<String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench").collect()
}
