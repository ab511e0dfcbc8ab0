//! Store: the object store that backups lie in.

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart};
use sha2::{Digest as _, Sha256};
use stdx::Disk;

use super::list::{BackupFile, BackupList, LIST_BYTES_MAX, hex};
use crate::tsdb_command::progress::Bar;
use crate::tsdb_command::restore::{Target, read_part};
use crate::web_client;

/// Files above this are sent in parts of this size; S3 takes 10,000 of them.
const PART_BYTES: usize = 16 << 20;
/// Parts under way at once.
const PARTS_AT_ONCE: usize = 4;
/// The first thing that is asked of a store, so the first that fails without credentials.
const UNLISTED: &str = "cannot list the store (see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
                        AWS_REGION and AWS_ENDPOINT_URL)";

/// See the head of this file.
pub(super) struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Store {
    /// The store of `s3://BUCKET/PREFIX`, with what the environment says of it.
    ///
    /// # Errors
    /// The URL is none, or the environment lacks something.
    pub(super) fn of_url(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("s3://").filter(|rest| !rest.is_empty());
        let rest = rest.with_context(|| format!("{url} is not s3://BUCKET/PREFIX"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        web_client::use_ring();
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
            // A machine without any certificates can talk to its neighbours.
            let key = AmazonS3ConfigKey::Client(ClientConfigKey::NoSystemCertificates);
            builder = builder.with_config(key, "true");
        }
        // The store compares what arrives with what was sent.
        let store = builder.with_checksum_algorithm(Checksum::SHA256).build();
        let store = store.with_context(|| format!("cannot use {url} (see the AWS_ variables)"))?;
        Ok(Self::new(Arc::new(store), prefix))
    }

    /// A store below a prefix.
    pub(super) fn new(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { objects, prefix: Path::from(prefix) }
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// The length of everything below the prefix, by key.
    ///
    /// # Errors
    /// The store cannot be reached, or says no.
    pub(super) async fn lengths(&self) -> anyhow::Result<HashMap<String, u64>> {
        let listed = self.objects.list(Some(&self.prefix));
        let of = |object: object_store::ObjectMeta| {
            let key = object.location.prefix_match(&self.prefix)?;
            let key: Vec<String> = key.map(|part| part.as_ref().to_owned()).collect();
            Some((key.join("/"), object.size))
        };
        let found: Vec<_> = listed.try_collect().await.context(UNLISTED)?;
        Ok(found.into_iter().filter_map(of).collect())
    }

    /// The names of the backups, the oldest first.
    ///
    /// # Errors
    /// The store cannot be reached, or says no.
    pub(super) async fn names(&self) -> anyhow::Result<Vec<String>> {
        let listed = self.objects.list(Some(&self.path("backups")));
        let found: Vec<_> = listed.try_collect().await.context(UNLISTED)?;
        let names = found.iter().filter_map(|object| object.location.filename());
        let names = names.filter_map(|name| name.strip_suffix(".json"));
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// What a backup consists of.
    ///
    /// # Errors
    /// It is not there, or is no list.
    pub(super) async fn list(&self, name: &str) -> anyhow::Result<BackupList> {
        let path = self.path(&format!("backups/{name}.json"));
        let read = async {
            let found = self.objects.get(&path).await?;
            if found.meta.size > LIST_BYTES_MAX {
                bail!("it has {} bytes", found.meta.size);
            }
            BackupList::decode(&found.bytes().await?)
        };
        read.await.with_context(|| format!("cannot read the list of backup {name}"))
    }

    /// Writes the list of a backup, which makes it one.
    ///
    /// # Errors
    /// The store does not take it.
    pub(super) async fn put_list(&self, list: &BackupList) -> anyhow::Result<()> {
        let path = self.path(&format!("backups/{}.json", list.name));
        let sent = self.objects.put(&path, PutPayload::from(list.encode())).await;
        sent.with_context(|| format!("cannot send the list of backup {}", list.name))?;
        Ok(())
    }

    /// Sends a file.
    ///
    /// # Errors
    /// It cannot be read, or the store does not take it.
    pub(super) async fn send(
        &self,
        disk: &dyn Disk,
        path: &FilePath,
        file: &BackupFile,
    ) -> anyhow::Result<()> {
        let target = self.path(&file.key);
        let sent = async {
            if file.n_bytes <= PART_BYTES as u64 {
                let content = if file.n_bytes == 0 { Vec::new() } else { disk.read(path)? };
                self.objects.put(&target, PutPayload::from(content)).await?;
                return Ok(());
            }
            self.send_parts(disk, path, file, &target).await
        };
        sent.await.with_context(|| format!("cannot send {}", path.display()))
    }

    async fn send_parts(
        &self,
        disk: &dyn Disk,
        path: &FilePath,
        file: &BackupFile,
        target: &Path,
    ) -> anyhow::Result<()> {
        let upload = self.objects.put_multipart(target).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut offset = 0;
        while offset < file.n_bytes {
            let part = match read_part(disk, path, offset, PART_BYTES) {
                Ok(part) => part,
                Err(error) => {
                    // Parts of what is not finished cost money for ever in some stores.
                    let _stays = upload.abort().await;
                    return Err(error);
                }
            };
            offset += part.len() as u64;
            upload.wait_for_capacity(PARTS_AT_ONCE).await?;
            upload.write(&part);
        }
        upload.finish().await?;
        Ok(())
    }

    /// Reads a file back and compares it.
    ///
    /// # Errors
    /// It is not what was sent.
    pub(super) async fn compare(&self, file: &BackupFile) -> anyhow::Result<()> {
        self.read(file, &mut |_| Ok(())).await
    }

    /// Fetches a file to its place.
    ///
    /// # Errors
    /// It is not what was sent, or cannot be written.
    pub(super) async fn fetch(
        &self,
        file: &BackupFile,
        target: &Target<'_>,
        bar: &Bar,
    ) -> anyhow::Result<()> {
        let place = FilePath::new(&file.place);
        let mut copy = target.create(place)?;
        self.read(file, &mut |part| {
            bar.advance(part.len() as u64);
            copy.append(part).with_context(|| target.shown(place))
        })
        .await?;
        copy.sync_data().with_context(|| target.shown(place))
    }

    /// Reads a file part by part, to the length and the hash that are listed.
    async fn read(
        &self,
        file: &BackupFile,
        each: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let found = self.objects.get(&self.path(&file.key)).await;
        let mut parts = found.with_context(|| format!("cannot fetch {}", file.key))?.into_stream();
        let (mut hash, mut n_bytes) = (Sha256::new(), 0);
        let failed = || format!("cannot fetch {}", file.key);
        while let Some(part) = parts.try_next().await.with_context(failed)? {
            n_bytes += part.len() as u64;
            if n_bytes > file.n_bytes {
                break;
            }
            hash.update(&part);
            each(&part)?;
        }
        if n_bytes != file.n_bytes || hex(hash) != file.sha256 {
            bail!("{} in the store is not what was sent", file.key);
        }
        Ok(())
    }
}
