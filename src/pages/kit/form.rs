//! Forms: their fields are read into the same drafts as the bodies of the API, by the same rules and in the same words.
//! What was typed is kept, to be shown again.

use std::time::{Duration, Instant};

use axum::extract::{FromRequest, Request};
use serde_json::Value;

use crate::http::echo::{excerpt, excerpt_of};
use crate::http::extract::FormFields;
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::registrar::{Caller, Command, MAX_TEXT, Refusal, Registrar, Version};

/// The hidden field that says which version of the record was shown.
const IF_MATCH: &str = "if_match";

/// What a form is read into.
pub trait Filled: Draft {
    /// Fields that hold a number; left empty they are null.
    const NUMBERS: &[&str] = &[];
    /// Fields that are null when they are left empty.
    const NULLABLE: &[&str] = &[];
}

/// Characters of what was typed that are shown again; a field that takes a text takes a quarter as many.
const SHOWN_AGAIN: usize = 4 * MAX_TEXT;

/// A form without fields of its own: a button.
#[derive(Debug)]
pub struct Nothing;

impl Draft for Nothing {
    fn read(_: &mut Fields) -> Option<Self> {
        Some(Self)
    }
}

impl Filled for Nothing {}

/// That a record is deleted.
#[derive(Debug)]
pub struct Deletion {
    /// With the enrollments that the page has told of.
    pub drop: bool,
}

impl Draft for Deletion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let drop = fields.optional("drop", |value| Ok(value == "true"))?;
        Some(Self { drop: drop.unwrap_or_default() })
    }
}

impl Filled for Deletion {}

/// A form that was sent.
#[derive(Debug)]
pub struct Form<T> {
    /// What it asks for, unless something is wrong with it.
    pub draft: Option<T>,
    /// What was typed, and what is wrong with it.
    pub typed: Typed,
    /// The version of the record that was shown, as the form said it, where it is about one.
    pub seen: Option<String>,
    /// Who sent it.
    pub caller: Caller,
    sent: Vec<(String, String)>,
}

impl<T> Form<T> {
    /// The version of the record that was shown. One that we did not give out is none that the record has.
    #[must_use]
    pub fn expected(&self) -> Option<Vec<Version>> {
        let version = |tag: &String| u64::from_str_radix(tag, 16).map(Version).into_iter().collect();
        self.seen.as_ref().map(version)
    }
}

impl<T: Filled> Form<T> {
    /// The form without the fields for which `is_unchanged` holds, given their name and what was sent. Those are neither
    /// judged nor written, whatever another program has put there.
    #[must_use]
    pub fn without_unchanged(self, is_unchanged: impl Fn(&str, &str) -> bool) -> Self {
        let changed = self.sent.iter().filter(|(name, value)| !is_unchanged(name, value));
        let (draft, errors) = read(changed.cloned().collect());
        Self { draft, typed: Typed { errors, ..self.typed }, ..self }
    }
}

/// What stands in the fields of a form, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    values: Vec<(String, String)>,
    errors: Vec<(String, String)>,
}

impl Typed {
    /// A form with these values, of which nothing is wrong.
    #[must_use]
    pub fn with<const N: usize>(values: [(&str, String); N]) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { values, errors: Vec::new() }
    }

    /// What stands in a field.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// What is wrong with a field, without the point at the end.
    #[must_use]
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| field == name).map(|(_, error)| error.trim_end_matches('.'))
    }

    /// Whether it is the first field with which something is wrong.
    #[must_use]
    pub fn is_first(&self, name: &str) -> bool {
        self.errors.first().is_some_and(|(field, _)| field == name)
    }
}

impl<T: Filled, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let FormFields(values, caller) = FormFields::from_request(request, state).await?;
        let (hidden, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, _)| name == IF_MATCH);
        let seen = hidden.into_iter().next().map(|(_, tag)| excerpt(&tag).into_owned());
        let (draft, errors) = read(values.clone());
        let shown =
            |(name, value): &(String, String)| (name.clone(), excerpt_of(value, SHOWN_AGAIN).into_owned());
        let typed = Typed { values: values.iter().map(shown).collect(), errors };
        Ok(Self { draft, typed, seen, caller, sent: values })
    }
}

/// The draft, or what is wrong with which field.
fn read<T: Filled>(values: Vec<(String, String)>) -> (Option<T>, Vec<(String, String)>) {
    let member = |(name, value): (String, String)| {
        let member = member::<T>(&name, &value);
        (name, member)
    };
    let members = values.into_iter().map(member).collect();
    match fields::read_members::<T>(members) {
        Ok(draft) => (Some(draft), Vec::new()),
        Err(errors) => (None, errors),
    }
}

/// What was typed as the member of a body that says the same.
fn member<T: Filled>(name: &str, typed: &str) -> Value {
    let is_number = T::NUMBERS.contains(&name);
    if typed.trim().is_empty() && (is_number || T::NULLABLE.contains(&name)) {
        return Value::Null;
    }
    let number = is_number.then(|| typed.trim().parse::<i64>().ok()).flatten();
    number.map_or_else(|| Value::String(typed.to_owned()), Value::from)
}

/// How long the second of two clicks waits for what the first one does.
const DOUBLE_CLICK: Duration = Duration::from_secs(5);

/// Carries out what a form asks for. Sent twice it is done once, and both are told what came of it.
///
/// # Errors
/// The reason why nothing was changed.
pub async fn submit<C: Command + Clone>(
    registrar: &Registrar,
    command: C,
    caller: &Caller,
) -> Result<C::Answer, Refusal> {
    let until = Instant::now() + DOUBLE_CLICK;
    loop {
        match registrar.submit(command.clone(), caller).await.map_err(|outcome| outcome.answer) {
            Err(Refusal::KeyInUse) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome.map(|outcome| outcome.answer),
        }
    }
}

/// The key of the form that is shown again after a refusal: where the command may yet be carried out, or was, to try again
/// must not be to do it twice.
#[must_use]
pub fn key_after(refusal: &Refusal, caller: &Caller) -> String {
    let may_be_done =
        matches!(refusal, Refusal::KeyInUse | Refusal::Overloaded | Refusal::Stopping | Refusal::Engine(_));
    let key = caller.key.as_ref().filter(|_| may_be_done);
    key.map_or_else(new_key, |key| key.name.clone())
}

/// Names a form that is shown, so that to send it twice is to send it once.
#[must_use]
pub fn new_key() -> String {
    format!("form-{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seats;

    impl Draft for Seats {
        fn read(_: &mut Fields) -> Option<Self> {
            Some(Self)
        }
    }

    impl Filled for Seats {
        const NUMBERS: &[&str] = &["capacity"];
        const NULLABLE: &[&str] = &["opens_at"];
    }

    #[test]
    fn what_is_typed_means_what_the_api_would_be_told() {
        for (name, typed, told) in [
            ("capacity", " 30 ", Value::from(30)),
            ("capacity", "", Value::Null),
            ("capacity", "many", Value::from("many")),
            ("opens_at", " ", Value::Null),
            ("name", "", Value::from("")),
            ("name", "30", Value::from("30")),
        ] {
            assert_eq!(member::<Seats>(name, typed), told, "{name} {typed:?}");
        }
    }
}
