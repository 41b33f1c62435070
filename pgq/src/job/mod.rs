//! Jobs: the data that every other module speaks of.

mod id;
mod input;
mod record;
mod state;

pub use self::id::JobId;
pub use self::input::{DecodeError, EncodeError, Input, InputReader, InputWriter};
pub(crate) use self::input::{decode_value, encode_value};
pub use self::record::Job;
pub use self::state::JobState;
