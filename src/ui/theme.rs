//! Themes: which style a role has. Code names roles, never colours; themes are TOML.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// What something on the screen is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation; ROLES writes them as themes do")]
pub enum Role {
    Text,
    Muted,
    Border,
    BorderFocused,
    Title,
    TitleFocused,
    Header,
    Badge,
    Caution,
    Selected,
    SelectedElsewhere,
    Pending,
    Version,
    Time,
    Type,
    Stream,
    Key,
    String,
    Number,
    Literal,
    Added,
    Changed,
    Removed,
    Before,
    Fault,
    Info,
    Warning,
    HintKey,
    Hint,
    Prompt,
    Match,
    Track,
    Seen,
    Cursor,
    Pin,
    Pace,
}

/// Every role with its name in a theme.
pub const ROLES: [(Role, &str); 36] = [
    (Role::Text, "text"),
    (Role::Muted, "muted"),
    (Role::Border, "border"),
    (Role::BorderFocused, "border-focused"),
    (Role::Title, "title"),
    (Role::TitleFocused, "title-focused"),
    (Role::Header, "header"),
    (Role::Badge, "badge"),
    (Role::Caution, "caution"),
    (Role::Selected, "selected"),
    (Role::SelectedElsewhere, "selected-elsewhere"),
    (Role::Pending, "pending"),
    (Role::Version, "version"),
    (Role::Time, "time"),
    (Role::Type, "type"),
    (Role::Stream, "stream"),
    (Role::Key, "key"),
    (Role::String, "string"),
    (Role::Number, "number"),
    (Role::Literal, "literal"),
    (Role::Added, "added"),
    (Role::Changed, "changed"),
    (Role::Removed, "removed"),
    (Role::Before, "before"),
    (Role::Fault, "fault"),
    (Role::Info, "info"),
    (Role::Warning, "warning"),
    (Role::HintKey, "hint-key"),
    (Role::Hint, "hint"),
    (Role::Prompt, "prompt"),
    (Role::Match, "match"),
    (Role::Track, "track"),
    (Role::Seen, "seen"),
    (Role::Cursor, "cursor"),
    (Role::Pin, "pin"),
    (Role::Pace, "pace"),
];

/// The themes the program comes with, the first one safe for every terminal of 16 colours, on dark and light alike.
const BUILT_IN: [(&str, &str); 4] = [
    ("base", include_str!("../../assets/themes/base.toml")),
    ("dark", include_str!("../../assets/themes/dark.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    ("mono", include_str!("../../assets/themes/mono.toml")),
];

/// A style for every role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Theme {
    /// Its name.
    pub name: String,
    styles: [Style; ROLES.len()],
}

/// A style as a theme writes it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    fg: Option<String>,
    bg: Option<String>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    reversed: bool,
}

impl Theme {
    /// The names of the built-in themes.
    pub fn names() -> Vec<String> {
        BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    /// The same theme in the 256 colours of terminals that have no more: each colour the nearest of the colour cube.
    pub fn indexed(mut self) -> Self {
        for style in &mut self.styles {
            style.fg = style.fg.map(nearest);
            style.bg = style.bg.map(nearest);
        }
        self
    }

    /// A built-in theme; an unknown name is the first one.
    pub fn named(name: &str) -> Self {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name).unwrap_or(&BUILT_IN[0]);
        Self::parse(name, text).expect("the built-in themes are well formed")
    }

    /// Reads a theme: a table of roles. A role that is not written looks like `text`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<String>> {
        let written: BTreeMap<String, Written> = toml::from_str(text).map_err(|e| vec![e.to_string()])?;
        let mut problems = Vec::new();
        let mut styles = [None; ROLES.len()];
        for (role, style) in &written {
            let place = ROLES.iter().position(|(_, known)| known == role);
            match (place, style.style()) {
                (Some(place), Ok(style)) => styles[place] = Some(style),
                (None, _) => problems.push(format!("there is no role {role}")),
                (_, Err(why)) => problems.push(format!("{role}: {why}")),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let ground = styles[Role::Text as usize].unwrap_or_default();
        let plain = Style { bg: None, ..ground };
        let mut styles = styles.map(|style| style.unwrap_or(plain));
        styles[Role::Text as usize] = ground;
        Ok(Self { name: name.into(), styles })
    }

    /// A theme of these styles, in the order of [`ROLES`].
    pub fn of(name: &str, styles: [Style; ROLES.len()]) -> Self {
        Self { name: name.into(), styles }
    }

    /// The style of a role. That of text has no ground of its own: it stands on what is there, be it a selected row.
    pub fn style(&self, role: Role) -> Style {
        let style = self.styles[role as usize];
        if role == Role::Text { Style { bg: None, ..style } } else { style }
    }

    /// Text with the ground everything stands on, for what is empty.
    pub fn ground(&self) -> Style {
        self.styles[Role::Text as usize]
    }
}

impl Written {
    fn style(&self) -> Result<Style, String> {
        let colour = |name: &str| name.parse::<Color>().map_err(|_| format!("{name} is no colour"));
        let mut style = Style::new();
        if let Some(name) = &self.fg {
            style = style.fg(colour(name)?);
        }
        if let Some(name) = &self.bg {
            style = style.bg(colour(name)?);
        }
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underlined, Modifier::UNDERLINED),
            (self.reversed, Modifier::REVERSED),
        ];
        Ok(modifiers.iter().filter(|(set, _)| *set).fold(style, |style, (_, modifier)| style.add_modifier(*modifier)))
    }
}

