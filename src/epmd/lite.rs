//! TEMPORARY stand-in until branch `epmd` lands; never committed.
#![allow(missing_docs, unreachable_pub)]
use crate::NodeName;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpmdMode {
    Auto,
    External,
    Embedded,
    None,
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("x {0}")]
    X(String),
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpmdError {
    #[error("x {0}")]
    X(String),
}
#[derive(Debug)]
pub struct NodeEntry {
    pub port: u16,
}
pub async fn lookup(a: SocketAddr, name: &str) -> Result<NodeEntry, LookupError> {
    let go = async {
        let mut s = TcpStream::connect(a).await?;
        let mut m = vec![];
        m.extend((name.len() as u16 + 1).to_be_bytes());
        m.push(122);
        m.extend(name.as_bytes());
        s.write_all(&m).await?;
        let mut v = vec![];
        s.read_to_end(&mut v).await?;
        std::io::Result::Ok(v)
    };
    match go.await {
        Ok(v) if v.len() > 4 && v[1] == 0 => Ok(NodeEntry {
            port: u16::from_be_bytes([v[2], v[3]]),
        }),
        other => Err(LookupError::X(format!("{other:?}"))),
    }
}
pub struct EpmdSettings {
    pub mode: EpmdMode,
    pub port: u16,
    pub name: NodeName,
    pub dist_port: u16,
    pub hidden: bool,
}
#[derive(Debug)]
pub struct EpmdKeeper {
    _s: TcpStream,
}
impl EpmdKeeper {
    pub async fn start(e: EpmdSettings) -> Result<EpmdKeeper, EpmdError> {
        let go = async {
            let mut s = TcpStream::connect(("127.0.0.1", e.port)).await?;
            let n = e.name.name();
            let mut m = vec![];
            m.extend((n.len() as u16 + 13).to_be_bytes());
            m.push(120);
            m.extend(e.dist_port.to_be_bytes());
            m.extend([77, 0, 0, 6, 0, 5]);
            m.extend((n.len() as u16).to_be_bytes());
            m.extend(n.as_bytes());
            m.extend([0, 0]);
            s.write_all(&m).await?;
            let mut v = [0; 6];
            s.read_exact(&mut v).await?;
            std::io::Result::Ok((s, v))
        };
        match go.await {
            Ok((s, v)) if v[1] == 0 => Ok(EpmdKeeper { _s: s }),
            other => Err(EpmdError::X(format!("{other:?}"))),
        }
    }
    pub async fn stop(self) {}
}

impl From<&LookupError> for crate::cluster::RefusalKind {
    fn from(_: &LookupError) -> Self {
        crate::cluster::RefusalKind::NameUnknown
    }
}
