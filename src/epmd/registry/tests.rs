use proptest::prelude::*;

use super::super::codec::NodeType;
use super::*;

fn entry(name: &str) -> NodeEntry {
    NodeEntry::new(name, 9100, NodeType::Visible)
}

#[test]
fn a_name_has_one_owner_who_alone_can_give_it_up() {
    let mut registry = Registry::default();
    registry.register(entry("a"), 1, 0).unwrap();
    assert_eq!(
        registry.register(entry("a"), 2, 0),
        Err(NameInUse("a".into()))
    );
    registry.unregister("a", 2);
    assert!(registry.lookup("a").is_some());
    registry.unregister("a", 1);
    assert!(registry.lookup("a").is_none());
}

#[test]
fn each_life_of_a_name_has_its_creation() {
    let mut registry = Registry::default();
    let mut live = |seed| {
        let creation = registry.register(entry("a"), 1, seed).unwrap();
        registry.unregister("a", 1);
        creation
    };
    assert_eq!([live(1000), live(7), live(7)], [1001, 1002, 1003]);
}

#[test]
fn creations_stay_above_those_of_old_times() {
    for seed in [0, 2, u32::MAX] {
        assert_eq!(Registry::default().register(entry("a"), 1, seed), Ok(4));
    }
    let old = NodeEntry {
        highest_version: 5,
        ..entry("a")
    };
    for seed in 0..10 {
        let creation = Registry::default().register(old.clone(), 1, seed).unwrap();
        assert!((1..=3).contains(&creation));
    }
}

#[test]
fn names_and_dump_read_as_those_of_epmd() {
    let mut registry = Registry::default();
    registry.register(entry("a"), 5, 0).unwrap();
    registry.register(entry("gone"), 6, 0).unwrap();
    registry.register(entry("b"), 7, 0).unwrap();
    registry.unregister("gone", 6);
    let names = b"\0\0\x11\x11name b at port 9100\nname a at port 9100\n";
    assert_eq!(registry.names(4369).encode(), names);
    let dump = b"\0\0\x11\x11active name     <b> at port 9100, fd = 7\n\0\
        active name     <a> at port 9100, fd = 5\n\0\
        old/unused name <gone>, port = 9100, fd = 6 \n\0";
    assert_eq!(registry.dump(4369), dump);
}

#[test]
fn the_past_is_bounded() {
    let mut registry = Registry::default();
    for number in 0..2 * MAX_PAST {
        let name = number.to_string();
        registry.register(entry(&name), 1, 0).unwrap();
        registry.unregister(&name, 1);
    }
    assert_eq!((registry.active.len(), registry.past.len()), (0, MAX_PAST));
}

proptest! {
    /// Against the simplest model there is: a list of (name, owner).
    #[test]
    fn a_registry_is_a_list_of_owners(
        steps in prop::collection::vec((any::<bool>(), "[a-d]", 1u64..5), 0..60)
    ) {
        let mut registry = Registry::default();
        let mut model: Vec<(String, u64)> = Vec::new();
        for (join, name, owner) in steps {
            let taken = model.iter().any(|(other, _)| *other == name);
            if join {
                prop_assert_eq!(registry.register(entry(&name), owner, 0).is_err(), taken);
                if !taken {
                    model.push((name, owner));
                }
            } else {
                registry.unregister(&name, owner);
                model.retain(|held| *held != (name.clone(), owner));
            }
            let names: Vec<_> = model.iter().rev().map(|(name, _)| (name.clone(), 9100)).collect();
            prop_assert_eq!(registry.names(1).nodes, names);
        }
    }
}
