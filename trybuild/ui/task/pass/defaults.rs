//! Without options, parameters and a return type.

use pgq::{Input, Task};

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
    assert_eq!(<tidy as Task>::Input::shape().to_string(), "{}");
    assert_eq!(<greet as Task>::Input::shape().to_string(), "{\n  name: text\n}");
}
