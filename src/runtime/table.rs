//! The connection table: at most one connection for each peer, and who wins when both sides dial.
//!
//! Pure: it decides, the tasks that own sockets obey. The rules are `net_kernel`'s (`accept_pending` in
//! `lib/kernel/src/net_kernel.erl`, `mark_pending` in `dist_util.erl`), with one difference in favour of
//! safety: nothing is given up before the cookie was verified. A peer that claims that its old connection
//! is dead (`alive` → `true`) replaces it only once its digest is right, and an attempt of ours that must
//! yield goes on until the other is authenticated (a real peer refuses it by `nok`). So nobody without
//! the cookie can end a connection, or an attempt, by using its peer's name.

use std::collections::HashMap;

use crate::NodeName;

/// Names one attempt, or the connection that came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AttemptId(pub(crate) u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dialled,
    Accepted,
    /// It replaces a connection that stands when it is authenticated: accepted while one stood, or the one of two
    /// attempts that goes first.
    Replacing,
}

/// All that concerns one peer.
#[derive(Debug, Default)]
struct Entry {
    up: Option<AttemptId>,
    attempts: Vec<(AttemptId, Kind)>,
}

impl Entry {
    fn dialling(&self) -> bool {
        self.attempts.iter().any(|(_, kind)| *kind == Kind::Dialled)
    }
}

/// What a dialler may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialVerdict {
    /// Go on under this id.
    Go(AttemptId),
    /// There is a connection already.
    AlreadyUp,
    /// We are dialling it already.
    UnderWay,
}

/// What the acceptor answers to `send_name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptVerdict {
    /// `ok`.
    Ok(AttemptId),
    /// `ok_simultaneous`: we dial it too, its name is greater, so its attempt goes before ours.
    OkSimultaneous(AttemptId),
    /// `nok`: our name is greater and our own attempt goes on.
    Nok,
    /// `alive`: there is a connection; go on under this id only if the peer says that it is dead.
    Alive(AttemptId),
}

/// What it means that an attempt was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpVerdict {
    /// It is the connection now.
    Up,
    /// It is the connection now, and this one, which it replaces, must be closed.
    Replaced(AttemptId),
    /// Another attempt has won meanwhile: close this one.
    Lost,
}

#[derive(Debug)]
pub(crate) struct ConnectionTable {
    own: NodeName,
    entries: HashMap<NodeName, Entry>,
    next: u64,
}

impl ConnectionTable {
    pub(crate) fn new(own: NodeName) -> ConnectionTable {
        ConnectionTable {
            own,
            entries: HashMap::new(),
            next: 1,
        }
    }

    /// We want to dial `peer`.
    pub(crate) fn dial(&mut self, peer: &NodeName) -> DialVerdict {
        let id = AttemptId(self.next);
        let entry = self.entries.entry(peer.clone()).or_default();
        if entry.up.is_some() {
            return DialVerdict::AlreadyUp;
        }
        if entry.dialling() {
            return DialVerdict::UnderWay;
        }
        self.next += 1;
        entry.attempts.push((id, Kind::Dialled));
        DialVerdict::Go(id)
    }

    /// `peer` dials us.
    pub(crate) fn accept(&mut self, peer: &NodeName) -> AcceptVerdict {
        let id = AttemptId(self.next);
        let entry = self.entries.entry(peer.clone()).or_default();
        let (kind, verdict) = if entry.up.is_some() {
            (Kind::Replacing, AcceptVerdict::Alive(id))
        } else if !entry.dialling() {
            (Kind::Accepted, AcceptVerdict::Ok(id))
        } else if self.own > *peer {
            return AcceptVerdict::Nok;
        } else {
            (Kind::Replacing, AcceptVerdict::OkSimultaneous(id))
        };
        self.next += 1;
        entry.attempts.push((id, kind));
        verdict
    }

