//! Which file of `src/` depends on which, read from tokens: the names in a `use` or a path are followed through
//! re-exports to the file that defines them. Dependencies only through methods or trait implementations are not found.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::source::Source;

/// From each file to the files that it depends on.
pub(super) type Dependencies = BTreeMap<String, BTreeSet<String>>;

type Path = Vec<String>;

/// The dependencies between these files.
pub(super) fn dependencies(sources: &[Source]) -> Dependencies {
    let mut modules = Modules::default();
    for source in sources {
        let path = module_of(&source.path);
        let tokens = source.text.parse().unwrap_or_else(|error| panic!("{}: {error}", source.path));
        modules.enter(&source.path, &path, tokens);
    }
    let mut dependencies = Dependencies::new();
    for module in modules.0.values() {
        let found = module.named().filter_map(|path| modules.file_of(module, path));
        let others = found.filter(|file| *file != module.file);
        dependencies.entry(module.file.clone()).or_default().extend(others);
    }
    dependencies
}

/// The groups of nodes that all reach each other.
pub(super) fn cycles(dependencies: &Dependencies) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        dependencies.keys().map(|node| (node, reached_from(dependencies, node))).collect();
    let together = |node| {
        let mutual =
            reached[node].iter().filter(|other| reached.get(**other).is_some_and(|of| of.contains(node)));
        mutual.map(|other| (*other).clone()).collect::<BTreeSet<_>>()
    };
    let cycles: BTreeSet<_> = dependencies.keys().map(together).filter(|cycle| !cycle.is_empty()).collect();
    cycles.into_iter().collect()
}

fn reached_from<'a>(dependencies: &'a Dependencies, node: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = dependencies[node].iter().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(dependencies.get(next).into_iter().flatten());
        }
    }
    reached
}

/// `db/mod.rs` and `db.rs` are `db`. The library is the root; the program is a crate of its own.
fn module_of(file: &str) -> Path {
    let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
    match stem {
        "lib" => Vec::new(),
        stem => stem.split('/').map(str::to_owned).collect(),
    }
}

#[derive(Default)]
struct Modules(BTreeMap<Path, Module>);

#[derive(Default)]
struct Module {
    file: String,
    path: Path,
    defined: BTreeSet<String>,
    uses: Vec<Use>,
    /// Every path in the code outside `use`, single names too.
    paths: Vec<Path>,
}

/// One name that a `use` brings in; `*` for a glob.
struct Use {
    path: Path,
    name: String,
    is_public: bool,
}

