#[path = "replay/stream.rs"]
mod stream;
use std::hint::black_box;
use std::time::Instant;
use stepback::domain::{Json, Parser};
use stepback::reducers::merge::Merge;
use stepback::replay::*;
fn time(name: &str, n: usize, mut f: impl FnMut(usize)) {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let s = Instant::now();
        for i in 0..n {
            f(i)
        }
        best = best.min(s.elapsed().as_secs_f64() / n as f64);
    }
    println!("{name}: {:.3} us", best * 1e6);
}
fn main() {
    let stream = stream::accounts(20000);
    let mut parser = Parser::default();
    time("parse data", 20000, |i| {
        black_box(parser.parse(stream.events[i].data.stored()).unwrap());
    });
    let mut m = Merge::default();
    m.start(Start::Initial(&"account-hot".into())).unwrap();
    let mut f = vec![];
    time("merge", 20000, |i| {
        m.apply(&stream.events[i..i + 1], &mut f).unwrap();
    });
    let mut s = String::from("{\"count\":1,\"slots\":{");
    for i in 0..64 {
        if i > 0 {
            s.push(',')
        }
        s.push_str(&format!("\"k{i}\":"));
        s.push_str(&stream.events[i].data.text());
    }
    s.push_str("}}");
    let state = Json::parse(s.as_bytes()).unwrap();
    println!("state {}", s.len());
    let mut out = String::new();
    time("print", 200, |_| {
        out.clear();
        state.write_text(&mut out);
        black_box(&out);
    });
    let mut table = lz4_flex::block::CompressTable::default();
    let mut packed = vec![0; lz4_flex::block::get_maximum_output_size(s.len())];
    let mut len = 0;
    time("lz4", 200, |_| {
        len = lz4_flex::block::compress_into_with_table(s.as_bytes(), &mut packed, &mut table).unwrap();
    });
    println!("packed {len}");
    time("unlz4", 200, |_| {
        black_box(lz4_flex::block::decompress(&packed[..len], s.len()).unwrap());
    });
    time("parse state", 200, |_| {
        black_box(parser.parse(s.as_bytes()).unwrap());
    });
    println!("json {} entry {}", std::mem::size_of::<Json>(), std::mem::size_of::<stepback::domain::json::Entry>());
}
