use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::term::{Atom, Pid, Reference, Term};

fn pid(id: u32) -> Pid {
    Pid {
        node: Atom::from_static("a@x"),
        id,
        serial: 0,
        creation: 9,
    }
}

fn reference() -> Reference {
    Reference::new(Atom::from_static("a@x"), 9, [1, 2, 3])
}

fn name() -> Atom {
    Atom::from_static("rex")
}

/// One of each that is sent.
fn controls() -> Vec<Control> {
    let (from, to, reference) = (pid(1), pid(2), reference());
    let spawn = |link, monitor| Spawn {
        reference: reference.clone(),
        from: pid(1),
        group_leader: pid(3),
        module: name(),
        function: name(),
        arity: 3,
        link,
        monitor,
    };
    let target = [
        Target::Pid(to.clone()),
        Target::Name(name()),
        Target::Alias(reference.clone()),
    ];
    let mut controls = vec![
        Control::Link {
            from: from.clone(),
            to: to.clone(),
        },
        Control::Send { to: to.clone() },
        Control::Exit {
            from: from.clone(),
            to: to.clone(),
            reason: Term::atom("normal"),
        },
        Control::RegSend {
            from: from.clone(),
            to: name(),
        },
        Control::GroupLeader {
            leader: from.clone(),
            to: to.clone(),
        },
        Control::Exit2 {
            from: from.clone(),
            to: to.clone(),
            reason: Term::atom("kill"),
        },
        Control::SendSender {
            from: from.clone(),
            to: to.clone(),
        },
        Control::PayloadExit {
            from: from.clone(),
            to: to.clone(),
        },
        Control::PayloadExit2 {
            from: from.clone(),
            to: to.clone(),
        },
        Control::SpawnRequest(spawn(false, false)),
        Control::SpawnRequest(spawn(true, true)),
        Control::AliasSend {
            from: from.clone(),
            to: reference.clone(),
        },
        Control::UnlinkId {
            id: u64::MAX,
            from: from.clone(),
            to: to.clone(),
        },
        Control::UnlinkIdAck {
            id: 1,
            from: from.clone(),
            to: to.clone(),
        },
    ];
    for result in [Spawned::Pid(to.clone()), Spawned::Error(name())] {
        controls.push(Control::SpawnReply {
            reference: reference.clone(),
            to: to.clone(),
            link: true,
            monitor: false,
            result,
        });
    }
    for item in &target[..2] {
        let (reference, item) = (reference.clone(), item.clone());
        let (one, other) = (from.clone(), to.clone());
        controls.push(Control::MonitorP {
            from: one.clone(),
            to: item.clone(),
            reference: reference.clone(),
        });
        controls.push(Control::DemonitorP {
            from: one,
            to: item.clone(),
            reference: reference.clone(),
        });
        controls.push(Control::PayloadMonitorPExit {
            from: item.clone(),
            to: other.clone(),
            reference: reference.clone(),
        });
        controls.push(Control::MonitorPExit {
            from: item,
            to: other,
            reference,
            reason: Term::nil(),
        });
    }
    for to in target {
        let priority = matches!(to, Target::Alias(_));
        controls.push(Control::AltactSig {
            from: from.clone(),
            to,
            exit: false,
            priority,
        });
    }
    controls
}

fn payload() -> Term {
    Term::list([Term::from("payload"), Term::from(-1)])
}

