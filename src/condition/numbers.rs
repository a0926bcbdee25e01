//! Numbers in a condition: whole numbers exactly, whatever their size; fractions as the nearest double.
//!
//! The language has three kinds of numbers, and JSON has one. So that `9007199254740993` is never taken for its
//! neighbour, a whole number becomes an `int`, a `uint`, or, beyond both, a [`Whole`], which can be compared and nothing
//! else; and comparing a whole number with a double compares what they are, not what they round to.

use std::any::Any;
use std::cmp::Ordering;

use cel::ExecutionError;
use cel::common::traits::Comparer;
use cel::common::types::{CelDouble, CelInt, CelUInt, Type};
use cel::common::value::{CowVal, StaticVal, Val};

/// Whole numbers of more digits are not compared.
const DIGITS: usize = 400;

/// Beyond this a double no longer tells whole neighbours apart.
const EXACT: u128 = 1 << 53;

static WHOLE: Type = Type::new_unspecified_type("whole number");

/// A whole number that fits neither `int` nor `uint`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whole {
    negative: bool,
    /// Without leading zeros.
    digits: String,
}

impl Whole {
    /// Reads a JSON number that is whole, however it is written, and that a double could not tell from its neighbours;
    /// `None` for every other one.
    pub fn read(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.trim_start_matches('+').parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = format!("{whole}{fraction}");
        let shift = i64::from(exponent) - fraction.len() as i64;
        if shift >= 0 {
            let zeros = usize::try_from(shift).ok().filter(|zeros| zeros + digits.len() <= DIGITS)?;
            digits.extend(std::iter::repeat_n('0', zeros));
        } else {
            let kept = digits.len().checked_sub(usize::try_from(-shift).ok()?)?;
            if digits[kept..].bytes().any(|digit| digit != b'0') {
                return None;
            }
            digits.truncate(kept);
        }
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.len() > DIGITS || text.contains(['.', 'e', 'E']) && digits.len() < 16 {
            return None;
        }
        Some(Self { negative: negative && !digits.is_empty(), digits })
    }

    /// As the narrowest kind of number that holds it.
    pub fn into_value(self) -> Box<dyn Val> {
        let magnitude = if self.digits.is_empty() { Some(0) } else { self.digits.parse::<u64>().ok() };
        match (magnitude, self.negative) {
            (Some(magnitude), false) => match i64::try_from(magnitude) {
                Ok(value) => Box::new(CelInt::from(value)),
                Err(_) => Box::new(CelUInt::from(magnitude)),
            },
            (Some(magnitude), true) if magnitude <= 1 << 63 => {
                Box::new(CelInt::from(0_i64.wrapping_sub_unsigned(magnitude)))
            }
            _ => Box::new(self),
        }
    }
}

impl Val for Whole {
    fn get_type(&self) -> &Type {
        &WHOLE
    }

    fn cel_type() -> &'static Type {
        &WHOLE
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.compare(other) == Ok(Ordering::Equal)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Whole {}

impl Comparer for Whole {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let incomparable = || ExecutionError::function_error("compare", "these cannot be compared");
        let other = Num::of(other).ok_or_else(incomparable)?;
        Num::Whole(self).compare(other).ok_or_else(incomparable)
    }
}

/// A number of any kind.
#[derive(Clone, Copy, Debug)]
pub enum Num<'a> {
    /// `int` and `uint`.
    Exact(i128, Kind),
    /// `double`.
    Double(f64),
    /// One that fits neither.
    Whole(&'a Whole),
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `int`
    Int,
    /// `uint`
    UInt,
}

impl<'a> Num<'a> {
    /// The number a value is, if it is one.
    pub fn of<'v>(value: &'a (dyn Val + 'v)) -> Option<Self> {
        if let Some(int) = value.downcast_ref::<CelInt>() {
            return Some(Self::Exact(i128::from(*int.inner()), Kind::Int));
        }
        if let Some(double) = value.downcast_ref::<CelDouble>() {
            return Some(Self::Double(*double.inner()));
        }
        if let Some(uint) = value.downcast_ref::<CelUInt>() {
            return Some(Self::Exact(i128::from(*uint.inner()), Kind::UInt));
        }
        value.downcast_ref::<Whole>().map(Self::Whole)
    }

    /// How two numbers stand to each other; `None` when one of them is none (`NaN`).
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let sign = |whole: &Whole| if whole.negative { Ordering::Less } else { Ordering::Greater };
        match (self, other) {
            (Self::Exact(a, _), Self::Exact(b, _)) => Some(a.cmp(&b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(&b),
            (Self::Exact(a, _), Self::Double(b)) => exact_to_double(a, b),
            (Self::Whole(a), Self::Exact(..)) => Some(sign(a)),
            (Self::Whole(a), Self::Double(b)) => whole_to_double(a, b),
            (Self::Whole(a), Self::Whole(b)) => Some(match (a.negative, b.negative) {
                (false, false) => magnitudes(&a.digits, &b.digits),
                (true, true) => magnitudes(&b.digits, &a.digits),
                (negative, _) => {
                    if negative {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
            }),
            (a, b) => b.compare(a).map(Ordering::reverse),
        }
    }

    /// As JSON writes it; `None` of what JSON has no number for.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Exact(number, _) => Some(number.to_string()),
            Self::Double(number) if number.is_finite() => serde_json::to_string(&number).ok(),
            Self::Double(_) => None,
            Self::Whole(Whole { negative, digits }) => Some(format!("{}{digits}", if *negative { "-" } else { "" })),
        }
    }

    /// As a double, if that is exact.
    fn double(self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(value),
            Self::Exact(value, _) if value.unsigned_abs() <= EXACT => Some(value as f64),
            Self::Exact(..) | Self::Whole(_) => None,
        }
    }
}

