//! Any text at all.

use pgq_cron::{Expression, ParseError};

/// Text made of the pieces of expressions: whatever comes, there is an answer and a usable span.
#[test]
fn no_text_panics_or_reaches_the_parser_unread() {
    const PIECES: &[&str] = &[
        " ", " ", " ", "*", "*", "/", "-", ",", "?", "#", "L", "W", "0", "1", "7", "31", "59",
        "60", "2", "FEB", "sun", "FRI", "@", "daily", "é", "\u{a0}", "\n", ".", "+", "256", "15W",
        "L-3", "FRIL", "5#3",
    ];
    let seed = 0x6a6f_6273;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut accepted = 0;
    for _ in 0..60_000 {
        let length = random.usize(0..16);
        let mut source = if random.bool() { "* * * * " } else { "" }.to_owned();
        source.extend((0..length).map(|_| PIECES[random.usize(..PIECES.len())]));

        match Expression::parse(&source) {
            Ok(expression) => {
                accepted += 1;
                assert_eq!(expression.to_string(), source);
            }
            Err(error) => {
                assert!(source.get(error.span()).is_some(), "{source:?}: {error:?}");
                assert!(
                    !matches!(error, ParseError::Refused { .. }),
                    "{source:?}: {error:?}"
                );
            }
        }
    }
    assert!(
        accepted > 500,
        "only {accepted} of the texts were expressions, seed {seed}"
    );
}
