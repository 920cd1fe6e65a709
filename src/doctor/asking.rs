//! Questions to one node by rpc, and what its answers say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::NodeName;
use crate::node::Visitor;
use crate::otp::erpc::RpcError;
use crate::term::{Atom, Export, Term};

/// How long an answer may take that a healthy node gives at once.
const LIMIT: Duration = Duration::from_secs(4);

/// Asks the peer of a visitor. Only names that OTP or the peer itself has go there: no atom is made up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a>(pub(super) &'a Visitor);

impl Asking<'_> {
    /// What the function returns; `None` when it fails for any reason.
    pub(super) async fn get(
        self,
        module: &'static str,
        function: &'static str,
        arguments: Vec<Term>,
    ) -> Option<Term> {
        self.call(module, function, arguments).await.ok()
    }

    pub(super) async fn call(
        self,
        module: &'static str,
        function: &'static str,
        arguments: Vec<Term>,
    ) -> Result<Term, RpcError> {
        let module = Atom::from_static(module);
        let function = Atom::from_static(function);
        self.0
            .rpc(&module, &function, arguments)
            .timeout(LIMIT)
            .await
    }

    /// `erlang:system_info/1` for a number.
    pub(super) async fn system_info(self, item: &'static str) -> Option<i64> {
        let info = self.get("erlang", "system_info", vec![Term::atom(item)]);
        info.await?.as_int()
    }

    /// The value of a configuration parameter of the application kernel.
    pub(super) async fn kernel(self, parameter: &'static str) -> Option<Term> {
        let arguments = vec![Term::atom("kernel"), Term::atom(parameter)];
        ok(self.get("application", "get_env", arguments).await?)
    }

    /// The value of a flag that the node was started with, as text.
    pub(super) async fn flag(self, flag: &'static str) -> Option<String> {
        let found = self.get("init", "get_argument", vec![Term::atom(flag)]);
        let values = ok(found.await?)?;
        // [["value"]]: the last one counts.
        let last = values.as_list()?.last()?.as_list()?.last()?;
        text(last)
    }

    /// `lists:map(fun Module:Function/1, List)`, in one call.
    pub(super) async fn map(
        self,
        (module, function): (&'static str, &'static str),
        list: Vec<Term>,
    ) -> Option<Vec<Term>> {
        let fun = Term::Export(Box::new(Export {
            module: Atom::from_static(module),
            function: Atom::from_static(function),
            arity: 1,
        }));
        let mapped = self
            .get("lists", "map", vec![fun, Term::list(list)])
            .await?;
        mapped.as_list().map(<[Term]>::to_vec)
    }
}

/// `{ok, Value}`
pub(super) fn ok(term: Term) -> Option<Term> {
    match term.as_tuple()? {
        [tag, value] if tag.as_atom() == Some("ok") => Some(value.clone()),
        _ => None,
    }
}

/// The value of `key` in a list of pairs, or in a map.
pub(super) fn field<'a>(term: &'a Term, key: &str) -> Option<&'a Term> {
    if let Term::Map(map) = term {
        return map.get_atom(key);
    }
    term.as_list()?
        .iter()
        .find_map(|pair| match pair.as_tuple()? {
            [name, value] if name.as_atom() == Some(key) => Some(value),
            _ => None,
        })
}

/// A text of any kind: a binary, a charlist, an atom.
pub(super) fn text(term: &Term) -> Option<String> {
    match term {
        Term::Binary(bytes) => String::from_utf8(bytes.to_vec()).ok(),
        Term::Atom(atom) => Some(atom.as_str().to_owned()),
        Term::List(list) => {
            let char = |term: &Term| char::from_u32(u32::try_from(term.as_int()?).ok()?);
            list.iter().map(char).collect()
        }
        _ => None,
    }
}

/// An address as `inet` has it, `{A, B, C, D}`, or as a text.
pub(super) fn address(term: &Term) -> Option<IpAddr> {
    let Some(parts) = term.as_tuple() else {
        return text(term)?.parse().ok();
    };
    let parts: Vec<u16> = parts
        .iter()
        .map(|part| u16::try_from(part.as_int()?).ok())
        .collect::<Option<_>>()?;
    if let Ok(words) = <[u16; 8]>::try_from(parts.as_slice()) {
        return Some(Ipv6Addr::from(words).to_canonical());
    }
    let bytes: Vec<u8> = parts
        .iter()
        .map(|part| u8::try_from(*part).ok())
        .collect::<Option<_>>()?;
    let bytes = <[u8; 4]>::try_from(bytes).ok()?;
    Some(Ipv4Addr::from(bytes).into())
}

/// The node names in a list of atoms.
pub(super) fn nodes(term: &Term) -> Vec<NodeName> {
    let names = term.as_list().unwrap_or_default().iter();
    names
        .filter_map(|name| NodeName::new(name.as_atom()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erlang(text: &str) -> Term {
        Term::parse_erlang(text).unwrap()
    }

    #[test]
    fn addresses_of_all_shapes() {
        let four: IpAddr = [172, 20, 255, 255].into();
        for shown in [
            "{172,20,255,255}",
            "\"172.20.255.255\"",
            "<<\"172.20.255.255\">>",
        ] {
            assert_eq!(address(&erlang(shown)), Some(four), "{shown}");
        }
        assert_eq!(
            address(&erlang("{0,0,0,0,0,65535,44052,65535}")),
            Some(four)
        );
        for shown in ["{1,2,3}", "{256,0,0,1}", "undefined", "[]", "{a,b,c,d}"] {
            assert_eq!(address(&erlang(shown)), None, "{shown}");
        }
    }

    #[test]
    fn fields_of_lists_and_maps() {
        for shown in ["[{a,1},odd,{b,2}]", "#{a => 1, b => 2}"] {
            let term = erlang(shown);
            assert_eq!(field(&term, "b"), Some(&Term::from(2)));
            assert_eq!(field(&term, "c"), None);
        }
    }
}
