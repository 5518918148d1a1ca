//! The page that a problem's `type` leads to.

use super::problem::Kind;

/// What a kind of problem means, for people.
#[must_use]
pub fn problem(kind: &Kind) -> String {
    // All of it is our own text: nothing here needs escaping.
    include_str!("../../templates/problem.html")
        .replace("{{title}}", kind.title)
        .replace("{{status}}", &kind.status.to_string())
        .replace("{{slug}}", kind.slug)
        .replace("{{meaning}}", kind.meaning)
}
