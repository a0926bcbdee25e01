//! What is generated for readers: the picture of the README and its table of keys. `UPDATE_DOCS=1` rewrites both.

use std::path::{Path, PathBuf};

use stepback::app::{Setup, keymap};
use stepback::ui::Theme;

use crate::support::live;
use crate::support::svg;

const BEGIN: &str = "<!-- keys -->\n";
const END: &str = "<!-- /keys -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Holds a file to its generated text, or writes it.
fn hold(path: &Path, generated: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, generated).expect("written");
        return;
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == generated,
        "{} is stale: run UPDATE_DOCS=1 cargo test --test interface pictures",
        path.display()
    );
}

#[test]
fn the_picture_of_the_readme_shows_the_program_as_it_is() {
    let (width, height) = (120, 36);
    let themes = Theme::names();
    let theme = themes.iter().position(|name| name == "dark").expect("a dark theme");
    let setup = Setup { width, height, themes, theme, ..Setup::default() };
    let mut live = live::Live::open(&root().join("sample-data/orders.jsonl"), setup);
    live.type_keys("1/order-1002<enter>:10<enter>...");
    live.type_keys(",");
    hold(&root().join("docs/stepback.svg"), &svg::svg(&live.drawn(width, height)));
}

#[test]
fn the_readme_lists_the_keys_as_they_are() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the beginning of the keys");
    let (_, after) = rest.split_once(END).expect("the end of the keys");
    hold(&path, &format!("{before}{BEGIN}\n{}\n{END}{after}", keymap::summary().trim_end()));
}
