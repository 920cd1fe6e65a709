use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{Codec, MAX_PACKET, Malformed, NameFault, Verdict};
use crate::{GossipSecret, NodeName};

const SECRET: &str = "dev_cluster_secret_2025";
const IV: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

// Encrypted by `openssl enc -aes-256-cbc -K $(SHA-256 of SECRET) -iv 000102…0f`; the term of the second is OTP 25's
// `term_to_binary(#{node => 'g1@127.0.0.1'})`, whose `crypto:crypto_one_time/5` gives the same bytes.
const OF_OTP_27: [&str; 2] = [
    "6865617274626561743a3a83740000000177046e6f6465770c6731403132372e302e302e31",
    "b06b913f16a68f8cb7fb264403b451a209a97b3b3b45eb9a33ad62653d87ba4992b29db5b4fa462a4b2360f818546dce",
];
const OF_OTP_25: [&str; 2] = [
    "6865617274626561743a3a8374000000016400046e6f646564000c6731403132372e302e302e31",
    "b06b913f16a68f8cb7fb264403b451a217ceaf7b5f34f070900e3adc431ce8fee1978a001942996ad25cd56198d46349",
];

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn secret() -> GossipSecret {
    GossipSecret::new(SECRET)
}

fn plain_codec() -> Codec {
    Codec::new(&node("us@host"), None)
}

fn secret_codec() -> Codec {
    Codec::new(&node("us@host"), Some(&secret()))
}

fn heartbeat(body: &[u8]) -> Vec<u8> {
    [b"heartbeat::", body].concat()
}

/// The IV and whole blocks encrypted as they are.
fn seal(blocks: &[u8]) -> Vec<u8> {
    let key = Sha256::digest(SECRET);
    let body =
        cbc::Encryptor::<Aes256>::new(&key, &IV.into()).encrypt_padded_vec::<NoPadding>(blocks);
    [IV.as_slice(), &body].concat()
}

fn padded(message: &[u8], last: u8, with: u8) -> Vec<u8> {
    let mut blocks = message.to_vec();
    blocks.resize(message.len().next_multiple_of(16), with);
    *blocks.last_mut().unwrap() = last;
    blocks
}

fn judge(body: &[u8]) -> Verdict {
    plain_codec().decode(&heartbeat(body))
}

fn fault(body: &[u8]) -> Malformed {
    match judge(body) {
        Verdict::Malformed(fault) => fault,
        other => panic!("{other:?} for {body:?}"),
    }
}

/// A map of one pair, `node` with the given value.
fn with_value(value: &[u8]) -> Vec<u8> {
    [b"\x83t\0\0\0\x01w\x04node", value].concat()
}

#[test]
fn heartbeats_are_those_of_openssl_and_a_beam() {
    let g1 = node("g1@127.0.0.1");
    let plain = Codec::new(&g1, None).encode(IV);
    assert_eq!(plain, unhex(OF_OTP_27[0]));
    let packet = Codec::new(&g1, Some(&secret())).encode(IV);
    assert_eq!(packet[..16], IV);
    assert_eq!(packet[16..], unhex(OF_OTP_27[1]));
    for [plain, encrypted] in [OF_OTP_25, OF_OTP_27] {
        let heartbeat = Verdict::Heartbeat(g1.clone());
        assert_eq!(plain_codec().decode(&unhex(plain)), heartbeat);
        let packet = [IV.to_vec(), unhex(encrypted)].concat();
        assert_eq!(secret_codec().decode(&packet), heartbeat);
    }
}

#[test]
fn each_atom_tag_is_taken_for_key_and_value() {
    let atom = |tag: u8, text: &[u8]| match tag {
        100 | 118 => [&[tag, 0, text.len() as u8], text].concat(),
        _ => [&[tag, text.len() as u8], text].concat(),
    };
    let tags = [100, 115, 118, 119];
    for (key, value) in tags
        .into_iter()
        .flat_map(|key| tags.map(|value| (key, value)))
    {
        let pair = [atom(key, b"node"), atom(value, b"a@b")].concat();
        let body = [b"\x83t\0\0\0\x01", pair.as_slice()].concat();
        assert_eq!(
            judge(&body),
            Verdict::Heartbeat(node("a@b")),
            "{key} {value}"
        );
    }
}

