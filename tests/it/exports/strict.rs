//! A strict reader of OneRoster CSV 1.2: it accepts only files that the standard allows.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// The headings of the files that have rows here, with the columns that must have a value in upper case.
const HEADINGS: [(&str, &str); 7] = [
    (
        "academicSessions",
        "SOURCEDID,status,dateLastModified,TITLE,TYPE,STARTDATE,ENDDATE,parentSourcedId,SCHOOLYEAR",
    ),
    ("orgs", "SOURCEDID,status,dateLastModified,NAME,TYPE,identifier,parentSourcedId"),
    (
        "courses",
        "SOURCEDID,status,dateLastModified,schoolYearSourcedId,TITLE,courseCode,grades,ORGSOURCEDID,subjects,subjectCodes",
    ),
    (
        "classes",
        "SOURCEDID,status,dateLastModified,TITLE,grades,COURSESOURCEDID,classCode,CLASSTYPE,location,SCHOOLSOURCEDID,TERMSOURCEDIDS,subjects,subjectCodes,periods",
    ),
    (
        "users",
        "SOURCEDID,status,dateLastModified,ENABLEDUSER,USERNAME,userIds,GIVENNAME,FAMILYNAME,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns",
    ),
    (
        "roles",
        "SOURCEDID,status,dateLastModified,USERSOURCEDID,ROLETYPE,ROLE,beginDate,endDate,ORGSOURCEDID,userProfileSourcedId",
    ),
    (
        "enrollments",
        "SOURCEDID,status,dateLastModified,CLASSSOURCEDID,SCHOOLSOURCEDID,USERSOURCEDID,ROLE,primary,beginDate,endDate",
    ),
];

const ALL: &str = "academicSessions categories classes classResources courses courseResources demographics enrollments \
    lineItemLearningObjectiveIds lineItems lineItemScoreScales orgs resources resultLearningObjectiveIds results \
    resultScoreScales roles scoreScales userProfiles userResources users";

/// Columns that name a row of another file.
const REFERENCES: [(&str, &str); 10] = [
    ("parentSourcedId", "academicSessions"),
    ("schoolYearSourcedId", "academicSessions"),
    ("termSourcedIds", "academicSessions"),
    ("orgSourcedId", "orgs"),
    ("schoolSourcedId", "orgs"),
    ("primaryOrgSourcedId", "orgs"),
    ("courseSourcedId", "courses"),
    ("classSourcedId", "classes"),
    ("userSourcedId", "users"),
    ("agentSourcedIds", "users"),
];

/// Columns that have one of a few words.
const WORDS: [(&str, &str, &str); 7] = [
    ("academicSessions", "type", "gradingPeriod semester schoolYear term"),
    ("orgs", "type", "department school district local state national"),
    ("classes", "classType", "homeroom scheduled"),
    ("users", "enabledUser", "true false"),
    ("roles", "roleType", "primary secondary"),
    ("roles", "role", "student teacher guardian administrator"),
    ("enrollments", "role", "administrator proctor student teacher"),
];

type Row = BTreeMap<String, String>;

/// A set of files that a strict reader accepts.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) files: BTreeMap<String, Vec<Row>>,
}

/// Reads the files of an archive.
///
/// # Errors
/// The first thing that is not allowed.
pub(super) fn read(archive: &[(String, String)]) -> Result<Accepted, String> {
    let texts: BTreeMap<_, _> = archive.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    if texts.len() != archive.len() {
        return Err("two files have the same name".to_owned());
    }
    let present = manifest(texts.get("manifest.csv").ok_or("there is no manifest")?)?;
    let expected: BTreeSet<_> = present.iter().map(|name| format!("{name}.csv")).collect();
    let found: BTreeSet<_> =
        texts.keys().filter(|name| **name != "manifest.csv").map(|name| (*name).to_owned()).collect();
    if expected != found {
        return Err(format!("the manifest has {expected:?}, the archive {found:?}"));
    }
    let mut files = BTreeMap::new();
    for name in &present {
        let rows = rows(name, texts[format!("{name}.csv").as_str()])?;
        files.insert(name.clone(), rows);
    }
    references(&files)?;
    Ok(Accepted { files })
}

/// The files that the manifest says are there.
fn manifest(text: &str) -> Result<Vec<String>, String> {
    let lines = cells(text)?;
    if lines[0] != ["propertyName", "value"] {
        return Err(format!("the heading of the manifest is {:?}", lines[0]));
    }
    let values: BTreeMap<_, _> = lines[1..].iter().map(|line| (line[0].as_str(), line[1].as_str())).collect();
    if values.len() != lines.len() - 1 {
        return Err("the manifest has a row twice".to_owned());
    }
    for (name, value) in [("manifest.version", "1.0"), ("oneroster.version", "1.2")] {
        if values.get(name) != Some(&value) {
            return Err(format!("{name} is {:?}", values.get(name)));
        }
    }
    let mut present = Vec::new();
    for name in ALL.split_whitespace() {
        match values.get(format!("file.{name}").as_str()) {
            Some(&"bulk") => present.push(name.to_owned()),
            Some(&"absent") => {}
            other => return Err(format!("the manifest says {other:?} of {name}")),
        }
    }
    Ok(present)
}

