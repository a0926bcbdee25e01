//! The account balances of stores that other libraries wrote, reproduced by a JavaScript reducer of ours and held against
//! the balances that SQL computed in the store itself.

use std::path::Path;
use std::process::{Command, Stdio};

use stepback::domain::Json;

fn corpus(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name).display().to_string()
}

fn truth(store: &str) -> Json {
    Json::parse(&std::fs::read(corpus(&format!("{store}/truth.json"))).expect("truth.json")).expect("JSON")
}

/// The members of an object of the truth.
fn members(truth: &Json, name: &str) -> Vec<(String, Json)> {
    let Some(Json::Object(members)) = truth.get(name) else { panic!("no {name}") };
    members.sorted().map(|entry| (entry.key.to_string(), entry.value.clone())).collect()
}

/// The balance a store computed for each account stream.
fn balances() -> Vec<(String, i64)> {
    let truth = Json::parse(&std::fs::read(corpus("message-db/truth.json")).expect("truth.json")).expect("JSON");
    let Some(Json::Object(balances)) = truth.get("final_balance_minor_by_sql_fold") else { panic!("no balances") };
    balances.sorted().map(|entry| (entry.key.to_string(), entry.value.as_i64().expect("a whole number"))).collect()
}

fn folded(dump: &str, stream: &str) -> Json {
    folded_with("account.js", dump, stream)
}

fn folded_with(reducer: &str, dump: &str, stream: &str) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(["state", &corpus(dump), stream, "--reducer", &corpus(reducer), "--json"])
        .stdin(Stdio::null())
        .output()
        .expect("stepback runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{stream}: {said}");
    Json::parse(&output.stdout).expect("JSON")
}

#[test]
fn every_account_ends_with_the_balance_the_store_computed() {
    let balances = balances();
    assert_eq!(balances.len(), 14);
    // The generic dump holds the same accounts under other names for the parts of an event.
    let dumps = [
        "message-db/messages.jsonl",
        "message-db/message_store.csv",
        "message-db/messages_copy_only.sql",
        "generic/camel.jsonl",
    ];
    for dump in dumps {
        for (stream, balance) in &balances {
            let state = folded(dump, stream);
            assert_eq!(
                state.get("state").and_then(|state| state.get("balanceMinor")?.as_i64()),
                Some(*balance),
                "{dump} {stream}"
            );
            assert_eq!(state.get("approximate"), Some(&Json::Bool(false)));
        }
    }
}

/// Each field of the truth is what the fold of ours gives under the same name.
fn ends_as(store: &str, reducer: &str, stream: &str, truth: &Json, fields: &[&str]) {
    let said = folded_with(reducer, store, stream);
    let state = said.get("state").expect("a state");
    for field in fields {
        let (found, wanted) = (state.get(field), truth.get(field));
        assert!(wanted.is_some() && found == wanted, "{store} {stream} {field}: {found:?}, not {wanted:?}");
    }
}

#[test]
#[cfg(feature = "sqlite")]
fn every_stream_of_emmett_ends_as_its_library_folds_it() {
    let states = members(&truth("emmett-sqlite"), "final_state_by_library_aggregateStream");
    assert_eq!(states.len(), 14);
    for (stream, state) in states {
        ends_as("emmett-sqlite/emmett.sqlite", "account.js", &stream, &state, &["balanceMinor", "status"]);
    }
}

#[test]
#[cfg(feature = "sqlite")]
fn every_account_of_cqrs_es_ends_as_its_library_folds_it() {
    let states = members(&truth("cqrs-es-sqlite"), "final_state_by_library");
    let accounts: Vec<_> = states.into_iter().filter(|(stream, _)| stream.starts_with("account-")).collect();
    assert_eq!(accounts.len(), 14);
    for (stream, state) in accounts {
        ends_as("cqrs-es-sqlite/cqrs.sqlite", "cqrs-account.js", &stream, &state, &["balance_minor", "status"]);
    }
}
