//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{
    append::AppendArgs, bisect::BisectArgs, blame::BlameArgs, cache::CacheArgs, check::CheckArgs, diff::DiffArgs,
    doctor::DoctorArgs, events::EventsArgs,
};
use super::{export::ExportArgs, import::ImportArgs, inspect::InspectArgs, layouts::LayoutsArgs};
use super::{search::SearchArgs, state::StateArgs, streams::StreamsArgs, types::TypesArgs, verify::VerifyArgs};

const EXAMPLES: &str = "\
Examples:
  stepback                                        open the demo store
  stepback dump.jsonl --stream order-1002         stand at the end of a stream
  stepback streams dump.jsonl --category order    list streams
  stepback search dump.jsonl coupon               where a text stands
  stepback state dump.jsonl order-1002 --at 12    the state after version 12
  stepback diff dump.jsonl order-1002 11 12       what version 12 changed
  stepback inspect store.sqlite                   what it is, and why
  stepback doctor dump.sql.gz                     what is out of order in it

SOURCE is a file (JSON Lines and other JSON exports, CSV, an SQLite database, a dump by pg_dump or mysqldump; packed by gzip \
or zstd too), the folder of a store (KurrentDB, JetStream, our own), or - for standard input. What it is, is told from what is \
in it. It is never written to. demo is the store that comes with stepback. A file named like a command is opened as ./NAME.";

/// A terminal debugger for event-sourced systems: walk the streams of an event store and step through the state.
#[derive(Parser, Debug)]
#[command(name = "stepback", version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(subcommand_precedence_over_arg = true, max_term_width = 100)]
pub struct Arguments {
    /// A command without the interface.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The interface.
    #[command(flatten)]
    pub interface: Interface,
}

/// How the interface starts.
#[derive(Args, Debug, Default)]
pub struct Interface {
    /// What to open; the demo store when it is left out
    pub source: Option<OsString>,
    /// Open this stream
    #[arg(long, value_name = "STREAM")]
    pub stream: Option<String>,
    /// Stand after this version (without --stream: this position) or the N-th event (#N), at this time
    /// (2025-03-01T14:03, or -2h before the last event), or at first, last or start
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub at: Option<String>,
    /// Fold every stream with this JavaScript file
    #[arg(long, value_name = "FILE")]
    pub reducer: Option<PathBuf>,
    /// Which fields hold the parts of an event: stream=.aggregate.id,type=.kind,...
    #[arg(long, value_name = "ROLE=PATH,...")]
    pub map: Option<String>,
    /// Read by this layout: one of `stepback layouts`, or a file of yours
    #[arg(long, value_name = "NAME|FILE")]
    pub layout: Option<OsString>,
    /// Neither use nor keep an index of the source
    #[arg(long)]
    pub no_cache: bool,
    /// How much may come out of packed files: 500M, 20G (in all, however often they are packed)
    #[arg(long, value_name = "SIZE", value_parser = super::source_args::size)]
    pub allow_unpacked: Option<u64>,
    /// dark, light or mono; chosen from the terminal when left out
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List the streams of a store
    Streams(StreamsArgs),
    /// List events, of one stream or of the whole store
    Events(EventsArgs),
    /// Find text or a regular expression in payloads, types and streams
    Search(SearchArgs),
    /// Fold a stream into its state, at its end or at any version or time
    State(StateArgs),
    /// Compare the state of a stream at two places
    Diff(DiffArgs),
    /// Say which event wrote each path of a state last, or every time
    Blame(BlameArgs),
    /// List every place of a stream where an expression changes (exit code 1 when it never holds)
    Bisect(BisectArgs),
    /// Check an invariant over all streams: in which was it ever violated (exit code 1 when in any)
    Check(CheckArgs),
    /// List the types of events; with a type, the fields of its payloads and how they changed
    Types(TypesArgs),
    /// Look at a whole store and say what is out of order (exit code 1 when something is wrong)
    #[command(mut_arg("source", super::doctor::source_or_self))]
    Doctor(DoctorArgs),
    /// Write events as JSON Lines that can be opened again
    Export(ExportArgs),
    /// Say what a source is: its layout and why, its mapping, what lies beside its events
    Inspect(InspectArgs),
    /// List the layouts of event stores in tables, or print one
    Layouts(LayoutsArgs),
    /// Append one event to an embedded store
    Append(AppendArgs),
    /// Import a source into an embedded store; started again, it continues
    Import(ImportArgs),
    /// List the indexes of large files that are kept between two runs, or remove them
    Cache(CacheArgs),
    /// Check an embedded store for damage
    Verify(VerifyArgs),
}
