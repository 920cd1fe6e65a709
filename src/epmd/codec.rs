//! What is said to an EPMD: requests, in both directions, and what can be wrong with bytes.

/// The longest request, without its two bytes of length: an ALIVE2 with the longest name and extra.
pub const MAX_REQUEST: usize = ALIVE2_FIXED + 2 * MAX_FIELD;

/// The longest name, in Unicode code points: a node's name is an atom.
pub const MAX_NAME: usize = 255;

/// The most bytes that `extra` may have (`MAXSYMLEN` in `epmd_int.h`).
pub const MAX_EXTRA: usize = MAX_FIELD;

const MAX_FIELD: usize = 4 * MAX_NAME;

/// An ALIVE2 request without the bytes of its name and extra.
const ALIVE2_FIXED: usize = 13;

/// The first byte of each request.
mod tag {
    pub(super) const ALIVE2: u8 = b'x';
    pub(super) const PORT_PLEASE2: u8 = b'z';
    pub(super) const NAMES: u8 = b'n';
    pub(super) const DUMP: u8 = b'd';
    pub(super) const KILL: u8 = b'k';
    pub(super) const STOP: u8 = b's';
}

/// Bytes that are no EPMD request or reply, or a value that cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {offset})")]
pub struct CodecError {
    /// Where the fault is: bytes from the start of the message, a request's length not counted.
    pub offset: usize,
    /// What is wrong there.
    pub fault: CodecFault,
}

/// What is wrong with an EPMD message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecFault {
    /// The message ends within a field.
    #[error("the message ends too early")]
    Truncated,
    /// No message begins with this byte.
    #[error("no EPMD message begins with the byte {0:#04x}")]
    Tag(u8),
    /// A message of this length is not possible.
    #[error("a message of {0} bytes is not possible")]
    Length(usize),
    /// A name must have at least one character.
    #[error("the name is empty")]
    NameEmpty,
    /// A name has at most [`MAX_NAME`] code points.
    #[error("the name has {0} characters, at most {MAX_NAME} are possible")]
    NameLength(usize),
    /// A name is UTF-8.
    #[error("the name is not UTF-8")]
    NameEncoding,
    /// A name has no control characters: NUL ends it in C, a line feed would forge a line of NAMES.
    #[error("the name has a control character")]
    NameCharacter,
    /// `extra` has at most [`MAX_EXTRA`] bytes.
    #[error("extra has {0} bytes, at most {MAX_EXTRA} are possible")]
    ExtraLength(usize),
    /// A line of a NAMES reply is not `name NAME at port PORT`.
    #[error("a line is not of the form 'name NAME at port PORT'")]
    Line,
}

impl CodecFault {
    pub(super) fn at(self, offset: usize) -> CodecError {
        CodecError {
            offset,
            fault: self,
        }
    }
}

/// What a node says of itself when it registers. It says nothing about visibility: the handshake's
/// PUBLISHED flag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// 77, `M`: an ordinary node.
    Visible,
    /// 72, `H`: a hidden node, or one that is no BEAM.
    Hidden,
    /// Anything else.
    Other(u8),
}

impl From<u8> for NodeType {
    fn from(byte: u8) -> NodeType {
        match byte {
            b'M' => NodeType::Visible,
            b'H' => NodeType::Hidden,
            other => NodeType::Other(other),
        }
    }
}

impl From<NodeType> for u8 {
    fn from(node_type: NodeType) -> u8 {
        match node_type {
            NodeType::Visible => b'M',
            NodeType::Hidden => b'H',
            NodeType::Other(byte) => byte,
        }
    }
}

/// What EPMD knows of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    /// The part of the node's name before the `@`.
    pub name: String,
    /// The TCP port that the node accepts distribution connections on.
    pub port: u16,
    /// Visible or hidden, by its own account.
    pub node_type: NodeType,
    /// The transport: 0 is TCP over IPv4, and what every BEAM says, IPv6 or not.
    pub protocol: u8,
    /// The highest version of the distribution protocol: 6 since OTP 23.
    pub highest_version: u16,
    /// The lowest version of the distribution protocol.
    pub lowest_version: u16,
    /// Bytes for the node's own use, at most [`MAX_EXTRA`]. BEAMs leave it empty.
    pub extra: Vec<u8>,
}

impl NodeEntry {
    /// A node as OTP 25 and later register: TCP, versions 5 to 6, no extra.
    ///
    /// ```
    /// use beamlink::epmd::{NodeEntry, NodeType, Request};
    /// let entry = NodeEntry::new("a", 0x1234, NodeType::Visible);
    /// let bytes = Request::Alive2(entry).encode().unwrap();
    /// assert_eq!(bytes, b"\x00\x0e\x78\x12\x34\x4d\x00\x00\x06\x00\x05\x00\x01a\x00\x00");
    /// ```
    pub fn new(name: &str, port: u16, node_type: NodeType) -> NodeEntry {
        NodeEntry {
            name: name.into(),
            port,
            node_type,
            protocol: 0,
            highest_version: 6,
            lowest_version: 5,
            extra: Vec::new(),
        }
    }

