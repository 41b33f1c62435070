//! Where answers go: tables for people, or one JSON object per line.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::Failure;
use crate::table::Table;

/// The standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints one object, or the line for people.
    pub(crate) fn answer(self, object: &impl Serialize, line: &str) -> Result<(), Failure> {
        match self.json {
            true => self.object(object),
            false => self.text(line),
        }
    }

    /// Prints each object, or the table for people.
    pub(crate) fn list<T: Serialize>(self, objects: &[T], table: &Table) -> Result<(), Failure> {
        if self.json {
            return objects.iter().try_for_each(|object| self.object(object));
        }
        if !objects.is_empty() {
            self.text(&table.to_string())?;
        }
        Ok(())
    }

    pub(crate) fn object(self, object: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_string(object).map_err(|error| Failure::of(&error))?;
        line.push('\n');
        write(&line)
    }

    /// Prints lines for people.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        write(&clean(text))
    }

    /// Tells people something that is not the answer.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            tell(text);
        }
    }
}

/// Tells something on the standard error. If that is closed, there is nobody to tell.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(clean(text).as_bytes());
}

/// Lines that cannot steer a terminal, whatever came from the database.
fn clean(text: &str) -> String {
    let mut clean: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect();
    clean.push('\n');
    clean
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
