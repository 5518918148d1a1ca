//! Makes a plan.

use std::collections::{HashMap, HashSet};

use super::known::{Known, ids};
use super::steps::{EnrollmentStep, FieldChange, Obstacle, Pair, Party, Plan, RecordStep};
use super::store;
use crate::clock::Stamp;
use crate::db::{Db, DbError};
use crate::files::reading::{CourseKey, Found, Origin, Reading, Standing, StudentKey, Wanted};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::{
    Admission, Caller, Course, CourseId, Enrollment, FieldValues, Record, Refusal, Rehearsal, Student,
    StudentId, Version,
};

/// Makes the plan of a reading that is not refused. Reads the database, and changes nothing.
///
/// # Errors
/// When the database cannot be read.
pub async fn make(
    reading: Reading,
    db: &Db,
    tables: &SchoolTables,
    now: Stamp,
    caller: &Caller,
) -> Result<Plan, DbError> {
    let known = Known::load(db, &reading).await?;
    let mut courses = courses(&reading, &known, &tables.courses);
    let mut students = students(&reading, &known, &tables.students);
    refuse_second_rows(&mut students, |row| reading.people[row].origin);
    refuse_second_rows(&mut courses, |row| reading.courses[row].origin);
    for step in &mut courses {
        if let RecordStep::Remove { id, ends, .. } = step {
            *ends = usize::try_from(store::ends_of_course(db, *id).await?).unwrap_or(0);
        }
    }
    let rows_of_people: HashMap<_, _> = reading.people.iter().map(|row| row.reference).zip(0..).collect();
    let students_by_key = reading.students.iter().map(|(reference, key)| {
        let row = match reading.person(reference) {
            Found::Person(person) => {
                rows_of_people.get(&person.reference).map(|row: &usize| (*row, &students[*row]))
            }
            Found::Several => return Party::Nobody(shared_address()),
            Found::Nobody => None,
        };
        party_of_student(row, known.students(key), key)
    });
    let students_by_key: Vec<_> = students_by_key.collect();
    let rows_of_courses: HashMap<&str, usize> =
        reading.courses.iter().map(|row| &*row.code).zip(0..).collect();
    let courses_by_key: Vec<_> = reading
        .course_keys
        .iter()
        .map(|(_, key)| party_of_course(key, &rows_of_courses, &courses, &known))
        .collect();
    let mut plan =
        Plan { reading, students, courses, enrollments: Vec::new(), students_by_key, courses_by_key };
    plan.enrollments = enrollments(&mut plan, db, now, caller).await?;
    Ok(plan)
}

fn students(reading: &Reading, known: &Known, table: &RecordTable) -> Vec<RecordStep<Student>> {
    let wanted: HashSet<_> = reading
        .enrollments
        .iter()
        .filter(|row| row.wanted == Wanted::Enrolled)
        .map(|row| row.student)
        .collect();
    let step = |row: &crate::files::reading::PersonRow| {
        let found = known.students(reading.students.get(row.reference));
        if found.len() > 1 {
            return RecordStep::Refused(shared_address());
        }
        let values =
            [("name", Some(&*row.name)), ("email", row.email.as_deref()), ("number", row.number.as_deref())];
        // Somebody who takes no part is added only for an enrollment.
        let is_wanted = row.standing == Standing::Active || wanted.contains(&row.reference);
        record(found.first(), &values, row.standing, is_wanted, table)
    };
    reading.people.iter().map(step).collect()
}

fn courses(reading: &Reading, known: &Known, table: &RecordTable) -> Vec<RecordStep<Course>> {
    let step = |row: &crate::files::reading::CourseRow| {
        let values =
            [("name", Some(&*row.name)), ("level", row.level.as_deref()), ("code", Some(&*row.code))];
        let is_wanted = row.standing == Standing::Active;
        record(known.coded.get(&*row.code), &values, row.standing, is_wanted, table)
    };
    reading.courses.iter().map(step).collect()
}

