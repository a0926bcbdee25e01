//! `stepback layouts`: the layouts of event stores in tables.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::output::{self, Ended, Table};
use crate::config::Folders;
use crate::session::{Catalogue, LayoutEntry};
use crate::wire::push_text;

/// List the layouts of event stores in tables, or print one.
#[derive(Args, Debug)]
pub struct LayoutsArgs {
    /// Print the file of this one, to start your own from
    name: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &LayoutsArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let folder = Folders::of_user().configuration.map(|folder| folder.join("layouts"));
    let catalogue = Catalogue::read(folder.as_deref());
    catalogue.problems.iter().for_each(|problem| output::say(problem));
    if let Some(name) = &args.name {
        let entry = catalogue.named(name)?;
        match args.json {
            true => out.write_all(json(&entry).as_bytes())?,
            false => out.write_all(entry.text.as_bytes())?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["NAME", "TITLE", "STORES", "RECOGNISED BY"]);
    for entry in &catalogue.entries {
        if args.json {
            out.write_all(json(entry).as_bytes())?;
            continue;
        }
        let layout = &entry.layout;
        let stores = match &entry.file {
            Some(file) => format!("{} ({file})", layout.stores),
            None => layout.stores.clone(),
        };
        table.row(out, vec![layout.name.clone(), layout.title.clone(), stores, layout.signature()])?;
    }
    table.write(out)?;
    Ok(ExitCode::SUCCESS)
}

fn json(entry: &LayoutEntry) -> String {
    let layout = &entry.layout;
    let mut line = String::from("{");
    let signature = layout.signature();
    let parts = [
        ("name", Some(layout.name.as_str())),
        ("title", Some(&layout.title)),
        ("stores", Some(&layout.stores)),
        ("signature", Some(&signature)),
        ("file", entry.file.as_deref()),
    ];
    for (n, (key, value)) in parts.into_iter().enumerate() {
        if n > 0 {
            line.push(',');
        }
        push_text(&mut line, key);
        line.push(':');
        match value {
            Some(value) => push_text(&mut line, value),
            None => line.push_str("null"),
        }
    }
    line.push_str("}\n");
    line
}
