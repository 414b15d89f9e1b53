//! Names out of the bytes in which a kernel lists a directory. Total: whatever the bytes, it reads none beyond them, yields each record
//! at most once and ends.

use crate::probes::sys::Errno;

/// Inode (8 bytes), offset (8), length of the record (2): the same everywhere.
const LENGTH_AT: usize = 16;
/// In `struct linux_dirent64` then comes the type (1), the name up to a zero, padding.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LINUX_NAME_AT: usize = 19;
/// In Apple's `struct dirent` with 64-bit inodes the length of the name (2) and the type (1), the name up to a zero, padding.
#[cfg(any(target_vendor = "apple", test))]
const APPLE_NAME_AT: usize = 21;

/// The names in one answer, in its order.
#[derive(Debug, Clone)]
pub(super) struct Dirents<'a> {
    rest: &'a [u8],
    name_at: usize,
}

impl<'a> Dirents<'a> {
    /// The names in what `getdents64` wrote; [`Errno::SENSELESS`] once, and then nothing, from the first record that is not one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) const fn linux(answer: &'a [u8]) -> Self {
        Self {
            rest: answer,
            name_at: LINUX_NAME_AT,
        }
    }

    /// The names in what `getdirentries64` wrote, in the same way.
    #[cfg(any(target_vendor = "apple", test))]
    pub(super) const fn apple(answer: &'a [u8]) -> Self {
        Self {
            rest: answer,
            name_at: APPLE_NAME_AT,
        }
    }

    fn record(&mut self) -> Option<&'a [u8]> {
        let length = self.rest.get(LENGTH_AT..)?.first_chunk()?;
        let (record, rest) = self
            .rest
            .split_at_checked(usize::from(u16::from_ne_bytes(*length)))?;
        let name = record.get(self.name_at..)?;
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

    /// How a kernel lays a record out: where its name begins, and what reads it.
    #[derive(Debug)]
    struct Form {
        name_at: usize,
        read: fn(&[u8]) -> Dirents<'_>,
    }

    const FORMS: &[Form] = &[
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Form {
            name_at: 19,
            read: |answer| Dirents::linux(answer),
        },
        Form {
            name_at: 21,
            read: |answer| Dirents::apple(answer),
        },
    ];

    impl Form {
        /// A record, padded to eight bytes.
        fn record(&self, name: &[u8]) -> Vec<u8> {
            let length = (self.name_at + name.len() + 1).next_multiple_of(8);
            let mut record = vec![0; 16];
            record.extend(u16::try_from(length).unwrap().to_ne_bytes());
            record.resize(self.name_at - 1, 0);
            record.push(8);
            record.extend(name);
            record.resize(length, 0);
            record
        }

        fn check(&self, answer: &[u8], expect: &[Result<&[u8], Errno>]) {
            let found = (self.read)(answer).collect::<Vec<_>>();
            assert_eq!(found, expect, "{} {answer:?}", self.name_at);
        }
    }

    fn form() -> impl Strategy<Value = &'static Form> {
        prop::sample::select(FORMS.iter().collect::<Vec<_>>())
    }

    #[test]
    fn records_yield_their_names_until_one_is_senseless() {
        for form in FORMS {
            let (a, long) = (form.record(b"a"), form.record(&[b'x'; 255]));
            let with_length = |length: u16| {
                let mut record = form.record(b"a");
                record[LENGTH_AT..LENGTH_AT + 2].copy_from_slice(&length.to_ne_bytes());
                record
            };
            let senseless = Err(Errno::SENSELESS);
            form.check(b"", &[]);
            form.check(&a, &[Ok(b"a")]);
            form.check(&[a.clone(), long.clone()].concat(), &[Ok(b"a"), Ok(&[b'x'; 255])]);
            let cut = [a.clone(), long[..200].to_vec()].concat();
            form.check(&cut, &[Ok(b"a"), senseless]);
            form.check(&[a.clone(), vec![0]].concat(), &[Ok(b"a"), senseless]);
            for length in [0, 1, 18, 19, 20, u16::MAX] {
                form.check(&[with_length(length), a.clone()].concat(), &[senseless]);
            }
            form.check(&form.record(b""), &[senseless]);
            let mut endless = form.record(b"1234");
            endless[form.name_at..].fill(b'x');
            form.check(&[endless, a].concat(), &[senseless]);
        }
    }

    proptest! {
        #[test]
        fn any_names_come_back(form in form(), names in prop::collection::vec(prop::collection::vec(1_u8.., 1..=255), 0..40)) {
            let answer = names.iter().flat_map(|name| form.record(name)).collect::<Vec<_>>();
            let found = (form.read)(&answer).collect::<Result<Vec<_>, _>>();
            prop_assert_eq!(found.unwrap(), names);
        }

        #[test]
        fn any_bytes_end_within_themselves(form in form(), bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            bounded(form, &bytes)?;
        }

        /// Bytes that are more often right than any are: records with some bytes changed, cut anywhere.
        #[test]
        fn spoiled_records_end_within_themselves(
            form in form(),
            names in prop::collection::vec(prop::collection::vec(1_u8.., 1..=40), 1..20),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut answer = names.iter().flat_map(|name| form.record(name)).collect::<Vec<_>>();
            for (place, byte) in changes {
                let place = place.index(answer.len());
                answer[place] = byte;
            }
            answer.truncate(cut.index(answer.len() + 1));
            bounded(form, &answer)?;
        }
    }

    /// Every name lies within the bytes, none overlaps another, and at most one error comes, as the last item.
    fn bounded(form: &Form, bytes: &[u8]) -> Result<(), TestCaseError> {
        let all = bytes.as_ptr_range();
        let mut from = all.start;
        let mut failed = false;
        for item in (form.read)(bytes) {
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
