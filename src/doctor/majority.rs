//! What most say, and who says otherwise.

use std::collections::BTreeMap;

use crate::NodeName;

/// Values that should be equal, and are not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split<T> {
    /// All but these say the first.
    Odd(T, Vec<(NodeName, T)>),
    /// No value has a majority.
    Tied(Vec<(NodeName, T)>),
}

impl<T: Ord + Clone> Split<T> {
    /// `None` when all are equal.
    pub(super) fn of(values: Vec<(NodeName, T)>) -> Option<Split<T>> {
        let mut counts: BTreeMap<&T, usize> = BTreeMap::new();
        for (_, value) in &values {
            *counts.entry(value).or_default() += 1;
        }
        if counts.len() < 2 {
            return None;
        }
        let most = counts.values().max().copied()?;
        let mut common = counts.iter().filter(|(_, count)| **count == most);
        match (common.next(), common.next()) {
            (Some((common, _)), None) => {
                let common = (*common).clone();
                let odd = values.into_iter().filter(|(_, value)| *value != common);
                Some(Split::Odd(common.clone(), odd.collect()))
            }
            _ => Some(Split::Tied(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(values: &[u8]) -> Option<Split<u8>> {
        let name = |at| format!("n{at}@h").parse().unwrap();
        let values = values.iter().enumerate();
        Split::of(values.map(|(at, value)| (name(at), *value)).collect())
    }

    #[test]
    fn the_odd_ones_out() {
        assert_eq!(split(&[1, 1, 1]), None);
        assert_eq!(split(&[]), None);
        let odd = vec![("n1@h".parse().unwrap(), 2)];
        assert_eq!(split(&[1, 2, 1]), Some(Split::Odd(1, odd)));
        assert!(matches!(split(&[1, 2]), Some(Split::Tied(all)) if all.len() == 2));
    }
}
