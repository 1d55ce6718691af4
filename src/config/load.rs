//! Files and environment into a [`Config`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::{Table, Value};

use crate::error::Code;

use super::environment::{Environment, Origin};
use super::file::{Chosen, choose};
use super::nearest::nearest;
use super::section::Place;
use super::{Config, Mode, Problem, Section, secrets, tables};

/// The tables of the core.
const TABLES: &[&str] = &[
    "agent", "database", "queue", "outbox", "http", "shutdown", "log",
];

/// An endpoint's name, whether it runs by default, and what reads its table.
#[derive(Clone, Copy)]
pub struct Reader {
    /// The name.
    pub name: &'static str,
    /// Whether it runs where the configuration does not say.
    pub default_on: bool,
    /// What reads it, where it is in this build.
    pub read: Option<fn(&mut Section)>,
}

/// A file whose change may change the configuration.
pub type Watched = PathBuf;

/// Reads the configuration.
///
/// `file` is what `--config` says. Gives the configuration and the files that it was read from, or
/// every problem at once.
pub fn load(
    file: Option<&Path>,
    readers: &[Reader],
) -> Result<(Config, Vec<Watched>), Vec<Problem>> {
    load_from(file, Environment::of_process(), readers)
}

/// As [`load`], with the variables and what the command line sets as arguments.
pub fn load_from(
    file: Option<&Path>,
    mut environment: Environment,
    readers: &[Reader],
) -> Result<(Config, Vec<Watched>), Vec<Problem>> {
    let mut problems = Vec::new();
    let chosen = choose(file, &environment);
    let folder = chosen.folder();
    let dotenv = environment.read_dotenv(&folder, &mut problems);
    let root = chosen.read(&mut problems);
    let place = Place {
        file: chosen.shown(),
        folder,
        environment,
    };
    let mut loading = Loading {
        place: Arc::new(place),
        root,
        problems,
        watched: vec![chosen.path.clone(), dotenv],
        warnings: Vec::new(),
        values: BTreeMap::new(),
    };
    let config = loading.config(chosen, readers);
    if loading.problems.is_empty() {
        Ok((config, loading.watched))
    } else {
        Err(loading.problems)
    }
}

/// What is gathered on the way.
struct Loading {
    place: Arc<Place>,
    root: Table,
    problems: Vec<Problem>,
    watched: Vec<PathBuf>,
    warnings: Vec<Problem>,
    values: BTreeMap<String, super::Effective>,
}

impl Loading {
    fn config(&mut self, chosen: Chosen, readers: &[Reader]) -> Config {
        let folder = self.place.folder.clone();
        let mut agent_table = self.table("agent");
        let agent = tables::agent(&mut agent_table);
        let mode = self.mode(agent.id.is_some());
        self.settle_agent(agent_table, mode, agent.id.is_some());
        let config = Config {
            file: chosen.path.is_file().then_some(chosen.path),
            mode,
            agent,
            database: self.read("database", |table| tables::database(table, &folder)),
            queue: self.read("queue", tables::queue),
            outbox: self.read("outbox", tables::outbox),
            http: self.read("http", tables::http),
            shutdown: self.read("shutdown", tables::shutdown),
            log: self.read("log", tables::log),
            endpoints: self.endpoints(readers),
            folder,
            warnings: Vec::new(),
            values: BTreeMap::new(),
        };
        self.unknown_tables();
        self.unknown_variables();
        self.readable_files();
        Config {
            warnings: std::mem::take(&mut self.warnings),
            values: std::mem::take(&mut self.values),
            ..config
        }
    }

    fn mode(&mut self, has_agent: bool) -> Mode {
        let plain = self.root.iter().filter(|(_, value)| !value.is_table());
        let plain = plain.filter(|(name, _)| !is_table_name(name));
        let table = plain
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut root = Section::at("", table, self.place.clone());
        let mode = tables::mode(&mut root, has_agent);
        self.close(root);
        mode
    }

    /// Outside live mode the agent is not called, so that its placeholders do no harm.
    fn settle_agent(&mut self, mut table: Section, mode: Mode, has_id: bool) {
        let is_placeholder = |problem: &Problem| problem.code == Code::ConfigPlaceholder;
        if mode == Mode::Live {
            if !has_id
                && !table
                    .problems
                    .iter()
                    .any(|problem| problem.key == "agent.id")
            {
                table.missing(
                    "id",
                    "set `AGENT_ID` or `agent.id`, or choose the mode `echo`",
                );
            }
        } else {
            let (placeholders, rest) = table.problems.into_iter().partition(is_placeholder);
            table.problems = rest;
            self.warnings.extend::<Vec<_>>(placeholders);
        }
        self.close(table);
    }

    fn read<T>(&mut self, name: &str, read: impl FnOnce(&mut Section) -> T) -> T {
        let mut table = self.table(name);
        let value = read(&mut table);
        self.close(table);
        value
    }

    /// The table `[name]`; anything else of that name is a problem.
    fn table(&mut self, name: &str) -> Section {
        let table = match self.root.get(name) {
            None => Table::new(),
            Some(Value::Table(table)) => table.clone(),
            Some(_) => {
                self.not_a_table(name);
                Table::new()
            }
        };
        Section::at(name, table, self.place.clone())
    }

    fn close(&mut self, mut table: Section) {
        table.finish();
        self.problems.append(&mut table.problems);
        self.watched.extend_from_slice(table.watched());
        for (key, value) in table.values() {
            let key = super::section::whole_key(&table.name, key);
            self.values.insert(key, value.clone());
        }
    }

