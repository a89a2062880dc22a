//! Writers that meet.

use super::*;
use futures::future::join_all;

/// A table where `a` is at 10.
async fn place() -> (Place, Table) {
    let place = Place::new();
    let mut table = place.table().await;
    check(&mut table, first("a", 10), "version 0").await;
    (place, table)
}

#[tokio::test]
async fn the_first_commit_creates_the_table() {
    let (place, table) = place().await;
    let reopened = place.table().await;
    assert_eq!((reopened.exists(), reopened.position("a")), (true, Some(10)));
    assert_eq!(reopened.schema(), table.schema());
}

#[tokio::test]
async fn opening_creates_nothing() {
    let place = Place::new();
    let mut table = place.table().await;
    table.refresh().await.expect("nothing to read");
    assert!(!table.exists() && table.schema().is_none() && !place.path("").exists());
}

#[tokio::test]
async fn a_writer_that_is_behind_is_put_after_the_others() {
    let (place, mut one) = place().await;
    let mut other = place.table().await;
    check(&mut other, step("b", None, 5), "version 1").await;
    check(&mut one, step("a", Some(10), 20), "version 2").await;
    assert_eq!(one.position("b"), Some(5));
}

#[tokio::test]
async fn a_zombie_that_is_behind_is_fenced() {
    let (place, mut zombie) = place().await;
    let mut owner = place.table().await;
    check(&mut owner, step("a", Some(10), 20), "version 1").await;
    check(&mut zombie, step("a", Some(10), 20), "fenced a").await;
}

#[tokio::test]
async fn a_zombie_that_opened_the_table_again_is_fenced() {
    let (place, mut owner) = place().await;
    check(&mut owner, step("a", Some(10), 20), "version 1").await;
    let mut zombie = place.table().await;
    check(&mut zombie, step("a", Some(10), 20), "fenced a").await;
    check(&mut zombie, step("a", Some(10), 15), "fenced a").await;
    check(&mut zombie, step("a", None, 20), "fenced a").await;
}

#[tokio::test]
async fn one_fenced_position_holds_back_the_whole_commit() {
    let (place, mut owner) = place().await;
    let mut commit = step("a", Some(9), 20);
    commit.moves.push(Move { app_id: "b".into(), from: None, to: 1 });
    check(&mut owner, commit, "fenced a").await;
    assert_eq!(place.table().await.position("b"), None);
}

#[tokio::test]
async fn a_position_never_moves_back() {
    let (_place, mut table) = place().await;
    check(&mut table, step("a", Some(10), 9), "move a back to 9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zombies_that_race_store_each_step_once() {
    let (place, _) = place().await;
    let zombies = (0..4).map(async |_| {
        let mut won = Vec::new();
        for _ in 0..15 {
            let mut table = place.table().await;
            let at = table.position("a").expect("it is there");
            let commit = step("a", Some(at), at + 1);
            let path = commit.adds[0].path.clone();
            if try_commit(&mut table, commit).await.starts_with("version") {
                won.push(path);
            }
        }
        won
    });
    let won: Vec<String> = join_all(zombies).await.concat();
    let table = place.table().await;
    assert_eq!(table.position("a"), Some(10 + won.len() as i64));
    let added = place.added();
    assert!(won.iter().all(|path| added[path] == 1), "{added:?}");
    assert_eq!(added.len(), won.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_all_get_their_commits() {
    let (place, _) = place().await;
    let writers = (0..8).map(|number| {
        let store = place.store.clone();
        tokio::spawn(async move {
            let app_id = format!("w{number}");
            let mut table = Table::open(store, Arc::new(SystemClock)).await.expect("a table");
            for at in 0..15 {
                check(&mut table, step(&app_id, (at > 0).then_some(at), at + 1), "version").await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|done| done.expect("all are committed"));
    let table = place.table().await;
    assert_eq!(table.state.version, Some(8 * 15));
    assert!((0..8).all(|number| table.position(&format!("w{number}")) == Some(15)));
    assert!(place.added().values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_creators_the_second_plans_again() {
    let place = Place::new();
    let (mut one, mut two) = (place.table().await, place.table().await);
    let (first_outcome, second_outcome) =
        tokio::join!(try_commit(&mut one, first("a", 1)), try_commit(&mut two, first("b", 1)));
    let mut outcomes = [first_outcome, second_outcome];
    outcomes.sort();
    assert_eq!(outcomes, ["schema changed", "version 0"]);
    let app_id = if one.position("a").is_some() { "b" } else { "a" };
    check(&mut one, step(app_id, None, 2), "version 1").await;
}

#[tokio::test]
async fn a_changed_schema_is_planned_again_and_old_files_still_fit() {
    let (place, mut one) = place().await;
    let mut other = place.table().await;
    let wider = Commit { schema: Some(schema(&[("n", DataType::Int64)])), ..step("b", None, 1) };
    check(&mut other, wider, "version 1").await;
    check(&mut one, step("a", Some(10), 20), "schema changed").await;
    assert!(one.schema().expect("a schema").field_with_name("n").is_ok());
    check(&mut one, step("a", Some(10), 20), "version 2").await;
}

#[tokio::test]
async fn a_schema_only_grows() {
    let (_place, mut table) = place().await;
    let changed = |kind| Commit { schema: Some(schema(&[("n", kind)])), ..step("b", None, 1) };
    check(&mut table, changed(DataType::Int64), "version 1").await;
    let other = Commit { moves: Vec::new(), ..changed(DataType::Utf8) };
    check(&mut table, other, "column n would change").await;
}

#[tokio::test]
async fn compactions_and_erasures_do_not_disturb() {
    let (place, mut table) = place().await;
    for action in ["OPTIMIZE", "DELETE"] {
        let entry = format!(
            "{{\"commitInfo\":{{\"operation\":\"{action}\"}}}}\n{{\"remove\":{{\"path\":\"x\",\"dataChange\":true}}}}\n\
             {{\"add\":{{\"path\":\"y\",\"partitionValues\":{{}},\"size\":1,\"modificationTime\":0,\"dataChange\":false}}}}\n"
        );
        place.foreign(&entry).await;
    }
    check(&mut table, step("a", Some(10), 20), "version 3").await;
}
