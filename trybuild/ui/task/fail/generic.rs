#[pgq::task]
async fn tidy<T: Send, const N: usize>(things: [T; N]) {
    drop(things);
}

fn enqueue() {
    let _ = tidy::job([1, 2]);
}

fn main() {}