fn exact_to_double(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    // Saturates far beyond what a is.
    let whole = b.trunc() as i128;
    Some(a.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(b.fract() + 0.0))))
}

fn whole_to_double(a: &Whole, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    let sign = if a.negative { Ordering::Less } else { Ordering::Greater };
    if b.is_infinite() {
        return Some(if b > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    if (b < 0.0) != a.negative {
        return Some(sign);
    }
    // A double of this size is whole, and written out it is exact.
    let by = magnitudes(&a.digits, &format!("{:.0}", b.abs().trunc()));
    Some(if a.negative { by.reverse() } else { by })
}

fn magnitudes(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Calculates. A whole number and a double may meet where nothing is rounded by it.
pub fn calculate<'b, 'v>(sign: char, a: Num<'_>, b: Num<'_>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let fail = |why: &str| Err(ExecutionError::function_error("calculate", format!("`{sign}`: {why}")));
    if let (Num::Exact(x, of_x), Num::Exact(y, of_y)) = (a, b) {
        if y == 0 && matches!(sign, '/' | '%') {
            return fail("a division by zero");
        }
        let result = match sign {
            '+' => x.checked_add(y),
            '-' => x.checked_sub(y),
            '*' => x.checked_mul(y),
            '/' => x.checked_div(y),
            _ => x.checked_rem(y),
        };
        let unsigned = of_x == Kind::UInt && of_y == Kind::UInt;
        return match result {
            Some(value) if !unsigned && i64::try_from(value).is_ok() => Ok(CowVal::owned(CelInt::from(value as i64))),
            Some(value) if u64::try_from(value).is_ok() => Ok(CowVal::owned(CelUInt::from(value as u64))),
            _ => fail("the result is too large to be exact"),
        };
    }
    let (Some(x), Some(y)) = (a.double(), b.double()) else {
        return fail("the numbers are too large to be calculated with exactly");
    };
    let result = match sign {
        '+' => x + y,
        '-' => x - y,
        '*' => x * y,
        '/' => x / y,
        _ => return fail("a remainder is of whole numbers"),
    };
    Ok(CowVal::owned(CelDouble::from(result)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let read = |text: &str| Whole::read(text).map(|whole| (whole.negative, whole.digits));
        assert_eq!(read("18446744073709551616"), Some((false, "18446744073709551616".into())));
        assert_eq!(read("-36893488147419103233"), Some((true, "36893488147419103233".into())));
        assert_eq!(read("9007199254740993.0"), Some((false, "9007199254740993".into())));
        assert_eq!(read("9.007199254740993e15"), Some((false, "9007199254740993".into())));
        assert_eq!(read("1e30"), Some((false, format!("1{}", "0".repeat(30)))));
        assert_eq!(read("-0"), Some((false, String::new())));
        for text in ["0.5", "1.0", "1e3", "9007199254740993.5", "1e999999999", "1e-999999999", "1e9999999999", "1e400"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_different_kinds_are_compared_by_what_they_are() {
        let (big, minus) = (Whole::read("36893488147419103233"), Whole::read("-36893488147419103233"));
        let (big, minus) = (big.expect("whole"), minus.expect("whole"));
        let int = |value: i128| Num::Exact(value, Kind::Int);
        let ordered = [
            Num::Double(f64::NEG_INFINITY),
            Num::Double(-1e300),
            Num::Whole(&minus),
            Num::Double(-36893488147419103232.0),
            int(i128::from(i64::MIN)),
            Num::Double(-1.5),
            int(-1),
            Num::Double(-0.5),
            int(0),
            Num::Double(0.5),
            int(9_007_199_254_740_991),
            Num::Double(9007199254740992.0),
            int(9_007_199_254_740_993),
            Num::Exact(i128::from(u64::MAX), Kind::UInt),
            Num::Double(18446744073709551616.0),
            Num::Double(36893488147419103232.0),
            Num::Whole(&big),
            Num::Double(f64::INFINITY),
        ];
        for (n, a) in ordered.iter().enumerate() {
            for (m, b) in ordered.iter().enumerate() {
                assert_eq!(a.compare(*b), Some(n.cmp(&m)), "{a:?} {b:?}");
            }
            assert_eq!(a.compare(Num::Double(f64::NAN)), None);
        }
        assert_eq!(int(0).compare(Num::Double(-0.0)), Some(Ordering::Equal));
    }
}
