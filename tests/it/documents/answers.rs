//! Compares the answer that a document prints with the answer of a command, and writes the latter for the document.

use std::collections::BTreeSet;
use std::fmt::Write;

use regex::Regex;
use serde_json::Value;

use super::Block;

/// A document shows these for any time and any request id.
const EXAMPLE_TIME: &str = "2026-09-01T08:00:00.000Z";
const EXAMPLE_REQUEST: &str = "5f0c1d2e3a4b5c6d-1";
/// A document shows this for the link with which somebody sets a password.
const EXAMPLE_LINK: &str = "/set-password/J3vVx0bVq1cPzQe7mW2sT8hYk4nRuLd5aGf6iOjE9Xw";
/// A document shows this for an entity tag that it has not shown before.
const EXAMPLE_TAG: &str = "7be46a6fd9b1c2ad0f8e51c6b3927d44";
/// The most characters that JSON may have on one line.
const WIDTH: usize = 110;

/// Times, request ids, entity tags and links with secrets, which differ on every run.
struct Varying {
    link: Regex,
    time: Regex,
    request: Regex,
    tag: Regex,
}

impl Varying {
    fn new() -> Self {
        Self {
            link: Regex::new(r"/set-password/[\w-]{20,}").unwrap(),
            time: Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").unwrap(),
            request: Regex::new(r"\b[0-9a-f]{16}-[0-9a-f]+\b").unwrap(),
            tag: Regex::new(r"\b[0-9a-f]{32}(?:[0-9a-f]{16})?\b").unwrap(),
        }
    }

    fn masked(&self, text: &str) -> String {
        let text = self.link.replace_all(text, "/set-password/<secret>");
        let text = self.time.replace_all(&text, "<time>");
        let text = self.tag.replace_all(&text, "<tag>");
        self.request.replace_all(&text, "<request id>").into_owned()
    }

    /// Keeps the times and the tag that were printed before; other ones and request ids become examples.
    fn with_example_times(&self, text: &str, printed: &str) -> String {
        let keep = |found: &regex::Captures<'_>| {
            if printed.contains(&found[0]) { found[0].to_owned() } else { EXAMPLE_TIME.to_owned() }
        };
        let text = self.link.replace_all(text, EXAMPLE_LINK);
        let text = self.time.replace_all(&text, keep);
        let tag = self.tag.find(printed).map_or(EXAMPLE_TAG, |found| found.as_str());
        let text = self.tag.replace_all(&text, tag);
        self.request.replace_all(&text, EXAMPLE_REQUEST).into_owned()
    }
}

/// Compares the block with the answer. The error is the difference.
pub(super) fn compare(printed: &Block, actual: &str) -> Result<(), String> {
    let varying = Varying::new();
    let (printed_text, actual) = (varying.masked(&printed.text), varying.masked(&actual.replace('\r', "")));
    if printed.language != "http" {
        return same(&printed_text, &actual, printed.language == "json");
    }
    let (printed_head, printed_body) = parts(&printed_text);
    let (actual_head, actual_body) = parts(&actual);
    same(printed_head.trim_end(), &shown(actual_head, printed_head), false)?;
    same(printed_body, actual_body, actual_head.contains("json"))
}

/// The answer as the block would print it.
pub(super) fn rewritten(printed: &Block, actual: &str) -> String {
    let actual = Varying::new().with_example_times(&actual.replace('\r', ""), &printed.text);
    let text = match printed.language.as_str() {
        "json" => pretty(&actual),
        "http" => {
            let (printed_head, _) = parts(&printed.text);
            let (head, body) = parts(&actual);
            let body = if head.contains("json") { pretty(body) } else { body.to_owned() };
            format!("{}\n\n{body}", shown(head, printed_head))
        }
        _ => actual,
    };
    format!("{}\n", text.trim_end())
}

fn parts(answer: &str) -> (&str, &str) {
    answer.split_once("\n\n").unwrap_or((answer, ""))
}

