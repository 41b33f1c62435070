//! What is registered names the line of the fn, and the input is a map by parameter name.

use std::sync::{Arc, Mutex};

use pgq::driver::{DriverError, Enqueue};
use pgq::{Input, JobId, Registry, Task};

#[pgq::task(queue = "mail")]
#[allow(dead_code)]
async fn send(mailer: &String, to: String, r#type: Option<u8>) -> Result<(), std::fmt::Error> {
    let _ = (mailer, to, r#type);
    Ok(())
}

/// Keeps what is enqueued.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Enqueue>>>);

impl pgq::Enqueuer for &Recorder {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let ids = (1..).map(JobId::from_i64).take(enqueue.jobs.len());
        let ids = ids.collect();
        self.0.lock().unwrap().push(enqueue);
        Ok(ids)
    }
}

fn main() {
    let registered = format!("{:?}", Registry::linked().task("send").unwrap());
    assert!(registered.contains("source_and_input.rs\", line: 10"), "{registered}");

    let recorder = Recorder::default();
    let future = send::enqueue_many(&recorder, [("me".to_owned(), None), ("you".to_owned(), Some(1))]);
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(jobs)) = future.as_mut().poll(&mut context) else {
        panic!("a recorder is always ready");
    };
    assert_eq!(jobs.len(), 2);

    let enqueue = recorder.0.lock().unwrap().pop().unwrap();
    assert_eq!((&*enqueue.task, &*enqueue.queue), ("send", "mail"));
    assert_eq!(enqueue.fingerprint, Some(pgq::contract::fingerprint::<send>()));
    assert_eq!(enqueue.jobs[0].input, b"\x01\x82\xa2to\xa2me\xa4type\xc0");
    assert_eq!(enqueue.jobs[1].input, b"\x01\x82\xa2to\xa3you\xa4type\x01");

    type SendInput = <send as Task>::Input;
    let input = SendInput::decode(b"\x02{\"to\":\"them\"}").unwrap();
    assert_eq!(input.encode().unwrap(), b"\x01\x82\xa2to\xa4them\xa4type\xc0");
    let error = SendInput::decode(b"\x01\x80").err().unwrap();
    assert_eq!(error.to_string(), "the input has no parameter `to`");
    assert_eq!(SendInput::shape().to_string(), "{\n  to: text\n  type?: u8?\n}");
}
