//! A process that folds for us, seen from outside: started, spoken to, and killed, never waited for without end.
//!
//! Invariant: no call blocks longer than the silence it is given. The pipes do not block; all waiting is one `poll` over
//! the three of them; a process that ended or must end is reaped by a thread of its own.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::protocol::{Answer, MAX_ANSWER, first_frame};

/// How much of what the process says on its error stream is kept, in bytes: the end of it.
const MAX_STDERR: usize = 4 << 10;

/// How long a process that closed its pipe may take to end before it is killed for its exit status.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// The room asked for in each pipe, in bytes: fewer turns between the two processes.
const PIPE: usize = 1 << 20;

/// What a worker is called among the processes of the machine.
const PROCESS_NAME: &str = "stepback";

/// Why a worker is of no use any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// It said nothing for this long.
    Silent(Duration),
    /// It ended, and how.
    Ended(String),
    /// What it says is not the protocol, or the system failed us.
    Garbled(String),
}

/// A running process.
pub struct Worker {
    running: Option<Child>,
    requests: Option<ChildStdin>,
    answers: ChildStdout,
    stderr: Option<ChildStderr>,
    /// What is to be sent, and how much of it is.
    out: Vec<u8>,
    sent: usize,
    /// What came and is not yet taken.
    input: Vec<u8>,
    taken: usize,
    words: Vec<u8>,
}

