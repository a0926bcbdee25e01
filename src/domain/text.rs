//! The one door for text that comes from a store on its way to a screen, a table, a title or a message.
//!
//! Control characters, escape sequences, bidirectional controls, and invisible characters become visible, harmless
//! marks; nothing disappears and nothing reaches the terminal as a command. Width is counted in terminal cells.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Grapheme clusters longer than this many bytes are cut with a mark: a cell is not a place for a paragraph of accents.
const MAX_CLUSTER: usize = 32;

/// The text with everything harmful or invisible replaced by a visible mark.
///
/// C0 and DEL become their control pictures (`␛`, `␍`), a tab too; C1 becomes `<9B>`; format characters, separators,
/// tags, blank look-alikes and noncharacters become `<U+202E>`. The zero-width joiner and the emoji variation selector
/// stay inside a cluster that is otherwise visible. Clean text is borrowed.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    if !text.chars().any(is_suspect) && text.graphemes(true).all(|cluster| cluster.len() <= MAX_CLUSTER) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for cluster in text.graphemes(true) {
        let joins = cluster.chars().count() > 1 && cluster.chars().any(|c| !is_suspect(c) && c as u32 > 0x2000);
        let start = out.len();
        for c in cluster.chars() {
            if out.len() - start > MAX_CLUSTER {
                out.push('…');
                break;
            }
            match c {
                '\u{200d}' | '\u{fe0f}' if joins => out.push(c),
                '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('?')),
                '\u{7f}' => out.push('␡'),
                '\u{80}'..='\u{9f}' => out.push_str(&format!("<{:02X}>", c as u32)),
                c if is_suspect(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
                c => out.push(c),
            }
        }
    }
    Cow::Owned(out)
}

/// Whether a character must not be shown as it is: a control, a bidirectional or an invisible one.
pub fn is_suspect(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
        || matches!(c as u32, 0xfdd0..=0xfdef)
}

/// How many terminal cells a safe text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, safe, and at most `cells` wide: what does not fit is cut with `…`.
pub fn fit(text: &str, cells: usize) -> String {
    // Far more than can fit is never looked at: a value may be a gigabyte.
    let mut end = text.len().min(cells.saturating_mul(MAX_CLUSTER).saturating_add(MAX_CLUSTER));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let safe = safe(&text[..end]);
    if end == text.len() && safe.width() <= cells {
        return safe.into_owned();
    }
    if cells == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for cluster in safe.graphemes(true) {
        let wide = cluster.width();
        if used + wide > cells - 1 {
            break;
        }
        used += wide;
        out.push_str(cluster);
    }
    out.push('…');
    out
}

/// The text, safe, in exactly `cells` cells: cut with `…` or filled with blanks on the right.
pub fn pad(text: &str, cells: usize) -> String {
    let mut out = fit(text, cells);
    let used = out.width();
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(used)));
    out
}

/// Counts as a line of blocks: nothing is a blank, the most is a full block.
pub fn sparkline(counts: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0);
    let block = |count: u64| match count {
        0 => ' ',
        _ => BLOCKS[((u128::from(count) * 8).div_ceil(u128::from(most)) as usize).clamp(1, 8) - 1],
    };
    counts.iter().map(|count| block(*count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_become_marks() {
        assert_eq!(safe("a\x1b]0;title\x07b"), "a␛]0;title␇b");
        assert_eq!(safe("\r\n\t"), "␍␊␉");
        assert_eq!(safe("a\u{202e}b\u{9b}c"), "a<U+202E>b<9B>c");
        assert_eq!(safe("Zoë 山田 🌍"), "Zoë 山田 🌍");
        assert_eq!(safe("\u{200b}"), "<U+200B>");
        assert_eq!(safe("👩\u{200d}💻"), "👩\u{200d}💻");
        assert_eq!(safe("e\u{e0041}"), "e<U+E0041>");
    }

    #[test]
    fn no_scalar_passes_as_a_command_or_disappears() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = c.to_string();
            let shown = safe(&text);
            assert!(!shown.chars().any(char::is_control), "{:x}", c as u32);
            assert!(!shown.is_empty(), "{:x}", c as u32);
        }
    }

    #[test]
    fn width_is_counted_in_cells() {
        assert_eq!(fit("山田太郎", 5), "山田…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("abcd", 0), "");
        assert_eq!(pad("山", 4), "山  ");
        let zalgo = format!("e{}", "\u{301}".repeat(20_000));
        assert!(fit(&zalgo, 10).len() < 200);
    }

    #[test]
    fn a_line_shows_the_least_and_the_most() {
        assert_eq!(sparkline(&[0, 1, 50, 100, 0]), " ▁▄█ ");
        assert_eq!(sparkline(&[3, 3]), "██");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[0, 0]), "  ");
    }
}
