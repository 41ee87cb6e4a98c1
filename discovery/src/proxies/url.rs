//! Where the admin page of proxies is.

use std::fmt;
use std::str::FromStr;

/// `http://HOST:PORT`, and below it an optional path. A host that has several addresses, such as a headless Service, is
/// as many proxies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxyUrl {
    authority: String,
    path: String,
}

impl ProxyUrl {
    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is asked for: path and query.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}/clusters?format=json", self.path)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl FromStr for ProxyUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "{text:?} is no proxy's admin page: {why}; expected http://HOST:PORT, such as http://envoy.edge.svc:9901"
            )
        };
        let uri: http::Uri = text
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("only http is spoken"));
        }
        let Some(authority) = uri
            .authority()
            .filter(|it| it.port_u16().is_some_and(|p| p != 0))
        else {
            return Err(wrong("it names no port"));
        };
        if authority.as_str().contains('@') || uri.query().is_some() || authority.host().is_empty()
        {
            return Err(wrong("neither users nor a query belong there"));
        }
        Ok(Self {
            authority: authority.to_string(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_is_named_by_host_and_port() {
        for (text, authority, target) in [
            (
                "http://127.0.0.1:9901",
                "127.0.0.1:9901",
                "/clusters?format=json",
            ),
            ("http://[::1]:9901/", "[::1]:9901", "/clusters?format=json"),
            (
                "http://envoy.edge.svc:80/admin/",
                "envoy.edge.svc:80",
                "/admin/clusters?format=json",
            ),
        ] {
            let url: ProxyUrl = text.parse().unwrap();
            assert_eq!(
                (url.authority(), url.target().as_str()),
                (authority, target)
            );
            assert_eq!(url.to_string().parse::<ProxyUrl>().unwrap(), url);
        }
        for (text, why) in [
            ("127.0.0.1:9901", "http"),
            ("https://envoy:9901", "only http"),
            ("http://envoy", "no port"),
            ("http://envoy:0", "no port"),
            ("http://me@envoy:9901", "users"),
            ("http://envoy:9901/?a", "query"),
            ("", "is no proxy"),
        ] {
            let error = text.parse::<ProxyUrl>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
