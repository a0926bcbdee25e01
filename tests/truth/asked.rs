//! What the program says of a store, asked from outside.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use stepback::domain::Json;

use super::Told;

/// The answers of the commands.
pub struct Asked {
    /// The events that `events --json` tells.
    pub events: Vec<Told>,
    /// Its exit code, and what it said beside its answer.
    pub code: i32,
    pub said: String,
    /// The names of what the doctor finds, notes left out.
    pub findings: Vec<String>,
    /// Whether the store is refused: nothing is told of it.
    pub refused: bool,
    pub export_code: i32,
    inspect: Option<Json>,
}

impl Asked {
    pub fn of(path: &Path) -> Self {
        let events = run(path, &["events", "--json"]);
        let doctor = run(path, &["doctor", "--json"]);
        let inspect = run(path, &["inspect", "--json"]);
        let export = run(path, &["export"]);
        let inspect = lines(&inspect).into_iter().next();
        let findings = lines(&doctor)
            .iter()
            .filter(|line| text(line, "severity") != "note")
            .map(|line| text(line, "finding"))
            .filter(|finding| !finding.is_empty())
            .collect();
        Self {
            events: lines(&events).iter().filter_map(event).collect(),
            code: code(&events),
            said: String::from_utf8_lossy(&events.stderr).into_owned(),
            findings,
            refused: inspect.is_none() && code(&doctor) >= 65,
            export_code: code(&export),
            inspect,
        }
    }

    /// Whether `events` says in its exit code and in words that something is left out or cannot be read.
    pub fn says_not_whole(&self) -> bool {
        self.code != 0 && !self.said.trim().is_empty()
    }

    /// Whether `inspect` has these words.
    pub fn inspect_says(&self, words: &str) -> bool {
        words.is_empty() || self.inspect.as_ref().is_some_and(|line| line.to_string().contains(words))
    }

    /// Whether `inspect` refuses the store, counts unreadable records, or has a caveat.
    pub fn inspect_says_so(&self) -> bool {
        let told = |name: &str| self.inspect.as_ref().and_then(|line| line.get(name)).map(Json::to_string);
        self.refused
            || told("troubles").is_some_and(|troubles| troubles != "0")
            || told("caveats").is_some_and(|caveats| caveats != "[]")
    }
}

fn run(path: &Path, arguments: &[&str]) -> Output {
    let (command, options) = arguments.split_first().unwrap();
    Command::new(env!("CARGO_BIN_EXE_stepback"))
        .arg(command)
        .arg(path)
        .args(options)
        .arg("--no-cache")
        .stdin(Stdio::null())
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_DATA_HOME", "/nonexistent")
        .output()
        .expect("stepback runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn lines(output: &Output) -> Vec<Json> {
    let text = std::str::from_utf8(&output.stdout).expect("UTF-8");
    text.lines().map(|line| Json::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

fn text(line: &Json, name: &str) -> String {
    line.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn event(line: &Json) -> Option<Told> {
    let version = line.get("version")?.to_string().parse().ok()?;
    // A payload that is no JSON is told as the text it is.
    let data = line.get("data")?;
    let data = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
    Some((text(line, "stream"), version, text(line, "type"), text(line, "id"), data))
}
