#[pgq::task(blocking = true)]
fn resize(image: String) {
    let _ = image;
}

fn main() {}
