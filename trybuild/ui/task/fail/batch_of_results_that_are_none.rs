#[pgq::task(batch(max = 10))]
async fn double(_numbers: Vec<i32>) -> Vec<i32> {
    _numbers
}

fn main() {}