/// What happens to a record of the files. Fields without a value stay as they are; a new record gets an empty text, since
/// the tables want one.
fn record<R: Record>(
    present: Option<&R>,
    values: &[(&'static str, Option<&str>)],
    standing: Standing,
    is_wanted: bool,
    table: &RecordTable,
) -> RecordStep<R> {
    let is_writable = |field: &str| field == R::EXTERNAL_ID || table.column(field).is_some();
    let values = values.iter().filter(|(field, _)| is_writable(field));
    match (present, standing) {
        (None, Standing::Deleted) => RecordStep::LeftOut,
        (None, _) if !is_wanted => RecordStep::LeftOut,
        (None, _) => {
            let values = values.filter_map(|(field, value)| {
                let value = if *field == R::EXTERNAL_ID { *value } else { Some(value.unwrap_or_default()) };
                Some((*field, value?.to_owned()))
            });
            RecordStep::Add(FieldValues::new(values))
        }
        (Some(present), Standing::Deleted) => {
            RecordStep::Remove { id: present.id(), version: Version::from_record(present), ends: 0 }
        }
        (Some(present), _) => {
            let changes: Vec<_> =
                values.filter_map(|(field, value)| change(present, field, (*value)?)).collect();
            if changes.is_empty() {
                RecordStep::Same(present.id())
            } else {
                RecordStep::Change { id: present.id(), version: Version::from_record(present), changes }
            }
        }
    }
}

/// Two rows may name the same record in two ways, by its id and by its address; only the first one counts.
fn refuse_second_rows<R: Record>(steps: &mut [RecordStep<R>], origin: impl Fn(usize) -> Origin)
where
    R::Id: std::hash::Hash + Eq,
{
    let mut firsts: HashMap<R::Id, usize> = HashMap::new();
    for (row, step) in steps.iter_mut().enumerate() {
        let (RecordStep::Change { id, .. } | RecordStep::Same(id) | RecordStep::Remove { id, .. }) = step
        else {
            continue;
        };
        let first = *firsts.entry(*id).or_insert(row);
        if first != row {
            let line = origin(first).line;
            let detail = format!("Line {line} is about the same record, named in another way.");
            *step = RecordStep::Refused(Obstacle::new("same-record", detail));
        }
    }
}

fn change<R: Record>(present: &R, field: &'static str, new: &str) -> Option<FieldChange> {
    let described = R::FIELDS.iter().find(|known| known.name == field)?;
    let old = present.value(described);
    (old.map(String::as_str) != Some(new)).then(|| FieldChange {
        field,
        old: old.cloned(),
        new: new.to_owned(),
    })
}

fn party_of_student(
    row: Option<(usize, &RecordStep<Student>)>,
    found: &[Student],
    key: &StudentKey,
) -> Party<Student> {
    match (row, found) {
        (Some((_, step)), [_, ..])
            if matches!(key, StudentKey::Email(_)) && is_somebody_else(step, found) =>
        {
            Party::Nobody(shared_address())
        }
        (Some((row, step)), _) => party_of_row(row, step, "student"),
        (None, [student]) => Party::Known(student.id),
        (None, []) => {
            let name = match key {
                StudentKey::Number(number) => format!("the number {number}"),
                StudentKey::Email(_) => "this address".to_owned(),
            };
            Party::Nobody(Obstacle::new(
                "student-not-found",
                format!("There is no student with {name}, and the files add none."),
            ))
        }
        (None, _) => Party::Nobody(shared_address()),
    }
}

/// Whether an address that the files give to one student belongs to others, too.
fn is_somebody_else(step: &RecordStep<Student>, found: &[Student]) -> bool {
    let own = match step {
        RecordStep::Change { id, .. } | RecordStep::Same(id) | RecordStep::Remove { id, .. } => Some(*id),
        RecordStep::Add(_) | RecordStep::LeftOut | RecordStep::Refused(_) => None,
    };
    found.iter().any(|student| Some(student.id) != own)
}

fn party_of_course(
    key: &CourseKey,
    rows: &HashMap<&str, usize>,
    courses: &[RecordStep<Course>],
    known: &Known,
) -> Party<Course> {
    for code in key.codes() {
        if let Some(row) = rows.get(code.as_str()) {
            return party_of_row(*row, &courses[*row], "course");
        }
        if let Some(course) = known.coded.get(&code) {
            return Party::Known(course.id);
        }
    }
    let code = key.codes().next().unwrap_or_default();
    let detail = format!("There is no course with the code {code}, and the files add none.");
    Party::Nobody(Obstacle::new("course-not-found", detail))
}

fn party_of_row<R: Record>(row: usize, step: &RecordStep<R>, what: &str) -> Party<R> {
    match step {
        RecordStep::Add(_) => Party::New(row),
        RecordStep::Change { id, .. } | RecordStep::Same(id) => Party::Known(*id),
        RecordStep::LeftOut => Party::Nobody(Obstacle::new(
            if what == "student" { "student-left-out" } else { "course-left-out" },
            format!("The files do not add the {what}, because it takes no part."),
        )),
        RecordStep::Remove { .. } => Party::Nobody(Obstacle::new(
            if what == "student" { "student-removed" } else { "course-removed" },
            format!("The files remove the {what}."),
        )),
        RecordStep::Refused(obstacle) => Party::Nobody(Obstacle::new(
            if what == "student" { "student-refused" } else { "course-refused" },
            format!("The row of the {what} is refused: {}", obstacle.detail),
        )),
    }
}

fn shared_address() -> Obstacle {
    Obstacle::new(
        "email-not-unique",
        "Several students have this address. Without a column of ids it is not known who is who.",
    )
}

/// The steps of the enrollments. Students who are removed and drops come first, so that their seats are free for others
/// of the same files. Also counts what ends with each removed student.
async fn enrollments(
    plan: &mut Plan,
    db: &Db,
    now: Stamp,
    caller: &Caller,
) -> Result<Vec<EnrollmentStep>, DbError> {
    let mut rehearsal = rehearsal(plan, db, now, caller).await?;
    let rows = &plan.reading.enrollments;
    let mut steps = vec![EnrollmentStep::NotThere; rows.len()];
    for wanted in [Wanted::NotEnrolled, Wanted::Enrolled] {
        for (step, row) in steps.iter_mut().zip(rows).filter(|(_, row)| row.wanted == wanted) {
            *step = match plan.pair(row) {
                Ok(pair) => decided(&mut rehearsal, wanted, pair),
                // Who is not there takes no course.
                Err(_) if wanted == Wanted::NotEnrolled => EnrollmentStep::NotThere,
                Err(obstacle) => EnrollmentStep::Refused(obstacle.clone()),
            };
        }
    }
    Ok(steps)
}

fn decided(rehearsal: &mut Rehearsal, wanted: Wanted, (student, course): Pair) -> EnrollmentStep {
    // What is there already needs no open registration.
    if wanted == Wanted::Enrolled && rehearsal.is_enrolled(student, course) {
        return EnrollmentStep::AlreadyEnrolled;
    }
    if wanted == Wanted::Enrolled && rehearsal.is_waiting(student, course) {
        return EnrollmentStep::AlreadyWaiting;
    }
    let refusal = match wanted {
        Wanted::Enrolled => match rehearsal.enroll(student, course) {
            Ok(Admission::Enrolled(_)) => return EnrollmentStep::Enroll,
            Ok(Admission::Waitlisted(place)) => return EnrollmentStep::Wait(place),
            Err(refusal) => refusal,
        },
        Wanted::NotEnrolled => match rehearsal.drop_course(student, course) {
            Ok(()) => return EnrollmentStep::Drop,
            Err(Refusal::EnrollmentNotFound { .. }) => return EnrollmentStep::NotThere,
            Err(refusal) => refusal,
        },
    };
    EnrollmentStep::Refused(Obstacle::new(refusal.reason(), refusal.to_string()))
}

/// The facts of all courses and students that the enrollments name.
async fn rehearsal(plan: &mut Plan, db: &Db, now: Stamp, caller: &Caller) -> Result<Rehearsal, DbError> {
    let mut rehearsal = Rehearsal::new(now, caller.clone());
    let pairs = || plan.reading.enrollments.iter().filter_map(|row| plan.pair(row).ok());
    let mut removed: HashMap<StudentId, usize> = HashMap::new();
    for step in &plan.students {
        if let RecordStep::Remove { id, .. } = step {
            removed.insert(*id, 0);
        }
    }
    let students: HashSet<StudentId> =
        pairs().map(|(student, _)| student).chain(removed.keys().copied()).collect();
    let courses: HashSet<CourseId> = pairs().map(|(_, course)| course).collect();
    let known_courses = ids(courses.iter().filter(|id| id.0 > 0));
    let mut limits = store::limits_of(db, &known_courses).await?;
    for id in &courses {
        let limits = limits.remove(id);
        let enrolled = if limits.is_some() { store::enrolled_in(db, *id).await? } else { 0 };
        if limits.is_some() {
            store::waitlist_of(db, *id).await?.into_iter().for_each(|waiting| rehearsal.add_waiting(waiting));
        }
        rehearsal.add_course(*id, limits, enrolled);
    }
    for id in &students {
        rehearsal.add_student(*id);
    }
    let known_students = ids(students.iter().filter(|id| id.0 > 0));
    let mut freed = Vec::new();
    let add = |enrollment: Enrollment| {
        let pair = (enrollment.student_id, enrollment.course_id);
        let ends = removed.get_mut(&pair.0).map(|ends| *ends += 1);
        if courses.contains(&pair.1) {
            freed.extend(ends.map(|()| pair));
            rehearsal.add_enrollment(&enrollment);
        }
    };
    store::enrollments_of(db, &known_students, add).await?;
    for waiting in store::waiting_of(db, &known_students).await? {
        let pair = (waiting.student_id, waiting.course_id);
        let ends = removed.get_mut(&pair.0).map(|ends| *ends += 1);
        if courses.contains(&pair.1) {
            freed.extend(ends.map(|()| pair));
            rehearsal.add_waiting(waiting);
        }
    }
    // Places on waitlists first, so that nobody who is removed moves up.
    freed.sort_by_key(|pair| !rehearsal.is_waiting(pair.0, pair.1));
    for (student, course) in freed {
        let gone = rehearsal.drop_course(student, course);
        debug_assert!(gone.is_ok(), "it is there: {gone:?}");
    }
    for step in &mut plan.students {
        if let RecordStep::Remove { id, ends, .. } = step {
            *ends = removed.get(id).copied().unwrap_or_default();
        }
    }
    Ok(rehearsal)
}
