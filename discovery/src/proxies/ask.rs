//! A proxy's page by HTTP/1.1, bounded in time and size.

use std::net::SocketAddr;
use std::pin::pin;

use async_trait::async_trait;
use causeway_seam::real::net;
use futures::future::{Either, select};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::url::ProxyUrl;

/// The most of a page that is read: thousands of clusters with several hosts each.
pub const PAGE_BYTES: usize = 16 << 20;

/// Asks proxies. Time is bounded by whoever calls.
#[async_trait]
pub trait Asks: Send + Sync {
    /// The addresses of a page's host: as many proxies.
    ///
    /// # Errors
    /// Why it has none now.
    async fn addresses(&self, proxy: &ProxyUrl) -> Result<Vec<SocketAddr>, String>;

    /// The page of one of them.
    ///
    /// # Errors
    /// Why there is none.
    async fn page(&self, proxy: &ProxyUrl, at: SocketAddr) -> Result<Vec<u8>, String>;
}

/// By the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct NetAsks;

#[async_trait]
impl Asks for NetAsks {
    async fn addresses(&self, proxy: &ProxyUrl) -> Result<Vec<SocketAddr>, String> {
        let found = net::resolve(proxy.authority()).await;
        found.map_err(|error| error.to_string())
    }

    async fn page(&self, proxy: &ProxyUrl, at: SocketAddr) -> Result<Vec<u8>, String> {
        let said = |error: hyper::Error| error.to_string();
        let stream = net::connect(&at.to_string()).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
        let request = http::Request::get(proxy.target())
            .header(http::header::HOST, proxy.authority())
            .header(http::header::USER_AGENT, "causeway")
            .header(http::header::CONNECTION, "close")
            .body(Empty::<&[u8]>::new())
            .map_err(|error| error.to_string())?;
        let exchange = async move {
            let answer = sender.send_request(request).await.map_err(said)?;
            if answer.status() != http::StatusCode::OK {
                return Err(format!("{} answered {}", proxy.target(), answer.status()));
            }
            let body = Limited::new(answer.into_body(), PAGE_BYTES).collect().await;
            let body = body.map_err(|error| format!("{}: {error}", proxy.target()))?;
            Ok(body.to_bytes().to_vec())
        };
        // The connection ends with what was asked, or what was asked with the connection.
        match select(pin!(exchange), pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, exchange)) => exchange.await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Answers one connection with `answer`, and gives back what was asked.
    async fn served(answer: String) -> (Result<Vec<u8>, String>, String) {
        let listener = net::listen("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let proxy: ProxyUrl = format!("http://{at}").parse().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut part = [0; 256];
                let read = stream.read(&mut part).await.unwrap();
                asked.extend_from_slice(part.get(..read).unwrap());
            }
            // Who has had enough lets go.
            let _ = stream.write_all(answer.as_bytes()).await;
            String::from_utf8(asked).unwrap()
        };
        let addresses = NetAsks.addresses(&proxy).await.unwrap();
        assert_eq!(addresses, [at]);
        let page = NetAsks.page(&proxy, at);
        futures::future::join(page, serve).await
    }

    #[tokio::test]
    async fn a_page_is_read_whole_and_bounded() {
        let chunked =
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let (page, asked) = served(chunked.to_owned()).await;
        assert_eq!(page.unwrap(), b"abcde");
        assert!(
            asked.starts_with("GET /clusters?format=json HTTP/1.1\r\n"),
            "{asked}"
        );

        let (page, _) =
            served("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
        assert_eq!(
            page.unwrap_err(),
            "/clusters?format=json answered 403 Forbidden"
        );

        let endless = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            PAGE_BYTES + 1
        );
        let (page, _) = served(endless + &"x".repeat(PAGE_BYTES + 1)).await;
        assert!(page.unwrap_err().contains("length limit exceeded"));

        let (page, _) = served("SSH-2.0\r\n".to_owned()).await;
        assert!(page.is_err());
    }
}
