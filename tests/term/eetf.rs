//! Terms of `eetf` and ours.

use beamlink::term::{Bits, EetfError, Term};
use proptest::prelude::*;

use crate::beam::{op, tell};
use crate::strategy::any_term;

fn theirs(term: &Term) -> eetf::Term {
    eetf::Term::try_from(term).unwrap()
}

proptest! {
    #[test]
    fn a_term_comes_back_the_same(term in any_term()) {
        let theirs = theirs(&term);
        prop_assert_eq!(&Term::try_from(&theirs).unwrap(), &term);
        // What eetf itself reads of our bytes judges the other way. (Its writer makes [255] of [-1], so it judges nothing.)
        let read = eetf::Term::decode(&term.to_external().unwrap()[..]).unwrap();
        prop_assert_eq!(Term::try_from(read).unwrap(), term);
    }
}

#[test]
fn funs_keep_their_environment() {
    let source = "(fun(X) -> fun(Y) -> {X, Y} end end)({1, [a], <<1:3>>}).";
    let Some(fun) = tell(&op("erl_eval", [Term::from(source)])) else {
        return;
    };
    assert!(matches!(fun, Term::Fun(_)));
    // Its bytes differ, as OTP 25 writes atoms in an old form.
    let back = Term::try_from(theirs(&fun)).unwrap();
    let same = tell(&op("order", [back.clone(), fun])).unwrap();
    assert_eq!(same, Term::parse_erlang("{true,true,false}").unwrap());
    assert_eq!(Term::try_from(theirs(&back)), Ok(back));
}

#[test]
fn what_one_side_has_not_is_refused() {
    let theirs = |text: &str| eetf::Term::try_from(&Term::parse_erlang(text).unwrap());
    let deep = (0..200).fold(Term::nil(), |term, _| Term::list([term]));
    assert_eq!(eetf::Term::try_from(&deep), Err(EetfError::Depth));
    assert_eq!(theirs("#{0.0 => a,-0.0 => b}"), Err(EetfError::Keys));
    let ours = |term: eetf::Term| Term::try_from(term);
    let key = |value: eetf::Term| (value, eetf::List::nil().into());
    let one = (
        eetf::FixInteger::from(1).into(),
        eetf::BigInteger::from(1).into(),
    );
    let map = eetf::Map::from([key(one.0), key(one.1)]);
    assert_eq!(ours(map.into()), Err(EetfError::Keys));
    assert_eq!(
        ours(eetf::Float { value: f64::NAN }.into()),
        Err(EetfError::Float)
    );
    let reference = eetf::Reference::from(("a@b", vec![1; 6]));
    assert_eq!(ours(reference.into()), Err(EetfError::Words(6)));
    let long = eetf::Atom::from("x".repeat(256));
    assert!(matches!(ours(long.into()), Err(EetfError::Atom(_))));
    for bits in [0, 9] {
        let term = eetf::BitBinary::from((vec![1], bits));
        assert_eq!(ours(term.into()), Err(EetfError::Bits(bits)));
    }
    let bits = Bits::new(vec![255, 0b1010_0000].into(), 3).unwrap();
    let theirs = eetf::BitBinary::from((vec![255, 0b101], 3));
    assert_eq!(ours(theirs.into()), Ok(Term::Bits(Box::new(bits))));
    let list = eetf::ByteList::from(vec![1, 2]);
    assert_eq!(
        ours(list.into()),
        Ok(Term::list([Term::from(1), Term::from(2)]))
    );
}
