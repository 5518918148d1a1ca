//! Streams files: writes them while their rows are read.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use thiserror::Error;

use crate::clock::Stamp;
use crate::db::DbError;

/// Why a file is incomplete.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The database could not be read to the end.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file is larger than its format allows.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Rows, some at a time.
pub type RowStream<T> = BoxStream<'static, Result<Vec<T>, DbError>>;

/// Called with the number of rows that are about to be sent.
pub type Seen = Box<dyn Fn(usize) + Send>;

/// Turns rows into bytes.
pub(super) trait Sink<T> {
    /// Writes the next rows; returns the bytes that can be sent.
    fn write(&mut self, rows: Vec<T>) -> io::Result<Vec<u8>>;

    /// Writes the end; returns the last bytes.
    fn finish(self) -> io::Result<Vec<u8>>;
}

pub(super) fn streamed<T: Send + 'static>(
    rows: RowStream<T>,
    sink: impl Sink<T> + Send + 'static,
    seen: Seen,
) -> BoxStream<'static, Result<Bytes, ExportError>> {
    stream::try_unfold(Some((rows, sink, seen)), |state| async {
        let Some((mut rows, mut sink, seen)) = state else { return Ok(None) };
        while let Some(chunk) = rows.try_next().await? {
            seen(chunk.len());
            let bytes = sink.write(chunk)?;
            if !bytes.is_empty() {
                return Ok(Some((bytes.into(), Some((rows, sink, seen)))));
            }
        }
        Ok(Some((sink.finish()?.into(), None)))
    })
    .boxed()
}

/// The day of a time: its first ten characters.
pub(super) fn day_of(time: &Stamp) -> &str {
    time.as_str().get(..10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes numbers.
    struct Numbers;

    impl Sink<u8> for Numbers {
        fn write(&mut self, rows: Vec<u8>) -> io::Result<Vec<u8>> {
            Ok(rows)
        }

        fn finish(self) -> io::Result<Vec<u8>> {
            Ok(vec![0])
        }
    }

    #[tokio::test]
    async fn a_file_whose_rows_cannot_be_read_ends_with_an_error() {
        let rows = stream::iter([Ok(vec![1, 2]), Err(DbError::Busy), Ok(vec![3])]).boxed();
        let pieces: Vec<_> = streamed(rows, Numbers, Box::new(|_| ())).collect().await;
        let [Ok(first), Err(ExportError::Db(DbError::Busy))] = pieces.as_slice() else {
            panic!("{pieces:?}")
        };
        assert_eq!(**first, [1, 2]);
        let rows = stream::iter([Ok(vec![1]), Ok(vec![2])]).boxed();
        let pieces: Vec<_> = streamed(rows, Numbers, Box::new(|_| ())).map(Result::unwrap).collect().await;
        assert_eq!(pieces.concat(), [1, 2, 0]);
    }
}
