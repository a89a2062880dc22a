//! Bodies, read and inflated within bounds. (Invariant 9)

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::answer::Refusal;

/// How much all bodies together may take.
pub(super) struct Budget {
    left_bytes: AtomicUsize,
}

/// What one body takes of a budget; given back with it.
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

/// What a body was compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

/// So much is inflated at a time.
const BLOCK_BYTES: usize = 64 << 10;
/// How long the rest of a refused body is listened to, so that its sender hears why instead of a closed connection.
const DISCARD: Duration = Duration::from_secs(1);

// === impl Budget, Held ===

impl Budget {
    pub(super) fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget { left_bytes: AtomicUsize::new(bytes) })
    }
}

impl Held {
    pub(super) fn nothing_of(budget: &Arc<Budget>) -> Held {
        Held { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Takes more, if there is so much left.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let taken = self.budget.left_bytes.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes));
        taken.map_err(|_| Refusal::not_now("the bodies of other requests fill the buffer"))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.left_bytes.fetch_add(self.bytes, Relaxed);
    }
}

// === impl Encoding ===

impl Encoding {
    /// What the request says.
    pub(super) fn of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let (first, more) = (encodings.next(), encodings.next().is_some());
        let name = first.map_or("", |value| value.to_str().unwrap_or("?")).trim().to_ascii_lowercase();
        match name.as_str() {
            _ if more => Err(unknown_encoding("several")),
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "deflate" => Ok(Encoding::Deflate),
            other => Err(unknown_encoding(other)),
        }
    }
}

fn unknown_encoding(name: &str) -> Refusal {
    Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("the content encoding `{name}` is not known"),
        "send the body as it is, or compressed once with `gzip` or `deflate`",
    )
}

/// The body as it was sent, of at most `max` bytes, within `within`.
pub(super) async fn read(
    body: &mut Incoming,
    max: usize,
    within: Duration,
    held: &mut Held,
) -> Result<Vec<u8>, Refusal> {
    match timeout(within, read_all(body, max, held)).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s", within.as_secs_f64()),
            "send it faster or in smaller requests; is `Content-Length` right?",
        )),
    }
}

async fn read_all(body: &mut Incoming, max: usize, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let cut_off = |error| {
            Refusal::bad(
                format!("the body was cut off after {} bytes: {error}", read.len()),
                "send it whole; is `Content-Length` right?",
            )
        };
        // Trailers are no part of the body.
        let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
        if data.len() > max - read.len() {
            return Err(larger_than(max));
        }
        held.grow(data.len())?;
        read.extend_from_slice(&data);
    }
    Ok(read)
}

pub(super) fn larger_than(max: usize) -> Refusal {
    Refusal::too_large(
        format!("the body is larger than {max} bytes"),
        "send fewer events in one request, or raise `body_max`",
    )
}

/// Listens to the rest of a body that is not wanted, for a moment.
pub(super) async fn discard(mut body: Incoming) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(DISCARD, rest).await; // who sends longer than that hears no answer
}

/// The body as its sender had it; it grows to at most `max` bytes, however small it was sent.
pub(super) fn inflate(encoding: Encoding, body: Vec<u8>, max: usize, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    match encoding {
        Encoding::Identity => Ok(body),
        Encoding::Gzip => inflate_all(&mut MultiGzDecoder::new(body.as_slice()), max, held),
        Encoding::Deflate => {
            let mut decoder = ZlibDecoder::new(body.as_slice());
            let inflated = inflate_all(&mut decoder, max, held)?;
            match decoder.into_inner() {
                [] => Ok(inflated),
                rest => Err(damaged(format!("{} bytes follow behind its end", rest.len()))),
            }
        }
    }
}

fn inflate_all(reader: &mut dyn Read, max: usize, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    let (mut inflated, mut block) = (Vec::new(), vec![0; BLOCK_BYTES]);
    loop {
        let read = reader.read(&mut block).map_err(|error| damaged(error.to_string()))?;
        if read == 0 {
            return Ok(inflated);
        }
        if read > max - inflated.len() {
            return Err(Refusal::too_large(
                format!("the body is larger than {max} bytes once it is decompressed"),
                "send fewer events in one request, or raise `body_max`",
            ));
        }
        held.grow(read)?;
        inflated.extend_from_slice(&block[..read]);
    }
}

fn damaged(reason: String) -> Refusal {
    Refusal::bad(
        format!("the body cannot be decompressed: {reason}"),
        "is it compressed with what `Content-Encoding` says, and whole?",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("memory");
        encoder.finish().expect("memory")
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("memory");
        encoder.finish().expect("memory")
    }

    fn check(encoding: Encoding, body: Vec<u8>, expected: Result<&[u8], &str>) {
        let budget = Budget::new(1000);
        let mut held = Held::nothing_of(&budget);
        let inflated = inflate(encoding, body, 500, &mut held).map_err(|refusal| refusal.error);
        match expected {
            Ok(plain) => assert_eq!(inflated.as_deref(), Ok(plain)),
            Err(reason) => assert!(inflated.as_ref().is_err_and(|error| error.contains(reason)), "{inflated:?}"),
        }
        drop(held);
        assert_eq!(budget.left_bytes.load(Relaxed), 1000, "all was given back");
    }

    #[test]
    fn inflates_what_was_compressed_in_one_or_several_members() {
        check(Encoding::Gzip, gzip(b"one"), Ok(b"one"));
        check(Encoding::Gzip, [gzip(b"one"), gzip(b"two")].concat(), Ok(b"onetwo"));
        check(Encoding::Deflate, zlib(b"one"), Ok(b"one"));
        check(Encoding::Identity, b"one".to_vec(), Ok(b"one"));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_bound() {
        check(Encoding::Gzip, gzip(&vec![0; 10 << 20]), Err("larger than 500 bytes once it is decompressed"));
        check(Encoding::Deflate, zlib(&vec![0; 10 << 20]), Err("larger than 500 bytes once it is decompressed"));
    }

    #[test]
    fn what_is_damaged_cut_short_or_longer_is_refused() {
        let whole = gzip(b"some text that is long enough");
        check(Encoding::Gzip, whole[..whole.len() - 9].to_vec(), Err("cannot be decompressed"));
        check(Encoding::Gzip, b"plain".to_vec(), Err("cannot be decompressed"));
        check(Encoding::Gzip, [whole, b"rest".to_vec()].concat(), Err("cannot be decompressed"));
        check(Encoding::Deflate, [zlib(b"one"), b"rest".to_vec()].concat(), Err("4 bytes follow behind its end"));
    }

    #[test]
    fn a_full_budget_is_no_fault_of_the_body() {
        let budget = Budget::new(10);
        let refusal = inflate(Encoding::Gzip, gzip(&[7; 20]), 500, &mut Held::nothing_of(&budget)).expect_err("full");
        assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
