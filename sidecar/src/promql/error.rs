//! Why a query of a server has no answer. Types only: comes in: what failed. Goes out: the message and the value of the label
//! `result`. Never holds a secret.

/// The largest answer in bytes. Raised, one answer takes more memory (a few times its size while it is read);
/// lowered, samples of many series are queried in smaller portions, until a single step does not fit any more.
pub(super) const MAX_ANSWER: usize = 16 << 20;

/// Why a query has no answer. A closed set.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceQueryError {
    /// A secret cannot be read, or cannot be sent.
    #[error("{0}")]
    Secret(String),
    /// There is no connection, or it broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// There is no answer in time.
    #[error("did not answer within {0}")]
    TooLate(String),
    /// The answer is not one of the API.
    #[error("answered with status {code}: {detail}")]
    Status {
        /// The status code.
        code: u16,
        /// The beginning of the body.
        detail: String,
    },
    /// The answer is larger than [`MAX_ANSWER`].
    #[error("answered with more than {} MiB: accepted is less, by fewer series or a recording rule", MAX_ANSWER >> 20)]
    TooLarge,
    /// The body is not one that the API sends.
    #[error("sent an answer that is not understood: {0}")]
    Malformed(String),
    /// The server reports that the query is wrong or cannot be answered.
    #[error("refused the query ({kind}): {detail}")]
    Refused {
        /// The API's `errorType`.
        kind: String,
        /// The server's message.
        detail: String,
    },
    /// The server warns that the answer may be incomplete.
    #[error("answered with a warning that the answer may be incomplete: {0}")]
    Partial(String),
}

impl SourceQueryError {
    /// Returns the value of the label `result`.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::Unreachable(_) => "unreachable",
            Self::TooLate(_) => "timeout",
            Self::Status { .. } => "status",
            Self::TooLarge => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Refused { .. } => "refused",
            Self::Partial(_) => "partial",
        }
    }
}
