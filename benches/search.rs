//! The promises about searching, against `rg -c` over the same dump: all payloads of the store, until the first hit, and
//! inside its largest stream. What is measured includes opening, and finding the event and the stream of each hit; the
//! index is there already, as after the first time.
//!
//! `STEPBACK_BENCH_FILE` and `STEPBACK_BENCH_LARGE` name dumps of one and five million events.

mod rivals;

use std::ops::ControlFlow;
use std::path::Path;

use rivals::{Result, compare, interleaved, ourselves, rg};
use stepback::domain::{Cancel, EventQuery, Pattern, Scope, SearchStep};
use stepback::sources::open::{OpenOptions, open};

fn main() -> Result<()> {
    if let [how, path, cache] = &rivals::arguments()[..] {
        return search(how, path, Path::new(cache));
    }
    for path in rivals::dumps() {
        println!("{}", path.display());
        let cache = tempfile::tempdir()?;
        let run = |how: &str| ourselves(how, &[Path::new(how), &path, cache.path()]);
        let sides = interleaved(vec![
            run("--all"),
            run("--first"),
            run("--stream"),
            run("--none"),
            run("--expression"),
            rg(&path),
        ])?;
        let [all, first, stream, none, expression, rg] =
            <[_; 6]>::try_from(sides).map_err(|_| "rg is needed as the rival")?;
        println!("{}{}", all.said, expression.said);
        // What opening alone costs is measured by `reopen`; searching is what is beyond it.
        println!("opening alone: {:.1} ms CPU", none.seconds() * 1e3);
        let rivals = [rg];
        for (what, side, goal) in [
            ("all payloads", all, 1.1),
            ("the first hit", first, 0.05),
            ("the largest stream", stream, 0.3),
            ("an expression", expression, f64::NAN),
        ] {
            let mut pair = vec![side];
            pair.extend(rivals.iter().map(rivals::Side::again));
            let goals: &[(&str, f64)] = if goal.is_nan() { &[] } else { &[("rg -c", goal)] };
            compare(what, &pair, goals);
            println!(
                "  {:>8} beyond opening",
                rivals::times((pair[0].seconds() - none.seconds()) / rivals[0].seconds())
            );
        }
    }
    Ok(())
}

fn search(how: &str, path: &str, cache: &Path) -> Result<()> {
    let source = open(path, &OpenOptions { cache: Some(cache.into()), ..OpenOptions::default() })?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let scope = if how == "--stream" { Scope::Stream("account-hot".into()) } else { Scope::All };
    let pattern = match how {
        "--expression" => Pattern::Expression(regex::bytes::Regex::new("NEEDLE-[0-9a-f]+")?),
        _ => Pattern::Text("NEEDLE-7f3a".into()),
    };
    if how == "--none" {
        return Ok(());
    }
    let mut hits = Vec::new();
    source.search(&pattern, &scope, &Cancel::default(), &mut |step| match step {
        SearchStep::Hit(ordinal) => {
            hits.push(ordinal);
            if how == "--first" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        SearchStep::Searched(..) => ControlFlow::Continue(()),
    })?;
    for &hit in &hits {
        let page = source.events(&EventQuery::at(scope.clone(), hit, 1), &Cancel::default())?;
        assert!(page.events[0].data.text().contains("NEEDLE-7f3a"));
    }
    println!("{how}: {} hits", hits.len());
    Ok(())
}