#[test]
fn names_are_read_in_their_encoding() {
    let umlaut = Verdict::Heartbeat(node("ä@host"));
    assert_eq!(judge(&with_value(b"d\0\x06\xe4@host")), umlaut);
    assert_eq!(judge(&with_value(b"w\x07\xc3\xa4@host")), umlaut);
    assert_eq!(
        fault(&with_value(b"w\x06\xe4@host")),
        Malformed::Name(NameFault::Utf8)
    );
}

#[test]
fn our_own_heartbeat_is_an_echo_in_any_encoding() {
    for codec in [plain_codec(), secret_codec()] {
        assert_eq!(codec.decode(&codec.encode(IV)), Verdict::OwnEcho);
    }
    let codec = Codec::new(&node("ä@host"), None);
    assert_eq!(codec.decode(&codec.encode(IV)), Verdict::OwnEcho);
    let latin1 = heartbeat(&with_value(b"s\x06\xe4@host"));
    assert_eq!(codec.decode(&latin1), Verdict::OwnEcho);
}

#[test]
fn names_up_to_255_characters_pass() {
    for name in [
        format!("{}@h", "n".repeat(250)),
        format!("{}@h", "n".repeat(253)),
        format!("{}@h", "語".repeat(253)),
        format!("{}@h", "𝄞".repeat(253)),
    ] {
        for secret in [None, Some(&secret())] {
            let packet = Codec::new(&node(&name), secret).encode(IV);
            assert!(packet.len() <= 1072, "{}", packet.len());
            let judge = Codec::new(&node("us@host"), secret);
            assert_eq!(judge.decode(&packet), Verdict::Heartbeat(node(&name)));
        }
    }
    let long = [b"v\x01\x00".as_slice(), &[b'n'; 254], b"@h"].concat();
    assert_eq!(
        fault(&with_value(&long)),
        Malformed::Name(NameFault::TooLong)
    );
}

#[test]
fn secrets_that_differ_are_told_apart() {
    let a = node("a@host");
    let encrypted = Codec::new(&a, Some(&secret())).encode(IV);
    let plain = Codec::new(&a, None).encode(IV);
    let other = Codec::new(&node("us@host"), Some(&GossipSecret::new("another")));
    let length = encrypted.len();
    assert_eq!(other.decode(&encrypted), Verdict::Undecryptable { length });
    let verdict = plain_codec().decode(&encrypted);
    assert_eq!(verdict, Verdict::EncryptedButNoSecret { length });
    assert_eq!(secret_codec().decode(&plain), Verdict::PlainButSecret(a));
}

#[test]
fn what_is_no_gossip_is_said_to_be_none() {
    let mut junk = vec![0xa5; MAX_PACKET + 1];
    for codec in [plain_codec(), secret_codec()] {
        let long = Malformed::TooLong {
            length: MAX_PACKET + 1,
        };
        assert_eq!(codec.decode(&junk), Verdict::Malformed(long));
        for length in [0, 1, 7, 16, 17, 23, 32, 47, 49] {
            let none = Malformed::NotGossip { length };
            assert_eq!(codec.decode(&junk[..length]), Verdict::Malformed(none));
        }
        let text = b"{\"node\": \"a@b\", \"and\": \"48 characters of JSON\"} ";
        assert_eq!(text.len() % 16, 0);
        let none = Malformed::NotGossip { length: text.len() };
        assert_eq!(codec.decode(text), Verdict::Malformed(none));
    }
    junk.truncate(48);
    let verdict = secret_codec().decode(&junk);
    assert_eq!(verdict, Verdict::Undecryptable { length: 48 });
    assert_eq!(
        secret_codec().decode(&heartbeat(b"{}")),
        Verdict::Malformed(Malformed::Json)
    );
}

