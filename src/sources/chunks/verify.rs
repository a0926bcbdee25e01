//! Whether completed chunks are as they were completed: their MD5, which their footers hold.

use std::io;
use std::os::unix::fs::FileExt;

use md5::{Digest, Md5};

use super::files::Files;

/// The length of a checksum, which stands at the very end.
const CHECKSUM: u64 = 16;

/// Verifies every completed chunk; gives what is wrong, one sentence each.
pub fn verify(files: &Files, stopped: &dyn Fn() -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    for (number, chunk) in files.chunks.iter().enumerate() {
        let Some(footer) = chunk.footer else { continue };
        // What cannot be opened is said by whoever reads its records.
        let Ok(file) = files.file(number) else { continue };
        let (mut hash, mut at) = (Md5::new(), 0);
        let end = chunk.length.saturating_sub(CHECKSUM);
        while at < end {
            if stopped() {
                return wrong;
            }
            let room = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            match file.read_at(&mut buffer[..room], at) {
                Ok(0) => break,
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    at += count as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if hash.finalize()[..] != footer.md5 {
            wrong.push(format!("{} is not as it was completed: its checksum (MD5) does not match", chunk.name));
        }
    }
    wrong
}