/// The nearest colour of xterm's 6x6x6 cube or its greys; a named colour stays.
fn nearest(color: Color) -> Color {
    let Color::Rgb(red, green, blue) = color else { return color };
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let level = |value: u8| (0..6).min_by_key(|&n: &usize| LEVELS[n].abs_diff(value)).unwrap_or(0);
    let distance =
        |to: [u8; 3]| -> u32 { [red, green, blue].iter().zip(to).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let cube = [level(red), level(green), level(blue)];
    let grey = ((u16::from(red) + u16::from(green) + u16::from(blue)) / 3).saturating_sub(3).min(235) / 10;
    let grey = grey.min(23) as u8;
    if distance([8 + 10 * grey; 3]) < distance(cube.map(|n| LEVELS[n])) {
        return Color::Indexed(232 + grey);
    }
    Color::Indexed((16 + 36 * cube[0] + 6 * cube[1] + cube[2]) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_the_nearest_of_256() {
        assert_eq!(nearest(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(nearest(Color::Rgb(0x36, 0x3c, 0x47)), Color::Indexed(237));
        assert_eq!(nearest(Color::Rgb(255, 255, 255)), Color::Indexed(231));
        assert_eq!(nearest(Color::Red), Color::Red);
    }

    #[test]
    fn roles_stand_in_their_order() {
        for (n, (role, _)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, n);
        }
    }

    #[test]
    fn every_built_in_theme_names_every_role() {
        for (name, text) in BUILT_IN {
            Theme::parse(name, text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
            let written: BTreeMap<String, Written> = toml::from_str(text).expect("TOML");
            for (_, role) in ROLES {
                assert!(written.contains_key(role), "{name} says nothing of {role}");
            }
        }
    }

    #[test]
    fn mono_has_no_colour_and_base_only_the_sixteen() {
        for (role, name) in ROLES {
            let style = Theme::named("mono").style(role);
            assert!(style.fg.is_none() && style.bg.is_none(), "{name}");
            let style = Theme::named("base").style(role);
            for colour in [style.fg, style.bg].into_iter().flatten() {
                assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{name}");
            }
        }
    }

    #[test]
    fn text_can_be_read_on_its_background() {
        let light = |colour: Color| match colour {
            Color::Rgb(r, g, b) => {
                let part = |c: u8| {
                    let c = f64::from(c) / 255.0;
                    if c <= 0.04 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
                };
                0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
            }
            other => panic!("{other} is not a true colour"),
        };
        let contrast = |a: f64, b: f64| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for name in ["dark", "light"] {
            let theme = Theme::named(name);
            let ground = theme.ground().bg.expect("its own ground, whatever the terminal has");
            for (role, role_name) in ROLES {
                let style = theme.style(role);
                let Some(fg) = style.fg else { continue };
                let least = if matches!(role, Role::Border | Role::Track) { 2.0 } else { 4.5 };
                let found = contrast(light(fg), light(style.bg.unwrap_or(ground)));
                assert!(found >= least, "{name}: {role_name} has a contrast of {found:.1}");
            }
            for role in [Role::Text, Role::String, Role::Number, Role::Type, Role::Changed, Role::Removed, Role::Fault]
            {
                let bg = theme.style(Role::Selected).bg.expect("the selection has a background");
                let found = contrast(light(theme.style(role).fg.expect("a colour")), light(bg));
                assert!(found >= 3.0, "{name}: {role:?} on the selection has a contrast of {found:.1}");
            }
        }
    }
}
