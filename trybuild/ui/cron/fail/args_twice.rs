#[pgq::cron("0 3 * * *", args(limit = 1, limit = 2))]
async fn tidy(limit: u32) {
    let _ = limit;
}

fn main() {}
