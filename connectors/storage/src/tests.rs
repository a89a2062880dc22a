use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().expect("a folder");
    let store = Store::open(root.path().join("new/lake dir").to_str().expect("text")).expect("a store");
    (root, store)
}

async fn paths(store: &Store, folder: &str, after: &str) -> Vec<String> {
    store.list(folder, after).await.expect("a listing").into_iter().map(|listed| listed.path).collect()
}

#[tokio::test]
async fn opening_creates_nothing_and_reading_finds_nothing() {
    let (root, store) = store();
    assert_eq!(store.get("a/b").await.expect("read"), None);
    assert_eq!(paths(&store, "a", "").await, Vec::<String>::new());
    store.settle("a").await.expect("nothing to settle");
    store.delete("a/b").await.expect("nothing to delete");
    assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn the_first_to_create_a_name_has_it() {
    let (_root, store) = store();
    assert_eq!(store.create("a/b", "one".into()).await.expect("written"), Created::New);
    assert_eq!(store.create("a/b", "two".into()).await.expect("answered"), Created::Existed);
    assert_eq!(store.get("a/b").await.expect("read").as_deref(), Some(&b"one"[..]));
    assert!(store.put_new("a/b", "three".into()).await.is_err());
    store.replace("a/b", "four".into()).await.expect("written");
    assert_eq!(store.get_range("a/b", 1..3).await.expect("read").as_ref(), b"ou");
}

#[tokio::test]
async fn one_of_many_creators_wins() {
    let (_root, store) = store();
    let creators = (0..16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.create("x/y/z", format!("{number}").into()).await.expect("answered") })
    });
    let answers = futures::future::join_all(creators).await;
    assert_eq!(answers.into_iter().filter(|answer| *answer.as_ref().expect("ran") == Created::New).count(), 1);
}

#[tokio::test]
async fn lists_in_order_and_without_what_is_under_construction() {
    let (root, store) = store();
    for name in ["log/2.json", "log/1.json", "log/3.json", "other"] {
        store.put_new(name, "x".into()).await.expect("written");
    }
    std::fs::write(root.path().join("new/lake dir/log/4.json#17"), "half").expect("written");
    assert_eq!(paths(&store, "log", "").await, ["log/1.json", "log/2.json", "log/3.json"]);
    assert_eq!(paths(&store, "log", "log/1.json").await, ["log/2.json", "log/3.json"]);
    assert_eq!(paths(&store.at("log"), "", "2.json").await, ["3.json"]);
    store.settle("log").await.expect("settled");
}

#[tokio::test]
async fn nothing_under_construction_is_left_behind() {
    let (root, store) = store();
    for _ in 0..2 {
        let _ = store.create("a", "x".into()).await.expect("answered");
        store.replace("a", "y".into()).await.expect("written");
    }
    let names = std::fs::read_dir(root.path().join("new/lake dir")).expect("a folder");
    assert_eq!(names.count(), 1);
}

#[tokio::test]
async fn a_folder_below_is_the_same_from_both_sides() {
    let (_root, store) = store();
    store.at("a/b").put_new("c d", "x".into()).await.expect("written");
    assert!(store.get("a/b/c d").await.expect("read").is_some());
    assert_eq!(store.at("a").at("b").url(), store.at("a/b").url());
    assert!(store.url().ends_with("/new/lake%20dir"), "{}", store.url());
}

#[tokio::test]
async fn an_upload_in_parts_ends_up_whole() {
    let (_root, store) = store();
    let mut upload = store.objects().put_multipart(&store.path("parts")).await.expect("an upload");
    for part in ["one ", "two"] {
        upload.put_part(part.into()).await.expect("written");
    }
    upload.complete().await.expect("complete");
    assert_eq!(store.get("parts").await.expect("read").as_deref(), Some(&b"one two"[..]));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let file = root.path().join("file");
    std::fs::write(&file, "x").expect("written");
    let store = Store::open(file.to_str().expect("text")).expect("a store");
    let error = store.put_new("a", "x".into()).await.expect_err("a file is no folder");
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
}

#[tokio::test]
async fn folders_may_be_called_anything() {
    let root = tempfile::tempdir().expect("a folder");
    for name in ["größe", "a b", "50%", "a%20b", "#1", "what?", "a+b&c=d", "~x", "[x]{y}|z", "日本"] {
        let folder = root.path().join(name).join(name);
        let store = Store::open(root.path().join(name).to_str().expect("text")).expect("a store").at(name);
        store.put_new("log/x.json", "x".into()).await.expect("written");
        assert!(folder.join("log/x.json").is_file(), "{name}");
        assert_eq!(paths(&store, "log", "").await, ["log/x.json"]);
        assert_eq!(store.at("log").local_folder(), Some(folder.join("log")));
        assert_eq!(store.url(), Store::open(folder.to_str().expect("text")).expect("a store").url());
    }
}
