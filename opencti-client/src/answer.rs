//! An answer, and what OpenCTI says went wrong with it.

use std::fmt;

/// What was asked for, with the problems OpenCTI had on the way.
///
/// OpenCTI may fail for one part of a request and answer the other. Then `value` holds what there is and `problems`
/// says what is missing: an empty list in `value` means "nothing found" only if no problem names its field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// What is missing from it, and why. Empty when it is complete.
    pub problems: Vec<Problem>,
}

/// Something OpenCTI reports as failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of failure.
    pub code: ErrorCode,
    /// OpenCTI's words, cut and freed of control characters.
    pub message: String,
    /// The part of the request it concerns, by the name it has in the answer (`indicators`,
    /// `stixCyberObservables`, …); `None` when OpenCTI names none.
    pub field: Option<String>,
}

/// `extensions.code` of a GraphQL error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `AUTH_REQUIRED`: no token, a wrong or an expired one.
    AuthRequired,
    /// `FORBIDDEN_ACCESS`: the user lacks a capability.
    ForbiddenAccess,
    /// `OTP_REQUIRED` or `OTP_REQUIRED_ACTIVATION`: the user must give a second factor, which no program can.
    OtpRequired,
    /// `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` and the like: the platform does not know the operation.
    Graphql(String),
    /// `BAD_USER_INPUT`: a variable was refused.
    BadUserInput,
    /// `UNSUPPORTED_ERROR`: such as an unknown filter key.
    Unsupported,
    /// `FUNCTIONAL_ERROR`: such as an unknown hash algorithm in a filter key.
    Functional,
    /// `DATABASE_ERROR`: the search engine failed.
    Database,
    /// `COMPLEX_SEARCH_ERROR`: too many conditions for the search engine.
    ComplexSearch,
    /// `LOCK_ERROR`: somebody else is writing the object.
    Lock,
    /// `INTERNAL_SERVER_ERROR` or `UNKNOWN_ERROR`.
    Internal,
    /// `BAD_REQUEST`: not a GraphQL request.
    BadRequest,
    /// Any other code, or none.
    Other(String),
}

impl ErrorCode {
    pub(crate) fn from_text(text: &str) -> Self {
        match text {
            "AUTH_REQUIRED" => Self::AuthRequired,
            "FORBIDDEN_ACCESS" => Self::ForbiddenAccess,
            "OTP_REQUIRED" | "OTP_REQUIRED_ACTIVATION" => Self::OtpRequired,
            "BAD_USER_INPUT" => Self::BadUserInput,
            "UNSUPPORTED_ERROR" => Self::Unsupported,
            "FUNCTIONAL_ERROR" => Self::Functional,
            "DATABASE_ERROR" => Self::Database,
            "COMPLEX_SEARCH_ERROR" => Self::ComplexSearch,
            "LOCK_ERROR" => Self::Lock,
            "INTERNAL_SERVER_ERROR" | "UNKNOWN_ERROR" => Self::Internal,
            "BAD_REQUEST" => Self::BadRequest,
            text if text.starts_with("GRAPHQL_") => Self::Graphql(crate::text::clean(text, 60)),
            text => Self::Other(crate::text::clean(text, 60)),
        }
    }

    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database | Self::Lock | Self::Internal)
    }

    /// Whether the token is to blame.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        matches!(self, Self::AuthRequired | Self::ForbiddenAccess | Self::OtpRequired)
    }

    /// A short word from a fixed set, fit as the label of a metric.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::AuthRequired => "auth_required",
            Self::ForbiddenAccess => "forbidden_access",
            Self::OtpRequired => "otp_required",
            Self::Graphql(_) => "graphql",
            Self::BadUserInput => "bad_user_input",
            Self::Unsupported => "unsupported",
            Self::Functional => "functional",
            Self::Database => "database",
            Self::ComplexSearch => "complex_search",
            Self::Lock => "lock",
            Self::Internal => "internal",
            Self::BadRequest => "bad_request",
            Self::Other(_) => "other_code",
        }
    }

    /// What a person can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::AuthRequired => "check the API token: it is missing, wrong, expired or revoked",
            Self::ForbiddenAccess => {
                "give the token's user the capability \"Access knowledge\" (and, on 7.x, \"Use API tokens\")"
            }
            Self::OtpRequired => "take a service account without a second factor",
            Self::Graphql(_)
            | Self::BadUserInput
            | Self::Unsupported
            | Self::Functional
            | Self::BadRequest => {
                "this version of OpenCTI does not take the request: check that it is 6.0 or later, and report it"
            }
            Self::Database | Self::Internal => "look at OpenCTI's log and whether its search engine is up",
            Self::ComplexSearch => "raise the search engine's limit of clauses, or report it",
            Self::Lock => "somebody else is writing the same object: try again",
            Self::Other(_) => "look at OpenCTI's log",
        }
    }

    /// How telling it is among several: what concerns the token comes first, what passes by itself last.
    pub(crate) fn gravity(&self) -> u8 {
        if self.is_auth() { 2 } else { u8::from(!self.is_retryable()) }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::ForbiddenAccess => "FORBIDDEN_ACCESS",
            Self::OtpRequired => "OTP_REQUIRED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Unsupported => "UNSUPPORTED_ERROR",
            Self::Functional => "FUNCTIONAL_ERROR",
            Self::Database => "DATABASE_ERROR",
            Self::ComplexSearch => "COMPLEX_SEARCH_ERROR",
            Self::Lock => "LOCK_ERROR",
            Self::Internal => "INTERNAL_SERVER_ERROR",
            Self::BadRequest => "BAD_REQUEST",
            Self::Other(text) if text.is_empty() => "an error without a code",
            Self::Graphql(text) | Self::Other(text) => text,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_by_their_names() {
        for (text, label, retryable, auth) in [
            ("AUTH_REQUIRED", "auth_required", false, true),
            ("FORBIDDEN_ACCESS", "forbidden_access", false, true),
            ("OTP_REQUIRED", "otp_required", false, true),
            ("OTP_REQUIRED_ACTIVATION", "otp_required", false, true),
            ("GRAPHQL_PARSE_FAILED", "graphql", false, false),
            ("GRAPHQL_VALIDATION_FAILED", "graphql", false, false),
            ("BAD_USER_INPUT", "bad_user_input", false, false),
            ("UNSUPPORTED_ERROR", "unsupported", false, false),
            ("FUNCTIONAL_ERROR", "functional", false, false),
            ("DATABASE_ERROR", "database", true, false),
            ("COMPLEX_SEARCH_ERROR", "complex_search", false, false),
            ("LOCK_ERROR", "lock", true, false),
            ("INTERNAL_SERVER_ERROR", "internal", true, false),
            ("UNKNOWN_ERROR", "internal", true, false),
            ("BAD_REQUEST", "bad_request", false, false),
            ("RESOURCE_NOT_FOUND", "other_code", false, false),
            ("", "other_code", false, false),
        ] {
            let code = ErrorCode::from_text(text);
            assert_eq!(
                (code.label(), code.is_retryable(), code.is_auth()),
                (label, retryable, auth),
                "{text}"
            );
        }
        assert_eq!(ErrorCode::from_text("GRAPHQL_PARSE_FAILED").to_string(), "GRAPHQL_PARSE_FAILED");
        assert_eq!(ErrorCode::from_text("A\u{1b}\nB").to_string(), "A B");
        assert_eq!(ErrorCode::from_text("").to_string(), "an error without a code");
    }
}