    /// The fields after the tag, in the order that ALIVE2 and PORT2_RESP share.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(self.port.to_be_bytes());
        out.push(self.node_type.into());
        out.push(self.protocol);
        out.extend(self.highest_version.to_be_bytes());
        out.extend(self.lowest_version.to_be_bytes());
        let name_at = out.len() + 2;
        check_name(self.name.as_bytes()).map_err(|fault| fault.at(name_at))?;
        put_field(out, self.name.as_bytes());
        if self.extra.len() > MAX_EXTRA {
            return Err(CodecFault::ExtraLength(self.extra.len()).at(out.len()));
        }
        put_field(out, &self.extra);
        Ok(())
    }

    pub(super) fn take(bytes: &mut Reader<'_>) -> Result<NodeEntry, CodecError> {
        let port = bytes.u16()?;
        let node_type = bytes.u8()?.into();
        let protocol = bytes.u8()?;
        let highest_version = bytes.u16()?;
        let lowest_version = bytes.u16()?;
        let name_len = bytes.u16()?;
        let name_at = bytes.at;
        if usize::from(name_len) > MAX_FIELD {
            return Err(CodecFault::NameLength(name_len.into()).at(name_at));
        }
        let name = check_name(bytes.bytes(name_len.into())?).map_err(|fault| fault.at(name_at))?;
        let extra_at = bytes.at;
        let extra_len = usize::from(bytes.u16()?);
        if extra_len > MAX_EXTRA {
            return Err(CodecFault::ExtraLength(extra_len).at(extra_at));
        }
        Ok(NodeEntry {
            name: name.into(),
            port,
            node_type,
            protocol,
            highest_version,
            lowest_version,
            extra: bytes.bytes(extra_len)?.into(),
        })
    }
}

/// What is asked of an EPMD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// ALIVE2: register this node for as long as the connection stays open.
    Alive2(NodeEntry),
    /// PORT_PLEASE2: on which port does the node with this name listen?
    PortPlease2(String),
    /// NAMES: all registered names and ports.
    Names,
    /// DUMP: the same, with file descriptors and past names.
    Dump,
    /// KILL: end the daemon.
    Kill,
    /// STOP: unregister the node with this name by force.
    Stop(String),
}

impl Request {
    /// The length of the request that the two first bytes of a connection announce.
    pub fn length(header: [u8; 2]) -> Result<usize, CodecError> {
        match usize::from(u16::from_be_bytes(header)) {
            length @ 1..=MAX_REQUEST => Ok(length),
            length => Err(CodecFault::Length(length).at(0)),
        }
    }

    /// Reads a request, without its two bytes of length. What follows a complete request is ignored, as
    /// `epmd_srv.c` does.
    pub fn decode(body: &[u8]) -> Result<Request, CodecError> {
        let mut bytes = Reader { bytes: body, at: 0 };
        match bytes.u8()? {
            tag::ALIVE2 => NodeEntry::take(&mut bytes).map(Request::Alive2),
            tag::PORT_PLEASE2 => bytes.last_name().map(Request::PortPlease2),
            tag::NAMES => Ok(Request::Names),
            tag::DUMP => Ok(Request::Dump),
            tag::KILL => Ok(Request::Kill),
            tag::STOP => bytes.last_name().map(Request::Stop),
            unknown => Err(CodecFault::Tag(unknown).at(0)),
        }
    }

    /// The bytes to send, the length in front. Fails on a name or an extra that no EPMD takes.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let mut body = Vec::with_capacity(64);
        match self {
            Request::Alive2(entry) => {
                body.push(tag::ALIVE2);
                entry.put(&mut body)?;
            }
            Request::PortPlease2(name) => put_last_name(&mut body, tag::PORT_PLEASE2, name)?,
            Request::Names => body.push(tag::NAMES),
            Request::Dump => body.push(tag::DUMP),
            Request::Kill => body.push(tag::KILL),
            Request::Stop(name) => put_last_name(&mut body, tag::STOP, name)?,
        }
        let mut message = Vec::with_capacity(2 + body.len());
        put_field(&mut message, &body);
        Ok(message)
    }
}

/// Writes a length of two bytes and a field whose length was checked to fit.
fn put_field(out: &mut Vec<u8>, field: &[u8]) {
    debug_assert!(field.len() <= MAX_REQUEST);
    out.extend((field.len() as u16).to_be_bytes());
    out.extend(field);
}

fn put_last_name(out: &mut Vec<u8>, tag: u8, name: &str) -> Result<(), CodecError> {
    check_name(name.as_bytes()).map_err(|fault| fault.at(1))?;
    out.push(tag);
    out.extend(name.as_bytes());
    Ok(())
}

fn check_name(bytes: &[u8]) -> Result<&str, CodecFault> {
    let name = std::str::from_utf8(bytes).map_err(|_| CodecFault::NameEncoding)?;
    match name.chars().count() {
        0 => Err(CodecFault::NameEmpty),
        1..=MAX_NAME if name.chars().any(char::is_control) => Err(CodecFault::NameCharacter),
        1..=MAX_NAME => Ok(name),
        count => Err(CodecFault::NameLength(count)),
    }
}

/// Takes fields off the front of a message, and knows how far it is.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let Some((field, rest)) = self.bytes.split_at_checked(count) else {
            return Err(CodecFault::Truncated.at(self.at + self.bytes.len()));
        };
        self.bytes = rest;
        self.at += count;
        Ok(field)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A name that fills the rest of the message. One NUL behind it is dropped, as `epmd_srv.c` does.
    fn last_name(&mut self) -> Result<String, CodecError> {
        let name = self.bytes.strip_suffix(b"\0").unwrap_or(self.bytes);
        check_name(name)
            .map(String::from)
            .map_err(|fault| fault.at(self.at))
    }
}

#[cfg(test)]
mod tests;
