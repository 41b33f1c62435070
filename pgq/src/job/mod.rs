//! Jobs: the data that every other module speaks of.

mod codec;
mod id;
mod input;
mod record;
mod state;

pub use self::codec::{DecodeError, EncodeError};
pub(crate) use self::codec::{decode_value, encode_value};
pub use self::id::JobId;
pub use self::input::{Input, InputReader, InputWriter};
pub use self::record::Job;
pub use self::state::JobState;
