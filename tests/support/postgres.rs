//! A PostgreSQL server of the test's own: in a temporary directory, reached by a socket in it, stopped when dropped.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A running server.
pub struct Postgres {
    programs: PathBuf,
    user: Option<(u32, u32)>,
    // Dropped last: the server is stopped before its directory goes.
    directory: tempfile::TempDir,
}

/// The directory with the newest server's programs.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = glob::glob("/usr/lib/postgresql/*/bin")
        .expect("a pattern")
        .filter_map(Result::ok)
        .filter(|path| path.join("initdb").exists() && path.join("pg_dump").exists())
        .filter_map(|path| Some((path.parent()?.file_name()?.to_str()?.parse().ok()?, path)))
        .collect();
    found.sort();
    let packaged = found.pop().map(|(_, path)| path);
    packaged.or_else(|| {
        let configured = Command::new("pg_config").arg("--bindir").output().ok()?;
        let path = PathBuf::from(String::from_utf8(configured.stdout).ok()?.trim());
        path.join("initdb").exists().then_some(path)
    })
}

fn number(command: &str) -> Option<u32> {
    let output = Command::new("id").args([command, "postgres"]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

impl Postgres {
    /// Starts a server. `None`, and a line that says so, where none is installed; with `STEPBACK_REQUIRE_SERVERS=1` that
    /// is a failure.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("STEPBACK_REQUIRE_SERVERS").is_none(),
                "PostgreSQL is not installed, and STEPBACK_REQUIRE_SERVERS is set"
            );
            eprintln!("skipped: PostgreSQL is missing (package `postgresql`)");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("stepback-pg-").tempdir().expect("a temporary directory");
        // The server refuses to run as root; who owns our directory says who we are.
        let root = std::fs::metadata(directory.path()).expect("a directory").uid() == 0;
        let user = root.then(|| (number("-u").expect("a user postgres"), number("-g").expect("its group")));
        if let Some((uid, gid)) = user {
            chown(directory.path(), Some(uid), Some(gid)).expect("a directory of the server's");
        }
        let server = Self { programs, user, directory };
        let data = server.data();
        let data = data.to_str().expect("a plain name");
        let arguments = [
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        ];
        server.run("initdb", &arguments);
        let options = format!("-c listen_addresses='' -c fsync=off -k {}", server.directory.path().display());
        let log = server.directory.path().join("log");
        let log = log.to_str().expect("a plain name");
        server.run("pg_ctl", &["-D", data, "-l", log, "-w", "-o", &options, "start"]);
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A directory that is gone with the server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        if let Some((uid, gid)) = self.user {
            command.gid(gid).uid(uid);
        }
        command.current_dir(self.directory.path());
        command.env("PGHOST", self.directory.path()).env("PGUSER", "postgres").env("PGTZ", "UTC");
        command
    }

    /// Runs one of the server's programs; gives what it wrote.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = self.command(program);
        // `pg_ctl start` leaves a process behind that must not hold our pipes.
        let output: Output = match program {
            "pg_ctl" => {
                let status = command
                    .args(arguments)
                    .stdin(std::process::Stdio::null())
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::null())
                    .status()
                    .expect("a program of the server");
                Output { status, stdout: Vec::new(), stderr: Vec::new() }
            }
            _ => command.args(arguments).output().expect("a program of the server"),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        output.stdout
    }

    /// Runs SQL in a database.
    pub fn execute(&self, database: &str, sql: &str) {
        self.run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
    }

    /// Asks a query of one column; gives its rows.
    pub fn ask(&self, database: &str, sql: &str) -> Vec<String> {
        let rows = self.run("psql", &["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        String::from_utf8(rows).expect("UTF-8").lines().map(str::to_owned).collect()
    }

    /// The major version of its `pg_dump`.
    pub fn version(&self) -> u32 {
        let said = String::from_utf8(self.run("pg_dump", &["--version"])).expect("UTF-8");
        let version = said.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok());
        version.expect("a version")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        let mut stop = self.command("pg_ctl");
        let _ = stop.arg("-D").arg(data).args(["-m", "immediate", "-w", "stop"]).output();
    }
}
