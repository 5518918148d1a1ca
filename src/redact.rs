//! Removes passwords from messages that repeat what a person typed.

/// Replaces what looks like a password: `user:secret@host` becomes `user:...@host`, `password=secret` becomes
/// `password=...`.
#[must_use]
pub fn without_passwords(message: &str) -> String {
    let lines: Vec<_> = message.split('\n').map(|line| without_named(&without_userinfo(line))).collect();
    lines.join("\n")
}

/// clap shows a value in quotes, so a quote ends it. A password may contain any other character.
const QUOTES: [char; 3] = ['\'', '"', '`'];

fn without_userinfo(line: &str) -> String {
    // After a scheme, everything between the first colon and the last @ is the password, whatever it contains.
    let line = &match line.find("://").map(|scheme| scheme + 3).zip(line.rfind('@')) {
        Some((user, at)) if user < at => match line[user..at].find(':') {
            Some(colon) => format!("{}...{}", &line[..=user + colon], &line[at..]),
            None => line.to_owned(),
        },
        _ => line.to_owned(),
    };
    let part = |part: &str| {
        let Some(at) = part.rfind('@') else { return part.to_owned() };
        let (before, host) = part.split_at(at);
        // Without a scheme, the user name ends at the first colon.
        let user = before.find("://").map_or(0, |scheme| scheme + 3);
        match before.get(user..).and_then(|user| user.find(':')) {
            Some(colon) => format!("{}...{host}", &before[..=user + colon]),
            None => part.to_owned(),
        }
    };
    line.split_inclusive(QUOTES).map(part).collect()
}

/// Names of a password in a query or in a list of keywords.
const PASSWORD_NAMES: [&str; 4] = ["password=", "passwd=", "pwd=", "sslpassword="];

fn without_named(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let (mut redacted, mut from) = (String::with_capacity(line.len()), 0);
    while let Some(end) = PASSWORD_NAMES
        .iter()
        .filter_map(|name| Some(from + lower.get(from..)?.find(name)? + name.len()))
        .min()
    {
        let ends = |letter: char| letter.is_whitespace() || QUOTES.contains(&letter) || "&;".contains(letter);
        let rest = &line[end..];
        let value = rest.find(ends).unwrap_or(rest.len());
        redacted.push_str(&line[from..end]);
        redacted.push_str("...");
        from = end + value;
    }
    redacted.push_str(&line[from..]);
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_removed_wherever_they_are() {
        for (message, expected) in [
            ("'postgresql+x://ana:se:c@r et@db/school' found", "'postgresql+x://ana:...@db/school' found"),
            (
                "invalid value 'jdbc:pg://db?user=a&PASSWORD=secret&x=y'",
                "invalid value 'jdbc:pg://db?user=a&PASSWORD=...&x=y'",
            ),
            ("'host=db password=secret dbname=school'", "'host=db password=... dbname=school'"),
            ("'Server=db;Pwd=secret;Database=school'", "'Server=db;Pwd=...;Database=school'"),
            ("'postgres://ana:se'c\"re`t@db/school' found", "'postgres://ana:...@db/school' found"),
            ("'ana:secret@db/school'", "'ana:...@db/school'"),
            ("cannot write to ana@example.edu: é", "cannot write to ana@example.edu: é"),
            ("http://127.0.0.1:8080 is not a URL", "http://127.0.0.1:8080 is not a URL"),
        ] {
            assert_eq!(without_passwords(message), expected);
        }
    }
}
