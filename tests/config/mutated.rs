//! Files that were right once: loading never panics, names what is wrong, and tells no secret.

use super::*;
use crate::support::mutate::{cases, mutated_text};

/// Stands wherever a secret may stand. It cannot be the name of a key, which is told.
const CANARY: &str = "c4n4ry!";

const FILES: &[&str] = &[
    "mode = \"live\"\n[agent]\nid = \"agent-1\"\nendpoint = \"https://me:c4n4ry!@letta.example/api\"\napi_key = \"c4n4ry!\"\n\
     isolation = \"block\"\nturn_timeout = \"5m\"\n[queue]\nmax_concurrent = 3\nmax_attempts = 2\ngive_up_after = \"1h\"\n",
    "[database]\nurl = \"postgres://me:c4n4ry!@db.example:5432/x?sslmode=require\"\npool_size = 4\n[radio]\n",
    "[database]\nurl = \"postgres://db.example/x?user=me&password=c4n4ry!\"\n",
    "[endpoint.radio]\nenabled = true\ntoken = \"c4n4ry!\"\n[endpoint.pigeon]\ncolour = \"grey\"\n",
    "[endpoint.radio]\ntoken = { file = \"secret.txt\" }\n[http]\nlisten = \"127.0.0.1:0\"\n[shutdown]\ngrace = \"10s\"\n[log]\nlevel = \"debug\"\n",
    "[agent]\napi_key = { command = [\"cat\", \"secret.txt\"] }\n[outbox]\nuncertain = \"skip\"\n",
];
const DOTENVS: &[&str] = &[
    "AGENT_API_KEY=c4n4ry!\nRADIO_TOKEN='c4n4ry!'\n# a comment\nexport MAX_RETRIES=3\nDB_PATH=\"a b.db\"\n",
    "DATABASE_URL=postgres://me:c4n4ry!@db/x\nBROCA_AGENT_ENDPOINT=https://me:c4n4ry!@letta.example\nLOG_LEVEL=INFO\n",
    "",
];
const TOKENS: &[&str] = &[
    "c4n4ry!",
    "\"c4n4ry!\"",
    "= \"c4n4ry!\"\n",
    "\n",
    "=",
    "[",
    "]",
    "[[",
    "\"",
    "'",
    "\"\"\"",
    "{",
    "}",
    ".",
    "#",
    "\\",
    "\\u0000",
    "\u{0}",
    "\u{feff}",
    "-1",
    "99999999999999999999",
    "1e9",
    "true",
    "[]",
    "token",
    "api_key",
    "url",
    "[agent]\n",
    "\r",
    "$",
    "${HOME}",
    "@",
    "://",
    "/",
];

fn told(loaded: &Loaded) -> String {
    match loaded {
        // What is no secret, a name for instance, is shown whatever stands there.
        Ok((config, watched)) => {
            let secret = |(_, value): &(&String, &broca::config::Effective)| value.is_secret();
            let secrets: Vec<_> = config.values.iter().filter(secret).collect();
            let (warnings, database, key) = (&config.warnings, &config.database, &config.agent.key);
            format!("{warnings:?} {database:?} {key:?} {watched:?} {secrets:?}")
        }
        Err(problems) => {
            let errors = problems.iter().cloned().map(broca::error::Error::from);
            let errors: Vec<_> = errors
                .map(|error| format!("{error:?} {error} {:?}", error.advice()))
                .collect();
            format!(
                "{problems:?} {errors:?} {}",
                config::Problems(problems.clone())
            )
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_file_makes_it_panic_or_tell(
        file in mutated_text(FILES, TOKENS),
        dotenv in mutated_text(DOTENVS, TOKENS),
        secret in prop_oneof![Just("c4n4ry!\n"), Just(""), Just("c4n4ry!\u{0}")],
    ) {
        let instance = Instance::new(&file);
        instance.file(".env", &dotenv);
        instance.file("secret.txt", secret);
        let told = told(&instance.load());
        prop_assert!(!told.contains(CANARY), "{told}");
    }

    /// What is wrong in one place hides nothing that is wrong in another.
    #[test]
    fn all_problems_are_told_at_once(
        wrong in prop::collection::btree_set(prop::sample::select(vec![
            ("agent.isolation", "isolation = \"walls\""), ("agent.turn_timeout", "turn_timeout = \"soon\""),
            ("queue.max_concurrent", "max_concurrent = 0"), ("queue.max_attempts", "max_attempts = \"c4n4ry!\""),
            ("outbox.uncertain", "uncertain = 7"), ("log.level", "level = \"loud\""), ("database.pool_size", "pool_size = -1"),
        ]), 1..7),
    ) {
        let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, line) in &wrong {
            tables.entry(key.split('.').next().unwrap_or_default()).or_default().push(line);
        }
        let tables = tables.iter().map(|(name, lines)| format!("[{name}]\n{}", lines.join("\n")));
        let text = tables.collect::<Vec<_>>().join("\n");
        let found: Vec<_> = Instance::new(&text).problems().into_iter().map(|(_, key)| key).collect();
        for (key, _) in &wrong {
            prop_assert!(found.iter().any(|one| one == key), "{key} is not in {found:?}");
        }
    }
}