enum Named<'a> {
    Module(&'a Module),
    /// The file that defines it.
    Item(&'a str),
}

impl Module {
    /// The paths that this module depends on. A module that only re-exports a name does not depend on it.
    fn named(&self) -> impl Iterator<Item = &Path> {
        let is_needed = |name: &Use| !name.is_public || self.paths.iter().any(|path| path[0] == name.name);
        let uses = self.uses.iter().filter(move |name| is_needed(name)).map(|name| &name.path);
        uses.chain(self.paths.iter().filter(|path| path.len() > 1))
    }
}

impl Modules {
    fn enter(&mut self, file: &str, path: &Path, tokens: TokenStream) {
        let module = Module { file: file.to_owned(), path: path.clone(), ..Module::default() };
        self.0.insert(path.clone(), module);
        self.read(file, path, tokens, true);
    }

    fn read(&mut self, file: &str, path: &Path, tokens: TokenStream, is_item_level: bool) {
        let trees = without_tests(tokens);
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            let rest = &trees[at + 1..];
            at += 1;
            match tree {
                TokenTree::Ident(word) if word == "pub" && is_group(rest, Delimiter::Parenthesis) => at += 1,
                TokenTree::Ident(word) if word == "use" && !is_punct(rest, '<') => {
                    let end = rest
                        .iter()
                        .position(|tree| matches!(tree, TokenTree::Punct(it) if it.as_char() == ';'));
                    let end = end.unwrap_or(rest.len());
                    let is_public = is_after_pub(&trees[..at - 1]);
                    let module = self.0.entry(path.clone()).or_default();
                    names_of(&[], &rest[..end], &mut |path, name| {
                        module.uses.push(Use { path, name, is_public });
                    });
                    at += end;
                }
                TokenTree::Ident(word) if word == "mod" && is_group(&rest[1..], Delimiter::Brace) => {
                    let inner = [path.as_slice(), &[rest[0].to_string()]].concat();
                    let TokenTree::Group(body) = &rest[1] else { continue };
                    self.enter(file, &inner, body.stream());
                    at += 2;
                }
                TokenTree::Ident(word) => {
                    let module = self.0.entry(path.clone()).or_default();
                    if is_item_level {
                        module.defined.extend(defined(&word.to_string(), rest));
                    }
                    let (found, length) = path_at(&trees[at - 1..]);
                    module.paths.push(found);
                    at += length - 1;
                }
                TokenTree::Group(group) => self.read(file, path, group.stream(), false),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn file_of(&self, module: &Module, path: &Path) -> Option<String> {
        match self.named(module, path, 0)? {
            // Names in the module count where they are used.
            Named::Module(_) => None,
            Named::Item(file) => Some(file.to_owned()),
        }
    }

    fn named<'a>(&'a self, from: &'a Module, path: &[String], depth: usize) -> Option<Named<'a>> {
        let mut named = Named::Module(from);
        for (place, name) in path.iter().enumerate() {
            let Named::Module(module) = named else { return Some(named) };
            let is_last = place + 1 == path.len();
            named = match name.as_str() {
                "crate" | "matricula" => Named::Module(self.0.get(&Vec::new())?),
                "self" => Named::Module(module),
                "super" => Named::Module(self.0.get(module.path.split_last()?.1)?),
                "*" => Named::Item(&module.file),
                name => match self.in_module(module, name, is_last, depth) {
                    Some(named) => named,
                    // A macro may have created it. A path whose first name is not found belongs to another crate.
                    None if place > 0 => Named::Item(&module.file),
                    None => return None,
                },
            };
        }
        Some(named)
    }

    /// Resolves a name in a module: an item first if it is the last part of a path, otherwise a module first.
    fn in_module<'a>(
        &'a self,
        module: &'a Module,
        name: &str,
        is_last: bool,
        depth: usize,
    ) -> Option<Named<'a>> {
        // Names that import each other.
        if depth > 20 {
            return None;
        }
        let item = module.defined.contains(name).then_some(Named::Item(&module.file));
        let child = || self.0.get(&[module.path.as_slice(), &[name.to_owned()]].concat()).map(Named::Module);
        let used = || {
            let mut by_name = module.uses.iter().filter(|it| it.name == name);
            let mut globs = module.uses.iter().filter_map(|it| it.path.strip_suffix(&["*".to_owned()]));
            let in_glob = |path| match self.named(module, path, depth + 1)? {
                Named::Module(all) => self.in_module(all, name, is_last, depth + 1),
                Named::Item(_) => None,
            };
            let named = by_name.find_map(|it| self.named(module, &it.path, depth + 1));
            named.or_else(|| globs.find_map(in_glob))
        };
        if is_last { item.or_else(used).or_else(child) } else { child().or_else(used).or(item) }
    }
}

/// The tokens without the items that only tests use.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut remaining: Vec<TokenTree> = Vec::new();
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let is_attribute = matches!(&tree, TokenTree::Punct(it) if it.as_char() == '#');
        let is_test = |next: &TokenTree| next.to_string().replace(' ', "") == "[cfg(test)]";
        if !(is_attribute && trees.peek().is_some_and(is_test)) {
            remaining.push(tree);
            continue;
        }
        let is_end = |tree: &TokenTree| match tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            tree => tree.to_string() == ";",
        };
        trees.by_ref().find(is_end);
    }
    remaining
}

fn is_group(trees: &[TokenTree], delimiter: Delimiter) -> bool {
    matches!(trees.first(), Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}

fn is_punct(trees: &[TokenTree], sign: char) -> bool {
    matches!(trees.first(), Some(TokenTree::Punct(it)) if it.as_char() == sign)
}

fn is_after_pub(before: &[TokenTree]) -> bool {
    let is_pub = |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Ident(word)) if word == "pub");
    match before {
        [.., pub_, TokenTree::Group(_)] => is_pub(Some(pub_)),
        before => is_pub(before.last()),
    }
}

/// The name that an item defines, if `word` begins its definition.
fn defined(word: &str, rest: &[TokenTree]) -> Option<String> {
    const WORDS: [&str; 8] = ["struct", "enum", "union", "trait", "type", "fn", "const", "static"];
    let name = match word {
        "macro_rules" => rest.get(1),
        word if WORDS.contains(&word) => rest.first(),
        _ => None,
    };
    name.filter(|name| matches!(name, TokenTree::Ident(_))).map(ToString::to_string)
}

/// The path that begins here, and its length in trees.
fn path_at(trees: &[TokenTree]) -> (Path, usize) {
    let mut path = vec![trees[0].to_string()];
    let mut at = 1;
    while let Some([colon, second, TokenTree::Ident(name)]) = trees.get(at..at + 3)
        && [colon, second].iter().all(|tree| tree.to_string() == ":")
    {
        path.push(name.to_string());
        at += 3;
    }
    (path, at)
}

/// The names that a `use` brings in, each with its path.
fn names_of(before: &[String], trees: &[TokenTree], found: &mut impl FnMut(Path, String)) {
    for part in trees.split(|tree| tree.to_string() == ",").filter(|part| !part.is_empty()) {
        let mut path = before.to_vec();
        let mut words = part.iter().filter(|tree| tree.to_string() != ":");
        let mut name = None;
        while let Some(tree) = words.next() {
            match tree {
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    names_of(&path, &inner, found);
                    path.clear();
                }
                tree if tree.to_string() == "as" => name = words.next().map(ToString::to_string),
                tree => path.push(tree.to_string()),
            }
        }
        // `{self}` names the module before.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(last) = path.last() {
            let name = name.unwrap_or_else(|| last.clone());
            found(path, name);
        }
    }
}
