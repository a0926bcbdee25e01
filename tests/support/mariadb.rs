//! A MariaDB server of the test's own: in a temporary directory, reached by a socket in it, killed when dropped.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A running server.
pub struct Mariadb {
    child: Child,
    // Dropped last: the server is killed before its directory goes.
    directory: tempfile::TempDir,
}

/// A program of the server or the client, where packages put them.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    usual.map(|directory| directory.join(name)).find(|path| path.is_file())
}

impl Mariadb {
    /// Starts a server. `None`, and a line that says so, where none is installed; with `STEPBACK_REQUIRE_SERVERS=1` that
    /// is a failure.
    pub fn start() -> Option<Self> {
        let needed = ["mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"].map(program);
        let [Some(server), Some(install), Some(_), Some(_)] = needed else {
            let required = std::env::var_os("STEPBACK_REQUIRE_SERVERS").is_some_and(|value| value == "1");
            assert!(!required, "MariaDB is not installed, and STEPBACK_REQUIRE_SERVERS is set");
            eprintln!("skipped: MariaDB is missing (packages `mariadb-server-core` and `mariadb-client`)");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("stepback-mariadb-").tempdir().expect("a temporary directory");
        let data = format!("--datadir={}", directory.path().join("data").display());
        let tables = Command::new(install)
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &data])
            .current_dir(directory.path())
            .output()
            .expect("mariadb-install-db");
        assert!(tables.status.success(), "{}", String::from_utf8_lossy(&tables.stderr));
        let socket = format!("--socket={}", directory.path().join("socket").display());
        let pid = format!("--pid-file={}", directory.path().join("pid").display());
        let mut command = Command::new(server);
        command.args([
            "--no-defaults",
            "--skip-networking",
            "--innodb-flush-log-at-trx-commit=0",
            &data,
            &socket,
            &pid,
        ]);
        // It refuses to run as root unless it is told to.
        if std::fs::metadata(directory.path()).expect("a directory").uid() == 0 {
            command.arg("--user=root");
        }
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("mariadbd starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let mut said = String::new();
        while !said.contains("ready for connections") {
            assert!(log.read_line(&mut said).expect("its log is text") > 0, "mariadbd ended: {said}");
        }
        // It would wait for a reader.
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Some(Self { child, directory })
    }

    /// A directory that is gone with the server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs one of the client's programs; gives what it wrote.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(program, arguments).output().expect("a program of the client");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        output.stdout
    }

    /// Runs a script, with DELIMITER and all, up to the first error.
    pub fn execute(&self, script: &str) {
        let path = self.directory.path().join("script.sql");
        std::fs::write(&path, script).expect("room");
        let mut command = self.command("mariadb", &["--default-character-set=utf8mb4"]);
        let output = command.stdin(std::fs::File::open(&path).expect("the script")).output().expect("the client");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let socket = format!("--socket={}", self.directory.path().join("socket").display());
        let mut command = Command::new(program);
        command.args(["--no-defaults", "--user=root", &socket]).args(arguments);
        command
    }

    /// Runs SQL; gives the rows as lines.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        let arguments = ["--default-character-set=utf8mb4", "--batch", "--raw", "--skip-column-names", "-e", sql];
        let rows = self.run("mariadb", &arguments);
        String::from_utf8(rows).expect("UTF-8").lines().map(str::to_owned).collect()
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
