#[pgq::task(queue = "", max_attempts = 0, priorty = 3, timeout = 30, queue = "b", name)]
pub unsafe fn send<T>(_to: &str, (_a, _b): (u8, u8), _all: T, _mailer: &mut u8) -> impl Sized {}

fn main() {}