fn frames(framing: Framing, bytes: &[u8], chunk: usize) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = FrameDecoder::new(framing, FrameLimits::default());
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for part in bytes.chunks(chunk) {
        buffer.extend_from_slice(part);
        while let Some(frame) = decoder.next(&mut buffer)? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

#[test]
fn each_signal_comes_back_in_both_forms_whatever_the_pieces() {
    for framing in [Framing::PassThrough, Framing::Header] {
        let mut out = BytesMut::new();
        for control in controls() {
            let payload = control.has_payload().then(payload);
            encode_frame(
                framing,
                &control,
                payload.as_ref().map(|term| term as _),
                &mut out,
            )
            .unwrap();
            out.extend_from_slice(&TICK);
        }
        for chunk in [1, 7, 100_000] {
            let frames = frames(framing, &out, chunk).unwrap();
            let signals: Vec<_> = frames
                .iter()
                .filter(|frame| **frame != Frame::Tick)
                .collect();
            assert_eq!(signals.len() * 2, frames.len());
            for (frame, expected) in signals.into_iter().zip(controls()) {
                let Frame::Signal(control, body) = frame.clone() else {
                    panic!("{frame:?}");
                };
                assert_eq!(control, expected);
                let body = body.map(|body| body.decode().unwrap());
                assert_eq!(body, expected.has_payload().then(payload));
            }
        }
    }
}

#[test]
fn tokens_are_read_over_and_dead_operations_refused() {
    let token = || Term::tuple([Term::from(1)]);
    let (one, other) = (|| Term::Pid(pid(1)), || Term::Pid(pid(2)));
    let read = |parts: Vec<Term>| Control::from_term(&Term::tuple(parts));
    let traced = read(vec![Term::from(23), one(), other(), token()]);
    assert_eq!(
        traced,
        Ok(Control::SendSender {
            from: pid(1),
            to: pid(2)
        })
    );
    let grown = read(vec![
        Term::from(37),
        Term::from(0),
        one(),
        other(),
        token(),
        token(),
    ]);
    assert!(grown.is_ok());
    for operation in [0, 4, 5, 9, 17, 38, -1] {
        let refused = read(vec![Term::from(operation), one(), other()]);
        assert_eq!(refused, Err(ControlError::Operation(operation)));
    }
    let zero = read(vec![Term::from(35), Term::from(0), one(), other()]);
    assert_eq!(zero, Err(ControlError::Arguments(35)));
    assert_eq!(Control::from_term(&Term::nil()), Err(ControlError::Shape));
}

fn large(fill: u8, length: usize) -> (Bytes, Term) {
    let control = Control::SendSender {
        from: pid(1),
        to: pid(2),
    };
    let term = Term::Binary(vec![fill; length].into());
    let mut out = BytesMut::new();
    encode_frame(Framing::Header, &control, Some(&term), &mut out).unwrap();
    (out.freeze(), term)
}

fn pieces(frame: Bytes, sequence: u64) -> Vec<Vec<u8>> {
    // In pieces of its own, too.
    let parts = [frame.slice(..70_000), frame.slice(70_000..)];
    fragments(parts, sequence)
        .map(|(head, body)| [head, body.concat()].concat())
        .collect()
}

#[test]
fn fragments_of_several_signals_come_together_though_they_are_mixed() {
    let (one, one_term) = large(1, 300_000);
    let (other, other_term) = large(2, 200_000);
    let (one, other) = (pieces(one, 1), pieces(other, 2));
    assert_eq!((one.len(), other.len()), (5, 4));
    let mut mixed = Vec::new();
    for at in 0..one.len() {
        mixed.extend(one.get(at).into_iter().flatten());
        mixed.extend(other.get(at).into_iter().flatten());
    }
    let frames = frames(Framing::Header, &mixed, 1000).unwrap();
    let bodies: Vec<Term> = frames
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Signal(_, Some(body)) => Some(body.decode().unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(bodies, [other_term, one_term]);
}

#[test]
fn the_rest_of_a_fragment_may_be_received_where_it_belongs() {
    let (frame, term) = large(1, 300_000);
    let stream = [pieces(frame, 1).concat(), TICK.to_vec()].concat();
    for step in [100, 5_000, 100_000] {
        let mut decoder = FrameDecoder::new(Framing::Header, FrameLimits::default());
        let (mut buffer, mut stream) = (BytesMut::new(), &stream[..]);
        let (mut directly, mut found) = (0, Vec::new());
        while !stream.is_empty() {
            let rest = match decoder.missing() {
                Some((bytes, missing)) => {
                    let (part, rest) = stream.split_at(missing.min(step));
                    bytes.extend_from_slice(part);
                    directly += part.len();
                    decoder.arrived(part.len()).unwrap();
                    rest
                }
                None => {
                    let (part, rest) = stream.split_at(step.min(stream.len()));
                    buffer.extend_from_slice(part);
                    rest
                }
            };
            stream = rest;
            while let Some(frame) = decoder.next(&mut buffer).unwrap() {
                found.push(frame);
            }
        }
        assert!(step == 100_000 || directly > 200_000, "{step}: {directly}");
        assert_eq!(found.len(), 6);
        let Some(Frame::Signal(_, Some(body))) = found.get(4).cloned() else {
            panic!("no signal in {found:?}");
        };
        assert_eq!(body.decode().unwrap(), term);
        assert_eq!(found.last(), Some(&Frame::Tick));
        assert!(!decoder.expects_fragments());
    }
}

#[test]
fn fragments_out_of_order_end_the_connection() {
    let (frame, _) = large(1, 300_000);
    let pieces = pieces(frame, 1);
    let order =
        |order: &[usize]| -> Vec<u8> { order.iter().flat_map(|at| pieces[*at].clone()).collect() };
    for wrong in [&[0, 2][..], &[1], &[0, 0], &[0, 1, 1]] {
        let result = frames(Framing::Header, &order(wrong), 4096);
        assert!(
            matches!(result, Err(FrameError::Fragment { .. })),
            "{wrong:?}"
        );
    }
}

#[test]
fn what_is_held_for_a_peer_is_bounded() {
    let limits = FrameLimits {
        frame: 100_000,
        fragments: 150_000,
        sequences: 2,
    };
    let next = |bytes: &[u8]| {
        let mut decoder = FrameDecoder::new(Framing::Header, limits);
        let mut buffer = BytesMut::from(bytes);
        loop {
            match decoder.next(&mut buffer) {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    };
    assert_eq!(
        next(&[0x7f, 0, 0, 0]),
        Err(FrameError::TooLong(0x7f00_0000))
    );
    let (frame, _) = large(1, 300_000);
    assert_eq!(
        next(&pieces(frame.clone(), 1).concat()),
        Err(FrameError::TooMuch)
    );
    let starts = (1..=3).map(|sequence| pieces(frame.clone(), sequence)[0].clone());
    assert_eq!(
        next(&starts.collect::<Vec<_>>().concat()),
        Err(FrameError::TooMuch)
    );
}

#[test]
fn the_other_form_is_refused() {
    for (framing, other) in [
        (Framing::Header, Framing::PassThrough),
        (Framing::PassThrough, Framing::Header),
    ] {
        let mut out = BytesMut::new();
        encode_frame(framing, &controls()[0], None, &mut out).unwrap();
        assert!(matches!(frames(other, &out, 100), Err(FrameError::Form(_))));
    }
}

proptest! {
    #[test]
    fn strange_frames_are_errors(bytes: Vec<u8>, header: bool) {
        let framing = if header { Framing::Header } else { Framing::PassThrough };
        let start: &[u8] = if header { &[131, 68, 0] } else { &[112] };
        let mut frame = ((start.len() + bytes.len()) as u32).to_be_bytes().to_vec();
        frame.extend(start);
        frame.extend(&bytes);
        // It may be a signal by chance; it must not be a panic.
        let _ = frames(framing, &frame, 3);
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_another_signal(which in 0..30usize, at in 0..400usize, bit in 0..8u8) {
        let controls = controls();
        let control = &controls[which % controls.len()];
        let mut out = BytesMut::new();
        encode_frame(Framing::Header, control, control.has_payload().then(payload).as_ref().map(|term| term as _), &mut out).unwrap();
        let at = 4 + at % (out.len() - 4);
        out[at] ^= 1 << bit;
        let _ = frames(Framing::Header, &out, 50);
    }
}