    /// The peer has said `ok_simultaneous` to our attempt `id`, and proven who it is: its own attempt is dead, and so is
    /// what came of that here before we heard of it (`net_kernel` ends it before it answers).
    pub(crate) fn goes_first(&mut self, peer: &NodeName, id: AttemptId) {
        let attempts = self.entries.get_mut(peer).map(|entry| &mut entry.attempts);
        let ours = attempts
            .into_iter()
            .flatten()
            .find(|(known, _)| *known == id);
        if let Some((_, kind)) = ours {
            *kind = Kind::Replacing;
        }
    }

    /// Attempt `id` was authenticated by both sides.
    pub(crate) fn up(&mut self, peer: &NodeName, id: AttemptId) -> UpVerdict {
        let Some(entry) = self.entries.get_mut(peer) else {
            return UpVerdict::Lost;
        };
        let Some(at) = entry.attempts.iter().position(|(known, _)| *known == id) else {
            return UpVerdict::Lost;
        };
        let (_, kind) = entry.attempts.swap_remove(at);
        match entry.up {
            None => {
                entry.up = Some(id);
                UpVerdict::Up
            }
            Some(old) if kind == Kind::Replacing => {
                entry.up = Some(id);
                UpVerdict::Replaced(old)
            }
            Some(_) => UpVerdict::Lost,
        }
    }

    /// Attempt or connection `id` has ended.
    pub(crate) fn ended(&mut self, peer: &NodeName, id: AttemptId) {
        let Some(entry) = self.entries.get_mut(peer) else {
            return;
        };
        entry.attempts.retain(|(known, _)| *known != id);
        if entry.up == Some(id) {
            entry.up = None;
        }
        if entry.up.is_none() && entry.attempts.is_empty() {
            self.entries.remove(peer);
        }
    }

    /// Whether a connection to `peer` stands, or we are dialling it: an attempt of its own that it gives up then is no
    /// failure. A BEAM ends its attempt when it finds ours to go first.
    pub(crate) fn makes_do_without(&self, peer: &NodeName) -> bool {
        let entry = self.entries.get(peer);
        entry.is_some_and(|entry| entry.up.is_some() || entry.dialling())
    }

    /// Whether `peer` dials us, and no connection stands.
    pub(crate) fn is_accepting(&self, peer: &NodeName) -> bool {
        let entry = self.entries.get(peer).filter(|entry| entry.up.is_none());
        entry.is_some_and(|entry| {
            entry
                .attempts
                .iter()
                .any(|(_, kind)| *kind == Kind::Accepted)
        })
    }

