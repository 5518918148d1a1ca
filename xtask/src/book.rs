//! Builds the documentation as a book, and checks that no link is broken and that the table of contents is complete.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::shell::Shell;

/// Builds the book in `target/book` and checks it.
pub(crate) fn build(shell: &Shell) -> Result<()> {
    shell.run("mdbook build")?;
    let mistakes = mistakes(&shell.root.join("docs"), &shell.root.join("target/book"))?;
    ensure!(mistakes.is_empty(), "the book has mistakes:\n{}", mistakes.join("\n"));
    Ok(())
}

/// Returns pages below `docs` that are not in the book, and broken links in the book. mdBook checks neither.
fn mistakes(docs: &Path, book: &Path) -> Result<Vec<String>> {
    let mut mistakes = Vec::new();
    for page in files(docs, "md")? {
        let name = page.strip_prefix(docs)?;
        // mdBook renders only the pages in the table of contents.
        if !name.ends_with("SUMMARY.md") && !book.join(name).with_extension("html").exists() {
            mistakes.push(format!("docs/{} is missing from docs/SUMMARY.md", name.display()));
        }
    }
    for page in files(book, "html")? {
        let text = fs::read_to_string(&page)?;
        let name = page.strip_prefix(book)?;
        // An example that is copied as it is: its scripts are made where it is tried.
        if docs.join(name).exists() {
            continue;
        }
        let name = name.display().to_string();
        for target in targets(&text).filter(|target| is_inside(target)) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = path.split('?').next().unwrap_or_default();
            let file = if path.is_empty() { page.clone() } else { page.with_file_name("").join(path) };
            let found = match fs::read(&file) {
                Ok(_) if anchor.is_empty() => true,
                Ok(content) => String::from_utf8_lossy(&content).contains(&format!("id=\"{anchor}\"")),
                Err(_) => file.is_dir(),
            };
            if !found {
                mistakes.push(format!("{name} links to {target}"));
            }
        }
    }
    Ok(mistakes)
}

/// The targets of the links, pictures, scripts and styles of a page.
fn targets(html: &str) -> impl Iterator<Item = &str> {
    let after = ["href=\"", "src=\""].into_iter().flat_map(|start| html.split(start).skip(1));
    after.filter_map(|rest| rest.split('"').next())
}

/// Whether a link leads to a place in the book. Only the page for unknown addresses has links that begin with `/`,
/// the root of the site.
fn is_inside(target: &str) -> bool {
    !target.contains(':') && !target.starts_with('/')
}

/// The files below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_page_and_a_broken_link_are_mistakes() {
        let shell = Shell::rehearsal("book", &[("mdbook", "")]);
        let (docs, book) = (shell.root.join("docs"), shell.root.join("target/book"));
        fs::create_dir_all(docs.join("start")).unwrap();
        fs::create_dir_all(book.join("start")).unwrap();
        let write = |path: PathBuf, text: &str| fs::write(path, text).unwrap();
        write(docs.join("SUMMARY.md"), "");
        write(docs.join("start/tour.md"), "");
        write(
            book.join("start/tour.html"),
            "<h2 id=\"a\"></h2><a href=\"#a\"></a><a href=\"https://b\"></a>",
        );
        write(book.join("index.html"), "<a href=\"start/tour.html#a\"></a><img src=\"start/tour.html?1\">");
        build(&shell).unwrap();

        write(docs.join("start/lost.md"), "");
        write(book.join("index.html"), "<a href=\"start/tour.html#b\"></a><img src=\"c.png\">");
        let message = build(&shell).unwrap_err().to_string();
        assert_eq!(
            message,
            "the book has mistakes:\ndocs/start/lost.md is missing from docs/SUMMARY.md\n\
             index.html links to start/tour.html#b\nindex.html links to c.png"
        );
    }
}