impl Worker {
    /// Starts a program in a process group of its own (keys of the terminal do not reach it) with an empty environment.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn start(program: &Path, arguments: &[&str]) -> std::io::Result<Self> {
        let mut running = Command::new(program)
            // What a list of processes shows, whichever way the program was named.
            .arg0(PROCESS_NAME)
            .args(arguments)
            .env_clear()
            // Local time is an input like any other; without this the C library would look for the machine's own.
            .env("TZ", "UTC0")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (requests, answers, stderr) = (running.stdin.take(), running.stdout.take(), running.stderr.take());
        let (Some(requests), Some(answers), Some(stderr)) = (requests, answers, stderr) else {
            reap(running);
            return Err(ErrorKind::BrokenPipe.into());
        };
        let worker = Self {
            running: Some(running),
            requests: Some(requests),
            answers,
            stderr: Some(stderr),
            out: Vec::new(),
            sent: 0,
            input: Vec::new(),
            taken: 0,
            words: Vec::new(),
        };
        if let (Some(requests), Some(stderr)) = (&worker.requests, &worker.stderr) {
            rustix::io::ioctl_fionbio(requests, true)?;
            rustix::io::ioctl_fionbio(&worker.answers, true)?;
            rustix::io::ioctl_fionbio(stderr, true)?;
            // A smaller pipe works as well.
            #[cfg(target_os = "linux")]
            let _ = rustix::pipe::fcntl_setpipe_size(requests, PIPE);
        }
        Ok(worker)
    }

    /// Its id, while it runs as far as is known.
    pub fn process(&self) -> Option<u32> {
        self.running.as_ref().map(Child::id)
    }

    /// Where requests are written to; they are sent while answers are waited for.
    pub fn requests(&mut self) -> &mut Vec<u8> {
        if self.sent > 0 && self.sent == self.out.len() {
            self.out.clear();
            self.out.shrink_to(PIPE);
            self.sent = 0;
        }
        &mut self.out
    }

    /// The next answer. What it says in between counts as life: the silence starts over with every byte either way.
    ///
    /// # Errors
    /// When none comes. The process is killed then.
    pub fn answer(&mut self, silence: Duration) -> Result<Answer, Broken> {
        let answer = self.wait(silence);
        if answer.is_err() {
            self.kill();
        }
        answer
    }

    fn wait(&mut self, silence: Duration) -> Result<Answer, Broken> {
        let mut deadline = Instant::now() + silence;
        loop {
            let frame =
                first_frame(&self.input[self.taken..], MAX_ANSWER).map_err(|e| Broken::Garbled(e.to_string()))?;
            if let Some((frame, size)) = frame {
                let answer = Answer::read(frame).map_err(|e| Broken::Garbled(e.to_string()));
                self.taken += size;
                if self.taken == self.input.len() {
                    self.input.clear();
                    self.input.shrink_to(PIPE);
                    self.taken = 0;
                }
                return answer;
            }
            self.poll(deadline.saturating_duration_since(Instant::now()))?;
            self.hear();
            if self.send()? | self.receive()? {
                deadline = Instant::now() + silence;
            } else if Instant::now() >= deadline {
                // Both pipes were just tried: we ourselves may have been suspended meanwhile, with an answer waiting.
                return Err(Broken::Silent(silence));
            }
        }
    }

    /// Waits until something can be done.
    fn poll(&self, timeout: Duration) -> Result<(), Broken> {
        let mut polled = vec![PollFd::new(&self.answers, PollFlags::IN)];
        if let (Some(requests), true) = (&self.requests, self.sent < self.out.len()) {
            polled.push(PollFd::new(requests, PollFlags::OUT));
        }
        if let Some(stderr) = &self.stderr {
            polled.push(PollFd::new(stderr, PollFlags::IN));
        }
        // A little late rather than a busy loop.
        let timeout =
            Timespec::try_from(timeout + Duration::from_millis(1)).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Broken::Garbled(format!("poll: {error}"))),
        }
    }

    /// Sends what the pipe takes; says whether it took anything.
    fn send(&mut self) -> Result<bool, Broken> {
        let mut progress = false;
        while let (Some(requests), true) = (&mut self.requests, self.sent < self.out.len()) {
            match requests.write(&self.out[self.sent..]) {
                Ok(0) => break,
                Ok(written) => {
                    self.sent += written;
                    progress = true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // It does not listen any more; what it said last is still to be read.
                Err(_) => self.requests = None,
            }
        }
        Ok(progress)
    }

    /// Takes what came; says whether anything did.
    fn receive(&mut self) -> Result<bool, Broken> {
        let before = self.input.len();
        let mut block = [0; 64 << 10];
        loop {
            match self.answers.read(&mut block) {
                Ok(0) if self.input.len() > before => return Ok(true),
                Ok(0) => return Err(self.obituary()),
                Ok(read) => {
                    if self.taken > 0 {
                        self.input.drain(..self.taken);
                        self.taken = 0;
                        self.input.extend_from_slice(&block[..read]);
                        return Ok(true);
                    }
                    self.input.extend_from_slice(&block[..read]);
                    // One answer at a time is enough: whoever floods us is not read ahead.
                    if self.input.len() - before >= PIPE {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(self.input.len() > before),
                Err(error) => return Err(Broken::Garbled(error.to_string())),
            }
        }
    }

    /// Keeps the end of what it says on its error stream.
    fn hear(&mut self) {
        let mut block = [0; 4 << 10];
        // Bounded, so that a process that only ever complains cannot keep us here.
        for _ in 0..16 {
            match self.stderr.as_mut().map(|stderr| stderr.read(&mut block)) {
                Some(Ok(read)) if read > 0 => {
                    self.words.extend_from_slice(&block[..read]);
                    let excess = self.words.len().saturating_sub(MAX_STDERR);
                    self.words.drain(..excess);
                }
                Some(Err(error)) if error.kind() == ErrorKind::Interrupted => (),
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => return,
                _ => {
                    self.stderr = None;
                    return;
                }
            }
        }
    }

    /// How it ended, which it did or is about to.
    fn obituary(&mut self) -> Broken {
        self.hear();
        let status = self.running.take().and_then(|running| {
            let group = pid(&running);
            let ended = reap_later(running);
            ended.recv_timeout(LAST_WAIT).ok().or_else(|| {
                kill_group(group);
                ended.recv_timeout(LAST_WAIT).ok()
            })
        });
        let mut how = status.map_or_else(|| "it closed its pipe".to_owned(), describe);
        let words = String::from_utf8_lossy(&self.words);
        if !words.trim().is_empty() {
            how = format!("{how}: {}", words.trim());
        }
        Broken::Ended(how)
    }

    /// Ends it now, if it runs.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            reap(running);
        }
        self.requests = None;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

fn kill_group(group: Option<Pid>) {
    if let Some(group) = group {
        // It may be gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Kills a process with everything it started, and takes its status from the system when it comes.
fn reap(mut running: Child) {
    kill_group(pid(&running));
    drop(running.kill());
    drop(reap_later(running));
}

fn reap_later(mut running: Child) -> Receiver<ExitStatus> {
    let (tell, told) = sync_channel(1);
    // Where no thread can be had the process stays a zombie until we end: nothing worse.
    drop(std::thread::Builder::new().name("reaper".into()).stack_size(64 << 10).spawn(move || {
        if let Ok(status) = running.wait() {
            let _ = tell.send(status);
        }
    }));
    told
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with status {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_millis(300);

    fn shell(script: &str) -> Worker {
        Worker::start(Path::new("/bin/sh"), &["-c", script]).expect("a shell")
    }

    #[test]
    fn a_silent_process_is_killed() {
        let mut worker = shell("exec sleep 1000");
        let id = worker.running.as_ref().map(Child::id).expect("running");
        assert_eq!(worker.answer(SILENCE), Err(Broken::Silent(SILENCE)));
        assert!(worker.running.is_none());
        // Reaped, or at least a zombie: in neither case does it have a command line.
        let begun = Instant::now();
        while std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(10), "it still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_end_is_told_with_its_last_words() {
        let Err(Broken::Ended(how)) = shell("echo no such thing >&2; exit 3").answer(SILENCE) else { panic!("ended") };
        assert_eq!(how, "it exited with status 3: no such thing");
        let Err(Broken::Ended(how)) = shell("kill -9 $$").answer(SILENCE) else { panic!("ended") };
        assert_eq!(how, "it was ended by signal 9");
        assert!(matches!(shell("exec >&-; exec sleep 1000").answer(SILENCE), Err(Broken::Ended(_))));
    }

    #[test]
    fn garbage_and_truncation_are_told() {
        for script in [
            "exec yes",
            "printf '\\377\\377\\377\\377x'; exec sleep 1000",
            "printf '\\002\\000\\000\\000\\001x'; exec cat",
        ] {
            assert!(matches!(shell(script).answer(SILENCE), Err(Broken::Garbled(_))), "{script}");
        }
        assert!(matches!(shell("printf '\\005\\000\\000\\000A'").answer(SILENCE), Err(Broken::Ended(_))));
        assert_eq!(
            shell("printf '\\005\\000\\000\\000A'; exec sleep 1000").answer(SILENCE),
            Err(Broken::Silent(SILENCE))
        );
        // Complaints without end are neither life nor memory.
        let mut worker = shell("yes >&2 & exec sleep 1000");
        assert_eq!(worker.answer(SILENCE), Err(Broken::Silent(SILENCE)));
        assert!(worker.words.len() <= MAX_STDERR);
    }

    #[test]
    fn a_process_that_does_not_listen_does_not_block_us() {
        let mut worker = shell("exec sleep 1000");
        worker.requests().resize(8 << 20, 0);
        assert_eq!(worker.answer(SILENCE), Err(Broken::Silent(SILENCE)));
        let mut worker = shell("exec <&-; printf '\\001\\000\\000\\000A'; exec sleep 1000");
        worker.requests().resize(8 << 20, 0);
        assert_eq!(worker.answer(SILENCE), Ok(Answer::Done));
    }
}