    /// Whether a connection to `peer` stands.
    pub(crate) fn is_up(&self, peer: &NodeName) -> bool {
        self.entries
            .get(peer)
            .is_some_and(|entry| entry.up.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn table() -> ConnectionTable {
        ConnectionTable::new(name("m@host"))
    }

    fn dialled(table: &mut ConnectionTable, peer: &NodeName) -> AttemptId {
        match table.dial(peer) {
            DialVerdict::Go(id) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_attempt_of_the_greater_name_survives() {
        let mut table = table();
        let (less, greater) = (name("a@host"), name("z@host"));
        dialled(&mut table, &less);
        let ours = dialled(&mut table, &greater);
        assert_eq!(table.accept(&less), AcceptVerdict::Nok);
        let AcceptVerdict::OkSimultaneous(theirs) = table.accept(&greater) else {
            panic!("the greater name wins");
        };
        assert_eq!(table.up(&greater, theirs), UpVerdict::Up);
        assert_eq!(table.up(&greater, ours), UpVerdict::Lost);
    }

    /// The peer dials us, and we dial it before its last message is here; it gives up its own attempt, whose last message
    /// comes all the same, and whose end is still on its way when ours stands.
    #[test]
    fn what_the_peer_gave_up_for_our_attempt_does_not_win() {
        let mut table = table();
        let peer = name("a@host");
        let AcceptVerdict::Ok(theirs) = table.accept(&peer) else {
            panic!("nobody else is there");
        };
        let ours = dialled(&mut table, &peer);
        assert_eq!(table.up(&peer, theirs), UpVerdict::Up);
        table.goes_first(&peer, ours);
        assert_eq!(table.up(&peer, ours), UpVerdict::Replaced(theirs));
        table.ended(&peer, theirs);
        assert!(table.is_up(&peer));
    }

    #[test]
    fn both_sides_choose_the_same_of_two_attempts() {
        let (less, greater) = (name("a@host"), name("z@host"));
        let [mut at_less, mut at_greater] =
            [&less, &greater].map(|own| ConnectionTable::new(own.clone()));
        let first = dialled(&mut at_less, &greater);
        let AcceptVerdict::Ok(first_there) = at_greater.accept(&less) else {
            panic!("it dials nobody yet");
        };
        let second = dialled(&mut at_greater, &less);
        let AcceptVerdict::OkSimultaneous(second_there) = at_less.accept(&greater) else {
            panic!("the greater name goes first");
        };
        assert_eq!(at_greater.up(&less, first_there), UpVerdict::Up);
        assert_eq!(at_less.up(&greater, first), UpVerdict::Up);
        assert_eq!(
            at_less.up(&greater, second_there),
            UpVerdict::Replaced(first)
        );
        at_greater.goes_first(&less, second);
        assert_eq!(
            at_greater.up(&less, second),
            UpVerdict::Replaced(first_there)
        );
    }

    #[test]
    fn a_connection_is_replaced_only_by_an_authenticated_one() {
        let mut table = table();
        let peer = name("a@host");
        let first = dialled(&mut table, &peer);
        assert_eq!(table.up(&peer, first), UpVerdict::Up);
        let AcceptVerdict::Alive(impostor) = table.accept(&peer) else {
            panic!("it is alive");
        };
        table.ended(&peer, impostor);
        assert!(table.is_up(&peer));
        assert_eq!(table.dial(&peer), DialVerdict::AlreadyUp);
        let AcceptVerdict::Alive(again) = table.accept(&peer) else {
            panic!("it is alive");
        };
        assert_eq!(table.up(&peer, again), UpVerdict::Replaced(first));
        table.ended(&peer, first);
        assert!(table.is_up(&peer));
        table.ended(&peer, again);
        assert!(!table.is_up(&peer));
    }

    #[test]
    fn the_old_end_may_close_before_the_new_one_is_up() {
        let mut table = table();
        let peer = name("a@host");
        let first = dialled(&mut table, &peer);
        table.up(&peer, first);
        let AcceptVerdict::Alive(again) = table.accept(&peer) else {
            panic!("it is alive");
        };
        table.ended(&peer, first);
        assert!(!table.is_up(&peer));
        assert_eq!(table.up(&peer, again), UpVerdict::Up);
    }

    #[test]
    fn an_attempt_is_missed_only_where_there_is_no_other() {
        let mut table = table();
        let peer = name("a@host");
        assert!(!table.makes_do_without(&peer));
        let AcceptVerdict::Ok(theirs) = table.accept(&peer) else {
            panic!("nobody else is there");
        };
        table.ended(&peer, theirs);
        assert!(!table.makes_do_without(&peer));
        let ours = dialled(&mut table, &peer);
        assert!(table.makes_do_without(&peer));
        table.up(&peer, ours);
        assert!(table.makes_do_without(&peer));
    }

    #[test]
    fn who_is_accepted_is_known_until_it_is_up_or_gone() {
        let mut table = table();
        let peer = name("a@host");
        assert!(!table.is_accepting(&peer));
        for stays in [false, true] {
            let AcceptVerdict::Ok(theirs) = table.accept(&peer) else {
                panic!("nobody else is there");
            };
            assert!(table.is_accepting(&peer));
            match stays {
                true => assert_eq!(table.up(&peer, theirs), UpVerdict::Up),
                false => table.ended(&peer, theirs),
            }
            assert!(!table.is_accepting(&peer));
        }
    }

    #[test]
    fn a_stranger_with_a_peers_name_delays_nobody() {
        let mut table = table();
        let peer = name("z@host");
        let ours = dialled(&mut table, &peer);
        let AcceptVerdict::OkSimultaneous(stranger) = table.accept(&peer) else {
            panic!("its name is greater");
        };
        assert_eq!(table.up(&peer, ours), UpVerdict::Up);
        table.ended(&peer, stranger);
        assert!(table.is_up(&peer));
    }
}
