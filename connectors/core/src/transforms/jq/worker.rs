//! The other side: a process that runs one program on what it is asked.
//!
//! It ends when nobody asks any more, and it ends itself when a program takes too long, also if the process that started it
//! is gone by then.

use std::io::{self, BufReader, BufWriter, Stdout, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use catchwater_sdk::worker;

use super::program::{Program, STACK_BYTES};
use super::wire::{self, Answer, Bounds, Hello, READY};

/// Answers until nobody asks any more.
pub(crate) fn serve() -> ExitCode {
    match try_to_serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}"); // who started it may be gone
            ExitCode::FAILURE
        }
    }
}

fn try_to_serve() -> io::Result<()> {
    let hello = wire::read_hello(&mut io::stdin().lock())?;
    let memory_bytes = hello.bounds.memory_bytes.saturating_add(OWN_BYTES);
    worker::Bounds { seconds: None, memory_bytes }.apply()?;
    let watch = Arc::new(Watch::new(hello.bounds.time_ms));
    let watching = Arc::clone(&watch);
    thread::Builder::new().name("watch".into()).spawn(move || watching.watch())?;
    let answering = thread::Builder::new().name("jq".into()).stack_size(STACK_BYTES);
    answering.spawn(move || answer_all(&hello, &watch))?.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")))
}

fn answer_all(hello: &Hello, watch: &Watch) -> io::Result<()> {
    let program = Program::read(&hello.program).map_err(io::Error::other)?;
    let mut asked = BufReader::new(io::stdin());
    {
        let mut answers = watch.answers();
        answers.write_all(READY)?;
        answers.flush()?;
    }
    while let Some(group) = wire::read_group(&mut asked)? {
        for (payload, envelope) in group {
            watch.begin();
            let answer = answer(&program, &payload, &envelope, &hello.bounds);
            let mut answers = watch.answers();
            watch.end();
            wire::write_answer(&mut *answers, &answer)?;
        }
    }
    Ok(())
}

fn answer(program: &Program, payload: &[u8], envelope: &[u8], bounds: &Bounds) -> Answer {
    program.run(payload, envelope, bounds).map_or_else(Answer::Failed, Answer::Made)
}

/// Looks at how long the program has been at it.
struct Watch {
    /// Where answers go. Whoever holds it decides what the answer is.
    answers: Mutex<BufWriter<Stdout>>,
    birth: Instant,
    /// When the program began on the record at hand, in milliseconds since the birth, from 1 on; 0 while it has none.
    began_ms: AtomicU64,
    time_ms: u64,
}

// === impl Watch ===

impl Watch {
    fn new(time_ms: u64) -> Watch {
        let answers = Mutex::new(BufWriter::new(io::stdout()));
        Watch { answers, birth: Instant::now(), began_ms: AtomicU64::new(0), time_ms }
    }

    fn answers(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.birth.elapsed().as_millis() as u64 + 1
    }

    fn begin(&self) {
        self.began_ms.store(self.now_ms(), SeqCst);
    }

    fn end(&self) {
        self.began_ms.store(0, SeqCst);
    }

    fn is_late(&self) -> bool {
        let began_ms = self.began_ms.load(SeqCst);
        began_ms > 0 && self.now_ms() - began_ms > self.time_ms
    }

    fn watch(&self) {
        let pause = Duration::from_millis((self.time_ms / 8).clamp(5, 250));
        loop {
            thread::sleep(pause);
            if !self.is_late() {
                continue;
            }
            let mut answers = self.answers();
            // The program may have come to its end just now.
            if self.is_late() {
                let _ = wire::write_answer(&mut *answers, &Answer::Late); // who asked may be gone
                std::process::exit(0);
            }
        }
    }
}

/// What this process has besides what the program takes: its own code's data, and the stack of the thread that runs it.
const OWN_BYTES: u64 = (STACK_BYTES + (32 << 20)) as u64;
