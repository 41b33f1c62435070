#[pgq::task]
async fn send(to: &[String]) {
    let _ = to;
}

fn main() {}
