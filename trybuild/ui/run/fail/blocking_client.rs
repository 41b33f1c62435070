use std::sync::Arc;

use sync_postgres::{Client, NoTls};

fn main() {
    let client = Client::connect("postgres://localhost/app", NoTls).unwrap();
    let _run = pgq::run().driver(Arc::new(client));
}
