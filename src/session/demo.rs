//! The demo store: the sample data of `sample-data/`, imported once into an embedded store of the user's.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::domain::{Cancel, Failure, Json};

/// The sample dumps, in the order in which events of equal time are imported.
const DUMPS: &[&str] = &[
    include_str!("../../sample-data/users.jsonl"),
    include_str!("../../sample-data/accounts.jsonl"),
    include_str!("../../sample-data/orders.jsonl"),
    include_str!("../../sample-data/rides.jsonl"),
    include_str!("../../sample-data/activity.jsonl"),
];

/// The reducers that belong to them.
const FILES: &[(&str, &str)] = &[
    ("stepback.toml", include_str!("../../sample-data/stepback.toml")),
    ("user.js", include_str!("../../sample-data/user.js")),
    ("account.js", include_str!("../../sample-data/account.js")),
    ("order.js", include_str!("../../sample-data/order.js")),
    ("ride.js", include_str!("../../sample-data/ride.js")),
    ("payment.js", include_str!("../../sample-data/payment.js")),
    ("activity.js", include_str!("../../sample-data/activity.js")),
];

/// What it is called wherever a source is named; a file of this name is opened as `./demo`.
pub const NAME: &str = "demo";

/// A demo store that can be opened.
#[derive(Debug)]
pub struct Demo {
    /// The folder of the store.
    pub store: PathBuf,
    /// Removes the store when dropped, where it could only be made for this time.
    _temporary: Option<tempfile::TempDir>,
}

/// The demo store in the user's data directory, made there when it is not yet; a temporary one where nothing can be
/// written there.
///
/// # Errors
/// When not even a temporary store can be made.
pub fn demo(data: Option<&Path>) -> Result<Demo, Failure> {
    if let Some(data) = data {
        let folder = data.join(format!("demo-{:08x}", fingerprint()));
        let store = folder.join("store");
        if store.is_dir() {
            return Ok(Demo { store, _temporary: None });
        }
        if std::fs::create_dir_all(data).is_ok()
            && let Ok(partial) = tempfile::Builder::new().prefix(".demo-").tempdir_in(data)
            // Where there is a folder but no room in it, a temporary one may still do.
            && fill(partial.path()).is_ok()
        {
            // Whoever made the same demo at the same time made the same thing.
            if std::fs::rename(partial.path(), &folder).is_ok() {
                // It has its lasting name now.
                let _ = partial.keep();
            }
            if store.is_dir() {
                return Ok(Demo { store, _temporary: None });
            }
        }
    }
    let temporary = tempfile::Builder::new()
        .prefix("stepback-demo-")
        .tempdir()
        .map_err(|error| Failure::writing("the demo store", "make a temporary folder", &error))?;
    fill(temporary.path())?;
    Ok(Demo { store: temporary.path().join("store"), _temporary: Some(temporary) })
}

/// Changes whenever the sample data does, so that a newer program makes a newer demo.
fn fingerprint() -> u32 {
    let texts = DUMPS.iter().copied().chain(FILES.iter().map(|(_, text)| *text));
    texts.fold(0, |sum, text| crc32c::crc32c_append(sum, text.as_bytes()))
}

fn fill(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io(folder.display().to_string(), "make the demo store", &error);
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text).map_err(failed)?;
    }
    let dump = folder.join("demo.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&dump).map_err(failed)?);
    for line in by_time() {
        writeln!(file, "{line}").map_err(failed)?;
    }
    file.into_inner().map_err(|error| failed(error.into_error()))?;
    let source = crate::sources::open::open(&dump, &Default::default())?;
    super::embedded::import(&*source, &folder.join("store"), &Cancel::default(), &mut |_| {})?;
    std::fs::remove_file(&dump).map_err(failed)
}

/// All lines of the sample data in the order of their times; equal times keep the order of the dumps.
fn by_time() -> Vec<&'static str> {
    let mut lines: Vec<(Option<String>, &str)> = DUMPS
        .iter()
        .flat_map(|dump| dump.lines())
        .map(|line| {
            let time =
                Json::parse(line.as_bytes()).ok().and_then(|event| event.get("time")?.as_str().map(str::to_owned));
            (time, line)
        })
        .collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines.into_iter().map(|(_, line)| line).collect()
}
