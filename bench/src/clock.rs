//! The clock of the database, read without asking it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqlx::PgConnection;

use crate::schema;

/// How often the two clocks are compared.
const SAMPLES: u32 = 50;

/// An instant, in microseconds since 1970.
pub(crate) type Micros = i64;

/// A second.
pub(crate) const SECOND: Micros = 1_000_000;

/// How far the database's clock is ahead of that of this machine: nothing where they are the same one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    ahead: Micros,
}

impl Clock {
    /// Compares the clocks. What it says is wrong by half of the fastest round trip at most.
    pub(crate) async fn compare(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let mut best = (Duration::MAX, 0);
        for _ in 0..SAMPLES {
            let (asked, began) = (micros(SystemTime::now()), Instant::now());
            let there = schema::now(connection).await?;
            let took = began.elapsed();
            let half = Micros::try_from(took.as_micros() / 2).unwrap_or(Micros::MAX);
            best = best.min((took, there - asked - half));
        }
        Ok(Self { ahead: best.1 })
    }

    /// What the database's clock showed then.
    pub(crate) fn at(self, time: SystemTime) -> Micros {
        micros(time) + self.ahead
    }

    /// What the database's clock shows.
    pub(crate) fn now(self) -> Micros {
        self.at(SystemTime::now())
    }

    /// Sleeps until the database's clock shows this.
    pub(crate) async fn sleep_until(self, at: Micros) {
        let pause = u64::try_from(at - self.now()).unwrap_or(0);
        tokio::time::sleep(Duration::from_micros(pause)).await;
    }
}

fn micros(time: SystemTime) -> Micros {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
}

/// How long after `from` that was, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a difference of two instants")]
pub(crate) fn millis_after(from: Micros, at: Micros) -> f64 {
    (at - from) as f64 / 1000.0
}
