#[pgq::task(retain(complete = "1d", cancelled = "1d", failed, result = "1h", result = "1h"))]
async fn wrong() {}

#[pgq::task(retain())]
async fn empty() {}

#[pgq::task(retain = "1d", retain(failed = "1d"), retain(failed = "1d"))]
async fn not_a_list() {}

#[pgq::task(retain("1d", result = "1d" failed = "1d"))]
async fn no_commas() {}

fn main() {}
