#[pgq::task(batch(max = 10))]
async fn double(numbers: Vec<i32>) -> Vec<i32> {
    numbers
}

fn main() {}
