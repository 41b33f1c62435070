//! Without options, parameters and a return type.

use pgq::Task;

#[pgq::task]
async fn tidy() {}

#[pgq::task()]
async fn greet(name: String) {
    let _ = name;
}

fn main() {
    let _ = tidy();
    let _ = tidy::job();
    let _ = greet::job("me".to_owned());
    assert_eq!(tidy::NAME, "tidy");
    assert_eq!(tidy::OPTIONS, pgq::TaskOptions::new());
    assert!(tidy::injected().is_empty());
    assert_eq!(<tidy as Task>::FINGERPRINT.cast_unsigned(), 0xcbf2_9ce4_8422_2325);
}
