//! [`Edit`]: a change of a type that stored values cannot be read after.

use std::fmt;

/// A change of a type after which some of what is stored cannot be read, or not as it was meant.
///
/// Its `Display` says what was changed and how to make it safe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edit {
    /// The place: `email.to`, `emails[]`, `channel::Sms`. Empty if it is the whole input.
    pub path: String,
    pub(super) change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A required field is new. It may be this one under another name.
    Added {
        renamed: Option<String>,
        parameter: bool,
    },
    /// A field that may be absent is required.
    Required { parameter: bool },
    /// A field is gone from a type that refuses fields it does not know.
    Refused,
    /// A value is of another kind.
    Type { was: String, is: String },
    /// Numbers do not fit any more.
    Narrowed { was: String, is: String },
    /// Numbers lose digits.
    Rounded { was: String, is: String },
    /// A value that may be `None` may not be.
    NotOptional,
    /// A sequence of a fixed length has another one.
    Length { was: usize, is: usize },
    /// Two fields became one.
    Merged { names: [String; 2] },
    /// A variant is gone.
    Variant,
    /// A variant holds something that it did not, or no more.
    Content { held: bool },
    /// Code decides which values are read, and may refuse some.
    Checked { was: String, by: String },
    /// One of them cannot be seen into.
    Opaque { was: String, is: String },
}

const BESIDE: &str = "keep it as it was, and add the new one as another field with \
                      `#[serde(default)]` until no queued job has the old one";

const REQUIRED_PARAMETER: &str = "may be absent from queued jobs, but is required; leave it an `Option`, or \
     leave it its `#[default]`";
const REQUIRED: &str = "may be absent from queued jobs, but is required; leave its \
                        `#[serde(default)]`, or make it an `Option`";
const REFUSED: &str = "is gone, but queued jobs have it, and the type refuses fields that it does \
                       not know; keep it, or remove `#[serde(deny_unknown_fields)]`";
const NOT_OPTIONAL: &str = "may be `None` in queued jobs, but is no `Option`; leave it an `Option`, \
                            and choose a value for `None` where it is used";
const VARIANT: &str = "is gone, but queued jobs may be of it; keep it, or add \
                       `#[serde(alias = \"…\")]` with its name to the variant that takes its place";
const EMPTIED: &str = "does not hold anything any more, but does in queued jobs; keep it, and add \
                       another variant";
const FILLED: &str =
    "holds something, but does not in queued jobs; keep it, and add another variant";

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => f.write_str("the input ")?,
            path => write!(f, "`{path}` ")?,
        }
        match &self.change {
            Change::Added { renamed, parameter } => added(renamed.as_deref(), *parameter, f),
            Change::Type { was, is } => write!(f, "was {was}, but is {is}; {BESIDE}"),
            Change::Narrowed { was, is } => write!(
                f,
                "was {was}, but is {is}, which some numbers of queued jobs may not fit; leave it \
                 {was}, and convert it where it is used",
            ),
            Change::Rounded { was, is } => write!(
                f,
                "was {was}, but is {is}, in which numbers of queued jobs may lose digits; leave it \
                 {was}, and convert it where it is used",
            ),
            Change::Length { was, is } => {
                write!(f, "had {was} elements, but has {is}; {BESIDE}")
            }
            Change::Merged {
                names: [one, other],
            } => write!(
                f,
                "is read from `{one}` and from `{other}`, but queued jobs have both; remove the \
                 alias, and choose between them where they are used",
            ),
            Change::Checked { was, by } => write!(
                f,
                "was {was}, but the code of `{by}` decides now which values are read; if it reads \
                 all that queued jobs hold, accept the edit, else leave it {was}",
            ),
            Change::Opaque { was, is } => write!(
                f,
                "was {was}, but is {is}, and what that reads cannot be seen; if it reads all that \
                 queued jobs hold, accept the edit, else {BESIDE}",
            ),
            Change::Required { parameter: true } => f.write_str(REQUIRED_PARAMETER),
            Change::Required { .. } => f.write_str(REQUIRED),
            Change::Refused => f.write_str(REFUSED),
            Change::NotOptional => f.write_str(NOT_OPTIONAL),
            Change::Variant => f.write_str(VARIANT),
            Change::Content { held: true } => f.write_str(EMPTIED),
            Change::Content { .. } => f.write_str(FILLED),
        }
    }
}

fn added(renamed: Option<&str>, parameter: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("is required, but queued jobs do not have it; ")?;
    match (renamed, parameter) {
        (Some(old), true) => write!(
            f,
            "if it was renamed from `{old}`, keep that name; otherwise give it a `#[default]`, or \
             make it an `Option`",
        ),
        (Some(old), false) => write!(
            f,
            "if it was renamed from `{old}`, add `#[serde(alias = {old:?})]`; otherwise add \
             `#[serde(default)]`, or make it an `Option`",
        ),
        (None, true) => f.write_str("give it a `#[default]`, or make it an `Option`"),
        (None, false) => f.write_str("add `#[serde(default)]`, or make it an `Option`"),
    }
}
