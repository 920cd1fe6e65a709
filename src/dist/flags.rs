//! Distribution flags: what each side of a connection can do (PROTOCOL.md, B.3; `lib/kernel/include/dist.hrl`).

use std::fmt;
use std::ops::{BitAnd, BitOr};

/// A set of distribution flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:expr;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags($bit);)*
            /// Every flag by its name in `dist.hrl`, without the `DFLAG_`.
            pub const ALL: &'static [(&'static str, Flags)] = &[$((stringify!($name), Flags::$name)),*];
        }
    };
}

flags! {
    /// The node is visible. A connection on which one side lacks it is a hidden one.
    PUBLISHED = 0x1;
    /// Obsolete.
    ATOM_CACHE = 0x2;
    /// References of more than one word.
    EXTENDED_REFERENCES = 0x4;
    /// Monitors. Peers send none without it, and calls of absent servers then last until their timeout.
    DIST_MONITOR = 0x8;
    /// Funs have a tag of their own.
    FUN_TAGS = 0x10;
    /// Monitors of registered names.
    DIST_MONITOR_NAME = 0x20;
    /// Obsolete.
    HIDDEN_ATOM_CACHE = 0x40;
    /// NEW_FUN_EXT.
    NEW_FUN_TAGS = 0x80;
    /// Pids and ports of more than 18 bits.
    EXTENDED_PIDS_PORTS = 0x100;
    /// EXPORT_EXT.
    EXPORT_PTR_TAG = 0x200;
    /// Bit strings.
    BIT_BINARIES = 0x400;
    /// NEW_FLOAT_EXT.
    NEW_FLOATS = 0x800;
    /// `io` in Unicode.
    UNICODE_IO = 0x1000;
    /// A header before each signal with the atoms that it uses, and a cache of them. Never offered: it forces
    /// strict order and a table for each connection.
    DIST_HDR_ATOM_CACHE = 0x2000;
    /// SMALL_ATOM_EXT.
    SMALL_ATOM_TAGS = 0x4000;
    /// Atoms in UTF-8.
    UTF8_ATOMS = 0x10000;
    /// Maps.
    MAP_TAG = 0x20000;
    /// Creations of 32 bits.
    BIG_CREATION = 0x40000;
    /// Messages to pids name their sender.
    SEND_SENDER = 0x80000;
    /// Labels of sequential traces are terms.
    BIG_SEQTRACE_LABELS = 0x100000;
    /// Exit reasons are payloads.
    EXIT_PAYLOAD = 0x400000;
    /// Large signals come in fragments, between which others fit. It changes the form of every frame.
    FRAGMENTS = 0x800000;
    /// Version 6 of the handshake.
    HANDSHAKE_23 = 0x1000000;
    /// Unlinks have ids and are acknowledged.
    UNLINK_ID = 0x2000000;
    /// Stands for all that OTP 25 made mandatory.
    MANDATORY_25_DIGEST = 0x4000000;
    /// SPAWN_REQUEST, on which `erpc` stands.
    SPAWN = 0x1_0000_0000;
    /// The dialler asks to be given a name.
    NAME_ME = 0x2_0000_0000;
    /// Pids of 64 bits, larger ports and references.
    V4_NC = 0x4_0000_0000;
    /// Messages to aliases.
    ALIAS = 0x8_0000_0000;
    /// ALTACT_SIG_SEND (OTP 28).
    ALTACT_SIG = 0x20_0000_0000;
    /// RECORD_EXT (OTP 29). It is sent to us whether we offer it or not.
    NATIVE_RECORDS = 0x40_0000_0000;
}

/// What every release since OTP 25 asks for.
const MANDATORY_25: Flags = Flags(
    Flags::EXTENDED_REFERENCES.0
        | Flags::FUN_TAGS.0
        | Flags::NEW_FUN_TAGS.0
        | Flags::EXTENDED_PIDS_PORTS.0
        | Flags::EXPORT_PTR_TAG.0
        | Flags::BIT_BINARIES.0
        | Flags::NEW_FLOATS.0
        | Flags::UTF8_ATOMS.0
        | Flags::MAP_TAG.0
        | Flags::BIG_CREATION.0
        | Flags::HANDSHAKE_23.0,
);

