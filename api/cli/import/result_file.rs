//! The files that an import writes.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::command_line::at_command_line;
use super::job::LocalImport;
use crate::cli::error::CommandError;
use crate::services::imports::results::{self, ResultFile};
use crate::store::transaction::with_retries;

/// A file that gets its name when it is whole, and that only its owner may read.
pub(super) struct OutputFile {
    path: PathBuf,
    draft: UnfinishedFile,
    file: File,
}

/// The path of a file that is being written: what is still there when it is dropped is removed.
struct UnfinishedFile(PathBuf);

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %self.0.display(), "a draft is left behind");
            }
            _ => {}
        }
    }
}

impl OutputFile {
    /// Creates the draft: a path that cannot be written is refused before any account is created.
    pub(super) fn create(path: &Path) -> Result<Self, CommandError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let draft = PathBuf::from(name);
        let file =
            private_file(&draft).map_err(|error| CommandError::file(path.display(), error))?;
        Ok(Self {
            path: path.to_owned(),
            draft: UnfinishedFile(draft),
            file,
        })
    }

    pub(super) fn write(
        mut self,
        job: &LocalImport<'_>,
        file: ResultFile,
    ) -> Result<(), CommandError> {
        let mut download = with_retries(|| {
            job.permitted(|tx, permit| results::open(tx, &permit, job.import, file))
        })?;
        let mut next_chunk =
            || with_retries(|| at_command_line(job.state, |tx| download.next_chunk(tx)));
        while let Some(chunk) = next_chunk()? {
            self.file
                .write_all(&chunk)
                .map_err(|error| self.failed(error))?;
        }
        let ended = self
            .file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.draft.0, &self.path));
        ended.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: std::io::Error) -> CommandError {
        CommandError::file(self.path.display(), error)
    }
}

/// Creates a new file for passwords: an existing one may be readable for others.
fn private_file(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
