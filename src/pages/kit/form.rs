//! Forms. Their fields are read into the same drafts as the bodies of the API, with the same rules and messages. The
//! typed values are kept, so that a refused form can be shown again.

use std::time::{Duration, Instant};

use axum::extract::{FromRequest, Request};
use serde_json::Value;

use crate::http::echo::{excerpt, excerpt_of};
use crate::http::extract::FormFields;
use crate::http::fields::{self, Draft, Fields, UnwritableFields};
use crate::http::problem::Problem;
use crate::registrar::{Caller, Command, MAX_TEXT, Outcome, Refusal, Registrar, Version};

/// The hidden field with the version of the record that was shown.
const IF_MATCH: &str = "if_match";

/// A draft that can be read from a form.
pub trait FormDraft: Draft {
    /// Whether a field is a secret. Then no answer is stored for an `idempotency_key`, because a fingerprint of the
    /// fields would be stored with it.
    const HAS_SECRET: bool = false;
    /// Fields that hold a number; empty means null.
    const NUMBERS: &[&str] = &[];
    /// Text fields for which empty means null.
    const NULLABLE: &[&str] = &[];
    /// Page messages in place of API messages that name other fields or formats: the field, a part of the API's
    /// message, and a sentence without its full stop.
    const MESSAGES: &[(&str, &str, &str)] = &[];
}

/// Characters of a typed value that are shown again: four times what a text field accepts, so that people can shorten
/// it.
const MAX_ECHOED: usize = 4 * MAX_TEXT;

/// A form without fields: only a button.
#[derive(Debug)]
pub struct EmptyForm;

impl Draft for EmptyForm {
    fn read(_: &mut Fields) -> Option<Self> {
        Some(Self)
    }
}

impl FormDraft for EmptyForm {}

/// The form that deletes a record.
#[derive(Debug)]
pub struct Deletion {
    /// The number of enrollments and waitlist places that the page said would be dropped.
    pub drop: Option<usize>,
}

impl Draft for Deletion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let count = |value: &Value| value.as_str().and_then(|count| count.parse().ok());
        let drop =
            fields.optional("drop", |value| count(value).ok_or_else(|| "must be a number".to_owned()))?;
        Some(Self { drop })
    }
}

impl FormDraft for Deletion {}

/// A form that was sent.
#[derive(Debug)]
pub struct Form<T> {
    /// The draft; `None` if a field is not valid.
    pub draft: Option<T>,
    /// The typed values, and their errors.
    pub values: FormValues,
    /// The version of the record that was shown, as the form sent it; `None` if it sent none.
    pub shown_version: Option<String>,
    /// Who sent the form.
    pub caller: Caller,
    unwritable: UnwritableFields,
    sent: Vec<(String, String)>,
}

impl<T> Form<T> {
    /// The version of the record that was shown. An unreadable one gives an empty list, which matches no record.
    #[must_use]
    pub fn expected(&self) -> Option<Vec<Version>> {
        let version = |tag: &String| u64::from_str_radix(tag, 16).map(Version).into_iter().collect();
        self.shown_version.as_ref().map(version)
    }
}

impl<T: FormDraft> Form<T> {
    /// The form without the fields for which `is_unchanged(name, sent)` holds. Those are neither validated nor written:
    /// a value from another program may break our rules.
    #[must_use]
    pub fn without_unchanged(self, is_unchanged: impl Fn(&str, &str) -> bool) -> Self {
        let changed = self.sent.iter().filter(|(name, value)| !is_unchanged(name, value));
        let (draft, errors) = read(changed.cloned().collect(), &self.unwritable);
        Self { draft, values: FormValues { errors, ..self.values }, ..self }
    }
}

/// The values in the fields of a form, and their errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormValues {
    values: Vec<(String, String)>,
    errors: Vec<(String, String)>,
}

impl FormValues {
    /// Values without errors.
    #[must_use]
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { values, errors: Vec::new() }
    }

    /// The value of a field; empty if it has none.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// Adds an error of a field: a sentence without its full stop, or words that follow its label.
    #[must_use]
    pub fn with_error(mut self, name: &str, error: &str) -> Self {
        self.errors.push((name.to_owned(), error.to_owned()));
        self
    }

    /// The error of a field as a sentence that begins with its label, unless the error is a sentence of its own.
    #[must_use]
    pub fn error_sentence(&self, name: &str, label: &str) -> Option<String> {
        let error = self.error(name)?;
        let is_sentence = error.starts_with(char::is_uppercase);
        Some(if is_sentence { format!("{error}.") } else { format!("{label} {error}.") })
    }

    /// The error of a field, without the full stop.
    #[must_use]
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| field == name).map(|(_, error)| error.trim_end_matches('.'))
    }

    /// Whether this is the first field with an error.
    #[must_use]
    pub fn is_first(&self, name: &str) -> bool {
        self.errors.first().is_some_and(|(field, _)| field == name)
    }
}

impl<T: FormDraft, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let FormFields(values, mut caller, unwritable) = FormFields::from_request(request, state).await?;
        caller.key = caller.key.filter(|_| !T::HAS_SECRET);
        let (hidden, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, _)| name == IF_MATCH);
        let shown_version = hidden.into_iter().next().map(|(_, tag)| excerpt(&tag).into_owned());
        let (draft, errors) = read(values.clone(), &unwritable);
        let shown =
            |(name, value): &(String, String)| (name.clone(), excerpt_of(value, MAX_ECHOED).into_owned());
        let shown = FormValues { values: values.iter().map(shown).collect(), errors };
        Ok(Self { draft, values: shown, shown_version, caller, unwritable, sent: values })
    }
}

