#[pgq::cron("0 3 * * *", args(limit))]
async fn tidy(limit: Option<u32>) {
    let _ = limit;
}

fn main() {}
