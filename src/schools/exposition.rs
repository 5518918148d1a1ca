//! Metrics of several schools as one document.

use std::collections::HashMap;

/// Merges documents in the `OpenMetrics` text format: a family of metrics may stand there only once, with all its samples.
pub(super) fn merge(documents: impl Iterator<Item = String>) -> String {
    let mut families: Vec<Family> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for document in documents {
        let mut current = None;
        for line in document.lines().filter(|line| *line != "# EOF") {
            let name = line.strip_prefix("# ").and_then(|about| about.split(' ').nth(1));
            let place = match (name, current) {
                (Some(name), _) => *places.entry(name.to_owned()).or_insert_with(|| {
                    families.push(Family::default());
                    families.len() - 1
                }),
                (None, Some(place)) => place,
                (None, None) => continue,
            };
            current = Some(place);
            let Some(family) = families.get_mut(place) else { continue };
            match name {
                Some(_) if family.about.lines().any(|known| known == line) => {}
                Some(_) => family.about.extend([line, "\n"]),
                None => family.samples.extend([line, "\n"]),
            }
        }
    }
    let mut merged = String::new();
    for Family { about, samples } in families {
        merged.extend([about, samples]);
    }
    merged + "# EOF\n"
}

#[derive(Default)]
struct Family {
    about: String,
    samples: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_stands_there_once_with_the_samples_of_all_schools() {
        let document = |school: &str, count: u8| {
            format!(
                "# HELP requests Requests answered.\n# TYPE requests counter\nrequests_total{{school=\"{school}\"}} {count}\n\
                 # TYPE depth gauge\ndepth{{school=\"{school}\"}} 0\n# EOF\n"
            )
        };
        let merged = merge([document("lyon", 3), document("oslo", 4)].into_iter());
        assert_eq!(
            merged,
            "# HELP requests Requests answered.\n# TYPE requests counter\nrequests_total{school=\"lyon\"} 3\n\
             requests_total{school=\"oslo\"} 4\n# TYPE depth gauge\ndepth{school=\"lyon\"} 0\ndepth{school=\"oslo\"} 0\n# EOF\n"
        );
    }
}
