//! How well a name matches a fuzzy pattern: the score of `fuzzy-matcher`'s `SkimMatcherV2`, to the point, several times
//! as fast for the names that stores have.
//!
//! That score is the best sum over all ways to find the characters of the pattern in the name, in order: points for
//! each character, more at the beginning of a word, fewer for a gap. `SkimMatcherV2` visits every character of the name
//! for every one of the pattern; here an ASCII name that is not too long is a set of places for each character of the
//! pattern, and only those places are visited. Any other name is given to `SkimMatcherV2` itself. What this is not: a
//! scoring of its own. The invariant: the score is that of a `SkimMatcherV2` that has scored nothing else, including
//! what it makes of long gaps.
//!
//! "Nothing else", because one that is asked about several names keeps numbers of those before, which change the score
//! of a name with one character several times in a row. The order of a list must not depend on which thread scored what.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::{SkimMatcherV2, SkimScoreConfig};

/// The longest name whose places fit the bits of a number.
const LONGEST_NAME: usize = 128;

/// The longest pattern that is scored here.
const LONGEST_PATTERN: usize = 32;

/// The matcher takes time and memory by the length of a name times that of the pattern; above this its score is a
/// simpler one.
const ELEMENT_LIMIT: usize = 65_536;

/// What an impossible alignment scores: less than every possible one of texts of these lengths.
const IMPOSSIBLE: i32 = i16::MIN as i32;

/// 1 in each byte.
const EVERY: u64 = 0x0101_0101_0101_0101;

/// One character of a pattern.
struct Letter {
    byte: u8,
    /// The character in each byte.
    everywhere: u64,
    /// The bit that tells capital letters from small ones, in each byte, where both match.
    either_case: u64,
}

impl Letter {
    fn new(byte: u8, capital: bool) -> Self {
        let either_case = if byte.is_ascii_alphabetic() && !capital { EVERY * 0x20 } else { 0 };
        Self { byte, everywhere: EVERY * u64::from(byte), either_case }
    }

