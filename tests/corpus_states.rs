//! The account balances of stores that other libraries wrote, reproduced by a JavaScript reducer of ours and held against
//! the balances that SQL computed in the store itself.

use std::path::Path;
use std::process::{Command, Stdio};

use stepback::domain::Json;

fn corpus(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name).display().to_string()
}

/// The balance a store computed for each account stream.
fn balances() -> Vec<(String, i64)> {
    let truth = Json::parse(&std::fs::read(corpus("message-db/truth.json")).expect("truth.json")).expect("JSON");
    let Some(Json::Object(balances)) = truth.get("final_balance_minor_by_sql_fold") else { panic!("no balances") };
    balances.sorted().map(|entry| (entry.key.to_string(), entry.value.as_i64().expect("a whole number"))).collect()
}

fn folded(dump: &str, stream: &str) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(["state", &corpus(dump), stream, "--reducer", &corpus("account.js"), "--json"])
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
    for dump in ["message-db/messages.jsonl", "generic/camel.jsonl"] {
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
