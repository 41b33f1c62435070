//! Names that are like one that does not exist.

/// How much like another a name must be, from 0 to 1.
const LIKENESS_MIN: f64 = 0.7;
/// How many names are offered.
const OFFERED_MAX: usize = 3;

/// The names that `given` was probably meant to be, the likeliest first.
pub(crate) fn like<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (likeness(given, name), name))
        .filter(|&(likeness, _)| likeness >= LIKENESS_MIN)
        .collect();
    known.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    known.dedup_by_key(|(_, name)| *name);
    known.truncate(OFFERED_MAX);
    known.into_iter().map(|(_, name)| name).collect()
}

/// A question after them, with what begins the sentence before it; nothing if there are none.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let names = like(given, known);
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" (did you mean {}?)", names.join(" or ")),
    }
}

/// By letters that are near to each other, whatever their case, and by a whole word of the name.
fn likeness(given: &str, name: &str) -> f64 {
    let (given, name) = (given.to_lowercase(), name.to_lowercase());
    let is_part = given.len() >= 3 && name.contains(&given);
    let edits = strsim::normalized_damerau_levenshtein(&given, &name);
    if is_part {
        edits.max(LIKENESS_MIN)
    } else {
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, like};

    const KNOWN: [&str; 4] = ["send_email", "send_report", "mail/send", "index"];

    #[test]
    fn a_misspelled_name_is_recognized() {
        assert_eq!(like("send_emial", KNOWN), ["send_email"]);
        assert_eq!(like("SEND_REPORT", KNOWN), ["send_report"]);
        assert_eq!(like("report", KNOWN), ["send_report"]);
        assert_eq!(
            like("send", KNOWN),
            ["mail/send", "send_email", "send_report"]
        );
    }

    #[test]
    fn another_name_is_not_taken_for_one() {
        assert!(like("", KNOWN).is_empty());
        assert!(like("refund", KNOWN).is_empty());
        assert_eq!(did_you_mean("refund", KNOWN), "");
        assert_eq!(did_you_mean("indx", KNOWN), " (did you mean `index`?)");
    }
}
