//! The BEAM's word: it reads what we write as what it says itself, and we read what it writes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use beamlink::term::{Atom, Term, deserialize, to_term};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bytes;
use super::property::{all, user};
use super::types::{All, Event, Flat, FlatAtoms, Message, Point, User};
use crate::beam::{op, tell};

/// `value` is what Elixir makes of `elixir`, by Elixir's own `===`, and what Elixir writes is read as `value`. Without a
/// BEAM nothing is checked.
#[track_caller]
fn is_in_elixir<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, elixir: &str) {
    let ours: Vec<u8> = [&[131][..], &bytes(&value)].concat();
    let hex: String = ours.iter().map(|byte| format!("{byte:02x}")).collect();
    let code = format!(
        "Base.decode16!(\"{hex}\", case: :lower) |> :erlang.binary_to_term() === ({elixir})"
    );
    let Some(same) = tell(&op("elixir_eval", [Term::from(code)])) else {
        return;
    };
    assert_eq!(
        same,
        Term::from(true),
        "{value:?} is not {elixir} but {}",
        to_term(&value).unwrap().to_elixir()
    );
    for options in ["", ", [minor_version: 1]", ", [minor_version: 0]"] {
        let code = format!(":erlang.term_to_binary({elixir}{options})");
        let theirs = tell(&op("elixir_eval", [Term::from(code)])).unwrap();
        let theirs = theirs.as_binary().unwrap().slice(1..);
        assert_eq!(
            deserialize::<T>(&theirs).as_ref(),
            Ok(&value),
            "{elixir}{options}"
        );
    }
}

#[test]
fn values_are_what_elixir_says_they_are() {
    let user = |name: &str| User {
        name: name.to_owned(),
        age: None,
        boss: None,
    };
    is_in_elixir(
        User {
            age: Some(50),
            boss: Some(Box::new(user("Ä"))),
            ..user("Ada")
        },
        "%{__struct__: MyApp.User, name: \"Ada\", age: 50, boss: %{__struct__: MyApp.User, name: \"Ä\", age: nil, boss: :undefined}}",
    );
    // A struct that Elixir has itself.
    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(rename = "Elixir.Date")]
    struct Date {
        year: i32,
        month: u8,
        day: u8,
        calendar: Atom,
    }
    let calendar = Atom::from_static("Elixir.Calendar.ISO");
    is_in_elixir(
        Date {
            year: 2026,
            month: 11,
            day: 23,
            calendar,
        },
        "~D[2026-11-23]",
    );
    is_in_elixir(
        Event::Deleted {
            id: 1,
            by: Atom::from_static("me"),
        },
        "%{__struct__: MyApp.Deleted, id: 1, by: :me}",
    );
    is_in_elixir(
        vec![Message::Ping, Message::Get("k".into())],
        "[:ping, {:get, \"k\"}]",
    );
    is_in_elixir(
        Message::PutBoth(1, Point { x: -1, y: 1.5 }),
        "{:put_both, 1, %{x: -1, y: 1.5}}",
    );
    is_in_elixir(
        Message::MoveTo { x: 1, to: None },
        "{:move_to, %{x: 1, to: nil}}",
    );
    is_in_elixir(Ok::<Vec<u8>, Atom>(vec![1, 2, 3]), "{:ok, [1, 2, 3]}");
    is_in_elixir(Ok::<(), Atom>(()), ":ok");
    is_in_elixir(
        Err::<(), Atom>(Atom::from_static("timeout")),
        "{:error, :timeout}",
    );
    is_in_elixir((Some(1), None::<i32>, (), true), "{1, nil, nil, true}");
    is_in_elixir(
        (u64::MAX, i128::MIN, u128::MAX),
        "{0xFFFFFFFFFFFFFFFF, -Bitwise.bsl(1, 127), Bitwise.bsl(1, 128) - 1}",
    );
    is_in_elixir(
        (1.5f64, -0.25f32, i64::MIN, 'ä'),
        "{1.5, -0.25, -0x8000000000000000, \"ä\"}",
    );
    is_in_elixir(
        BTreeMap::from([("k".to_owned(), vec![300])]),
        "%{\"k\" => [300]}",
    );
    is_in_elixir(vec![7u8; 70_000], "List.duplicate(7, 70_000)");
    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Helped {
        #[serde(with = "beamlink::term::charlist")]
        latin1: String,
        #[serde(with = "beamlink::term::charlist")]
        wide: String,
        #[serde(with = "beamlink::term::keyword")]
        options: Vec<(String, Option<u8>)>,
        #[serde(with = "beamlink::term::as_atom")]
        module: String,
        #[serde(with = "beamlink::term::as_binary")]
        binary: Vec<u8>,
        #[serde(with = "beamlink::term::as_integer")]
        big: beamlink::term::BigInt,
    }
    is_in_elixir(
        Helped {
            latin1: "hé".into(),
            wide: "日本".into(),
            options: vec![
                ("a".into(), Some(1)),
                ("a".into(), None),
                ("b c".into(), Some(3)),
            ],
            module: "Elixir.String".into(),
            binary: vec![255, 0],
            big: beamlink::term::BigInt::from(-1) << 3000,
        },
        "%{latin1: 'hé', wide: '日本', options: [a: 1, a: nil, \"b c\": 3], module: String, binary: <<255, 0>>, \
         big: -Bitwise.bsl(1, 3000)}",
    );
    is_in_elixir(
        FlatAtoms(Flat {
            id: 1,
            point: Point { x: 2, y: 0.5 },
            rest: BTreeMap::from([("more".into(), Term::from("x"))]),
        }),
        "%{id: 1, x: 2, y: 0.5, more: \"x\"}",
    );
}

proptest! {
    #[test]
    fn a_beam_hands_back_what_we_wrote(all in all(), user in user()) {
        let back = |bytes: &[u8]| {
            let versioned = [&[131], bytes].concat();
            let back = tell(&op("echo", [Term::Binary(versioned.into())]))?;
            Some(back.as_binary().unwrap().slice(1..))
        };
        let Some(their_all) = back(&bytes(&all)) else { return Ok(()) };
        prop_assert_eq!(deserialize::<Term>(&their_all).unwrap(), to_term(&all).unwrap());
        prop_assert_eq!(deserialize::<All>(&their_all).unwrap(), all);
        let their_user = back(&bytes(&user)).unwrap();
        prop_assert_eq!(deserialize::<User>(&their_user).unwrap(), user);
    }
}
