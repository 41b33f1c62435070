use std::rc::Rc;

#[pgq::task]
async fn send() {
    let copies = Rc::new(1);
    std::future::ready(()).await;
    drop(copies);
}

fn main() {}
