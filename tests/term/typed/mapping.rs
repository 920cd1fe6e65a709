//! What is what.

use std::collections::BTreeMap;

use beamlink::term::{Atom, BigInt, Term, deserialize, deserialize_borrowed, from_term, to_term};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::types::{Adjacent, Event, Flat, FlatAtoms, Message, Point, Tagged, Untagged, User};
use super::{bytes, is, reads, refuses, there_and_back, writes};

fn erlang(text: &str) -> Term {
    Term::parse_erlang(text).unwrap()
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        age: None,
        boss: None,
    }
}

#[test]
fn simple_values() {
    is((), "nil");
    is(true, "true");
    is(false, "false");
    is('ä', "<<\"ä\"/utf8>>");
    is("日本".to_owned(), "<<\"日本\"/utf8>>");
    is(1.5f64, "1.5");
    is(1.5f32, "1.5");
    reads("1", 1.0f64);
    is(Some(7), "7");
    is(None::<i32>, "nil");
    is((1, "a".to_owned(), ()), "{1,<<\"a\">>,nil}");
    is([1, 2], "{1,2}");
    is(Vec::<u8>::new(), "[]");
    is(vec![1u8, 2, 255], "[1,2,255]");
    is(vec![Some(1), None, Some(300)], "[1,nil,300]");
    is(
        BTreeMap::from([(1, "x".to_owned()), (2, "y".to_owned())]),
        "#{1 => <<\"x\">>,2 => <<\"y\">>}",
    );
    is(BTreeMap::<i32, ()>::new(), "#{}");
    is(Bytes::from_static(b"\xff\x00"), "<<255,0>>");
    is(Atom::from_static("ok"), "ok");
    is(Some(Atom::from_static("undefined")), "undefined");
    let pair = erlang("{#Pid<'a@b',1,2,3>,#Ref<'a@b',1,2,3,4>,#Port<'a@b',1,2>}");
    is(
        (pair.as_tuple().unwrap()[0].clone(), 1),
        "{#Pid<'a@b',1,2,3>,1}",
    );
}

#[test]
fn integers_of_any_size() {
    is(i64::MIN, "-9223372036854775808");
    is(u64::MAX, "18446744073709551615");
    is(i128::MIN, "-170141183460469231731687303715884105728");
    is(u128::MAX, "340282366920938463463374607431768211455");
    is(-1i128, "-1");
    is(1u128 << 64, "18446744073709551616");
    is(i128::from(i64::MIN) - 1, "-9223372036854775809");
    refuses::<u8>(
        "256",
        "invalid value: integer `256`, expected u8, at byte 0",
    );
    refuses::<u8>("-1", "invalid value: integer `-1`, expected u8, at byte 0");
    refuses::<u64>(
        "18446744073709551616",
        "invalid type: integer `18446744073709551616` as u128, expected u64, at byte 0",
    );
    refuses::<i128>(
        "-170141183460469231731687303715884105729",
        "invalid value: -170141183460469231731687303715884105729, expected i128, at byte 0",
    );
    let huge = format!("1{}", "0".repeat(50));
    refuses::<u128>(
        &huge,
        "invalid value: an integer of 21 bytes, expected u128, at byte 0",
    );
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Big(#[serde(with = "beamlink::term::as_integer")] BigInt);
    for number in ["0", "-1", "9223372036854775808", &huge, &format!("-{huge}")] {
        is(Big(number.parse().unwrap()), number);
    }
    refuses::<Big>("x", "invalid type: :x, expected an integer, at byte 0");
}

#[test]
fn structs_are_maps_with_atom_keys() {
    is(Point { x: 1, y: 2.0 }, "#{x => 1,y => 2.0}");
    reads(
        "#{y => 2,x => 1,z => [{}],1 => 2,0 => 7,\"k\" => {}}",
        Point { x: 1, y: 2.0 },
    );
    reads("#{<<\"x\">> => 1,<<\"y\">> => 2.5}", Point { x: 1, y: 2.5 });
    refuses::<Point>("#{x => 1}", "missing field `y`, at byte 0");
    refuses::<Point>(
        "#{x => 1,y => z}",
        "invalid type: the atom \"z\", expected f64, in y at byte 13",
    );
    refuses::<Point>(
        "[]",
        "invalid type: a list, expected struct Point, at byte 0",
    );
    refuses::<Point>(
        "#{x => 1,<<\"x\">> => 2,y => 1.0}",
        "duplicate field `x`, at byte 0",
    );
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "pong")]
    struct Pong;
    is(Pong, "pong");
    refuses::<Pong>(
        "ping",
        "invalid type: the atom \"ping\", expected unit struct Pong, at byte 0",
    );
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Record(Atom, i32);
    is(Record(Atom::from_static("rec"), 1), "{rec,1}");
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Meters(f64);
    is(Meters(1.5), "1.5");
}

