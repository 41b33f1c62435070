//! One `use` imports the fn and its task.
#![deny(warnings)]

mod tasks {
    #[pgq::task]
    pub async fn send(to: String) -> Result<usize, std::fmt::Error> {
        Ok(to.len())
    }
}

mod elsewhere {
    use super::tasks::send;

    pub(super) async fn both(enqueuer: impl pgq::Enqueuer) {
        let _ = send("me".to_owned()).await;
        let _ = send::enqueue(enqueuer, "me".to_owned()).await;
        let _ = <send as pgq::Task>::NAME;
    }
}

fn main() {
    let _ = |driver: &'static std::sync::Arc<dyn pgq::driver::Driver>| elsewhere::both(driver);
}
