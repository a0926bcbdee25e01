//! The commands a command names, for the person to copy.

use std::path::Path;

use super::source_args::SourceArgs;

/// The command that opens the interface on a stream after a version, or (without a stream) after so many events.
pub(super) fn open(source: &SourceArgs, stream: Option<&str>, at: Option<u64>, reducer: Option<&Path>) -> String {
    let mut words = vec!["stepback".to_owned(), source.source.clone()];
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    };
    option("--stream", stream.map(str::to_owned));
    option("--at", at.map(|at| at.to_string()));
    option("--map", source.map.clone());
    option("--layout", source.layout.clone());
    option("--reducer", reducer.map(|reducer| reducer.display().to_string()));
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}

/// A word of a shell command.
fn shell(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
