//! The datagram: a heartbeat made, and any bytes that came in judged.

use std::fmt;

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::body::{
    ATOM_UTF8_EXT, MAP_EXT, Malformed, PREFIX, SMALL_ATOM_UTF8_EXT, VERSION, node_atom,
};
use crate::{GossipSecret, NodeName};

/// The longest datagram that is looked at, in bytes: what fits into an Ethernet frame. The longest heartbeat
/// that libcluster can make has 1,072.
pub const MAX_PACKET: usize = 1472;

/// The shortest encrypted heartbeat: the IV and two blocks (`heartbeat::` and a map take 28 bytes or more).
const MIN_ENCRYPTED: usize = 3 * BLOCK;
const BLOCK: usize = 16;

/// What a received datagram is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A peer's heartbeat: this node exists and wants to be connected.
    Heartbeat(NodeName),
    /// A heartbeat with our own name: the network brought back what we sent.
    OwnEcho,
    /// Encrypted, but not with our secret.
    Undecryptable {
        /// Length of the datagram in bytes.
        length: usize,
    },
    /// It looks encrypted, and we have no secret.
    EncryptedButNoSecret {
        /// Length of the datagram in bytes.
        length: usize,
    },
    /// A plain heartbeat of this node, and we have a secret: libcluster ignores it, so do we.
    PlainButSecret(NodeName),
    /// No heartbeat at all.
    Malformed(Malformed),
}

/// [`Verdict`] without its particulars, to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum VerdictKind {
    /// [`Verdict::Heartbeat`]
    Heartbeat,
    /// [`Verdict::OwnEcho`]
    OwnEcho,
    /// [`Verdict::Undecryptable`]
    Undecryptable,
    /// [`Verdict::EncryptedButNoSecret`]
    EncryptedButNoSecret,
    /// [`Verdict::PlainButSecret`]
    PlainButSecret,
    /// [`Verdict::Malformed`]
    Malformed,
}

impl VerdictKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [VerdictKind; 6] = [
        VerdictKind::Heartbeat,
        VerdictKind::OwnEcho,
        VerdictKind::Undecryptable,
        VerdictKind::EncryptedButNoSecret,
        VerdictKind::PlainButSecret,
        VerdictKind::Malformed,
    ];

    /// A name for events and metrics, such as `plain_but_secret`.
    pub fn as_str(self) -> &'static str {
        match self {
            VerdictKind::Heartbeat => "heartbeat",
            VerdictKind::OwnEcho => "own_echo",
            VerdictKind::Undecryptable => "undecryptable",
            VerdictKind::EncryptedButNoSecret => "encrypted_but_no_secret",
            VerdictKind::PlainButSecret => "plain_but_secret",
            VerdictKind::Malformed => "malformed",
        }
    }
}

impl Verdict {
    /// The verdict without its particulars.
    pub fn kind(&self) -> VerdictKind {
        match self {
            Verdict::Heartbeat(_) => VerdictKind::Heartbeat,
            Verdict::OwnEcho => VerdictKind::OwnEcho,
            Verdict::Undecryptable { .. } => VerdictKind::Undecryptable,
            Verdict::EncryptedButNoSecret { .. } => VerdictKind::EncryptedButNoSecret,
            Verdict::PlainButSecret(_) => VerdictKind::PlainButSecret,
            Verdict::Malformed(_) => VerdictKind::Malformed,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Heartbeat(node) => write!(f, "heartbeat of {node}"),
            Verdict::OwnEcho => f.write_str("our own heartbeat"),
            Verdict::Undecryptable { length } => {
                write!(f, "{length} bytes encrypted with another secret than ours")
            }
            Verdict::EncryptedButNoSecret { length } => {
                write!(
                    f,
                    "{length} bytes that look encrypted: set the gossip secret"
                )
            }
            Verdict::PlainButSecret(node) => write!(
                f,
                "plain heartbeat of {node}: it has no gossip secret, we have one"
            ),
            Verdict::Malformed(fault) => write!(f, "no heartbeat: {fault}"),
        }
    }
}

