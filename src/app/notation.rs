//! How keys are written: in the keymap, in hints, in the documentation, and in tests.
//!
//! A sequence of characters is a sequence of keys (`yy`, `zR`); anything else has a name (`Space`, `PgDn`, `F10`) and may
//! have modifiers before it (`Ctrl+D`). A letter after `Ctrl+` is written in upper case and means the plain key.

use super::key::{Key, KeyCode, Modifiers};

const NAMES: [(&str, KeyCode); 16] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Shift+Tab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Plus", KeyCode::Char('+')),
];

/// Reads a sequence of keys. `None` when it is empty or a name in it is unknown.
pub fn parse(text: &str) -> Option<Vec<Key>> {
    if let Some(key) = parse_key(text) {
        return Some(vec![key]);
    }
    let plain = !text.is_empty() && !text.contains('+') && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    // Three keys are the longest chord: anything longer is a misspelt name.
    (plain && text.chars().count() <= 3).then(|| text.chars().map(|c| plain_key(KeyCode::Char(c))).collect())
}

/// Reads one key: a character, a name in any case, or either after modifiers.
pub fn parse_key(text: &str) -> Option<Key> {
    if let Some((_, code)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(plain_key(*code));
    }
    let mut modifiers = Modifiers::default();
    let mut rest = text;
    while let Some((modifier, after)) = rest.split_once('+').filter(|(_, after)| !after.is_empty()) {
        match modifier.to_ascii_lowercase().as_str() {
            "ctrl" => modifiers.control = true,
            "alt" => modifiers.alt = true,
            "shift" => modifiers.shift = true,
            _ => return None,
        }
        rest = after;
    }
    let mut characters = rest.chars();
    let code = match (characters.next()?, characters.next()) {
        (c, None) if modifiers.control => KeyCode::Char(c.to_ascii_lowercase()),
        (c, None) => KeyCode::Char(c),
        ('F' | 'f', Some(_)) if rest[1..].parse::<u8>().is_ok() => KeyCode::F(rest[1..].parse().ok()?),
        _ => NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest))?.1,
    };
    Some(Key { code, modifiers })
}

/// Writes a sequence of keys.
pub fn write(keys: &[Key]) -> String {
    keys.iter().map(|key| write_key(*key)).collect()
}

/// Writes one key.
pub fn write_key(key: Key) -> String {
    let mut text = String::new();
    if key.modifiers.control {
        text.push_str("Ctrl+");
    }
    if key.modifiers.alt {
        text.push_str("Alt+");
    }
    if key.modifiers.shift {
        text.push_str("Shift+");
    }
    match key.code {
        KeyCode::Char(' ') => text.push_str("Space"),
        KeyCode::Char(c) if key.modifiers.control => text.extend(c.to_uppercase()),
        KeyCode::Char(c) => text.push(c),
        KeyCode::F(n) => text.push_str(&format!("F{n}")),
        code => text.push_str(NAMES.iter().find(|(_, named)| *named == code).map_or("?", |(name, _)| name)),
    }
    text
}

/// The key without modifiers.
pub fn plain_key(code: KeyCode) -> Key {
    Key { code, modifiers: Modifiers::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["j", "yy", "zR", "Ctrl+D", "Ctrl+C", "Space", "F10", "Shift+Tab", "PgUp", "?", "]d", "\\", "Alt+x"]
        {
            let keys = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(write(&keys), text);
        }
        assert_eq!(parse("esc"), parse("Esc"));
        assert_eq!(parse("+").map(|keys| keys[0].code), Some(KeyCode::Char('+')));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "Hyper+x", "Entre", "Ctrl+Wrong", "a b", "F999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
