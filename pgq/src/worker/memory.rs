//! The memory of one worker for large inputs, without I/O.

/// What large inputs take. An attempt has its part of it from before its input is read until it ends.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    used: usize,
    /// The line of the large input that is next to be read: none of another line comes before it.
    pub(super) next: Option<usize>,
}

impl Memory {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            next: None,
        }
    }

    /// The largest input that there is memory for. One that is larger than all of it runs alone.
    pub(super) fn room(&self) -> usize {
        match self.used {
            0 => usize::MAX,
            used => self.limit.saturating_sub(used),
        }
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes);
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}
