//! How the values of a field must behave to be what its name says.

use super::super::names;
use super::super::sample::{Field, Growth};
use crate::sources::files::value;

/// Whether a number counts through the whole store, and not within streams: streams that begin alike have versions in
/// common, and places in a store nobody has twice.
pub fn is_of_the_store(field: &Field, growth: &Growth) -> bool {
    if names::is_of_a_stream(&field.path) || growth.starts < 2 {
        return false;
    }
    let all = field.growth(|_| Some(0));
    let ordered = all.grow + all.repeated == all.pairs || all.grow == 0;
    let enough = if ordered { growth.pairs > 0 || growth.starts > 2 } else { growth.starts > 3 && all.pairs >= 12 };
    // One or two that stand twice are the store's own fault. Versions of streams that begin alike repeat far more often.
    let once = all.repeated == 0 || all.repeated * 20 <= all.pairs && all.repeated * 4 < growth.starts;
    once && enough
}

/// Whether a number repeats too often within streams to be a version: that of a schema does. One or a few that stand twice
/// are the store's own fault, and told as such.
pub fn repeats(field: &Field, growth: &Growth) -> bool {
    let fresh = growth.pairs - growth.repeated.min(growth.pairs);
    let enough = if names::is_of_a_stream(&field.path) { fresh * 5 >= growth.pairs } else { fresh * 3 >= growth.pairs };
    // A long count from the beginning is one, however many tenants have it.
    let counts = fresh >= 4 * growth.starts && growth.from_zero_or_one == growth.starts;
    growth.repeated > 0 && !enough && !counts
}

/// Text that is a date and time.
pub fn is_dated(value: &[u8]) -> bool {
    value[0] == b'"'
        && value.len() >= 12
        && value[1..5].iter().all(u8::is_ascii_digit)
        && value::instant(value).is_some()
}

/// A number that is a recording time between 1990 and 2100.
pub fn is_epoch(value: &[u8]) -> bool {
    let plausible = 631_152_000..4_102_444_800;
    value::instant(value).is_some_and(|time| plausible.contains(&time.as_second()))
}

pub fn is_uuid(value: &[u8]) -> bool {
    value::string(value).is_some_and(|text| uuid::Uuid::try_parse(&text).is_ok())
}
