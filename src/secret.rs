//! Secrets: the distribution cookie and the gossip secret. They print as a fingerprint, compare in
//! constant time and are wiped on drop (DESIGN.md, law 3).

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<Vec<u8>>);

        impl $name {
            /// Takes the secret's bytes.
            pub fn new(bytes: impl Into<Vec<u8>>) -> $name {
                $name(Zeroizing::new(bytes.into()))
            }

            /// The bytes themselves: for digests and keys only, never for output.
            pub fn expose(&self) -> &[u8] {
                &self.0
            }

            /// The first four bytes of the SHA-256 of the secret, in hex: enough to see whether two
            /// places hold the same secret, not enough to find it.
            pub fn fingerprint(&self) -> String {
                let digest = Sha256::digest(&*self.0);
                digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(sha256:{})"), self.fingerprint())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", self.fingerprint())
            }
        }
    };
}

secret! {
    /// The cookie that both ends of a distribution connection must share, as latin-1 bytes.
    ///
    /// ```
    /// let cookie = beamlink::Cookie::new("reg_greenhouse_clique");
    /// assert!(!format!("{cookie:?}").contains("greenhouse"));
    /// ```
    Cookie
}

secret! {
    /// The secret of libcluster's Gossip strategy: heartbeats are encrypted with its SHA-256.
    ///
    /// ```
    /// let secret = beamlink::GossipSecret::new("dev_cluster_secret_2025");
    /// assert!(!format!("{secret}").contains("dev"));
    /// ```
    GossipSecret
}
