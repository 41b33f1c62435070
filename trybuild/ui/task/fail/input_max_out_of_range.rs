#[pgq::task(input_max = "65MiB")]
async fn a() {}

#[pgq::task(input_max = "1GB")]
async fn b() {}

#[pgq::task(input_max = 1024)]
async fn c() {}

fn main() {}
