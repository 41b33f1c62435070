//! Tokens of keys: of each key of a rate so many jobs start in a time.
//!
//! Jobs that find no token wait in a line of their key and queue, as those that wait for other keys. Each
//! line says when it is to be looked at next: that is when there is a token for the one in front.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::aside::{Free, KEYS, Sweep, read_waiter};
use super::enqueue::micros;
use super::error::driver_error;
use super::limit::int;
use super::session::Lent;
use crate::driver::{Ask, DriverError, KeyAsk};
use crate::limit::{Bucket, FleetRate, FreeKey, KeyKind, KeyState};

/// How long an ask for turns waits at least, and at most for the sake of looking at many keys together.
const TURNS_MIN: Duration = Duration::from_millis(10);
const TURNS_MAX: Duration = Duration::from_millis(100);

/// The soonest that somebody asks again for turns. A token that waits for that is not lost unless the bucket
/// becomes full meanwhile.
fn turns_again(rate: Option<FleetRate>) -> Duration {
    let fills = rate.map_or(Duration::MAX, Bucket::fills);
    (fills / 4).clamp(TURNS_MIN, TURNS_MAX)
}

/// The buckets that an ask has read, and what it has left in them.
pub(super) struct Buckets {
    rate: Option<FleetRate>,
    by_key: HashMap<i64, Bucket>,
}

impl Buckets {
    pub(super) fn new(rate: Option<FleetRate>) -> Self {
        Self {
            rate,
            by_key: HashMap::new(),
        }
    }

    /// How many tokens a full one has: where there is no rate any more, any number.
    pub(super) fn burst(&self) -> usize {
        let burst = self.rate.map(|rate| usize::try_from(rate.burst));
        burst.and_then(Result::ok).unwrap_or(usize::MAX)
    }

    /// How many tokens are missing.
    fn missing(&self, key: i64) -> usize {
        let (Some(rate), Some(bucket)) = (self.rate, self.by_key.get(&key)) else {
            return 0;
        };
        let tokens = usize::try_from(bucket.tokens(rate)).unwrap_or(usize::MAX);
        self.burst().saturating_sub(tokens)
    }

    /// A job of that key starts.
    pub(super) fn take(&mut self, key: i64) {
        if let (Some(_), Some(bucket)) = (self.rate, self.by_key.get_mut(&key)) {
            *bucket = bucket.take(1);
        }
    }

    /// Says of keys how many tokens are missing.
    pub(super) fn tell(&self, states: &mut HashMap<i64, KeyState>) {
        for key in self.by_key.keys() {
            if let Some(state) = states.get_mut(key) {
                state.holders = self.missing(*key);
            }
        }
    }

    fn read(&mut self, key: i64, row: &PgRow) -> sqlx::Result<()> {
        let bucket = Bucket {
            debt: row.try_get("debt")?,
            at: row.try_get("at")?,
        };
        let now = row.try_get("now")?;
        let bucket = match self.rate {
            Some(rate) => bucket.refill(rate, now),
            None => Bucket { debt: 0, at: now },
        };
        self.by_key.entry(key).or_insert(bucket);
        Ok(())
    }
}

impl PostgresDriver {
    /// Reads the buckets of keys that were not read yet.
    pub(super) async fn read_buckets(
        &self,
        session: &mut Lent<'_>,
        buckets: &mut Buckets,
        keys: impl Iterator<Item = i64>,
    ) -> Result<(), DriverError> {
        let mut unread: Vec<i64> = keys
            .filter(|key| !buckets.by_key.contains_key(key))
            .collect();
        unread.sort_unstable();
        unread.dedup();
        if unread.is_empty() {
            return Ok(());
        }
        let error = |error| driver_error("failed to read the tokens of keys", error);
        let rows = sqlx::query(self.statements.read_buckets.clone())
            .bind(unread)
            .fetch_all(session.connection())
            .await
            .map_err(error)?;
        let mut rows = rows.iter();
        rows.try_for_each(|row| buckets.read(row.try_get("key")?, row))
            .map_err(error)
    }

