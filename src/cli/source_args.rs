//! A source as it is typed.

use clap::Args;

use crate::session::Opening;

/// A source, as every reading command takes it.
#[derive(Args, Debug)]
pub struct SourceArgs {
    /// A JSON Lines file, the folder of an embedded store, or - for standard input
    pub source: String,
    /// Which fields hold the parts of an event: stream=.aggregate.id,type=.kind,...
    #[arg(long, value_name = "ROLE=PATH,...")]
    pub map: Option<String>,
}

impl SourceArgs {
    /// What to open.
    pub fn opening(&self) -> Opening {
        Opening { address: self.source.clone(), map: self.map.clone(), ..Opening::default() }
    }
}
