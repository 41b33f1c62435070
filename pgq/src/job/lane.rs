//! The keys by which the jobs of a task are limited or ordered.

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
    let mut hash = Fnv::new();
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
    Ok(hash.0.cast_signed())
}

/// A hash of these parts, which is the same in every process.
pub(crate) fn hash_of<const N: usize>(parts: [&[u8]; N]) -> i64 {
    let mut hash = Fnv::new();
    for part in parts {
        hash.part(part);
    }
    hash.0.cast_signed()
}

/// FNV-1a, with 64 bits.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    const fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// With its length, so that no two lists of parts are the same bytes.
    fn part(&mut self, part: &[u8]) {
        (part.len() as u64)
            .to_be_bytes()
            .into_iter()
            .chain(part.iter().copied())
            .for_each(|byte| self.byte(byte));
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
}
