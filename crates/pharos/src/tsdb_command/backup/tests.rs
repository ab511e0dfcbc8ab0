//! Backups into a store in memory and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt as _, PutPayload};
use stdx::Env;
use tsdb::ArchiveFile;

use super::store::Store;
use super::{Sent, Source, backup, name_of};
use crate::web_client::runtime;

/// Files in a folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("pharos-backup-{name}-{}", std::process::id()));
        Env::system().disk.create_dir_all(&root.join("blk")).unwrap();
        Self(root)
    }

    fn put(&self, place: &str, content: &[u8], block: Option<u64>) -> ArchiveFile {
        let (disk, path) = (Env::system().disk, self.0.join(place));
        let _absent = disk.remove(&path);
        disk.create(&path).unwrap().append(content).unwrap();
        ArchiveFile { place: place.into(), n_bytes: content.len() as u64, block }
    }
}

impl Drop for Folder {
    #[expect(clippy::disallowed_methods, reason = "a test cleans up behind itself")]
    fn drop(&mut self) {
        let _stays = std::fs::remove_dir_all(&self.0);
    }
}

fn copied(
    objects: &Arc<InMemory>,
    folder: &Folder,
    files: &[ArchiveFile],
    name: &str,
) -> anyhow::Result<Sent> {
    let env = Env::system();
    let store = Store::new(Arc::clone(objects) as Arc<_>, "some/prefix");
    let source = Source { dir: &folder.0, disk: env.disk.as_ref(), files: files.to_vec() };
    runtime().unwrap().block_on(backup(&store, &source, name, true))
}

fn sent(n_sent: u64, n_known: u64, bytes_sent: u64) -> Sent {
    Sent { n_sent, n_known, bytes_sent }
}

#[test]
fn only_what_is_new_is_sent() {
    let (folder, objects) = (Folder::new("new"), Arc::new(InMemory::new()));
    let mut files = vec![
        folder.put("blk/a.blk", b"one block", Some(1)),
        folder.put("MANIFEST", b"first", None),
    ];
    assert_eq!(copied(&objects, &folder, &files, "1").unwrap(), sent(2, 0, 14));
    assert_eq!(copied(&objects, &folder, &files, "2").unwrap(), sent(0, 2, 0));
    files[1] = folder.put("MANIFEST", b"other", None);
    files.insert(1, folder.put("blk/b.blk", &vec![7; 40 << 20], Some(2)));
    assert_eq!(copied(&objects, &folder, &files, "3").unwrap(), sent(2, 1, (40 << 20) + 5));
}

#[test]
fn a_block_of_the_same_name_and_another_number_is_another_one() {
    let (folder, objects) = (Folder::new("same"), Arc::new(InMemory::new()));
    let first = vec![folder.put("blk/a.blk", b"one block", Some(1))];
    copied(&objects, &folder, &first, "1").unwrap();
    let second = vec![folder.put("blk/a.blk", b"new block", Some(2))];
    assert_eq!(copied(&objects, &folder, &second, "2").unwrap(), sent(1, 0, 9));
}

#[test]
fn what_the_store_has_lost_is_sent_again() {
    let (folder, objects) = (Folder::new("lost"), Arc::new(InMemory::new()));
    let files = vec![folder.put("blk/a.blk", b"one block", Some(1))];
    copied(&objects, &folder, &files, "1").unwrap();
    let key = Key::from("some/prefix/blk/0000000000000001-a.blk");
    runtime().unwrap().block_on(objects.delete(&key)).unwrap();
    assert_eq!(copied(&objects, &folder, &files, "2").unwrap(), sent(1, 0, 9));
}

#[test]
fn a_file_that_shrinks_makes_no_backup() {
    let (folder, objects) = (Folder::new("shrinks"), Arc::new(InMemory::new()));
    let mut files = vec![folder.put("blk/a.blk", b"one block", Some(1))];
    files[0].n_bytes += 1;
    let error = copied(&objects, &folder, &files, "1").unwrap_err();
    assert!(format!("{error:#}").contains("became shorter"), "{error:#}");
    let store = Store::new(objects, "some/prefix");
    assert!(runtime().unwrap().block_on(store.names()).unwrap().is_empty());
}

#[test]
fn a_file_that_differs_in_the_store_is_noticed() {
    let (folder, objects) = (Folder::new("differs"), Arc::new(InMemory::new()));
    let files = vec![folder.put("blk/a.blk", b"one block", Some(1))];
    copied(&objects, &folder, &files, "1").unwrap();
    let key = Key::from("some/prefix/blk/0000000000000001-a.blk");
    let store = Store::new(Arc::clone(&objects) as Arc<_>, "some/prefix");
    runtime().unwrap().block_on(async {
        let list = store.list("1").await.unwrap();
        store.compare(&list.files[0]).await.unwrap();
        objects.put(&key, PutPayload::from_static(b"one blocK")).await.unwrap();
        let error = store.compare(&list.files[0]).await.unwrap_err();
        assert!(error.to_string().contains("not what was sent"), "{error}");
    });
}

#[test]
fn a_list_that_is_none_is_refused() {
    let objects = Arc::new(InMemory::new());
    let store = Store::new(Arc::clone(&objects) as Arc<_>, "p");
    runtime().unwrap().block_on(async {
        for (text, expected) in [("{}", "no list"), (r#"{"version":2,"name":"x","files":[]}"#, "2")]
        {
            let put = PutPayload::from(text.as_bytes().to_vec());
            objects.put(&Key::from("p/backups/x.json"), put).await.unwrap();
            assert_eq!(store.names().await.unwrap(), ["x"]);
            let error = format!("{:#}", store.list("x").await.unwrap_err());
            assert!(error.contains("backup x") && error.contains(expected), "{error}");
        }
    });
}

#[test]
fn a_backup_is_called_by_its_time() {
    assert_eq!(name_of(1_769_860_800_123), "20260131T120000Z");
    assert!(Store::of_url("http://x/y").is_err());
    assert!(Store::of_url("s3://").is_err());
    assert!(!Path::new("s3:").exists());
}
