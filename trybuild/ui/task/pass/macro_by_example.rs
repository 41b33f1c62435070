//! `macro_rules` may make tasks.
#![deny(warnings)]

use pgq::Task;

pub struct Mailer;

macro_rules! tasks {
    ($($name:ident($state:ty, $input:ident: $ty:ty) -> $ret:ty, $queue:literal, $priority:expr, $old:literal, $wait:literal, $jitter:expr, $key:expr;)*) => {
        $(
            #[pgq::task(
                queue = $queue,
                priority = $priority,
                aliases = [$old],
                backoff(fixed = $wait, jitter = $jitter),
                unique(by = [$input]),
                concurrency(max = $priority, by = $key)
            )]
            async fn $name(state: $state, id: u8, $input: $ty) -> $ret {
                let _ = (state, id, $input);
                Ok(())
            }
        )*
    };
}

tasks! {
    first(&Mailer, inputs: u64) -> Result<(), std::fmt::Error>, "a", 1, "one", "1s", 0.5, [id];
    second(&Mailer, enqueuer: Vec<u8>) -> Result<(), std::fmt::Error>, "b", 2, "two", "2s", 1, [id];
}

fn main() {
    let _ = first::job(1, 2);
    let _ = second::job(1, vec![2]);
    assert_eq!((first::OPTIONS.queue, first::OPTIONS.priority), ("a", 1));
    assert_eq!((second::OPTIONS.queue, second::OPTIONS.priority), ("b", 2));
    assert_eq!((first::ALIASES, second::ALIASES), (&["one"][..], &["two"][..]));
    assert_eq!(first::OPTIONS.unique, Some(pgq::Unique::new().by(&["inputs"])));
    assert_eq!(second::OPTIONS.concurrency, Some(pgq::Concurrency::new(2).by(&["id"])));
    assert_eq!(first::injected().len(), 1);
}
