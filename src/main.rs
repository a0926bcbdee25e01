//! The program: hands its arguments to the commands or to the interface.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
