//! This program started once more, as a worker: for what can neither be interrupted nor be bounded from within. A worker knows
//! nothing of its surroundings, does one thing, and may die.

use std::io;
use std::process::Command;

/// What a worker may take; the system ends one that takes more (Linux).
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Seconds of a processor's time; none is no bound.
    pub seconds: Option<u64>,
    /// Bytes of memory that it writes to. An allocation beyond fails, which ends the process.
    pub memory_bytes: u64,
}

/// The command that starts this program with one argument, without environment and in no folder of anyone's.
pub fn command(argument: &str) -> io::Result<Command> {
    // On Linux also where the file was replaced since: that is then still this version.
    let program = match cfg!(target_os = "linux") {
        true => "/proc/self/exe".into(),
        false => std::env::current_exe()?,
    };
    let mut command = Command::new(program);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut command, "catchwater");
    command.arg(argument).env_clear().current_dir("/");
    Ok(command)
}

/// Whether this process was started with that argument.
pub fn is(argument: &str) -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == argument)
}

impl Bounds {
    /// Bounds this process, for good.
    #[cfg(target_os = "linux")]
    pub fn apply(self) -> io::Result<()> {
        let set = |what, soft, hard| {
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
            // SAFETY: the pointer is to a whole `rlimit` that outlives the call, which only reads it.
            match unsafe { libc::setrlimit(what, &limit) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // One that is at fault leaves no core behind.
        set(libc::RLIMIT_CORE, 0, 0)?;
        if let Some(seconds) = self.seconds {
            // The signal of the first tells what it is for; that of the second, which comes where both are equal, does not.
            set(libc::RLIMIT_CPU, seconds, seconds.saturating_add(1))?;
        }
        set(libc::RLIMIT_DATA, self.memory_bytes, self.memory_bytes)
    }

    /// Bounds this process, for good.
    #[cfg(not(target_os = "linux"))]
    pub fn apply(self) -> io::Result<()> {
        Ok(())
    }
}
