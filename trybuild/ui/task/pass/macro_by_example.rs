//! `macro_rules` may make tasks.
#![deny(warnings)]

use pgq::Task;

pub struct Mailer;

macro_rules! tasks {
    ($($name:ident($state:ty, $input:ident: $ty:ty) -> $ret:ty, $queue:literal, $priority:expr;)*) => {
        $(
            #[pgq::task(queue = $queue, priority = $priority)]
            async fn $name(state: $state, id: u8, $input: $ty) -> $ret {
                let _ = (state, id, $input);
                Ok(())
            }
        )*
    };
}

tasks! {
    first(&Mailer, inputs: u64) -> Result<(), std::fmt::Error>, "a", 1;
    second(&Mailer, enqueuer: Vec<u8>) -> Result<(), std::fmt::Error>, "b", 2;
}

fn main() {
    let _ = first::job(1, 2);
    let _ = second::job(1, vec![2]);
    assert_eq!((first::OPTIONS.queue, first::OPTIONS.priority), ("a", 1));
    assert_eq!((second::OPTIONS.queue, second::OPTIONS.priority), ("b", 2));
    assert_eq!(first::injected().len(), 1);
}
