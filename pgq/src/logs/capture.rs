//! [`Capture`].

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::buffer::{Buffer, leave};
use crate::trace::ATTEMPT_SPAN;

/// How many bytes of an attempt are kept unless another number is set.
const MAX_BYTES: usize = 16 * 1024;

/// The smallest number of bytes that may be set: room for the mark of a line that was cut.
const MAX_BYTES_MIN: usize = 256;

/// A layer that keeps what tasks log with their jobs; see [`logs`](crate::logs).
#[derive(Clone, Debug)]
pub struct Capture {
    level: LevelFilter,
    max_bytes: usize,
}

impl Capture {
    /// Captures up to 16 KiB of each attempt, of the level `INFO` and above.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            level: LevelFilter::INFO,
            max_bytes: MAX_BYTES,
        }
    }

    /// Captures what is of this level or above.
    #[must_use]
    pub fn level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.level = level.into();
        self
    }

    /// Keeps up to `bytes` of each attempt, at least 256. When there is no room for a new line, the
    /// oldest are dropped, and the first line says how many were.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = if bytes < MAX_BYTES_MIN {
            MAX_BYTES_MIN
        } else {
            bytes
        };
        self
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

/// What the span of an attempt carries.
struct Captured(Arc<Buffer>);

thread_local! {
    /// Whether a line is being made on this thread: what is logged meanwhile, by the `Debug` of a
    /// field, is not captured, or it might have no end.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if (metadata.target(), metadata.name()) != ATTEMPT_SPAN {
            return;
        }
        if let Some(span) = context.span(id) {
            let buffer = Arc::new(Buffer::new(Instant::now(), self.max_bytes));
            leave(&buffer);
            span.extensions_mut().replace(Captured(buffer));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > self.level || is_own(metadata.target()) || IS_BUSY.get() {
            return;
        }
        // Nothing of the span is locked while the line is made.
        let buffer = context.event_scope(event).and_then(|mut scope| {
            scope.find_map(|span| Some(Arc::clone(&span.extensions().get::<Captured>()?.0)))
        });
        if let Some(buffer) = buffer {
            let _busy = Busy::new();
            buffer.push(line(event, &buffer));
        }
    }
}

/// Whether pgq itself logs.
fn is_own(target: &str) -> bool {
    target
        .strip_prefix("pgq")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Also when a field panics.
struct Busy;

impl Busy {
    fn new() -> Self {
        IS_BUSY.set(true);
        Self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        IS_BUSY.set(false);
    }
}

fn line(event: &Event<'_>, buffer: &Buffer) -> String {
    let metadata = event.metadata();
    let after = buffer.began.elapsed().as_secs_f64();
    let mut line = format!("{after:.3} {} {}:", metadata.level(), metadata.target());
    let mut fields = Fields::default();
    event.record(&mut fields);
    for part in [fields.message, fields.others] {
        if !part.is_empty() {
            line.push(' ');
            line.push_str(part.trim_start());
        }
    }
    line
}

#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail by itself, and a `Debug` that does is cut there.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}
