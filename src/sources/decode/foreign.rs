//! Encodings that are known by their names and not decoded: Java serialisation, Erlang terms, Smile, Avro behind a schema
//! registry, XML.

use super::Found;

/// How many bytes stand before a payload in Confluent's wire format: a zero and the number of a schema.
pub const CONFLUENT: usize = 5;
/// Numbers of schemas are given out one by one: larger ones are something else.
const SCHEMAS: u32 = 1 << 20;

/// What Java's `ObjectOutputStream` writes (its magic and version).
pub fn java(bytes: &[u8]) -> Option<Found> {
    bytes.starts_with(&[0xac, 0xed, 0x00, 0x05]).then(|| Found::Named("Java serialisation".into()))
}

/// Jackson's binary JSON.
pub fn smile(bytes: &[u8]) -> Option<Found> {
    bytes.starts_with(b":)\n").then(|| Found::Named("Smile".into()))
}

/// The number of the schema in Confluent's wire format, where that is plausible.
pub fn confluent(bytes: &[u8]) -> Option<u32> {
    let [0, a, b, c, d, _, ..] = *bytes else { return None };
    let id = u32::from_be_bytes([a, b, c, d]);
    (1..SCHEMAS).contains(&id).then_some(id)
}

/// Whether text begins and ends as XML does.
pub fn is_xml(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut start = text.chars().skip(1);
    text.starts_with('<')
        && text.ends_with('>')
        && start.next().is_some_and(|next| next.is_alphabetic() || matches!(next, '?' | '!' | '_'))
}

/// A term in Erlang's external term format, from its first byte to its last.
pub fn erlang(bytes: &[u8]) -> Option<Found> {
    let (131, rest) = bytes.split_first()? else { return None };
    // A packed term: its size, and a zlib stream.
    if let [80, _, _, _, _, 0x78, ..] = rest {
        return Some(Found::Named("Erlang term".into()));
    }
    term_ends(rest).then(|| Found::Named("Erlang term".into()))
}

/// Whether exactly one term lies here. Walks without recursion: what is still expected is a number of terms.
fn term_ends(mut rest: &[u8]) -> bool {
    let mut expected = 1u64;
    while expected > 0 {
        expected -= 1;
        let Some((&tag, after)) = rest.split_first() else { return false };
        let long = |at: usize| after.get(at..at + 4).map(|n| u64::from(u32::from_be_bytes([n[0], n[1], n[2], n[3]])));
        let short = |at: usize| after.get(at..at + 2).map(|n| u64::from(u16::from_be_bytes([n[0], n[1]])));
        let byte = |at: usize| after.get(at).map(|&n| u64::from(n));
        // (bytes of this term, terms in it)
        let shape = match tag {
            97 => Some((1, 0)),                              // small integer
            98 => Some((4, 0)),                              // integer
            70 => Some((8, 0)),                              // float
            99 => Some((31, 0)),                             // float as text
            100 => short(0).map(|length| (2 + length, 0)),   // atom, latin-1
            115 => byte(0).map(|length| (1 + length, 0)),    // small atom, latin-1
            118 => short(0).map(|length| (2 + length, 0)),   // atom, UTF-8
            119 => byte(0).map(|length| (1 + length, 0)),    // small atom, UTF-8
            104 => byte(0).map(|arity| (1, arity)),          // small tuple
            105 => long(0).map(|arity| (4, arity)),          // tuple
            106 => Some((0, 0)),                             // empty list
            107 => short(0).map(|length| (2 + length, 0)),   // list of bytes
            108 => long(0).map(|length| (4, length + 1)),    // list and its tail
            109 => long(0).map(|length| (4 + length, 0)),    // binary
            77 => long(0).map(|length| (5 + length, 0)),     // binary of bits
            110 => byte(0).map(|length| (2 + length, 0)),    // integer of any size
            111 => long(0).map(|length| (5 + length, 0)),    // the same, larger
            116 => long(0).map(|arity| (4, 2 * arity)),      // map
            88 => Some((12, 1)),                             // process
            103 => Some((9, 1)),                             // process, older
            90 => short(0).map(|count| (6 + 4 * count, 1)),  // reference
            114 => short(0).map(|count| (3 + 4 * count, 1)), // reference, older
            113 => Some((0, 3)),                             // function by its name
            _ => None,
        };
        let Some((bytes, terms)) = shape else { return false };
        let Some(after) = usize::try_from(bytes).ok().and_then(|bytes| after.get(bytes..)) else { return false };
        rest = after;
        // Each of them takes a byte at least.
        expected = expected.saturating_add(terms);
        if expected > rest.len() as u64 {
            return false;
        }
    }
    rest.is_empty()
}
