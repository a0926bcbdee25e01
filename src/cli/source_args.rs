//! A source as it is typed.

use clap::Args;

use crate::config::Folders;
use crate::session::Opening;

/// A source, as every reading command takes it.
#[derive(Args, Debug)]
pub struct SourceArgs {
    /// A file (JSON Lines, CSV, SQLite, a dump of a database), the folder of a store, or - for standard input
    pub source: String,
    /// Which fields hold the parts of an event: stream=.aggregate.id,type=.kind,...
    #[arg(long, value_name = "ROLE=PATH,...")]
    pub map: Option<String>,
    /// Read by this layout: one of `stepback layouts`, or a file of yours
    #[arg(long, value_name = "NAME|FILE")]
    pub layout: Option<String>,
    /// Neither use nor keep an index of the source
    #[arg(long)]
    pub no_cache: bool,
}

impl SourceArgs {
    /// What to open.
    pub fn opening(&self) -> Opening {
        let folders = Folders::of_user();
        Opening {
            address: self.source.clone(),
            map: self.map.clone(),
            layout: self.layout.clone(),
            cache: folders.cache.filter(|_| !self.no_cache),
            configuration: folders.configuration,
            reducer: None,
        }
    }
}
