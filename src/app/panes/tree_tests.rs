use super::*;
use crate::domain::patch::Change;
use crate::domain::{Json, Patch};

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).expect("JSON")
}

fn tree(text: &str) -> Tree {
    let mut tree = Tree::default();
    tree.show(Some(json(text)), Overlay::default());
    tree
}

/// The rows as one reads them: indentation, fold, label, and a mark.
fn shown(tree: &Tree) -> Vec<String> {
    tree.rows()
        .iter()
        .map(|row| {
            let label = match &row.label {
                Label::Root => "root".into(),
                Label::Key(key) => key.to_string(),
                Label::Index(index) => format!("[{index}]"),
                Label::Range(from, to) => format!("[{from}..{to}]"),
                Label::Cut => "cut".into(),
            };
            let fold = match row.open {
                Some(true) => "v ",
                Some(false) => "> ",
                None => "",
            };
            let mark = match &row.mark {
                Mark::Same => "",
                Mark::Inside(_) => " *",
                Mark::Added => " +",
                Mark::Changed(_) => " ~",
                Mark::Removed => " -",
            };
            format!("{}{fold}{label}{mark}", "  ".repeat(row.depth.into()))
        })
        .collect()
}

#[test]
fn small_things_are_open_and_folds_survive_another_value() {
    let mut tree = tree(r#"{"a":1,"b":{"c":[10,20]},"d":2}"#);
    assert_eq!(shown(&tree), ["a", "v b", "  v c", "    [0]", "    [1]", "d"]);
    tree.select(2);
    assert_eq!(tree.selected_path().to_string(), "/b/c");
    tree.fold(Folding::Toggle, 10);
    tree.show(Some(json(r#"{"z":0,"b":{"c":[10,20,30]}}"#)), Overlay::default());
    assert_eq!(shown(&tree), ["z", "v b", "  > c"]);
    assert_eq!(tree.selected_path().to_string(), "/b/c", "the selection stays at its place");
    tree.fold(Folding::ExpandAll, 10);
    assert_eq!(tree.rows().len(), 6);
    tree.fold(Folding::CollapseAll, 10);
    assert_eq!(shown(&tree), ["z", "> b"]);
}

#[test]
fn changes_are_marked_and_unfolded_and_what_is_gone_stays_visible() {
    let patch = Patch(vec![
        Change { path: Path(vec![Step::Key("n".into())]), before: Some(json("1")), after: Some(json("2")) },
        Change { path: Path(vec![Step::Key("list".into()), Step::Index(0)]), before: Some(json("9")), after: None },
        Change { path: Path(vec![Step::Key("list".into()), Step::Index(1)]), before: None, after: Some(json("[7]")) },
        Change { path: Path(vec![Step::Key("old".into())]), before: Some(json("{\"x\":1}")), after: None },
    ]);
    let mut tree = Tree::default();
    tree.show(Some(json(r#"{"n":2,"list":[8,[7]]}"#)), Overlay::of(&patch).0);
    assert_eq!(
        shown(&tree),
        ["n ~", "v list *", "  [0] -", "  [0]", "  v [1] +", "    [0] +", "old -"],
        "the ghost stands where it was"
    );
    tree.fold(Folding::NextChange, 10);
    assert_eq!(tree.selected(), 2);
}

#[test]
fn an_ended_entity_shows_what_it_was() {
    let gone = Patch(vec![Change { path: Path::root(), before: Some(json(r#"{"a":{"b":1}}"#)), after: None }]);
    let mut tree = Tree::default();
    tree.show(None, Overlay::of(&gone).0);
    assert_eq!(shown(&tree), ["v a -", "  b -"]);
}

#[test]
fn a_huge_array_is_a_list_of_ranges() {
    let mut tree = tree(&format!("{{\"big\":[{}]}}", vec!["0"; 2_500].join(",")));
    tree.fold(Folding::Toggle, 10);
    assert_eq!(shown(&tree), ["v big", "  > [0..1000]", "  > [1000..2000]", "  > [2000..2500]"]);
    tree.select(3);
    tree.fold(Folding::Expand, 10);
    assert_eq!(tree.rows().len(), 504);
    tree.select(4);
    assert_eq!(tree.selected_path().to_string(), "/big/2000");
    let all = format!("[{}]", vec!["[1,2,3]"; 60_000].join(","));
    tree.show(Some(json(&all)), Overlay::default());
    tree.fold(Folding::ExpandAll, 10);
    assert_eq!(tree.rows().len(), ROWS);
    assert_eq!(tree.rows().last().map(|row| row.label.clone()), Some(Label::Cut), "and the cut says so");
}

#[test]
fn duplicate_keys_and_scalars_are_rows() {
    assert!(tree(r#"{"a":1,"a":2}"#).rows().iter().all(|row| row.duplicate));
    assert_eq!(shown(&tree("42")), ["root"]);
    assert_eq!(shown(&tree("{}")), ["root"]);
}

#[test]
fn a_wide_object_marks_the_ranges_its_changes_stand_in() {
    // Written the other way round than sorted, and one key twice.
    let text = |changed: u32| {
        let fields: Vec<String> = (0..2500).rev().map(|n| format!(r#""k{n:04}":{}"#, n * changed)).collect();
        format!(r#"{{"k0100":0,{}}}"#, fields.join(","))
    };
    let mut tree = Tree::default();
    let (one, other) = (json(&text(1)), json(&text(1).replace(r#""k0100":100"#, r#""k0100":7"#)));
    let (overlay, tally) = Overlay::of(&Patch::between(&Some(one), &Some(other.clone())));
    assert_eq!(tally.total(), 1);
    tree.show(Some(other), overlay);
    let whole = ["> [0..1000] *", "> [1000..2000]", "> [2000..2501] *"];
    assert_eq!(shown(&tree), whole, "both of the key that stands twice are rows of it");
    let (before, after) = (json(&text(1)), json(&text(2)));
    let (overlay, _) = Overlay::of(&Patch::between(&Some(before), &Some(after.clone())));
    tree.show(Some(after), overlay);
    let marks: Vec<usize> = tree
        .rows()
        .iter()
        .map(|row| match row.mark {
            Mark::Inside(marks) => marks,
            Mark::Same | Mark::Added | Mark::Changed(_) | Mark::Removed => 0,
        })
        .collect();
    // All but k0000 differ; the first of the ranges holds k0100 once more.
    assert_eq!(marks, [1000, 1000, 500]);
}
