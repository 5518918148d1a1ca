//! Overrides: staff goes beyond the limits of a course, and says why.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::refusal::Refusal;
use crate::text::{MAX_REASON, VISIBLE_TEXT, reason_text};

/// Why staff enrolls or drops a student beyond the limits of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    reason: String,
}

impl Override {
    /// An override for this reason, which the log has for good.
    ///
    /// # Errors
    /// [`Refusal::OverrideNeedsReason`] if there is none, or a blank one.
    pub fn new(reason: Option<String>) -> Result<Self, Refusal> {
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        reason.map(|reason| Self { reason }).ok_or(Refusal::OverrideNeedsReason)
    }
}

impl ToSchema for Override {}

impl PartialSchema for Override {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some("Why staff enrolls or drops a student beyond the limits of a course."))
            .property("reason", Self::reason_schema())
            .required("reason")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .examples([json!({"reason": "senior, approved by the dean"})])
            .into()
    }
}

/// The schema of the reason of an override, in a query.
#[derive(Debug)]
pub struct OverrideReason;

impl ToSchema for OverrideReason {}

impl PartialSchema for OverrideReason {
    fn schema() -> RefOr<Schema> {
        Override::reason_schema().into()
    }
}

impl Override {
    fn reason_schema() -> Object {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "For those who read the history of the student or the course; it stays in the log for good.",
            ))
            .min_length(Some(1))
            .max_length(Some(MAX_REASON))
            .pattern(Some(VISIBLE_TEXT))
            .build()
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// As events have it in their data.
    pub(super) fn data(&self) -> Value {
        json!({"reason": self.reason})
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reason = reason_text(text)?.ok_or("must say why")?;
        Ok(Self { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_has_a_reason() {
        for none in [None, Some(""), Some(" \t")] {
            assert_eq!(Override::new(none.map(str::to_owned)), Err(Refusal::OverrideNeedsReason));
        }
    }
}