    /// The keys whose line has its turn.
    pub(super) async fn due_turns(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        buckets: &mut Buckets,
        sweep: &mut Sweep,
        room: usize,
    ) -> Result<Free, DriverError> {
        let mut free = Free::default();
        // Where there is no rate any more, there may be lines still.
        if keys.rate.is_none() && !keys.all && !sweep.has_turns {
            return Ok(free);
        }
        let claim = &ask.claim;
        let room = room.min(buckets.burst());
        let rows = sqlx::query(self.statements.due_turns.clone())
            .bind(&keys.names)
            .bind(&*claim.queue)
            .bind(claim.names().collect::<Vec<_>>())
            .bind(claim.fingerprints.as_deref())
            .bind(claim.horizon)
            .bind(keys.all.then_some(sweep.turn))
            .bind(KEYS)
            .bind(i64::try_from(room).unwrap_or(i64::MAX).min(KEYS))
            .bind(sweep.pass)
            .bind(keys.rate.map(|rate| int(rate.max)))
            .bind(keys.rate.map(|rate| micros(rate.per)))
            .bind(keys.rate.map(|rate| int(rate.burst)))
            .fetch_all(session.connection())
            .await;
        let read = rows.and_then(|rows| {
            let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            free.more = first.try_get("more")?;
            sweep.looked = first.try_get("now")?;
            // A line that was looked at has another turn, so that the others are seen in the end.
            let pass = sweep.pass.unwrap_or(sweep.looked);
            sweep.pass = free.more.then_some(pass);
            if keys.all {
                let after: Option<i64> = first.try_get("after")?;
                sweep.turn = after.unwrap_or(i64::MIN);
            }
            for row in &rows {
                let Some(key) = row.try_get("key")? else {
                    continue;
                };
                if free.keys.last().is_none_or(|last| last.key != key) {
                    buckets.read(key, row)?;
                    free.keys.push(FreeKey {
                        key,
                        kind: KeyKind::Rate,
                        held: buckets.missing(key),
                        worthless: Vec::new(),
                        waiters: Vec::new(),
                    });
                }
                read_waiter(&mut free, row)?;
            }
            sweep.has_turns = !free.keys.is_empty();
            Ok(free)
        });
        read.map_err(|error| driver_error("failed to read whose turn it is", error))
    }

    /// Writes what is left in the buckets. Returns how long it is until the next turn.
    pub(super) async fn keep_turns(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        buckets: &Buckets,
        looked: i64,
    ) -> Result<Option<Duration>, DriverError> {
        if keys.rate.is_none() && !keys.all && buckets.by_key.is_empty() {
            return Ok(None);
        }
        let error = |error| driver_error("failed to keep the tokens of keys", error);
        let after = |bucket: &Bucket, wait: fn(Bucket, FleetRate) -> Duration| {
            let wait = buckets
                .rate
                .map_or(Duration::ZERO, |rate| wait(*bucket, rate));
            let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            bucket.at.saturating_add(micros)
        };
        let all = || buckets.by_key.values();
        let wait: Option<i64> = sqlx::query_scalar(self.statements.keep_turns.clone())
            .bind(&keys.task)
            .bind(buckets.by_key.keys().copied().collect::<Vec<_>>())
            .bind(all().map(|bucket| bucket.debt).collect::<Vec<_>>())
            .bind(all().map(|bucket| bucket.at).collect::<Vec<_>>())
            .bind(
                all()
                    .map(|bucket| after(bucket, Bucket::next))
                    .collect::<Vec<_>>(),
            )
            .bind(
                all()
                    .map(|bucket| after(bucket, Bucket::full))
                    .collect::<Vec<_>>(),
            )
            .bind(&*ask.claim.queue)
            .bind(looked)
            .bind(ask.claim.horizon)
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
        let wait = wait.map(|micros| Duration::from_micros(micros.unsigned_abs()));
        Ok(wait.map(|wait| wait.max(turns_again(keys.rate))))
    }
}
