//! A layout as it is written: which tables and columns an event store keeps, and what they mean.
//!
//! This is the TOML file and nothing more; `docs/layouts.md` explains it for whoever writes one. Unknown keys are errors,
//! with their lines.

mod columns;
mod events;
mod judgements;
mod tables;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use columns::{Class, ColumnRule, Ordering, Pattern, Sources, TimeUnit};
pub use events::{EnvelopeKind, Events, Qualifier, Retention};
pub use judgements::{Confirmation, Finding, KindRule, Likeness, NoteRule};
pub use tables::{Declared, Lookup, Membership, OtherTable, Snapshots};

use super::expression::{Expression, Origin};

/// A layout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Its name: `message-db`.
    pub name: String,
    /// What people call it: `Message DB`.
    pub title: String,
    /// Which stores write it, and what holds them.
    pub stores: String,
    /// The version of the first event of a stream.
    pub first_version: Option<u64>,
    /// What whoever opens such a store must know.
    #[serde(default)]
    pub caveats: Vec<String>,
    /// The table of events.
    pub events: Events,
    /// Further tables, by a name the layout uses for them.
    #[serde(default)]
    pub tables: BTreeMap<String, OtherTable>,
    /// Rows of other tables that belong to a row, by the name of the lookup.
    #[serde(default)]
    pub lookups: BTreeMap<String, Lookup>,
    /// Where it is said in which streams an event is, when that is a table.
    pub membership: Option<Membership>,
    /// What sample rows must be like.
    #[serde(default)]
    pub confirm: Vec<Confirmation>,
    /// What is noted of events.
    #[serde(default)]
    pub notes: Vec<NoteRule>,
    /// What streams are for, by their names; the first that fits.
    #[serde(default)]
    pub kinds: Vec<KindRule>,
    /// Where snapshots are.
    #[serde(default)]
    pub snapshots: Vec<Snapshots>,
    /// Where streams are declared.
    pub declared: Option<Declared>,
    /// What other tables are for, by patterns of their names.
    #[serde(default)]
    pub beside: BTreeMap<String, String>,
    /// What looks wrong and is normal, with the reason.
    #[serde(default)]
    pub normal: BTreeMap<Finding, String>,
}

impl Layout {
    /// Reads a layout.
    ///
    /// # Errors
    /// Where it is wrong, with line and column, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut layout: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        layout.check()?;
        layout.key_streams();
        Ok(layout)
    }

    /// Names of streams that are joined with `/` are made of parts, wherever they are written.
    fn key_streams(&mut self) {
        let keyed = |expression: &mut Expression| {
            let written = std::mem::replace(expression, Expression::column(""));
            *expression = written.keyed();
        };
        self.events.stream.0.iter_mut().for_each(keyed);
        self.membership.iter_mut().for_each(|membership| keyed(&mut membership.stream));
        self.snapshots.iter_mut().for_each(|snapshots| keyed(&mut snapshots.stream));
        self.declared.iter_mut().for_each(|declared| keyed(&mut declared.stream));
    }

    /// What no single key can tell.
    fn check(&self) -> Result<(), String> {
        let events = &self.events;
        if events.event_type.0.is_empty() {
            return Err("[events]: `type` is missing".into());
        }
        let ways = [!events.stream.0.is_empty(), self.membership.is_some(), events.tags.is_some(), events.identifiers];
        if ways.iter().all(|way| !way) {
            return Err("[events]: `stream` is missing, and no [membership], `tags` or `identifiers` tells it".into());
        }
        if events.data.0.is_empty() && !events.whole_row {
            return Err("[events]: `data` is missing; `whole_row = true` makes it the row".into());
        }
        if events.must.is_empty() {
            return Err("[events]: `must` names no column: any table would fit".into());
        }
        let named = [
            self.membership.as_ref().map(|membership| ("membership", &membership.table)),
            self.declared.as_ref().map(|declared| ("declared", &declared.table)),
        ];
        let lookups = self.lookups.values().map(|lookup| ("lookups", &lookup.table));
        let snapshots = self.snapshots.iter().map(|snapshots| ("snapshots", &snapshots.table));
        for (part, table) in named.into_iter().flatten().chain(lookups).chain(snapshots) {
            if table != "events" && !self.tables.contains_key(table) {
                return Err(format!("[{part}]: there is no [tables.{table}]"));
            }
        }
        for value in self.expressions().flat_map(Expression::values) {
            match &value.source {
                Origin::Lookup(lookup, _) if !self.lookups.contains_key(lookup) => {
                    return Err(format!("`{value}`: there is no [lookups.{lookup}]"));
                }
                Origin::Envelope(_) if events.envelope.is_none() => {
                    return Err(format!("`{value}`: the layout has no `envelope`"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Layout {
    /// What it is recognised by: `emt_messages(stream_id, stream_position, …)`.
    pub fn signature(&self) -> String {
        let table = |names: &[String], fallback: &str, must: &[ColumnRule]| {
            let columns: Vec<&str> = must.iter().map(|rule| rule.names[0].as_str()).collect();
            format!("{}({})", names.first().map_or(fallback, String::as_str), columns.join(", "))
        };
        let mut parts = vec![table(&self.events.names, "any table", &self.events.must)];
        let others = self.tables.values().filter(|other| !other.optional);
        parts.extend(others.map(|other| table(&other.names, "any table", &other.must)));
        parts.join(" + ")
    }

    /// Every expression in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let events = &self.events;
        let sources = [
            &events.stream,
            &events.event_type,
            &events.version,
            &events.position,
            &events.id,
            &events.time,
            &events.data,
            &events.metadata,
            &events.correlation,
            &events.causation,
        ];
        let order = match &events.order {
            Ordering::By(first, second) => vec![Some(first), second.as_ref()],
            _ => Vec::new(),
        };
        let membership = self.membership.iter().flat_map(|membership| {
            let home = membership.home.iter().flat_map(|home| [&home.value, &home.same_as]);
            let all = membership.all.iter().map(|all| &all.value);
            [&membership.event, &membership.stream]
                .into_iter()
                .chain(&membership.version.0)
                .chain(&membership.order)
                .chain(home)
                .chain(all)
        });
        let declared = self.declared.iter().flat_map(|declared| {
            let options = [&declared.version, &declared.archived, &declared.deleted];
            std::iter::once(&declared.stream).chain(options.into_iter().flatten())
        });
        sources
            .into_iter()
            .flat_map(|sources| &sources.0)
            .chain(order.into_iter().flatten())
            .chain(events.content.iter().flat_map(|content| &content.by.0))
            .chain(events.qualify.iter().map(|qualifier| &qualifier.value))
            .chain(
                events.retention.iter().flat_map(|retention| {
                    [&retention.max_count, &retention.last].into_iter().chain(&retention.max_age)
                }),
            )
            .chain(membership)
            .chain(self.confirm.iter().map(|confirmation| &confirmation.value))
            .chain(self.notes.iter().map(|note| &note.when))
            .chain(
                self.snapshots.iter().flat_map(|snapshots| [&snapshots.stream, &snapshots.version, &snapshots.state]),
            )
            .chain(declared)
    }
}
