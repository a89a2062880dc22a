use super::*;

fn at(position: i64) -> Positions {
    let partition = Partition { source: "h".into(), stream: "a b".into(), incarnation: "1".into(), number: 0 };
    [(Arc::new(partition), position)].into_iter().collect()
}

#[test]
fn reads_back_what_was_committed_and_never_moves_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = PositionsFile::open(folder.path(), "a/b").expect("opens");
    assert!(file.committed().is_empty());
    file.commit(&at(7)).expect("commits");
    file.commit(&at(5)).expect("commits");
    drop(file);
    assert_eq!(PositionsFile::open(folder.path(), "a/b").expect("opens").committed(), &at(7));
}

#[test]
fn what_is_forgotten_begins_anew_but_not_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = PositionsFile::open(folder.path(), "p").expect("opens");
    assert!(!are_kept(folder.path(), "p"));
    file.commit(&at(7)).expect("commits");
    forget(folder.path(), "p").expect_err("it runs");
    drop(file);
    forget(folder.path(), "p").expect("it was stopped");
    assert!(!are_kept(folder.path(), "p"));
    forget(folder.path(), "p").expect("there is nothing left to forget");
}

fn assigned(number: i32) -> Assignment {
    Assignment { partition: file(number), at: 0, committed: false, name: Some(format!("log.{number}").into()) }
}

fn file(number: i32) -> Arc<Partition> {
    let (source, stream, incarnation) = ("h".into(), "logs".into(), number.to_string().into());
    Arc::new(Partition { source, stream, incarnation, number: 0 })
}

#[test]
fn forgets_what_went_long_ago_and_nothing_that_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut positions = PositionsFile::open(folder.path(), "p").expect("opens");
    let rotations = GONE_MAX as i32 + 2;
    positions.take(&[assigned(-1)]);
    positions.commit(&[(file(-1), 7)].into_iter().collect()).expect("commits");
    // Numbers descend, so that the order in which they went is not that of their names.
    for number in (0..rotations).rev() {
        positions.take(&[assigned(number)]);
        positions.give_up(&[file(number)]);
        positions.committed.set(file(number), 1);
    }
    positions.commit(&[(file(-1), 8)].into_iter().collect()).expect("commits");
    drop(positions);
    let mut positions = PositionsFile::open(folder.path(), "p").expect("opens");
    let kept = |positions: &PositionsFile, number: i32| positions.committed().get(&file(number)).is_some();
    let first_to_go = [rotations - 1, rotations - 2, rotations - 3];
    assert_eq!(first_to_go.map(|number| kept(&positions, number)), [false, false, true]);
    positions.take(&[assigned(-1), assigned(rotations - 3)]);
    positions.give_up(&[file(rotations)]);
    positions.commit(&[(file(-1), 9)].into_iter().collect()).expect("commits");
    let there = [-1, 0, rotations - 3, rotations - 4];
    assert_eq!(there.map(|number| kept(&positions, number)), [true; 4]);
    assert_eq!(positions.gone.len(), GONE_MAX);
}

#[test]
fn what_is_kept_is_known_by_name_while_it_runs_and_forgotten_one_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = || {
        let kept = kept(folder.path(), "p").expect("is read");
        kept.into_iter().map(|kept| (kept.name.expect("a name").to_string(), kept.position)).collect::<Vec<_>>()
    };
    let mut positions = PositionsFile::open(folder.path(), "p").expect("opens");
    positions.take(&[assigned(1), assigned(2)]);
    positions.commit(&[(file(1), 7), (file(2), 9)].into_iter().collect()).expect("commits");
    assert_eq!(names(), [("log.1".to_owned(), 7), ("log.2".to_owned(), 9)]);
    drop(positions);
    let mut positions = PositionsFile::open(folder.path(), "p").expect("opens");
    positions.take(&[assigned(1), assigned(2)]);
    positions.reset(&[(file(2), 3)].into_iter().collect(), &[file(1)]).expect("is reset");
    assert_eq!(names(), [("log.2".to_owned(), 3)]);
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = PositionsFile::open(folder.path(), "p").expect("opens");
    let error = PositionsFile::open(folder.path(), "p").expect_err("it is locked");
    assert!(error.to_string().contains("--data-dir"), "{error}");
}

#[test]
fn a_damaged_file_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    PositionsFile::open(folder.path(), "p").expect("opens").commit(&at(7)).expect("commits");
    fs::write(folder.path().join("positions/p.json"), "[{").expect("writes");
    let error = PositionsFile::open(folder.path(), "p").expect_err("it is damaged");
    assert!(error.to_string().contains("delete it"), "{error}");
}
