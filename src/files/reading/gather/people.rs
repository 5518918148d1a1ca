//! People: who is a student, each once.

use std::hash::{BuildHasher as _, RandomState};

use super::settle::{Settled, refuse_lookalikes, report, settle as settle_rows};
use crate::files::reading::drafts::{Drafts, PersonDraft};
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Holder, Processing, Reading, Skipped, Warning};
use crate::files::reading::rows::{Keys, PersonRow, Reference, StudentKey};
use crate::text::look;

/// Settles the people of the reading.
pub(super) fn settle(drafts: &mut Drafts, reading: &mut Reading) {
    let mut people = std::mem::take(&mut drafts.people);
    leave_out_others(&mut people, drafts, reading);
    let (mut numbered, mut by_email): (Vec<_>, Vec<_>) =
        people.into_iter().partition(|person| person.number.is_some());
    let settled = settle_people(&mut numbered);
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "student"));
    let id = |person: &PersonDraft| person.number.clone().unwrap_or_default();
    refuse_lookalikes(&mut numbered, id, |person| person.origin, drafts);
    let settled = settle_people(&mut by_email);
    report(settled, drafts, reading, Reason::EmailNotUnique);
    numbered.append(&mut by_email);
    numbered.sort_by_key(|person| person.origin);
    let rows = numbered.into_iter().map(|person| PersonRow {
        origin: person.origin,
        reference: person.student,
        number: person.number,
        name: person.name,
        email: person.email,
        standing: person.standing,
    });
    reading.people = rows.collect();
    warn_of_same_people(&reading.people, &mut reading.warnings);
    reading.holders = holders(&reading.people, &drafts.students);
}

fn settle_people(people: &mut Vec<PersonDraft>) -> Settled {
    settle_rows(
        people,
        |person| person.student,
        |person| (person.origin, person.modified),
        |one, two| {
            let said = |person: &PersonDraft| {
                let email = person.email.as_ref().map(|email| email.to_lowercase());
                (look(&person.name).into_owned(), email, person.standing)
            };
            said(one) == said(two)
        },
    )
}

/// Teachers, guardians and others are students only if they take a course.
fn leave_out_others(people: &mut Vec<PersonDraft>, drafts: &Drafts, reading: &mut Reading) {
    let mut takes_a_course = vec![false; drafts.students.len()];
    for enrollment in &drafts.enrollments {
        takes_a_course[enrollment.student.index()] = true;
    }
    people.retain(|person| {
        let by_email = || by_email(person.email.as_deref(), &drafts.students);
        let is_any = |is: &dyn Fn(Reference) -> bool| is(person.student) || by_email().is_some_and(is);
        let file = &mut reading.files[person.origin.file as usize];
        let is_student = is_any(&|reference| takes_a_course[reference.index()])
            || match drafts.roles.get(&person.student) {
                Some(is_student) => *is_student,
                None if drafts.has_file_of_roles => file.processing == Some(Processing::Delta),
                None => !is_any(&|reference| drafts.others.contains(&reference)),
            };
        if !is_student {
            *file.counts.skipped.entry(Skipped::NotAStudent).or_default() += 1;
        }
        is_student
    });
}

fn by_email(email: Option<&str>, students: &Keys<StudentKey>) -> Option<Reference> {
    students.find(&StudentKey::Email(email?.to_lowercase().into()))
}

/// Whom each key names.
fn holders(people: &[PersonRow], students: &Keys<StudentKey>) -> Vec<Holder> {
    let mut holders = vec![Holder::Nobody; students.len()];
    for (place, person) in (0..).zip(people) {
        holders[person.reference.index()] = Holder::Person(place);
    }
    for (place, person) in (0..).zip(people).filter(|(_, person)| person.number.is_some()) {
        if let Some(reference) = by_email(person.email.as_deref(), students) {
            let holder = &mut holders[reference.index()];
            *holder = if *holder == Holder::Nobody { Holder::Person(place) } else { Holder::Several };
        }
    }
    holders
}

/// Two ids with the same name and address may be one person. The first thousand are reported.
fn warn_of_same_people(people: &[PersonRow], warnings: &mut Vec<Warning>) {
    let state = RandomState::new();
    let said = |person: &PersonRow| {
        let email = person.email.as_ref()?.to_lowercase();
        Some((email, person.name.to_lowercase()))
    };
    let found =
        people.iter().zip(0_u32..).filter_map(|(person, place)| Some((state.hash_one(said(person)?), place)));
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    let same = |pair: &[(u64, u32)]| {
        let (first, second) = (&people[pair[0].1 as usize], &people[pair[1].1 as usize]);
        (pair[0].0 == pair[1].0 && said(first) == said(second)).then_some((first.origin, second.origin))
    };
    let pairs = found.windows(2).filter_map(same);
    for (first, second) in pairs.take(MAX_WARNINGS) {
        let detail = format!(
            "Line {} has the same name and address with another id. Perhaps it is one person.",
            first.line
        );
        let (file, line, other) = (second.file, Some(second.line), Some(first));
        warnings.push(Warning { file, line, other, code: "same-person-twice", detail });
    }
}

/// More warnings of one kind nobody reads.
const MAX_WARNINGS: usize = 1_000;
