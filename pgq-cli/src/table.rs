//! Columns of text.

use std::fmt;

/// The longest cell; what is cut off is in the JSON, and in what shows one thing.
const CELL_MAX: usize = 60;

/// A table, whose columns are as wide as their widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            head: head.map(str::to_uppercase).to_vec(),
            rows: Vec::new(),
        }
    }

    /// A table with two columns and without a head: what is known of one thing.
    pub(crate) fn of_one() -> Self {
        Self::new([])
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| cut(&cell)).to_vec());
    }

    /// A row of two cells, the second of which is not cut.
    pub(crate) fn field(&mut self, name: &str, value: impl Into<String>) {
        self.rows.push(vec![name.to_owned(), value.into()]);
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        let head = (!self.head.is_empty()).then_some(&self.head);
        head.into_iter().chain(&self.rows)
    }
}

/// In one line, of a width that leaves room for others.
fn cut(cell: &str) -> String {
    let line: String = cell
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.chars().count() <= CELL_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(CELL_MAX - 1).collect();
    cut.push('…');
    cut
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for line in self.lines() {
            widths.resize(widths.len().max(line.len()), 0);
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (place, line) in self.lines().enumerate() {
            let cells = line.iter().zip(&widths);
            let padded: Vec<String> = cells
                .map(|(cell, &width)| format!("{cell:width$}"))
                .collect();
            let end = if place == 0 { "" } else { "\n" };
            write!(f, "{end}{}", padded.join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["id", "task"]);
        table.row(["7".to_owned(), "größe".to_owned()]);
        table.row(["1234".to_owned(), "a\nb".to_owned()]);

        assert_eq!(table.to_string(), "ID    TASK\n7     größe\n1234  a b");
    }

    #[test]
    fn a_long_cell_is_cut_and_a_field_is_not() {
        let long = "x".repeat(100);
        let (mut cut, mut whole) = (Table::new(["a"]), Table::of_one());
        cut.row([long.clone()]);
        whole.field("error", long.clone());

        assert!(cut.to_string().ends_with("x…"));
        assert_eq!(whole.to_string(), format!("error  {long}"));
    }
}