    fn endpoints(&mut self, readers: &[Reader]) -> BTreeMap<String, Section> {
        let mut tables = self.table("endpoint");
        let written = match self.root.get("endpoint") {
            Some(Value::Table(written)) => written.clone(),
            _ => Table::new(),
        };
        for name in written.keys() {
            if !readers.iter().any(|reader| reader.name == name) {
                unknown_endpoint(&mut tables, name, readers);
            }
        }
        self.problems.append(&mut tables.problems);
        let opened = readers.iter().filter_map(|reader| {
            let table = self.endpoint(*reader, written.get(reader.name))?;
            Some((reader.name.to_owned(), table))
        });
        opened.collect()
    }

    fn endpoint(&mut self, reader: Reader, written: Option<&Value>) -> Option<Section> {
        let name = format!("endpoint.{}", reader.name);
        let table = match written {
            Some(Value::Table(table)) => table.clone(),
            Some(_) => {
                self.not_a_table(&name);
                Table::new()
            }
            None => Table::new(),
        };
        let mut table = Section::at(&name, table, self.place.clone());
        let Some(read) = reader.read else {
            if written.is_some() && table.enabled(true) {
                not_built(&mut table, reader.name);
            }
            self.problems.append(&mut table.problems);
            return None;
        };
        read(&mut table);
        if !table.values().contains_key("enabled") {
            table.get("enabled", &[], reader.default_on);
        }
        if !table.enabled(reader.default_on) {
            table
                .problems
                .retain(|problem| !is_only_absent(problem.code));
        }
        self.close(table.clone());
        Some(table)
    }

    fn not_a_table(&mut self, name: &str) {
        self.problems.push(Problem {
            code: Code::ConfigInvalid,
            source: self.place.file.clone(),
            key: name.to_owned(),
            message: "must be a table".to_owned(),
            hint: format!("write `[{name}]` on a line of its own, and its keys below it"),
        });
    }

    fn unknown_tables(&mut self) {
        let tables = self.root.iter().filter(|(_, value)| value.is_table());
        let unknown = tables.filter(|(name, _)| !is_table_name(name));
        let known = TABLES.iter().copied().chain(["endpoint"]);
        for (name, _) in unknown {
            self.problems.push(Problem {
                code: Code::ConfigInvalid,
                source: self.place.file.clone(),
                key: name.clone(),
                message: "is not a known table".to_owned(),
                hint: match nearest(name, known.clone()) {
                    Some(known) => format!("did you mean `[{known}]`?"),
                    None => Code::ConfigInvalid.hint().to_owned(),
                },
            });
        }
    }

    /// A variable that begins like ours and means nothing is most likely misspelt.
    fn unknown_variables(&mut self) {
        let known: Vec<_> = self
            .values
            .keys()
            .map(|key| super::variable("", key))
            .collect();
        let tables = TABLES.iter().copied().chain(["endpoint"]);
        let starts: Vec<_> = tables
            .map(|table| format!("{}_", super::variable("", table)))
            .collect();
        let ours = |name: &&str| starts.iter().any(|start| name.starts_with(start.as_str()));
        let names = self.place.environment.names().filter(ours);
        let unknown = names.filter(|name| !known.iter().any(|known| known == name));
        let warnings = unknown.map(|name| Problem {
            code: Code::ConfigInvalid,
            source: "the environment".to_owned(),
            key: name.to_owned(),
            message: "is not a known variable".to_owned(),
            hint: match nearest(name, known.iter().map(String::as_str)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "unset it, or see the documentation of the configuration".to_owned(),
            },
        });
        self.warnings.extend(warnings);
    }

    /// `.env` and secret files that others may read, and the file itself where it holds a secret.
    fn readable_files(&mut self) {
        let holds_secret =
            |value: &super::Effective| value.is_secret() && value.origin == Origin::File;
        let skip = usize::from(!self.values.values().any(holds_secret));
        let open = self
            .watched
            .iter()
            .skip(skip)
            .filter(|path| secrets::readable_by_others(path));
        self.warnings.extend(open.map(|path| Problem {
            code: Code::ConfigInvalid,
            source: path.display().to_string(),
            key: "permissions".to_owned(),
            message: "let every user of this machine read a file with secrets".to_owned(),
            hint: format!("run `chmod 600 {}`", path.display()),
        }));
    }
}

fn is_table_name(name: &str) -> bool {
    name == "endpoint" || TABLES.contains(&name)
}

const fn is_only_absent(code: Code) -> bool {
    matches!(code, Code::ConfigMissing | Code::ConfigPlaceholder)
}

fn unknown_endpoint(tables: &mut Section, name: &str, readers: &[Reader]) {
    let known: Vec<_> = readers.iter().map(|reader| reader.name).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(known) => format!("did you mean `[endpoint.{known}]`?"),
        None => format!("remove it; known endpoints: `{}`", known.join("`, `")),
    };
    let message = "is not a known endpoint".to_owned();
    tables.problem(Code::ConfigInvalid, name, &Origin::File, message, hint);
}

fn not_built(table: &mut Section, name: &str) {
    let hint = format!("rebuild with `--features {name}`, or set `enabled = false`");
    let message = "belongs to an endpoint that is not in this build".to_owned();
    table.problem(
        Code::EndpointNotBuilt,
        "enabled",
        &Origin::File,
        message,
        hint,
    );
}
