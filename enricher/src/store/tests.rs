use std::fs;
use std::os::unix::fs::FileExt as _;

use super::*;

fn with_objects(folder: &Path, count: u64) -> Store {
    let store = Store::create(folder).unwrap();
    let mut writer = store.write().unwrap();
    for i in 0..count {
        let number = writer.add_object(&[7; 300]).unwrap();
        writer.add_key(store.hash(&i.to_le_bytes()), number).unwrap();
    }
    writer.refresh_filter().unwrap();
    writer.commit().unwrap();
    store
}

#[test]
fn what_was_committed_is_there_and_what_was_not_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_objects(folder.path(), 10);
    let mut writer = store.write().unwrap();
    writer.add_object(b"lost").unwrap();
    drop(writer);
    let reader = store.read().unwrap();
    assert_eq!(reader.objects(0).unwrap().count(), 10);
    drop(reader);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let reader = store.read().unwrap();
    let keys = reader.keys().unwrap();
    assert_eq!(
        reader.of_key(&keys, store.hash(&3u64.to_le_bytes())).unwrap().iter().collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(reader.of_key(&keys, store.hash(b"other")).unwrap().iter().count(), 0);
}

#[test]
fn a_reader_sees_the_store_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_objects(folder.path(), 1);
    let before = store.read().unwrap();
    let mut writer = store.write().unwrap();
    writer.add_object(b"new").unwrap();
    writer.commit().unwrap();
    assert_eq!(before.object(1).unwrap(), None);
    assert_eq!(store.read().unwrap().object(1).unwrap(), Some(&b"new"[..]));
}

fn said(result: Result<Store, StoreError>, folder: &Path) -> String {
    let error = result.unwrap_err();
    let said = crate::pipeline::with_causes(&error).replace(&folder.display().to_string(), "STORE");
    // How full the pages are differs with the seed.
    let least = said.split("at least ").nth(1).and_then(|rest| rest.split(')').next());
    least.map_or_else(|| said.clone(), |least| said.replace(least, "N"))
}

#[test]
fn what_is_wrong_with_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut lines = vec![said(Store::open(path), path)];

    drop(with_objects(path, 20_000));
    let file = fs::File::options().write(true).open(path.join("data.mdb")).unwrap();
    file.set_len(64 * 1024).unwrap();
    lines.push(said(Store::open(path), path));
    lines.push(said(Store::create(path), path));

    file.set_len(0).unwrap();
    file.write_all_at(&[0x5a; 9_000], 0).unwrap();
    lines.push(said(Store::open(path), path));

    Store::remove(path).unwrap();
    let store = with_objects(path, 1);
    let mut txn = store.env.write_txn().unwrap();
    store.tables.set_meta(&mut txn, LAYOUT_NAME, &7u64.to_le_bytes()).unwrap();
    txn.commit().unwrap();
    drop(store);
    lines.push(said(Store::open(path), path));
    insta::assert_snapshot!(lines.join("\n"), @"
    there is no store in STORE: `mirror sync` or `mirror import` makes one
    the store in STORE is damaged (its file has 65536 bytes of at least N): `mirror sync --rebuild` makes a new one
    the store in STORE is damaged (its file has 65536 bytes of at least N): `mirror sync --rebuild` makes a new one
    the store in STORE is damaged (MDB_INVALID: File is not an LMDB file): `mirror sync --rebuild` makes a new one
    the store in STORE has layout 7, and this program reads layout 1: `mirror sync` makes a new one
    ");

    // The way back from another layout is to write.
    assert_eq!(Store::create(path).unwrap().read().unwrap().objects(0).unwrap().count(), 0);
}

#[test]
fn a_store_that_was_removed_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_objects(folder.path(), 1);
    assert!(store.is_current());
    Store::remove(folder.path()).unwrap();
    assert!(!store.is_current());
    assert_eq!(store.read().unwrap().objects(0).unwrap().count(), 1);
}
