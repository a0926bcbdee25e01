//! The program: hands its arguments to the commands or to the interface.

fn main() -> std::process::ExitCode {
    #[cfg(debug_assertions)]
    if let Some(streams) = std::env::var("STEPBACK_PROBE").ok().and_then(|streams| streams.parse().ok()) {
        if std::env::args().nth(1).as_deref() == Some("-") {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        }
        return stepback::runtime::run(stepback::runtime::probe(streams)).unwrap_or_else(|failure| {
            eprintln!("stepback: {failure}");
            std::process::ExitCode::from(74)
        });
    }
    std::process::ExitCode::SUCCESS
}