#[test]
fn a_struct_named_as_an_elixir_module_is_an_elixir_struct() {
    let boss = User {
        age: Some(50),
        boss: Some(Box::new(user("God"))),
        ..user("Ada")
    };
    is(
        boss,
        "#{'__struct__' => 'Elixir.MyApp.User',name => <<\"Ada\">>,age => 50,boss => \
         #{'__struct__' => 'Elixir.MyApp.User',name => <<\"God\">>,age => nil,boss => undefined}}",
    );
    reads(
        "#{'__struct__' => 'Elixir.MyApp.User',name => <<\"A\">>}",
        user("A"),
    );
    refuses::<User>(
        "#{'__struct__' => 'Elixir.Other',name => <<\"A\">>}",
        "invalid type: the atom \"Elixir.Other\", expected Elixir.MyApp.User, in __struct__ at byte 17",
    );
    refuses::<User>(
        "#{name => <<\"A\">>}",
        "a map without __struct__, Elixir.MyApp.User expected, at byte 0",
    );
    let created = Event::Created { id: 1 };
    is(created, "#{'__struct__' => 'Elixir.MyApp.Created',id => 1}");
    let by = Atom::from_static("me");
    is(
        Event::Deleted { id: 1, by },
        "#{'__struct__' => 'Elixir.MyApp.Deleted',id => 1,by => me}",
    );
}

#[test]
fn enums_are_atoms_and_tagged_tuples() {
    is(Message::Ping, "ping");
    is(Message::Get("k".into()), "{get,<<\"k\">>}");
    is(
        Message::PutBoth(1, Point { x: 1, y: 0.5 }),
        "{put_both,1,#{x => 1,y => 0.5}}",
    );
    let to = Some(Atom::from_static("here"));
    is(
        Message::MoveTo { x: -1, to },
        "{move_to,#{x => -1,to => here}}",
    );
    is(Message::Nested(Box::new(Message::Ping)), "{nested,ping}");
    is(
        Message::Many(vec![Message::Ping, Message::Get(String::new())]),
        "{many,[ping,{get,<<>>}]}",
    );
    is(Message::None(), "{none}");
    for (text, message) in [
        (
            "{ping,1}",
            "invalid type: a tuple, expected an atom alone, at byte 0",
        ),
        (
            "get",
            "invalid type: unit variant, expected a tuple of a tag and a value, at byte 0",
        ),
        (
            "{get,1,2}",
            "invalid length 3, expected a tuple of a tag and a value, at byte 0",
        ),
        (
            "{get}",
            "invalid length 1, expected a tuple of a tag and a value, at byte 0",
        ),
        ("{}", "invalid length 0, expected enum Message, at byte 0"),
        (
            "<<\"ping\">>",
            "invalid type: a binary, expected enum Message, at byte 0",
        ),
        (
            "{<<\"get\">>,1}",
            "invalid type: a binary, expected the tag of a variant, an atom, at byte 2",
        ),
        (
            "{get,1}",
            "invalid type: an integer, expected a string, at byte 7",
        ),
    ] {
        refuses::<Message>(text, message);
    }
}

