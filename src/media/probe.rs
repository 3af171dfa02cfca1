//! Can the bucket be had? Asks it for an object that nobody kept, which changes nothing and costs one request.
//!
//! With GET and not HEAD: a missing bucket and a missing object are both 404, and only the answer's body says which.

use object_store::ObjectStoreExt;

use super::vault::{Bucket, VaultError, store};

/// No object has it: names of contents are hex.
const NOBODY: &str = "shiguan-doctor-asks";

impl Bucket {
    /// Well when the service answers, takes the credentials and has the bucket. Whether it would also take a file in, only
    /// taking one in can tell. Waits as long as the service lets it: the caller has the patience.
    pub async fn probe(&self) -> Result<(), VaultError> {
        let name = self.prefix()?.join(NOBODY);
        match self.connect()?.get(&name).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::NotFound { source, .. }) => {
                if source.to_string().contains("NoSuchBucket") {
                    return Err(VaultError::NoBucket {
                        name: self.name.clone(),
                    });
                }
                Ok(())
            }
            Err(error) => Err(store("answer a question")(error)),
        }
    }
}
