//! How long a request may take. Bodies may be large and the way slow, so no request has an end of its own: what counts is how
//! long nothing comes of it. A connection that hangs is so noticed, and a slow one gets there.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, Result};
use tokio::time::timeout;

/// So long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// What is sent is not seen on its way, only its answer behind all of it: so many bytes have another second.
const BYTES_PER_SECOND: u64 = 512 << 10;

/// Makes clients whose requests last while something flows.
#[derive(Debug)]
pub(super) struct Connector;

/// See [`Connector`].
#[derive(Debug)]
struct Watched {
    client: HttpClient,
    silence: Duration,
}

#[derive(Debug)]
struct Silent(Duration);

// === impl Connector ===

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(&options.clone().with_timeout_disabled())?;
        Ok(HttpClient::new(Watched { client, silence: SILENCE }))
    }
}

// === impl Watched ===

#[async_trait]
impl HttpService for Watched {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let sent_within = Duration::from_secs(request.body().content_length() as u64 / BYTES_PER_SECOND);
        let answer = heard(self.silence + sent_within, self.client.execute(request)).await??;
        let (parts, body) = answer.into_parts();
        Ok(HttpResponse::from_parts(parts, watched(body, self.silence)))
    }
}

/// The body, up to where it falls silent. Time passes only while somebody waits for more of it.
fn watched(body: HttpResponseBody, silence: Duration) -> HttpResponseBody {
    let frames = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match heard(silence, body.frame()).await {
            Ok(frame) => frame.map(|frame| (frame, Some(body))),
            Err(error) => Some((Err(error), None)),
        }
    });
    // Whoever reads an error's body asks once more behind its end.
    HttpResponseBody::new(StreamBody::new(frames.fuse()))
}

async fn heard<T>(within: Duration, answer: impl Future<Output = T>) -> Result<T, HttpError> {
    timeout(within, answer).await.map_err(|_| HttpError::new(HttpErrorKind::Timeout, Silent(within)))
}

// === impl Silent ===

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing came for {:?}", self.0)
    }
}

impl std::error::Error for Silent {}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const SILENCE: Duration = Duration::from_millis(300);
    const SHORT: Duration = Duration::from_millis(50);
    const FRAMES: usize = 10;

    /// Answers after a while, with a body that comes in pieces.
    #[derive(Debug)]
    struct Slow {
        answer: Duration,
        frame: Duration,
    }

    #[async_trait]
    impl HttpService for Slow {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            sleep(self.answer).await;
            let pause = self.frame;
            let frames = stream::unfold(FRAMES, move |left| async move {
                let left = left.checked_sub(1)?;
                sleep(pause).await;
                let frame = HttpResponseBody::from("x".to_owned()).frame().await.expect("a frame");
                Some((frame, left))
            });
            Ok(HttpResponse::new(HttpResponseBody::new(StreamBody::new(frames))))
        }
    }

    async fn ask(answer: Duration, frame: Duration, sent: usize) -> Result<usize, HttpErrorKind> {
        let client = HttpClient::new(Watched { client: HttpClient::new(Slow { answer, frame }), silence: SILENCE });
        let answer = client.execute(HttpRequest::new(vec![0; sent].into())).await.map_err(|error| error.kind())?;
        answer.into_body().bytes().await.map(|bytes| bytes.len()).map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn a_slow_body_may_take_as_long_as_it_flows() {
        assert_eq!(ask(SHORT, SHORT, 0).await, Ok(FRAMES));
    }

    #[tokio::test]
    async fn silence_ends_a_request() {
        assert_eq!(ask(SILENCE * 2, SHORT, 0).await, Err(HttpErrorKind::Timeout));
        assert_eq!(ask(SHORT, SILENCE * 2, 0).await, Err(HttpErrorKind::Timeout));
    }

    #[tokio::test]
    async fn the_end_of_a_body_stays_its_end() {
        let mut body = watched(HttpResponseBody::from(String::new()), SILENCE);
        for _ in 0..3 {
            assert!(body.frame().await.is_none());
        }
    }

    #[tokio::test]
    async fn what_is_sent_has_the_time_that_it_takes() {
        assert_eq!(ask(SILENCE * 2, Duration::ZERO, BYTES_PER_SECOND as usize).await, Ok(FRAMES));
    }
}
