#[pgq::cron("0 3 * * *")]
#[pgq::cron("0 15 * * *")]
async fn tidy() {}

fn main() {
    let _ = tidy::job();
}
