#[derive(serde::Serialize, serde::Deserialize)]
pub struct Email(std::marker::PhantomData<*const u8>);

#[pgq::task]
async fn send(email: Email) {
    let _ = email;
}

fn main() {}
