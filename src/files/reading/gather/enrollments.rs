//! Enrollments: one row for each student and course.

use std::collections::HashMap;

use super::sections::Sections;
use super::settle::{report, settle as settle_rows};
use crate::files::reading::drafts::Drafts;
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::Reading;
use crate::files::reading::rows::EnrollmentRow;
use crate::priority::pause_if_due;

/// Finds the students of the enrollments that name them by integration ids.
pub(super) fn find_students(drafts: &mut Drafts) {
    if drafts.by_integration_id.is_empty() {
        return;
    }
    for draft in std::mem::take(&mut drafts.by_integration_id) {
        match drafts.integration_ids.get(&draft.student.text) {
            Some(found) if !found.is_shared => {
                let student = found.student;
                drafts.enrollments.push(draft.of(student));
            }
            Some(_) => drafts.refuse(draft.origin, draft.student.column, Reason::IntegrationIdShared),
            None => drafts.refuse(draft.origin, draft.student.column, Reason::IntegrationIdUnknown),
        }
    }
    drafts.enrollments.sort_by_key(|draft| draft.origin);
}

/// Settles the enrollments of the reading. The drafts stay: they say who is a student.
pub(super) fn settle(drafts: &mut Drafts, sections: &Sections<'_>, reading: &mut Reading) {
    let mut courses = HashMap::new();
    let mut wrong = Vec::new();
    let mut rows = Vec::with_capacity(drafts.enrollments.len());
    for draft in &drafts.enrollments {
        pause_if_due();
        let format = reading.files[draft.origin.file as usize].format;
        let place = (draft.course, draft.section, draft.section_is_course, draft.wanted, format);
        let course = courses.entry(place).or_insert_with(|| {
            let key = sections.course_of(draft, format, drafts);
            key.map(|key| reading.course_keys.add(key))
        });
        match course {
            Ok(course) => {
                let (origin, student, wanted) = (draft.origin, draft.student, draft.wanted);
                rows.push((EnrollmentRow { origin, student, course: *course, wanted }, draft.modified));
            }
            Err(reason) => wrong.push((draft.origin, reason.clone())),
        }
    }
    let others = drafts.other_rows.iter().filter_map(|draft| {
        let format = reading.files[draft.origin.file as usize].format;
        let key = sections.course_of(draft, format, drafts).ok()?;
        Some((draft.student, reading.course_keys.add(key)))
    });
    reading.other_pairs = others.collect();
    for (origin, reason) in wrong {
        drafts.refuse(origin, None, reason);
    }
    let settled = settle_rows(
        &mut rows,
        |(row, _)| (row.student, row.course),
        |(row, modified)| (row.origin, *modified),
        |(one, _), (two, _)| one.wanted == two.wanted,
    );
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "student and course"));
    // Not collected in place, which would keep the memory of the times.
    reading.enrollments = Vec::with_capacity(rows.len());
    reading.enrollments.extend(rows.into_iter().map(|(row, _)| row));
}
