#[pgq::cron(every = "1h", ends = "2027-01-01", ends = "2028-01-01")]
async fn tidy() {}

fn main() {}
