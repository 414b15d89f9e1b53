//! Names out of the bytes that `getdents64` wrote. Total: whatever the bytes, it reads none beyond them, yields each record
//! at most once and ends.

use crate::probes::sys::Errno;

/// `struct linux_dirent64`, the same everywhere: inode (8 bytes), offset (8), length of the record (2), type (1), the name up
/// to a zero, padding.
const LENGTH_AT: usize = 16;
const NAME_AT: usize = 19;

/// The names in one answer, in its order.
#[derive(Debug, Clone)]
pub(super) struct Dirents<'a> {
    rest: &'a [u8],
}

impl<'a> Dirents<'a> {
    /// The names in `answer`; [`Errno::SENSELESS`] once, and then nothing, from the first record that is not one.
    pub(super) const fn of(answer: &'a [u8]) -> Self {
        Self { rest: answer }
    }

    fn record(&mut self) -> Option<&'a [u8]> {
        let length = self.rest.get(LENGTH_AT..)?.first_chunk()?;
        let (record, rest) = self
            .rest
            .split_at_checked(usize::from(u16::from_ne_bytes(*length)))?;
        let name = record.get(NAME_AT..)?;
        let end = name.iter().position(|byte| *byte == 0)?;
        self.rest = rest;
        name.get(..end).filter(|name| !name.is_empty())
    }
}

impl<'a> Iterator for Dirents<'a> {
    type Item = Result<&'a [u8], Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let name = self.record().ok_or(Errno::SENSELESS);
        if name.is_err() {
            self.rest = &[];
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record as the kernel lays it out: padded to eight bytes.
    fn record(name: &[u8]) -> Vec<u8> {
        let length = (NAME_AT + name.len() + 1).next_multiple_of(8);
        let mut record = vec![0; 16];
        record.extend(u16::try_from(length).unwrap().to_ne_bytes());
        record.push(8);
        record.extend(name);
        record.resize(length, 0);
        record
    }

    fn check(answer: &[u8], expect: &[Result<&[u8], Errno>]) {
        assert_eq!(Dirents::of(answer).collect::<Vec<_>>(), expect, "{answer:?}");
    }

    #[test]
    fn records_yield_their_names_until_one_is_senseless() {
        let (a, long) = (record(b"a"), record(&[b'x'; 255]));
        let with_length = |length: u16| {
            let mut record = record(b"a");
            record[LENGTH_AT..NAME_AT - 1].copy_from_slice(&length.to_ne_bytes());
            record
        };
        let senseless = Err(Errno::SENSELESS);
        check(b"", &[]);
        check(&a, &[Ok(b"a")]);
        check(&[a.clone(), long.clone()].concat(), &[Ok(b"a"), Ok(&[b'x'; 255])]);
        check(
            &[a.clone(), long[..200].to_vec()].concat(),
            &[Ok(b"a"), senseless],
        );
        check(&[a.clone(), vec![0]].concat(), &[Ok(b"a"), senseless]);
        for length in [0, 1, 18, 19, 20, u16::MAX] {
            check(&[with_length(length), a.clone()].concat(), &[senseless]);
        }
        check(&record(b""), &[senseless]);
        let mut endless = record(b"1234");
        endless[NAME_AT..].fill(b'x');
        check(&[endless, a].concat(), &[senseless]);
    }

    proptest! {
        #[test]
        fn any_names_come_back(names in prop::collection::vec(prop::collection::vec(1_u8.., 1..=255), 0..40)) {
            let answer = names.iter().flat_map(|name| record(name)).collect::<Vec<_>>();
            let found = Dirents::of(&answer).collect::<Result<Vec<_>, _>>();
            prop_assert_eq!(found.unwrap(), names);
        }

        #[test]
        fn any_bytes_end_within_themselves(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            bounded(&bytes)?;
        }

        /// Bytes that are more often right than any are: records with some bytes changed, cut anywhere.
        #[test]
        fn spoiled_records_end_within_themselves(
            names in prop::collection::vec(prop::collection::vec(1_u8.., 1..=40), 1..20),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut answer = names.iter().flat_map(|name| record(name)).collect::<Vec<_>>();
            for (place, byte) in changes {
                let place = place.index(answer.len());
                answer[place] = byte;
            }
            answer.truncate(cut.index(answer.len() + 1));
            bounded(&answer)?;
        }
    }

    /// Every name lies within the bytes, none overlaps another, and at most one error comes, as the last item.
    fn bounded(bytes: &[u8]) -> Result<(), TestCaseError> {
        let all = bytes.as_ptr_range();
        let mut from = all.start;
        let mut failed = false;
        for item in Dirents::of(bytes) {
            prop_assert!(!failed);
            match item {
                Ok(name) => {
                    let place = name.as_ptr_range();
                    prop_assert!(place.start > from && place.end < all.end && !name.is_empty());
                    prop_assert!(!name.contains(&0));
                    from = place.end;
                }
                Err(errno) => {
                    prop_assert_eq!(errno, Errno::SENSELESS);
                    failed = true;
                }
            }
        }
        Ok(())
    }
}
