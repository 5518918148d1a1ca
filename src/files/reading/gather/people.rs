//! People: who is a student, each once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use jiff::Timestamp;

use super::settle::{Settled, refuse_lookalikes, report, settle as settle_rows};
use crate::files::reading::drafts::{Drafts, PersonDraft};
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Holder, Processing, Reading, Skipped, Warning};
use crate::files::reading::row::too_many_groups;
use crate::files::reading::rows::{Keys, PersonRow, Reference, StudentKey};
use crate::text::{MAX_GROUPS_OF_STUDENT, look};

/// Settles the people of the reading.
pub(super) fn settle(drafts: &mut Drafts, reading: &mut Reading) {
    let mut people = std::mem::take(&mut drafts.people);
    leave_out_others(&mut people, drafts, reading);
    let mut groups = groups(&mut people);
    let (people, unnamed): (Vec<_>, Vec<_>) = people.into_iter().partition(|person| !person.name.is_empty());
    let (mut numbered, mut by_email): (Vec<_>, Vec<_>) =
        people.into_iter().partition(|person| person.number.is_some());
    let settled = settle_people(&mut numbered);
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "student"));
    let id = |person: &PersonDraft| person.number.clone().unwrap_or_default();
    refuse_lookalikes(&mut numbered, id, |person| person.origin, drafts);
    let settled = settle_people(&mut by_email);
    report(settled, drafts, reading, Reason::EmailNotUnique);
    numbered.append(&mut by_email);
    add_unnamed(&mut numbered, unnamed, drafts, reading);
    numbered.retain(|person| {
        let named = groups.get(&person.student).map_or(0, |groups| groups.len());
        let is_usual = named <= MAX_GROUPS_OF_STUDENT;
        if !is_usual {
            drafts.refuse(person.origin, None, too_many_groups());
        }
        is_usual
    });
    numbered.sort_by_key(|person| person.origin);
    let rows = numbered.into_iter().map(|person| PersonRow {
        origin: person.origin,
        reference: person.student,
        number: person.number,
        name: person.name,
        email: person.email,
        groups: groups.remove(&person.student),
        standing: person.standing,
    });
    reading.people = rows.collect();
    warn_of_same_people(&reading.people, &mut reading.warnings);
    reading.holders = holders(&reading.people, &drafts.students);
}

/// The groups of the students, from all rows of a student together. If the rows have times of change, only the latest count.
fn groups(people: &mut [PersonDraft]) -> HashMap<Reference, Box<[Reference]>> {
    let mut found: HashMap<Reference, (Option<Timestamp>, Vec<Reference>)> = HashMap::new();
    for person in people {
        let Some(named) = person.groups.take() else { continue };
        let (modified, groups) = found.entry(person.student).or_insert((person.modified, Vec::new()));
        if person.modified > *modified {
            (*modified, *groups) = (person.modified, Vec::new());
        }
        if person.modified == *modified {
            groups.extend(named);
        }
    }
    let once = |mut groups: Vec<Reference>| {
        groups.sort_unstable();
        groups.dedup();
        groups.into_boxed_slice()
    };
    found.into_iter().map(|(student, (_, groups))| (student, once(groups))).collect()
}

/// Adds the people of lists without names, as far as no other file names them.
fn add_unnamed(
    people: &mut Vec<PersonDraft>,
    mut unnamed: Vec<PersonDraft>,
    drafts: &mut Drafts,
    reading: &mut Reading,
) {
    if unnamed.is_empty() {
        return;
    }
    let mut settled = settle_people(&mut unnamed);
    // A student may be in several groups, each on a line of its own.
    settled.skipped.retain(|(_, why)| *why != Skipped::Repeat);
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "student"));
    let named: HashMap<Reference, usize> = people.iter().map(|person| person.student).zip(0..).collect();
    for person in unnamed {
        match named.get(&person.student).map(|place| &people[*place]) {
            None => people.push(person),
            Some(other) => {
                let email = |person: &PersonDraft| person.email.as_ref().map(|email| email.to_lowercase());
                if person.email.is_some() && email(&person) != email(other) {
                    drafts.refuse(person.origin, None, Reason::Contradicts(other.origin, "student"));
                }
            }
        }
    }
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
        (!person.name.is_empty()).then(|| (email, person.name.to_lowercase()))
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