/// Makes our heartbeats and judges what comes in. The secret's key is expanded once and wiped on drop.
///
/// ```
/// use beamlink::{GossipSecret, NodeName, gossip::{Codec, Verdict}};
/// let [a, b] = ["a@host", "b@host"].map(|name| name.parse::<NodeName>().unwrap());
/// let secret = GossipSecret::new("dev_cluster_secret_2025");
/// let packet = Codec::new(&a, Some(&secret)).encode([7; 16]);
/// assert_eq!(Codec::new(&b, Some(&secret)).decode(&packet), Verdict::Heartbeat(a));
/// assert_eq!(Codec::new(&b, None).decode(&packet), Verdict::EncryptedButNoSecret { length: 48 });
/// ```
pub struct Codec {
    own: NodeName,
    plain: Vec<u8>,
    /// The first is ours, the others those of a rotation.
    ciphers: Vec<Aes256>,
}

impl Codec {
    /// A codec for the node `own`, which encrypts and decrypts when there is a secret.
    pub fn new(own: &NodeName, secret: Option<&GossipSecret>) -> Codec {
        Codec {
            own: own.clone(),
            plain: plain_heartbeat(own),
            ciphers: secret.map(cipher).into_iter().collect(),
        }
    }

    /// Takes heartbeats under `secret` too, and [`Codec::encode_all`] makes ours under it too: for a cluster that moves
    /// from one secret to another, node by node.
    #[must_use]
    pub fn also(mut self, secret: &GossipSecret) -> Codec {
        self.ciphers.push(cipher(secret));
        self
    }

    /// Our heartbeat under each secret, or the one plain one. Each takes an `iv` of its own, as for [`Codec::encode`].
    pub fn encode_all(&self, mut iv: impl FnMut() -> [u8; 16]) -> Vec<Vec<u8>> {
        match &*self.ciphers {
            [] => vec![self.plain.clone()],
            ciphers => {
                let packets = ciphers.iter().map(|cipher| self.encrypted(cipher, iv()));
                packets.collect()
            }
        }
    }

    /// Our heartbeat. `iv` must come fresh from a secure source each time; a plain heartbeat leaves it unused.
    pub fn encode(&self, iv: [u8; 16]) -> Vec<u8> {
        match self.ciphers.first() {
            Some(cipher) => self.encrypted(cipher, iv),
            None => self.plain.clone(),
        }
    }

    fn encrypted(&self, cipher: &Aes256, iv: [u8; 16]) -> Vec<u8> {
        let body = cbc::Encryptor::inner_iv_init(cipher, Array::cast_from_core(&iv))
            .encrypt_padded_vec::<Pkcs7>(&self.plain);
        [iv.as_slice(), &body].concat()
    }

    /// Judges a datagram. Accepts what `lib/strategy/gossip.ex` accepts, save for compressed terms and
    /// names that are none.
    pub fn decode(&self, packet: &[u8]) -> Verdict {
        let length = packet.len();
        if length > MAX_PACKET {
            return Verdict::Malformed(Malformed::TooLong { length });
        }
        if self.ciphers.is_empty() {
            return match packet {
                _ if packet.starts_with(PREFIX) => self.judge(packet),
                _ if looks_encrypted(packet) => Verdict::EncryptedButNoSecret { length },
                _ => Verdict::Malformed(Malformed::NotGossip { length }),
            };
        }
        if packet.starts_with(PREFIX) {
            let node = node_atom(packet).and_then(|atom| atom.node_name());
            return node.map_or_else(Verdict::Malformed, Verdict::PlainButSecret);
        }
        let mut space = [[0; BLOCK]; MAX_PACKET / BLOCK];
        for cipher in &self.ciphers {
            if let Some(heartbeat) = decrypt(cipher, packet, &mut space) {
                return self.judge(heartbeat);
            }
        }
        match packet {
            _ if looks_encrypted(packet) => Verdict::Undecryptable { length },
            _ => Verdict::Malformed(Malformed::NotGossip { length }),
        }
    }

