macro_rules! task {
    ($name:ident) => {
        #[pgq::task]
        async fn send($name: u8, to: u8) {
            let _ = ($name, to);
        }
    };
}

task!(to);

fn main() {}
