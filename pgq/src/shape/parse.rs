//! Reads the text of a shape.

use std::iter::Peekable;
use std::str::Chars;

use super::{Field, Shape, Variant};

/// How deep shapes may be nested in a text.
const DEPTH_MAX: usize = 200;

/// A text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct ParseError {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong there.
    pub(crate) problem: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(char),
    End,
}

/// The words, names and signs of a text. Line ends are white space, and `#` begins a comment.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    /// The token that was looked at, and its line.
    ahead: Option<(Token, usize)>,
    depth: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            line: 1,
            ahead: None,
            depth: 0,
        }
    }

    pub(crate) fn error<T>(&self, problem: impl Into<String>) -> Result<T, ParseError> {
        let line = self.ahead.as_ref().map_or(self.line, |(_, line)| *line);
        Err(ParseError {
            line,
            problem: problem.into(),
        })
    }

    /// The line of what comes next.
    pub(crate) fn line(&mut self) -> usize {
        self.peek();
        self.ahead.as_ref().map_or(self.line, |(_, line)| *line)
    }

    fn scan(&mut self) -> Token {
        while let Some(&c) = self.chars.peek() {
            match c {
                '#' => while self.chars.next_if(|&c| c != '\n').is_some() {},
                '\n' => self.line += 1,
                c if c.is_whitespace() => {}
                _ => break,
            }
            if c != '#' {
                self.chars.next();
            }
        }
        match self.chars.next() {
            None => Token::End,
            Some('"') => self.quoted(),
            Some(c) if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                let in_word = |c: &char| c.is_alphanumeric() || *c == '_';
                while let Some(c) = self.chars.next_if(in_word) {
                    word.push(c);
                }
                Token::Word(word)
            }
            Some(c) => Token::Sign(c),
        }
    }

    /// A string as Rust's `Debug` writes it.
    fn quoted(&mut self) -> Token {
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '"' => return Token::Quoted(text),
                '\n' => break,
                '\\' => match self.chars.next() {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('0') => text.push('\0'),
                    Some('u') => text.extend(self.unicode()),
                    Some(c) => text.push(c),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Token::Sign('"')
    }

    /// The rest of `\u{…}`.
    fn unicode(&mut self) -> Option<char> {
        self.chars.next_if_eq(&'{')?;
        let mut code = 0_u32;
        while let Some(c) = self.chars.next_if(char::is_ascii_hexdigit) {
            code = code.checked_mul(16)?.checked_add(c.to_digit(16)?)?;
        }
        self.chars.next_if_eq(&'}')?;
        char::from_u32(code)
    }

    fn peek(&mut self) -> &Token {
        if self.ahead.is_none() {
            let token = self.scan();
            self.ahead = Some((token, self.line));
        }
        match &self.ahead {
            Some((token, _)) => token,
            None => &Token::End,
        }
    }

    fn next(&mut self) -> Token {
        self.peek();
        self.ahead.take().map_or(Token::End, |(token, _)| token)
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        *self.peek() == Token::End
    }

    /// Takes this word, if it comes next.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let comes = matches!(self.peek(), Token::Word(next) if next == word);
        if comes {
            self.next();
        }
        comes
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let comes = *self.peek() == Token::Sign(sign);
        if comes {
            self.next();
        }
        comes
    }

    fn expect_sign(&mut self, sign: char) -> Result<(), ParseError> {
        match self.take_sign(sign) {
            true => Ok(()),
            false => self.error(format!("`{sign}` is expected")),
        }
    }

    /// A plain word of whatever letters.
    pub(crate) fn word(&mut self, expected: &str) -> Result<String, ParseError> {
        match self.peek() {
            Token::Word(_) => {}
            _ => return self.error(format!("{expected} is expected")),
        }
        match self.next() {
            Token::Word(word) => Ok(word),
            _ => Ok(String::new()),
        }
    }

    /// A plain word, or any text in quotes.
    pub(crate) fn name(&mut self, expected: &str) -> Result<String, ParseError> {
        if let Token::Quoted(_) = self.peek()
            && let Token::Quoted(name) = self.next()
        {
            return Ok(name);
        }
        self.word(expected)
    }

    fn number(&mut self) -> Result<usize, ParseError> {
        let word = self.word("a number")?;
        word.parse()
            .or_else(|_| self.error(format!("`{word}` is not a number")))
    }

    pub(crate) fn shape(&mut self) -> Result<Shape, ParseError> {
        if self.depth == DEPTH_MAX {
            return self.error("this is nested too deeply");
        }
        self.depth += 1;
        let mut shape = self.atom()?;
        self.depth -= 1;
        loop {
            if self.take_sign('?') {
                shape = Shape::Option(Box::new(shape));
            } else if self.take_word("as") {
                let by = self.word("the name of a type")?;
                let shape_of_it = Box::new(shape);
                shape = Shape::Checked {
                    shape: shape_of_it,
                    by,
                };
            } else {
                return Ok(shape);
            }
        }
    }

    fn atom(&mut self) -> Result<Shape, ParseError> {
        if self.take_sign('[') {
            return self.sequence();
        }
        if self.take_sign('(') {
            let mut elements = Vec::new();
            while !self.take_sign(')') {
                if !elements.is_empty() {
                    self.expect_sign(',')?;
                }
                elements.push(self.shape()?);
            }
            return Ok(Shape::Tuple(elements));
        }
        if *self.peek() == Token::Sign('{') {
            return self.fields(false);
        }
        let word = self.word("a shape")?;
        match &*word {
            "unit" => Ok(Shape::Unit),
            "bool" => Ok(Shape::Bool),
            "char" => Ok(Shape::Char),
            "text" => Ok(Shape::Text),
            "bytes" => Ok(Shape::Bytes),
            "any" => Ok(Shape::Any),
            "f32" => Ok(Shape::Float(32)),
            "f64" => Ok(Shape::Float(64)),
            "again" => self.number().map(Shape::Again),
            "opaque" => self.name("the name of a type").map(Shape::Opaque),
            "exact" => self.fields(true),
            "enum" => self.variants(false),
            "open" if self.take_word("enum") => self.variants(true),
            "map" => {
                self.expect_sign('(')?;
                let key = self.shape()?;
                self.expect_sign(',')?;
                let value = self.shape()?;
                self.expect_sign(')')?;
                Ok(Shape::Map(Box::new(key), Box::new(value)))
            }
            _ => match integer(&word) {
                Some(integer) => Ok(integer),
                None => self.error(format!("`{word}` is not a shape")),
            },
        }
    }

    fn sequence(&mut self) -> Result<Shape, ParseError> {
        const LENGTH_MAX: usize = 10_000;

        let element = self.shape()?;
        if !self.take_sign(';') {
            self.expect_sign(']')?;
            return Ok(Shape::List(Box::new(element)));
        }
        let length = self.number()?;
        if length > LENGTH_MAX {
            return self.error(format!("a sequence has at most {LENGTH_MAX} elements"));
        }
        self.expect_sign(']')?;
        Ok(Shape::Tuple(vec![element; length]))
    }

    fn fields(&mut self, exact: bool) -> Result<Shape, ParseError> {
        self.expect_sign('{')?;
        let mut fields: Vec<Field> = Vec::new();
        while !self.take_sign('}') {
            let name = self.name("the name of a field, or `}`,")?;
            if fields.iter().any(|field| field.name == name) {
                return self.error(format!("the field `{name}` is there twice"));
            }
            let mut aliases = Vec::new();
            while self.take_sign('|') {
                aliases.push(self.name("the name of a field")?);
            }
            let optional = self.take_sign('?');
            self.expect_sign(':')?;
            let shape = self.shape()?;
            fields.push(Field {
                name,
                aliases,
                optional,
                shape,
            });
        }
        fields.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Shape::Struct { fields, exact })
    }

    fn variants(&mut self, open: bool) -> Result<Shape, ParseError> {
        self.expect_sign('{')?;
        let mut variants: Vec<Variant> = Vec::new();
        while !self.take_sign('}') {
            let name = self.name("the name of a variant, or `}`,")?;
            if variants.iter().any(|variant| variant.name == name) {
                return self.error(format!("the variant `{name}` is there twice"));
            }
            let content = match self.take_sign(':') {
                true => Some(self.shape()?),
                false => None,
            };
            variants.push(Variant { name, content });
        }
        variants.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Shape::Enum { variants, open })
    }
}

fn integer(word: &str) -> Option<Shape> {
    let signed = word.starts_with('i');
    let bits = word.strip_prefix(['i', 'u'])?.parse().ok()?;
    matches!(bits, 8 | 16 | 32 | 64 | 128).then_some(Shape::Integer { signed, bits })
}
