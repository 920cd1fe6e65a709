//! What an EPMD answers: replies, in both directions. They carry no length of their own.

use super::codec::{CodecError, CodecFault, NodeEntry, Reader};

const ALIVE2_RESP: u8 = b'y';
const ALIVE2_X_RESP: u8 = b'v';
const PORT2_RESP: u8 = b'w';

/// The answer to ALIVE2: ALIVE2_X_RESP with a creation of 32 bits, or ALIVE2_RESP with one of 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliveReply {
    /// 0: registered. Anything else: the name is taken.
    pub result: u8,
    /// Tells this life of the node from its earlier ones.
    pub creation: u32,
    /// Whether the creation has 32 bits on the wire: for those who speak version 6 or later.
    pub wide: bool,
}

impl AliveReply {
    /// The name is taken. The creation that comes with it means nothing, and is the one that epmd sends.
    pub fn refused(wide: bool) -> AliveReply {
        AliveReply {
            result: 1,
            creation: 99,
            wide,
        }
    }

    /// Reads the whole reply, 4 or 6 bytes.
    pub fn decode(bytes: &[u8]) -> Result<AliveReply, CodecError> {
        let mut bytes = Reader::new(bytes);
        let wide = match bytes.u8()? {
            ALIVE2_X_RESP => true,
            ALIVE2_RESP => false,
            unknown => return Err(CodecFault::Tag(unknown).at(0)),
        };
        let result = bytes.u8()?;
        let creation = match wide {
            true => bytes.u32()?,
            false => bytes.u16()?.into(),
        };
        Ok(AliveReply {
            result,
            creation,
            wide,
        })
    }

    /// The bytes to send, in **one** write: `erl_epmd.erl` takes a part of them for garbage.
    pub fn encode(&self) -> Vec<u8> {
        match self.wide {
            true => {
                let mut out = vec![ALIVE2_X_RESP, self.result];
                out.extend(self.creation.to_be_bytes());
                out
            }
            false => {
                let mut out = vec![ALIVE2_RESP, self.result];
                out.extend((self.creation as u16).to_be_bytes());
                out
            }
        }
    }
}

/// The answer to PORT_PLEASE2: PORT2_RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortReply {
    /// The node that has this name.
    Found(NodeEntry),
    /// Nobody has; the result on the wire, which is not 0.
    Unknown(u8),
}

impl PortReply {
    /// Reads the whole reply.
    pub fn decode(bytes: &[u8]) -> Result<PortReply, CodecError> {
        let mut bytes = Reader::new(bytes);
        match bytes.u8()? {
            PORT2_RESP => {}
            unknown => return Err(CodecFault::Tag(unknown).at(0)),
        }
        match bytes.u8()? {
            0 => NodeEntry::take(&mut bytes).map(PortReply::Found),
            result => Ok(PortReply::Unknown(result)),
        }
    }

    /// The bytes to send. Fails on an entry that cannot have been registered.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        match self {
            PortReply::Found(entry) => {
                let mut out = vec![PORT2_RESP, 0];
                entry.put(&mut out)?;
                Ok(out)
            }
            PortReply::Unknown(result) => Ok(vec![PORT2_RESP, *result]),
        }
    }
}

/// The answer to NAMES; the end of the connection is its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesReply {
    /// The port that the EPMD itself listens on. `erl_epmd:names/0` refuses any other than it asked.
    pub epmd_port: u16,
    /// Name and port of each node, the last one registered first.
    pub nodes: Vec<(String, u16)>,
}

impl NamesReply {
    /// Reads the whole reply. A name that is not UTF-8 is read with replacement characters: one odd
    /// neighbour must not hide the others.
    pub fn decode(bytes: &[u8]) -> Result<NamesReply, CodecError> {
        let port = Reader::new(bytes).u32()?;
        let epmd_port = u16::try_from(port).map_err(|_| CodecFault::Line.at(0))?;
        let mut nodes = Vec::new();
        let mut at = 4;
        for line in bytes
            .get(at..)
            .unwrap_or_default()
            .split_inclusive(|byte| *byte == b'\n')
        {
            let Some(line_text) = line.strip_suffix(b"\n") else {
                return Err(CodecFault::Truncated.at(bytes.len()));
            };
            nodes.push(node_of(line_text).ok_or_else(|| CodecFault::Line.at(at))?);
            at += line.len();
        }
        Ok(NamesReply { epmd_port, nodes })
    }

    /// The bytes to send, after which the connection is closed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(u32::from(self.epmd_port).to_be_bytes());
        for (name, port) in &self.nodes {
            out.extend(format!("name {name} at port {port}\n").bytes());
        }
        out
    }
}

fn node_of(line: &[u8]) -> Option<(String, u16)> {
    let line = String::from_utf8_lossy(line);
    let (name, port) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
    Some((name.into(), port.parse().ok()?))
}
