#[pgq::task(queue = "cpu", blocking)]
async fn resize(image: String) {
    let _ = image;
}

fn main() {}
