//! The program: hands its arguments to the commands or to the interface.

fn main() -> std::process::ExitCode {
    stepback::cli::run(&mut std::io::stdout(), &mut std::io::stderr())
}
