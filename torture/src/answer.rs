//! What an answer says was done.

use anyhow::{Context as _, Result, bail, ensure};

use crate::request::{Action, Request};
use crate::wire::Reply;

/// What an answer confirms. Recorded, and compared with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// The id of the enrollment (200 or 201), or the position on the waitlist (202); otherwise 0.
    pub(crate) value: u64,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It says what was done.
    Settled(Outcome),
    /// A 503 that says that the outcome is not known.
    Unclear,
    /// The first attempt with this key is still running.
    Running,
}

impl Answer {
    /// Reads the answer to a request.
    ///
    /// # Errors
    /// If the service may not answer this, whatever happened to it.
    pub(crate) fn new(request: &Request, reply: &Reply) -> Result<Self> {
        let unexpected = || format!("{request:?} was answered with {reply:?}");
        let id = reply.header("x-request-id").unwrap_or_default();
        ensure!(
            crate::request::number(id).is_some_and(|it| it == request.number),
            "{}: another request id",
            unexpected()
        );
        if reply.status == 503 || reply.status == 429 {
            ensure!(reply.header("retry-after").is_some(), "{}: no Retry-After", unexpected());
            let detail = reply.json()?["detail"].as_str().unwrap_or_default().to_owned();
            let is_unclear = detail.contains("may have been made");
            return Ok(if is_unclear {
                Self::Unclear
            } else {
                Self::Settled(Outcome { status: reply.status, value: 0 })
            });
        }
        if reply.status == 204 {
            ensure!(matches!(request.action, Action::Drop { .. }), "{}", unexpected());
            return Ok(Self::Settled(Outcome { status: 204, value: 0 }));
        }
        let body = reply.json()?;
        if reply.status == 409 && body["type"] == "/problems/idempotency-key-in-use" {
            return Ok(Self::Running);
        }
        let (status, result) = if request.is_batched && reply.status == 200 {
            let result = &body[0];
            let status = result["status"].as_u64().and_then(|it| u16::try_from(it).ok());
            (
                status.with_context(unexpected)?,
                if result["enrollment"].is_object() { &result["enrollment"] } else { result },
            )
        } else {
            (reply.status, &body)
        };
        if status == 503 {
            // An operation of a batch, refused like a request of its own.
            let is_unclear =
                result["problem"]["detail"].as_str().is_some_and(|it| it.contains("may have been made"));
            return Ok(if is_unclear { Self::Unclear } else { Self::Settled(Outcome { status, value: 0 }) });
        }
        let value = match (status, request.action) {
            (200 | 201, Action::Enroll { .. } | Action::Ensure { .. } | Action::Swap { .. }) => {
                result["id"].as_u64().with_context(unexpected)?
            }
            (202, Action::Enroll { .. } | Action::Ensure { .. }) => {
                let position =
                    [&result["position"], &result["waitlist"]["position"], &result["waitlisted"]["position"]];
                position.iter().find_map(|it| it.as_u64()).with_context(unexpected)?
            }
            (200, Action::Seats { .. }) | (204, Action::Drop { .. }) | (404 | 409, _) => 0,
            _ => bail!("{}", unexpected()),
        };
        Ok(Self::Settled(Outcome { status, value }))
    }
}
