//! What names processes, ports and calls across nodes: pids, ports and references.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Atom;

/// A process of some boot of some node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    /// The node that it lives on.
    pub node: Atom,
    /// Its number there.
    pub id: u32,
    /// How often the numbers went round.
    pub serial: u32,
    /// The boot of the node.
    pub creation: u32,
}

/// A port of some boot of some node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Port {
    /// The node that has it.
    pub node: Atom,
    /// Its number there.
    pub id: u64,
    /// The boot of the node.
    pub creation: u32,
}

/// How many words a reference has. As a type of five values it leaves [`Term`](super::Term) room for its own tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
enum Words {
    One = 1,
    Two,
    Three,
    Four,
    Five,
}

/// A unique mark of some boot of some node: one to five words (three for plain ones, five for aliases). References are
/// equal, also by `=:=`, that differ in zeros at the end alone.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The node that made it.
    pub node: Atom,
    /// The boot of the node.
    pub creation: u32,
    words: [u32; 5],
    length: Words,
}

impl Reference {
    /// A reference of three words, as a node makes them. The first has 18 bits.
    pub fn new(node: Atom, creation: u32, words: [u32; 3]) -> Reference {
        let [first, second, third] = words;
        Reference {
            node,
            creation,
            words: [first, second, third, 0, 0],
            length: Words::Three,
        }
    }

    /// A reference of one to five words; `None` for any other number.
    pub fn from_words(node: Atom, creation: u32, words: &[u32]) -> Option<Reference> {
        let length = match words.len() {
            1 => Words::One,
            2 => Words::Two,
            3 => Words::Three,
            4 => Words::Four,
            5 => Words::Five,
            _ => return None,
        };
        let mut all = [0; 5];
        all.get_mut(..words.len())?.copy_from_slice(words);
        Some(Reference {
            node,
            creation,
            words: all,
            length,
        })
    }

    /// Its words, in the order of the wire.
    pub fn words(&self) -> &[u32] {
        &self.words[..self.length as usize]
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Reference) -> bool {
        // Words that are not there are zeros.
        self.words == other.words && self.creation == other.creation && self.node == other.node
    }
}

impl Eq for Reference {}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words.hash(state);
        self.creation.hash(state);
        self.node.hash(state);
    }
}

// The orders of erts_cmp_compound() in erts/emulator/beam/utils.c.

impl Ord for Pid {
    fn cmp(&self, other: &Pid) -> Ordering {
        (self.serial, self.id)
            .cmp(&(other.serial, other.id))
            .then_with(|| self.node.cmp(&other.node))
            .then_with(|| self.creation.cmp(&other.creation))
    }
}

impl Ord for Port {
    fn cmp(&self, other: &Port) -> Ordering {
        self.node
            .cmp(&other.node)
            .then_with(|| self.creation.cmp(&other.creation))
            .then_with(|| self.id.cmp(&other.id))
    }
}

impl Ord for Reference {
    fn cmp(&self, other: &Reference) -> Ordering {
        // The last word weighs most; a missing one counts as 0.
        let words = self.words.iter().rev().cmp(other.words.iter().rev());
        self.node
            .cmp(&other.node)
            .then_with(|| self.creation.cmp(&other.creation))
            .then(words)
    }
}

macro_rules! partial_order {
    ($($name:ident),*) => {
        $(impl PartialOrd for $name {
            fn partial_cmp(&self, other: &$name) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        })*
    };
}

partial_order!(Pid, Port, Reference);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn zeros_at_the_end_make_no_other_reference() {
        let node = Atom::from_static("a@b");
        let of = |words: &[u32]| Reference::from_words(node.clone(), 2, words).unwrap();
        let [short, long, other] = [of(&[1, 2, 3]), of(&[1, 2, 3, 0]), of(&[1, 2, 3, 1])];
        assert_eq!((&short, short.cmp(&long)), (&long, Ordering::Equal));
        assert_ne!(long, other);
        assert_eq!(HashSet::from([short, long, other]).len(), 2);
    }
}
