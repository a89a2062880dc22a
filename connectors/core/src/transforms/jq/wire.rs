//! What a transform and its worker say to each other: parts with their length in front.

use std::io::{self, Error, ErrorKind, Read, Write};

use serde::{Deserialize, Serialize};

/// The first thing that a worker hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) program: String,
    pub(super) bounds: Bounds,
}

/// How much a program may do for one record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bounds {
    pub(super) time_ms: u64,
    pub(super) memory_bytes: u64,
    pub(super) output_bytes: usize,
    pub(super) outputs: usize,
}

/// A record for the program.
pub(super) struct Request<'a> {
    pub(super) payload: &'a [u8],
    /// The record as JSON; empty where the program does not ask for it.
    pub(super) envelope: Vec<u8>,
}

/// The same as it arrives: payload and envelope.
pub(super) type Asked = (Vec<u8>, Vec<u8>);

/// What the program made of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Made(Vec<Vec<u8>>),
    Failed(String),
    /// It took too long; the worker is gone.
    Late,
}

/// What a worker says once it is ready. What comes before is not from it.
pub(super) const READY: &[u8] = b"\0catchwater-jq-ready\0";
/// A longer part is no part of this conversation.
const PART_BYTES_MAX: usize = 1 << 30;

const MADE: u32 = 0;
const FAILED: u32 = 1;
const LATE: u32 = 2;

pub(super) fn write_hello(to: &mut impl Write, hello: &Hello) -> io::Result<()> {
    write_part(to, &serde_json::to_vec(hello)?)?;
    to.flush()
}

pub(super) fn read_hello(from: &mut impl Read) -> io::Result<Hello> {
    Ok(serde_json::from_slice(&read_part(from)?)?)
}

pub(super) fn write_group(to: &mut impl Write, group: &[Request<'_>]) -> io::Result<()> {
    write_number(to, group.len() as u32)?;
    for request in group {
        write_part(to, request.payload)?;
        write_part(to, &request.envelope)?;
    }
    to.flush()
}

/// The records that were asked about; `None` once nobody asks any more.
pub(super) fn read_group(from: &mut impl Read) -> io::Result<Option<Vec<Asked>>> {
    let count = match read_number(from) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        count => count?,
    };
    (0..count).map(|_| Ok((read_part(from)?, read_part(from)?))).collect::<io::Result<_>>().map(Some)
}

pub(super) fn write_answer(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    match answer {
        Answer::Made(payloads) => {
            write_number(to, MADE)?;
            write_number(to, payloads.len() as u32)?;
            payloads.iter().try_for_each(|payload| write_part(to, payload))?;
        }
        Answer::Failed(reason) => {
            write_number(to, FAILED)?;
            write_part(to, reason.as_bytes())?;
        }
        Answer::Late => write_number(to, LATE)?,
    }
    to.flush()
}

pub(super) fn read_answer(from: &mut impl Read) -> io::Result<Answer> {
    match read_number(from)? {
        MADE => {
            let count = read_number(from)?;
            (0..count).map(|_| read_part(from)).collect::<io::Result<_>>().map(Answer::Made)
        }
        FAILED => Ok(Answer::Failed(String::from_utf8_lossy(&read_part(from)?).into_owned())),
        LATE => Ok(Answer::Late),
        other => Err(Error::new(ErrorKind::InvalidData, format!("{other} is no answer"))),
    }
}

fn write_part(to: &mut impl Write, part: &[u8]) -> io::Result<()> {
    write_number(to, part.len() as u32)?;
    to.write_all(part)
}

fn read_part(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = read_number(from)? as usize;
    if length > PART_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, format!("a part of {length} bytes")));
    }
    let mut part = vec![0; length];
    from.read_exact(&mut part)?;
    Ok(part)
}

fn write_number(to: &mut impl Write, number: u32) -> io::Result<()> {
    to.write_all(&number.to_le_bytes())
}

fn read_number(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &Answer) {
        let mut said = Vec::new();
        write_answer(&mut said, answer).expect("memory can be written");
        assert_eq!(&read_answer(&mut said.as_slice()).expect("it is whole"), answer);
        read_answer(&mut &said[..said.len() - 1]).expect_err("it is cut short");
    }

    #[test]
    fn an_answer_arrives_as_it_was_given() {
        check(&Answer::Made(vec![]));
        check(&Answer::Made(vec![b"1".to_vec(), vec![], b"{}".to_vec()]));
        check(&Answer::Failed("no".into()));
        check(&Answer::Late);
    }

    #[test]
    fn a_group_arrives_as_it_was_asked_and_then_nobody_asks() {
        let mut said = Vec::new();
        let requests =
            [Request { payload: b"1", envelope: vec![] }, Request { payload: b"", envelope: b"{}".to_vec() }];
        write_group(&mut said, &requests).expect("memory can be written");
        let mut from = said.as_slice();
        let group = read_group(&mut from).expect("it is whole").expect("somebody asks");
        assert_eq!(group, [(b"1".to_vec(), vec![]), (vec![], b"{}".to_vec())]);
        assert_eq!(read_group(&mut from).expect("an end is no error"), None);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        read_answer(&mut &b"what?"[..]).expect_err("no such answer");
        read_answer(&mut &[1, 0, 0, 0, 255, 255, 255, 255][..]).expect_err("too long");
    }
}
