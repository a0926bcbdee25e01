//! Columns of known stores by their order, for files that do not name them: `\copy` writes no names unless asked to.
//!
//! A number of columns proves nothing, so every value of the sample must be what its column holds.

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holds {
    Whole,
    Time,
    Uuid,
    Json,
    Text,
    /// JSON or NULL.
    MayBeJson,
}

/// A table: which store's, and its columns in the order it was created with.
type Known = (&'static str, &'static [(&'static str, Holds)]);

const KNOWN: &[Known] = {
    use Holds::{Json, MayBeJson, Text, Time, Uuid, Whole};
    &[
        (
            "Message DB's `messages`",
            &[
                ("global_position", Whole),
                ("position", Whole),
                ("time", Time),
                ("stream_name", Text),
                ("type", Text),
                ("data", MayBeJson),
                ("metadata", MayBeJson),
                ("id", Uuid),
            ],
        ),
        (
            "cqrs-es' `events`",
            &[
                ("aggregate_type", Text),
                ("aggregate_id", Text),
                ("sequence", Whole),
                ("event_type", Text),
                ("event_version", Text),
                ("payload", Json),
                ("metadata", Json),
            ],
        ),
    ]
};

/// The store and the names of its columns, if the rows are those of a known one.
pub fn columns(count: usize, sample: &[Vec<Option<Vec<u8>>>]) -> Option<(&'static str, Vec<String>)> {
    let fits = |known: &&Known| {
        known.1.len() == count
            && sample.iter().filter(|row| row.len() == count).count() > 0
            && sample
                .iter()
                .filter(|row| row.len() == count)
                .all(|row| row.iter().zip(known.1).all(|(value, (_, holds))| holds.fits(value.as_deref())))
    };
    let (store, columns) = KNOWN.iter().find(fits)?;
    Some((store, columns.iter().map(|(name, _)| (*name).to_owned()).collect()))
}

impl Holds {
    fn fits(self, value: Option<&[u8]>) -> bool {
        let Some(value) = value else { return self == Self::MayBeJson };
        let Ok(text) = std::str::from_utf8(value) else { return false };
        match self {
            Self::Whole => text.parse::<u64>().is_ok(),
            Self::Time => crate::domain::time::parse(text).is_some(),
            Self::Uuid => uuid::Uuid::try_parse(text).is_ok(),
            Self::Json | Self::MayBeJson => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            Self::Text => !text.is_empty() && !text.starts_with('{'),
        }
    }
}
