//! How far the run is, on stderr.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long to say nothing where there is no terminal, unless there is much to say.
const QUIET: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line now and then elsewhere.
pub(crate) struct Progress {
    bar: ProgressBar,
    total: u64,
    said: u64,
    said_at: Instant,
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        let style = ProgressStyle::with_template(
            "{bar:40} {human_pos} of {human_len} files, {per_sec}, {eta} left",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::new(total).with_style(style),
            total,
            said: 0,
            said_at: Instant::now(),
        }
    }

    pub(crate) fn set(&mut self, done: u64) {
        self.bar.set_position(done);
        let news = done - self.said.min(done);
        let much = news * 10 >= self.total || self.said_at.elapsed() >= QUIET;
        if self.bar.is_hidden() && news > 0 && much {
            eprintln!("{done} of {} files done", self.total);
            (self.said, self.said_at) = (done, Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