/// The draft, or the errors by field.
fn read<T: FormDraft>(
    values: Vec<(String, String)>,
    unwritable: &UnwritableFields,
) -> (Option<T>, Vec<(String, String)>) {
    let member = |(name, value): (String, String)| {
        let member = member::<T>(&name, &value);
        (name, member)
    };
    let members = values.into_iter().map(member).collect();
    match fields::read_members::<T>(members, unwritable) {
        Ok(draft) => (Some(draft), Vec::new()),
        Err(errors) => (None, errors.into_iter().map(page_message::<T>).collect()),
    }
}

/// The error of a field, with its page message if there is one.
fn page_message<T: FormDraft>((name, detail): (String, String)) -> (String, String) {
    let matches = |(field, part, _): &&(&str, &str, &str)| *field == name && detail.contains(part);
    let detail = T::MESSAGES.iter().find(matches).map_or(detail.clone(), |(_, _, text)| (*text).to_owned());
    (name, detail)
}

/// A typed value as the same member of a JSON body.
fn member<T: FormDraft>(name: &str, typed: &str) -> Value {
    let is_number = T::NUMBERS.contains(&name);
    if typed.trim().is_empty() && (is_number || T::NULLABLE.contains(&name)) {
        return Value::Null;
    }
    let number = is_number.then(|| typed.trim().parse::<i64>().ok()).flatten();
    number.map_or_else(|| Value::String(typed.to_owned()), Value::from)
}

/// How long the second click of a double click waits for the first; far longer than a command takes.
const DOUBLE_CLICK_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the command of a form. A form that is sent twice runs once, and both requests get its result.
///
/// # Errors
/// The refusal of the command; for a key that is still in use, only after [`DOUBLE_CLICK_TIMEOUT`].
pub async fn submit<C: Command + Clone>(
    registrar: &Registrar,
    command: C,
    caller: &Caller,
) -> Result<C::Answer, Refusal> {
    submit_once(registrar, command, caller).await.map(|outcome| outcome.answer)
}

/// How often a form is tried again that was refused before.
const MAX_TRIES: i64 = 20;

/// As [`submit`], for a form that somebody sends again from a page that they went back to. If it was carried out before,
/// they get its result again. If it was refused before, it is tried again, since the reason may be gone: each try has a
/// part of the key, so that none is carried out twice.
///
/// # Errors
/// As [`submit`].
pub async fn submit_again<C: Command + Clone>(
    registrar: &Registrar,
    command: C,
    caller: &Caller,
) -> Result<C::Answer, Refusal> {
    for part in 0..MAX_TRIES {
        let key = caller.key.as_ref().map(|key| key.with_part(part));
        match submit_patiently(registrar, command.clone(), &Caller { key, ..caller.clone() }).await {
            // It was carried out, but nobody knows with which result.
            Err(Outcome { replayed: true, answer: Refusal::AnswerNotKept }) => {
                return Err(Refusal::AnswerNotKept);
            }
            Err(Outcome { replayed: true, .. }) => {}
            outcome => return outcome.map(|outcome| outcome.answer).map_err(|outcome| outcome.answer),
        }
    }
    submit(registrar, command, &Caller { key: None, ..caller.clone() }).await
}

/// As [`submit`]; also returns whether the command ran with an earlier request.
///
/// # Errors
/// As [`submit`].
pub async fn submit_once<C: Command + Clone>(
    registrar: &Registrar,
    command: C,
    caller: &Caller,
) -> Result<Outcome<C::Answer>, Refusal> {
    submit_patiently(registrar, command, caller).await.map_err(|outcome| outcome.answer)
}

/// Submits a command, and waits while an earlier request with the same key runs.
async fn submit_patiently<C: Command + Clone>(
    registrar: &Registrar,
    command: C,
    caller: &Caller,
) -> Result<Outcome<C::Answer>, Outcome<Refusal>> {
    let deadline = Instant::now() + DOUBLE_CLICK_TIMEOUT;
    loop {
        match registrar.submit(command.clone(), caller).await {
            Err(Outcome { answer: Refusal::KeyInUse, .. }) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome,
        }
    }
}

/// The key of the form that is shown again after a refusal. If the command may have run or may still run, the key stays
/// the same, so that trying again does not run it twice.
#[must_use]
pub fn retry_key(refusal: &Refusal, caller: &Caller) -> String {
    let may_have_run =
        matches!(refusal, Refusal::KeyInUse | Refusal::Overloaded | Refusal::Stopping | Refusal::Engine(_));
    let key = caller.key.as_ref().filter(|_| may_have_run);
    key.map_or_else(new_key, |key| key.name.clone())
}

/// A new idempotency key for a form.
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

    impl FormDraft for Seats {
        const NUMBERS: &[&str] = &["capacity"];
        const NULLABLE: &[&str] = &["opens_at"];
    }

    #[test]
    fn typed_values_become_the_json_that_the_api_expects() {
        for (name, typed, expected) in [
            ("capacity", " 30 ", Value::from(30)),
            ("capacity", "", Value::Null),
            ("capacity", "many", Value::from("many")),
            ("opens_at", " ", Value::Null),
            ("name", "", Value::from("")),
            ("name", "30", Value::from("30")),
        ] {
            assert_eq!(member::<Seats>(name, typed), expected, "{name} {typed:?}");
        }
    }
}
