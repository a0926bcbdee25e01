//! The program: hands its arguments to the commands or to the interface.

fn main() -> std::process::ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == stepback::reducers::javascript::HOST_ARGUMENT) {
        return stepback::reducers::host_main();
    }
    std::process::ExitCode::SUCCESS
}
