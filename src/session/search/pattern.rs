//! What is looked for, as it is typed.

use crate::condition::Problem;
use crate::domain::Pattern;

/// What a compiled expression may take in memory, in bytes.
const MOST: usize = 10 << 20;

/// Whether capital letters are others than small ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Case {
    /// Only when a capital letter was typed.
    #[default]
    Smart,
    /// They are the same.
    Ignored,
    /// They are others.
    Exact,
}

/// What to look for: the text itself, or the regular expression it is.
///
/// # Errors
/// When it is no regular expression, or nothing at all.
pub fn pattern(written: &str, is_expression: bool, case: Case) -> Result<Pattern, Problem> {
    let problem = |why: String| Problem { column: 0, why };
    if written.is_empty() {
        return Err(problem("there is nothing to look for".into()));
    }
    let any_case = match case {
        Case::Ignored => true,
        Case::Exact => false,
        Case::Smart if is_expression => !literal_letters(written).any(char::is_uppercase),
        Case::Smart => !written.chars().any(char::is_uppercase),
    };
    let cased = |c: char| c.is_lowercase() || c.is_uppercase();
    if !is_expression && (!any_case || !written.chars().any(cased)) {
        return Ok(Pattern::Text(written.into()));
    }
    let expression = if is_expression { written.to_owned() } else { regex::escape(written) };
    let built = regex::bytes::RegexBuilder::new(&expression).case_insensitive(any_case).size_limit(MOST).build();
    built.map(Pattern::Expression).map_err(|error| problem(crate::condition::first_line(&error)))
}

/// The letters of an expression that stand for themselves: not those behind a backslash (`\S`, `\W`).
fn literal_letters(expression: &str) -> impl Iterator<Item = char> + '_ {
    let mut escaped = false;
    expression.chars().filter(move |c| {
        let literal = !escaped && *c != '\\';
        escaped = *c == '\\' && !escaped;
        literal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(written: &str, is_expression: bool, case: Case, text: &str) -> bool {
        match pattern(written, is_expression, case).expect("a pattern") {
            Pattern::Text(wanted) => text.contains(&*wanted),
            Pattern::Expression(expression) => expression.is_match(text.as_bytes()),
        }
    }

    #[test]
    fn small_letters_match_both_cases_and_capitals_only_themselves() {
        for (written, is_expression, case, text, found) in [
            ("paid", false, Case::Smart, "OrderPAID", true),
            ("Paid", false, Case::Smart, "orderpaid", false),
            ("zoë", false, Case::Smart, "ZOË", true),
            ("a.c", false, Case::Smart, "abc", false),
            ("a.c", true, Case::Smart, "ABC", true),
            (r"\Sid", true, Case::Smart, "PAID", true),
            ("A.c", true, Case::Smart, "abc", false),
            ("Paid", false, Case::Ignored, "orderpaid", true),
            ("paid", false, Case::Exact, "PAID", false),
            ("12.50", false, Case::Smart, "12.50", true),
        ] {
            assert_eq!(finds(written, is_expression, case, text), found, "{written} in {text}");
        }
        assert!(matches!(pattern("12.50", false, Case::Smart), Ok(Pattern::Text(_))), "no letters, no cases");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (written, is_expression) in [("", false), ("(", true), ("a{100000}{100000}", true)] {
            let problem = pattern(written, is_expression, Case::Smart).expect_err(written);
            assert!(!problem.why.is_empty() && !problem.why.contains('\n'), "{problem}");
        }
    }
}