/// What OTP 26 to 29 ask for on top. We do not: OTP 25 need not offer it.
const MANDATORY_26: Flags = Flags(Flags::V4_NC.0 | Flags::UNLINK_ID.0);

impl Flags {
    /// What we ask of every peer.
    pub const MANDATORY: Flags = MANDATORY_25;

    /// What a hidden node offers.
    pub const OFFERED_HIDDEN: Flags = Flags(
        MANDATORY_25.0
            | MANDATORY_26.0
            | Flags::MANDATORY_25_DIGEST.0
            | Flags::DIST_MONITOR.0
            | Flags::DIST_MONITOR_NAME.0
            | Flags::UNICODE_IO.0
            | Flags::SMALL_ATOM_TAGS.0
            | Flags::SEND_SENDER.0
            | Flags::BIG_SEQTRACE_LABELS.0
            | Flags::EXIT_PAYLOAD.0
            | Flags::FRAGMENTS.0
            | Flags::SPAWN.0
            | Flags::ALIAS.0
            | Flags::ALTACT_SIG.0
            | Flags::NATIVE_RECORDS.0,
    );

    /// What a visible node offers.
    pub const OFFERED: Flags = Flags(Flags::OFFERED_HIDDEN.0 | Flags::PUBLISHED.0);

    /// Whether all of `other` are in it.
    pub fn contains(self, other: Flags) -> bool {
        self & other == other
    }

    /// With what MANDATORY_25_DIGEST stands for.
    pub fn expanded(self) -> Flags {
        match self.contains(Flags::MANDATORY_25_DIGEST) {
            true => self | MANDATORY_25,
            false => self,
        }
    }

    /// The flags of `wanted` that are not in it.
    pub fn missing(self, wanted: Flags) -> Flags {
        Flags(wanted.0 & !self.0)
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Flags::ALL.iter().filter(|(_, flag)| self.contains(*flag));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_those_of_the_running_releases() {
        // erts_internal:get_dflags/0 of OTP 25 and 27 (PROTOCOL.md, B.3).
        assert_eq!(MANDATORY_25, Flags(0x107_0f84 | 0x10));
        assert_eq!(Flags::OFFERED, Flags(0x6D_07DF_5FBD));
    }

    #[test]
    fn the_digest_stands_for_the_25_set() {
        assert_eq!(Flags::default().missing(MANDATORY_25), MANDATORY_25);
        let digest = Flags::MANDATORY_25_DIGEST.expanded();
        assert_eq!(digest.missing(MANDATORY_25), Flags::default());
    }

    #[test]
    fn the_table_is_that_of_dist_hrl() {
        let Some(header) = dist_hrl() else {
            let missing = interop::Missing("no erlang-dev".to_owned());
            return interop::skip("the_table_is_that_of_dist_hrl", &missing);
        };
        let mut checked = 0;
        for line in header.lines() {
            let Some(rest) = line.strip_prefix("-define(DFLAG_") else {
                continue;
            };
            let (name, value) = rest.split_once(',').unwrap();
            if name == "RESERVED" {
                continue;
            }
            let known = Flags::ALL.iter().find(|(known, _)| *known == name);
            assert_eq!(known.map(|(_, flag)| flag.0), Some(bits(value)), "{name}");
            checked += 1;
        }
        assert!(checked > 25, "{checked}");
    }

    fn dist_hrl() -> Option<String> {
        let libraries = std::fs::read_dir("/usr/lib/erlang/lib").ok()?;
        let kernel = libraries
            .filter_map(Result::ok)
            .map(|entry| entry.path().join("include/dist.hrl"))
            .find(|path| path.exists())?;
        std::fs::read_to_string(kernel).ok()
    }

    /// `16#01).` or `(16#01 bsl 32)).`
    fn bits(value: &str) -> u64 {
        let (_, digits) = value.split_once("16#").unwrap();
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap();
        let number = u64::from_str_radix(&digits[..end], 16).unwrap();
        let shift = digits.split_once("bsl ").map_or(0, |(_, shift)| {
            shift
                .trim_end_matches([')', '.', ' '])
                .parse::<u32>()
                .unwrap()
        });
        number << shift
    }
}
