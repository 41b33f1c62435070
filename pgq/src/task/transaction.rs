//! The transaction that a task takes as a parameter, without knowing of what storage it is.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{CompleteError, Context};

/// The transaction of one run of a task.
pub(crate) trait AttemptTransaction: Any + fmt::Debug + Send + Sync {
    /// Completes the attempt in the transaction, and commits it.
    fn commit<'a>(
        &'a self,
        context: &'a Context,
        result: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Committed>;

    /// Lets nobody use it any more, but who is using it at this moment.
    fn close(&self);

    /// Closes it and ends it without effect, whether what is returned is waited for or not; if it is in
    /// use, as soon as it is not.
    fn roll_back(&self) -> BoxFuture<'static, ()>;
}

/// What became of the transaction of the run that counts.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "only PostgreSQL has transactions")
)]
pub(crate) enum Committed {
    /// The task has not used it, so there is nothing to commit.
    Unused(Option<Vec<u8>>),
    /// The commit was sent: the storage knows whether it has happened. With an error, if there was
    /// one.
    Sent(Option<String>),
    /// It was not sent, for this reason.
    Refused(CompleteError),
    /// It was not sent, because the task uses it still.
    InUse,
}

/// Makes the transactions of runs. Kept with the state, where tasks look for what they take.
#[derive(Clone)]
pub(crate) struct MakeTransaction {
    type_id: TypeId,
    make: Arc<dyn Fn() -> Box<dyn AttemptTransaction> + Send + Sync>,
}

impl MakeTransaction {
    /// Makes a `T` for each run of a task that takes one.
    #[cfg(feature = "postgres")]
    pub(crate) fn new<T: AttemptTransaction>(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self {
            type_id: TypeId::of::<T>(),
            make: Arc::new(move || Box::new(make())),
        }
    }

    /// What it makes.
    pub(super) fn type_id(&self) -> TypeId {
        self.type_id
    }

    pub(super) fn make(&self) -> Box<dyn AttemptTransaction> {
        (self.make)()
    }
}

impl fmt::Debug for MakeTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeTransaction").finish_non_exhaustive()
    }
}
