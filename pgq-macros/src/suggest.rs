//! "Did you mean": the known word that is closest to a misspelled one.

/// The word of `known` that `given` was probably meant to be.
pub(crate) fn closest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (distance(given, word), word))
        .filter(|&(distance, word)| distance <= word.len().max(given.len()).div_ceil(3))
        .min()
        .map(|(_, word)| word)
}

/// The beginning of a sentence about a misspelled word, if it is known what was meant.
pub(crate) fn meant<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match closest(given, known) {
        Some(word) => format!("did you mean `{word}`? "),
        None => String::new(),
    }
}

/// The words in backticks, joined by commas and `and`.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// How many characters must be added, removed or replaced to turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replace = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{closest, distance, list};

    const KNOWN: [&str; 4] = ["max_attempts", "priority", "queue", "timeout"];

    #[test]
    fn a_misspelled_word_is_recognized() {
        for (given, meant) in [
            ("priorty", "priority"),
            ("quue", "queue"),
            ("time_out", "timeout"),
            ("attempts", "max_attempts"),
            ("maxattempts", "max_attempts"),
        ] {
            assert_eq!(closest(given, KNOWN), Some(meant), "{given}");
        }
    }

    #[test]
    fn another_word_is_not_taken_for_a_known_one() {
        for given in ["", "x", "colour", "retry_backoff"] {
            assert_eq!(closest(given, KNOWN), None, "{given}");
        }
    }

    #[test]
    fn the_distance_counts_characters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("größe", "grösse"), 2);
    }

    #[test]
    fn a_list_reads_as_a_sentence() {
        assert_eq!(list([]), "");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
