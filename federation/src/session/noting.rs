//! A stream that notes why it failed: HTTP keeps less of an error than a person needs.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use causeway_seam::real::net::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// The error that was noted.
#[derive(Clone, Default)]
pub(super) struct Noted(Arc<Mutex<Option<io::Error>>>);

impl Noted {
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes the first error; one of TLS replaces one of TCP, since an alert says why the other side hung up.
    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        result.map_err(|error| {
            let passed_on = io::Error::new(error.kind(), error.to_string());
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if noted.is_none() || error.kind() == io::ErrorKind::InvalidData {
                *noted = Some(error);
            }
            passed_on
        })
    }
}

/// The stream.
pub(super) struct Noting {
    stream: TlsStream<Stream>,
    noted: Noted,
}

impl Noting {
    pub(super) fn new(stream: TlsStream<Stream>) -> (Self, Noted) {
        let noted = Noted::default();
        let noting = Self {
            stream,
            noted: noted.clone(),
        };
        (noting, noted)
    }
}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.noted.note(result)
    }
}

impl AsyncWrite for Noting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.noted.note(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.noted.note(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.noted.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.noted.note(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
