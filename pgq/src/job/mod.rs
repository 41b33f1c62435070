//! Jobs: the data that every other module speaks of.

mod codec;
mod detail;
mod durability;
mod id;
mod input;
mod lane;
mod limits;
mod marks;
mod record;
mod retention;
mod state;
mod unique;

pub use self::codec::{DecodeError, EncodeError};
pub(crate) use self::codec::{Stored, decode_value, encode_json, encode_value, is_json};
pub use self::detail::{Detail, Expires};
pub use self::durability::Durability;
pub use self::id::JobId;
pub(crate) use self::input::parameter_shape;
pub use self::input::{Input, InputReader, InputWriter};
pub(crate) use self::lane::{hash_of, lane_key};
#[cfg(feature = "postgres")]
pub(crate) use self::limits::KEPT_APART;
#[cfg(any(feature = "postgres", feature = "testing"))]
pub(crate) use self::limits::is_kept_apart;
pub use self::limits::{INPUT_INLINE_MAX, INPUT_MAX};
pub use self::marks::Marks;
pub use self::record::Job;
pub use self::retention::{Retain, Retention};
pub use self::state::JobState;
pub use self::unique::{Conflict, Enqueued, KeyedJobs, NewKey};
pub(crate) use self::unique::{given_key, parameters_key};
