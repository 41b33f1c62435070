#[derive(serde::Serialize, serde::Deserialize)]
struct Receipt;

#[pgq::task]
pub async fn send() -> Result<Receipt, std::fmt::Error> {
    Ok(Receipt)
}

fn main() {}
