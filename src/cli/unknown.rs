//! Words that are nothing where they stand: a first one that is neither a command nor something to open, and one behind it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Error};

use super::args::Arguments;
use crate::domain::{address, shell, text};
use crate::session::demo;

/// Commands named to somebody who mistyped one.
const NAMED: usize = 3;

/// What to say of a first word that is no command, no option, nothing that exists, no address and no profile. A word with a
/// slash in it is a path, and its opening says what is wrong with it.
pub fn unknown(word: &str) -> Option<String> {
    let is_something = word.is_empty()
        || word.starts_with(['-', '@'])
        || word.contains('/')
        || word == "help"
        || word == demo::NAME
        || Path::new(word).symlink_metadata().is_ok();
    let commands = commands();
    if is_something || commands.iter().any(|command| command == word) {
        return None;
    }
    let shown = address::masked_name(word);
    let mut why = format!("`{}` is no command, and there is no such file", text::fit(&shown, 120));
    let nearest = nearest(word, &commands);
    match nearest.is_empty() {
        true => why.push_str("\n`stepback --help` lists the commands"),
        false => why.push_str(&format!("\ndid you mean {}?", nearest.join(", "))),
    }
    Some(why)
}

/// Says what is wrong with the arguments, or the help that was asked for. What was typed is shown without its passwords, and
/// cannot command the terminal.
pub fn refused(error: &Error, typed: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        let printed = error.print().and_then(|()| io::stdout().flush());
        return super::printed(printed, ExitCode::SUCCESS);
    }
    if let Some(why) = behind_the_source(error, typed) {
        super::say(&why);
        return ExitCode::from(super::USAGE);
    }
    let words = error.render().to_string();
    let mut err = io::stderr().lock();
    for line in words.trim_end().lines() {
        let _ = writeln!(err, "{}", text::safe(&address::masked_words(line)));
    }
    ExitCode::from(super::USAGE)
}

/// What to say of a word behind what the interface is to open: a command that comes too late, or the name of a stream, which
/// commands take as their second word and the interface does not.
fn behind_the_source(error: &Error, typed: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let word = word.as_str();
    let source =
        typed.get(1).filter(|first| !first.as_bytes().starts_with(b"-") && first.as_bytes() != word.as_bytes());
    let source = source.map_or_else(|| "SOURCE".into(), |source| shell::word(source.as_bytes()));
    let (shown, named) = (text::fit(&address::masked_name(word), 120), shell::word(word.as_bytes()));
    let why = match commands().iter().any(|command| command == word) {
        true => format!("the command `{shown}` stands before what it reads\nstepback {named} {source}"),
        false => format!(
            "`{shown}` stands behind what to open, where nothing is expected\n\
             to open a stream of that name: stepback {source} --stream {named}"
        ),
    };
    Some(address::masked_words(&why))
}

fn commands() -> Vec<String> {
    Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// The commands that are most like a word, the likeliest first.
fn nearest<'a>(word: &str, commands: &'a [String]) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let most = (word.chars().count() / 3).max(1) + 1;
    let mut near: Vec<(usize, &str)> = commands
        .iter()
        .map(|command| {
            let begins = word.len() > 1 && command.starts_with(&word);
            (if begins { 0 } else { strsim::osa_distance(&word, command) }, command.as_str())
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort();
    near.into_iter().take(NAMED).map(|(_, command)| command).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_nearest_commands_are_named() {
        for (word, named) in [
            ("strems", "did you mean streams"),
            ("evnets", "did you mean events"),
            ("sate", "did you mean state"),
            ("doc", "did you mean doctor"),
            ("Export", "did you mean export"),
            ("zzzzzz", "--help"),
        ] {
            let said = unknown(word).unwrap_or_default();
            assert!(said.contains(named) && said.starts_with(&format!("`{word}` is no command")), "{word}: {said}");
        }
        for word in
            ["streams", "help", "--help", "-", "./nosuch", "/nosuch", "@profile", "Cargo.toml", "postgres://h/db"]
        {
            assert_eq!(unknown(word), None, "{word}");
        }
    }

    #[test]
    fn a_word_behind_the_source_is_answered_with_the_line_that_was_meant() {
        for (typed, line) in [
            (&["my file", "order-1"][..], "stepback 'my file' --stream order-1"),
            (&["dump.jsonl", "it's"], r"stepback dump.jsonl --stream 'it'\''s'"),
            (&["--theme", "dark", "dump.jsonl", "order-1"], "stepback SOURCE --stream order-1"),
            (&["dump.jsonl", "--theme", "dark", "order-1"], "stepback dump.jsonl --stream order-1"),
            (&["dump.jsonl", "streams"], "stepback streams dump.jsonl"),
            (&["pg://u:hunter2@h/db", "order-1"], "stepback pg://u:***@h/db --stream order-1"),
        ] {
            let typed: Vec<OsString> = ["stepback"].iter().chain(typed).map(OsString::from).collect();
            let said = Arguments::try_parse_from(&typed).err().and_then(|error| behind_the_source(&error, &typed));
            assert!(said.as_ref().is_some_and(|said| said.ends_with(line)), "{typed:?}: {said:?}");
        }
        for typed in [&["stepback", "dump.jsonl", "--strem"], &["stepback", "events", "--limit"]] {
            let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
            let said = Arguments::try_parse_from(&typed).err().map(|error| behind_the_source(&error, &typed));
            assert_eq!(said, Some(None), "{typed:?}");
        }
    }
}
