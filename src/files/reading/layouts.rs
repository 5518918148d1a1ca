//! The headings of each kind of file, in all formats.

use super::meaning::Meaning;
use super::report::{FileKind, Format};

/// The meanings of a kind of file, each with its headings. A file may have headings of several groups: that of the first
/// group counts, and those of the others do not.
pub(super) type Table = &'static [(Meaning, &'static [&'static [&'static str]])];

const STATUS: &[&[&str]] =
    &[&["status", "enrollmentstatus", "enrolmentstatus", "studentstatus", "coursestatus", "state"]];
const MODIFIED: &[&[&str]] = &[&["datelastmodified", "lastmodified", "modified"]];
const ROLE: &[&[&str]] = &[&["role", "usertype", "userrole"]];
const EMAIL: &[&[&str]] = &[
    &["email", "emailaddress", "mail", "mailaddress"],
    &["studentemail", "studentemailaddress", "schoolemail", "useremail"],
];
/// Also Moodle's `cohort1`, `cohort2`, ...: a person may be in several.
const GROUPS: &[&[&str]] = &[&[
    "groups",
    "group",
    "groupname",
    "groupnames",
    "studentgroup",
    "studentgroups",
    "cohort",
    "cohorts",
    "cohortname",
]];

const PEOPLE: Table = &[
    (
        Meaning::Number,
        &[
            &["userid", "sourcedid"],
            &["studentid", "studentids"],
            &["studentnumber", "studentno", "studentnum", "studentnr"],
            &["idnumber", "sisid", "sisuserid", "externalid", "personid", "number", "matriculationnumber"],
            &["id"],
            &["username", "login", "loginid"],
        ],
    ),
    (Meaning::IntegrationId, &[&["integrationid"]]),
    (Meaning::FirstName, &[&["firstname", "givenname", "forename", "first", "given"]]),
    (Meaning::LastName, &[&["lastname", "familyname", "surname", "last", "family"]]),
    (Meaning::Name, &[&["name", "fullname", "studentname", "displayname", "student"]]),
    (Meaning::ShortName, &[&["shortname"]]),
    (
        Meaning::SortableName,
        &[&[
            "sortablename",
            "lastfirst",
            "lastnamefirstname",
            "lastnamefirst",
            "namelastfirst",
            "studentlastfirst",
        ]],
    ),
    (Meaning::Email, EMAIL),
    (Meaning::Groups, GROUPS),
    (Meaning::Role, ROLE),
    (Meaning::Status, STATUS),
    (Meaning::EnrollStatus, &[&["enrollstatus"]]),
    (Meaning::Enabled, &[&["enableduser", "enabled", "active", "isactive"]]),
    (Meaning::Deleted, &[&["deleted", "isdeleted"]]),
    (Meaning::Suspended, &[&["suspended", "issuspended"]]),
    (Meaning::Modified, MODIFIED),
];

const COURSES: Table = &[
    (
        Meaning::Code,
        &[
            &["courseid", "sourcedid"],
            &["coursecode", "code"],
            &["coursenumber", "courseno", "courseidnumber"],
            &["number", "idnumber"],
            &["id"],
        ],
    ),
    (Meaning::Name, &[&["longname", "fullname", "title", "name", "coursename", "coursetitle", "course"]]),
    (Meaning::ShortName, &[&["shortname"]]),
    (Meaning::Level, &[&["level", "courselevel", "gradelevel", "yearlevel"], &["grades", "grade"]]),
    (Meaning::Status, STATUS),
    (Meaning::Modified, MODIFIED),
];

const SECTIONS: Table = &[
    (Meaning::Section, &[&["sectionid"]]),
    (Meaning::Code, &[&["courseid"]]),
    (Meaning::Name, &[&["name", "sectionname"]]),
    (Meaning::Status, STATUS),
];

const CROSS_LISTINGS: Table = &[
    (Meaning::Section, &[&["sectionid"]]),
    (Meaning::Code, &[&["xlistcourseid"]]),
    (Meaning::Status, STATUS),
];

const CLEVER_SECTIONS: Table = &[
    (Meaning::School, &[&["schoolid"]]),
    (Meaning::Section, &[&["sectionid"]]),
    (Meaning::Name, &[&["name", "sectionname"]]),
    (Meaning::CourseName, &[&["coursename"]]),
    (Meaning::Level, &[&["grade", "grades"]]),
    (Meaning::Status, STATUS),
];

const ONEROSTER_CLASSES: Table = &[
    (Meaning::Section, &[&["sourcedid"]]),
    (Meaning::Code, &[&["coursesourcedid"]]),
    (Meaning::Name, &[&["title"]]),
    (Meaning::Level, &[&["grades"]]),
    (Meaning::Status, STATUS),
    (Meaning::Modified, MODIFIED),
];

const ENROLLMENTS: Table = &[
    (
        Meaning::Number,
        &[
            &["userid", "usersourcedid"],
            &["studentid", "studentids"],
            &["studentnumber", "studentno", "studentnum", "studentnr"],
            &["idnumber", "sisid", "sisuserid", "externalid", "personid", "studentcode"],
            &["username", "login", "loginid", "student"],
        ],
    ),
    (Meaning::IntegrationId, &[&["userintegrationid"]]),
    (Meaning::Email, EMAIL),
    (
        Meaning::Code,
        &[&["courseid"], &["coursecode", "course", "code"], &["coursenumber", "courseno", "courseidnumber"]],
    ),
    (Meaning::Section, &[&["sectionid", "classsourcedid", "classid"], &["section", "sectionnumber"]]),
    (Meaning::School, &[&["schoolid"]]),
    (Meaning::Role, ROLE),
    (Meaning::Status, STATUS),
    (Meaning::Deleted, &[&["deleted", "isdeleted"]]),
    (Meaning::Modified, MODIFIED),
];

const ROLES: Table =
    &[(Meaning::Number, &[&["usersourcedid"]]), (Meaning::Role, &[&["role"]]), (Meaning::Status, STATUS)];

/// The headings of a kind of file.
pub(super) fn table(format: Format, kind: FileKind) -> Table {
    match (kind, format) {
        (FileKind::People, _) => PEOPLE,
        (FileKind::Courses, _) => COURSES,
        (FileKind::Sections, Format::Clever) => CLEVER_SECTIONS,
        (FileKind::Sections, Format::OneRoster) => ONEROSTER_CLASSES,
        (FileKind::Sections, _) => SECTIONS,
        (FileKind::CrossListings, _) => CROSS_LISTINGS,
        (FileKind::Enrollments, _) => ENROLLMENTS,
        (FileKind::Roles, _) => ROLES,
        (FileKind::Manifest | FileKind::Other, _) => &[],
    }
}

/// Whether some kind of file has this heading.
pub(super) fn is_known(key: &str) -> bool {
    let tables = [PEOPLE, COURSES, SECTIONS, CLEVER_SECTIONS, ONEROSTER_CLASSES, ENROLLMENTS, ROLES];
    let mut headings = tables.into_iter().flatten().flat_map(|(_, groups)| groups.iter().copied().flatten());
    headings.any(|heading| *heading == key) || OTHERS.contains(&key)
}

/// Headings of files that are known, but not read.
const OTHERS: &[&str] = &[
    "propertyname",
    "value",
    "termid",
    "accountid",
    "parentaccountid",
    "teacherid",
    "staffid",
    "schoolname",
    "startdate",
    "enddate",
    "type",
    "schoolsourcedid",
    "termsourcedids",
    "course1",
    "role1",
];
