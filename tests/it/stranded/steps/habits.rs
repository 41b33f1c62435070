//! How a world of steps is made up.

use fastrand::Rng;

/// How often what happens, in percent of the steps. A world in which everything happens hides most
/// mistakes: whatever lowers the cursors for one reason makes up for what another one should have.
pub(super) struct Habits {
    pub(super) rivals: u8,
    pub(super) audits: u8,
    /// The driver gives back what it runs.
    pub(super) releases: u8,
    /// The answer to a request is lost.
    pub(super) mutes: u8,
    pub(super) crashes: u8,
    /// The driver's worker knows one task more.
    pub(super) lessons: u8,
    /// The driver goes on; the rest of the time others enqueue.
    pub(super) claims: u8,
    /// In percent of the claims.
    pub(super) nobodys: u8,
    pub(super) limit_max: usize,
}

impl Habits {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut some = |percent: u8| if rng.bool() { percent } else { 0 };
        Self {
            rivals: some(15),
            audits: some(6),
            releases: some(2),
            mutes: some(2),
            crashes: some(4),
            lessons: some(1),
            nobodys: some(30),
            claims: rng.u8(25..45),
            limit_max: rng.usize(1..=3),
        }
    }
}
