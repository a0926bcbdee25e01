//! The commands a command names, for the person to copy.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::source_args::SourceArgs;
use crate::domain::{Place, address, shell};

/// The command that opens the interface at a place: of a stream, or without one of the whole store.
pub(super) fn open(source: &SourceArgs, stream: Option<&str>, at: Option<Place>, reducer: Option<&Path>) -> String {
    let name: OsString = match source.source.to_str() {
        Some(text) => address::masked_name(text).into_owned().into(),
        None => source.source.clone(),
    };
    let mut words: Vec<OsString> = vec!["stepback".into(), name];
    let mut option = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            words.extend([name.into(), value]);
        }
    };
    option("--stream", stream.map(Into::into));
    option("--at", at.map(|at| at.to_string().into()));
    option("--map", source.map.clone().map(Into::into));
    option("--layout", source.layout.clone());
    option("--allow-unpacked", source.allow_unpacked.map(|bytes| bytes.to_string().into()));
    option("--reducer", reducer.map(Into::into));
    words.iter().map(|word| shell::word(word.as_bytes())).collect::<Vec<_>>().join(" ")
}
