#[pgq::task(retain(completed = "0s", failed = "366d", result = 3))]
async fn out_of_range() {}

#[pgq::task(retain(completed = "1h", result = "2h"))]
async fn longer_than_its_job() {}

fn main() {}
