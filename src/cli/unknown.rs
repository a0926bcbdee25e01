//! A first word that is nothing: neither a command nor something to open.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::Arguments;
use crate::domain::address;
use crate::domain::text;
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
    let commands: Vec<String> =
        Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
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
pub fn refused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let printed = error.print().and_then(|()| io::stdout().flush());
        return super::printed(printed, ExitCode::SUCCESS);
    }
    let words = error.render().to_string();
    let mut err = io::stderr().lock();
    for line in words.trim_end().lines() {
        let _ = writeln!(err, "{}", text::safe(&address::masked_words(line)));
    }
    ExitCode::from(super::USAGE)
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
}