#[test]
fn a_result_is_ok_or_error() {
    is(Ok::<i32, String>(1), "{ok,1}");
    is(
        Err::<i32, Atom>(Atom::from_static("noproc")),
        "{error,noproc}",
    );
    is(Ok::<(), Atom>(()), "ok");
    is(Err::<i32, ()>(()), "error");
    reads("{ok,nil}", Ok::<(), Atom>(()));
    is(Ok::<Result<(), Atom>, ()>(Ok(())), "{ok,ok}");
    is(Ok::<Option<i32>, ()>(None), "{ok,nil}");
    is(Ok::<((), ()), ()>(((), ())), "{ok,{nil,nil}}");
    refuses::<Result<i32, ()>>("ok", "invalid type: unit value, expected i32, at byte 0");
    refuses::<Result<i32, ()>>(
        "{'Ok',1}",
        "unknown variant `Ok`, expected `ok` or `error`, at byte 2",
    );
}

#[test]
fn none_is_nil_or_undefined_as_the_attribute_says() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair {
        nil: Option<Atom>,
        #[serde(with = "beamlink::term::undefined")]
        undefined: Option<Atom>,
    }
    let atom = |text| Some(Atom::from_static(text));
    is(
        Pair {
            nil: None,
            undefined: None,
        },
        "#{nil => nil,undefined => undefined}",
    );
    // Neither takes the other's word, so none is lost.
    is(
        Pair {
            nil: atom("undefined"),
            undefined: atom("nil"),
        },
        "#{nil => undefined,undefined => nil}",
    );
}

#[test]
fn helpers() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Helped {
        #[serde(with = "beamlink::term::charlist")]
        letters: String,
        #[serde(with = "beamlink::term::keyword")]
        pairs: Vec<(String, i32)>,
        #[serde(with = "beamlink::term::keyword")]
        map: BTreeMap<Atom, Vec<u8>>,
        #[serde(with = "beamlink::term::keyword")]
        point: Option<Point>,
        #[serde(with = "beamlink::term::as_atom")]
        atom: String,
        #[serde(with = "beamlink::term::as_binary")]
        binary: Vec<u8>,
        #[serde(with = "beamlink::term::atom_keys")]
        keys: BTreeMap<String, i32>,
    }
    let helped = |letters: &str, point| Helped {
        letters: letters.to_owned(),
        pairs: vec![("a".into(), 1), ("b".into(), 2), ("a".into(), 3)],
        map: BTreeMap::from([(Atom::from_static("k"), vec![1, 2])]),
        point,
        atom: "Elixir.X".to_owned(),
        binary: vec![0, 255],
        keys: BTreeMap::from([("a".into(), 1), ("b c".into(), 2)]),
    };
    let text = |letters: &str, point: &str| {
        format!(
            "#{{letters => {letters},pairs => [{{a,1}},{{b,2}},{{a,3}}],map => [{{k,[1,2]}}],point => {point},\
             atom => 'Elixir.X',binary => <<0,255>>,keys => #{{a => 1,'b c' => 2}}}}"
        )
    };
    is(helped("hi ä", None), &text("[104,105,32,228]", "nil"));
    is(
        helped("", Some(Point { x: 1, y: 2.0 })),
        &text("[]", "[{x,1},{y,2.0}]"),
    );
    is(
        helped("日", Some(Point { x: 1, y: 2.0 })),
        &text("[26085]", "[{x,1},{y,2.0}]"),
    );
    refuses::<Helped>(
        "#{letters => <<\"a\">>}",
        "invalid type: a binary, expected a charlist, in letters at byte 14",
    );
    refuses::<Helped>(
        "#{letters => [97,-1]}",
        "invalid type: an integer, expected a charlist, in letters[1] at byte 21",
    );
    refuses::<Helped>(
        "#{pairs => [{a,1},b]}",
        "invalid type: the atom \"b\", expected a tuple of size 2, in pairs[1] at byte 24",
    );
    refuses::<Helped>(
        "#{point => [{x,1},{y}]}",
        "invalid length 1, expected a list of pairs, a map or a struct (keyword), in point[1] at byte 24",
    );
    refuses::<Helped>(
        "#{atom => <<\"x\">>}",
        "invalid type: a binary, expected an atom, in atom at byte 11",
    );
    refuses::<Helped>(
        "#{binary => [1]}",
        "invalid type: a list, expected a binary, in binary at byte 13",
    );
    refuses::<Helped>(
        "#{keys => #{<<\"a\">> => 1}}",
        "invalid type: a binary, expected a string, in keys at byte 16",
    );
}

