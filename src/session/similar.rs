//! Names like one that does not exist.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use crate::domain::Failure;
use crate::sources::Source;

/// Names looked at; more would make a typing error slow.
const LOOKED_AT: usize = 200_000;

/// Names told.
const TOLD: usize = 3;

/// The names of the streams most like `name`, best first: those that hold its letters in order, else those of the same
/// category.
///
/// # Errors
/// When the source cannot be read.
pub fn similar_streams(source: &dyn Source, name: &str) -> Result<Vec<String>, Failure> {
    let matcher = SkimMatcherV2::default();
    let category = name.split('-').next().unwrap_or(name);
    let mut scored: Vec<(i64, String)> = Vec::new();
    for stream in source.streams(0, LOOKED_AT)?.streams {
        let candidate = stream.stream.as_str();
        let score = matcher.fuzzy_match(candidate, name).or_else(|| matcher.fuzzy_match(name, candidate));
        if let Some(score) = score.or_else(|| (stream.stream.category() == category).then_some(0)) {
            scored.push((score, candidate.to_owned()));
        }
    }
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(scored.into_iter().take(TOLD).map(|(_, name)| name).collect())
}
