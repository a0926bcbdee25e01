//! A real nats-server with JetStream, and as much of its protocol as a test needs.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

/// The server's program: `STEPBACK_NATS_SERVER`, or where packages put it. None where there is none; that is said, and
/// where servers are required it fails.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("STEPBACK_NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = named.or_else(|| usual.map(|directory| directory.join("nats-server")).find(|path| path.is_file()));
    if found.is_none() {
        let required = std::env::var_os("STEPBACK_REQUIRE_SERVERS").is_some_and(|value| value == "1");
        assert!(!required, "nats-server is required and not installed");
        eprintln!("SKIPPED: nats-server is not installed");
    }
    found
}

/// A running server; it is killed when it is dropped.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts one that keeps its streams under `directory`.
    pub fn start(program: &Path, directory: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", "-1", "-js", "-sd"])
            .arg(directory)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nats-server starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let (mut port, mut said) = (None, String::new());
        loop {
            let start = said.len();
            assert!(log.read_line(&mut said).expect("its log is text") > 0, "nats-server ended: {said}");
            let line = &said[start..];
            if line.contains("Listening for client connections") {
                port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
            }
            if line.contains("Server is ready") {
                break;
            }
        }
        // It would wait for a reader.
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, port: port.expect("it says its port") }
    }

    pub fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("nats-server listens");
        let reader = BufReader::new(stream.try_clone().expect("a socket"));
        let mut client = Client { stream, reader, early: VecDeque::new() };
        client.line();
        client.send(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB inbox 1\r\n");
        client
    }

    /// Asks it to end, and waits for that.
    pub fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it is asked to end");
        self.child.wait().expect("it ends");
    }

    /// Ends it without asking.
    pub fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message that arrived.
pub struct Arrived {
    pub subject: String,
    pub reply: Option<String>,
    pub headers: bool,
    pub data: Vec<u8>,
}

/// A connection.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    /// What arrived before an answer that was waited for.
    early: VecDeque<Arrived>,
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes it");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the server answers");
        assert!(!line.is_empty() && !line.starts_with("-ERR"), "the server says {line:?}");
        line
    }

    fn next(&mut self) -> Arrived {
        loop {
            let line = self.line();
            let parts: Vec<&str> = line.split_ascii_whitespace().collect();
            let headers = match parts[0] {
                "PING" => {
                    self.send(b"PONG\r\n");
                    continue;
                }
                "MSG" => 0,
                "HMSG" => 1,
                _ => continue,
            };
            let mut data = vec![0; parts[parts.len() - 1].parse().expect("a length")];
            self.reader.read_exact(&mut data).expect("a message");
            self.line_end();
            let reply = (parts.len() > 4 + headers).then(|| parts[3].to_owned());
            return Arrived { subject: parts[1].to_owned(), reply, headers: headers == 1, data };
        }
    }

    fn line_end(&mut self) {
        self.reader.read_exact(&mut [0; 2]).expect("the end of a message");
    }

    fn send_message(&mut self, subject: &str, headers: &[(&str, &str)], data: &[u8]) {
        let mut bytes = Vec::new();
        if headers.is_empty() {
            bytes.extend(format!("PUB {subject} inbox {}\r\n", data.len()).as_bytes());
        } else {
            let mut head = "NATS/1.0\r\n".to_owned();
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            head.push_str("\r\n");
            let (size, all) = (head.len(), head.len() + data.len());
            bytes.extend(format!("HPUB {subject} inbox {size} {all}\r\n{head}").as_bytes());
        }
        bytes.extend(data);
        bytes.extend(b"\r\n");
        self.send(&bytes);
    }

    /// Asks the server, and gives its answer.
    pub fn ask(&mut self, subject: &str, question: &Value) -> Value {
        let question = if question.is_null() { String::new() } else { question.to_string() };
        self.send_message(subject, &[], question.as_bytes());
        let answer = loop {
            match self.next() {
                answer if answer.subject == "inbox" => break answer,
                other => self.early.push_back(other),
            }
        };
        let answer: Value = serde_json::from_slice(&answer.data).expect("an answer in JSON");
        assert!(answer.get("error").is_none(), "{subject}: {answer}");
        answer
    }

    /// Creates a stream of files over `subjects`; `more` is added to its configuration.
    pub fn create(&mut self, name: &str, subjects: &[&str], more: Value) -> Value {
        let mut config =
            json!({"name": name, "subjects": subjects, "storage": "file", "retention": "limits", "num_replicas": 1});
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        self.ask(&format!("$JS.API.STREAM.CREATE.{name}"), &config)
    }

    /// Publishes a message; gives the sequence it was acknowledged with.
    pub fn publish(&mut self, subject: &str, headers: &[(&str, &str)], data: &[u8]) -> u64 {
        self.send_message(subject, headers, data);
        let acknowledged: Value = serde_json::from_slice(&self.next().data).expect("an acknowledgement");
        acknowledged["seq"].as_u64().unwrap_or_else(|| panic!("{subject}: {acknowledged}"))
    }

    /// Publishes many, and waits for their acknowledgements together.
    pub fn publish_all<'a>(&mut self, messages: impl IntoIterator<Item = (&'a str, Vec<u8>)>) {
        let mut open = 0;
        for (subject, data) in messages {
            self.send_message(subject, &[], &data);
            open += 1;
            // More would fill the buffers on both ways.
            if open == 100 {
                (0..open).for_each(|_| drop(self.next()));
                open = 0;
            }
        }
        (0..open).for_each(|_| drop(self.next()));
    }

    /// Writes a backup of a stream, as `nats stream backup` does: what the server sends, and what it says of it.
    pub fn backup(&mut self, name: &str, directory: &Path) {
        self.send(b"SUB snapshot 2\r\n");
        let question = json!({"deliver_subject": "snapshot", "chunk_size": 32768});
        let said = self.ask(&format!("$JS.API.STREAM.SNAPSHOT.{name}"), &question);
        let mut packed = Vec::new();
        loop {
            let arrived = self.early.pop_front().unwrap_or_else(|| self.next());
            if arrived.subject != "snapshot" {
                continue;
            }
            // The last one is empty, or says how it ended.
            if arrived.headers || arrived.data.is_empty() {
                break;
            }
            packed.extend(arrived.data);
            if let Some(reply) = arrived.reply {
                self.send(format!("PUB {reply} 0\r\n\r\n").as_bytes());
            }
        }
        std::fs::create_dir_all(directory).expect("a directory");
        std::fs::write(directory.join("stream.tar.s2"), packed).expect("a backup is written");
        let description =
            json!({"type": "stream", "time": "2025-01-01T00:00:00Z", "config": said["config"], "state": said["state"]});
        std::fs::write(directory.join("backup.json"), description.to_string()).expect("a backup is written");
    }
}
