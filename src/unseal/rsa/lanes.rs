//! Our own `rsa-batch`: eight blocks side by side where the processor can, AWS-LC elsewhere; the default.

use rsa_batch::{OpenError, Opener, PrivateKey as LaneKey};

use crate::unseal::{error::KeyFault, keyring::PrivateKey};

use super::{OpenFault, Plain, RsaEngine, RsaOpener};

/// The engine.
pub(super) struct Lanes;

struct Prepared(Opener, usize);

impl RsaEngine for Lanes {
    fn name(&self) -> &'static str {
        super::Implementation::Batch.as_str()
    }

    fn prepare(&self, key: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault> {
        let refused = |_| KeyFault::Refused("rsa-batch");
        let lanes = LaneKey::from_pkcs8_der(key.pkcs8_der()).map_err(refused)?;
        Ok(Box::new(Prepared(
            Opener::new(&lanes).map_err(refused)?,
            key.sealed_len(),
        )))
    }
}

impl RsaOpener for Prepared {
    fn sealed_len(&self) -> usize {
        self.1
    }

    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>> {
        let opened = self.0.open(sealed).into_iter().zip(sealed);
        opened
            .map(|(opened, block)| {
                // A result that failed its check is the machine's fault and not the record's: once more, alone.
                let opened = match opened {
                    Err(OpenError::Fault) => self.0.open(&[block]).pop().unwrap_or(Err(OpenError::Fault)),
                    settled => settled,
                };
                opened.map_err(|fault| match fault {
                    OpenError::Length { .. } => OpenFault::Length {
                        given: block.len(),
                        wanted: self.1,
                    },
                    _ => OpenFault::Rejected,
                })
            })
            .collect()
    }
}
