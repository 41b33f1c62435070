pub struct Receipt;

#[pgq::task]
async fn send() -> Receipt {
    Receipt
}

fn main() {}
