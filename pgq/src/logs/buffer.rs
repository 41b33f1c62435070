//! The lines of one attempt, of bounded size, and how they come to their attempt.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What stands at the end of a line that was cut.
const CUT_MARK: &str = "… (cut)";

/// The lines of one attempt. When there is no room for a new one, the oldest go.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(super) began: Instant,
    max_bytes: usize,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    bytes: usize,
    dropped: u64,
    /// The attempt has ended; nobody reads what comes later.
    is_closed: bool,
}

impl Buffer {
    pub(super) fn new(began: Instant, max_bytes: usize) -> Self {
        Self {
            began,
            max_bytes,
            lines: Mutex::default(),
        }
    }

    pub(super) fn push(&self, line: String) {
        let line = storable(line, self.max_bytes);
        let mut lines = self.lines();
        if lines.is_closed {
            return;
        }
        lines.bytes += line.len() + 1;
        lines.kept.push_back(line);
        while lines.bytes > self.max_bytes {
            let Some(oldest) = lines.kept.pop_front() else {
                break;
            };
            lines.bytes -= oldest.len() + 1;
            lines.dropped += 1;
        }
    }

    /// The lines, oldest first; `None` if there are none. Later ones are lost.
    pub(crate) fn close(&self) -> Option<String> {
        let mut lines = self.lines();
        lines.is_closed = true;
        let kept = std::mem::take(&mut lines.kept);
        let mark = match lines.dropped {
            0 => None,
            1 => Some("… (1 earlier line was dropped)".to_owned()),
            dropped => Some(format!("… ({dropped} earlier lines were dropped)")),
        };
        let text: Vec<String> = mark.into_iter().chain(kept).collect();
        (!text.is_empty()).then(|| text.join("\n"))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a line one that can be stored: without NUL, which PostgreSQL refuses in a text, and no longer
/// than all lines may be together. What was several lines is indented.
fn storable(line: String, max_bytes: usize) -> String {
    let mut line = match line.contains(['\0', '\n']) {
        true => line.replace('\0', "\u{fffd}").replace('\n', "\n  "),
        false => line,
    };
    if line.len() >= max_bytes {
        line.truncate(line.floor_char_boundary(max_bytes.saturating_sub(CUT_MARK.len() + 1)));
        line.push_str(CUT_MARK);
    }
    line
}

thread_local! {
    /// Where a layer leaves the buffer of the span that is being made; `None` if none is.
    static SLOT: RefCell<Option<Option<Arc<Buffer>>>> = const { RefCell::new(None) };
}

/// Makes the span of an attempt by `make`; returns the buffer too, if a layer captures what is logged
/// within the span.
pub(crate) fn capturing<T>(make: impl FnOnce() -> T) -> (T, Option<Arc<Buffer>>) {
    SLOT.set(Some(None));
    let made = make();
    (made, SLOT.take().flatten())
}

/// Leaves the buffer for the attempt whose span is being made.
pub(super) fn leave(buffer: &Arc<Buffer>) {
    SLOT.with_borrow_mut(|slot| {
        if let Some(slot) = slot {
            *slot = Some(Arc::clone(buffer));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(max_bytes: usize, lines: &[&str]) -> Option<String> {
        let buffer = Buffer::new(Instant::now(), max_bytes);
        lines
            .iter()
            .for_each(|line| buffer.push((*line).to_owned()));
        buffer.close()
    }

    #[test]
    fn lines_are_kept_in_their_order() {
        assert_eq!(text(100, &[]), None);
        assert_eq!(text(100, &["a", "b"]).as_deref(), Some("a\nb"));
        assert_eq!(text(100, &["a\nb\0"]).as_deref(), Some("a\n  b\u{fffd}"));
    }

    #[test]
    fn the_oldest_lines_are_dropped_and_it_is_said_how_many() {
        assert_eq!(text(6, &["aa", "bb"]).as_deref(), Some("aa\nbb"));
        assert_eq!(
            text(6, &["aa", "bb", "cc"]).as_deref(),
            Some("… (1 earlier line was dropped)\nbb\ncc")
        );
        assert_eq!(
            text(6, &["aa", "bb", "c", "dddd"]).as_deref(),
            Some("… (3 earlier lines were dropped)\ndddd")
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let cut = text(20, &["ä".repeat(100).as_str()]).unwrap_or_default();

        assert_eq!(cut, format!("{}{CUT_MARK}", "ä".repeat(5)));
        assert!(cut.len() < 20, "{}", cut.len());
    }

    #[test]
    fn what_is_logged_after_the_end_is_lost() {
        let buffer = Buffer::new(Instant::now(), 100);
        buffer.push("a".to_owned());
        assert_eq!(buffer.close().as_deref(), Some("a"));

        buffer.push("b".to_owned());

        assert_eq!(buffer.close(), None);
    }
}
