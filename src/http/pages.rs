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
        .replace("{{meaning}}", &with_code(kind.meaning))
}

/// What stands between backticks is code.
fn with_code(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(place, piece)| if place % 2 == 1 { format!("<code>{piece}</code>") } else { piece.to_owned() })
        .collect()
}