fn rows(name: &str, text: &str) -> Result<Vec<Row>, String> {
    let wrong = |what: &str| Err(format!("{name}: {what}"));
    let lines = cells(text)?;
    let Some((_, expected)) = HEADINGS.iter().find(|(known, _)| *known == name) else {
        return wrong("nobody knows this file");
    };
    let expected: Vec<_> = expected.split(',').collect();
    let (heading, lines) = lines.split_first().ok_or("a file is empty")?;
    if heading.len() != expected.len()
        || heading.iter().zip(&expected).any(|(one, two)| !one.eq_ignore_ascii_case(two))
    {
        return wrong(&format!("the heading is {heading:?}"));
    }
    // The case of the headings counts; here it stands for what is required.
    let in_case = Regex::new("^[a-z]+([A-Z][a-z]+)*$").unwrap();
    if let Some(other) = heading.iter().find(|heading| !in_case.is_match(heading)) {
        return wrong(&format!("{other} is not written as in the standard"));
    }
    if lines.is_empty() {
        return wrong("there are no rows");
    }
    let id = Regex::new("^[0-9A-Za-z._/@-]{1,255}$").unwrap();
    let date = Regex::new("^[0-9]{4}-[0-9]{2}-[0-9]{2}$").unwrap();
    let mut ids = BTreeSet::new();
    let mut rows = Vec::new();
    for line in lines {
        if line.len() != heading.len() {
            return wrong(&format!("{} cells and {} headings", line.len(), heading.len()));
        }
        let row: Row = heading.iter().cloned().zip(line.iter().cloned()).collect();
        for (place, column) in heading.iter().enumerate() {
            let value = &line[place];
            let is_required = expected[place].chars().all(|letter| letter.is_ascii_uppercase());
            let fault = || wrong(&format!("{column} is {value:?}"));
            if is_required && value.trim().is_empty() || value.contains(['\r', '\n']) {
                return fault();
            }
            let is_blank = value.is_empty();
            if ["status", "dateLastModified"].contains(&column.as_str()) && !is_blank {
                return fault();
            }
            if column.to_lowercase().ends_with("sourcedid") && !is_blank && !id.is_match(value) {
                return fault();
            }
            if column.ends_with("Date") && !is_blank && !date.is_match(value) {
                return fault();
            }
            let words = WORDS.iter().find(|(file, known, _)| *file == name && known == column);
            if words.is_some_and(|(_, _, words)| !words.split(' ').any(|word| word == value)) {
                return fault();
            }
        }
        if !ids.insert(row["sourcedId"].clone()) {
            return wrong(&format!("{} is there twice", row["sourcedId"]));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn references(files: &BTreeMap<String, Vec<Row>>) -> Result<(), String> {
    let ids = |file: &str| -> BTreeSet<&str> {
        files.get(file).into_iter().flatten().map(|row| row["sourcedId"].as_str()).collect()
    };
    for (column, target) in REFERENCES {
        let known = ids(target);
        for (file, rows) in files {
            for row in rows {
                let named = row.get(column).into_iter().flat_map(|ids| ids.split(','));
                if let Some(missing) = named.filter(|id| !id.is_empty()).find(|id| !known.contains(id)) {
                    return Err(format!("{file}: {column} names {missing}, which is not in {target}"));
                }
            }
        }
    }
    Ok(())
}

/// The cells of a file as RFC 4180 has them.
fn cells(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut lines = Vec::new();
    let (mut line, mut cell, mut rest) = (Vec::new(), String::new(), text);
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let (part, after) = rest.split_once('"').ok_or("a quote is not closed")?;
                cell.push_str(part);
                if let Some(after) = after.strip_prefix('"') {
                    cell.push('"');
                    rest = after;
                } else {
                    rest = after;
                    break;
                }
            }
        } else {
            let end = rest.find([',', '\r', '\n', '"']).unwrap_or(rest.len());
            cell.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        line.push(std::mem::take(&mut cell));
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
            if rest.starts_with("\r\n") {
                line.push(String::new());
            }
        } else if !rest.starts_with("\r\n") {
            return Err(format!("a cell ends before {:?}", rest.chars().next()));
        }
        if let Some(after) = rest.strip_prefix("\r\n") {
            rest = after;
            lines.push(std::mem::take(&mut line));
        }
    }
    if line.is_empty() { Ok(lines) } else { Err("the last line has no end".to_owned()) }
}
