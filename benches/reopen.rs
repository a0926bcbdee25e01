//! The promise about opening a large dump again: with its index kept, all streams are known at a fifteenth of the CPU of
//! `rg -c`, and for five million events at no more than twice that of one million.
//!
//! `STEPBACK_BENCH_FILE` and `STEPBACK_BENCH_LARGE` name dumps of one and five million events.

mod rivals;

use std::path::Path;

use rivals::{Result, compare, interleaved, ourselves, rg};
use stepback::domain::Cancel;
use stepback::sources::cache::Cache;
use stepback::sources::open::{OpenOptions, open};

fn main() -> Result<()> {
    if let [how, path, cache] = &rivals::arguments()[..] {
        return reopen(how, path, Path::new(cache));
    }
    let mut took = Vec::new();
    for path in rivals::dumps() {
        let cache = tempfile::tempdir()?;
        let run = |how: &str| ourselves(how, &[Path::new(how), &path, cache.path()]);
        let sides = interleaved(vec![run("--page"), run("--list"), rg(&path)])?;
        let kept = Cache::new(cache.path()).list()?.first().map_or(0, |entry| entry.size);
        let length = std::fs::metadata(&path)?.len();
        println!("{}: {}", path.display(), sides[0].said.trim());
        println!(
            "  the kept index has {:.1} MiB, {:.1} % of the dump",
            kept as f64 / 1048576.0,
            kept as f64 * 100.0 / length as f64
        );
        let [page, list, rg] = <[_; 3]>::try_from(sides).map_err(|_| "rg is needed as the rival")?;
        took.push(page.seconds());
        let again = rg.again();
        compare("all streams known, a page of them listed", &[page, rg], &[("rg -c", 1.0 / 15.0)]);
        compare("all streams listed", &[list, again], &[]);
    }
    if let [small, large] = took[..] {
        println!("the large dump takes {:.2} times the CPU of the small one (goal 2)", large / small);
    }
    Ok(())
}

fn reopen(how: &str, path: &str, cache: &Path) -> Result<()> {
    let source = open(path, &OpenOptions { cache: Some(cache.into()), ..OpenOptions::default() })?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let page = source.streams(0, if how == "--list" { usize::MAX } else { 45 })?;
    let progress = source.progress();
    println!("{} events, {} streams, peak {:.0} MiB", progress.events, page.total, rivals::peak()?);
    Ok(())
}
