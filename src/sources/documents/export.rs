//! An export of DynamoDB to S3: a folder with a manifest and its data in many packed files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dynamodb::Shape;
use super::glance::{Kind, glance};
use super::opening;
use super::walker::Framing;
use crate::domain::{Failure, FailureKind, address};
use crate::regular;
use crate::sources::Source;
use crate::sources::files::skim::members;
use crate::sources::files::value;
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;
use crate::sources::unpack::{self, Packing};

const MANIFEST: &str = "manifest-files.json";
/// How many files an export may have, and how large its list of them may be.
const FILES: usize = 4096;
const LIST: u64 = 16 << 20;

/// Whether a directory is the export of a known tool (DynamoDB).
pub fn is_export(directory: &Path) -> bool {
    directory.join(MANIFEST).is_file()
        || data_files(&directory.join("data")).iter().any(|path| path.to_string_lossy().ends_with(".json.gz"))
}

/// Opens one.
///
/// # Errors
/// As [`super::open`].
pub fn open_export(directory: &Path, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let name = address::shown(directory);
    let failure = |kind, why: String| Failure::new(kind, name.as_str(), "open", why);
    let files = listed(directory)?;
    if files.is_empty() {
        return Err(failure(FailureKind::Malformed, "the export has no files with data".into()));
    }
    if files.len() > FILES {
        let why = format!("the export has {} files; more than {FILES} are not opened", files.len());
        return Err(failure(FailureKind::Unsupported, why));
    }
    let title = directory.file_name().map_or_else(|| name.clone(), address::shown);
    let mut inputs = Vec::with_capacity(files.len());
    let mut shape = None;
    for path in files {
        let address = address::shown(&path);
        let file = regular::open(&path).map_err(|e| {
            Failure::io(address.as_str(), "open", &e).hint("the export's manifest names it, so it should be there")
        })?;
        let metadata = file.metadata().map_err(|e| Failure::io(address.as_str(), "open", &e))?;
        if !metadata.is_file() {
            return Err(Failure::new(FailureKind::Unsupported, address, "open", "it is no regular file"));
        }
        let mut input = Input::of_file(file, metadata.len(), &address);
        let (head, _) = input.head()?;
        if let Some(packing @ Packing::Gzip) = Packing::of(&head) {
            input = unpack::unpacked(&input, packing)?;
        }
        if shape.is_none() {
            let (head, whole) = input.head()?;
            shape = match glance(&head, whole).map(|glance| glance.kind) {
                Some(Kind::DynamoFull) => Some(Shape::Full),
                Some(Kind::DynamoIncremental) => Some(Shape::Incremental),
                _ => None,
            };
        }
        inputs.push(input);
    }
    let Some(shape) = shape else {
        return Err(failure(FailureKind::Malformed, "its files do not hold items of DynamoDB".into()));
    };
    inputs[0].name.clone_from(&title);
    inputs[0].stem = title;
    opening::dynamo_db(inputs, Framing::Lines, shape, options)
}

/// The files an export is read from: its manifest and its data.
pub fn export_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = listed(directory).unwrap_or_default();
    files.push(directory.join(MANIFEST));
    files
}

/// The files an export has: those its manifest names, or those in its folder of data.
fn listed(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let manifest = directory.join(MANIFEST);
    let length = std::fs::metadata(&manifest).map_or(0, |metadata| metadata.len());
    if length == 0 || length > LIST {
        return Ok(data_files(&directory.join("data")));
    }
    let address = manifest.display().to_string();
    let text = regular::read(&manifest, LIST).map_err(|e| Failure::io(address.as_str(), "read", &e))?;
    let mut files = Vec::new();
    for line in text.split(|&b| b == b'\n') {
        let _ = members(line, |key, value| {
            // `AWSDynamoDB/01693685827463-2d8752fd/data/….json.gz`: the folder was renamed or moved more often than not,
            // so only the name counts, and it is looked for where the data is.
            if key == b"\"dataFileS3Key\""
                && let Some(key) = value::string(value)
                && let Some(name) = key.rsplit('/').next().filter(|name| !name.is_empty() && *name != "..")
            {
                let path = directory.join("data").join(name);
                files.push(if path.exists() { path } else { directory.join(name) });
            }
        });
    }
    if files.is_empty() { Ok(data_files(&directory.join("data"))) } else { Ok(files) }
}

/// The packed files of a folder, in the order of their names.
fn data_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let is_data = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".json.gz") || name.ends_with(".json")
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_data).take(FILES + 1).collect();
    files.sort();
    files
}
