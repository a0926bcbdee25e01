//! A JavaScript module as a reducer: what such a script is promised, and how it is hosted. The script never runs here.

use std::path::PathBuf;

use super::hosted::{Hosted, Hosting};
use crate::replay::{Fingerprint, ReducerInfo, StateCost};

pub use super::hosted::Limits;

/// What runs the scripts. A part of every fingerprint: states of another engine are not ours.
pub const ENGINE: &str = "quickjs-ng (rquickjs 0.14)";

/// What the script is promised (`docs/reducers.md`), counted up when it changes: a part of every fingerprint too.
const CONTRACT: u32 = 1;

/// The hidden first argument that makes this program a worker.
pub const HOST_ARGUMENT: &str = "reducer-host";

/// The largest script, in bytes.
const MAX_SOURCE: usize = 16 << 20;

/// What a JavaScript reducer is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JavaScriptConfig {
    /// The name of the file, as it is to be shown.
    pub file_name: String,
    /// What is in it.
    pub source: String,
    /// The program that hosts it: this one.
    pub host: PathBuf,
    /// How long and how large it may get.
    pub limits: Limits,
}

/// A JavaScript reducer; nothing is started and the script not looked at.
pub fn reducer(config: JavaScriptConfig) -> Hosted {
    let info = ReducerInfo {
        name: config.file_name.clone(),
        approximate: false,
        fingerprint: fingerprint(&config.source),
        cost: StateCost::Copy,
        stale: None,
    };
    let hosting = Hosting {
        refused: refused(&config),
        name: config.file_name,
        program: config.host,
        arguments: vec![HOST_ARGUMENT.to_owned()],
        script: config.source,
        limits: config.limits,
    };
    Hosted::new(hosting, info)
}

/// Why a script cannot be hosted by this program.
fn refused(config: &JavaScriptConfig) -> Option<String> {
    let name = &config.file_name;
    if cfg!(not(feature = "javascript")) {
        return Some(format!(
            "{name}: this build of stepback has no JavaScript engine (it was built without the feature `javascript`)"
        ));
    }
    (config.source.len() > MAX_SOURCE).then(|| format!("{name} is too large for a script"))
}

/// FNV-1a over everything that decides what a fold gives: it must be the same tomorrow and on another machine.
fn fingerprint(source: &str) -> Fingerprint {
    let contract = CONTRACT.to_le_bytes();
    let parts: [&[u8]; 4] = [b"javascript", &contract, ENGINE.as_bytes(), source.as_bytes()];
    Fingerprint(
        parts
            .into_iter()
            .flatten()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(feature = "javascript"))]
    use crate::{
        domain::StreamName,
        replay::{Reducer, Start},
    };

    #[test]
    fn the_engine_is_the_one_that_is_linked() {
        let (_, version) = ENGINE.split_once("rquickjs ").expect("its name");
        let locked = format!("name = \"rquickjs\"\nversion = \"{}.", version.trim_end_matches(')'));
        assert!(include_str!("../../Cargo.lock").contains(&locked), "another engine needs another fingerprint");
    }

    #[test]
    #[cfg(not(feature = "javascript"))]
    fn a_build_without_the_engine_says_so() {
        let mut account = reducer(JavaScriptConfig {
            file_name: "account.js".into(),
            source: String::new(),
            host: "/bin/true".into(),
            limits: Limits::default(),
        });
        let error = account.start(Start::Initial(&StreamName::from("account-1"))).expect_err("no engine");
        assert!(error.message.contains("account.js") && error.message.contains("no JavaScript engine"), "{error}");
    }

    #[test]
    fn fingerprints_are_the_same_everywhere() {
        assert_eq!(fingerprint("export {}"), Fingerprint(FINGERPRINT));
        assert_ne!(fingerprint("export {} "), Fingerprint(FINGERPRINT));
    }

    /// Changes with the contract and the engine, and with nothing else.
    const FINGERPRINT: u64 = 13_992_590_738_343_441_559;
}
