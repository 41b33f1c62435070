#[pgq::task(ordered_by = [_bank])]
async fn charge(_bank: &String, _customer: u64) {}

fn main() {}
