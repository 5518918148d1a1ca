//! The dashboard and the alert rules: they can be parsed, and every metric in them is one that a server has.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Value, json};
use yaml_rust2::YamlLoader;

use super::read;
use crate::school::School;

/// The metrics of a running server, each with its type.
async fn metrics() -> BTreeMap<String, String> {
    let school = School::open().await;
    // A metric with labels is there once there is something to count.
    let algebra = school.course("Algebra").await;
    school.put(&algebra.seats_url()).json(&json!({"capacity": 1})).await.is_ok();
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is_refused(409, "course-full");
    let text = school.get("/metrics").header("accept", "application/openmetrics-text");
    let text = text.await.is_ok().text().to_owned();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The names in an expression that no server has, with the ending that Prometheus gives to each type.
fn unknown(expression: &str, metrics: &BTreeMap<String, String>) -> Vec<String> {
    let names = Regex::new(r"\bmatricula_[a-z_]+").unwrap();
    let is_known = |name: &str| {
        let has = |base: &str, kind: &str| metrics.get(base).is_some_and(|found| found == kind);
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
        has(name, "gauge")
            || name.strip_suffix("_total").is_some_and(|base| has(base, "counter"))
            || histogram.is_some_and(|base| has(base, "histogram"))
    };
    names.find_iter(expression).map(|name| name.as_str().to_owned()).filter(|name| !is_known(name)).collect()
}

#[tokio::test]
async fn the_dashboard_shows_only_metrics_that_exist_sqlite_only() {
    let (metrics, dashboard) = (metrics().await, read("docs/operate/monitoring/grafana.json").text);
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 10);
    for panel in panels {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty() && panel["description"].is_string(), "{panel}");
        for expression in targets.iter().map(|target| target["expr"].as_str().unwrap()) {
            assert_eq!(unknown(expression, &metrics), [""; 0], "{}", panel["title"]);
        }
    }
    let variables = dashboard["templating"]["list"].to_string();
    assert_eq!(unknown(&variables, &metrics), [""; 0]);
}

#[tokio::test]
async fn the_alert_rules_name_only_metrics_that_exist_sqlite_only() {
    let (metrics, rules) = (metrics().await, read("docs/operate/monitoring/alerts.yml").text);
    let rules = YamlLoader::load_from_str(&rules).unwrap();
    let rules = rules[0]["groups"][0]["rules"].as_vec().unwrap();
    assert!(rules.len() >= 8);
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert_eq!(unknown(rule["expr"].as_str().unwrap(), &metrics), [""; 0], "{name}");
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
    }
}

#[tokio::test]
async fn a_metric_that_does_not_exist_is_noticed_sqlite_only() {
    let metrics = metrics().await;
    let wrong = "matricula_moods + matricula_refusals + rate(matricula_queue_depth_total[5m]) + matricula_queue_depth";
    assert_eq!(
        unknown(wrong, &metrics),
        ["matricula_moods", "matricula_refusals", "matricula_queue_depth_total"]
    );
}
