//! Telling the caller what is being done.

use std::fmt;
use std::sync::Arc;

/// Where notices go: always to `tracing`, and to the caller's function if there is one.
#[derive(Clone, Default)]
pub(super) struct Notices(Option<Arc<Listener>>);

type Listener = dyn Fn(&str) + Send + Sync;

impl Notices {
    pub(super) fn to(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Says one line.
    pub(super) fn say(&self, line: &str) {
        tracing::info!(target: "pgq::embedded", "{line}");
        if let Some(listener) = &self.0 {
            listener(line);
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Notices")
            .field(&self.0.is_some())
            .finish()
    }
}
