//! Pieces of an expression that know where they stand in it.

use std::ops::Range;

/// A part of the text and its place, in bytes from the start of the expression.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    start: usize,
}

impl<'a> Token<'a> {
    /// The whole expression.
    pub(crate) fn whole(text: &'a str) -> Self {
        Self { text, start: 0 }
    }

    pub(crate) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The parts between the separators; an empty part stays.
    pub(crate) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        self.parts(self.text.split(separator))
    }

    /// The words; white space is ASCII only, so that a stray no-break space is shown as a mistake.
    pub(crate) fn words(self) -> impl Iterator<Item = Self> {
        self.parts(self.text.split_ascii_whitespace())
    }

    pub(crate) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        Some((self.part(before), self.part(after)))
    }

    /// Without its last character, which must be ASCII.
    pub(crate) fn without_last(self) -> Self {
        self.part(&self.text[..self.text.len().saturating_sub(1)])
    }

    fn parts(self, texts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Self> {
        texts.map(move |text| self.part(text))
    }

    /// `text` must be a slice of this token's text.
    fn part(self, text: &'a str) -> Self {
        let offset = text.as_ptr().addr() - self.text.as_ptr().addr();
        let start = self.start + offset;
        Self { text, start }
    }
}

/// Whether the text is a number, however large.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_part_knows_its_place_in_the_expression() {
        let source = "  é 1-5/2,7\t*";

        let words: Vec<_> = Token::whole(source).words().collect();
        let items: Vec<_> = words[1].split(',').collect();
        let (range, step) = items[0].split_once('/').unwrap();

        for token in [words[0], words[2], items[1], range, step] {
            assert_eq!(&source[token.span()], token.text);
        }
        assert_eq!(step.span(), 9..10);
    }
}
