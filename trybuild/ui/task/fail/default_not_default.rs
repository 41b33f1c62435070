#[derive(serde::Serialize, serde::Deserialize)]
struct Order;

#[pgq::task]
async fn list(#[default] order: Order) {
    let _ = order;
}

fn main() {}
