//! How many colours the terminal shows, and whether its ground is light: read off the environment, nothing is asked of
//! the terminal. A word of the user (`NO_COLOR`, `FORCE_COLOR`) comes before a guess.

/// How many colours may be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum ColorDepth {
    /// None: bold, reverse and underline only.
    None,
    /// The sixteen whose look the user chose.
    #[default]
    Sixteen,
    /// 256 of a fixed palette.
    Indexed,
    /// Any, 24 bits.
    True,
}

/// The ground the terminal draws on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Background {
    /// Dark, as most are.
    Dark,
    /// Light.
    Light,
}

/// Terminals that take 24 bit colours but may arrive without saying so, over ssh for one.
const TRUE_TERMS: [&str; 7] = ["alacritty", "xterm-kitty", "xterm-ghostty", "wezterm", "foot", "contour", "rio"];

/// How many colours, as the environment says. `get` reads a variable of it.
pub fn color_depth(get: impl Fn(&str) -> Option<String>) -> ColorDepth {
    // https://no-color.org: set and not empty.
    if get("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return ColorDepth::None;
    }
    match get("FORCE_COLOR").as_deref() {
        Some("0" | "false") => return ColorDepth::None,
        Some("1") => return ColorDepth::Sixteen,
        Some("2") => return ColorDepth::Indexed,
        Some("3") => return ColorDepth::True,
        _ => {}
    }
    if get("CLICOLOR").as_deref() == Some("0") && get("CLICOLOR_FORCE").is_none_or(|value| value == "0") {
        return ColorDepth::None;
    }
    if matches!(get("COLORTERM").as_deref(), Some("truecolor" | "24bit")) {
        return ColorDepth::True;
    }
    let term = get("TERM").unwrap_or_default();
    match get("TERM_PROGRAM").as_deref() {
        Some("iTerm.app" | "vscode" | "WezTerm" | "ghostty") if !term.starts_with("screen") => return ColorDepth::True,
        Some("Apple_Terminal") => return ColorDepth::Indexed,
        _ => {}
    }
    if term.ends_with("-direct") || TRUE_TERMS.iter().any(|known| term.starts_with(known)) {
        ColorDepth::True
    } else if term.contains("256color") {
        ColorDepth::Indexed
    } else if term.starts_with("vt") || term.ends_with("-m") || term.ends_with("-mono") {
        ColorDepth::None
    } else {
        ColorDepth::Sixteen
    }
}

/// Which ground, as the environment says: `COLORFGBG` is `foreground;background`, or `foreground;other;background`, in
/// numbers of the sixteen colours, or `default`.
pub fn background(get: impl Fn(&str) -> Option<String>) -> Option<Background> {
    let value = get("COLORFGBG")?;
    let ground: u8 = value.rsplit(';').next()?.parse().ok()?;
    match ground {
        7 | 9..=15 => Some(Background::Light),
        0..=6 | 8 => Some(Background::Dark),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(pairs: &[(&str, &str)]) -> ColorDepth {
        color_depth(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_says_how_many_colours() {
        for (pairs, expected) in [
            (&[("TERM", "xterm")][..], ColorDepth::Sixteen),
            (&[("TERM", "linux")], ColorDepth::Sixteen),
            (&[("TERM", "xterm-256color")], ColorDepth::Indexed),
            (&[("TERM", "tmux-256color"), ("COLORTERM", "truecolor")], ColorDepth::True),
            (&[("TERM", "xterm-kitty")], ColorDepth::True),
            (&[("TERM", "xterm-direct")], ColorDepth::True),
            (&[("TERM", "vt220")], ColorDepth::None),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")], ColorDepth::Indexed),
            (&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")], ColorDepth::None),
            (&[("COLORTERM", "truecolor"), ("NO_COLOR", "")], ColorDepth::True),
            (&[("COLORTERM", "truecolor"), ("FORCE_COLOR", "1")], ColorDepth::Sixteen),
            (&[("NO_COLOR", "1"), ("FORCE_COLOR", "3")], ColorDepth::None),
            (&[("TERM", "xterm"), ("FORCE_COLOR", "3")], ColorDepth::True),
            (&[("TERM", "xterm"), ("CLICOLOR", "0")], ColorDepth::None),
            (&[("TERM", "xterm"), ("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], ColorDepth::Sixteen),
            (&[], ColorDepth::Sixteen),
        ] {
            assert_eq!(depth(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_environment_may_know_the_ground() {
        for (value, expected) in [
            ("15;0", Some(Background::Dark)),
            ("0;15", Some(Background::Light)),
            ("0;default;15", Some(Background::Light)),
            ("0;7", Some(Background::Light)),
            ("12;8", Some(Background::Dark)),
            ("0;default", None),
            ("", None),
        ] {
            assert_eq!(background(|_| Some(value.to_owned())), expected, "{value}");
        }
        assert_eq!(background(|_| None), None);
    }
}
