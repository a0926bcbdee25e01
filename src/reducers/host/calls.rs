//! The calls of the system that the worker may still make: a list of what it works with, everything else fails.
//!
//! Landlock takes the file system and the network away; this takes away the doors themselves, also those Landlock does not
//! know (other sockets, `io_uring`, `ptrace`, `bpf`, new processes, memory that is code). A call that is not on the list
//! answers "operation not permitted" and does nothing: a list that forgot a call must not kill a fold.

/// Allows these calls only, in all threads, from now on.
///
/// # Errors
/// Why not, in words.
#[cfg(target_os = "linux")]
pub fn restrict() -> Result<(), String> {
    let program = linux::program()?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

/// Other systems have no such list that needs no privilege.
#[cfg(not(target_os = "linux"))]
pub fn restrict() -> Result<(), String> {
    Err("this system has none".into())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use nix::libc;
    use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    };

    /// Allowed whatever is asked: the pipes to the parent, memory, waiting, clocks, and the end.
    const ALLOWED: [i64; 31] = [
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_ppoll,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_getaffinity,
        libc::SYS_getrlimit,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// The list as the kernel reads it.
    pub fn program() -> Result<BpfProgram, String> {
        let said = |error: seccompiler::BackendError| error.to_string();
        let only = |argument, operator, value| -> Result<Vec<SeccompRule>, String> {
            let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value).map_err(said)?;
            Ok(vec![SeccompRule::new(vec![condition]).map_err(said)?])
        };
        let ours = u64::from(std::process::id());
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // Memory, but never such as could be run.
        let code = MaskedEq(libc::PROT_EXEC as u64);
        rules.insert(libc::SYS_mmap, only(2, code.clone(), 0)?);
        rules.insert(libc::SYS_mprotect, only(2, code, 0)?);
        // Its own limits, which can only fall, and signals to itself: what an abort sends.
        rules.insert(libc::SYS_prlimit64, only(0, Eq, 0)?);
        rules.insert(libc::SYS_tgkill, only(0, Eq, ours)?);
        let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(said)?;
        let refused = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, machine).map_err(said)?;
        filter.try_into().map_err(said)
    }

    #[cfg(test)]
    mod tests {
        use std::fs::File;
        use std::io::{ErrorKind, Write};
        use std::net::{TcpListener, UdpSocket};
        use std::os::unix::net::UnixDatagram;

        use super::*;

        #[test]
        fn what_is_not_on_the_list_fails_and_what_is_works() {
            let (to_us, mut from_them) = rustix::pipe::pipe().map(|(a, b)| (a, File::from(b))).expect("a pipe");
            // A thread of its own: the list binds it to its end.
            let locked = std::thread::spawn(move || {
                seccompiler::apply_filter(&program().expect("a list")).expect("it is taken");
                let refused = |what: &str, kind: Option<ErrorKind>| {
                    assert_eq!(kind, Some(ErrorKind::PermissionDenied), "{what}");
                };
                refused("open", File::open("/etc/passwd").err().map(|error| error.kind()));
                refused("make", File::create("/tmp/stepback-seccomp").err().map(|error| error.kind()));
                refused("list", std::fs::read_dir("/").err().map(|error| error.kind()));
                refused("tcp", TcpListener::bind("127.0.0.1:0").err().map(|error| error.kind()));
                refused("udp", UdpSocket::bind("127.0.0.1:0").err().map(|error| error.kind()));
                refused("unix", UnixDatagram::unbound().err().map(|error| error.kind()));
                refused("exec", std::process::Command::new("/bin/true").spawn().err().map(|error| error.kind()));
                refused("thread", std::thread::Builder::new().spawn(|| ()).err().map(|error| error.kind()));
                let kill = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::URG);
                refused("kill", kill.err().map(|error| error.kind()));
                let memory = vec![7_u8; 32 << 20];
                std::thread::sleep(std::time::Duration::from_millis(1));
                from_them.write_all(&memory[..5]).expect("a pipe is written to");
            });
            locked.join().expect("no assertion failed");
            let mut read = [0; 5];
            rustix::io::read(&to_us, &mut read).expect("readable");
            assert_eq!(read, [7; 5]);
        }
    }
}
