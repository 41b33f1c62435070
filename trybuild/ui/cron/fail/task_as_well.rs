#[pgq::task]
#[pgq::cron("0 3 * * *")]
async fn tidy() {}

fn main() {
    let _ = tidy::job();
}
