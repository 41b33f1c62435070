struct Tests;

impl Tests {
    #[pgq::test]
    async fn greets(&self) {}
}

fn main() {}
