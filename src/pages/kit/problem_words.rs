//! Kinds of problems in the words of people who use the pages. Their other texts are for programs.

use crate::http::problem::Kind;

/// Names of kinds, and what they mean for a person and what to do about it.
const WORDS: &[(&[&str], &str)] = &[
    (
        &[
            "malformed-json",
            "malformed-request",
            "unsupported-media-type",
            "not-acceptable",
            "method-not-allowed",
            "request-head-too-large",
        ],
        "A program or a browser sent something that this server cannot read. On these pages it should not happen: go back, load the page again, and try once more.",
    ),
    (
        &["invalid-request"],
        "Something in the form or in the address is missing, or is not what the field takes. Go back, correct it, and send it again.",
    ),
    (&["unauthorized"], "This page is only for people who have signed in. Sign in, and you get back to it."),
    (
        &["forbidden"],
        "You may not see or do this. If you need it for your work, ask an administrator of this school for the right.",
    ),
    (
        &["not-found"],
        "There is no page at this address. It may be mistyped, or what was here may have been deleted.",
    ),
    (
        &["idempotency-answer-not-kept", "idempotency-key-in-use", "idempotency-key-reused"],
        "The same form was sent more than once, so it was not carried out again. Load the page again to see how things stand now.",
    ),
    (
        &["payload-too-large"],
        "What you sent is too large. A file may have up to 32 MiB; split a larger one into several.",
    ),
    (&["uri-too-long"], "The address is too long. Search for a shorter text."),
    (
        &["rate-limited"],
        "A lot comes from your computer or your network at once. Wait a moment, then try again.",
    ),
    (
        &["internal"],
        "Something went wrong on the server, and it is not your fault. Try again; if it stays, tell your administrator the number of the request on the page.",
    ),
    (
        &["read-only-server"],
        "You see a copy of the school that can only be read, so nothing was changed. Open the school at its main address, and do it there.",
    ),
    (
        &["not-caught-up"],
        "This copy of the school is a moment behind the latest changes. Wait a few seconds, then load the page again.",
    ),
    (&["overloaded"], "The server has too much to do just now. Wait a few seconds, then try again."),
    (
        &["student-not-found"],
        "This student is not here. They may have been deleted since you opened the page or saved the link.",
    ),
    (
        &["course-not-found"],
        "This course is not here. It may have been deleted since you opened the page or saved the link.",
    ),
    (
        &["enrollment-not-found"],
        "The student is not in this course. Somebody may have dropped them since you opened the page.",
    ),
    (&["already-enrolled"], "The student has a seat in this course already. There is nothing more to do."),
    (
        &["already-waitlisted"],
        "The student is on the waitlist of this course already and keeps the place. When a seat becomes free, the next one in line gets it.",
    ),
    (
        &["course-full"],
        "All seats of this course are taken, and it has no waitlist. Choose another course, or ask the office: staff can add seats, or enroll a student anyway with a reason.",
    ),
    (
        &["waitlist-full"],
        "All seats and all places on the waitlist of this course are taken. Choose another course, or ask the office: staff can add places, or enroll a student anyway with a reason.",
    ),
    (
        &["registration-not-open"],
        "Registration for this course has not opened yet. The page of the course says when it opens.",
    ),
    (
        &["registration-closed"],
        "Registration for this course is over. Staff can still enroll a student, with a reason.",
    ),
    (
        &["student-on-hold"],
        "The student has a hold, for the reason that the message gives, and cannot enroll until it is released. Staff can still enroll the student anyway, with a reason.",
    ),
    (
        &["course-limit-reached"],
        "The student has as many courses and places in line as they may have. One can be dropped or swapped for another. Staff can still enroll the student anyway, with a reason.",
    ),
    (&["hold-not-found"], "This hold is not here any more: somebody has released it."),
    (&["group-not-found"], "There is no such group. It may have been deleted since you opened the page."),
    (&["not-in-group"], "The student is not in this group any more."),
    (
        &["drop-deadline-passed"],
        "It is too late for students to drop this course. Staff can still drop them, with a reason.",
    ),
    (
        &["nothing-to-restore"],
        "The student has not lost anything in this course that could be given back, or has it again already.",
    ),
    (
        &["override-needs-reason"],
        "Enrolling or dropping a student against the rules of a course needs a reason. Write a few words; they stay in the history.",
    ),
    (
        &["has-enrollments"],
        "There are still students in the course, or courses that the student takes. The page that asks before it deletes says how many will be dropped.",
    ),
    (
        &["number-taken"],
        "Another student has this number already, or another course this code. Each belongs to one only.",
    ),
    (
        &["plan-changed"],
        "Something has changed since the preview was made, so nothing was done. Make a new preview: for an import, upload the file again.",
    ),
    (
        &["seat-change-not-found"],
        "This change of seats is not here. Changes are kept for 30 days, and for a day if nothing was done with them.",
    ),
    (
        &["seat-change-state"],
        "This change of seats has been made or undone already. Open it to see how it stands.",
    ),
    (
        &["import-not-found"],
        "This import is not here any more. Imports are kept for 30 days, and previews that nobody used for a day.",
    ),
    (
        &["files-refused"],
        "A file could not be read as a table, is damaged, or contradicts itself. The page names each file with the reason; nothing was changed.",
    ),
    (&["import-state"], "This import has been carried out or undone already. Open it to see how it stands."),
    (
        &["import-would-remove"],
        "The file would remove many records. Look at them first, then confirm their number.",
    ),
    (
        &["row-refused"],
        "The tables of this school belong to another program, too, and its rules do not allow this change. The message names the rule; the people who run that program know more.",
    ),
    (
        &["read-only-field"],
        "This field is filled by another program of your school and can be changed only there.",
    ),
    (&["token-not-found"], "This token is not here any more: somebody has revoked it."),
    (&["account-not-found"], "This account is not here."),
    (
        &["not-an-instructor"],
        "Only somebody whose account has the role instructor, and is not disabled, can teach a course.",
    ),
    (&["instructor-not-found"], "This person does not teach the course any more."),
    (
        &["first-not-admin"],
        "The first account closes the school for everybody else, so it has to be one that can create others: an administrator.",
    ),
    (
        &["role-conflict"],
        "The account of a student stays the account of that student. Disable it, and create another one for the new role.",
    ),
    (
        &["link-ended"],
        "A link to set a password works once, and for a day. Ask an administrator for a new one.",
    ),
    (
        &["provider-unavailable"],
        "Your school signs people in at another site, which does not answer just now. Try again later, or sign in with a password if you have one.",
    ),
    (
        &["sign-on-failed"],
        "The other site did not say who you are, or you came back in another browser. Begin again on the page to sign in.",
    ),
    (
        &["no-account"],
        "You have signed in at the other site, but there is no account here that is yours. Tell the registrar’s office what the page says.",
    ),
    (
        &["address-taken"],
        "Somebody else signs in with this address already. Each account needs an address of its own.",
    ),
    (
        &["no-password"],
        "This person signs in at another site and has no password here. An administrator can give out a link to set one.",
    ),
    (
        &["last-admin"],
        "This is the only administrator who can sign in. Make somebody else an administrator first.",
    ),
    (&["stale"], "Somebody else has changed this since you opened the page. Look at it again, then decide."),
];

/// What a kind of problem means for a person, and what to do about it. `None` for a kind without words of its own.
#[must_use]
pub(in crate::pages) fn for_people(kind: &Kind) -> Option<&'static str> {
    WORDS.iter().find(|(slugs, _)| slugs.contains(&kind.slug)).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::for_people;
    use crate::problems;

    #[test]
    fn every_problem_is_explained_to_people_without_words_of_programs() {
        for kind in problems::all() {
            let words = for_people(kind).unwrap_or_else(|| panic!("{} has no words for people", kind.slug));
            for word in ["`", "_", "HTTP", "JSON", "API"] {
                assert!(!words.contains(word), "{}: {words}", kind.slug);
            }
        }
    }
}
