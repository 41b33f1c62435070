//! The keys by which the jobs of a task are limited or ordered.

use sha2::{Digest, Sha256};

use super::DecodeError;
use super::input::InputReader;

/// A hash of the values that these parameters have in an input; of the task and the kind of key as
/// well, so that keys of others are others.
///
/// # Errors
///
/// Fails if the input is not a map by name.
pub(crate) fn lane_key(
    task: &str,
    kind: &str,
    parameters: &[&str],
    input: &[u8],
) -> Result<i64, DecodeError> {
    let reader = InputReader::new(input)?;
    let mut hash = Hash::new();
    hash.part(task.as_bytes());
    hash.part(kind.as_bytes());
    for name in parameters {
        hash.part(name.as_bytes());
        match reader.find(name) {
            Some(value) => {
                hash.byte(1);
                hash.part(value);
            }
            None => hash.byte(0),
        }
    }
    Ok(hash.finish())
}

/// A hash of these parts, which is the same in every process.
pub(crate) fn hash_of<const N: usize>(parts: [&[u8]; N]) -> i64 {
    let mut hash = Hash::new();
    for part in parts {
        hash.part(part);
    }
    hash.finish()
}

/// The first bytes of a SHA-256: people may choose what is hashed, and must not meet the keys of others.
struct Hash(Sha256);

impl Hash {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn byte(&mut self, byte: u8) {
        self.0.update([byte]);
    }

    /// With its length, so that no two lists of parts are the same bytes.
    fn part(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn finish(self) -> i64 {
        let hash = self.0.finalize();
        let first = hash.iter().take(8);
        first.fold(0, |number, byte| number << 8 | i64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::InputWriter;

    fn key(task: &str, kind: &str, customer: &str, number: u32) -> i64 {
        let mut writer = InputWriter::new(2);
        writer.parameter("number", &number).unwrap();
        writer.parameter("customer", customer).unwrap();
        lane_key(task, kind, &["customer"], &writer.finish()).unwrap()
    }

    #[test]
    fn only_the_parameters_that_are_named_make_the_key() {
        let first = key("pay", "order", "ada", 1);

        assert_eq!(first, key("pay", "order", "ada", 2));
        assert_ne!(first, key("pay", "order", "bob", 1));
    }

    #[test]
    fn keys_of_others_are_others() {
        let first = key("pay", "order", "ada", 1);

        assert_ne!(first, key("bill", "order", "ada", 1));
        assert_ne!(first, key("pay", "concurrency", "ada", 1));
    }

    #[test]
    fn a_key_is_the_same_for_ever() {
        assert_eq!(key("pay", "order", "ada", 1), -425_803_517_019_422_919);
    }
}
