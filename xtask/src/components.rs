//! The list of everything that is compiled into the program or builds it (SBOM, `CycloneDX` 1.5), from what Cargo reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The list for the program `matricula`, from the output of `cargo metadata`. It leaves out what only tests use. `sqlite` is
/// the version of SQLite in the program.
pub(crate) fn components(metadata: &Value, sqlite: &str) -> Result<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, BTreeSet<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let needed = |dependency: &&Value| {
                list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].as_str() != Some("dev"))
            };
            let dependencies = list(&node["deps"]);
            let needed = dependencies.iter().filter(needed).map(|dependency| text(&dependency["pkg"]));
            (text(&node["id"]), needed.collect())
        })
        .collect();
    let is_program = |package: &&Value| package["name"] == "matricula";
    let program = packages.values().find(is_program).context("cargo metadata has no package matricula")?;
    let root = text(&program["id"]);
    let mut found = BTreeSet::from([root.clone()]);
    let mut open = vec![root.clone()];
    while let Some(id) = open.pop() {
        for dependency in nodes.get(&id).into_iter().flatten() {
            if found.insert(dependency.clone()) {
                open.push(dependency.clone());
            }
        }
    }
    let address =
        |package: &Value| format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]));
    // Old manifests separate licenses by a slash, which the standard for them (SPDX) does not have.
    let license = |package: &Value| package["license"].as_str().unwrap_or("NOASSERTION").replace('/', " OR ");
    let component = |package: &Value, kind: &str| {
        json!({
            "type": kind,
            "bom-ref": address(package),
            "name": package["name"],
            "version": package["version"],
            "purl": address(package),
            "licenses": [{"expression": license(package)}],
        })
    };
    let addresses = |ids: &BTreeSet<String>| {
        ids.iter().filter_map(|id| packages.get(id)).map(address).collect::<BTreeSet<_>>()
    };
    let libraries = found.iter().filter(|id| **id != root).filter_map(|id| packages.get(id));
    let dependencies = found.iter().filter_map(|id| {
        let package = packages.get(id)?;
        Some(json!({"ref": address(package), "dependsOn": addresses(nodes.get(id)?)}))
    });
    let sqlite = json!({
        "type": "library",
        "bom-ref": "sqlite",
        "name": "sqlite",
        "version": sqlite,
        "cpe": format!("cpe:2.3:a:sqlite:sqlite:{sqlite}:*:*:*:*:*:*:*"),
        "licenses": [{"license": {"id": "blessing"}}],
    });
    let libraries = libraries.map(|package| component(package, "library")).chain([sqlite]);
    let list = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(program, "application")},
        "components": libraries.collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&list)?)
}

/// The version of SQLite that the crate `libsqlite3-sys` brings with it: those who look for known faults look for SQLite and
/// not for the crate.
pub(crate) fn version_of_sqlite(metadata: &Value) -> Result<String> {
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.find(|package| package["name"] == "libsqlite3-sys");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.context("cargo metadata has no package libsqlite3-sys")?);
    let header = fs::read_to_string(manifest.with_file_name("sqlite3/sqlite3.h"))?;
    let version = header.lines().find_map(|line| line.strip_prefix("#define SQLITE_VERSION "));
    Ok(version.context("sqlite3.h has no version")?.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_use_is_left_out() {
        let package =
            |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let dependency = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("matricula"), package("axum"), package("cc"), package("insta"), package("hyper")],
            "resolve": {"nodes": [
                {"id": "matricula", "deps": [
                    dependency("axum", Value::Null), dependency("cc", json!("build")), dependency("insta", json!("dev")),
                ]},
                {"id": "axum", "deps": [dependency("hyper", Value::Null)]},
                {"id": "cc", "deps": []},
                {"id": "hyper", "deps": []},
                {"id": "insta", "deps": []},
            ]},
        });
        let list: Value = serde_json::from_str(&components(&metadata, "3.54.1").unwrap()).unwrap();
        let libraries = list["components"].as_array().unwrap();
        let names: Vec<_> = libraries.iter().filter_map(|one| one["purl"].as_str()).collect();
        assert_eq!(libraries[3]["cpe"], "cpe:2.3:a:sqlite:sqlite:3.54.1:*:*:*:*:*:*:*");
        assert_eq!(names, ["pkg:cargo/axum@1.0.0", "pkg:cargo/cc@1.0.0", "pkg:cargo/hyper@1.0.0"]);
        assert_eq!(
            list["dependencies"][0],
            json!({"ref": "pkg:cargo/axum@1.0.0", "dependsOn": ["pkg:cargo/hyper@1.0.0"]})
        );
        assert_eq!(list["components"][0]["licenses"], json!([{"expression": "MIT OR Apache-2.0"}]));
        assert_eq!(list["metadata"]["component"]["name"], "matricula");
    }
}
