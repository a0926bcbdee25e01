//! How long messages are kept: `max_age` of the stream, and `Nats-TTL` of a message where the stream allows it.
//!
//! A server takes expired messages out by a clock of its own, some time later, or when it starts; until then, and after it
//! was killed, they lie in the blocks. They are shown and noted. What counts is not the clock of whoever looks, but the
//! newest message: what had expired by then had expired for certain, and the same files always say the same.

use jiff::SignedDuration;

use super::folder::Stream;
use super::message::Headers;
use crate::domain::Json;

/// The header that says how long a message is kept.
const TTL: [&str; 1] = ["nats-ttl"];

/// How long the messages of a stream are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lifetime {
    /// In nanoseconds.
    age: Option<i64>,
    /// Whether a message may say it itself.
    each: bool,
}

/// When a message expires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiry {
    /// In nanoseconds since 1970.
    pub at: i64,
    /// Why, for a person.
    pub why: String,
}

/// What a message says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
    /// It does not expire, whatever its stream says.
    Always,
    /// So many seconds.
    For(i64),
}

fn said(text: &str) -> Option<Kept> {
    if text.eq_ignore_ascii_case("never") {
        return Some(Kept::Always);
    }
    let seconds = match text.parse::<SignedDuration>() {
        Ok(duration) => duration.as_secs(),
        Err(_) => text.parse().ok()?,
    };
    match seconds {
        ..0 => Some(Kept::Always).filter(|_| seconds == -1),
        0 => None,
        _ => Some(Kept::For(seconds)),
    }
}

/// A duration as people write it.
pub fn written(nanoseconds: i64) -> String {
    format!("{:#}", SignedDuration::from_nanos(nanoseconds))
}

impl Lifetime {
    /// What the configuration of a stream says.
    pub fn of(stream: &Stream) -> Self {
        let age = stream.limit("max_age").and_then(|age| i64::try_from(age).ok());
        let each = matches!(stream.config.get("allow_msg_ttl"), Some(Json::Bool(true)));
        Self { age, each }
    }

    /// When a message stored at this time expires; `None` when it does not.
    pub fn end(self, time: i64, headers: &Headers<'_>) -> Option<Expiry> {
        if self == Self::default() {
            return None;
        }
        let own = headers.first(&TTL).and_then(|text| Some((text, said(text)?)));
        if let Some((_, Kept::Always)) = own {
            return None;
        }
        let of_stream = self.age.map(|age| Expiry {
            at: time.saturating_add(age),
            why: format!("its stream keeps messages for {} (max_age)", written(age)),
        });
        let of_message = match own {
            Some((text, Kept::For(seconds))) if self.each => Some(Expiry {
                at: time.saturating_add(seconds.saturating_mul(1_000_000_000)),
                why: format!("it was to be kept for {text} (Nats-TTL)"),
            }),
            _ => None,
        };
        of_stream.into_iter().chain(of_message).min_by_key(|expiry| expiry.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(lifetime: Lifetime, ttl: &str) -> Option<i64> {
        let bytes = format!("NATS/1.0\r\nNats-TTL: {ttl}\r\n\r\n");
        lifetime.end(1_000_000_000, &Headers::read(bytes.as_bytes())).map(|expiry| expiry.at / 1_000_000_000)
    }

    #[test]
    fn whichever_ends_first_counts() {
        let (age, each) = (Some(60_000_000_000), true);
        let both = Lifetime { age, each };
        for (ttl, at) in [("30", 31), ("30s", 31), ("1h", 61), ("", 61), ("nonsense", 61), ("0", 61), ("1.5s", 2)] {
            assert_eq!(end(both, ttl), Some(at), "{ttl}");
        }
        assert_eq!(end(both, "never"), None);
        assert_eq!(end(both, "-1"), None);
        assert_eq!(end(Lifetime { age, each: false }, "30"), Some(61), "nobody looks at it");
        assert_eq!(end(Lifetime { age, each: false }, "Never"), None, "but what never expires does not");
        assert_eq!(end(Lifetime { age: None, each }, "1h30m"), Some(5401));
        assert_eq!(end(Lifetime { age: None, each }, "9223372036854775807"), Some(i64::MAX / 1_000_000_000));
        assert_eq!(end(Lifetime::default(), "30"), None);
    }

    #[test]
    fn the_reason_is_that_of_the_first() {
        let lifetime = Lifetime { age: Some(5_400_000_000_000), each: true };
        let headers = b"NATS/1.0\r\nNats-TTL: 20s\r\n\r\n";
        let why = |headers: &[u8]| lifetime.end(0, &Headers::read(headers)).unwrap().why;
        assert_eq!(why(headers), "it was to be kept for 20s (Nats-TTL)");
        assert_eq!(why(b""), "its stream keeps messages for 1h 30m (max_age)");
    }
}
