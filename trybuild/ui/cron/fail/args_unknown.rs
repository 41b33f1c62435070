#[pgq::cron("0 3 * * *", args(limit = 1, dayz = 2))]
async fn tidy(limit: u32, days: Option<u32>) {
    let _ = (limit, days);
}

fn main() {}