/// The status of an answer and those of its headers that the document prints, in the order of the answer.
fn shown(actual: &str, printed: &str) -> String {
    let names: BTreeSet<&str> = printed.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
    let is_shown = |line: &&str| line.starts_with("HTTP/") || names.contains(line.split(':').next().unwrap());
    actual.lines().filter(is_shown).map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn same(printed: &str, actual: &str, json: bool) -> Result<(), String> {
    let (mut printed, mut actual) = (printed.trim().to_owned(), actual.trim().to_owned());
    // Normalized, so that white space makes no difference; the order of members does.
    if json {
        (printed, actual) = (one_value_per_line(&printed), one_value_per_line(&actual));
    }
    if printed == actual {
        return Ok(());
    }
    let (mut before, mut after) = (printed.lines(), actual.lines());
    let mut difference = String::new();
    loop {
        match (before.next(), after.next()) {
            (None, None) => return Err(difference),
            (Some(a), Some(b)) if a == b => difference.extend(["  ", a, "\n"]),
            (a, b) => {
                difference.extend(a.into_iter().flat_map(|a| ["- ", a, "\n"]));
                difference.extend(b.into_iter().flat_map(|b| ["+ ", b, "\n"]));
            }
        }
    }
}

/// JSON without the white space between its values, broken after each comma and bracket.
fn one_value_per_line(text: &str) -> String {
    let (mut lines, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in text.chars().filter(|letter| *letter != '\n') {
        if !quoted && letter == ' ' {
            continue;
        }
        lines.push(letter);
        if !quoted && ",{[".contains(letter) {
            lines.push('\n');
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
    }
    lines
}

/// JSON for reading: on one line where it fits, in lists of objects one object per line. Other text as it is.
fn pretty(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(value) => formatted(&value, 0),
        Err(_) => text.to_owned(),
    }
}

fn formatted(value: &Value, depth: usize) -> String {
    let line = on_one_line(value);
    let has_objects = value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
    if line.chars().count() + 2 * depth <= WIDTH && !(has_objects && depth == 0) {
        return line;
    }
    let (open, close, items): (_, _, Vec<String>) = match value {
        Value::Array(items) => ("[", "]", items.iter().map(|item| formatted(item, depth + 1)).collect()),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), formatted(value, depth + 1))
            };
            ("{", "}", members.iter().map(member).collect())
        }
        _ => return line,
    };
    let indent = "  ".repeat(depth + 1);
    format!("{open}\n{indent}{}\n{}{close}", items.join(&format!(",\n{indent}")), "  ".repeat(depth))
}

fn on_one_line(value: &Value) -> String {
    let mut line = String::new();
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(on_one_line).collect();
            write!(line, "[{}]", items.join(", ")).unwrap();
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), on_one_line(value))
            };
            let members: Vec<_> = members.iter().map(member).collect();
            write!(line, "{{{}}}", members.join(", ")).unwrap();
        }
        value => write!(line, "{value}").unwrap(),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(language: &str, text: &str) -> Block {
        Block { line: 1, language: language.into(), text: text.into() }
    }

    #[test]
    fn a_drifted_answer_is_noticed_and_shown() {
        let printed = block("http", "HTTP/1.1 200 OK\netag: \"a\"\n\n[\n  {\"id\": 1, \"x\": \"a b\"}\n]\n");
        let actual = |status: &str, tag: &str, body: &str| {
            let head = format!(
                "HTTP/1.1 {status}\r\ndate: now\r\netag: \"{tag}\"\r\ncontent-type: application/json"
            );
            compare(&printed, &format!("{head}\r\n\r\n{body}"))
        };
        let json = block("json", "{\"id\": 1, \"x\": \"a b\"}\n");
        assert_eq!(compare(&json, "{\"id\":1,\"x\":\"a b\"}"), Ok(()));
        assert_eq!(
            compare(&json, "{\"id\":1,\"x\":\"ab\"}").unwrap_err(),
            "  {\n  \"id\":1,\n- \"x\":\"a b\"}\n+ \"x\":\"ab\"}\n"
        );
        assert!(compare(&json, "{\"x\":\"a b\",\"id\":1}").is_err());
        assert!(compare(&json, "").is_err());
        assert_eq!(actual("200 OK", "a", "[{\"id\":1,\"x\":\"a b\"}]"), Ok(()));
        assert!(actual("201 Created", "a", "[{\"id\": 1, \"x\": \"a b\"}]").is_err());
        assert!(actual("200 OK", "b", "[{\"id\": 1, \"x\": \"a b\"}]").is_err());
        assert!(actual("200 OK", "a", "[]").is_err());
        let time = block("text", "since 2026-09-01T08:00:00.000Z\n");
        assert_eq!(compare(&time, "since 2031-01-01T00:00:00.999Z"), Ok(()));
        assert!(compare(&time, "since 2031").is_err());
    }

    #[test]
    fn a_drifted_answer_is_rewritten_as_it_would_be_written_by_hand() {
        let printed =
            block("http", "HTTP/1.1 200 OK\netag: \"a\"\n\n{\"opens_at\": \"2027-01-01T00:00:00.000Z\"}\n");
        let actual = "HTTP/1.1 201 Created\r\ndate: now\r\netag: \"b\"\r\ncontent-type: application/json\r\n\r\n\
                      [{\"id\":1,\"opens_at\":\"2027-01-01T00:00:00.000Z\",\"at\":\"2031-01-01T00:00:00.999Z\"}]";
        let text = rewritten(&printed, actual);
        assert_eq!(
            text,
            "HTTP/1.1 201 Created\netag: \"b\"\n\n[\n  {\"id\": 1, \"opens_at\": \"2027-01-01T00:00:00.000Z\", \
             \"at\": \"2026-09-01T08:00:00.000Z\"}\n]\n"
        );
        assert_eq!(compare(&block("http", &text), actual), Ok(()));
        assert_eq!(rewritten(&block("text", ""), "it failed\n\n"), "it failed\n");
        assert_eq!(rewritten(&block("json", ""), "[]"), "[]\n");
        assert!(
            rewritten(&block("json", ""), &format!("{{\"a\":\"{}\",\"b\":2}}", "x".repeat(99)))
                .ends_with(",\n  \"b\": 2\n}\n")
        );
    }
}