#[test]
fn tagged_and_untagged_enums() {
    is(
        Tagged::Login {
            user: "a".into(),
            at: 7,
        },
        "#{type => <<\"login\">>,user => <<\"a\">>,at => 7}",
    );
    reads(
        "#{at => 7,user => <<\"a\">>,type => login}",
        Tagged::Login {
            user: "a".into(),
            at: 7,
        },
    );
    is(
        Tagged::Logout(Point { x: 1, y: 1.0 }),
        "#{type => <<\"logout\">>,x => 1,y => 1.0}",
    );
    reads("#{type => idle}", Tagged::Idle);
    is(Adjacent::One(1), "#{t => 'One',c => 1}");
    is(
        Adjacent::Two(1, "x".into()),
        "#{t => 'Two',c => {1,<<\"x\">>}}",
    );
    is(Adjacent::None, "#{t => 'None'}");

    is(Untagged::Atom(Atom::from_static("x")), "x");
    is(Untagged::Atom(Atom::from_static("nil")), "nil");
    is(Untagged::Atom(Atom::from_static("true")), "true");
    is(Untagged::Number(-5), "-5");
    is(Untagged::Text("x".into()), "<<\"x\">>");
    is(Untagged::Float(0.5), "0.5");
    is(
        Untagged::Big(BigInt::from(u64::MAX)),
        "18446744073709551615",
    );
    is(
        Untagged::Big(BigInt::from(-1) << 70),
        "-1180591620717411303424",
    );
    let pid = erlang("#Pid<'a@b',1,2,3>");
    is(
        Untagged::Pid(pid.as_pid().unwrap().clone()),
        "#Pid<'a@b',1,2,3>",
    );
    is(
        Untagged::Point(Point { x: 1, y: 2.0 }),
        "#{x => 1,y => 2.0}",
    );
    is(Untagged::Binary(Bytes::from_static(b"\xff")), "<<255>>");
    is(
        Untagged::Pair(1, Box::new(Untagged::Text("y".into()))),
        "{1,<<\"y\">>}",
    );
    is(
        Untagged::Many(vec![
            Untagged::Number(1),
            Untagged::Atom(Atom::from_static("a")),
            Untagged::Number(2),
        ]),
        "[1,a,2]",
    );
    let map = |value| Untagged::Map(BTreeMap::from([("k".to_owned(), erlang(value))]));
    for value in [
        "a",
        "<<\"a\">>",
        "<<255>>",
        "nil",
        "#Pid<'a@b',1,2,3>",
        "-1",
        "1.0",
        "#{a => #{1 => <<>>}}",
        "-1180591620717411303424",
        "fun a:b/1",
        "<<1:1>>",
    ] {
        is(map(value), &format!("#{{<<\"k\">> => {value}}}"));
    }
    // Rather none than a list for a tuple.
    refuses::<Untagged>(
        "#{<<\"k\">> => {a}}",
        "data did not match any variant of untagged enum Untagged, at byte 0",
    );
}

