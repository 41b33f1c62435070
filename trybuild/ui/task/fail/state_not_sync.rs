use std::cell::RefCell;

#[pgq::task]
async fn send(count: &RefCell<u8>) {
    let _ = count;
}

fn main() {}