    /// Where the character stands in up to 128 ASCII characters.
    fn places(&self, words: &[u64]) -> u128 {
        words.iter().enumerate().fold(0, |places, (at, &word)| {
            // A byte that differs carries into its highest bit: both sides are ASCII.
            let differs = ((word | self.either_case) ^ self.everywhere) + EVERY * 0x7f;
            let same = !differs & (EVERY * 0x80);
            // Gathers the highest bits of the bytes into one byte.
            places | u128::from((same >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (at * 8)
        })
    }
}

/// What an alignment gains and loses.
struct Weights {
    matched: i32,
    other_case: i32,
    gap_start: i32,
    gap: i32,
    consecutive: i32,
    first_times: i32,
    head: i32,
    after_soft: i32,
    camel: i32,
}

impl Default for Weights {
    fn default() -> Self {
        let config = SkimScoreConfig::default();
        Self {
            matched: config.score_match,
            other_case: (config.score_match + config.penalty_case_mismatch).max(0),
            gap_start: config.gap_start,
            gap: config.gap_extension,
            consecutive: config.bonus_consecutive,
            first_times: config.bonus_first_char_multiplier,
            head: config.bonus_head,
            after_soft: config.bonus_break,
            camel: config.bonus_camel,
        }
    }
}

impl Weights {
    /// What a place of a name is worth by itself.
    fn of_place(&self, name: &[u8], at: usize) -> i32 {
        let Some(before) = at.checked_sub(1) else { return self.head * self.first_times };
        match (kind(name[before]), kind(name[at])) {
            (Kind::Hard, _) => self.head,
            (Kind::Soft, _) => self.after_soft,
            (Kind::Lower | Kind::Number, Kind::Upper) => self.camel,
            _ => 0,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// What separates for sure, and the zero character.
    Hard,
    Soft,
    Lower,
    Upper,
    Number,
}

const KINDS: [Kind; 128] = {
    let mut kinds = [Kind::Lower; 128];
    let mut at = 0;
    while at < 128 {
        kinds[at] = match at as u8 {
            0 | b' ' | b'/' | b'\\' | b'|' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => Kind::Hard,
            b'!'..=b'.' | b':'..=b'@' | b'^'..=b'`' | b'~' => Kind::Soft,
            b'0'..=b'9' => Kind::Number,
            b'A'..=b'Z' => Kind::Upper,
            _ => Kind::Lower,
        };
        at += 1;
    }
    kinds
};

fn kind(byte: u8) -> Kind {
    KINDS[usize::from(byte & 127)]
}

/// A pattern, and the room to score names against it.
pub(super) struct Pattern<'a> {
    text: &'a str,
    /// Whether a capital letter in it makes it match its own case alone.
    capital: bool,
    weights: Weights,
    /// Empty where the pattern is not scored here.
    letters: Vec<Letter>,
    /// For each letter where it stands in the name, from its first place on.
    places: [u128; LONGEST_PATTERN],
    /// For each letter its first place, when each takes the first that is left.
    firsts: [usize; LONGEST_PATTERN],
    /// For a letter and the one before, by place: the best score of what ends with this letter at this place.
    scores: [[i32; LONGEST_NAME]; 2],
}

impl<'a> Pattern<'a> {
    /// Ready to score names. Lower case letters match both cases unless there is a capital one.
    pub(super) fn new(text: &'a str) -> Self {
        let capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
        let letters = match text.is_ascii() && text.len() <= LONGEST_PATTERN {
            true => text.bytes().map(|byte| Letter::new(byte, capital)).collect(),
            false => Vec::new(),
        };
        Self {
            text,
            capital,
            weights: Weights::default(),
            letters,
            places: [0; LONGEST_PATTERN],
            firsts: [0; LONGEST_PATTERN],
            scores: [[0; LONGEST_NAME]; 2],
        }
    }

    /// The score of a name; `None` where it does not match.
    pub(super) fn score(&mut self, name: &str) -> Option<i32> {
        if self.text.is_empty() {
            return Some(0);
        }
        let bytes = name.as_bytes();
        if self.letters.is_empty() || bytes.len() > LONGEST_NAME || !bytes.is_ascii() {
            return self.score_any(name);
        }
        self.find(bytes)?;
        Some(self.align(bytes))
    }

    /// The score of a name of any length and characters.
    fn score_any(&self, name: &str) -> Option<i32> {
        let mut rest = name.chars();
        let same = |a: char, b: char| if self.capital { a == b } else { a.eq_ignore_ascii_case(&b) };
        if !self.text.chars().all(|wanted| rest.any(|found| same(found, wanted))) {
            return None;
        }
        let matcher = SkimMatcherV2::default().smart_case().element_limit(ELEMENT_LIMIT);
        let score = matcher.fuzzy_match(name, self.text)?;
        // It counts in this type too.
        Some(score.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }

    /// Looks for the places of all letters.
    fn find(&mut self, name: &[u8]) -> Option<()> {
        let mut words = [0; LONGEST_NAME / 8];
        let (whole, rest) = name.as_chunks::<8>();
        for (word, chunk) in words.iter_mut().zip(whole) {
            *word = u64::from_le_bytes(*chunk);
        }
        if let Some(word) = words.get_mut(whole.len()) {
            *word = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let words = &words[..name.len().div_ceil(8)];
        let inside = u128::MAX.checked_shr(128 - name.len() as u32).unwrap_or(0);
        let mut left = inside;
        for (at, letter) in self.letters.iter().enumerate() {
            let places = letter.places(words) & left;
            if places == 0 {
                return None;
            }
            let first = places.trailing_zeros();
            self.places[at] = places;
            self.firsts[at] = first as usize;
            left = inside & !1 << first;
        }
        Some(())
    }

    /// The score of the best alignment.
    ///
    /// A gap costs the same for each character. So what a letter scored at a place, less the gap from there to any later
    /// place, is kept as `score + place`, the largest of which is the best for all later places: the `reach` of a letter.
    fn align(&mut self, name: &[u8]) -> i32 {
        let Self { weights, letters, places, firsts, scores, .. } = self;
        let [mut before, mut current] = scores.each_mut();
        let count = letters.len();
        // The matcher has two rows for its table, which letters take in turn, and what a letter finds in front of its
        // first place was left there by the letter two before. In names with long gaps that can win. These are the
        // reaches that the next two letters begin with.
        let mut handed = [IMPOSSIBLE, 2 * weights.gap + firsts[1] as i32];
        let (mut reach_before, mut places_before) = (IMPOSSIBLE, 0_u128);
        let mut best = IMPOSSIBLE;
        for at in 0..count {
            let start = handed[at % 2];
            let handed_at = if at + 2 < count { firsts[at + 2] } else { 0 };
            let (mut left, mut left_before, mut reach) = (places[at], places_before, reach_before);
            best = IMPOSSIBLE;
            while left != 0 {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                let worth = weights.of_place(name, place);
                let so_far = if at == 0 {
                    weights.gap + worth
                } else {
                    let neighbour = place - 1;
                    while (left_before.trailing_zeros() as usize) < neighbour {
                        let place = left_before.trailing_zeros() as usize;
                        left_before &= left_before - 1;
                        reach = reach.max(before[place] + place as i32 + weights.gap_start);
                    }
                    let after_gap = reach - neighbour as i32 + worth;
                    match left_before.trailing_zeros() as usize == neighbour {
                        true => after_gap.max(before[neighbour] + worth.max(weights.consecutive)),
                        false => after_gap,
                    }
                };
                let point = if name[place] == letters[at].byte { weights.matched } else { weights.other_case };
                let score = so_far + point;
                current[place] = score;
                best = best.max(score);
                if place < handed_at {
                    handed[at % 2] = handed[at % 2].max(score + place as i32 + weights.gap_start);
                }
            }
            // The matcher takes the best of the last row from one place too early on, where the row still holds what the
            // letter two before scored.
            if at + 1 == count && at >= 2 && places[at - 2] >> (firsts[at] - 1) & 1 == 1 {
                best = best.max(current[firsts[at] - 1]);
            }
            (reach_before, places_before) = (start, places[at]);
            std::mem::swap(&mut before, &mut current);
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The score of a matcher that has scored nothing else.
    fn alone(name: &str, pattern: &str) -> Option<i32> {
        let score = SkimMatcherV2::default().smart_case().fuzzy_match(name, pattern)?;
        Some(i32::try_from(score).expect("a score of 32 bits"))
    }

    fn same_score(name: &str, pattern: &str) {
        assert_eq!(Pattern::new(pattern).score(name), alone(name, pattern), "{pattern:?} in {name:?}");
    }

    #[test]
    fn the_score_is_that_of_the_matcher() {
        let names = ["", "o", "order-10", "reorder-10", "Order-10", "orderLine/10", "cart_0001", "\0o", "bestellung-é"];
        for name in names {
            for pattern in ["", "o", "or", "Or", "o1", "1", "00", "001", "-", "L1", "é", "order-10", "orders-10"] {
                same_score(name, pattern);
            }
        }
    }

    #[test]
    fn the_longest_names_and_patterns_score_the_same_on_either_side_of_the_limits() {
        for length in [7, 8, 9, 63, 64, 65, LONGEST_NAME - 1, LONGEST_NAME, LONGEST_NAME + 1] {
            let name = format!("a{}b", "-".repeat(length - 2));
            for pattern in ["a", "b", "ab", "a-b", "a---b", "-b", "ba"] {
                same_score(&name, pattern);
            }
            for count in [LONGEST_PATTERN - 1, LONGEST_PATTERN, LONGEST_PATTERN + 1] {
                same_score(&name, &"-".repeat(count));
                same_score(&name, &format!("a{}", "-".repeat(count - 1)));
            }
        }
    }

    #[test]
    fn what_long_gaps_leave_behind_counts() {
        for gap in 1..60 {
            let gap = "x".repeat(gap);
            // The first loses points for the gap before the second letter, the others for all before a second `a`.
            let names = ["{}a{}ba{}c", "ab{}ac", "ab{}-acxd", "cab{}-acxxd"];
            for name in names.map(|name| name.replace("{}", &gap)) {
                for pattern in ["abc", "aba", "abcd", "cabcd"] {
                    same_score(&name, pattern);
                }
            }
        }
    }

    #[test]
    fn a_score_does_not_depend_on_the_names_before() {
        let reused = SkimMatcherV2::default().smart_case();
        reused.fuzzy_match("-aaa", "aaa");
        assert_ne!(reused.fuzzy_match("aaa", "aaa").map(|score| score as i32), alone("aaa", "aaa"), "why we forget");
        for (first, name) in [("-aaa", "aaa"), ("é-aaa", "éaaa"), ("aé-aa", "aaéa")] {
            let mut pattern = Pattern::new("aaa");
            pattern.score(first);
            assert_eq!(pattern.score(name), alone(name, "aaa"));
        }
    }

    /// A name, and a pattern that is likely to match it.
    fn name_and_pattern() -> impl Strategy<Value = (String, String)> {
        let letters =
            prop_oneof!["[a-c]{0,12}", "[a-cA-C0-1_/ -]{0,20}", "[ -~]{0,40}", "(a|b|x{1,30}){0,12}", "[aBé中\0]{0,9}"];
        let name = proptest::collection::vec(letters, 1..5).prop_map(|parts| parts.concat());
        (name, proptest::collection::vec((0usize..1_000, any::<bool>()), 1..10), any::<bool>()).prop_map(
            |(name, picked, sorted)| {
                let chars: Vec<char> = name.chars().collect();
                let mut picked: Vec<_> =
                    picked.into_iter().map(|(at, lower)| (at % chars.len().max(1), lower)).collect();
                if sorted {
                    picked.sort_unstable();
                }
                let letter = |&(at, lower): &(usize, bool)| {
                    chars.get(at).map(|c| if lower { c.to_ascii_lowercase() } else { *c })
                };
                let pattern = picked.iter().filter_map(letter).collect();
                (name, pattern)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn every_score_is_that_of_the_matcher((name, pattern) in name_and_pattern()) {
            let mut ours = Pattern::new(&pattern);
            prop_assert_eq!(ours.score(&name), alone(&name, &pattern));
            prop_assert_eq!(ours.score(&name), alone(&name, &pattern), "nor does it depend on the room used again");
        }
    }
}
