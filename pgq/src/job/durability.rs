/// Whether a commit waits until it is on the disk of the server; see the [page about it](crate::durability).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// It waits for as long as the server's `synchronous_commit` says.
    #[default]
    Durable,
    /// It does not wait. A crash of the server may take what was committed in the last moments before: three times
    /// `wal_writer_delay`, 0.6 s by default.
    Relaxed,
}

impl Durability {
    pub(crate) const fn is_relaxed(self) -> bool {
        matches!(self, Self::Relaxed)
    }
}
