//! A worker, as its transform sees it.

use std::io::{self, BufReader, BufWriter, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use catchwater_sdk::{Error, Result, ResultExt};

use super::explain;
use super::wire::{self, Answer, Bounds, Hello, READY, Request};

/// A worker keeps the time itself; one that says nothing for so much longer is stuck or stopped.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of what a worker complained of is read.
const SAID_BYTES_MAX: u64 = 16 << 10;
/// What comes before a worker says that it is ready is skipped, up to here.
const NOISE_BYTES_MAX: usize = 64 << 10;

/// A running worker. Dropped, it is ended.
pub(super) struct Process {
    child: Child,
    to: BufWriter<UnixStream>,
    from: BufReader<UnixStream>,
}

// === impl Process ===

impl Process {
    /// Starts a worker and waits until it is ready.
    pub(super) fn start(hello: &Hello) -> Result<Process> {
        let doing = || "start a process to run jq in".to_owned();
        let mut process = Process::spawn(Duration::from_millis(hello.bounds.time_ms)).or_refused(doing)?;
        let greeted = wire::write_hello(&mut process.to, hello).and_then(|()| process.hear_ready());
        match greeted {
            Ok(()) => Ok(process),
            Err(_) => Err(Error::refused(doing()).because(process.end(&hello.bounds))),
        }
    }

    fn spawn(time_max: Duration) -> io::Result<Process> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(time_max + PATIENCE))?;
        ours.set_write_timeout(Some(time_max + PATIENCE))?;
        let child = command()?
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Process { child, to: BufWriter::new(ours.try_clone()?), from: BufReader::new(ours) })
    }

    fn hear_ready(&mut self) -> io::Result<()> {
        let mut heard = Vec::new();
        while !heard.ends_with(READY) {
            if heard.len() == NOISE_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            let mut byte = [0];
            self.from.read_exact(&mut byte)?;
            heard.extend(byte);
        }
        Ok(())
    }

    /// Hands over records; an answer to each follows.
    pub(super) fn ask(&mut self, group: &[Request<'_>]) -> io::Result<()> {
        wire::write_group(&mut self.to, group)
    }

    pub(super) fn answer(&mut self) -> io::Result<Answer> {
        wire::read_answer(&mut self.from)
    }

    #[cfg(test)]
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it runs");
    }

    /// Ends it; why it gave no answer.
    pub(super) fn end(mut self, bounds: &Bounds) -> String {
        let _ = self.child.kill(); // most often it is gone already, and then its own status stays
        let status = self.child.wait().ok();
        let mut said = Vec::new();
        if let Some(complaints) = self.child.stderr.take() {
            let _ = complaints.take(SAID_BYTES_MAX).read_to_end(&mut said); // what was read will do
        }
        explain::gone(&String::from_utf8_lossy(&said), status, bounds)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may be gone already
        let _ = self.child.wait();
    }
}

/// This program once more, without anything that it could know.
#[cfg(not(test))]
fn command() -> io::Result<Command> {
    catchwater_sdk::worker::command(crate::JQ_WORKER)
}

/// In unit tests this program is the tests, and one of them is a worker when it is told so.
#[cfg(test)]
fn command() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["transforms::jq::tests::a_worker_for_the_other_tests", "--exact", "--nocapture"]);
    command.env_clear().env(super::tests::IS_WORKER, "1").current_dir("/");
    Ok(command)
}
