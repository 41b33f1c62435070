//! Subscribers of one test.

use std::sync::Once;

use tracing::Subscriber;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Registry;

/// Lets a subscriber receive what happens on this thread.
///
/// `tracing` keeps for each place in the code whether anybody wants its events, and while there is one
/// subscriber it asks whichever thread comes to the place first. With several tests in one process that
/// is often a thread without a subscriber, and then nobody ever receives them. So every other thread has
/// one too, which wants all and does nothing.
///
/// # Panics
///
/// Panics if something else has set a subscriber for the whole process.
pub fn subscribe(subscriber: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    static EVERYWHERE: Once = Once::new();
    EVERYWHERE.call_once(|| {
        tracing::subscriber::set_global_default(Registry::default())
            .expect("only this sets one for the whole process");
    });
    tracing::subscriber::set_default(subscriber)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::Event;
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt as _};

    use super::*;

    struct Count(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _event: &Event<'_>, _context: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_another_thread_comes_to_first_is_received_too() {
        let place = || tracing::info!("here");
        let count = Arc::new(AtomicUsize::new(0));
        let _subscribed = subscribe(Registry::default().with(Count(Arc::clone(&count))));

        std::thread::spawn(place).join().unwrap();
        place();

        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
