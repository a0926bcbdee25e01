//! A drawn screen as an SVG picture: text runs of one style, box lines and blocks as shapes so that rows join.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: f64 = 18.0;
const MARGIN: f64 = 12.0;
const BACKGROUND: &str = "#1b1e24";
const FOREGROUND: &str = "#d5d9e0";

/// The picture of a buffer.
pub fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let width = f64::from(columns) * CELL_WIDTH + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL_HEIGHT + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        backgrounds(&mut out, buffer, row);
        glyphs(&mut out, buffer, row);
    }
    out.push_str("</svg>\n");
    out
}

fn backgrounds(out: &mut String, buffer: &Buffer, row: u16) {
    let mut column = 0;
    while column < buffer.area.width {
        let fill = colours(&buffer[(column, row)]).1;
        let start = column;
        while column < buffer.area.width && colours(&buffer[(column, row)]).1 == fill {
            column += 1;
        }
        if let Some(fill) = fill {
            let (x, y) = place(start, row);
            let width = f64::from(column - start) * CELL_WIDTH;
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{fill}\"/>"
            );
        }
    }
}

fn glyphs(out: &mut String, buffer: &Buffer, row: u16) {
    let mut column = 0;
    while column < buffer.area.width {
        let cell = &buffer[(column, row)];
        let symbol = cell.symbol();
        let (x, y) = place(column, row);
        if let Some(path) = shape(symbol) {
            let stroke = colours(cell).0;
            let _ = writeln!(
                out,
                "<path transform=\"translate({x:.1} {y:.1})\" d=\"{path}\" stroke=\"{stroke}\" fill=\"none\"/>"
            );
            column += 1;
            continue;
        }
        let style = style(cell);
        let start = column;
        let mut text = String::new();
        while column < buffer.area.width {
            let cell = &buffer[(column, row)];
            if shape(cell.symbol()).is_some() || self::style(cell) != style {
                break;
            }
            // The cell after a wide character is a placeholder.
            text.push_str(cell.symbol());
            column += unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1) as u16;
        }
        if text.trim().is_empty() {
            continue;
        }
        let length = f64::from(column - start) * CELL_WIDTH;
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" {style}>{}</text>",
            y + 13.5,
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
        );
    }
}

fn place(column: u16, row: u16) -> (f64, f64) {
    (MARGIN + f64::from(column) * CELL_WIDTH, MARGIN + f64::from(row) * CELL_HEIGHT)
}

fn style(cell: &Cell) -> String {
    let mut style = format!("fill=\"{}\"", colours(cell).0);
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::DIM, " opacity=\"0.65\""),
    ] {
        if cell.modifier.contains(modifier) {
            style.push_str(attribute);
        }
    }
    style
}

/// Foreground, and background where it is not the screen's.
fn colours(cell: &Cell) -> (String, Option<String>) {
    let (front, back) = (colour(cell.fg), colour(cell.bg));
    if cell.modifier.contains(Modifier::REVERSED) {
        return (back.unwrap_or_else(|| BACKGROUND.into()), Some(front.unwrap_or_else(|| FOREGROUND.into())));
    }
    (front.unwrap_or_else(|| FOREGROUND.into()), back.filter(|back| back != BACKGROUND))
}

fn colour(colour: Color) -> Option<String> {
    let named = match colour {
        Color::Reset => return None,
        Color::Rgb(red, green, blue) => return Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Black => "#1c1f26",
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#e5c07b",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::Gray => "#abb2bf",
        Color::DarkGray => "#6b7280",
        Color::LightRed => "#ff8b92",
        Color::LightGreen => "#b5e890",
        Color::LightYellow => "#ffd68a",
        Color::LightBlue => "#8cc8ff",
        Color::LightMagenta => "#e0a0ff",
        Color::LightCyan => "#7fdbe6",
        Color::White => "#ffffff",
        Color::Indexed(index) => return Some(indexed(index)),
    };
    Some(named.into())
}

/// The 256-colour cube and its greys, as xterm defines them.
fn indexed(index: u8) -> String {
    const BASE: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match index {
        0..=15 => colour(BASE[usize::from(index)]).unwrap_or_default(),
        16..=231 => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * u32::from(n) };
            let n = index - 16;
            format!("#{:02x}{:02x}{:02x}", level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232.. => {
            let grey = 8 + 10 * u32::from(index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

/// The lines of a box-drawing character inside its cell.
fn shape(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "─" | "━" => "M0 9H8.4",
        "│" | "┃" => "M4.2 0V18",
        "┌" | "╭" | "┏" => "M8.4 9H4.2V18",
        "┐" | "╮" | "┓" => "M0 9H4.2V18",
        "└" | "╰" | "┗" => "M8.4 9H4.2V0",
        "┘" | "╯" | "┛" => "M0 9H4.2V0",
        "├" | "┣" => "M4.2 0V18M4.2 9H8.4",
        "┤" | "┫" => "M4.2 0V18M0 9H4.2",
        "┬" | "┳" => "M0 9H8.4M4.2 9V18",
        "┴" | "┻" => "M0 9H8.4M4.2 0V9",
        "┼" | "╋" => "M0 9H8.4M4.2 0V18",
        _ => return None,
    })
}