#[test]
fn what_is_flattened() {
    let flat = |key: &str| Flat {
        id: 1,
        point: Point { x: 2, y: 3.0 },
        rest: BTreeMap::from([(key.to_owned(), erlang("#{a => <<\"b\">>}"))]),
    };
    is(
        flat("more"),
        "#{<<\"id\">> => 1,<<\"x\">> => 2,<<\"y\">> => 3.0,<<\"more\">> => #{a => <<\"b\">>}}",
    );
    is(
        FlatAtoms(flat("more")),
        "#{id => 1,x => 2,y => 3.0,more => #{a => <<\"b\">>}}",
    );
    reads(
        "#{id => 1,x => 2,y => 3.0,more => #{a => <<\"b\">>}}",
        flat("more"),
    );
    let error = to_term(&flat("x")).unwrap_err().to_string();
    assert_eq!(error, "a map has a key twice");
    #[derive(Debug, PartialEq, Deserialize)]
    struct ByTerm {
        id: i32,
        #[serde(flatten)]
        rest: BTreeMap<Term, Term>,
    }
    let rest = BTreeMap::from([
        (Term::from(0), Term::from(2)),
        (erlang("{a,[]}"), erlang("<<255>>")),
    ]);
    reads(
        "#{id => 1,0 => 2,{a,[]} => <<255>>}",
        ByTerm { id: 1, rest },
    );
}

#[test]
fn other_formats_have_a_text() {
    let text = "{ok,[a|b],#{<<\"k\">> => #Pid<'a@b',1,2,3>},<<1:3>>}";
    let json = serde_json::to_string(&erlang(text)).unwrap();
    assert_eq!(
        json,
        r##""{:ok, [:a | :b], %{\"k\" => #Pid<'a@b',1,2,3>}, <<1::3>>}""##
    );
    assert_eq!(serde_json::from_str::<Term>(&json).unwrap(), erlang(text));
    let atom = Atom::from_static("a@b");
    assert_eq!(serde_json::to_string(&atom).unwrap(), r#""a@b""#);
    assert_eq!(serde_json::from_str::<Atom>(r#""a@b""#).unwrap(), atom);
    let all = User {
        age: Some(1),
        ..user("A")
    };
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(json, r#"{"name":"A","age":1,"boss":null}"#);
    assert_eq!(serde_json::from_str::<User>(&json).unwrap(), all);
    // What has no type of ours reads anything plain.
    let value = serde_json::json!({"a": [1, -2, 0.5, true, null, "x", "atom"]});
    let term = erlang("#{<<\"a\">> => [1,-2,0.5,true,nil,<<\"x\">>,atom]}");
    assert_eq!(from_term::<serde_json::Value>(&term).unwrap(), value);
    writes(
        &value,
        "#{<<\"a\">> => [1,-2,0.5,true,nil,<<\"x\">>,<<\"atom\">>]}",
    );
}

#[test]
fn what_is_borrowed_and_what_is_shared() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        #[serde(with = "serde_bytes_like")]
        bytes: &'a [u8],
    }
    mod serde_bytes_like {
        use serde::{Deserialize, Deserializer, Serializer};

        pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
            to.serialize_bytes(bytes)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<&'de [u8], D::Error> {
            Deserialize::deserialize(from)
        }
    }
    let value = Borrowed {
        text: "text",
        bytes: b"\xff\x00",
    };
    let written = bytes(&value);
    let read: Borrowed<'_> = deserialize_borrowed(&written).unwrap();
    assert_eq!(read, value);
    assert!(written.as_ptr_range().contains(&read.text.as_ptr()));

    #[derive(Serialize, Deserialize)]
    struct Shared {
        #[serde(with = "beamlink::term::as_binary")]
        bytes: Bytes,
        term: Term,
    }
    let large = Bytes::from(vec![7; 1000]);
    let written = bytes(&Shared {
        bytes: large.clone(),
        term: Term::Binary(large.clone()),
    });
    let read: Shared = deserialize(&written).unwrap();
    assert_eq!(read.bytes, large);
    assert!(written.as_ptr_range().contains(&read.bytes.as_ptr()));
    assert!(
        written
            .as_ptr_range()
            .contains(&read.term.as_binary().unwrap().as_ptr())
    );
    let again = there_and_back(&read);
    assert_eq!(again.term, Term::Binary(large));
}