#[test]
fn malformed_bodies_say_what_is_wrong() {
    use Malformed::{
        Compressed, Json, NoNode, NotAMap, NotATerm, NotAlive, NotAnAtom, Tag, TwoNodes,
    };
    let cases: &[(&[u8], Malformed)] = &[
        (b"{\"node\":\"a@b\"}", Json),
        (b"[1]", Json),
        (b"node", NotATerm { first: b'n' }),
        (b"\x83P\0\0\0\x0f", Compressed),
        (b"\x83w\x03a@b", NotAMap { tag: 119 }),
        (b"\x83t\0\0\0\0", NoNode),
        (
            b"\x83t\0\0\0\x01w\x04nodew\x09undefined",
            Malformed::Name(NameFault::At),
        ),
        (
            b"\x83t\0\0\0\x01w\x04nodem\0\0\0\x03a@b",
            NotAnAtom { tag: 109 },
        ),
        (b"\x83t\0\0\0\x01m\0\0\0\x04nodew\x03a@b", NoNode),
        (
            b"\x83t\0\0\0\x01w\x04nodew\x05a@b@c",
            Malformed::Name(NameFault::At),
        ),
        (
            b"\x83t\0\0\0\x01w\x04nodew\x02@b",
            Malformed::Name(NameFault::Empty),
        ),
        (
            b"\x83t\0\0\0\x01w\x04nodew\x02a@",
            Malformed::Name(NameFault::Empty),
        ),
        (
            b"\x83t\0\0\0\x01w\x04nodew\x04a @b",
            Malformed::Name(NameFault::Character),
        ),
        (b"\x83t\0\0\0\x01w\x04nodew\x0dnonode@nohost", NotAlive),
        (
            b"\x83t\0\0\0\x02w\x04nodew\x03a@bw\x04nodew\x03c@d",
            TwoNodes,
        ),
        (
            b"\x83t\0\0\0\x02w\x01kXw\x01nw\x04nodew\x03c@d",
            Tag {
                tag: 88,
                offset: 20,
            },
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(fault(body), *expected, "{}", body.escape_ascii());
    }
}

#[test]
fn a_heartbeat_cut_off_anywhere_is_truncated() {
    let whole = Codec::new(&node("a@host"), None).encode(IV);
    for end in b"heartbeat::".len()..whole.len() {
        let verdict = plain_codec().decode(&whole[..end]);
        let expected = Malformed::Truncated { offset: end };
        assert_eq!(verdict, Verdict::Malformed(expected));
    }
    assert!(matches!(
        fault(b"\x83t\xff\xff\xff\xff"),
        Malformed::Truncated { .. }
    ));
    let bomb = b"\x83t\0\0\0\x02l\xff\xff\xff\xffl\xff\xff\xff\xffi\xff\xff\xff\xff";
    assert!(matches!(fault(bomb), Malformed::Truncated { .. }));
}

#[test]
fn further_keys_and_trailing_bytes_pass_as_in_libcluster() {
    let expected = Verdict::Heartbeat(node("a@b"));
    let data: &[&[u8]] = &[
        b"a\x01",
        b"b\0\0\x01\0",
        b"F\0\0\0\0\0\0\0\0",
        b"c0.00000000000000000000e+00\0\0\0\0\0",
        b"j",
        b"s\x01x",
        b"w\x01x",
        b"d\0\x01x",
        b"v\0\x01x",
        b"k\0\x02xx",
        b"n\x01\0\xff",
        b"o\0\0\0\x01\0\xff",
        b"m\0\0\0\x02xx",
        b"M\0\0\0\x01\x03\xe0",
        b"h\x02a\x01h\0",
        b"i\0\0\0\x01a\x01",
        b"l\0\0\0\x01a\x01j",
        b"t\0\0\0\x01a\x01w\x04node",
    ];
    for key in data {
        for value in data {
            let pair = [*key, *value].concat();
            let before = [b"\x83t\0\0\0\x02", pair.as_slice(), b"w\x04nodew\x03a@b"].concat();
            assert_eq!(judge(&before), expected, "{}", before.escape_ascii());
            let behind = [
                b"\x83t\0\0\0\x02w\x04nodew\x03a@b",
                pair.as_slice(),
                b"junk",
            ]
            .concat();
            assert_eq!(judge(&behind), expected, "{}", behind.escape_ascii());
        }
    }
}

#[test]
fn padding_is_judged_as_libcluster_judges_it() {
    let codec = secret_codec();
    let message = heartbeat(&with_value(b"w\x03a@b"));
    assert_eq!(message.len(), 28, "four bytes of padding");
    let accepted = Verdict::Heartbeat(node("a@b"));
    let refused = Verdict::Undecryptable { length: 48 };
    for (last, with, expected) in [
        (4, 4, &accepted),
        (0, 0, &accepted),
        (0, 7, &accepted),
        (1, 7, &accepted),
        (4, 7, &refused),
        (16, 16, &refused),
        (17, 17, &refused),
        (255, 255, &refused),
    ] {
        let packet = seal(&padded(&message, last, with));
        assert_eq!(codec.decode(&packet), *expected, "{last} {with}");
    }
    let whole_block = [padded(&message, 0, 0), vec![16; 16]].concat();
    assert_eq!(codec.decode(&seal(&whole_block)), accepted);
    let mut ragged = seal(&padded(&message, 4, 4));
    ragged.extend([1, 2, 3]);
    assert_eq!(
        codec.decode(&ragged),
        accepted,
        "bytes behind the last block are left out"
    );
    let prefix_alone = seal(b"heartbeat::\x05\x05\x05\x05\x05");
    let cut = Malformed::Truncated { offset: 11 };
    assert_eq!(codec.decode(&prefix_alone), Verdict::Malformed(cut));
}

#[test]
fn neither_codec_nor_verdict_shows_the_secret() {
    let shown = format!("{:?}", secret_codec());
    assert_eq!(shown, "Codec { own: NodeName(us@host), encrypted: true }");
}

fn names() -> impl Strategy<Value = NodeName> {
    let text = proptest::string::string_regex(r"[a-z0-9_\-.äé語𝄞]{1,120}@[a-z0-9_\-.:]{1,120}");
    text.unwrap().prop_map(|name| node(&name))
}

proptest! {
    #[test]
    fn every_name_comes_back(name in names(), iv: [u8; 16], secret in any::<Option<Vec<u8>>>()) {
        let secret = secret.map(GossipSecret::new);
        let packet = Codec::new(&name, secret.as_ref()).encode(iv);
        let judge = Codec::new(&node("us@host"), secret.as_ref());
        prop_assert_eq!(judge.decode(&packet), Verdict::Heartbeat(name));
    }

    #[test]
    fn strange_bytes_are_never_a_heartbeat(packet in prop::collection::vec(any::<u8>(), 0..2000)) {
        for codec in [plain_codec(), secret_codec()] {
            prop_assert!(!matches!(codec.decode(&packet), Verdict::Heartbeat(_) | Verdict::OwnEcho));
        }
    }

    #[test]
    fn strange_bodies_are_judged_without_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        judge(&body);
        judge(&[b"\x83t", body.as_slice()].concat());
        judge(&[b"\x83t\0\0\0\x02", body.as_slice()].concat());
        judge(&with_value(&body));
        let message = heartbeat(&body);
        let aligned = message.len() / 16 * 16;
        secret_codec().decode(&seal(&message[..aligned]));
    }

    #[test]
    fn flipped_bits_are_judged_without_panic(name in names(), iv: [u8; 16], at: prop::sample::Index, bit in 0..8u8) {
        for secret in [None, Some(&secret())] {
            let mut packet = Codec::new(&name, secret).encode(iv);
            let at = at.index(packet.len());
            packet[at] ^= 1 << bit;
            let verdict = Codec::new(&node("us@host"), secret).decode(&packet);
            if at < b"heartbeat::".len() {
                prop_assert!(!matches!(verdict, Verdict::Heartbeat(_)), "{verdict:?}");
            }
        }
    }
}
