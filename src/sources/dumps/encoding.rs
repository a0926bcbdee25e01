//! The encodings a dump's text may be in.

use std::borrow::Cow;

/// An encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Encoding {
    /// UTF-8, ASCII, or one that is not known: bytes stay as they are.
    AsIs,
    /// ISO 8859-1.
    Latin1,
    /// ISO 8859-15.
    Latin9,
    /// Windows-1252, which is also what MySQL calls `latin1`.
    Windows1252,
}

/// What Windows-1252 has at 0x80 to 0x9f; zero where it has nothing.
const WINDOWS: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0,
    0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];

impl Encoding {
    /// The encoding a dump calls by this name, and whether it is read right.
    pub fn named(name: &str, mysql: bool) -> (Self, bool) {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        match plain.as_str() {
            "utf8" | "utf8mb3" | "utf8mb4" | "unicode" | "ascii" | "usascii" | "default" => (Self::AsIs, true),
            "latin1" if mysql => (Self::Windows1252, true),
            "latin1" | "iso88591" => (Self::Latin1, true),
            "latin9" | "iso885915" => (Self::Latin9, true),
            "win1252" | "windows1252" | "cp1252" => (Self::Windows1252, true),
            _ => (Self::AsIs, false),
        }
    }

    /// How many bytes text of this encoding had before it was decoded to this.
    pub fn encoded_length(self, decoded: &[u8]) -> usize {
        match self {
            Self::AsIs => decoded.len(),
            // A byte each: those that go on with a character are not counted.
            _ => decoded.iter().filter(|&&byte| byte & 0xc0 != 0x80).count(),
        }
    }

    /// Text of this encoding as UTF-8.
    pub fn decode(self, text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
        if self == Self::AsIs || text.is_ascii() {
            return text;
        }
        let character = |byte: u8| {
            let code = match (self, byte) {
                (Self::Windows1252, 0x80..=0x9f) => match WINDOWS[usize::from(byte - 0x80)] {
                    0 => u16::from(byte),
                    code => code,
                },
                (Self::Latin9, 0xa4) => 0x20ac,
                (Self::Latin9, 0xa6) => 0x0160,
                (Self::Latin9, 0xa8) => 0x0161,
                (Self::Latin9, 0xb4) => 0x017d,
                (Self::Latin9, 0xb8) => 0x017e,
                (Self::Latin9, 0xbc) => 0x0152,
                (Self::Latin9, 0xbd) => 0x0153,
                (Self::Latin9, 0xbe) => 0x0178,
                _ => u16::from(byte),
            };
            char::from_u32(u32::from(code)).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        Cow::Owned(text.iter().map(|&byte| character(byte)).collect::<String>().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_characters() {
        let decode = |encoding: Encoding, bytes: &'static [u8]| {
            String::from_utf8(encoding.decode(Cow::Borrowed(bytes)).into_owned()).expect("UTF-8")
        };
        assert_eq!(decode(Encoding::Latin1, b"Zo\xeb \xa4"), "Zoë ¤");
        assert_eq!(decode(Encoding::Latin9, b"\xa4 \xbd"), "€ œ");
        assert_eq!(decode(Encoding::Windows1252, b"\x80 \x93x\x94 \xe9"), "€ “x” é");
        let text = "Zo\u{eb} \u{20ac} a".as_bytes();
        assert_eq!(Encoding::Windows1252.encoded_length(text), 7);
        assert_eq!(Encoding::AsIs.encoded_length(text), text.len());
        assert_eq!(Encoding::named("UTF8", false), (Encoding::AsIs, true));
        assert_eq!(Encoding::named("LATIN1", false), (Encoding::Latin1, true));
        assert_eq!(Encoding::named("latin1", true), (Encoding::Windows1252, true));
        assert_eq!(Encoding::named("SJIS", false), (Encoding::AsIs, false));
    }
}
