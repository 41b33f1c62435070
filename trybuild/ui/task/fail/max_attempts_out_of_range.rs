#[pgq::task(max_attempts = 0)]
async fn never() {}

#[pgq::task(max_attempts = 1001)]
async fn too_often() {}

fn main() {}
