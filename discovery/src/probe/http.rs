//! A readiness page, asked for by HTTP/1.1: `200` to `399` is ready, as a kubelet counts
//! (<https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>). For Istio's gateways that is
//! `/healthz/ready` at port 15021.

use causeway_api::facts::GatewayAddress;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::tcp::{connect, socket};

/// More than any status line.
const LINE: usize = 512;

/// Asks for a page.
pub(super) async fn ready(address: &GatewayAddress, port: u16, path: &str) -> Result<(), String> {
    let mut stream = connect(address, port).await?;
    let host = socket(address, port);
    let ask = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: causeway\r\nConnection: close\r\n\r\n"
    );
    let broke = |error: std::io::Error| format!("{path}: {error}");
    stream.write_all(ask.as_bytes()).await.map_err(broke)?;
    let mut line = Vec::new();
    let mut part = [0_u8; 128];
    while !line.contains(&b'\n') && line.len() < LINE {
        match stream.read(&mut part).await.map_err(broke)? {
            0 => break,
            read => line.extend(part.iter().take(read)),
        }
    }
    status(&line, path)
}

fn status(answer: &[u8], path: &str) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    let mut words = text.split_ascii_whitespace();
    let (version, code) = (words.next(), words.next());
    let code = code.and_then(|code| code.parse::<u16>().ok());
    match (version, code) {
        (Some(version), Some(code)) if version.starts_with("HTTP/1.") => {
            if (200..400).contains(&code) {
                Ok(())
            } else {
                Err(format!("{path} answered {code}"))
            }
        }
        _ => Err(format!("{path}: no HTTP answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn only_an_answer_that_is_well_counts() {
        for good in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 302 Found\r\n"] {
            assert_eq!(status(good.as_bytes(), "/ready"), Ok(()));
        }
        let error = |answer: &str| status(answer.as_bytes(), "/ready").err();
        assert_eq!(
            error("HTTP/1.1 503 Service Unavailable\r\n").as_deref(),
            Some("/ready answered 503")
        );
        for bad in ["", "HTTP/1.1\r\n", "SSH-2.0-x 200\r\n", "HTTP/1.1 ok\r\n"] {
            assert_eq!(error(bad).as_deref(), Some("/ready: no HTTP answer"));
        }
    }
}