    /// Whether a datagram was made with a secret of ours, be it whole or cut off: its first block says so.
    pub fn fits(&self, packet: &[u8]) -> bool {
        if self.ciphers.is_empty() {
            return packet.starts_with(PREFIX);
        }
        let Some((iv, rest)) = packet.split_first_chunk::<BLOCK>() else {
            return false;
        };
        let Some(first) = rest.first_chunk::<BLOCK>() else {
            return false;
        };
        self.ciphers.iter().any(|cipher| {
            let mut first = *first;
            cbc::Decryptor::inner_iv_init(cipher, Array::cast_from_core(iv))
                .decrypt_block(Array::cast_from_core_mut(&mut first));
            first.starts_with(PREFIX)
        })
    }

    fn judge(&self, heartbeat: &[u8]) -> Verdict {
        match node_atom(heartbeat) {
            Ok(atom) if atom.is(self.own.as_str()) => Verdict::OwnEcho,
            Ok(atom) => atom
                .node_name()
                .map_or_else(Verdict::Malformed, Verdict::Heartbeat),
            Err(fault) => Verdict::Malformed(fault),
        }
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("own", &self.own)
            .field("encrypted", &!self.ciphers.is_empty())
            .finish()
    }
}

fn cipher(secret: &GossipSecret) -> Aes256 {
    let key = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(secret.expose())));
    Aes256::new(Array::cast_from_core(&key))
}

fn plain_heartbeat(node: &NodeName) -> Vec<u8> {
    let name = node.as_str().as_bytes();
    let mut packet = PREFIX.to_vec();
    packet.extend([VERSION, MAP_EXT, 0, 0, 0, 1]);
    packet.extend([SMALL_ATOM_UTF8_EXT, 4]);
    packet.extend(b"node");
    match u8::try_from(name.len()) {
        Ok(length) => packet.extend([SMALL_ATOM_UTF8_EXT, length]),
        // At most 255 characters of four bytes, so that two bytes hold the length.
        Err(_) => {
            let [.., high, low] = name.len().to_be_bytes();
            packet.extend([ATOM_UTF8_EXT, high, low]);
        }
    }
    packet.extend(name);
    packet
}

/// Decrypts into `space` and takes the padding off; `None` when the secret is another or the padding is bad.
///
/// Two quirks are libcluster's: a last byte of 0 stands for no padding, and bytes behind the last whole
/// block are left out, as `crypto:crypto_one_time/5` does without complaint.
fn decrypt<'a>(
    cipher: &Aes256,
    packet: &[u8],
    space: &'a mut [[u8; BLOCK]; MAX_PACKET / BLOCK],
) -> Option<&'a [u8]> {
    let (iv, rest) = packet.split_first_chunk::<BLOCK>()?;
    let (blocks, _cut_off) = rest.as_chunks::<BLOCK>();
    let plain = space.get_mut(..blocks.len())?;
    plain.copy_from_slice(blocks);
    let mut cbc = cbc::Decryptor::inner_iv_init(cipher, Array::cast_from_core(iv));
    let (first, others) = plain.split_first_mut()?;
    cbc.decrypt_block(Array::cast_from_core_mut(first));
    if !first.starts_with(PREFIX) {
        return None;
    }
    cbc.decrypt_blocks(Array::cast_slice_from_core_mut(others));
    unpad(plain.as_flattened())
}

fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let last = *padded.last()?;
    if usize::from(last) > BLOCK {
        return None;
    }
    let (message, padding) = padded.split_at_checked(padded.len() - usize::from(last))?;
    padding.iter().all(|byte| *byte == last).then_some(message)
}

/// Whether these may be an IV and ciphertext: whole blocks, enough of them, and not text.
fn looks_encrypted(packet: &[u8]) -> bool {
    packet.len() >= MIN_ENCRYPTED && packet.len().is_multiple_of(BLOCK) && !packet.is_ascii()
}
