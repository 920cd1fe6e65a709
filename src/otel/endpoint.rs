//! Where a collector is, as it is given.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;

/// `http://HOST:PORT/PATH` of a collector: `/v1/metrics` and `/v1/traces` stand behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    /// Without a slash at its end.
    pub(super) path: String,
}

/// Why it is none. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    #[error("is not the address of a collector, such as http://127.0.0.1:4318")]
    NoAddress,
    #[error(
        "https cannot be spoken: give the http:// address of a collector on this host or in this network, which sends it on"
    )]
    Https,
    #[error(
        "holds a user or password, which every log would show: put it into OTEL_EXPORTER_OTLP_HEADERS"
    )]
    Password,
    #[error("holds a query, which is not sent: put a key into OTEL_EXPORTER_OTLP_HEADERS")]
    Query,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let uri: Uri = text.trim().parse().map_err(|_| EndpointError::NoAddress)?;
        let authority = uri.authority().ok_or(EndpointError::NoAddress)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::Password);
        }
        if uri.query().is_some() {
            return Err(EndpointError::Query);
        }
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(EndpointError::Https),
            _ => return Err(EndpointError::NoAddress),
        }
        Ok(Endpoint {
            host: authority.host().to_owned(),
            // That of http, as in every URL; 4318 must be said.
            port: authority.port_u16().unwrap_or(80),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let shown = |text: &str| {
            text.parse::<Endpoint>()
                .map(|endpoint| endpoint.to_string())
        };
        let good = [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
            ("http://[::1]:4318/", "http://[::1]:4318"),
            ("http://collector/a/b/", "http://collector:80/a/b"),
        ];
        for (text, expected) in good {
            assert_eq!(shown(text), Ok(expected.to_owned()));
        }
        assert_eq!(shown("https://collector:4318"), Err(EndpointError::Https));
        assert_eq!(
            shown("http://me:word@collector:4318"),
            Err(EndpointError::Password)
        );
        assert_eq!(
            shown("http://collector:4318/?key=word"),
            Err(EndpointError::Query)
        );
        for text in ["", "collector:4318", "127.0.0.1", "/v1", "ftp://collector"] {
            assert_eq!(shown(text), Err(EndpointError::NoAddress), "{text}");
        }
    }
}
