//! Whose format a file has, and what its rows are, from its heading.

use super::headings::Headings;
use super::report::{FileKind, Format};

/// Recognizes a file of one of the standards; a list that somebody made is none.
pub(super) fn standard(headings: &Headings) -> Option<(Format, FileKind)> {
    if headings.0.len() == 2 && headings.has("propertyname") && headings.has("value") {
        return Some((Format::OneRoster, FileKind::Manifest));
    }
    one_roster(headings)
        .or_else(|| moodle(headings))
        .or_else(|| clever(headings))
        .or_else(|| canvas(headings))
}

/// Whether the file comes from PowerSchool, which names neither its files nor their kinds.
pub(super) fn is_from_power_school(headings: &Headings) -> bool {
    headings.has("enrollstatus") || headings.0.iter().any(|heading| heading.has_table)
}

/// Whether the columns are those of students in a list that somebody made, perhaps with ids of other systems.
fn has_students(headings: &Headings) -> bool {
    let has = |key: &&str| headings.has(key);
    let named = ["email", "emailaddress", "studentemail", "firstname", "lastname", "studentname"];
    named.iter().any(has) || ["studentid", "studentnumber"].iter().any(has) && headings.has("name")
}

fn one_roster(headings: &Headings) -> Option<(Format, FileKind)> {
    let has = |keys: &[&str]| keys.iter().all(|key| headings.has(key));
    if !has(&["sourcedid"]) {
        return None;
    }
    let kind = if has(&["classsourcedid", "usersourcedid", "role"]) {
        FileKind::Enrollments
    } else if has(&["usersourcedid", "role"]) {
        FileKind::Roles
    } else if has(&["coursesourcedid", "title", "schoolsourcedid"]) {
        FileKind::Sections
    } else if has(&["familyname"]) {
        FileKind::People
    } else if has(&["title", "coursecode"]) {
        FileKind::Courses
    } else if has_students(headings) {
        return None;
    } else {
        FileKind::Other
    };
    Some((Format::OneRoster, kind))
}

fn moodle(headings: &Headings) -> Option<(Format, FileKind)> {
    (headings.has("course1")).then_some((Format::MoodleUsers, FileKind::People))
}

fn clever(headings: &Headings) -> Option<(Format, FileKind)> {
    let has = |key| headings.has(key);
    if !has("schoolid") || has("enrollstatus") || headings.0.iter().any(|heading| heading.has_table) {
        return None;
    }
    let kind = if has("sectionid") && has("studentid") {
        FileKind::Enrollments
    } else if has("sectionid") {
        FileKind::Sections
    } else if has("studentid") {
        FileKind::People
    } else if ["teacherid", "staffid", "schoolname"].into_iter().any(has)
        && !["code", "coursecode", "courseid"].into_iter().any(has)
    {
        FileKind::Other
    } else {
        return None;
    };
    Some((Format::Clever, kind))
}

/// Headings of files of Canvas that are not read, whatever else they have.
const OTHERS: [&str; 7] = [
    "changesistype",
    "existingcanvasuserid",
    "existingintegrationid",
    "existinguserid",
    "groupcategoryid",
    "oldintegrationid",
    "parentaccountid",
];
/// The same, unless the rows are of students: lists that people make have such columns too.
const OTHERS_WITHOUT_STUDENTS: [&str; 6] = ["adminid", "groupid", "observerid", "oldid", "tagid", "tagsetid"];

fn canvas(headings: &Headings) -> Option<(Format, FileKind)> {
    let has = |key| headings.has(key);
    let has_any = |keys: &[&'static str]| keys.iter().copied().any(has);
    if has_any(&OTHERS) || has("abstractcourseid") && !has("courseid") {
        return Some((Format::Canvas, FileKind::Other));
    }
    let has_user = has_any(&["userid", "userintegrationid"]);
    let has_course = has_any(&["courseid", "sectionid"]);
    let is_of_admins = has_user && has("accountid") && has_any(&["role", "roleid"]) && !has_course;
    let is_of_terms = has("termid") && has("name") && !has("courseid");
    let kind = if has_any(&OTHERS_WITHOUT_STUDENTS) || is_of_terms || is_of_admins && !has("loginid") {
        if has_students(headings) {
            return None;
        }
        FileKind::Other
    } else if has("xlistcourseid") && has("sectionid") {
        FileKind::CrossListings
    } else if has_user && has_course && has_any(&["role", "roleid", "status"]) {
        FileKind::Enrollments
    } else if has("userid") && has_any(&["loginid", "status"]) {
        FileKind::People
    } else if has("sectionid") && has("courseid") && has("name") && !has_students(headings) {
        FileKind::Sections
    } else if has("courseid") && has("shortname") {
        FileKind::Courses
    } else {
        return None;
    };
    Some((Format::Canvas, kind))
}
